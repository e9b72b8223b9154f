"""When a plugin is left alone, and when it is tried again.

    WELL --faults--> DEGRADED --cooldown, then a trial--> ON_TRIAL --success--> WELL
                        ^                                    |
                        +--------------- fault --------------+

A fault counts one and a success takes a quarter back, so a plugin that fails at every other call is caught
as well as one that always does.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Condition(StrEnum):
    """How a plugin does."""

    WELL = "well"
    DEGRADED = "degraded"
    ON_TRIAL = "on_trial"  # it answered a trial, but did no real work since


@dataclass(frozen=True, slots=True)
class BreakerLimits:
    """`faults` open it; `cooldown` seconds to the first trial, twice as long after each that fails."""

    faults: float = 3.0
    forgiven: float = 0.25
    cooldown: float = 2.0
    longest: float = 60.0


class Breaker:
    """Sans-IO; `now` is monotonic seconds."""

    def __init__(self, limits: BreakerLimits = BreakerLimits()) -> None:
        self.condition = Condition.WELL
        self._limits = limits
        self._score = 0.0
        self._cooldown = limits.cooldown
        self._trial_at: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is left alone."""
        return self.condition is Condition.DEGRADED

    @property
    def trial_at(self) -> float | None:
        """When the next trial is due; None while it is well."""
        return self._trial_at

    def may_try(self, now: float) -> bool:
        """Takes the trial that is due, if one is: the caller must report how it went."""
        if self._trial_at is None or now < self._trial_at:
            return False
        self._trial_at = now + self._cooldown  # nobody else tries meanwhile
        return True

    def succeeded(self, now: float, *, ping: bool = False) -> bool:
        """A call went well (`ping`: one that did no work). Gives whether it recovered just now."""
        if self.condition is Condition.WELL:
            self._score = max(0.0, self._score - self._limits.forgiven)
            return False
        recovered = self.condition is Condition.DEGRADED
        self.condition = Condition.ON_TRIAL if ping else Condition.WELL
        self._score, self._trial_at = 0.0, None
        if not ping:
            self._cooldown = self._limits.cooldown
        return recovered

    def failed(self, now: float) -> bool:
        """A call went wrong. Gives whether it degraded just now."""
        if self.condition is Condition.DEGRADED:
            return self._open(now)
        self._score += 1.0
        if self._score < self._limits.faults and self.condition is Condition.WELL:
            return False
        self._open(now)
        return True

    def _open(self, now: float) -> bool:
        self.condition = Condition.DEGRADED
        self._trial_at = now + self._cooldown
        self._cooldown = min(self._cooldown * 2, self._limits.longest)
        return False
