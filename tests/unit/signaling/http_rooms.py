"""A stand-in for the rooms behind the HTTP doors.

A fake: it negotiates for real, but there is no media core and nobody else in the room. The doors over
real rooms and a real engine are tested end to end.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.test_utils import TestClient
from sdp_offers import SERVER, seeded

from mediaserver.model.events import Departure, Dismissed, ParticipantInfo, Presence, RoomInfo, TrackInfo
from mediaserver.model.grants import Grants, Person
from mediaserver.model.ids import ParticipantId, RoomName
from mediaserver.model.pii import Pii
from mediaserver.model.roles import ALL_SOURCES, Role, Source
from sfu.types import IceCandidate, IceParameters
from signaling.negotiation import NegotiationError, negotiate
from signaling.ports import Door, ErrorCode, Follow, IceServer, Listener, Refused, RoomSettings, TrackIntent

Client = TestClient[web.Request, web.Application]
MakeClient = Callable[[web.Application], Awaitable[Client]]

ROOM = RoomName("visit-1")


def person(identity: str, **grants: object) -> Person:
    usual: dict[str, object] = {"room": ROOM, "join": True, "publish": ALL_SOURCES, "subscribe": True}
    return Person(identity, Pii("Ann"), Role.PATIENT, Grants(**{**usual, **grants}))  # type: ignore[arg-type]


PEOPLE = {
    "good": person("camera-1"),
    "other": person("camera-2"),
    "viewer": person("wall", publish=frozenset()),
    "talker": person("mic", subscribe=False),
    "elsewhere": person("camera-3", room=RoomName("visit-2")),
    "operator": person("ops", room=None, join=False, publish=frozenset(), subscribe=False, rooms=True),
}


class People:
    """The authenticator: the token is a name in `PEOPLE`."""

    def authenticate(self, token: str) -> Person:
        if token not in PEOPLE:
            raise Refused(ErrorCode.UNAUTHORIZED, "The token is not valid.")
        return PEOPLE[token]


def bearer(token: str, **headers: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", **headers}


@dataclass
class FakeSeat:
    """Only what the HTTP doors use of a `Seat`."""

    room: RoomName
    person: Person
    listener: Listener
    door: Door
    follow: Follow | None
    refuse: Refused | None = None
    offers: list[str] = field(default_factory=list)
    restarts: int = 0
    left: int = 0
    candidates: tuple[IceCandidate, ...] = SERVER.candidates

    async def offer(self, sdp: str, tracks: Sequence[TrackIntent] | None) -> str:
        assert tracks is None
        self.offers.append(sdp)
        if self.refuse is not None:
            raise self.refuse
        try:
            return negotiate(sdp, None, SERVER, ssrcs=seeded()).answer
        except NegotiationError as error:
            raise Refused(ErrorCode.NEGOTIATION_FAILED, error.message) from None

    async def restart_ice(self) -> IceParameters:
        if self.refuse is not None:
            raise self.refuse
        self.restarts += 1
        return IceParameters(f"fresh{self.restarts}", "freshpassword0123456789")

    async def leave(self) -> None:
        self.left += 1
        self.dismiss()

    def dismiss(self) -> None:
        self.listener.notify(Dismissed(Departure.LEFT))


@dataclass
class FakeRooms:
    seats: list[FakeSeat] = field(default_factory=list)
    refuse: Refused | None = None
    refuse_offer: Refused | None = None
    servers: tuple[IceServer, ...] = (
        IceServer(("stun:stun.example.net",)),
        IceServer(("turn:turn.example.net?transport=udp",), 'us"er', "pass\\word"),
    )

    async def join(
        self,
        person: Person,
        room: RoomName,
        listener: Listener,
        *,
        door: Door = Door.WEBSOCKET,
        prepare: bool = False,
        follow: Follow | None = None,
    ) -> FakeSeat:
        if self.refuse is not None:
            raise self.refuse
        self.seats.append(FakeSeat(room, person, listener, door, follow, self.refuse_offer))
        return self.seats[-1]

    def ice_servers(self, person: Person) -> tuple[IceServer, ...]:
        return self.servers


ANN = ParticipantInfo(
    id=ParticipantId("p_1"),
    identity="ann",
    name=Pii("Ann Example"),
    role=Role.PATIENT,
    admin=False,
    hand=True,
    state=Presence.PRESENT,
    tracks=(TrackInfo(Source.CAMERA, muted=True, muted_by_host=True),),
    joined_at=1_800_000_000_000,
)


@dataclass
class FakeDirectory:
    rooms: dict[RoomName, RoomInfo] = field(default_factory=dict)
    settings: list[RoomSettings] = field(default_factory=list)
    people: list[ParticipantInfo] = field(default_factory=lambda: [ANN])

    async def create(self, room: RoomName, settings: RoomSettings) -> RoomInfo:
        self.settings.append(settings)
        limit = settings.max_participants or 20
        self.rooms[room] = RoomInfo(
            "r_1", room, locked=False, opened_at=1, participants=0, max_participants=limit
        )
        return self.rooms[room]

    def list(self) -> Sequence[RoomInfo]:
        return list(self.rooms.values())

    def get(self, room: RoomName) -> RoomInfo:
        if room not in self.rooms:
            raise Refused(ErrorCode.NOT_FOUND, "There is no such room.")
        return self.rooms[room]

    def participants(self, room: RoomName) -> Sequence[ParticipantInfo]:
        self.get(room)
        return self.people

    async def close(self, room: RoomName) -> None:
        self.get(room)
        del self.rooms[room]

    async def remove(self, room: RoomName, participant: ParticipantId) -> None:
        self.get(room)
        found = [one for one in self.people if one.id == participant]
        if not found:
            raise Refused(ErrorCode.NOT_FOUND, "There is no such participant.")
        self.people.remove(found[0])
