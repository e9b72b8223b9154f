"""Percentiles of what was measured."""

from __future__ import annotations

from collections.abc import Sequence


def spread(values: Sequence[float], digits: int | None = None) -> dict[str, float]:
    """p50, p95 (nearest rank) and the worst, rounded."""
    ordered = sorted(values)
    rank = max(0, -(-95 * len(ordered) // 100) - 1)
    found = {"p50": ordered[len(ordered) // 2], "p95": ordered[rank], "max": ordered[-1]}
    return {name: round(value, digits) for name, value in found.items()}
