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
    Resumed,
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


_step = st.tuples(
    st.sampled_from(["arrive", "prepare", "enter", "drop", "resume", "leave", "time"]),
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
