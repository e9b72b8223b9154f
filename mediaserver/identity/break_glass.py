"""Break-glass: a clinician opens a record they were not given, because somebody's health can't wait
(45 CFR 164.312(a)(2)(ii)).

It takes a reason in words, opens one visit's record for a limited time, raises the alarm at once, stays on
compliance's list until somebody else has looked at it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import structlog
from sqlalchemy import Row, select

from mediaserver.identity.errors import RuleError, StateError, UnknownError
from mediaserver.identity.recording import Recorder, event
from mediaserver.identity.rules import IdentityRules
from mediaserver.identity.secret_values import new_id
from mediaserver.identity.tables import breakglass
from mediaserver.model.actors import Actor
from mediaserver.model.audit import AuditAction, AuditEntity
from mediaserver.model.pii import Pii, fault
from mediaserver.storage import Database, Reader

log = structlog.get_logger(__name__)

SHORTEST_REASON, LONGEST_REASON = 10, 1000  # characters


class Verdict(StrEnum):
    """What the review came to."""

    JUSTIFIED = "justified"
    UNJUSTIFIED = "unjustified"


@dataclass(frozen=True, slots=True)
class Grant:
    """One opening of one visit's record; times in ms."""

    id: str
    account: str
    visit: str
    reason: Pii[str]
    granted_at: int
    expires_at: int
    reviewed_at: int | None = None
    reviewed_by: str | None = None
    verdict: Verdict | None = None
    note: Pii[str | None] = Pii(None)  # noqa: RUF009 - never changed
    version: int = 1


@dataclass(frozen=True, slots=True)
class VisitRecord:
    """What break-glass must know of a visit; `patient` is the party's id."""

    id: str
    patient: str | None


# Finds a visit of the reader's tenant, or None.
FindVisit = Callable[[Reader, str], Awaitable[VisitRecord | None]]
Alarm = Callable[[Actor, Grant], Awaitable[None]]


class BreakGlass:
    """Gives, checks and reviews grants. `find` comes from the visits."""

    def __init__(self, database: Database, recorder: Recorder, rules: IdentityRules, find: FindVisit) -> None:
        self._database = database
        self._recorder = recorder
        self._rules = rules
        self._find = find
        self._alarms: list[Alarm] = []

    def on_alarm(self, hook: Alarm) -> None:
        """Calls `hook(actor, grant)` for each use, once on record. A hook that fails opens nothing less:
        the record is the alarm that counts.
        """
        self._alarms.append(hook)

    async def use(self, actor: Actor, visit: str, reason: str, *, request: str | None = None) -> Grant:
        """Opens a visit's record to the actor. Raises UnknownError, RuleError."""
        words = " ".join(reason.split())
        if not SHORTEST_REASON <= len(words) <= LONGEST_REASON:
            raise RuleError(f"Give the reason in {SHORTEST_REASON} to {LONGEST_REASON} characters.")
        async with self._database.unit(actor) as unit:
            found = await self._find(unit, visit)
            if found is None:
                raise UnknownError("There is no such visit.")
            expires_at = unit.now + int(self._rules.breakglass * 1000)
            grant = Grant(new_id("b"), actor.id, visit, Pii(words), unit.now, expires_at)
            await unit.insert(
                breakglass,
                id=grant.id,
                account=actor.id,
                visit=visit,
                reason=words,
                granted_at=unit.now,
                expires_at=expires_at,
            )
            self._recorder.record(
                unit,
                event(
                    actor,
                    "breakglass.use",
                    AuditAction.EXECUTE,
                    entity=AuditEntity("BreakGlass", grant.id),
                    visit=visit,
                    patient=found.patient,
                    reason=words,
                    request=request,
                ),
            )
            unit.after_commit(lambda: self._alarm(actor, grant))
        return grant

    async def covers(self, reader: Reader, owner: str, visit: str) -> bool:
        """Whether an account has this visit's record open by break-glass now."""
        mine = (breakglass.c.account == owner) & (breakglass.c.visit == visit)
        alive = select(breakglass.c.id).where(
            reader.owns(breakglass) & mine & (breakglass.c.expires_at > reader.now)
        )
        return await reader.row(alive.limit(1)) is not None

    async def list(self, actor: Actor, *, reviewed: bool = False) -> Sequence[Grant]:
        """Grants that wait for a review, oldest first; or those reviewed, newest first."""
        async with self._database.read(actor) as reader:
            query = reader.of(breakglass)
            if reviewed:
                query = query.where(breakglass.c.reviewed_at.is_not(None))
                query = query.order_by(breakglass.c.reviewed_at.desc(), breakglass.c.id).limit(200)
            else:
                query = query.where(breakglass.c.reviewed_at.is_(None))
                query = query.order_by(breakglass.c.granted_at, breakglass.c.id)
            return [_grant(row) for row in await reader.rows(query)]

    async def review(
        self, actor: Actor, id: str, verdict: Verdict, note: str, *, request: str | None = None
    ) -> Grant:
        """Raises UnknownError, StateError (one's own, or reviewed already), RuleError."""
        words = " ".join(note.split())
        if len(words) > LONGEST_REASON:
            raise RuleError(f"A note has at most {LONGEST_REASON} characters.")
        async with self._database.unit(actor) as unit:
            row = await unit.row(unit.of(breakglass).where(breakglass.c.id == id))
            if row is None:
                raise UnknownError("There is no such grant.")
            if row.account == actor.id:
                raise StateError("Somebody else must review this.")
            waiting = (breakglass.c.id == id) & breakglass.c.reviewed_at.is_(None)
            done: dict[str, Any] = {
                "reviewed_at": unit.now,
                "reviewed_by": actor.id,
                "verdict": verdict.value,
            }
            if await unit.update(breakglass, waiting, note=words or None, **done) != 1:
                raise StateError("This was reviewed already.")
            self._recorder.record(
                unit,
                event(
                    actor,
                    "breakglass.review",
                    AuditAction.UPDATE,
                    entity=AuditEntity("BreakGlass", id),
                    account=row.account,
                    visit=row.visit,
                    reason=words or None,
                    request=request,
                    detail={"verdict": verdict.value},
                ),
            )
            changed = await unit.row(unit.of(breakglass).where(breakglass.c.id == id))
            assert changed is not None  # noqa: S101
            return _grant(changed)

    async def _alarm(self, actor: Actor, grant: Grant) -> None:
        log.warning("breakglass.used", grant=grant.id, account=actor.id, visit=grant.visit)
        for hook in self._alarms:
            try:
                await hook(actor, grant)
            except Exception as error:
                log.error("breakglass.alarm_failed", grant=grant.id, fault=fault(error))


def _grant(row: Row[Any]) -> Grant:
    return Grant(
        id=row.id,
        account=row.account,
        visit=row.visit,
        reason=Pii(row.reason),
        granted_at=row.granted_at,
        expires_at=row.expires_at,
        reviewed_at=row.reviewed_at,
        reviewed_by=row.reviewed_by,
        verdict=Verdict(row.verdict) if row.verdict else None,
        note=Pii(row.note),
        version=row.version,
    )
