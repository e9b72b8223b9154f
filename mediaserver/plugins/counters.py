"""What plugins do, counted; and as Prometheus has it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from mediaserver.plugins.breaker import Condition


@dataclass(frozen=True, slots=True)
class PluginState:
    """How a plugin does: for the dashboard and REST. `since` (ms since 1970) is when the condition began,
    `fault` the last one's kind and place, `behind` events on their way to it, `parked` set aside.
    """

    name: str
    version: str
    condition: Condition
    since: int
    fault: str | None
    behind: int
    parked: int
    dropped: int


@dataclass(slots=True)
class Counters:
    """By plugin. `calls`: (kind, outcome) with kind gate, event, timer, route, panel; outcome ok, refused,
    fault, deadline, busy, degraded. `drops`: events not told, by reason.
    """

    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    drops: Counter[str] = field(default_factory=Counter)
    retries: int = 0


class PluginMetrics:
    """A Prometheus collector over the host's figures."""

    def __init__(self, figures: Callable[[], Sequence[tuple[PluginState, Counters]]]) -> None:
        self._figures = figures

    def collect(self) -> Iterable[Metric]:
        """Prometheus' `Collector`."""
        up = GaugeMetricFamily("mediaserver_plugin_well", "0 while degraded.", labels=["plugin"])
        behind = GaugeMetricFamily("mediaserver_plugin_behind", "Events not yet heard.", labels=["plugin"])
        parked = GaugeMetricFamily("mediaserver_plugin_parked", "Events set aside.", labels=["plugin"])
        calls = CounterMetricFamily(
            "mediaserver_plugin_calls", "Hooks called.", labels=["plugin", "kind", "outcome"]
        )
        drops = CounterMetricFamily(
            "mediaserver_plugin_drops", "Events not told.", labels=["plugin", "reason"]
        )
        retries = CounterMetricFamily("mediaserver_plugin_retries", "Events told again.", labels=["plugin"])
        for state, counters in self._figures():
            up.add_metric([state.name], float(state.condition is not Condition.DEGRADED))
            behind.add_metric([state.name], state.behind)
            parked.add_metric([state.name], state.parked)
            retries.add_metric([state.name], counters.retries)
            for (kind, outcome), count in sorted(counters.calls.items()):
                calls.add_metric([state.name, kind, outcome], count)
            for reason, count in sorted(counters.drops.items()):
                drops.add_metric([state.name, reason], count)
        yield from (up, behind, parked, calls, drops, retries)
