"""Who sends and receives what in a run of the bench."""

from __future__ import annotations

from typing import Any

import pytest

from bench.scenario import KEY_LENGTHS, Shape, build, limit_config, load_config

SRTP = "SRTP_AEAD_AES_128_GCM"


def shape(**changes: Any) -> Shape:
    values = {
        "rooms": 1,
        "publishers": 0,
        "subscribers": 0,
        "participants": 0,
        "profile": "equal",
        "srtp": SRTP,
    }
    return Shape(**(values | changes))


def test_every_subscriber_receives_every_camera_of_its_room() -> None:
    scenario = build(shape(rooms=2, publishers=3, subscribers=4))
    assert len(scenario.participants) == 14
    assert len(list(scenario.publishers)) == 6
    for one in scenario.subscribers:
        assert not one.tracks
        sources = [scenario.participants[source] for source, _ in (slot.source for slot in one.slots)]
        assert len(sources) == 3
        assert all(source.room == one.room and source.tracks for source in sources)


def test_participants_send_camera_and_microphone_to_all_others() -> None:
    scenario = build(shape(rooms=50, participants=2))
    assert len(scenario.participants) == 100
    for one in scenario.participants:
        assert [track.kind for track in one.tracks] == ["video", "audio"]
        assert [slot.kind for slot in one.slots] == ["video", "audio"]
        assert one.number not in {slot.source[0] for slot in one.slots}


def test_no_ssrc_address_or_key_is_used_twice() -> None:
    scenario = build(shape(publishers=10, subscribers=300))
    ssrcs = [
        ssrc
        for one in scenario.participants
        for holder in (*one.tracks, *one.slots)
        for ssrc in (holder.ssrc, holder.ssrc + 1)
    ]
    assert len(set(ssrcs)) == len(ssrcs)
    assert len({one.black_hole for one in scenario.participants}) == 310
    assert len({one.port for one in scenario.participants}) == 310
    assert len({one.keys for one in scenario.participants}) == 310


@pytest.mark.parametrize("srtp", list(KEY_LENGTHS))
def test_keys_have_the_length_of_their_profile(srtp: str) -> None:
    (one,) = build(shape(publishers=1, subscribers=0, srtp=srtp)).participants
    assert tuple(len(key) // 2 for key in one.keys) == KEY_LENGTHS[srtp] * 2


def test_publishers_are_spread_over_a_frame() -> None:
    scenario = build(shape(publishers=10, subscribers=1))
    phases = [one.tracks[0].phase_us for one in scenario.publishers]
    assert phases == [place * 33_333 // 10 for place in range(10)]


def test_the_bare_loop_sends_what_the_server_sends() -> None:
    scenario = build(shape(rooms=3, participants=3))
    config = limit_config(scenario, core=None, seconds=1)
    sent = sum(len(stream["receivers"]) for stream in config["streams"])
    assert sent == sum(len(one.slots) for one in scenario.participants)
    assert len(config["streams"]) == 18
    assert len(set(config["destinations"])) == 9
    assert {stream["profile"] for stream in config["streams"]} == {"equal", "audio"}


def test_into_the_black_hole_only_publishers_are_real() -> None:
    scenario = build(shape(publishers=2, subscribers=5))
    adopted = load_config(scenario, "127.0.0.1:1", ice=None, core=None, warmup=1, seconds=1)
    assert len(adopted["peers"]) == 2
    assert all(peer["ice"] is None and not peer["slots"] for peer in adopted["peers"])
    ice = [(f"ufrag{number}", "pwd") for number in range(7)]
    real = load_config(scenario, "127.0.0.1:1", ice=ice, core=None, warmup=1, seconds=1)
    assert len(real["peers"]) == 7
    assert real["peers"][6]["ice"]["server_ufrag"] == "ufrag6"
    assert len(real["peers"][6]["slots"]) == 2
