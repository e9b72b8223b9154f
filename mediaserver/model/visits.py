"""A visit as others may know it: facts of one moment, never changed. `mediaserver.visits` makes them,
plugins read them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mediaserver.model.actors import TenantId
from mediaserver.model.ids import RoomName
from mediaserver.model.pii import Pii
from mediaserver.model.roles import Role


class VisitState(StrEnum):
    """Where a visit is in its life; maps to FHIR Encounter.status and Appointment.status."""

    BOOKED = "booked"
    ARRIVED = "arrived"
    IN_PROGRESS = "in_progress"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    NOSHOW = "noshow"


class Place(StrEnum):
    """Where someone of a visit is now."""

    AWAY = "away"  # not come yet, or gone
    WAITING = "waiting"  # at the door: nothing of them is forwarded to anybody
    PRESENT = "present"
    DROPPED = "dropped"  # the connection is lost and the place kept


@dataclass(frozen=True, slots=True)
class VisitPerson:
    """Someone of a visit. `id` is their identity: the same over reconnections and devices.

    `party` names a patient, carer or interpreter on record, `account` one who signs in; a guest has
    neither. `admitted_at` None: not let in, or sent back since. Times in ms since 1970 (UTC).
    `location` is where they say they are (what licensing asks for), `phone` where to call when the
    network fails.
    """

    id: str
    role: Role
    name: Pii[str]
    place: Place = Place.AWAY
    language: str = "en"  # BCP 47
    party: str | None = None
    account: str | None = None
    birth_date: Pii[str] | None = None  # ISO 8601 date
    arrived_at: int | None = None
    admitted_at: int | None = None
    location: Pii[str] | None = None
    phone: Pii[str] | None = None


@dataclass(frozen=True, slots=True)
class VisitFacts:
    """A visit and its people. Times in ms since 1970 (UTC); `clinician` is an account's id."""

    id: str
    tenant: TenantId
    room: RoomName
    state: VisitState
    starts_at: int
    ends_at: int
    reason: Pii[str] = Pii("")  # noqa: RUF009 - never changed
    clinician: str | None = None
    people: Mapping[str, VisitPerson] = field(default_factory=dict)
    version: int = 1
