"""The sans-IO machine of one visit: who is expected, waits, is in, is dropped, has left.

    EXPECTED --arrive--> WAITING --enter, admit--> PRESENT
                         |  |  ^                   |  |  ^
                         | hold|                   | drop resume
                         |  v  +----send_back------+  v  |
                         |  held (still WAITING)   DROPPED          (a waiting one resumes to WAITING)
    any --leave, remove, replaced, resume window over--> gone

It knows people by id and identity only and holds no media, socket or clock: `mediaserver.rooms` turns
the crank and performs the changes. Whether somebody may come in is asked of a gate, which takes time; what
`admit` and `send_back` said meanwhile counts more, so whoever asked compares `generation` before and after.
What they said is kept by identity for as long as the visit lives: a reload, another device and a replaced
connection of one who was admitted are admitted, of one who was sent back are held.
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
    place: str
    stage: Stage
    passes_lock: bool
    held: str | None = None  # why they wait, once they asked to come in
    dropped_at: float | None = None


@dataclass(frozen=True, slots=True)
class Entered:
    """Someone is now present. `was_held`: they asked before, and waited."""

    who: ParticipantId
    was_held: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """Someone who asked to come in waits, for this reason."""

    who: ParticipantId
    reason: str


@dataclass(frozen=True, slots=True)
class SentBack:
    """Someone who was present waits again; their connection stays."""

    who: ParticipantId
    reason: str


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


Change = Entered | Held | SentBack | Dropped | Resumed | Gone | Emptied


class Visit:
    """One visit. Every input returns the changes it made, in order."""

    def __init__(self, limits: VisitLimits, now: float) -> None:
        self.limits = limits
        self.locked = False
        self._people: dict[ParticipantId, _Person] = {}
        self._expected: set[str] = set()
        self._admitted: set[str] = set()
        self._sent_back: dict[str, str] = {}  # identity -> reason
        self._generations: dict[str, int] = {}
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

    def held(self, who: ParticipantId) -> str | None:
        """Why they wait; None for one who is in, is gone, or didn't ask to come in yet."""
        person = self._people.get(who)
        return None if person is None else person.held

    def was_admitted(self, identity: str) -> bool:
        """Whether someone was let in, and not sent back since."""
        return identity in self._admitted

    def was_sent_back(self, identity: str) -> str | None:
        """The reason for which someone was sent back, until they are admitted again."""
        return self._sent_back.get(identity)

    def generation(self, identity: str) -> int:
        """Counts the times that someone was admitted or sent back."""
        return self._generations.get(identity, 0)

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
        self,
        who: ParticipantId,
        identity: str,
        *,
        prepared: bool,
        host: bool,
        now: float,
        place: str = "",
    ) -> list[Change]:
        """Someone came through a door. An earlier connection of the same identity and place is replaced,
        and doesn't count against the limit. Raises VisitFullError, VisitLockedError; a host passes a lock.
        """
        same = [other for other, person in self._people.items() if person.identity == identity]
        former = [other for other in same if self._people[other].place == place]
        invited = identity in self._expected or identity in self._admitted
        passes = host or invited or any(self._passes_lock(other) for other in former)
        if self.locked and not passes:
            raise VisitLockedError
        if len(self._people) - len(former) >= self.limits.participants:
            raise VisitFullError
        stage = Stage.WAITING if prepared else Stage.PRESENT
        self._people[who] = _Person(identity, place, stage, passes)
        self._expected.discard(identity)
        changes: list[Change] = [self._remove(other, Departure.REPLACED, now) for other in former]
        self._empty_since = None
        if not prepared:
            self._admitted.add(identity)
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
        self._admitted.add(person.identity)
        return [self._let_in(who, person)]

    def hold(self, who: ParticipantId, reason: str) -> list[Change]:
        """Someone who waits asked to come in, and may not yet; nothing for one who is in or gone."""
        person = self._people.get(who)
        if person is None or person.stage is Stage.PRESENT or person.held == reason:
            return []
        person.held = reason
        return [Held(who, reason)]

    def admit(self, identity: str) -> list[Change]:
        """Someone may come in: at once if they asked, else when they do. It outweighs a lock: whoever
        admits saw them.
        """
        self._count(identity)
        self._sent_back.pop(identity, None)
        self._admitted.add(identity)
        changes: list[Change] = []
        for who, person in self._people.items():
            if person.identity == identity:
                person.passes_lock = True
                if person.held is not None:
                    changes.append(self._let_in(who, person))
        return changes

    def send_back(self, identity: str, reason: str, now: float) -> list[Change]:
        """Someone may no longer be in: they wait again, however they connect. A device that can't wait
        (its `place` is not "") is out.
        """
        self._count(identity)
        self._admitted.discard(identity)
        self._sent_back[identity] = reason
        changes: list[Change] = []
        for who, person in list(self._people.items()):
            if person.identity != identity:
                continue
            if person.place:
                changes.append(self._remove(who, Departure.SENT_BACK, now))
            elif person.stage is Stage.PRESENT:
                person.stage, person.held, person.passes_lock = Stage.WAITING, reason, False
                changes.append(SentBack(who, reason))
            elif person.held is not None and person.held != reason:
                person.held = reason
                changes.append(Held(who, reason))
        return changes

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
        person = self._people.get(who)
        if person is None:
            return []
        if reason is Departure.REMOVED:
            self._admitted.discard(person.identity)  # they may come back, when the gate lets them
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

    def _let_in(self, who: ParticipantId, person: _Person) -> Entered:
        was_held = person.held is not None
        person.stage, person.held = Stage.PRESENT, None
        return Entered(who, was_held)

    def _count(self, identity: str) -> None:
        self._generations[identity] = self.generation(identity) + 1

    def _remove(self, who: ParticipantId, reason: Departure, now: float) -> Gone:
        person = self._people.pop(who)
        if not self._people:
            self._empty_since = now
        return Gone(who, person.stage, reason)
