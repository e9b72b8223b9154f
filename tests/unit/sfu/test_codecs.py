"""Which formats decode each other."""

from __future__ import annotations

import pytest

from sfu.codecs import codec_format, codec_rows, matching_rows
from sfu.types import CodecParameters, MediaError


def codec(mime: str, payload_type: int = 96, rtx: int | None = None, /, **fmtp: str) -> CodecParameters:
    clock_rate = 48000 if mime.startswith("audio") else 90000
    named = {name.replace("_", "-"): value for name, value in fmtp.items()}
    return CodecParameters(mime, payload_type, clock_rate, fmtp=named, rtx_payload_type=rtx)


def h264(profile_level_id: str, mode: str = "1") -> CodecParameters:
    return codec("video/H264", profile_level_id=profile_level_id, packetization_mode=mode)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (h264("42e01f"), h264("42e034"), True),  # levels differ
        (h264("42e01f"), h264("42C01F"), True),  # constrained baseline, said in two ways
        (h264("42e01f"), h264("42001f"), False),  # constrained and plain baseline
        (h264("42e01f"), h264("42e01f", "0"), False),
        (h264("42e01f"), h264("4d001f"), False),
        (h264("640c1f"), h264("64001f"), False),
        (codec("video/H264"), h264("42000a", "0"), True),  # RFC 6184's defaults
        (codec("video/VP9"), codec("video/VP9", profile_id="0"), True),
        (codec("video/VP9"), codec("video/VP9", profile_id="2"), False),
        (codec("video/AV1"), codec("video/AV1", profile="1"), False),
        (codec("video/AV1", tier="1", level_idx="5"), codec("video/AV1"), True),
        (codec("video/vp8"), codec("video/VP8", max_fr="30"), True),
    ],
)
def test_formats(one: CodecParameters, other: CodecParameters, same: bool) -> None:
    assert codec_format(one) is not None
    assert (codec_format(one) == codec_format(other)) is same


@pytest.mark.parametrize(
    "unknown",
    [
        codec("video/H265"),
        codec("audio/PCMU"),
        h264("xyz"),
        h264("42e0"),
        h264("42e01f", "2"),
        codec("video/VP9", profile_id="x"),
    ],
)
def test_what_cannot_be_forwarded_is_left_out(unknown: CodecParameters) -> None:
    assert codec_format(unknown) is None
    assert [row[0] for row in codec_rows([unknown, codec("video/VP8")])] == ["video/VP8"]
    with pytest.raises(MediaError, match="none of the codecs"):
        codec_rows([unknown])


def test_a_slot_is_sent_what_it_shares_with_the_producer_under_its_own_payload_types() -> None:
    sent = [codec("video/VP8", 96, 97), codec("video/AV1", 45, 46)]
    wanted = [codec("video/H264", 102), codec("video/AV1", 35, 36), codec("video/VP8", 120)]
    assert matching_rows(sent, wanted) == [
        ("video/AV1", 35, 36, 90000, 0),
        ("video/VP8", 120, None, 90000, 0),
    ]
    with pytest.raises(MediaError, match="none of the codecs that are sent"):
        matching_rows(sent, [h264("42e01f")])


def test_opus_is_enough_for_a_sender_of_red() -> None:
    assert matching_rows([codec("audio/red", 63)], [codec("audio/opus", 111)])[0][1] == 111
    with pytest.raises(MediaError):
        matching_rows([codec("audio/opus", 111)], [codec("audio/red", 63)])
