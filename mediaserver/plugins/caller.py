"""Calls one plugin's hooks: on its thread, with a deadline, counted, its faults told to a breaker.

There is a breaker for each way in: a plugin whose gate hangs is not asked again because its events do well.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import structlog

from mediaserver.model.clock import Clock
from mediaserver.model.pii import fault
from mediaserver.plugins.breaker import Breaker, Condition
from mediaserver.plugins.counters import Counters
from mediaserver.plugins.manifest import Manifest
from mediaserver.plugins.settings import HostLimits
from mediaserver.plugins.thread import PluginThread
from workflows.api import Refuse, Workflow

log = structlog.get_logger(__name__)

LOG_EVERY = 1.0  # seconds: a plugin that fails all the time must not fill the log


# Which breaker hears how a call of a kind went.
_WAYS = {"gate": "gate", "route": "route", "panel": "route"}
_WORST = (Condition.DEGRADED, Condition.ON_TRIAL, Condition.WELL)


class FaultError(Exception):
    """A hook failed, or wasn't called because its plugin is degraded; `word` is the outcome counted."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


class Caller:
    """One plugin's instance and how it does. `start` it before the first `call`."""

    def __init__(self, manifest: Manifest, settings: Any, clock: Clock, limits: HostLimits) -> None:
        self.manifest = manifest
        self.gate = Breaker(limits.breaker)
        self.route = Breaker(limits.breaker)
        self.work = Breaker(limits.breaker)  # events, timers, start
        self.counters = Counters()
        self.fault: str | None = None
        self.since = int(clock.wall() * 1000)
        self.recovered: Callable[[], None] = lambda: None
        self._settings = settings
        self._clock = clock
        self._limits = limits
        self._thread = PluginThread(manifest.name)
        self._plugin: Workflow | None = None
        self._logged_at = float("-inf")
        self._thread.start()

    @property
    def condition(self) -> Condition:
        """The worst of its breakers'."""
        held = {breaker.condition for breaker in (self.gate, self.route, self.work)}
        return next(condition for condition in _WORST if condition in held)

    def breaker(self, kind: str) -> Breaker:
        """The one of a kind of hook."""
        breaker: Breaker = getattr(self, _WAYS.get(kind, "work"))
        return breaker

    @property
    def started(self) -> bool:
        """Whether the plugin's `start` went well."""
        return self._plugin is not None

    async def start(self) -> bool:
        """Makes the plugin and starts it; false when that failed: then the next trial does it again."""
        manifest, settings = self.manifest, self._settings

        async def make() -> Workflow:
            plugin = manifest.kind(settings)
            await plugin.start()
            return plugin

        try:
            self._plugin = await self._run("start", make, self._limits.event_deadline)
        except FaultError:
            while not self.work.is_open:  # nothing can be asked of one that isn't there
                self._failed("start")
            return False
        return True

    async def stop(self) -> None:
        """The plugin's own end, then its thread's."""
        if self._plugin is not None and not self.work.is_open:
            with suppress(FaultError):  # logged; it ends either way
                await self._run("stop", self._plugin.stop, self._limits.stop_deadline)
        await self._thread.stop(self._limits.stop_deadline)

    async def call(self, kind: str, method: str, deadline: float, *arguments: object) -> Any:
        """Calls a hook. Raises FaultError, and Refuse, which is an answer."""
        plugin = self._plugin
        if plugin is None:
            self.count(kind, "degraded")
            raise FaultError("degraded")
        return await self._run(kind, lambda: getattr(plugin, method)(*arguments), deadline, method)

    async def ping(self, kind: str) -> None:
        """The trial of a way in by which nobody comes: whether the plugin's loop turns. Starts a plugin that
        didn't start yet.
        """
        if self._plugin is None:
            await self.start()
            return
        with suppress(FaultError):  # it stays as it is until the next trial
            await self._run(kind, _nothing, self._limits.event_deadline, "ping", ping=True)

    def count(self, kind: str, outcome: str) -> None:
        """One more call of a kind."""
        self.counters.calls[kind, outcome] += 1

    def wrong(self, kind: str, method: str, what: str) -> FaultError:
        """A hook answered, but not what it may."""
        self.count(kind, "fault")
        self._note(method, what)
        self._failed(kind)
        return FaultError("fault")

    async def _run(
        self,
        kind: str,
        work: Callable[[], Awaitable[Any]],
        deadline: float,
        method: str = "",
        *,
        ping: bool = False,
    ) -> Any:
        try:
            result = await self._thread.run(work, deadline)
        except Refuse:
            self.count(kind, "refused")
            self._went_well(kind, ping=ping)
            raise
        except TimeoutError as error:
            # Its own TimeoutError has a frame of the plugin's beneath; either way it is a fault.
            self.count(kind, "deadline")
            self._note(method or kind, f"no answer in {deadline:g} s ({type(error).__name__})")
            self._failed(kind)
            raise FaultError("deadline") from None
        except Exception as error:
            self.count(kind, "fault")
            self._note(method or kind, fault(error))
            self._failed(kind)
            raise FaultError("fault") from None
        if not ping:
            self.count(kind, "ok")
        self._went_well(kind, ping=ping)
        return result

    def _note(self, method: str, what: str) -> None:
        self.fault = f"{method}: {what}"
        now = self._clock.monotonic()
        if now - self._logged_at >= LOG_EVERY:
            self._logged_at = now
            log.warning("plugin.fault", plugin=self.manifest.name, hook=method, fault=what)

    def _went_well(self, kind: str, *, ping: bool) -> None:
        before = self.condition
        recovered = self.breaker(kind).succeeded(self._clock.monotonic(), ping=ping)
        self._tell_change(before)
        if recovered:
            self.recovered()

    def _failed(self, kind: str) -> None:
        before = self.condition
        self.breaker(kind).failed(self._clock.monotonic())
        self._tell_change(before)

    def _tell_change(self, before: Condition) -> None:
        if self.condition is before:
            return
        self.since = int(self._clock.wall() * 1000)
        log.warning("plugin.condition", plugin=self.manifest.name, condition=self.condition.value)


async def _nothing() -> None:
    """What a ping does."""
