"""Reading the log of one tenant: what compliance looks at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from mediaserver.audit.leaf import decode
from mediaserver.audit.tables import audit_entry
from mediaserver.model.audit import AuditEvent
from mediaserver.storage import Reader


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which entries. Times in milliseconds since 1970 UTC: from `since`, before `until`; `before` pages on:
    the position of the last entry of the page before.
    """

    since: int | None = None
    until: int | None = None
    types: Sequence[str] = ()
    actor: str | None = None
    patient: str | None = None
    visit: str | None = None
    before: int | None = None
    limit: int = 200


@dataclass(frozen=True, slots=True)
class Entry:
    """An event and its place in the log. `at`: milliseconds since 1970 UTC."""

    position: int
    at: int
    event: AuditEvent


async def entries(reader: Reader, query: AuditQuery) -> list[Entry]:
    """Entries of the reader's tenant, newest first. Raises StorageError."""
    c = audit_entry.c
    wanted = select(c.position, c.at, c.leaf).where(c.tenant == reader.tenant)
    conditions = (
        (query.since, lambda since: c.at >= since),
        (query.until, lambda until: c.at < until),
        (query.actor, lambda actor: c.actor == actor),
        (query.patient, lambda patient: c.patient == patient),
        (query.visit, lambda visit: c.visit == visit),
        (query.before, lambda position: c.position < position),
        (query.types or None, lambda types: c.type.in_(types)),
    )
    for value, condition in conditions:
        if value is not None:
            wanted = wanted.where(condition(value))
    rows = await reader.rows(wanted.order_by(c.position.desc()).limit(query.limit))
    return [Entry(row.position, row.at, decode(row.leaf.encode()).event) for row in rows]
