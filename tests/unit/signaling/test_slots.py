"""Who is seen in which slot."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.model.ids import ParticipantId
from mediaserver.model.roles import Source
from sfu.types import Kind, SlotParameters
from signaling.negotiation import Slot
from signaling.slots import Assignment, Need, Track, assign, follow

MICROPHONE, CAMERA = Source.MICROPHONE, Source.CAMERA
SCREEN, SCREEN_AUDIO = Source.SCREEN, Source.SCREEN_AUDIO


def slot(name: str) -> Slot:
    """`a0` is the audio slot of pair 0, `v1` the video slot of pair 1; the name is the mid too."""
    kind = Kind.AUDIO if name[0] == "a" else Kind.VIDEO
    return Slot(name, kind, SlotParameters(name, kind, 1, None, "x", ()), int(name[1:]))


def slots(text: str) -> list[Slot]:
    return [slot(name) for name in text.split()]


def track(who: str, source: Source) -> Track:
    return Track(ParticipantId(who), source)


def person(who: str) -> list[Track]:
    return [track(who, MICROPHONE), track(who, CAMERA)]


def shown(assignment: Assignment) -> dict[str, str]:
    return {mid: f"{one.participant} {one.source}" for mid, one in sorted(assignment.tracks.items())}


THREE_PAIRS = slots("a0 v0 a1 v1 a2 v2")


def test_microphone_and_camera_of_one_person_share_a_pair() -> None:
    result = assign(THREE_PAIRS, {}, [*person("ann"), *person("bob")])
    assert shown(result) == {
        "a0": "ann microphone",
        "v0": "ann camera",
        "a1": "bob microphone",
        "v1": "bob camera",
    }
    assert result.need == Need()


def test_a_camera_that_starts_later_joins_its_microphone() -> None:
    wanted = [track("ann", MICROPHONE), track("bob", MICROPHONE)]
    first = assign(THREE_PAIRS, {}, wanted)
    second = assign(THREE_PAIRS, first.tracks, [track("bob", CAMERA), *wanted])
    assert second.tracks["v1"] == track("bob", CAMERA)


def test_a_running_track_never_moves() -> None:
    first = assign(THREE_PAIRS, {}, [*person("ann"), *person("bob")])
    second = assign(THREE_PAIRS, first.tracks, [*person("cid"), *person("bob")])
    assert second.tracks["a1"] == track("bob", MICROPHONE)
    assert second.tracks["v1"] == track("bob", CAMERA)
    assert second.tracks["a0"] == track("cid", MICROPHONE)


def test_a_screen_leaves_whole_pairs_to_people() -> None:
    wanted = [*person("ann"), track("ann", SCREEN)]
    result = assign(THREE_PAIRS, {}, wanted)
    assert result.tracks["v2"] == track("ann", SCREEN)
    result = assign([*THREE_PAIRS, slot("v3")], {}, wanted)
    assert result.tracks["v3"] == track("ann", SCREEN)


def test_the_sound_of_a_screen_is_paired_with_it() -> None:
    result = assign(THREE_PAIRS, {}, [*person("ann"), track("ann", SCREEN), track("ann", SCREEN_AUDIO)])
    assert result.tracks["v2"] == track("ann", SCREEN)
    assert result.tracks["a2"] == track("ann", SCREEN_AUDIO)


def test_two_people_never_share_a_pair() -> None:
    """Their streams would be kept in sync with each other: the slower one delays the other."""
    result = assign(slots("a0 v0"), {}, [track("ann", MICROPHONE), track("bob", CAMERA)])
    assert shown(result) == {"a0": "ann microphone"}
    assert result.need == Need(video=1)


def test_need_says_how_many_more_slots_to_offer() -> None:
    wanted = [one for who in ("ann", "bob", "cid", "dee", "eve") for one in person(who)]
    assert assign(THREE_PAIRS, {}, wanted).need == Need(audio=2, video=2)
    assert assign([], {}, wanted).need == Need(audio=5, video=5)
    assert assign(THREE_PAIRS, {}, wanted[:6]).need == Need()


def test_offering_what_is_needed_is_enough() -> None:
    """Also where a screen holds the video half of the pair that the next microphone would get."""
    held = {"v3": track("ann", SCREEN)}
    wanted = [one for who in ("ann", "bob", "cid", "dee") for one in person(who)] + [track("ann", SCREEN)]
    need = assign([*THREE_PAIRS, slot("v3")], held, wanted).need
    audio = [slot(f"a{3 + number}") for number in range(need.audio)]
    video = [slot(f"v{4 + number}") for number in range(need.video)]
    result = assign([*THREE_PAIRS, slot("v3"), *audio, *video], held, wanted)
    assert result.need == Need()
    assert set(result.tracks.values()) == set(wanted)


def test_the_most_important_come_first_when_slots_run_out() -> None:
    result = assign(slots("a0 v0"), {}, [*person("bob"), *person("ann")])
    assert shown(result) == {"a0": "bob microphone", "v0": "bob camera"}


def test_a_slot_that_is_gone_frees_its_track_for_another() -> None:
    first = assign(THREE_PAIRS, {}, person("ann"))
    second = assign(slots("a1 v1"), first.tracks, person("ann"))
    assert shown(second) == {"a1": "ann microphone", "v1": "ann camera"}


def test_a_track_wanted_twice_is_shown_once() -> None:
    assert len(assign(THREE_PAIRS, {}, [*person("ann"), *person("ann")]).tracks) == 2


class TestFollow:
    def test_the_first_slots_show_one_participant(self) -> None:
        wanted = [*person("ann"), *person("bob")]
        assert shown(follow(THREE_PAIRS, ParticipantId("bob"), wanted)) == {
            "a0": "bob microphone",
            "v0": "bob camera",
        }

    def test_a_screen_comes_before_the_camera(self) -> None:
        wanted = [*person("ann"), track("ann", SCREEN), track("ann", SCREEN_AUDIO)]
        result = follow(slots("a0 v0"), ParticipantId("ann"), wanted)
        assert shown(result) == {"a0": "ann microphone", "v0": "ann screen"}

    @pytest.mark.parametrize("who", [None, "cid"])
    def test_nobody_shows_nothing(self, who: str | None) -> None:
        result = follow(slots("a0 v0"), ParticipantId(who) if who else None, person("ann"))
        assert result == Assignment({}, Need())

    def test_a_player_of_one_kind_gets_that_kind(self) -> None:
        assert shown(follow(slots("v0"), ParticipantId("ann"), person("ann"))) == {"v0": "ann camera"}


TRACKS = st.lists(
    st.builds(track, st.sampled_from("abcdef"), st.sampled_from(list(Source))), max_size=16, unique=True
)


@given(
    st.lists(st.sampled_from([f"{kind}{pair}" for kind in "av" for pair in range(5)]), unique=True),
    TRACKS,
    TRACKS,
)
def test_what_holds_for_every_assignment(names: list[str], before: list[Track], after: list[Track]) -> None:
    offered = [slot(name) for name in names]
    first = assign(offered, {}, before)
    second = assign(offered, first.tracks, after)
    pair = {one.mid: one.pair for one in offered}
    for result, wanted in ((first, before), (second, after)):
        assert len(set(result.tracks.values())) == len(result.tracks)
        assert set(result.tracks.values()) <= set(wanted)
        for mid, one in result.tracks.items():
            assert one.kind is (Kind.AUDIO if mid.startswith("a") else Kind.VIDEO)
            beside = [other for name, other in result.tracks.items() if pair[name] == pair[mid]]
            assert {other.bundle for other in beside} == {one.bundle}
        if result.need == Need():
            assert set(result.tracks.values()) == set(wanted)
    for mid, one in first.tracks.items():
        if one in after:
            assert second.tracks[mid] == one
    assert assign(offered, second.tracks, after) == second
