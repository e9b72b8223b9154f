"""Which formats decode each other: what `Transport.consume` chooses by. Pure functions.

The core forwards and never transcodes, so a consumer can only be sent what its client said it decodes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sfu.types import CodecParameters, MediaError

_KNOWN = {
    name.lower(): name
    for name in ("audio/opus", "audio/red", "video/VP8", "video/VP9", "video/H264", "video/AV1")
}

# H264 profiles that decoders tell apart (RFC 6184 table 5): profile_idc, mask and value of the
# constraint bits in profile-iop, and our number for the profile. The first row that fits counts.
_CONSTRAINED_BASELINE, _BASELINE, _MAIN, _HIGH, _CONSTRAINED_HIGH, _HIGH_444 = range(6)
_H264_PROFILES = (
    (0x42, 0b0100_1111, 0b0100_0000, _CONSTRAINED_BASELINE),
    (0x4D, 0b1000_1111, 0b1000_0000, _CONSTRAINED_BASELINE),
    (0x58, 0b1100_1111, 0b1100_0000, _CONSTRAINED_BASELINE),
    (0x42, 0b0100_1111, 0b0000_0000, _BASELINE),
    (0x58, 0b1100_1111, 0b1000_0000, _BASELINE),
    (0x4D, 0b1010_1111, 0b0000_0000, _MAIN),
    (0x64, 0b1111_1111, 0b0000_0000, _HIGH),
    (0x64, 0b1111_1111, 0b0000_1100, _CONSTRAINED_HIGH),
    (0xF4, 0b1111_1111, 0b0000_0000, _HIGH_444),
)

CodecRow = tuple[str, int, int | None, int, int]
"""As the core takes it: MIME type, payload type, its RTX payload type, clock rate (Hz), format."""


def codec_format(codec: CodecParameters) -> int | None:
    """A number that is equal for two formats of one codec if and only if they decode each other.

    None: a format the core cannot forward. Covers H264 packetization-mode and profile (the level is
    not part of it: RFC 6184 section 8.2.2 lets levels differ), VP9 profile-id, AV1 profile.
    """
    fmtp = codec.fmtp
    match codec.mime_type.lower():
        case "video/h264":
            profile = _h264_profile(fmtp.get("profile-level-id", "42000a"))
            mode = fmtp.get("packetization-mode", "0")
            if profile is None or mode not in ("0", "1"):
                return None
            return profile << 1 | int(mode)
        case "video/vp9":
            return _small(fmtp.get("profile-id", "0"))
        case "video/av1":
            return _small(fmtp.get("profile", "0"))
        case "audio/opus" | "audio/red" | "video/vp8":
            return 0
        case _:
            return None


def _small(text: str) -> int | None:
    return int(text) if text in ("0", "1", "2", "3") else None


def _h264_profile(profile_level_id: str) -> int | None:
    try:
        idc, iop, _level = bytes.fromhex(profile_level_id)
    except ValueError:
        return None
    fitting = (number for own, mask, value, number in _H264_PROFILES if idc == own and iop & mask == value)
    return next(fitting, None)


def codec_rows(codecs: Iterable[CodecParameters]) -> list[CodecRow]:
    """What the core can forward of `codecs`, as it takes them.

    Raises MediaError when that is nothing.
    """
    rows = list(_rows(codecs))
    if not rows:
        raise MediaError("none of the codecs can be forwarded")
    return rows


def _rows(codecs: Iterable[CodecParameters]) -> Iterator[CodecRow]:
    for codec in codecs:
        form = codec_format(codec)
        if form is not None:
            name = _KNOWN[codec.mime_type.lower()]
            yield name, codec.payload_type, codec.rtx_payload_type, codec.clock_rate, form


def matching_rows(sent: Iterable[CodecParameters], wanted: Iterable[CodecParameters]) -> list[CodecRow]:
    """The codecs of a slot (`wanted`) that a producer (`sent`) may send to it.

    Opus matches RED that carries it, since the core takes the redundancy off for those who did not
    negotiate it. Raises MediaError when nothing matches.
    """
    formats = {(row[0], row[4]) for row in _rows(sent)}
    if ("audio/red", 0) in formats:
        formats.add(("audio/opus", 0))
    rows = [row for row in _rows(wanted) if (row[0], row[4]) in formats]
    if not rows:
        raise MediaError("the receiver has none of the codecs that are sent")
    return rows
