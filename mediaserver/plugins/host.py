"""The host: what the house asks and tells its plugins, and how they do."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import structlog

from mediaserver.model.clock import Clock
from mediaserver.model.pii import fault
from mediaserver.model.visits import VisitFacts
from mediaserver.plugins.breaker import Condition
from mediaserver.plugins.caller import Caller
from mediaserver.plugins.codec import EventCodec
from mediaserver.plugins.counters import Counters, PluginState
from mediaserver.plugins.discovery import Found, settings_of
from mediaserver.plugins.handles import Lodging
from mediaserver.plugins.outbox import Outbox
from mediaserver.plugins.ports import Recorder, Visits
from mediaserver.plugins.settings import HostLimits
from mediaserver.plugins.tables import MIGRATIONS
from mediaserver.plugins.worker import Answer, Worker, fallback_of
from mediaserver.storage import Database, Migrations, StorageError, Unit
from signaling.rate import TokenBucket
from workflows.api import GATES, Allow, Deny, Event, Hold, Verdict

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Decision:
    """What all plugins together say, and whose word it is. `reason` is what the person is told: a key
    `<plugin>.<key>` of its catalogue, or a plain sentence. `fallback`: the plugin couldn't be asked, so a
    person with the right may decide in its place.
    """

    verdict: Verdict
    plugin: str | None = None
    reason: str = ""
    fallback: bool = False


def migrations(found: Sequence[Found]) -> list[Migrations]:
    """For `Database.upgrade`: the host's own revisions and the plugins'."""
    own = [
        Migrations(one.name, one.manifest.kind.migrations)
        for one in found
        if one.manifest is not None and one.manifest.kind.migrations is not None
    ]
    return [MIGRATIONS, *own]


class PluginHost:
    """`start`, then all else, then `stop`. Runs on the house's loop; plugins run on their own."""

    def __init__(
        self,
        found: Sequence[Found],
        database: Database,
        visits: Visits,
        recorder: Recorder,
        clock: Clock,
        *,
        settings: Mapping[str, Mapping[str, Any]] | None = None,
        limits: HostLimits | None = None,
    ) -> None:
        """`found` in the order in which their verdicts count. Raises SettingsError."""
        self.found = tuple(found)
        self._database = database
        self._visits = visits
        self._recorder = recorder
        self._clock = clock
        self._limits = limits or HostLimits()
        self._settings = settings or {}
        self._broken = [one for one in found if one.manifest is None]
        kinds = [one.manifest.kind for one in found if one.manifest is not None]
        own = {kind for one in kinds for kind in one.emits}
        own |= {
            kind for one in found if one.manifest for _, mark in one.manifest.events for kind in mark.events
        }
        self._outbox = Outbox(database, EventCodec(sorted(own, key=lambda kind: kind.__qualname__)))
        self._workers: dict[str, Worker] = {}
        self._started_at = int(clock.wall() * 1000)
        self._tasks: list[asyncio.Task[None]] = []
        self._recovered: list[Callable[[str], Awaitable[None]]] = []
        for one in found:
            if one.manifest is not None:
                settings_of(one.manifest, self._settings.get(one.name, {}))

    # Life.

    async def start(self) -> None:
        """Starts every plugin; one that fails is degraded and tried again. Raises StorageError."""
        for one in self.found:
            if one.manifest is None:
                log.error("plugin.unloadable", plugin=one.name, problem=one.problem)
                continue
            await self._outbox.unpark(one.name)
            self._workers[one.name] = self._worker(one)
        await asyncio.gather(*(worker.start() for worker in self._workers.values()))
        self._tasks.append(asyncio.create_task(self._outbox.run()))

    async def stop(self) -> None:
        """Ends them all; what they haven't heard stays in the outbox."""
        await asyncio.gather(*(worker.stop() for worker in self._workers.values()))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with suppress(StorageError):  # then they hear it twice
            await self._outbox.flush()

    def _worker(self, one: Found) -> Worker:
        assert one.manifest is not None  # noqa: S101
        limits, kind = self._limits, one.manifest.kind
        caller = Caller(
            one.manifest,
            settings_of(one.manifest, self._settings.get(one.name, {})),
            self._clock,
            limits,
        )
        caller.recovered = lambda: self._tell_recovery(one.name)
        lodging = Lodging(
            plugin=one.name,
            tables=kind.tables,
            emits=kind.emits,
            texts=one.texts,
            loop=asyncio.get_running_loop(),
            database=self._database,
            visits=self._visits,
            recorder=self._recorder,
            host=self,
            clock=self._clock,
            acts=TokenBucket(limits.acts, limits.acts_at_once, self._clock.monotonic()),
            hold=limits.hold,
        )
        return Worker(caller, lodging, self._outbox, limits, one.version)

    # Gates.

    async def ask(self, gate: str, facts: VisitFacts, *arguments: object) -> Decision:
        """Asks every plugin that has the gate, all at once and each with the same deadline. The first Deny in
        their order is the answer, else the first Hold, else Allow.
        """
        asked = [worker for worker in self._workers.values() if gate in worker.caller.manifest.gates]
        said = await asyncio.gather(*(worker.ask(gate, facts, *arguments) for worker in asked))
        answers = dict(zip((worker.name for worker in asked), said, strict=True))
        # One that can't be loaded might have had the gate: a door isn't open because its keeper is away.
        answers |= {one.name: Answer(fallback_of(gate, arguments), True) for one in self._broken}
        for wanted in (Deny, Hold):
            for one in self.found:
                answer = answers.get(one.name)
                if answer is not None and isinstance(answer.verdict, wanted):
                    reason = answer.verdict.reason
                    told = one.texts.key(reason) or reason
                    return Decision(answer.verdict, one.name, told, answer.fallback)
        return Decision(Allow())

    async def verdict(self, gate: str, facts: VisitFacts, *arguments: object) -> Verdict:
        """`ask`, for a plugin. Raises KeyError for no gate."""
        return (await self.ask(GATES[gate].name, facts, *arguments)).verdict

    # Events.

    async def emit(self, unit: Unit, event: Event) -> None:
        """Tells plugins of it: a durable one is written in the act's own transaction, and all are told after
        its commit. Raises ValueError for another clinic's event, StorageError.
        """
        if event.tenant != unit.tenant:
            raise ValueError("an event is of the clinic whose act it is")
        event = _named(event)
        hearers = [worker for worker in self._workers.values() if worker.hears(type(event))]
        if not hearers:
            return
        if event.durable:
            await self._outbox.write(unit, event, [worker.name for worker in hearers])

        async def offer() -> None:
            for worker in hearers:
                worker.offer(event)

        unit.after_commit(offer)

    def tell(self, event: Event) -> None:
        """Tells plugins of an event that isn't durable, at once. Raises ValueError for one that is."""
        if event.durable:
            raise ValueError(f"{type(event).__name__} is durable: `emit` it with the act's unit")
        event = _named(event)
        for worker in self._workers.values():
            if worker.hears(type(event)):
                worker.offer(event)

    # State.

    @property
    def workers(self) -> Mapping[str, Worker]:
        """Plugins at work, in order."""
        return self._workers

    def states(self) -> list[PluginState]:
        """How every plugin does, in order; one that can't be loaded is degraded."""
        states = {name: worker.state for name, worker in self._workers.items()}
        for one in self._broken:
            states[one.name] = PluginState(
                one.name, one.version, Condition.DEGRADED, self._started_at, one.problem, 0, 0, 0
            )
        return [states[one.name] for one in self.found if one.name in states]

    def degraded(self) -> list[PluginState]:
        """Those that are left alone now: the badge on the dashboard."""
        return [state for state in self.states() if state.condition is Condition.DEGRADED]

    async def parked(self) -> dict[str, int]:
        """Events set aside, by plugin; those of former runs too. Raises StorageError."""
        return await self._outbox.parked()

    def figures(self) -> list[tuple[PluginState, Counters]]:
        """For `PluginMetrics`."""
        return [(worker.state, worker.caller.counters) for worker in self._workers.values()]

    def on_recovery(self, then: Callable[[str], Awaitable[None]]) -> None:
        """Calls `then(plugin)` when those whom a fallback of that plugin may have held are to be asked for
        anew: it does well again, or a single question went wrong a moment ago.
        """
        self._recovered.append(then)

    def _tell_recovery(self, plugin: str) -> None:
        for then in self._recovered:
            task = asyncio.create_task(_guarded(then, plugin))
            self._tasks.append(task)
            task.add_done_callback(self._tasks.remove)


def _named(event: Event) -> Event:
    return event if event.id else replace(event, id=f"e_{secrets.token_urlsafe(12)}")


async def _guarded(then: Callable[[str], Awaitable[None]], plugin: str) -> None:
    try:
        await then(plugin)
    except Exception as error:
        log.error("plugin.recovery", plugin=plugin, fault=fault(error))
