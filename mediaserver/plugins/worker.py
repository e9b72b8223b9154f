"""One plugin at work: what it is asked, what it is told, and what happens while it is degraded.

A gate's question never waits for a degraded plugin: the fallback is the answer, and the last question is
put again, to nobody's cost, when a trial is due. Events that are durable stay in the outbox meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import structlog

from mediaserver.model.clock import Clock
from mediaserver.model.pii import fault
from mediaserver.model.roles import HOSTS
from mediaserver.model.visits import VisitFacts, VisitPerson
from mediaserver.plugins.backlog import Backlog, Item
from mediaserver.plugins.breaker import Condition
from mediaserver.plugins.caller import Caller, FaultError
from mediaserver.plugins.counters import PluginState
from mediaserver.plugins.handles import ClinicHandle, Lodging, VisitHandle
from mediaserver.plugins.outbox import Outbox
from mediaserver.plugins.settings import HostLimits
from mediaserver.storage import StorageError
from workflows.api import GATES, Allow, Call, Event, Refusal, Refuse, Retry, TimerHook, Verdict

log = structlog.get_logger(__name__)

# What isn't the plugin's fault (a database away) is tried again for as long as it takes.
_OURS = Retry(attempts=1_000_000, delay=0.5, longest=10.0)


@dataclass(frozen=True, slots=True)
class Answer:
    """To a gate; `fallback`: it isn't the plugin's own."""

    verdict: Verdict
    fallback: bool = False


def fallback_of(gate: str, arguments: Sequence[object]) -> Verdict:
    """The gate's fallback. Those who run the visit are known by their sign-in: a plugin that fails must not
    keep a clinician from their patient.
    """
    if gate == "admission" and any(isinstance(a, VisitPerson) and a.role in HOSTS for a in arguments):
        return Allow()
    return GATES[gate].fallback


class Worker:
    """See the module. `start`, then anything, then `stop`."""

    def __init__(
        self, caller: Caller, lodging: Lodging, outbox: Outbox, limits: HostLimits, version: str
    ) -> None:
        self.caller = caller
        self.version = version
        self.parked = 0
        self._lodging = lodging
        self._outbox = outbox
        self._limits = limits
        self._clock: Clock = lodging.clock
        self._backlog = Backlog(limits.queue)
        self._unacknowledged: set[str] = set()
        self._behind = True  # the outbox may hold events of a former run
        self._missed = 0
        self._asked = 0
        self._owes = False
        self._wake = asyncio.Event()
        self._last_question: tuple[str, VisitFacts, tuple[object, ...]] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._hears = {kind for _, mark in caller.manifest.events for kind in mark.events}

    @property
    def name(self) -> str:
        """The plugin's."""
        return self.caller.manifest.name

    async def start(self) -> None:
        """Starts the plugin, and the tasks that feed it."""
        await self.caller.start()
        self._spawn(self._work())
        for method, mark in self.caller.manifest.timers:
            self._spawn(self._time(method, mark))

    async def stop(self) -> None:
        """Ends it; durable events it hasn't heard stay in the outbox."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.caller.stop()

    @property
    def busy(self) -> bool:
        """Whether there is an event that it hasn't heard."""
        return self._behind or len(self._backlog) > 0

    @property
    def state(self) -> PluginState:
        """How it does."""
        return PluginState(
            name=self.name,
            version=self.version,
            condition=self.caller.condition,
            since=self.caller.since,
            fault=self.caller.fault,
            behind=len(self._backlog),
            parked=self.parked,
            dropped=sum(self.caller.counters.drops.values()),
        )

    # Gates.

    async def ask(self, gate: str, facts: VisitFacts, *arguments: object) -> Answer:
        """What the plugin says to a gate, in time; the gate's fallback when it doesn't."""
        fallback = Answer(fallback_of(gate, arguments), True)
        self._last_question = (gate, facts, arguments)
        breaker = self.caller.gate
        if breaker.is_open or not self.caller.started:
            self.caller.count("gate", "degraded")
            self._wake.set()  # a trial may be due
            return fallback
        if self._asked >= self._limits.asked:
            self.caller.count("gate", "busy")
            self._ask_for_them_later()
            return fallback
        try:
            return Answer(await self._question(gate, facts, *arguments))
        except FaultError:
            self._wake.set()
            self._ask_for_them_later()
            return fallback

    def _ask_for_them_later(self) -> None:
        """Someone was held by a fallback of a plugin that isn't degraded, so no recovery will ask anew."""
        if self._owes:
            return
        self._owes = True

        async def later() -> None:
            await asyncio.sleep(self._limits.breaker.cooldown)
            self._owes = False
            if not self.caller.gate.is_open:
                self.caller.recovered()

        self._spawn(later())

    async def _question(self, gate: str, facts: VisitFacts, *arguments: object) -> Verdict:
        method = self.caller.manifest.gates[gate]
        handle = VisitHandle(self._lodging, facts)
        self._asked += 1
        try:
            said = await self.caller.call("gate", method, self._limits.gate_deadline, handle, *arguments)
        except Refuse:
            raise self.caller.wrong("gate", method, "a gate answers by a verdict, not by Refuse") from None
        finally:
            self._asked -= 1
        if said is None:
            return Allow()
        if not isinstance(said, GATES[gate].verdicts):
            raise self.caller.wrong("gate", method, f"answered {type(said).__name__}")
        return said

    # Routes and panels.

    async def serve(self, kind: str, method: str, handle: ClinicHandle, call: Call) -> Any:
        """A route's or panel's answer. Raises Refuse."""
        breaker = self.caller.breaker(kind)
        degraded = breaker.is_open and not breaker.may_try(self._clock.monotonic())
        if degraded or self._asked >= self._limits.asked:
            self.caller.count(kind, "degraded" if degraded else "busy")
            raise Refuse(Refusal.UNAVAILABLE, "This part doesn't work just now.", retry_after=5)
        self._asked += 1
        try:
            result = await self.caller.call(kind, method, self._limits.route_deadline, handle, call)
        except FaultError:
            self._wake.set()
            raise Refuse(Refusal.UNAVAILABLE, "This part doesn't work just now.", retry_after=5) from None
        finally:
            self._asked -= 1
        if result is not None and not isinstance(result, msgspec.Struct):
            self.caller.wrong(kind, method, f"gave a {type(result).__name__}, not a Struct")
            raise Refuse(Refusal.UNAVAILABLE, "This part doesn't work just now.", retry_after=5)
        return result

    def visit(self, facts: VisitFacts) -> VisitHandle:
        """A handle for a route about a visit."""
        return VisitHandle(self._lodging, facts)

    def clinic(self, call: Call) -> ClinicHandle:
        """A handle for a route about the caller's clinic."""
        return ClinicHandle(self._lodging, call.actor.tenant)

    # Events.

    def hears(self, kind: type[Event]) -> bool:
        """Whether any of its hooks is for this event."""
        return kind in self._hears

    def offer(self, event: Event) -> None:
        """An event for it. Never waits: what it can't take stays in the outbox, or is dropped and counted."""
        if event.durable and (self._behind or not self._backlog.put(event)):
            self._behind = True
            self._missed += 1
        elif not event.durable and self.caller.work.is_open:
            self.caller.counters.drops["degraded"] += 1
        elif not event.durable and not self._backlog.put(event):
            self.caller.counters.drops["queue_full"] += 1
        self._wake.set()

    async def tell(self, event: Event) -> None:
        """An event at once and once, past queue and outbox: the conformance kit."""
        await self._run_hooks(Item(event, attempts=1_000_000))

    async def _work(self) -> None:
        """Tells it events, one at a time, and holds trials, for ever."""
        while True:
            try:
                await self._step()
            except Exception as error:  # a mistake of ours must not silence the plugin for good
                log.error("plugin.worker", plugin=self.name, fault=fault(error))
                await asyncio.sleep(1.0)

    async def _step(self) -> None:
        self._wake.clear()
        await self._trials(self._clock.monotonic())
        item = None if self.caller.work.is_open else self._backlog.take(self._clock.monotonic())
        if item is not None:
            await self._tell(item)
        elif self._behind and not self._backlog.full and not self.caller.work.is_open:
            await self._read_back()
        else:
            await self._rest()

    async def _rest(self) -> None:
        """Until something is there to do."""
        times = [self.caller.gate.trial_at, self.caller.route.trial_at, self.caller.work.trial_at]
        if not self.caller.work.is_open:
            times.append(self._backlog.next_due())
        due = min((time for time in times if time is not None), default=None)
        try:
            async with asyncio.timeout(None if due is None else max(0.0, due - self._clock.monotonic())):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _trials(self, now: float) -> None:
        if self.caller.work.is_open and self.caller.work.may_try(now):
            item = self._backlog.take(now) if self.caller.started else None
            if item is None:
                await self.caller.ping("event")
            else:
                await self._tell(item)
        if self.caller.started and self.caller.gate.is_open and self.caller.gate.may_try(now):
            self._spawn(self._ask_again())
        if self.caller.started and self.caller.route.is_open and self.caller.route.may_try(now):
            self._spawn(self.caller.ping("route"))

    async def _ask_again(self) -> None:
        if self._last_question is None:
            await self.caller.ping("gate")
            return
        gate, facts, arguments = self._last_question
        try:
            await self._question(gate, facts, *arguments)
        except FaultError:
            self._wake.set()  # the next trial has a time

    async def _tell(self, item: Item) -> None:
        try:
            await self._run_hooks(item)
        except Exception as error:  # a mistake of ours must not lose the event
            log.error("plugin.worker", plugin=self.name, fault=fault(error))
            self._backlog.failed(item, _OURS, self._clock.monotonic())

    async def _run_hooks(self, item: Item) -> None:
        event = item.event
        try:
            facts = await self._lodging.visits.facts(event.tenant, event.visit)
        except Refuse:
            self.caller.counters.drops["visit_gone"] += 1
            self._heard(item)
            return
        except StorageError as error:
            log.warning("plugin.event_waits", plugin=self.name, fault=fault(error))
            item.attempts -= 1
            self._backlog.failed(item, _OURS, self._clock.monotonic())
            return
        for method, mark in self.caller.manifest.events:
            if type(event) not in mark.events:
                continue
            try:
                handle = VisitHandle(self._lodging, facts)
                await self.caller.call("event", method, self._limits.event_deadline, handle, event)
            except Refuse:
                self.caller.wrong("event", method, "an event's hook can't refuse")
                await self._failed(item, mark.retry)
                return
            except FaultError:
                await self._failed(item, mark.retry)
                return
        self._heard(item)

    def _heard(self, item: Item) -> None:
        event = item.event
        if event.durable:
            self._unacknowledged.add(event.id)
            self._outbox.heard(self.name, event.id, lambda: self._unacknowledged.discard(event.id))
        self._backlog.done(item)

    async def _failed(self, item: Item, retry: Retry) -> None:
        if not item.event.durable:
            self.caller.counters.drops["failed"] += 1
            self._backlog.done(item)
        elif self._backlog.failed(item, retry, self._clock.monotonic()):
            self.caller.counters.retries += 1
        else:
            await self._park(item)

    async def _park(self, item: Item) -> None:
        try:
            await self._outbox.park(self.name, item.event.id)
        except StorageError as error:
            log.warning("plugin.event_waits", plugin=self.name, fault=fault(error))
            self._backlog.failed(item, _OURS, self._clock.monotonic())
            return
        self.parked += 1
        log.error("plugin.event_parked", plugin=self.name, id=item.event.id, type=type(item.event).__name__)
        self._backlog.done(item)

    async def _read_back(self) -> None:
        """Fetches from the outbox what didn't fit, or a former run left."""
        missed = self._missed
        at_hand: Sequence[str] = [*self._backlog.ids, *self._unacknowledged]
        try:
            page = await self._outbox.page(self.name, at_hand)
        except StorageError as error:
            log.warning("plugin.events_wait", plugin=self.name, fault=fault(error))
            await asyncio.sleep(1.0)
            return
        fitted = all(self._backlog.put(event) for event in page.events)
        self._behind = page.more or not fitted or self._missed != missed

    # Timers.

    async def _time(self, method: str, mark: TimerHook) -> None:
        while True:
            await asyncio.sleep(max(1.0, mark.seconds))
            if self.caller.condition is Condition.DEGRADED:
                continue
            try:
                for tenant in await self._lodging.visits.tenants():
                    handle = ClinicHandle(self._lodging, tenant)
                    await self.caller.call("timer", method, self._limits.event_deadline, handle)
            except (FaultError, Refuse):
                self._wake.set()
            except StorageError as error:
                log.warning("plugin.timer_waits", plugin=self.name, fault=fault(error))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        done: Callable[[asyncio.Task[None]], None] = self._tasks.discard
        task.add_done_callback(done)
