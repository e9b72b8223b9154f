"""Who is expected, waits, is in, is dropped, has left."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediaserver.model.events import Departure
from mediaserver.model.ids import ParticipantId
from mediaserver.visit import (
    Dropped,
    Emptied,
    Entered,
    Gone,
    Held,
    Resumed,
    SentBack,
    Stage,
    Visit,
    VisitFullError,
    VisitLimits,
    VisitLockedError,
)

A, B, C = ParticipantId("a"), ParticipantId("b"), ParticipantId("c")


def visit(participants: int = 2) -> Visit:
    return Visit(VisitLimits(participants=participants, resume=120, empty=300), 0)


def arrive(v: Visit, who: ParticipantId, now: float = 0, *, prepared: bool = False, host: bool = False,
           identity: str | None = None) -> list[object]:  # fmt: skip
    return list(v.arrive(who, identity or who, prepared=prepared, host=host, now=now))


def test_one_who_is_prepared_waits_until_they_enter() -> None:
    v = visit()
    assert arrive(v, A, prepared=True) == []
    assert v.stage(A) is Stage.WAITING
    assert v.enter(A) == [Entered(A)]
    assert v.enter(A) == []
    assert v.stage(A) is Stage.PRESENT


def test_who_drops_keeps_their_place_for_two_minutes() -> None:
    v = visit()
    arrive(v, A)
    assert v.drop(A, 10) == [Dropped(A)]
    assert v.is_dropped(A)
    assert v.timeout(129.9) == []
    assert v.resume(A, 129.9) == [Resumed(A)]
    assert v.timeout(1000) == []
    v.drop(A, 1000)
    assert v.next_timeout() == 1120
    assert v.timeout(1120) == [Gone(A, Stage.PRESENT, Departure.TIMED_OUT)]
    assert v.stage(A) is None


def test_one_who_waits_may_drop_and_goes_on_waiting() -> None:
    v = visit()
    arrive(v, A, prepared=True)
    v.drop(A, 1)
    v.resume(A, 2)
    assert v.stage(A) is Stage.WAITING


def test_the_same_person_replaces_themselves_even_in_a_full_or_locked_room() -> None:
    v = visit(participants=2)
    arrive(v, A, identity="pat")
    arrive(v, B)
    v.locked = True
    assert arrive(v, C, identity="pat") == [Gone(A, Stage.PRESENT, Departure.REPLACED), Entered(C)]
    assert len(v) == 2


def test_a_full_room_takes_nobody_else() -> None:
    v = visit(participants=1)
    arrive(v, A, prepared=True)
    with pytest.raises(VisitFullError):
        arrive(v, B)
    v.leave(A, Departure.LEFT, 1)
    assert arrive(v, B) == [Entered(B)]


def test_a_locked_room_takes_hosts_and_those_expected() -> None:
    v = visit(participants=9)
    v.locked = True
    with pytest.raises(VisitLockedError):
        arrive(v, A)
    assert arrive(v, B, host=True) == [Entered(B)]
    v.expect("a")
    assert v.expected == {"a"}
    assert arrive(v, A) == [Entered(A)]
    assert v.expected == set()


def test_one_who_waits_does_not_slip_in_after_the_door_was_locked() -> None:
    v = visit(participants=9)
    arrive(v, A, prepared=True)
    arrive(v, B, prepared=True, host=True)
    v.locked = True
    with pytest.raises(VisitLockedError):
        v.enter(A)
    assert v.stage(A) is Stage.WAITING
    assert v.enter(B) == [Entered(B)]
    v.locked = False
    assert v.enter(A) == [Entered(A)]


def test_a_reload_in_a_locked_room_leads_back_in_only_who_was_in() -> None:
    v = visit(participants=9)
    arrive(v, A, identity="in")
    arrive(v, B, identity="waits", prepared=True)
    again, twice = ParticipantId("again"), ParticipantId("twice")
    arrive(v, twice, identity="waits", prepared=True)
    v.locked = True
    arrive(v, again, identity="in", prepared=True)
    assert v.enter(again) == [Entered(again)]
    with pytest.raises(VisitLockedError):
        v.enter(twice)


def test_an_empty_visit_ends_after_a_while_and_not_while_someone_may_resume() -> None:
    v = visit()
    assert v.next_timeout() == 300
    arrive(v, A, 299)
    v.drop(A, 299)
    assert v.timeout(418) == []
    assert v.timeout(419) == [Gone(A, Stage.PRESENT, Departure.TIMED_OUT)]
    assert v.timeout(718) == []
    assert v.timeout(719) == [Emptied()]
    assert v.next_timeout() is None
    assert v.timeout(9999) == []


def test_closing_sends_everybody_away() -> None:
    v = visit()
    arrive(v, A)
    arrive(v, B, prepared=True)
    assert v.close(Departure.ENDED, 5) == [
        Gone(A, Stage.PRESENT, Departure.ENDED),
        Gone(B, Stage.WAITING, Departure.ENDED),
    ]
    assert v.next_timeout() is None


def test_who_is_held_waits_until_admitted() -> None:
    v = visit()
    arrive(v, A, identity="pat", prepared=True)
    assert v.held(A) is None
    assert v.hold(A, "waiting") == [Held(A, "waiting")]
    assert v.hold(A, "waiting") == []
    assert (v.stage(A), v.held(A)) == (Stage.WAITING, "waiting")
    assert v.admit("pat") == [Entered(A, was_held=True)]
    assert v.admit("pat") == []
    assert (v.stage(A), v.held(A)) == (Stage.PRESENT, None)
    assert v.hold(A, "late") == [], "an answer that comes late holds nobody who is in"


def test_who_only_prepares_is_not_dragged_in_by_an_admission() -> None:
    v = visit()
    arrive(v, A, identity="pat", prepared=True)
    assert v.admit("pat") == []
    assert v.stage(A) is Stage.WAITING
    assert v.was_admitted("pat")
    assert v.enter(A) == [Entered(A)]


def test_who_is_sent_back_waits_and_their_other_devices_are_out() -> None:
    v = visit(participants=9)
    arrive(v, A, identity="pat")
    v.arrive(B, "pat", place="whip", prepared=False, host=False, now=0)
    arrive(v, C, identity="other")
    before = v.generation("pat")
    assert v.send_back("pat", "sent_back", 1) == [
        SentBack(A, "sent_back"),
        Gone(B, Stage.PRESENT, Departure.SENT_BACK),
    ]
    assert v.generation("pat") == before + 1
    assert (v.stage(A), v.held(A), v.was_sent_back("pat")) == (Stage.WAITING, "sent_back", "sent_back")
    assert (v.stage(C), v.was_admitted("pat"), v.was_admitted("other")) == (Stage.PRESENT, False, True)
    assert v.send_back("pat", "other words", 2) == [Held(A, "other words")]
    assert v.admit("pat") == [Entered(A, was_held=True)]
    assert v.was_sent_back("pat") is None


def test_who_waits_may_drop_be_admitted_meanwhile_and_resume_inside() -> None:
    v = visit()
    arrive(v, A, identity="pat", prepared=True)
    v.hold(A, "waiting")
    v.drop(A, 1)
    assert v.admit("pat") == [Entered(A, was_held=True)]
    assert v.is_dropped(A)
    assert v.resume(A, 2) == [Resumed(A)]
    assert v.stage(A) is Stage.PRESENT


def test_an_admission_outlives_reload_and_drop_and_not_a_removal() -> None:
    v = visit()
    arrive(v, A, identity="pat")
    arrive(v, B, identity="pat", prepared=True)
    assert v.was_admitted("pat")
    v.leave(B, Departure.TIMED_OUT, 1)
    assert v.was_admitted("pat")
    arrive(v, C, identity="pat")
    v.leave(C, Departure.REMOVED, 2)
    assert not v.was_admitted("pat")


def test_who_is_admitted_passes_a_lock() -> None:
    v = visit()
    arrive(v, A, identity="pat", prepared=True)
    v.hold(A, "waiting")
    v.locked = True
    with pytest.raises(VisitLockedError):
        v.enter(A)
    assert v.admit("pat") == [Entered(A, was_held=True)]


_step = st.tuples(
    st.sampled_from(
        ["arrive", "prepare", "enter", "hold", "admit", "back", "drop", "resume", "leave", "time"]
    ),
    st.sampled_from([A, B, C]),
    st.floats(0, 200),
)


@given(st.lists(_step, max_size=60))
@settings(max_examples=300, deadline=None)
def test_nobody_is_told_gone_twice_or_forgotten(steps: list[tuple[str, ParticipantId, float]]) -> None:
    v, now = visit(participants=2), 0.0
    inside: set[ParticipantId] = set()
    for step, who, wait in steps:
        now += wait
        changes: list[object] = []
        if step in ("arrive", "prepare") and v.stage(who) is None:
            try:
                changes = arrive(v, who, now, prepared=step == "prepare")
                inside.add(who)
            except VisitFullError:
                assert len(inside) == 2
        elif step in ("enter",):
            changes = list(v.enter(who))
        elif step == "hold":
            changes = list(v.hold(who, "waiting"))
        elif step == "admit":
            changes = list(v.admit(who))
            assert v.was_admitted(who)
            assert v.held(who) is None
        elif step == "back":
            changes = list(v.send_back(who, "back", now))
            assert v.stage(who) is not Stage.PRESENT
        elif step == "drop":
            changes = list(v.drop(who, now))
        elif step == "resume":
            changes = list(v.resume(who, now))
        elif step == "leave":
            changes = list(v.leave(who, Departure.LEFT, now))
        elif step == "time":
            changes = list(v.timeout(now))
        for change in changes:
            if isinstance(change, Gone):
                assert change.who in inside
                inside.remove(change.who)
        assert {p for p in (A, B, C) if v.stage(p) is not None} == inside
        if any(isinstance(change, Emptied) for change in changes):
            assert not inside
            return
