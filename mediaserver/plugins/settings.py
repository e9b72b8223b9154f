"""Bounds of the host; times in seconds."""

from __future__ import annotations

from dataclasses import dataclass, field

from mediaserver.plugins.breaker import BreakerLimits


@dataclass(frozen=True, slots=True)
class HostLimits:
    """`queue` and `asked` are per plugin: events on their way, and gates, routes and panels at once. `acts`
    a second and `acts_at_once` bound what a plugin asks of the house; `hold` is how long it may keep a
    transaction open.
    """

    gate_deadline: float = 0.25
    event_deadline: float = 5.0
    route_deadline: float = 10.0
    stop_deadline: float = 1.0
    queue: int = 1000
    asked: int = 500
    acts: float = 500.0
    acts_at_once: float = 2000.0
    hold: float = 0.5
    breaker: BreakerLimits = field(default_factory=BreakerLimits)
