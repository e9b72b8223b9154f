"""What the audit log holds: one act of one actor on some things, in words that map to FHIR AuditEvent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mediaserver.model.actors import Actor
from mediaserver.model.pii import Pii


class AuditAction(StrEnum):
    """FHIR AuditEvent.action."""

    CREATE = "C"
    READ = "R"
    UPDATE = "U"
    DELETE = "D"
    EXECUTE = "E"


class AuditOutcome(StrEnum):
    """FHIR AuditEvent.outcome."""

    SUCCESS = "0"
    MINOR_FAILURE = "4"
    SERIOUS_FAILURE = "8"
    MAJOR_FAILURE = "12"


@dataclass(frozen=True, slots=True)
class AuditEntity:
    """Something that was touched: `kind` as a FHIR resource type or one of ours (Room, Track, Link)."""

    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One act. `type` is a dotted word such as `visit.admit`, `note.read`, `session.signin`; `patient` is
    the id of the party whose record it concerns; `reason` is a person's own words (break-glass). The
    log adds the time and the position. Nothing here holds what was read, only that it was.
    """

    actor: Actor
    type: str
    action: AuditAction
    outcome: AuditOutcome = AuditOutcome.SUCCESS
    patient: str | None = None
    visit: str | None = None
    entities: tuple[AuditEntity, ...] = ()
    reason: Pii[str] | None = None
    request: str | None = None  # X-Request-Id
    detail: Mapping[str, str] = field(default_factory=dict)
