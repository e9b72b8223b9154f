"""Where identity writes what was done (`mediaserver.audit.AuditLog`), and the shape it writes it in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from mediaserver.model.actors import Actor
from mediaserver.model.audit import AuditAction, AuditEntity, AuditEvent, AuditOutcome
from mediaserver.model.pii import Pii
from mediaserver.storage import Unit


class Recorder(Protocol):
    """Takes events into the transaction of the act."""

    def record(self, unit: Unit, event: AuditEvent) -> None:
        """Written with the unit, or the unit fails."""
        ...

    async def access(self, actor: Actor, event: AuditEvent) -> None:
        """Written by itself, for what changes nothing; raises when it can't."""
        ...


def event(
    actor: Actor,
    type: str,
    action: AuditAction,
    *,
    account: str | None = None,
    entity: AuditEntity | None = None,
    ok: bool = True,
    visit: str | None = None,
    patient: str | None = None,
    reason: str | None = None,
    request: str | None = None,
    detail: Mapping[str, str] | None = None,
) -> AuditEvent:
    """An event of this package: mostly on an account, which FHIR calls a Person."""
    entities = tuple(
        one for one in (entity, AuditEntity("Account", account) if account else None) if one is not None
    )
    return AuditEvent(
        actor=actor,
        type=type,
        action=action,
        outcome=AuditOutcome.SUCCESS if ok else AuditOutcome.MINOR_FAILURE,
        visit=visit,
        patient=patient,
        entities=entities,
        reason=None if reason is None else Pii(reason),
        request=request,
        detail=dict(detail or {}),
    )
