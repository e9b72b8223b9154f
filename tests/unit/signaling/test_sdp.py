"""The parser and writer of session descriptions."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sdp_offers import NAMES, audio, offer, recorded, video

from signaling.sdp import (
    Direction,
    RidReference,
    SdpError,
    SdpLimits,
    Setup,
    parse,
    parse_fragment,
    write,
    write_fragment,
)


@pytest.mark.parametrize("name", NAMES)
def test_writing_what_was_read_loses_nothing(name: str) -> None:
    description = parse(recorded(name))
    assert parse(write(description)) == description


@pytest.mark.parametrize("name", NAMES)
def test_every_attribute_of_a_recorded_offer_is_written_again(name: str) -> None:
    text = recorded(name)
    before = {line.rstrip() for line in text.splitlines() if line.startswith("a=")}
    after = set(write(parse(text)).splitlines())
    # Spelling that has no meaning: a space after the colon, RTCP port 9 of a muxed section, order of fmtp.
    missing = {line.replace(": ", ":") for line in before} - after
    assert not missing


def test_typed_values_of_a_chromium_offer() -> None:
    description = parse(recorded("chromium-call"))
    microphone, camera, *slots = description.sections
    assert description.bundle == tuple("01234567")
    assert description.extmap_allow_mixed
    assert microphone.rtp_maps[111].channels == 2
    assert microphone.fmtp[63] == {"111/111": ""}
    assert camera.simulcast is not None
    assert [stream[0].id for stream in camera.simulcast.send] == ["q", "h", "f"]
    assert camera.setup is Setup.ACTPASS
    assert [slot.direction for slot in slots] == [Direction.RECVONLY] * 6


def test_attributes_of_the_session_level_are_kept_apart() -> None:
    description = parse(recorded("firefox-call"))
    assert description.direction is Direction.SENDRECV
    assert len(description.fingerprints) == 1
    assert not description.sections[0].fingerprints
    assert description.sections[1].bundle_only
    assert not description.sections[1].stopped


def test_paused_and_alternative_rids() -> None:
    lines = ["a=rid:a send", "a=rid:b send", "a=simulcast:send a,b;~c recv d"]
    simulcast = parse(offer(video("0", "sendonly", *lines))).sections[0].simulcast
    assert simulcast is not None
    assert simulcast.send == ((RidReference("a"), RidReference("b")), (RidReference("c", paused=True),))
    assert simulcast.recv == ((RidReference("d"),),)


def test_line_ends_of_either_kind_are_read() -> None:
    text = recorded("chromium-whip")
    assert parse(text.replace("\r\n", "\n")) == parse(text)


def test_a_fragment_has_no_origin() -> None:
    lines = ["a=ice-ufrag:abcd", "a=ice-pwd:0123456789012345678901", "m=audio 9 RTP/AVP 0", "a=mid:0"]
    text = "\r\n".join([*lines, "a=end-of-candidates", ""])
    fragment = parse_fragment(text)
    assert fragment.ice_ufrag == "abcd"
    assert fragment.sections[0].end_of_candidates
    assert parse_fragment(write_fragment(fragment)) == fragment
    with pytest.raises(ValueError, match="origin"):
        write(fragment)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a=rtpmap:200 VP8/90000", "a=rtpmap needs a number from 0 to 127"),
        ("a=rtpmap:96 VP8", "a=rtpmap needs encoding/clock rate"),
        ("a=extmap:0 urn:x", "a=extmap needs a number"),
        ("a=extmap:1/upwards urn:x", "a=extmap has an unknown direction"),
        ("a=setup:perhaps", "a=setup is actpass"),
        ("a=ice-pwd:short", "a=ice-pwd needs 22"),
        ("a=ice-ufrag:a b c d", "a=ice-ufrag needs 4"),
        ("a=fingerprint:sha-256 xyz", "a=fingerprint needs"),
        ("a=ssrc:4294967296 cname:x", "a=ssrc needs a number"),
        ("a=ssrc-group:FID 1 x", "a=ssrc-group needs a number"),
        ("a=rid:ä send", "a=rid needs an id"),
        ("a=simulcast:send", "a=simulcast needs send or recv"),
        ("a=simulcast:send a send b", "each once"),
        ("m=video nine UDP/TLS/RTP/SAVPF 96", "m= needs a number"),
        ("m=video 9", "m= needs 4 fields"),
        ("x", "a line is a letter"),
        ("a=mid:\x00", "control character"),
        ("a=fmtp:² x=1", "a=fmtp needs a number"),
    ],
)
def test_a_bad_line_is_named_with_its_number(line: str, message: str) -> None:
    good = offer(video("0")).split("\r\n")
    text = "\r\n".join([*good[:-1], line, ""])
    with pytest.raises(SdpError, match=message) as caught:
        parse(text)
    assert caught.value.line == len(good)


def test_an_error_never_quotes_a_value() -> None:
    with pytest.raises(SdpError) as caught:
        parse(offer(audio("0")).replace("clientpassword0123456789", "secret value"))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("limits", "name"),
    [
        (SdpLimits(max_bytes=1000), "max_bytes"),
        (SdpLimits(max_lines=20), "max_lines"),
        (SdpLimits(max_line_characters=40), "max_line_characters"),
        (SdpLimits(max_sections=3), "max_sections"),
        (SdpLimits(max_attributes=20), "max_attributes"),
        (SdpLimits(max_formats=5), "max_formats"),
    ],
)
def test_each_limit_has_a_name(limits: SdpLimits, name: str) -> None:
    with pytest.raises(SdpError) as caught:
        parse(recorded("chromium-call"), limits)
    assert caught.value.limit == name


@pytest.mark.parametrize(
    "text",
    [
        "v=0\r\n" + "a=x\r\n" * 10_000,
        "v=0\r\n" + "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n" * 5_000,
        "v=0\r\no=- 1 1 IN IP4 0\r\nm=video 9 X " + "96 " * 100_000,
        "v=0\r\n" + "a=simulcast:send " + "a;" * 200_000,
        "v=0\r\na=" + ":" * 300_000,
    ],
    ids=["lines", "sections", "formats", "rids", "bytes"],
)
def test_an_oversized_description_is_refused_in_no_time(text: str) -> None:
    def cost() -> float:
        started = time.process_time()
        with pytest.raises(SdpError):
            parse(text)
        return time.process_time() - started

    # The attack test's budget of CPU; the best of some runs, so that a collection of garbage is not billed.
    assert min(cost() for _ in range(5)) < 0.05


@pytest.mark.parametrize("text", ["", "\r\n", "v=1\r\n", "v=0\r\n", "m=audio 9 RTP/AVP 0\r\n", "hello"])
def test_what_is_no_description_is_refused(text: str) -> None:
    with pytest.raises(SdpError):
        parse(text)


def test_feedback_is_kept_by_payload_type_in_whatever_order_it_came() -> None:
    """Found by fuzzing: lines of one payload type apart from each other came back in another order."""
    lines = ["a=rtcp-fb:97 nack", "a=rtcp-fb:96 ccm fir", "a=rtcp-fb:97 ccm fir", "a=rtcp-fb:* nack pli"]
    description = parse(offer(video("0", "sendonly", *lines)))
    assert description.sections[0].feedback == {
        96: ["nack", "ccm fir"],
        97: ["nack", "ccm fir"],
        None: ["nack pli"],
    }
    assert parse(write(description)) == description


@given(st.text(max_size=400))
def test_any_text_is_read_or_refused(text: str) -> None:
    for candidate in (text, "v=0\r\n" + text, offer(audio("0")) + text):
        try:
            description = parse(candidate)
        except SdpError:
            continue
        assert parse(write(description)) == description


ATTRIBUTE = st.sampled_from(
    [
        *(
            "ice-ufrag",
            "ice-pwd",
            "fingerprint",
            "setup",
            "mid",
            "extmap",
            "rtpmap",
            "fmtp",
            "rtcp-fb",
            "ssrc",
        ),
        *(
            "ssrc-group",
            "msid",
            "rid",
            "simulcast",
            "group",
            "candidate",
            "rtcp",
            "msid-semantic",
            "sendonly",
        ),
    ]
)
VALUE = st.text(alphabet="0123456789abcFID:;=/,~ *-sendrcv\u00e9", max_size=60)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(ATTRIBUTE, VALUE), max_size=8))
def test_any_attributes_are_read_the_same_again_or_refused(attributes: list[tuple[str, str]]) -> None:
    text = offer(video("0")) + "".join(f"a={name}:{value}\r\n" for name, value in attributes)
    try:
        description = parse(text)
    except SdpError:
        return
    assert parse(write(description)) == description
