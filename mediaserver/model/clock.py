"""The clock as an argument: the only file of the package that reads the time."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Both clocks a server needs."""

    def monotonic(self) -> float:
        """Seconds that never step back: deadlines, rates."""
        ...

    def wall(self) -> float:
        """Seconds since 1970 (UTC): what people and tokens are told."""
        ...


class SystemClock:
    """The machine's clocks."""

    def monotonic(self) -> float:
        """Seconds, monotonic."""
        return time.monotonic()

    def wall(self) -> float:
        """Seconds since 1970 (UTC)."""
        return time.time()


class ManualClock:
    """A clock that moves when told: tests and simulations."""

    def __init__(self, monotonic: float = 1_000.0, wall: float = 1_800_000_000.0) -> None:
        self._monotonic = monotonic
        self._wall = wall

    def monotonic(self) -> float:
        """Seconds, monotonic."""
        return self._monotonic

    def wall(self) -> float:
        """Seconds since 1970 (UTC)."""
        return self._wall

    def advance(self, seconds: float) -> None:
        """Moves both clocks."""
        self._monotonic += seconds
        self._wall += seconds

    def step_wall(self, seconds: float) -> None:
        """Steps the wall clock alone, as a bad time server does."""
        self._wall += seconds
