"""How often something may happen."""

from __future__ import annotations


class TokenBucket:
    """Lets `rate` tokens a second through, and up to `burst` at once. Times are monotonic seconds."""

    __slots__ = ("_at", "_burst", "_rate", "_tokens")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at = now

    def take(self, now: float, tokens: float = 1.0) -> bool:
        """Takes tokens if there are enough; false when not, and then nothing is taken."""
        # max(): a caller whose clock steps back must not be punished or rewarded.
        self._tokens = min(self._burst, self._tokens + max(0.0, now - self._at) * self._rate)
        self._at = max(self._at, now)
        if self._tokens < tokens:
            return False
        self._tokens -= tokens
        return True
