"""A plugin that sleeps, blocks, spins, raises, floods or hoards costs a call nothing but its own answer."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest
from plugin_limits import QUICK
from plugin_samples import (
    Blocker,
    Door,
    Flooder,
    Guard,
    Hoarder,
    Listener,
    Sleeper,
    Spinner,
    Thrower,
)

from mediaserver.model.actors import Actor
from mediaserver.model.pii import Pii
from mediaserver.model.roles import Role
from mediaserver.plugins.breaker import Condition
from mediaserver.plugins.workbench import Workbench
from workflows.api import Allow, ChatSaid, Deny, Hold, ParticipantArrived, Workflow

DEADLINE = QUICK.gate_deadline
SLACK = 0.3  # seconds for a loaded machine

FALLBACK = Hold("checking")


async def arrive(bench: Workbench) -> None:
    await bench.happen(ParticipantArrived, participant_id="patient", role=Role.PATIENT, settle=False)


async def until(what, seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not what():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def degraded(bench: Workbench) -> None:
    await until(lambda: bench.host.degraded())


async def test_the_first_deny_counts_then_the_first_hold_then_allow() -> None:
    async with Workbench.open(Door, Guard) as bench:
        assert await bench.ask("admission", "patient") == Hold("not yet")
        assert await bench.ask("admission", "interpreter") == Deny("no interpreters")
        assert await bench.ask("admission", "clinician") == Allow()
        assert await bench.ask("recording") == Allow()
    async with Workbench.open(Guard, Door) as bench:
        assert await bench.ask("admission", "patient") == Hold("guarded")


@pytest.mark.parametrize("kind", [Sleeper, Blocker, Spinner, Thrower])
async def test_an_answer_comes_within_the_deadline_and_the_badge_shows(
    kind: type[Workflow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Blocker, "seconds", 2.0)
    monkeypatch.setattr(Spinner, "spinning", True)
    async with Workbench.open(Door, kind, Listener, limits=QUICK) as bench:
        for _ in range(4):
            began = time.monotonic()
            assert await bench.ask("admission", "patient") == Hold("not yet")
            assert time.monotonic() - began < DEADLINE + SLACK
        assert [state.name for state in bench.host.degraded()] == [kind.name]
        # Once it is known to be degraded, nobody waits for it at all.
        began = time.monotonic()
        assert await bench.ask("admission", "carer") == FALLBACK
        assert time.monotonic() - began < 0.1
        await arrive(bench)
        listener = bench.host.workers["listener"]
        await until(lambda: not listener.busy)
        assert listener.state.condition is Condition.WELL
        Spinner.spinning = False


async def test_a_degraded_plugin_keeps_no_clinician_out() -> None:
    async with Workbench.open(Thrower, limits=QUICK) as bench:
        for _ in range(4):
            assert await bench.ask("admission", "clinician") == Allow()
        decision = await bench.host.ask("admission", bench.visit, bench.visit.people["patient"])
        assert decision.verdict == FALLBACK
        assert decision.fallback
        assert decision.plugin == "thrower"


@pytest.mark.parametrize("kind", [Sleeper, Thrower])
async def test_it_recovers_by_itself_and_those_held_are_told_of(
    kind: type[Workflow], monkeypatch: pytest.MonkeyPatch
) -> None:
    recovered = []

    async def then(plugin: str) -> None:
        recovered.append(plugin)

    async with Workbench.open(kind, limits=QUICK) as bench:
        bench.host.on_recovery(then)
        for _ in range(3):
            await bench.ask("admission", "patient")
        await degraded(bench)
        monkeypatch.setattr(Sleeper, "asleep", False)
        monkeypatch.setattr(Thrower, "throws", None)
        await until(lambda: not bench.host.degraded())  # nobody asks meanwhile
        assert set(recovered) == {kind.name}
        assert await bench.ask("admission", "patient") == Allow()
        assert bench.host.states()[0].condition is Condition.WELL


async def test_a_blocked_thread_answers_again_when_it_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Blocker, "seconds", 1.0)
    async with Workbench.open(Blocker, limits=QUICK) as bench:
        for _ in range(3):
            await bench.ask("admission", "patient")
        await degraded(bench)
        monkeypatch.setattr(Blocker, "seconds", 0.0)
        await until(lambda: not bench.host.degraded(), 10)


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, asyncio.CancelledError, RecursionError])
async def test_whatever_it_raises_ends_only_its_hook(
    error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Thrower, "throws", error)
    async with Workbench.open(Thrower, limits=QUICK) as bench:
        assert await bench.ask("admission", "patient") == FALLBACK
        monkeypatch.setattr(Thrower, "throws", None)
        assert await bench.ask("admission", "patient") == Allow()


async def test_a_fault_says_where_and_nothing_about_a_person(capfd: pytest.CaptureFixture[str]) -> None:
    async with Workbench.open(Thrower, limits=QUICK) as bench:
        for _ in range(4):
            await bench.ask("admission", "patient")
        await arrive(bench)
        state = bench.host.states()[0]
        assert state.fault is not None
        assert "ZeroDivisionError in" in state.fault
        assert "Ana" not in state.fault
        assert bench.host.workers["thrower"].caller.counters.calls["gate", "fault"] >= 3
    written = capfd.readouterr()
    assert "Ana Sample" not in written.out + written.err


async def test_a_flood_is_stopped_and_counted_against_the_plugin() -> None:
    async with Workbench.open(Flooder, Listener, limits=QUICK) as bench:
        await arrive(bench)
        flooder = bench.host.workers["flooder"]
        await until(lambda: flooder.caller.counters.calls["event", "fault"] == 1)
        assert "FloodError" in (flooder.state.fault or "")
        assert len(bench.visits.acts) <= QUICK.acts_at_once + QUICK.acts
        await until(lambda: not bench.host.workers["listener"].busy)


async def test_a_transaction_it_sits_on_is_undone_and_others_write() -> None:
    async with Workbench.open(Hoarder, limits=QUICK) as bench:
        await arrive(bench)
        await asyncio.sleep(0.05)  # it has the transaction by now
        began = time.monotonic()
        async with bench.database.unit(Actor.system()):
            pass
        assert time.monotonic() - began < QUICK.hold + SLACK
        await until(lambda: not bench.host.workers["hoarder"].busy)


async def test_too_many_events_for_a_slow_plugin_are_dropped_or_kept_on_disk() -> None:
    async with Workbench.open(Listener, limits=replace(QUICK, queue=10)) as bench:
        visit = bench.visit
        for number in range(30):  # in one go: its task has no turn meanwhile
            bench.host.tell(
                ChatSaid(
                    tenant=visit.tenant, visit=visit.id, at=0, participant_id=str(number), text=Pii("hi")
                )
            )
        assert bench.host.states()[0].dropped == 20
        async with bench.database.unit(Actor.system()) as unit:
            for number in range(30):
                event = ParticipantArrived(
                    tenant=visit.tenant, visit=visit.id, at=0, participant_id=str(number), role=Role.PATIENT
                )
                await bench.host.emit(unit, event)
        await bench.settle()
        heard = bench.host.workers["listener"].caller._plugin.heard  # type: ignore[union-attr]
        arrived = [person for kind, person, _ in heard if kind == "ParticipantArrived"]
        assert arrived == [str(number) for number in range(30)]


async def test_one_held_by_a_single_fault_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    again = []

    async def then(plugin: str) -> None:
        again.append(plugin)

    async with Workbench.open(Thrower, limits=QUICK) as bench:
        bench.host.on_recovery(then)
        assert await bench.ask("admission", "patient") == FALLBACK
        monkeypatch.setattr(Thrower, "throws", None)
        await until(lambda: again == ["thrower"])
        assert not bench.host.degraded()
        assert await bench.ask("admission", "patient") == Allow()


async def test_more_questions_than_a_plugin_takes_at_once_are_not_its_fault() -> None:
    async with Workbench.open(Sleeper, limits=replace(QUICK, asked=2)) as bench:
        answers = await asyncio.gather(*(bench.ask("admission", "patient") for _ in range(6)))
        assert answers == [FALLBACK] * 6
        calls = bench.host.workers["sleeper"].caller.counters.calls
        assert (calls["gate", "deadline"], calls["gate", "busy"]) == (2, 4)
        assert not bench.host.degraded()
