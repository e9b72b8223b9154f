"""What the media core can carry, and what of an offered m-section that leaves.

The core forwards and never transcodes, so this is the list of formats whose packets it understands.
The client's order of preference is kept: what it would like to send first, it sends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sfu.types import CodecParameters, Kind
from signaling.sdp import Direction, ExtMap, MediaSection, RtpMap

MID = "urn:ietf:params:rtp-hdrext:sdes:mid"  # RFC 9143
RID = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"  # RFC 8852
REPAIRED_RID = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"  # RFC 6464
ABS_SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
TRANSPORT_WIDE_CC = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
DEPENDENCY_DESCRIPTOR = (
    "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
)
VIDEO_ORIENTATION = "urn:3gpp:video-orientation"
PLAYOUT_DELAY = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"

EXTENSIONS: dict[Kind, frozenset[str]] = {
    Kind.AUDIO: frozenset({MID, AUDIO_LEVEL, ABS_SEND_TIME, TRANSPORT_WIDE_CC}),
    Kind.VIDEO: frozenset(
        {MID, RID, REPAIRED_RID, ABS_SEND_TIME, TRANSPORT_WIDE_CC}
        | {DEPENDENCY_DESCRIPTOR, VIDEO_ORIENTATION, PLAYOUT_DELAY}
    ),
}
# Only a sender of simulcast names its streams; what we send on a slot is always one stream.
_OF_SENDERS = frozenset({RID, REPAIRED_RID})

_ONE_BYTE_IDS = range(1, 15)  # RFC 8285 section 4.2
_TWO_BYTE_IDS = range(1, 256)  # RFC 8285 section 4.3; higher ids only say "too many offered"
_RTCP_TYPES = range(64, 96)  # with rtcp-mux these payload types read as RTCP (RFC 5761 section 4)
_PROFILE_LEVEL_ID = re.compile(r"[0-9A-Fa-f]{6}")

FINGERPRINT_BYTES = {"sha-256": 32, "sha-384": 48, "sha-512": 64}  # SHA-1 and MD5 are broken
PROTOCOLS = frozenset(
    {"UDP/TLS/RTP/SAVPF", "TCP/DTLS/RTP/SAVPF"}
)  # RFC 5764, RFC 7850; JSEP offers the first
MAX_ENCODINGS = 4  # simulcast streams of one track


@dataclass(frozen=True, slots=True)
class _Supported:
    """A codec we forward: which of its parameters are the format's identity or ours to repeat."""

    mime_type: str
    rtp_map: RtpMap
    echoed: tuple[str, ...] = ()


_CODECS: dict[Kind, dict[str, _Supported]] = {
    Kind.AUDIO: {
        "opus": _Supported("audio/opus", RtpMap("opus", 48000, 2), ("stereo", "sprop-stereo", "usedtx")),
        "red": _Supported("audio/red", RtpMap("red", 48000, 2)),
    },
    Kind.VIDEO: {
        # max-fs and max-fr are left out: they say what the answerer decodes, and we don't decode.
        "vp8": _Supported("video/VP8", RtpMap("VP8", 90000)),
        "vp9": _Supported("video/VP9", RtpMap("VP9", 90000), ("profile-id",)),
        "h264": _Supported(
            "video/H264",
            RtpMap("H264", 90000),
            ("level-asymmetry-allowed", "packetization-mode", "profile-level-id"),
        ),
        "av1": _Supported("video/AV1", RtpMap("AV1", 90000), ("level-idx", "profile", "tier")),
    },
}

_FEEDBACK: dict[Kind, tuple[str, ...]] = {
    Kind.AUDIO: ("transport-cc", "nack"),
    Kind.VIDEO: ("goog-remb", "transport-cc", "ccm fir", "nack", "nack pli"),
}


def select_codecs(section: MediaSection, kind: Kind, *, transport_cc: bool) -> tuple[CodecParameters, ...]:
    """The codecs of an offered section that we forward, in the offer's order.

    `transport_cc`: the section negotiates the header extension that transport-wide feedback needs.
    """
    offered = dict(_rtp_formats(section))
    retransmissions = _retransmissions(section, offered)
    opus = {pt for pt, rtp_map in offered.items() if kind is Kind.AUDIO and _is(rtp_map, "opus")}
    wildcard = frozenset(section.feedback.get(None, ()))
    chosen = []
    for payload_type, rtp_map in offered.items():
        supported = _CODECS[kind].get(rtp_map.encoding.lower())
        if supported is None or not _same_rtp_map(rtp_map, supported.rtp_map):
            continue
        fmtp = _answered_fmtp(supported, section.fmtp.get(payload_type, {}), opus)
        if fmtp is None:
            continue
        feedback = frozenset(section.feedback.get(payload_type, ())) | wildcard
        chosen.append(
            CodecParameters(
                mime_type=supported.mime_type,
                payload_type=payload_type,
                clock_rate=supported.rtp_map.clock_rate,
                channels=supported.rtp_map.channels,
                fmtp=fmtp,
                rtcp_feedback=_answered_feedback(supported, kind, feedback, transport_cc),
                rtx_payload_type=retransmissions.get(payload_type),
            )
        )
    return tuple(chosen)


def _rtp_formats(section: MediaSection) -> Iterator[tuple[int, RtpMap]]:
    for text in section.formats:
        if text.isascii() and text.isdigit() and len(text) <= 3 and int(text) not in _RTCP_TYPES:
            rtp_map = section.rtp_maps.get(int(text))
            if rtp_map is not None:
                yield int(text), rtp_map


def _is(rtp_map: RtpMap, encoding: str) -> bool:
    return rtp_map.encoding.lower() == encoding


def _same_rtp_map(offered: RtpMap, ours: RtpMap) -> bool:
    return offered.clock_rate == ours.clock_rate and (offered.channels or 1) == (ours.channels or 1)


def _retransmissions(section: MediaSection, offered: dict[int, RtpMap]) -> dict[int, int]:
    """Payload type -> payload type of its RTX (RFC 4588 `apt`); the first wins."""
    found: dict[int, int] = {}
    for payload_type, rtp_map in offered.items():
        associated = section.fmtp.get(payload_type, {}).get("apt", "")
        if _is(rtp_map, "rtx") and associated.isascii() and associated.isdigit() and len(associated) <= 3:
            apt = int(associated)
            if apt in offered and offered[apt].clock_rate == rtp_map.clock_rate:
                found.setdefault(apt, payload_type)
    return found


def _answered_fmtp(supported: _Supported, offered: dict[str, str], opus: set[int]) -> dict[str, str] | None:
    """The parameters we answer, or None when this format is none of ours."""
    echoed = {name: offered[name] for name in supported.echoed if name in offered}
    match supported.mime_type:
        case "audio/opus":
            # In-band FEC is asked of every sender: it is what repairs speech where NACK comes late.
            # DTX and stereo are the client's choice; a bitrate limit of its receiver is not ours.
            return {"minptime": "10", "useinbandfec": "1", **echoed}
        case "audio/red":
            return _redundancy(offered, opus)
        case "video/H264":
            valid = offered.get("packetization-mode", "0") in ("0", "1")
            profile = _PROFILE_LEVEL_ID.fullmatch(offered.get("profile-level-id", "42e01f"))
            return echoed if valid and profile else None
        case "video/VP9":
            return echoed if offered.get("profile-id", "0") in ("0", "1", "2", "3") else None
        case _:
            return echoed


def _redundancy(offered: dict[str, str], opus: set[int]) -> dict[str, str] | None:
    """RED (RFC 2198) is ours when every block is the section's Opus: `111/111`."""
    for name, value in offered.items():
        blocks = name.split("/")
        if value == "" and all(block.isascii() and block.isdigit() for block in blocks):
            return {name: ""} if all(int(block[:4]) in opus for block in blocks) else None
    return None


def _answered_feedback(
    supported: _Supported, kind: Kind, offered: frozenset[str], transport_cc: bool
) -> tuple[str, ...]:
    if supported.mime_type == "audio/red":
        return ("transport-cc",) if transport_cc and "transport-cc" in offered else ()
    answered = offered & set(_FEEDBACK[kind])
    if not transport_cc:
        answered -= {"transport-cc"}
    if "transport-cc" in answered:
        answered -= {"goog-remb"}  # one estimate is enough, and the sender's own is the better one
        if supported.mime_type == "audio/opus":
            # libwebrtc repairs Opus by NACK when the answer asks for it, but never offers it. Clients
            # that don't know it (Firefox, aiortc) keep to what both sides named, so asking is safe.
            answered |= {"nack"}
    return tuple(name for name in _FEEDBACK[kind] if name in answered)


def select_extensions(
    section: MediaSection, kind: Kind, direction: Direction, *, mixed: bool
) -> tuple[ExtMap, ...]:
    """The header extensions of an offered section that we answer, with our direction.

    `direction` is the client's; `mixed` says that two-byte headers may be used (RFC 8285).
    """
    ids = _TWO_BYTE_IDS if mixed else _ONE_BYTE_IDS
    answered: dict[str, ExtMap] = {}
    for extension in section.extensions:
        if extension.uri not in EXTENSIONS[kind] or extension.id not in ids or extension.uri in answered:
            continue
        offered = extension.direction or Direction.SENDRECV
        client_sends = offered.sends and direction.sends
        client_receives = offered.receives and direction.receives and extension.uri not in _OF_SENDERS
        if not (client_sends or client_receives):
            continue
        narrowed = _REVERSED.get(extension.direction) if extension.direction is not None else None
        answered[extension.uri] = ExtMap(extension.id, extension.uri, narrowed)
    return tuple(answered.values())


_REVERSED = {Direction.SENDONLY: Direction.RECVONLY, Direction.RECVONLY: Direction.SENDONLY}
