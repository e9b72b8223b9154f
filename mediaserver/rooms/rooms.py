"""All rooms of this node: the doors' `Rooms` and `Directory` ports."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence

import structlog

from mediaserver.model.clock import Clock
from mediaserver.model.events import Departure, ParticipantInfo, RoomInfo
from mediaserver.model.grants import Person
from mediaserver.model.ids import ParticipantId, ResumeKey, RoomName
from mediaserver.model.pii import Pii, fault
from mediaserver.model.visits import Place
from mediaserver.rooms.gate import AdmissionGate
from mediaserver.rooms.room import Room
from mediaserver.rooms.seat import Participant
from mediaserver.rooms.settings import RoomDefaults
from mediaserver.rooms.watch import RoomFact, Watcher
from sfu import Engine
from sfu.types import MediaError
from signaling.ports import Door, ErrorCode, Follow, IceServer, Listener, Refused, RoomSettings

log = structlog.get_logger(__name__)


class Rooms:
    """See the module."""

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        defaults: RoomDefaults | None = None,
        gate: AdmissionGate | None = None,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._defaults = defaults or RoomDefaults()
        self._rooms: dict[RoomName, Room] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._seats: dict[ResumeKey, Participant] = {}
        self._opening = asyncio.Lock()
        self._draining = False
        self._gate = gate
        self._watchers: list[Watcher] = []

    def guard(self, gate: AdmissionGate) -> None:
        """Sets who decides about coming in; rooms that are open go on with the one they have."""
        self._gate = gate

    def watch(self, watcher: Watcher) -> None:
        """Has `watcher` told of everything that happens to people."""
        self._watchers.append(watcher)

    # Doors.

    async def join(
        self,
        person: Person,
        room: RoomName,
        listener: Listener,
        *,
        door: Door = Door.WEBSOCKET,
        prepare: bool = False,
        follow: Follow | None = None,
    ) -> Participant:
        """A seat. A room opens with whoever comes first."""
        if not person.grants.may_join(room):
            raise Refused(ErrorCode.FORBIDDEN, "You may not join this room.")
        seat = await (await self._open(room)).seat(person, listener, door, prepare, follow)
        if not seat.closed:
            self._seats[seat.resume_key] = seat
        return seat

    async def resume(self, key: ResumeKey, listener: Listener) -> Participant:
        """Takes a session up again."""
        seat = self._seats.get(key)
        room = None if seat is None else self._rooms.get(seat.room)
        if seat is None or room is None or seat.closed:
            raise Refused(ErrorCode.NOT_FOUND, "This session is over; join again.")
        room.resume(seat, listener)
        return seat

    def ice_servers(self, person: Person) -> tuple[IceServer, ...]:
        """The configured servers, and TURN with credentials for this person (coturn's REST scheme:
        expiry and user as the name, its HMAC-SHA1 under the shared secret as the password).
        """
        turn = self._defaults.turn
        if not turn.urls:
            return self._defaults.ice_servers
        # coturn logs user names: a hash says as much to it, and nothing about a person.
        who = hashlib.sha256(person.identity.encode()).hexdigest()[:12]
        name = f"{int(self._clock.wall()) + turn.ttl}:{who}"
        digest = hmac.new(turn.secret.encode(), name.encode(), hashlib.sha1).digest()
        server = IceServer(turn.urls, name, base64.b64encode(digest).decode())
        return (*self._defaults.ice_servers, server)

    # Directory.

    async def create(self, room: RoomName, settings: RoomSettings) -> RoomInfo:
        """Opens a room, or sets limits of one that is open."""
        opened = await self._open(room)
        opened.limit(participants=settings.max_participants, empty=settings.empty_timeout)
        opened.metadata.update(settings.metadata)
        return opened.info()

    def list(self) -> Sequence[RoomInfo]:
        """All open rooms."""
        return [room.info() for room in self._rooms.values()]

    def get(self, room: RoomName) -> RoomInfo:
        """One room."""
        return self._get(room).info()

    def participants(self, room: RoomName) -> Sequence[ParticipantInfo]:
        """Everyone who is in, dropped and hidden ones too."""
        return [seat.info() for seat in self._get(room).people.values() if seat.present]

    async def close(self, room: RoomName) -> None:
        """Ends a call."""
        self._get(room).end()

    async def remove(self, room: RoomName, participant: ParticipantId) -> None:
        """Removes someone."""
        self._get(room).remove(participant)

    # Admission.

    async def admit(self, room: RoomName, identity: str) -> bool:
        """Lets someone in who waits; gives whether they came in now. Where nobody is connected there is
        nothing to do: the gate remembers.
        """
        opened = self._rooms.get(room)
        return opened is not None and opened.admit(identity)

    async def send_back(self, room: RoomName, identity: str, reason: str) -> bool:
        """Puts someone back to the door; their path stays warm. Gives whether they were in."""
        opened = self._rooms.get(room)
        return opened is not None and opened.send_back(identity, reason)

    async def recheck(self, room: RoomName) -> None:
        """Asks the gate anew for everyone who waits."""
        opened = self._rooms.get(room)
        if opened is not None:
            await opened.recheck()

    def say(self, room: RoomName, to: str | None, sender: str, name: Pii[str], text: Pii[str]) -> None:
        """A line to one person (by identity), waiting ones too, or to everyone present."""
        opened = self._rooms.get(room)
        if opened is not None:
            opened.say_to(to, sender, name, text)

    def panel_changed(self, room: RoomName, to: str | None, plugin: str, panel: str) -> None:
        """Has pages fetch the view of a panel anew."""
        opened = self._rooms.get(room)
        if opened is not None:
            opened.panel_changed(to, plugin, panel)

    def finish(self, room: RoomName) -> None:
        """Ends the call if there is one."""
        opened = self._rooms.get(room)
        if opened is not None:
            opened.end()

    def places(self, room: RoomName) -> Mapping[str, Place]:
        """Where everyone connected to a room is, by identity. Who only prepares is not there yet."""
        opened = self._rooms.get(room)
        if opened is None:
            return {}
        return {
            seat.person.identity: _place(opened, seat)
            for seat in opened.people.values()
            if seat.door is Door.WEBSOCKET
        }

    # Operation.

    def __len__(self) -> int:
        """Open rooms."""
        return len(self._rooms)

    @property
    def draining(self) -> bool:
        """Whether nobody new is let in."""
        return self._draining

    def seats(self) -> Sequence[Participant]:
        """Everyone in any room, those who wait too."""
        return [seat for room in self._rooms.values() for seat in room.people.values()]

    async def shut_down(self) -> None:
        """Says goodbye to everybody and waits until every room is gone."""
        self._draining = True
        for room in list(self._rooms.values()):
            room.end(Departure.SERVER_RESTARTS)
        await asyncio.gather(*self._ending)

    def _get(self, name: RoomName) -> Room:
        room = self._rooms.get(name)
        if room is None:
            raise Refused(ErrorCode.NOT_FOUND, "There is no such room.")
        return room

    async def _open(self, name: RoomName) -> Room:
        if self._draining:
            raise Refused(ErrorCode.UNAVAILABLE, "The server restarts; try again in a moment.")
        async with self._opening:
            room = self._rooms.get(name)
            if room is not None:
                return room
            if len(self._rooms) >= self._defaults.rooms:
                raise Refused(ErrorCode.UNAVAILABLE, "The server is full; try again later.")
            try:
                router = await self._engine.create_router()
            except MediaError:
                raise Refused(ErrorCode.UNAVAILABLE, "The server is busy; try again in a moment.") from None
            room = Room(
                name,
                router,
                self._engine.fingerprints,
                self._defaults,
                self._clock,
                self._gone,
                self._over,
                self._gate,
                self._tell_watchers,
            )
            self._rooms[name] = room
            log.info("room opened", room=room.id)
            return room

    def _tell_watchers(self, fact: RoomFact) -> None:
        for watcher in self._watchers:
            try:
                watcher(fact)
            except Exception as error:  # a call goes on whoever fails to write it down
                log.error("a watcher of rooms failed", fault=fault(error))

    def _gone(self, seat: Participant) -> None:
        self._seats.pop(seat.resume_key, None)

    def _over(self, room: Room) -> None:
        if self._rooms.get(room.name) is room:
            del self._rooms[room.name]
        # What the room still has to close is awaited at shutdown; the task holds the room till then.
        task = asyncio.get_running_loop().create_task(room.settle())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


def _place(room: Room, seat: Participant) -> Place:
    if not seat.present and seat.held is None:
        return Place.AWAY
    if room.visit.is_dropped(seat.id):
        return Place.DROPPED
    return Place.PRESENT if seat.present else Place.WAITING
