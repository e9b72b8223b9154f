"""What the doors (websocket, WHIP, WHEP, REST) need of the rooms behind them.

`mediaserver.rooms` implements these; nothing here knows sockets or the media core. Every coroutine
raises `Refused` when the answer is no; the doors turn that into an error message or an HTTP status.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Protocol

from mediaserver.model.events import Event, ParticipantInfo, RoomInfo, RoomSnapshot
from mediaserver.model.grants import Person
from mediaserver.model.ids import ParticipantId, ResumeKey, RoomName
from mediaserver.model.roles import Source
from sfu.types import IceCandidate, IceParameters


class ErrorCode(StrEnum):
    """Why a request was refused; stable words, also in HTTP problem bodies."""

    BAD_REQUEST = "bad_request"
    UNSUPPORTED_PROTOCOL = "unsupported_protocol"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    ROOM_FULL = "room_full"
    ROOM_LOCKED = "room_locked"
    TOO_LARGE = "too_large"
    RATE_LIMITED = "rate_limited"
    NEGOTIATION_FAILED = "negotiation_failed"
    MEDIA_FAILED = "media_failed"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"


class CloseCode(IntEnum):
    """Websocket close codes (RFC 6455 section 7.4; 4000-4999 are ours)."""

    LEFT = 1000
    POLICY = 1008
    TOO_BIG = 1009
    INTERNAL = 1011
    PROTOCOL_ERROR = 4000
    UNAUTHORIZED = 4001
    FORBIDDEN = 4003
    ROOM_CLOSED = 4004
    HEARTBEAT = 4008
    REPLACED = 4009
    REMOVED = 4010
    ENDED = 4011
    RESTART = 4012
    ROOM_FULL = 4013
    ROOM_LOCKED = 4014


class Refused(Exception):  # noqa: N818 - an answer, not a fault
    """The answer is no. `message` says in plain words what to do; it holds nothing about a person."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Listener(Protocol):
    """Takes what happens to one participant. Called on the event loop; must neither block nor raise."""

    def notify(self, event: Event) -> None:
        """One fact, in order. After `Dismissed` nothing follows."""
        ...


class Door(StrEnum):
    """The way someone came in; decides who watches that they still live."""

    WEBSOCKET = "websocket"
    WHIP = "whip"
    WHEP = "whep"


@dataclass(frozen=True, slots=True)
class TrackIntent:
    """What a client says of an m-section it sends."""

    mid: str
    source: Source
    muted: bool = False


@dataclass(frozen=True, slots=True)
class IceServer:
    """A STUN or TURN server for clients (RTCIceServer)."""

    urls: tuple[str, ...]
    username: str | None = None
    credential: str | None = None


class Quality(StrEnum):
    """Which simulcast layer a viewer would like in a slot, at most."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Seat(Protocol):
    """One person's place in one room, from join until they are gone.

    A websocket holds it for its session; WHIP and WHEP hold it for their resource. Methods that need
    the admin grant refuse with FORBIDDEN without it.
    """

    @property
    def id(self) -> ParticipantId: ...

    @property
    def room(self) -> RoomName: ...

    @property
    def person(self) -> Person: ...

    @property
    def resume_key(self) -> ResumeKey: ...

    @property
    def prepared(self) -> bool:
        """True until they are in: the media path is set up, but nobody sees or hears them."""
        ...

    @property
    def closed(self) -> bool:
        """True once `Dismissed` was told."""
        ...

    @property
    def candidates(self) -> tuple[IceCandidate, ...]: ...

    def info(self) -> ParticipantInfo:
        """Themselves, as others see them."""
        ...

    def snapshot(self) -> RoomSnapshot:
        """The room as it is now."""
        ...

    def announce(self) -> None:
        """Tells the listener why they wait, and the slot mapping again (after a resume)."""
        ...

    async def enter(self) -> str | None:
        """A prepared participant becomes present (None; also for one who is), or waits to be admitted,
        for the reason given back: `Admitted` tells when. FORBIDDEN, ROOM_LOCKED.
        """
        ...

    async def offer(self, sdp: str, tracks: Sequence[TrackIntent] | None) -> str:
        """Negotiates and answers. `tracks` None (WHIP, WHEP): the first audio m-section is the
        microphone, the first video the camera, a second one the screen. NEGOTIATION_FAILED,
        FORBIDDEN (a source that the grants don't hold), MEDIA_FAILED.
        """
        ...

    async def restart_ice(self) -> IceParameters:
        """New local credentials without an offer (RFC 9725 section 4.3.2)."""
        ...

    async def mute(self, source: Source, muted: bool) -> None:
        """Pauses or resumes one's own track at the server. FORBIDDEN while a host holds it muted."""
        ...

    async def mute_other(self, participant: ParticipantId, source: Source, muted: bool) -> None:
        """Admin. True pauses; false lifts that and asks the other to unmute."""
        ...

    async def hand(self, raised: bool) -> None: ...

    async def chat(self, text: str) -> None: ...

    async def layer(self, mid: str, quality: Quality) -> None:
        """Highest simulcast layer wanted in slot `mid`."""
        ...

    async def kick(self, participant: ParticipantId) -> None:
        """Admin: removes someone; they may come back unless the room is locked."""
        ...

    async def end(self) -> None:
        """Admin: ends the call for everyone."""
        ...

    async def lock(self, locked: bool) -> None:
        """Admin: nobody new comes in; those who are dropped may resume."""
        ...

    async def leave(self) -> None:
        """Gone at once, no resume."""
        ...

    def lost(self, listener: Listener) -> None:
        """The connection that spoke through `listener` dropped: the resume window opens.
        Nothing happens when another connection has taken over since.
        """
        ...


@dataclass(frozen=True, slots=True)
class Follow:
    """What a WHEP viewer sees: one participant (by identity), or the active speaker (None)."""

    identity: str | None = None


class Rooms(Protocol):
    """Where seats come from."""

    async def join(
        self,
        person: Person,
        room: RoomName,
        listener: Listener,
        *,
        door: Door = Door.WEBSOCKET,
        prepare: bool = False,
        follow: Follow | None = None,
    ) -> Seat:
        """A seat, when the grants allow it. FORBIDDEN looks the same for a room that exists and one
        that doesn't. ROOM_FULL, ROOM_LOCKED, UNAVAILABLE (draining). A websocket of the same
        identity that is already there is dismissed as replaced.
        """
        ...

    async def resume(self, key: ResumeKey, listener: Listener) -> Seat:
        """Takes a dropped (or dying) session up again. NOT_FOUND once the window is over."""
        ...

    def ice_servers(self, person: Person) -> tuple[IceServer, ...]:
        """STUN and TURN servers for this person, with fresh credentials."""
        ...


@dataclass(frozen=True, slots=True)
class RoomSettings:
    """What REST may set of a room; None takes the configured default."""

    max_participants: int | None = None
    empty_timeout: float | None = None  # seconds
    metadata: dict[str, str] = field(default_factory=dict)


class Directory(Protocol):
    """Rooms as an operator or integrator sees them (REST)."""

    async def create(self, room: RoomName, settings: RoomSettings) -> RoomInfo:
        """Opens a room; an existing one gets the settings that are not None."""
        ...

    def list(self) -> Sequence[RoomInfo]: ...

    def get(self, room: RoomName) -> RoomInfo:
        """NOT_FOUND."""
        ...

    def participants(self, room: RoomName) -> Sequence[ParticipantInfo]:
        """Everyone present or reconnecting, hidden ones too. NOT_FOUND."""
        ...

    async def close(self, room: RoomName) -> None:
        """Ends the call for everyone. NOT_FOUND."""
        ...

    async def remove(self, room: RoomName, participant: ParticipantId) -> None:
        """NOT_FOUND."""
        ...


class Authenticator(Protocol):
    """Who a bearer token stands for."""

    def authenticate(self, token: str) -> Person:
        """UNAUTHORIZED for any token that is not good, without saying why."""
        ...
