"""What happens in a room. Plain facts: `signaling` tells them to clients, plugins react to them.

Times are milliseconds since 1970 (UTC), as browsers have them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from mediaserver.model.ids import ParticipantId, RoomName
from mediaserver.model.pii import Pii
from mediaserver.model.roles import Role, Source


class Presence(StrEnum):
    """How a participant is in the room."""

    PRESENT = "present"
    RECONNECTING = "reconnecting"


class Departure(StrEnum):
    """Why someone is no longer in a room; each has its own close code (docs/protocol.md)."""

    LEFT = "left"
    REMOVED = "removed"
    ENDED = "ended"
    REPLACED = "replaced"
    TIMED_OUT = "timed_out"
    MEDIA_LOST = "media_lost"
    ROOM_CLOSED = "room_closed"
    SERVER_RESTARTS = "server_restarts"
    WORKER_LOST = "worker_lost"
    RENEW = "renew"  # the SRTP keys wear out (RFC 7714 section 14)
    PROTOCOL_ERROR = "protocol_error"
    SENT_BACK = "sent_back"  # to the others; they themselves wait at the door

    @property
    def rejoin(self) -> bool:
        """Whether the client should join again by itself."""
        return self in (Departure.SERVER_RESTARTS, Departure.WORKER_LOST, Departure.RENEW)


@dataclass(frozen=True, slots=True)
class TrackInfo:
    """A track as others know it. `muted_by_host`: paused at the server by someone with the right."""

    source: Source
    muted: bool
    muted_by_host: bool = False


@dataclass(frozen=True, slots=True)
class ParticipantInfo:
    """A participant as others know them."""

    id: ParticipantId
    identity: str
    name: Pii[str]
    role: Role
    admin: bool
    hand: bool
    state: Presence
    tracks: tuple[TrackInfo, ...]
    joined_at: int


@dataclass(frozen=True, slots=True)
class ChatLine:
    """A line of chat; `sender` may have left since."""

    id: int
    sender: ParticipantId
    name: Pii[str]
    text: Pii[str]
    at: int


@dataclass(frozen=True, slots=True)
class SlotUse:
    """What a receive slot (m-section `mid`) of one client now carries."""

    mid: str
    participant: ParticipantId
    source: Source
    muted: bool


@dataclass(frozen=True, slots=True)
class RoomInfo:
    """A room as an operator sees it. `id` is random: logs and metrics say it instead of the name, which
    whoever made the room may have taken from a person's.
    """

    id: str
    name: RoomName
    locked: bool
    opened_at: int
    participants: int
    max_participants: int
    metadata: Pii[Mapping[str, str]] = Pii({})  # noqa: RUF009 - never changed


@dataclass(frozen=True, slots=True)
class RoomSnapshot:
    """All that someone who comes in has to know."""

    room: RoomInfo
    participants: tuple[ParticipantInfo, ...]
    chat: tuple[ChatLine, ...]
    speaker: ParticipantId | None


# Facts for everyone in the room.


@dataclass(frozen=True, slots=True)
class ParticipantJoined:
    """Someone came in."""

    participant: ParticipantInfo


@dataclass(frozen=True, slots=True)
class ParticipantUpdated:
    """Tracks, mutes, hand or presence changed."""

    participant: ParticipantInfo


@dataclass(frozen=True, slots=True)
class ParticipantLeft:
    """Someone is gone for good (the resume window is over, or they left)."""

    participant: ParticipantId
    reason: Departure


@dataclass(frozen=True, slots=True)
class SpeakerChanged:
    """The active speaker is another, or nobody."""

    participant: ParticipantId | None


@dataclass(frozen=True, slots=True)
class ChatSaid:
    """A line of chat."""

    line: ChatLine


@dataclass(frozen=True, slots=True)
class RoomLocked:
    """The door was locked or opened."""

    locked: bool
    by: ParticipantId | None


# Facts for one participant.


@dataclass(frozen=True, slots=True)
class SlotsChanged:
    """The whole mapping of receive slots, and how many more of each kind to offer."""

    slots: tuple[SlotUse, ...]
    need_audio: int
    need_video: int


@dataclass(frozen=True, slots=True)
class MutedByHost:
    """A host paused one of your tracks, or lifted that."""

    source: Source
    muted: bool
    by: ParticipantId | None


@dataclass(frozen=True, slots=True)
class UnmuteRequested:
    """A host asks you to unmute; only you can."""

    source: Source
    by: ParticipantId


@dataclass(frozen=True, slots=True)
class MediaPathChanged:
    """What the server knows of your media path: a PathState, or "dtls_connected", "dtls_failed",
    "dtls_closed".
    """

    state: str


@dataclass(frozen=True, slots=True)
class Held:
    """You asked to come in, and wait at the door: nothing of you is forwarded to anybody."""

    reason: str


@dataclass(frozen=True, slots=True)
class Admitted:
    """You waited, and are in now; what is in the room follows as news."""


@dataclass(frozen=True, slots=True)
class SentBack:
    """You were in, and wait at the door again."""

    reason: str


@dataclass(frozen=True, slots=True)
class PanelChanged:
    """A plugin's panel on your page has another view now."""

    plugin: str
    panel: str


@dataclass(frozen=True, slots=True)
class Dismissed:
    """You are out; nothing follows."""

    reason: Departure


RoomEvent = ParticipantJoined | ParticipantUpdated | ParticipantLeft | SpeakerChanged | ChatSaid | RoomLocked
PersonalEvent = (
    SlotsChanged
    | MutedByHost
    | UnmuteRequested
    | MediaPathChanged
    | Held
    | Admitted
    | SentBack
    | PanelChanged
    | Dismissed
)
Event = RoomEvent | PersonalEvent
