"""What plugins do, as Prometheus has it; timers; plugins that can't be loaded."""

from __future__ import annotations

import asyncio
from importlib.metadata import EntryPoint

from plugin_limits import QUICK
from plugin_samples import Door, Thrower
from prometheus_client import CollectorRegistry, generate_latest

from mediaserver.model.clock import SystemClock
from mediaserver.plugins.breaker import Condition
from mediaserver.plugins.counters import PluginMetrics
from mediaserver.plugins.discovery import GROUP, discover
from mediaserver.plugins.host import PluginHost
from mediaserver.plugins.workbench import SampleRecorder, Workbench
from workflows.api import Allow, Hold, Workflow, every


async def test_metrics_tell_of_calls_and_of_who_is_degraded() -> None:
    async with Workbench.open(Door, Thrower, limits=QUICK) as bench:
        for _ in range(5):
            await bench.ask("admission", "patient")
        registry = CollectorRegistry()
        registry.register(PluginMetrics(bench.host.figures))
        text = generate_latest(registry).decode()
    assert 'mediaserver_plugin_well{plugin="door"} 1.0' in text
    assert 'mediaserver_plugin_well{plugin="thrower"} 0.0' in text
    assert 'mediaserver_plugin_calls_total{kind="gate",outcome="ok",plugin="door"} 5.0' in text
    assert 'mediaserver_plugin_calls_total{kind="gate",outcome="fault",plugin="thrower"} 3.0' in text


class Ticker(Workflow):
    """Ticks."""

    name = "ticker"

    def __init__(self, settings=None):
        super().__init__(settings)
        self.ticks = []

    @every(1)
    async def tick(self, clinic):
        self.ticks.append(clinic.tenant)


async def test_a_timer_runs_for_each_clinic() -> None:
    async with Workbench.open(Ticker) as bench:
        ticker = bench.host.workers["ticker"].caller._plugin
        async with asyncio.timeout(5):
            while not ticker.ticks:  # type: ignore[union-attr]  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert ticker.ticks == ["clinic"]  # type: ignore[union-attr]


class Unstartable(Workflow):
    """Doesn't start the first two times."""

    name = "unstartable"
    tries = 0

    async def start(self):
        type(self).tries += 1
        if self.tries < 3:
            raise OSError("no")


async def test_one_that_does_not_start_is_started_again_by_itself() -> None:
    async with Workbench.open(Unstartable, limits=QUICK) as bench:
        assert bench.host.degraded()
        async with asyncio.timeout(5):
            while bench.host.degraded():  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert Unstartable.tries == 3


async def test_one_that_can_not_be_loaded_is_degraded_and_its_door_is_shut() -> None:
    entries = [
        EntryPoint("missing", "no_such_module:Plugin", GROUP),
        EntryPoint("renamed", "plugin_samples:Door", GROUP),
        EntryPoint("nothing", "plugin_samples:time", GROUP),
    ]
    found = discover(entries)
    assert [one.manifest for one in found] == [None, None, None]
    assert found[0].problem.startswith("ModuleNotFoundError")
    assert "named 'door'" in found[2].problem
    async with Workbench.open() as bench:
        host = PluginHost(found, bench.database, bench.visits, SampleRecorder(), SystemClock())
        await host.start()
        try:
            assert [state.condition for state in host.states()] == [Condition.DEGRADED] * 3
            patient, clinician = bench.visit.people["patient"], bench.visit.people["clinician"]
            decision = await host.ask("admission", bench.visit, patient)
            assert (decision.verdict, decision.fallback) == (Hold("checking"), True)
            assert (await host.ask("admission", bench.visit, clinician)).verdict == Allow()
        finally:
            await host.stop()
