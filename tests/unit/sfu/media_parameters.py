"""Parameters that the tests share."""

from __future__ import annotations

from sfu.types import CodecParameters, Kind, SlotParameters

OPUS = CodecParameters("audio/opus", 111, 48000, 2)
VP8 = CodecParameters("video/VP8", 96, 90000, rtx_payload_type=97)

AUDIO_SLOT = SlotParameters("0", Kind.AUDIO, 0xA0000001, None, "server", (OPUS,))
VIDEO_SLOT = SlotParameters("1", Kind.VIDEO, 0xB0000001, 0xB0000002, "server", (VP8,))
