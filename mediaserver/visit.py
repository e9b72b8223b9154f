"""The sans-IO machine of one visit: who is expected, waits, is in, is dropped, has left.

    EXPECTED --arrive--> WAITING --enter--> PRESENT
                            |  \\              |  ^
                            |   drop          drop  resume
                            |    \\            |  |
                            +-----> DROPPED <--+--+      (a waiting one resumes to WAITING)
    any --leave, remove, replaced, resume window over--> gone

It knows people by id and identity only and holds no media, socket or clock: `mediaserver.rooms` turns
the crank and performs the changes. The waiting room (who may enter, and when) is decided by whoever
calls `enter`; that seam is where the admission gate of a plugin will stand.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mediaserver.model.events import Departure
from mediaserver.model.ids import ParticipantId


class Stage(StrEnum):
    """Where someone is on the way through a visit."""

    WAITING = "waiting"
    PRESENT = "present"


class VisitFullError(Exception):
    """As many people are in or wait as may."""


class VisitLockedError(Exception):
    """A host locked the door."""


@dataclass(frozen=True, slots=True)
class VisitLimits:
    """Seconds. `resume`: how long a dropped person's place is kept. `empty`: how long an empty visit
    stays open, so that its lock and limits survive everybody's reload.
    """

    participants: int = 50
    resume: float = 120.0
    empty: float = 300.0


@dataclass(slots=True)
class _Person:
    identity: str
    stage: Stage
    passes_lock: bool
    dropped_at: float | None = None


@dataclass(frozen=True, slots=True)
class Entered:
    """Someone is now present."""

    who: ParticipantId


@dataclass(frozen=True, slots=True)
class Dropped:
    """Someone's connection is lost; their place is kept."""

    who: ParticipantId


@dataclass(frozen=True, slots=True)
class Resumed:
    """Someone dropped is back."""

    who: ParticipantId


@dataclass(frozen=True, slots=True)
class Gone:
    """Someone is out for good. `was` tells whether the others knew of them."""

    who: ParticipantId
    was: Stage
    reason: Departure


@dataclass(frozen=True, slots=True)
class Emptied:
    """Nobody was there for the whole of `VisitLimits.empty`: the visit is over."""


Change = Entered | Dropped | Resumed | Gone | Emptied


class Visit:
    """One visit. Every input returns the changes it made, in order."""

    def __init__(self, limits: VisitLimits, now: float) -> None:
        self.limits = limits
        self.locked = False
        self._people: dict[ParticipantId, _Person] = {}
        self._expected: set[str] = set()
        self._empty_since: float | None = now
        self._over = False

    # Questions.

    def __len__(self) -> int:
        """People who wait, are present or dropped."""
        return len(self._people)

    def stage(self, who: ParticipantId) -> Stage | None:
        """None once gone."""
        person = self._people.get(who)
        return None if person is None else person.stage

    def is_dropped(self, who: ParticipantId) -> bool:
        """Whether their connection is lost and their place kept."""
        person = self._people.get(who)
        return person is not None and person.dropped_at is not None

    @property
    def expected(self) -> frozenset[str]:
        """Identities announced by `expect` that have not arrived."""
        return frozenset(self._expected)

    # Inputs.

    def expect(self, identity: str) -> None:
        """Someone holds a link or an appointment; a lock doesn't keep them out."""
        if all(person.identity != identity for person in self._people.values()):
            self._expected.add(identity)

    def arrive(
        self, who: ParticipantId, identity: str, *, prepared: bool, host: bool, now: float
    ) -> list[Change]:
        """Someone came through a door. An earlier connection of the same identity is replaced, and
        doesn't count against the limit. Raises VisitFullError, VisitLockedError; a host passes a lock.
        """
        former = [other for other, person in self._people.items() if person.identity == identity]
        passes = host or identity in self._expected or any(self._passes_lock(other) for other in former)
        if self.locked and not passes:
            raise VisitLockedError
        if len(self._people) - len(former) >= self.limits.participants:
            raise VisitFullError
        self._people[who] = _Person(identity, Stage.WAITING if prepared else Stage.PRESENT, passes)
        self._expected.discard(identity)
        changes: list[Change] = [self._remove(other, Departure.REPLACED, now) for other in former]
        self._empty_since = None
        if not prepared:
            changes.append(Entered(who))
        return changes

    def enter(self, who: ParticipantId) -> list[Change]:
        """Someone who waits comes in; nothing for one who is in or gone. Raises VisitLockedError: to wait
        already is not to be in, and whoever locked the door didn't see them.
        """
        person = self._people.get(who)
        if person is None or person.stage is Stage.PRESENT:
            return []
        if self.locked and not self._passes_lock(who):
            raise VisitLockedError
        person.stage = Stage.PRESENT
        return [Entered(who)]

    def drop(self, who: ParticipantId, now: float) -> list[Change]:
        """Their connection is lost."""
        person = self._people.get(who)
        if person is None or person.dropped_at is not None:
            return []
        person.dropped_at = now
        return [Dropped(who)]

    def resume(self, who: ParticipantId, now: float) -> list[Change]:
        """They are back on another connection."""
        person = self._people.get(who)
        if person is None or person.dropped_at is None:
            return []
        person.dropped_at = None
        return [Resumed(who)]

    def leave(self, who: ParticipantId, reason: Departure, now: float) -> list[Change]:
        """They are out for good."""
        if who not in self._people:
            return []
        return [self._remove(who, reason, now)]

    def close(self, reason: Departure, now: float) -> list[Change]:
        """Everybody is out."""
        self._over = True
        return [self._remove(who, reason, now) for who in list(self._people)]

    def next_timeout(self) -> float | None:
        """When to call `timeout`, monotonic seconds."""
        if self._over:
            return None
        due = [p.dropped_at + self.limits.resume for p in self._people.values() if p.dropped_at is not None]
        if self._empty_since is not None:
            due.append(self._empty_since + self.limits.empty)
        return min(due, default=None)

    def timeout(self, now: float) -> list[Change]:
        """Time has passed. Early calls are harmless."""
        if self._over:
            return []
        changes: list[Change] = []
        for who, person in list(self._people.items()):
            if person.dropped_at is not None and now >= person.dropped_at + self.limits.resume:
                changes.append(self._remove(who, Departure.TIMED_OUT, now))
        if self._empty_since is not None and now >= self._empty_since + self.limits.empty:
            self._over = True
            changes.append(Emptied())
        return changes

    def _passes_lock(self, who: ParticipantId) -> bool:
        person = self._people[who]
        return person.passes_lock or person.stage is Stage.PRESENT

    def _remove(self, who: ParticipantId, reason: Departure, now: float) -> Gone:
        person = self._people.pop(who)
        if not self._people:
            self._empty_since = now
        return Gone(who, person.stage, reason)
