"""The host's small machines: breaker, backlog, codec, manifest."""

from __future__ import annotations

import pytest

from mediaserver.model.actors import DEFAULT_TENANT
from mediaserver.model.pii import Pii
from mediaserver.model.roles import Role
from mediaserver.plugins import manifest
from mediaserver.plugins.backlog import Backlog
from mediaserver.plugins.breaker import Breaker, BreakerLimits, Condition
from mediaserver.plugins.codec import EventCodec, UnknownEventError
from mediaserver.plugins.discovery import SettingsError, found, ordered, settings_of
from workflows.api import EVENTS, Event, ParticipantArrived, Retry, SentBack, Setting, Workflow, gate

RETRY = Retry(attempts=3, delay=1.0, longest=4.0)


def event(id: str, visit: str = "v1") -> Event:
    return ParticipantArrived(
        tenant=DEFAULT_TENANT, visit=visit, at=1, id=id, participant_id="p", role=Role.PATIENT
    )


def test_a_breaker_opens_after_faults_and_tries_again_ever_more_seldom() -> None:
    breaker = Breaker(BreakerLimits(faults=3, cooldown=2, longest=5))
    assert not breaker.failed(0)
    assert not breaker.failed(0)
    assert breaker.failed(0)
    assert breaker.is_open
    assert not breaker.may_try(1.9)
    assert breaker.may_try(2.0)
    assert not breaker.may_try(2.0)  # one trial at a time
    breaker.failed(2.5)
    assert breaker.trial_at == 6.5
    breaker.failed(6.5)
    assert breaker.trial_at == 11.5  # the longest


def test_a_ping_that_succeeds_puts_it_on_trial_and_one_fault_reopens() -> None:
    breaker = Breaker(BreakerLimits(faults=1))
    breaker.failed(0)
    assert breaker.succeeded(3, ping=True)
    assert breaker.condition is Condition.ON_TRIAL
    assert breaker.failed(4)
    assert breaker.succeeded(5)
    assert breaker.condition is Condition.WELL


def test_one_that_fails_every_other_time_is_caught() -> None:
    breaker = Breaker()
    for turn in range(10):
        breaker.failed(turn)
        if breaker.is_open:
            return
        breaker.succeeded(turn)
    pytest.fail("never opened")


def test_a_failed_event_holds_back_its_own_visit_only_and_order_is_kept() -> None:
    backlog = Backlog(10)
    for id, visit in (("a1", "a"), ("b1", "b"), ("a2", "a"), ("b2", "b")):
        assert backlog.put(event(id, visit))
    first = backlog.take(0)
    assert first is not None
    assert first.event.id == "a1"
    assert backlog.failed(first, RETRY, 0)
    backlog.put(event("a3", "a"))
    order = []
    for now in (0, 0, 0.5, 1, 1, 1, 1):
        item = backlog.take(now)
        if item is not None:
            order.append(item.event.id)
            backlog.done(item)
    assert order == ["b1", "b2", "a1", "a2", "a3"]
    assert len(backlog) == 0


def test_an_event_is_given_up_after_its_attempts() -> None:
    backlog = Backlog(10)
    backlog.put(event("a1"))
    backlog.put(event("a2"))
    now = 0.0
    for _ in range(2):
        item = backlog.take(now)
        assert item is not None
        assert backlog.failed(item, RETRY, now)
        due = backlog.next_due()
        assert due is not None
        now = due
    assert now == 3.0  # 1 s, then 2 s
    item = backlog.take(now)
    assert item is not None
    assert not backlog.failed(item, RETRY, now)
    backlog.done(item)
    following = backlog.take(now)
    assert following is not None
    assert following.event.id == "a2"


def test_a_full_backlog_refuses_and_takes_none_twice() -> None:
    backlog = Backlog(1)
    assert backlog.put(event("a"))
    assert backlog.put(event("a"))
    assert not backlog.put(event("b"))
    assert len(backlog) == 1


def test_events_come_back_from_disk_as_they_were() -> None:
    codec = EventCodec()
    told = SentBack(tenant=DEFAULT_TENANT, visit="v", at=5, id="e", participant_id="p", by="a")
    assert codec.decode(*codec.encode(told)) == told
    with pytest.raises(UnknownEventError):
        codec.decode("NoSuchEvent", "{}")
    with pytest.raises(UnknownEventError):
        codec.decode("SentBack", "{}")


def test_no_durable_event_holds_a_persons_own_words() -> None:
    for kind in EVENTS:
        fields = {name: field.type for name, field in kind.__dataclass_fields__.items()}
        if kind.durable:
            assert not any("Pii" in str(type_) for type_ in fields.values()), kind.__name__


def test_a_persons_words_are_refused_by_the_codec() -> None:
    leak = SentBack(tenant=DEFAULT_TENANT, visit="v", at=5, participant_id="p", by=Pii("Ana"))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="own words"):
        EventCodec().encode(leak)


class Tuned(Setting, frozen=True):
    attempts: int = 3


class Tunable(Workflow):
    """Has settings."""

    name = "tunable"
    settings: Tuned

    @gate
    async def admission(self, visit, participant):
        return None


class Untuned(Tunable):
    """Takes a hook off."""

    name = "untuned"

    async def admission(self, visit, participant):
        return None


def test_a_manifest_knows_settings_and_hooks() -> None:
    read = manifest.read(Tunable)
    assert read.settings is Tuned
    assert read.gates == {"admission": "admission"}
    assert settings_of(read, {"attempts": 5}) == Tuned(attempts=5)
    assert manifest.read(Untuned).gates == {}


def test_settings_that_are_no_good_are_named_without_their_value() -> None:
    read = manifest.read(Tunable)
    with pytest.raises(SettingsError, match="tunable") as raised:
        settings_of(read, {"attempts": "secret"})
    assert "secret" not in str(raised.value)
    with pytest.raises(SettingsError):
        settings_of(read, {"unknown": 1})


def test_plugins_come_in_the_order_that_is_set() -> None:
    both = [found(Tunable), found(Untuned)]
    assert [one.name for one in ordered(both, ["untuned", "tunable"])] == ["untuned", "tunable"]
    with pytest.raises(SettingsError, match="missing"):
        ordered(both, ["missing"])
