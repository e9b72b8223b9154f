"""Offer and answer: from what a client offers to what the media core is told, and back.

Pure functions: the same offer, history and numbers give the same answer. docs/negotiation.md says
in prose what is answered and why. The client always offers and the server always answers, so there is
no glare; one BUNDLE, one transport, ICE-lite, DTLS role passive.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from sfu.types import (
    DtlsFingerprint,
    HeaderExtension,
    IceCandidate,
    IceParameters,
    Kind,
    SendParameters,
    SlotParameters,
)
from signaling.answer import write_answer
from signaling.capabilities import FINGERPRINT_BYTES, PROTOCOLS
from signaling.lines import Line, SlotIdentity, read_line
from signaling.sdp import (
    DEFAULT_LIMITS,
    MediaSection,
    Origin,
    SdpError,
    SdpLimits,
    SessionDescription,
    Setup,
    parse,
    write,
    write_candidate,
)


class NegotiationCode(StrEnum):
    """Why an offer was refused; stable words for logs, counters and tests."""

    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    NO_MEDIA = "no_media"
    NOT_BUNDLED = "not_bundled"
    NO_RTCP_MUX = "no_rtcp_mux"
    PLAIN_RTP = "plain_rtp"
    NO_ICE = "no_ice"
    ICE_LITE = "ice_lite"
    NO_FINGERPRINT = "no_fingerprint"
    FINGERPRINT_CHANGED = "fingerprint_changed"
    WRONG_SETUP = "wrong_setup"
    DUPLICATE_MID = "duplicate_mid"
    DUPLICATE_SSRC = "duplicate_ssrc"
    EXTENSION_CONFLICT = "extension_conflict"
    SECTIONS_CHANGED = "sections_changed"


class NegotiationError(Exception):
    """The offer cannot be answered. `message` says what the client has to change; it quotes nothing."""

    def __init__(self, code: NegotiationCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class ServerParameters:
    """Our side of one transport."""

    ice: IceParameters
    candidates: tuple[IceCandidate, ...]
    fingerprints: tuple[DtlsFingerprint, ...]


@dataclass(frozen=True, slots=True)
class SendSection:
    """An m-section on which the client sends a track.

    `active` is False while the client holds it (direction inactive): the producer pauses and may
    come back. A section that is gone from the list was stopped: its producer closes.
    """

    mid: str | None
    kind: Kind
    parameters: SendParameters
    active: bool = True


@dataclass(frozen=True, slots=True)
class Slot:
    """An m-section on which the client receives. Slots of one `pair` share a msid stream and CNAME."""

    mid: str | None
    kind: Kind
    parameters: SlotParameters
    pair: int


@dataclass(frozen=True, slots=True)
class Negotiated:
    """The outcome of one offer; the next negotiation on the transport takes it as `previous`.

    `ice` and `fingerprints` are the client's. `extensions` are what the transport uses, over all
    sections. `rejected` are mids of offered audio and video that have no codec in common with us.
    """

    ice: IceParameters
    ice_restart: bool
    fingerprints: tuple[DtlsFingerprint, ...]
    extensions: tuple[HeaderExtension, ...]
    mixed: bool
    sends: tuple[SendSection, ...]
    slots: tuple[Slot, ...]
    rejected: tuple[str | None, ...]
    answer: str = field(repr=False)
    description: SessionDescription = field(repr=False, compare=False)  # `answer`, typed
    identities: Mapping[str, SlotIdentity] = field(repr=False)  # by mid; kept while the mid lives


def negotiate(
    offer_sdp: str,
    previous: Negotiated | None,
    server: ServerParameters,
    *,
    ssrcs: Callable[[], int],
    cname: str = "slot",
    limits: SdpLimits = DEFAULT_LIMITS,
) -> Negotiated:
    """Answer an offer. Raises NegotiationError; then nothing has changed and `previous` still holds.

    `ssrcs` draws random 32-bit numbers. When the result says `ice_restart`, take new credentials from
    the transport and put them in with `with_ice` before answering.
    """
    offer = _read(offer_sdp, limits)
    _check_continuity(offer, previous)
    lines = tuple(read_line(section, offer) for section in offer.sections)
    accepted = tuple(line for line in lines if line.accepted)
    _check_sections(offer, accepted)
    tagged = accepted[0].offered
    ice, fingerprints = _transport(offer, tagged, previous)
    extensions = _extensions(accepted)
    sends = _sends(accepted, previous)
    identities = _identities(accepted, previous, ssrcs, cname)
    slots = tuple(_slot(line, identities[line.offered.mid or ""]) for line in accepted if line.is_slot)
    origin = _next_origin(previous, ssrcs)
    description = write_answer(offer, lines, server, origin, identities)
    return Negotiated(
        ice=ice,
        ice_restart=previous is not None and previous.ice != ice,
        fingerprints=fingerprints,
        extensions=extensions,
        mixed=all(line.mixed for line in accepted),
        sends=sends,
        slots=slots,
        rejected=tuple(line.offered.mid for line in lines if line.unsupported),
        answer=write(description),
        description=description,
        identities=identities,
    )


def with_ice(
    negotiated: Negotiated, ice: IceParameters, candidates: tuple[IceCandidate, ...] | None = None
) -> Negotiated:
    """The same outcome answered with other local ICE credentials, after an ICE restart."""
    description = copy.deepcopy(negotiated.description)
    for section in description.sections:
        if section.ice_ufrag is not None:
            section.ice_ufrag, section.ice_pwd = ice.ufrag, ice.pwd
        if section.candidates and candidates is not None:
            section.candidates = [write_candidate(candidate) for candidate in candidates]
    return replace(negotiated, answer=write(description), description=description)


def _read(text: str, limits: SdpLimits) -> SessionDescription:
    try:
        return parse(text, limits)
    except SdpError as error:
        code = NegotiationCode.MALFORMED if error.limit is None else NegotiationCode.TOO_LARGE
        raise NegotiationError(code, f"The offer cannot be read: {error}.") from None


def _refuse(code: NegotiationCode, message: str) -> NegotiationError:
    return NegotiationError(code, message)


def _check_continuity(offer: SessionDescription, previous: Negotiated | None) -> None:
    """m-lines keep their place; only a stopped one may be used again (RFC 9429 section 5.2.2)."""
    mids = [section.mid for section in offer.sections if section.mid is not None]
    if len(mids) != len(set(mids)):
        raise _refuse(NegotiationCode.DUPLICATE_MID, "Two m-lines have the same a=mid; give each its own.")
    if previous is None:
        return
    before = previous.description.sections
    if len(offer.sections) < len(before):
        raise _refuse(
            NegotiationCode.SECTIONS_CHANGED,
            "An m-line of the last offer is missing: keep it, with port 0 when it is over.",
        )
    for old, new in zip(before, offer.sections, strict=False):
        if old.port != 0 and (old.mid != new.mid or old.media != new.media):
            raise _refuse(
                NegotiationCode.SECTIONS_CHANGED,
                "An m-line changed its mid or kind: keep the order of the last offer.",
            )


def _check_sections(offer: SessionDescription, accepted: tuple[Line, ...]) -> None:
    if offer.ice_lite:
        raise _refuse(
            NegotiationCode.ICE_LITE,
            "The offer says a=ice-lite, as this server is; one side has to be full ICE.",
        )
    if not accepted:
        raise _refuse(
            NegotiationCode.NO_MEDIA,
            "The offer holds no audio (Opus) or video (VP8, VP9, H264, AV1) that this server forwards.",
        )
    bundle = offer.bundle or ()
    for line in accepted:
        section = line.offered
        if section.protocol not in PROTOCOLS:
            raise _refuse(
                NegotiationCode.PLAIN_RTP,
                "Media has to be encrypted: offer UDP/TLS/RTP/SAVPF on every m-line.",
            )
        if not section.rtcp_mux:
            raise _refuse(
                NegotiationCode.NO_RTCP_MUX, "a=rtcp-mux is missing: set rtcpMuxPolicy to 'require'."
            )
        if section.mid not in bundle and len(offer.sections) > 1:
            raise _refuse(
                NegotiationCode.NOT_BUNDLED,
                "Every m-line has to be in one a=group:BUNDLE: set bundlePolicy to 'max-bundle'.",
            )
    claimed = [ssrc for line in accepted for ssrc in line.claimed_ssrcs]
    if len(claimed) != len(set(claimed)):
        raise _refuse(
            NegotiationCode.DUPLICATE_SSRC, "Two m-lines announce the same SSRC; give each its own."
        )


def _transport(
    offer: SessionDescription, tagged: MediaSection, previous: Negotiated | None
) -> tuple[IceParameters, tuple[DtlsFingerprint, ...]]:
    """ICE, fingerprints and setup of the section that speaks for the BUNDLE (RFC 9143 section 7.2)."""
    if offer.bundle:
        by_mid = {section.mid: section for section in offer.sections}
        candidates = [by_mid[mid] for mid in offer.bundle if mid in by_mid]
        tagged = next((one for one in candidates if one.ice_ufrag and not one.stopped), tagged)
    ufrag, pwd = tagged.ice_ufrag or offer.ice_ufrag, tagged.ice_pwd or offer.ice_pwd
    if ufrag is None or pwd is None:
        raise _refuse(NegotiationCode.NO_ICE, "a=ice-ufrag and a=ice-pwd are missing from the first m-line.")
    setup = tagged.setup or offer.setup or Setup.ACTIVE  # RFC 4145: an offer without it is active
    if setup not in (Setup.ACTPASS, Setup.ACTIVE):
        raise _refuse(
            NegotiationCode.WRONG_SETUP,
            "The server waits for the DTLS handshake: offer a=setup:actpass or a=setup:active.",
        )
    fingerprints = tuple(
        fingerprint
        for fingerprint in (tagged.fingerprints or offer.fingerprints)
        if FINGERPRINT_BYTES.get(fingerprint.algorithm) == fingerprint.value.count(":") + 1
    )
    if not fingerprints:
        raise _refuse(
            NegotiationCode.NO_FINGERPRINT,
            "a=fingerprint with sha-256, sha-384 or sha-512 is missing: the certificate can't be checked.",
        )
    if previous is not None and set(fingerprints) != set(previous.fingerprints):
        raise _refuse(
            NegotiationCode.FINGERPRINT_CHANGED,
            "The certificate changed within a connection: open a new one and join again.",
        )
    return IceParameters(ufrag, pwd), fingerprints


def _extensions(accepted: tuple[Line, ...]) -> tuple[HeaderExtension, ...]:
    """One table for the whole BUNDLE (RFC 9143 section 14.1)."""
    ids: dict[str, int] = {}
    for line in accepted:
        for extension in line.extensions:
            if ids.setdefault(extension.uri, extension.id) != extension.id:
                raise _conflict()
    if len(set(ids.values())) != len(ids):
        raise _conflict()
    return tuple(HeaderExtension(uri, id_) for uri, id_ in ids.items())


def _conflict() -> NegotiationError:
    return _refuse(
        NegotiationCode.EXTENSION_CONFLICT,
        "An a=extmap id means different extensions in different m-lines; within a BUNDLE it has one meaning.",
    )


def _sends(accepted: tuple[Line, ...], previous: Negotiated | None) -> tuple[SendSection, ...]:
    known = {send.mid for send in previous.sends} if previous is not None else set()
    sends = []
    for line in accepted:
        mid, active = line.offered.mid, line.direction.sends
        if active or mid in known:
            sends.append(SendSection(mid, line.kind, _send_parameters(line), active))
    return tuple(sends)


def _send_parameters(line: Line) -> SendParameters:
    section = line.offered
    cname = next((item.value for item in section.ssrcs if item.name == "cname"), None)
    return SendParameters(section.mid, line.codecs, line.encodings, cname)


def _identities(
    accepted: tuple[Line, ...], previous: Negotiated | None, ssrcs: Callable[[], int], cname: str
) -> dict[str, SlotIdentity]:
    """SSRCs and pair of each slot. A mid keeps its own as long as its m-line is not stopped."""
    known = previous.identities if previous is not None else {}
    living = {line.offered.mid or "" for line in accepted}
    identities = {mid: identity for mid, identity in known.items() if mid in living}
    used = {ssrc for line in accepted for ssrc in line.claimed_ssrcs}
    used |= {ssrc for one in known.values() for ssrc in (one.ssrc, one.rtx_ssrc) if ssrc is not None}
    pairs: dict[Kind, set[int]] = {Kind.AUDIO: set(), Kind.VIDEO: set()}
    for identity in identities.values():
        pairs[identity.kind].add(identity.pair)
    for line in accepted:
        mid = line.offered.mid or ""
        if line.is_slot and mid not in identities:
            pair = next(number for number in range(len(accepted) + 1) if number not in pairs[line.kind])
            pairs[line.kind].add(pair)
            ssrc = _draw(ssrcs, used)
            rtx_ssrc = _draw(ssrcs, used) if line.kind is Kind.VIDEO else None
            identities[mid] = SlotIdentity(line.kind, pair, ssrc, rtx_ssrc, f"{cname}-{pair}")
    return identities


def _draw(ssrcs: Callable[[], int], used: set[int]) -> int:
    """A fresh SSRC; never 0, which some receivers take for none."""
    for _ in range(64):  # 64 collisions in a row are no chance but a broken source
        ssrc = ssrcs() & 0xFFFFFFFF
        if ssrc != 0 and ssrc not in used:
            used.add(ssrc)
            return ssrc
    raise ValueError("the source of SSRCs repeats itself")


def _slot(line: Line, identity: SlotIdentity) -> Slot:
    repairs = any(codec.rtx_payload_type is not None for codec in line.codecs)
    parameters = SlotParameters(
        mid=line.offered.mid,
        kind=line.kind,
        ssrc=identity.ssrc,
        rtx_ssrc=identity.rtx_ssrc if repairs else None,
        cname=identity.cname,
        codecs=line.codecs,
    )
    return Slot(line.offered.mid, line.kind, parameters, identity.pair)


def _next_origin(previous: Negotiated | None, ssrcs: Callable[[], int]) -> Origin:
    if previous is None or previous.description.origin is None:
        # 62 bits, as RFC 9429 section 5.2.1 asks: some parsers read a signed 64-bit number.
        return Origin(str((ssrcs() & 0x3FFFFFFF) << 32 | ssrcs() & 0xFFFFFFFF), 1)
    return replace(previous.description.origin, version=previous.description.origin.version + 1)
