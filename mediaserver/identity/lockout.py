"""How long somebody waits after wrong tries: by account, by address, by browser.

A try is charged before the secret is looked at and given back when it was right, so a thousand tries sent at
once don't all see an open door. The delay grows with each failure to a limit: it stops guessing (96 tries a
day at a limit of 15 min) and never shuts anyone out for good. A browser that has signed in to the account
before is counted by itself (OWASP "device cookies"), so that a stranger's tries don't lock the owner out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text

from mediaserver.identity.errors import LockedError
from mediaserver.identity.secret_values import digest
from mediaserver.identity.tables import login_attempt
from mediaserver.storage import Unit


@dataclass(frozen=True, slots=True)
class LockoutRule:
    """`free` failures cost nothing; the next costs `first` seconds, each further twice as much up to
    `longest`. Failures are forgotten `forget` seconds after the last.
    """

    free: int = 5
    first: float = 30.0
    longest: float = 900.0
    forget: float = 24 * 3600.0

    def delay(self, failures: int) -> float:
        """Seconds to wait after that many failures in a row."""
        if failures < self.free:
            return 0.0
        # The exponent is bounded, or a long attack would overflow a float.
        return min(self.longest, self.first * 2.0 ** min(failures - self.free, 32))


@dataclass(frozen=True, slots=True)
class Counter:
    """Whose tries are counted (`kind:value`, stored hashed), by which rule."""

    kind: str
    value: str
    rule: LockoutRule

    @property
    def key(self) -> str:
        """What the table calls it."""
        return digest(f"{self.kind}:{self.value}")


async def charge(unit: Unit, counters: Sequence[Counter]) -> None:
    """Counts one try against each. Raises LockedError while one of them is locked: let the unit fail, then
    nothing is counted.
    """
    ordered = sorted(counters, key=lambda counter: counter.key)  # one order, or two tries deadlock
    waits = [await _count(unit, counter) for counter in ordered]
    if max(waits, default=0) > 0:
        raise LockedError(max(waits) / 1000)


async def forgive(unit: Unit, counters: Sequence[Counter]) -> None:
    """The secret was right: the failures of each are forgotten."""
    keys = [counter.key for counter in counters]
    await unit.delete(login_attempt, login_attempt.c.key.in_(keys))


async def give_back(unit: Unit, counters: Sequence[Counter]) -> None:
    """Takes the last try back and keeps those before: for an address that others share."""
    for counter in counters:
        where = (login_attempt.c.key == counter.key) & (login_attempt.c.failures > 0)
        await unit.update(login_attempt, where, failures=login_attempt.c.failures - 1, locked_until=0)


async def sweep(unit: Unit, older_than: float) -> int:
    """Deletes what was last tried more than so many seconds ago; gives how many."""
    return await unit.delete(login_attempt, login_attempt.c.last_at < unit.now - int(older_than * 1000))


# In one statement, because it locks the row: of tries sent at once each sees what those before left. Both
# databases write it alike (PostgreSQL 9.5, SQLite 3.35).
_COUNT = text(
    "INSERT INTO login_attempt (tenant, key, failures, last_at, locked_until)"
    " VALUES (:tenant, :key, 1, :now, 0)"
    " ON CONFLICT (tenant, key) DO UPDATE SET"
    " failures = CASE WHEN login_attempt.last_at < :forgotten THEN 1 ELSE login_attempt.failures + 1 END,"
    " last_at = :now"
    " RETURNING failures, locked_until"
)


async def _count(unit: Unit, counter: Counter) -> int:
    """Counts a try; gives the milliseconds until the next is looked at, 0 when this one is."""
    parameters = {
        "tenant": unit.tenant,
        "key": counter.key,
        "now": unit.now,
        "forgotten": unit.now - int(counter.rule.forget * 1000),
    }
    row = (await unit.execute(_COUNT.bindparams(**parameters))).one()
    if row.locked_until > unit.now:
        return int(row.locked_until) - unit.now
    delay = int(counter.rule.delay(row.failures) * 1000)
    if delay:
        where = login_attempt.c.key == counter.key
        await unit.update(login_attempt, where, locked_until=unit.now + delay)
    return 0
