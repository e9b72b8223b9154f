"""ICE fragments: what a client may say in a PATCH, and what we say back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sdp_offers import SERVER, answered, audio, offer, recorded

from sfu.types import IceParameters
from signaling.sdp import SdpError, parse_fragment
from signaling.sdpfrag import read_ice_fragment, restart_fragment

UFRAG, PWD = "a=ice-ufrag:abcd", "a=ice-pwd:0123456789012345678901"
ICE = IceParameters("abcd", "0123456789012345678901")
MLINE = "m=audio 9 UDP/TLS/RTP/SAVPF 111"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([UFRAG, PWD, MLINE, "a=mid:0"], ICE),
        ([MLINE, "a=mid:0", UFRAG, PWD], ICE),
        (["a=ice-ufrag:wxyz", PWD, MLINE, UFRAG, PWD], ICE),  # the section's own come first
        ([MLINE, UFRAG], None),
        ([MLINE, "a=candidate:1 1 udp 1 192.0.2.1 9 typ host"], None),
    ],
)
def test_credentials_are_found_on_either_level(lines: list[str], expected: IceParameters | None) -> None:
    assert read_ice_fragment("\r\n".join(lines) + "\r\n").ice == expected


def test_the_answer_to_a_restart_repeats_lite_options_and_bundle() -> None:
    answer = answered(recorded("chromium-sendrecv")).description
    text = restart_fragment(answer, ICE, SERVER.candidates)
    assert text.split("\r\n") == [
        "a=ice-lite",
        "a=group:BUNDLE 0 1",
        "a=ice-options:ice2",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "a=candidate:1 1 udp 2130706431 192.0.2.10 40000 typ host",
        "a=candidate:2 1 udp 2130706175 2001:db8::10 40000 typ host",
        "a=end-of-candidates",
        UFRAG,
        PWD,
        "a=mid:0",
        "",
    ]


def test_the_section_that_carries_the_bundle_is_the_first_accepted_one() -> None:
    data = ["m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "a=mid:d"]
    answer = answered(offer(data, audio("a"))).description
    assert parse_fragment(restart_fragment(answer, ICE, ())).sections[0].mid == "a"


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    for candidate in (text, f"{MLINE}\r\n{text}"):
        try:
            read_ice_fragment(candidate)
        except SdpError:
            continue
