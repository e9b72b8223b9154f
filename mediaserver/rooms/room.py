"""One call: turns the crank of its `Visit`, tells people what happens, keeps everybody's slots right.

Nothing here waits for a client. Closing transports and moving slots are tasks of the room; they may be
late without anybody noticing but the one they concern.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import structlog

from mediaserver.model import events as ev
from mediaserver.model.clock import Clock
from mediaserver.model.grants import Person
from mediaserver.model.ids import ParticipantId, RoomName, new_participant_id, new_resume_key
from mediaserver.model.pii import Pii, fault
from mediaserver.rooms.forwarding import feed
from mediaserver.rooms.gate import AdmissionGate, Deny, Enter, Hold, OpenGate, Verdict, verdict_of
from mediaserver.rooms.leg import Leg
from mediaserver.rooms.seat import Participant
from mediaserver.rooms.settings import RoomDefaults
from mediaserver.rooms.watch import RoomFact, Watcher, What
from mediaserver.visit import (
    Change,
    Dropped,
    Emptied,
    Entered,
    Gone,
    Held,
    Resumed,
    SentBack,
    Stage,
    Visit,
    VisitFullError,
    VisitLockedError,
)
from sfu import Producer, Router
from sfu.types import DtlsFingerprint, MediaError, PathState
from signaling.ports import Door, ErrorCode, Follow, Listener, Refused

log = structlog.get_logger(__name__)

_LOCKED = "The host locked the room."
_NOT_ADMITTED = "You are not let in yet. Wait in the browser until you are, then connect this device."

# A WHIP or WHEP client has nothing but its media: with that it is gone.
_MEDIA_OVER = (PathState.CONSENT_LOST.value, "dtls_failed", "dtls_closed")


class Room:
    """See the module. `on_gone` is called for each participant who is out for good, `on_over` once, when
    the room has ended.
    """

    def __init__(
        self,
        name: RoomName,
        router: Router,
        fingerprints: tuple[DtlsFingerprint, ...],
        defaults: RoomDefaults,
        clock: Clock,
        on_gone: Callable[[Participant], None],
        on_over: Callable[[Room], None],
        gate: AdmissionGate | None = None,
        watch: Watcher | None = None,
    ) -> None:
        self.id = "r_" + secrets.token_urlsafe(6)
        self.name = name
        self.visit = Visit(defaults.visit, clock.monotonic())
        self.people: dict[ParticipantId, Participant] = {}
        self.speaker: ParticipantId | None = None
        self.closed = False
        self.metadata: dict[str, str] = {}
        self._router = router
        self._fingerprints = fingerprints
        self._defaults = defaults
        self._clock = clock
        self._on_gone = on_gone
        self._on_over = on_over
        self._gate = gate or OpenGate()
        self._watch = watch
        self._opened_at = self._now_ms()
        self._chat: deque[ev.ChatLine] = deque(maxlen=defaults.chat_lines)
        self._lines = 0
        self._coming = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._renewing: asyncio.Handle | None = None
        router.on("speaker", self._speaker)
        router.on("close", self._router_closed)
        self._arm()

    # Coming in.

    async def seat(
        self, person: Person, listener: Listener, door: Door, prepare: bool, follow: Follow | None
    ) -> Participant:
        """A new participant with a transport of their own: in, or waiting. Raises Refused."""
        seat = Participant(
            self, new_participant_id(), new_resume_key(), person, listener, door, follow, self._now_ms()
        )
        self._check_open()
        self._coming += 1
        self._arm()
        try:
            transport = await self._router.create_transport()
            seat.leg = Leg(
                self._router, transport, self._fingerprints, lambda state: self._media_state(seat, state)
            )
            verdict = Hold("") if prepare else await self._decide(person)
        except MediaError:
            raise Refused(ErrorCode.UNAVAILABLE, "The server is busy; try again in a moment.") from None
        finally:
            self._coming -= 1
            self._arm()
        self._check_open()  # the router of a closed room took the transport with it
        try:
            changes = self._arrive(seat, verdict)
        except Refused:
            await seat.leg.close()
            raise
        for other in self.people.values():
            if (other.person.identity, _place(other)) == (person.identity, _place(seat)):
                seat.leg.held |= other.leg.held  # a reload must not lift what a host decided
        self.people[seat.id] = seat
        log.info("joined", room=self.id, participant=seat.id, role=person.role.value, door=door.value)
        self._note(seat, What.ARRIVED)
        self._perform(changes)
        if not prepare and isinstance(verdict, Hold):
            self._hold(seat, verdict.reason)
        if door is not Door.WEBSOCKET:
            asyncio.get_running_loop().call_later(self._defaults.connect, self._check_connected, seat)
        return seat

    def resume(self, seat: Participant, listener: Listener) -> None:
        """Another websocket takes a session up."""
        seat.taken_over(listener, ev.Dismissed(ev.Departure.REPLACED))
        self._perform(self.visit.resume(seat.id, self._clock.monotonic()))

    async def enter(self, seat: Participant) -> str | None:
        """One who waits asks to come in. None: from now on they are seen and heard; else the reason why
        they go on waiting. Raises Refused.
        """
        if seat.present:
            return None
        verdict = await self._decide(seat.person)
        # From here to the end nothing is awaited: what was decided still holds when it is done.
        if seat.id not in self.people:
            raise Refused(ErrorCode.CONFLICT, "This session is over.")
        match verdict:
            case Deny(reason=reason):
                raise Refused(ErrorCode.FORBIDDEN, reason)
            case Hold(reason=reason):
                return self._hold(seat, reason)
            case Enter():
                try:
                    self._perform(self.visit.enter(seat.id))
                except VisitLockedError:
                    raise Refused(ErrorCode.ROOM_LOCKED, _LOCKED) from None
                return None

    def admit(self, identity: str) -> bool:
        """Someone is let in, now if they wait, else when they ask. Gives whether they came in now."""
        changes = self.visit.admit(identity)
        self._perform(changes)
        return bool(changes)

    def send_back(self, identity: str, reason: str) -> bool:
        """Someone waits at the door again, by whatever they are connected. Gives whether they were in."""
        changes = self.visit.send_back(identity, reason, self._clock.monotonic())
        self._perform(changes)
        return any(not isinstance(change, Held) for change in changes)

    async def recheck(self) -> None:
        """Asks anew for everyone who waits: what the gate would say has changed."""
        for seat in list(self.people.values()):
            if seat.held is None:
                continue
            verdict = await self._decide(seat.person)
            match verdict:
                case Enter():
                    with suppress(VisitLockedError):
                        self._perform(self.visit.enter(seat.id))
                case Hold(reason=reason):
                    self._perform(self.visit.hold(seat.id, reason))
                case Deny():
                    self._out(seat, ev.Departure.REMOVED)

    async def _decide(self, person: Person) -> Verdict:
        """What holds now for someone who asks to come in. Asked again when they were admitted or sent back
        while the gate thought, so no answer of before outlives what was said since.
        """
        while True:
            generation = self.visit.generation(person.identity)
            reason = self.visit.was_sent_back(person.identity)
            if reason is not None:
                return Hold(reason)
            if self.visit.was_admitted(person.identity):
                return Enter()
            verdict = await verdict_of(self._gate, self.name, person)
            if generation == self.visit.generation(person.identity):
                return verdict

    def _arrive(self, seat: Participant, verdict: Verdict) -> list[Change]:
        if isinstance(verdict, Deny):
            raise Refused(ErrorCode.FORBIDDEN, verdict.reason)
        if isinstance(verdict, Hold) and seat.door is not Door.WEBSOCKET:
            raise Refused(ErrorCode.FORBIDDEN, _NOT_ADMITTED)
        try:
            return self.visit.arrive(
                seat.id,
                seat.person.identity,
                place=_place(seat),
                prepared=isinstance(verdict, Hold),
                host=seat.person.grants.admin,
                now=self._clock.monotonic(),
            )
        except VisitFullError:
            raise Refused(ErrorCode.ROOM_FULL, "The room is full.") from None
        except VisitLockedError:
            raise Refused(ErrorCode.ROOM_LOCKED, _LOCKED) from None

    def _hold(self, seat: Participant, reason: str) -> str:
        """They are told in the answer to what they asked, not besides."""
        if self.visit.hold(seat.id, reason):
            self._note(seat, What.HELD, reason)
        return reason

    # What people do.

    def say(self, seat: Participant, text: str) -> None:
        """A line of chat."""
        self._lines += 1
        line = ev.ChatLine(self._lines, seat.id, seat.person.name, Pii(text), self._now_ms())
        self._chat.append(line)
        self._tell(ev.ChatSaid(line))
        self._note(seat, What.SAID, line=line)

    def say_to(self, identity: str | None, sender: str, name: Pii[str], text: Pii[str]) -> None:
        """A line of someone who need not be here, to one person, waiting ones too, or to everyone present.
        What was said to one alone is not kept for who comes later.
        """
        self._lines += 1
        here = next((seat.id for seat in self.people.values() if seat.person.identity == sender), None)
        line = ev.ChatLine(self._lines, here or ParticipantId(sender), name, text, self._now_ms())
        if identity is None:
            self._chat.append(line)
            self._tell(ev.ChatSaid(line))
            return
        for seat in self.people.values():
            if seat.person.identity == identity:
                seat.notify(ev.ChatSaid(line))

    def panel_changed(self, identity: str | None, plugin: str, panel: str) -> None:
        """Someone's page, or everybody's, shows a panel whose view is another now."""
        for seat in self.people.values():
            if identity in (None, seat.person.identity):
                seat.notify(ev.PanelChanged(plugin, panel))

    def lock(self, locked: bool, by: ParticipantId | None) -> None:
        """Locks or opens the door."""
        if self.visit.locked is not locked:
            self.visit.locked = locked
            self._tell(ev.RoomLocked(locked, by))

    def leave(self, seat: Participant) -> None:
        """Someone leaves."""
        self._out(seat, ev.Departure.LEFT)

    def remove(self, who: ParticipantId) -> None:
        """Someone is removed, one who waits too. NOT_FOUND."""
        if self.visit.stage(who) is None:
            raise Refused(ErrorCode.NOT_FOUND, "There is no such participant.")
        self._perform(self.visit.leave(who, ev.Departure.REMOVED, self._clock.monotonic()))

    def dropped(self, seat: Participant) -> None:
        """A connection is lost."""
        self._perform(self.visit.drop(seat.id, self._clock.monotonic()))

    def end(self, reason: ev.Departure = ev.Departure.ENDED) -> None:
        """Ends the call for everybody; idempotent."""
        if self.closed:
            return
        self.closed = True
        log.info("room ended", room=self.id, reason=reason.value)
        self._perform(self.visit.close(reason, self._clock.monotonic()))
        if self._timer is not None:
            self._timer.cancel()
        self._spawn(self._router.close())
        self._on_over(self)

    def updated(self, seat: Participant) -> None:
        """Tells everyone that someone's tracks, hand or presence changed, if they did."""
        info = seat.info()
        if seat.listed and info != seat.told:
            seat.told = info
            self._tell(ev.ParticipantUpdated(info))
            self.renew_slots()

    # Questions.

    def present(self, who: ParticipantId) -> Participant:
        """Someone who is in. NOT_FOUND."""
        seat = self.people.get(who)
        if seat is None or not seat.present:
            raise Refused(ErrorCode.NOT_FOUND, "There is no such participant.")
        return seat

    def info(self) -> ev.RoomInfo:
        """The room as an operator sees it."""
        return ev.RoomInfo(
            id=self.id,
            name=self.name,
            locked=self.visit.locked,
            opened_at=self._opened_at,
            participants=len(self.visit),
            max_participants=self.visit.limits.participants,
            metadata=Pii(self.metadata),
        )

    def snapshot(self, viewer: Participant) -> ev.RoomSnapshot:
        """The room as `viewer` may see it."""
        if not viewer.present:
            return ev.RoomSnapshot(self.info(), (), (), None)
        others = tuple(seat.info() for seat in self.people.values() if seat.listed and seat is not viewer)
        return ev.RoomSnapshot(self.info(), others, tuple(self._chat), self.speaker)

    def limit(self, *, participants: int | None, empty: float | None) -> None:
        """Sets limits; None leaves one as it is."""
        limits = self.visit.limits
        self.visit.limits = replace(
            limits,
            participants=limits.participants if participants is None else participants,
            empty=limits.empty if empty is None else empty,
        )
        self._arm()

    async def settle(self) -> None:
        """Waits for what is under way (shutdown, tests)."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    # The crank.

    def _perform(self, changes: Iterable[Change]) -> None:
        for change in changes:
            match change:
                case Entered(who=who, was_held=was_held):
                    self._entered(self.people[who], was_held)
                case Held(who=who, reason=reason):
                    self.people[who].notify(ev.Held(reason))
                    self._note(self.people[who], What.HELD, reason)
                case SentBack(who=who, reason=reason):
                    self._sent_back(self.people[who], reason)
                case Dropped(who=who):
                    self.updated(self.people[who])
                    self._note(self.people[who], What.DROPPED)
                case Resumed(who=who):
                    self.updated(self.people[who])
                    self._note(self.people[who], What.RESUMED)
                case Gone():
                    self._gone(change)
                case Emptied():
                    self.end(ev.Departure.ROOM_CLOSED)
        self._arm()

    def _entered(self, seat: Participant, was_held: bool) -> None:
        seat.leg.visible = True
        if seat.tracks:
            self._spawn(seat.leg.show())
        if was_held:
            seat.notify(ev.Admitted())
        # To one who waited the room was dark: what is in it comes as news.
        for other in self.people.values():
            if other.listed and other is not seat:
                seat.notify(ev.ParticipantJoined(other.info()))
        for line in self._chat:
            seat.notify(ev.ChatSaid(line))
        seat.notify(ev.SpeakerChanged(self.speaker))
        if seat.listed:
            seat.told = seat.info()
            self._tell(ev.ParticipantJoined(seat.told), but=seat)
        self._note(seat, What.ENTERED)
        self.renew_slots()

    def _sent_back(self, seat: Participant, reason: str) -> None:
        """To the others as good as gone; to themselves the room is dark again. The transport stays."""
        seat.leg.visible = False
        self._spawn(seat.leg.show())
        seat.raised, seat.told = False, None
        seat.notify(ev.SentBack(reason))
        self._missing(seat, ev.Departure.SENT_BACK)
        self._note(seat, What.SENT_BACK, reason)

    def _gone(self, gone: Gone) -> None:
        seat = self.people.pop(gone.who)
        log.info("left", room=self.id, participant=seat.id, reason=gone.reason.value)
        self._on_gone(seat)
        seat.notify(ev.Dismissed(gone.reason))
        if not self.closed:  # else the router takes every transport with it
            self._spawn(seat.leg.close())
        self._note(seat, What.GONE, gone.reason.value)
        if gone.was is Stage.PRESENT:
            self._missing(seat, gone.reason)
        if gone.reason is not ev.Departure.REPLACED and not any(p.present for p in self.people.values()):
            self._chat.clear()  # the room may be another patient's next; a reload is no end

    def _missing(self, seat: Participant, reason: ev.Departure) -> None:
        """Someone is no longer among those present."""
        if not seat.person.grants.hidden:
            self._tell(ev.ParticipantLeft(seat.id, reason))
        if self.speaker == seat.id:
            self._say_speaker(None)
        self.renew_slots()

    def _note(self, seat: Participant, what: What, detail: str = "", line: ev.ChatLine | None = None) -> None:
        if self._watch is not None:
            self._watch(
                RoomFact(
                    room=self.name,
                    at=self._now_ms(),
                    what=what,
                    participant=seat.id,
                    identity=seat.person.identity,
                    role=seat.person.role,
                    door=seat.door,
                    detail=detail,
                    line=line,
                )
            )

    def _tell(self, event: ev.RoomEvent, but: Participant | None = None) -> None:
        for seat in list(self.people.values()):
            if seat.present and seat is not but:
                seat.notify(event)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        # A room to which someone is on the way is not empty, however short its patience.
        due = None if self.closed or self._coming else self.visit.next_timeout()
        if due is not None:
            delay = max(0.0, due - self._clock.monotonic())
            self._timer = asyncio.get_running_loop().call_later(delay, self._timeout)

    def _timeout(self) -> None:
        self._perform(self.visit.timeout(self._clock.monotonic()))

    # Media.

    def renew_slots(self) -> None:
        """Has every viewer's slots looked at again, once, after what happens now has happened."""
        if self._renewing is None and not self.closed:
            self._renewing = asyncio.get_running_loop().call_soon(self._renew)

    def _renew(self) -> None:
        self._renewing = None
        for seat in self.people.values():
            if seat.present or seat.leg.fed:
                self._spawn(feed(self, seat))

    def _media_state(self, seat: Participant, state: str) -> None:
        if seat.id not in self.people:
            return
        if state == "rekey_needed":
            self._out(seat, ev.Departure.RENEW)
            return
        seat.notify(ev.MediaPathChanged(state))
        self._note(seat, What.MEDIA, state)
        if seat.door is not Door.WEBSOCKET and state in _MEDIA_OVER:
            self._out(seat, ev.Departure.MEDIA_LOST)
        else:
            self.updated(seat)

    def _check_connected(self, seat: Participant) -> None:
        if not seat.leg.connected:
            self._out(seat, ev.Departure.MEDIA_LOST)

    def _out(self, seat: Participant, reason: ev.Departure) -> None:
        self._perform(self.visit.leave(seat.id, reason, self._clock.monotonic()))

    def _speaker(self, producer: Producer | None) -> None:
        speaker = None
        for seat in self.people.values():
            if seat.listed and any(track.producer is producer for track in seat.tracks):
                speaker = seat.id
        if speaker != self.speaker:
            self._say_speaker(speaker)

    def _say_speaker(self, speaker: ParticipantId | None) -> None:
        self.speaker = speaker
        self._tell(ev.SpeakerChanged(speaker))
        if any(seat.follow is not None for seat in self.people.values()):
            self.renew_slots()

    def _router_closed(self, reason: str) -> None:
        if not self.closed:
            log.error("room lost its router", room=self.id, reason=reason)
            lost = reason == "worker_lost"
            self.end(ev.Departure.WORKER_LOST if lost else ev.Departure.SERVER_RESTARTS)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(self._guard(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except MediaError:
            pass  # what it was about has closed meanwhile
        except Exception as error:
            log.error("task of a room failed", room=self.id, fault=fault(error))

    def _check_open(self) -> None:
        if self.closed:
            raise Refused(ErrorCode.NOT_FOUND, "The room was closed.")

    def _now_ms(self) -> int:
        return int(self._clock.wall() * 1000)


def _place(seat: Participant) -> str:
    """What makes a second connection of someone replace the first: the same person by the same kind of
    door. People may watch by WHEP as often as they like, beside their call.
    """
    match seat.door:
        case Door.WEBSOCKET:
            return ""
        case Door.WHIP:
            return "whip"
        case Door.WHEP:
            return f"whep {seat.id}"
