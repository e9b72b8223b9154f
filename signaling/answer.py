"""Writes the answer to an offer whose sections have been read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sfu.types import CodecParameters
from signaling.lines import Line, SlotIdentity
from signaling.sdp import (
    Direction,
    Group,
    MediaSection,
    Msid,
    Origin,
    RidReference,
    RtpMap,
    SessionDescription,
    Setup,
    Simulcast,
    SsrcAttribute,
    SsrcGroup,
    write_candidate,
)

if TYPE_CHECKING:
    from signaling.negotiation import ServerParameters


def write_answer(
    offer: SessionDescription,
    lines: tuple[Line, ...],
    server: ServerParameters,
    origin: Origin,
    identities: Mapping[str, SlotIdentity],
) -> SessionDescription:
    """The typed answer: one section for each offered one, in order; the accepted ones bundled."""
    sections = [_accept(line, server, identities) if line.accepted else _reject(line) for line in lines]
    mids = tuple(section.mid for section in sections if section.port != 0 and section.mid is not None)
    return SessionDescription(
        origin=origin,
        groups=[Group("BUNDLE", mids)] if offer.bundle is not None else [],
        ice_lite=True,
        extmap_allow_mixed=offer.extmap_allow_mixed,
        msid_semantic="WMS *",
        sections=sections,
    )


def _reject(line: Line) -> MediaSection:
    """Port 0, but in its place and with its formats, so that later m-lines keep their index."""
    offered = line.offered
    return MediaSection(
        media=offered.media,
        port=0,
        protocol=offered.protocol,
        formats=offered.formats,
        connection="IN IP4 0.0.0.0",
        mid=offered.mid,
        direction=Direction.INACTIVE if offered.media in ("audio", "video") else None,
    )


def _accept(line: Line, server: ServerParameters, identities: Mapping[str, SlotIdentity]) -> MediaSection:
    offered = line.offered
    section = MediaSection(
        media=offered.media,
        port=9,
        protocol=offered.protocol,
        connection="IN IP4 0.0.0.0",
        rtcp="9 IN IP4 0.0.0.0",
        ice_ufrag=server.ice.ufrag,
        ice_pwd=server.ice.pwd,
        ice_options=("ice2",),
        # All of them, so nothing trickles; in every section, though the first of the BUNDLE would do:
        # aiortc 1.16 takes those of the last section of a kind.
        candidates=[write_candidate(candidate) for candidate in server.candidates],
        end_of_candidates=True,
        fingerprints=list(server.fingerprints),
        setup=Setup.PASSIVE,
        mid=offered.mid,
        direction=Direction.of(sends=line.direction.receives, receives=line.direction.sends),
        extensions=list(line.extensions),
        extmap_allow_mixed=offered.extmap_allow_mixed,
        rtcp_mux=True,
        rtcp_mux_only=offered.rtcp_mux_only,
        rtcp_rsize=offered.rtcp_rsize,
        rids=list(line.rids),
    )
    if line.simulcast:
        section.simulcast = Simulcast(recv=tuple((RidReference(rid.id),) for rid in line.rids))
    _write_codecs(section, line.codecs)
    if line.is_slot:
        _write_stream(section, line, identities[offered.mid or ""])
    return section


def _write_codecs(section: MediaSection, codecs: tuple[CodecParameters, ...]) -> None:
    formats: list[str] = []
    for codec in codecs:
        payload_type = codec.payload_type
        formats.append(str(payload_type))
        encoding = codec.mime_type.partition("/")[2]
        section.rtp_maps[payload_type] = RtpMap(encoding, codec.clock_rate, codec.channels)
        if codec.rtcp_feedback:
            section.feedback[payload_type] = list(codec.rtcp_feedback)
        if codec.fmtp:
            section.fmtp[payload_type] = dict(codec.fmtp)
        if (repair := codec.rtx_payload_type) is not None:
            formats.append(str(repair))
            section.rtp_maps[repair] = RtpMap("rtx", codec.clock_rate)
            section.fmtp[repair] = {"apt": str(payload_type)}
    section.formats = tuple(formats)


def _write_stream(section: MediaSection, line: Line, identity: SlotIdentity) -> None:
    """The SSRCs of a slot, and the msid that it shares with the other kind of its pair for lip-sync."""
    stream = f"slot-{identity.pair}"
    section.msids = [Msid(stream, f"{stream}-{identity.kind}")]
    ssrcs = [identity.ssrc]
    if identity.rtx_ssrc is not None and any(codec.rtx_payload_type is not None for codec in line.codecs):
        ssrcs.append(identity.rtx_ssrc)
        section.ssrc_groups = [SsrcGroup("FID", tuple(ssrcs))]
    section.ssrcs = [SsrcAttribute(ssrc, "cname", identity.cname) for ssrc in ssrcs]
