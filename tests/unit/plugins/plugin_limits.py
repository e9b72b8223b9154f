"""Bounds of the host for tests that wait for them."""

from __future__ import annotations

from mediaserver.plugins.breaker import BreakerLimits
from mediaserver.plugins.settings import HostLimits

QUICK = HostLimits(breaker=BreakerLimits(cooldown=0.1, longest=0.4), event_deadline=0.5)
