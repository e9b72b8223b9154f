"""What happens to people in rooms, for whoever keeps the record of it: visits, plugins, audit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from mediaserver.model.events import ChatLine
from mediaserver.model.ids import ParticipantId, RoomName
from mediaserver.model.roles import Role
from signaling.ports import Door


class What(StrEnum):
    """Which fact."""

    ARRIVED = "arrived"
    HELD = "held"
    ENTERED = "entered"
    SENT_BACK = "sent_back"
    DROPPED = "dropped"
    RESUMED = "resumed"
    GONE = "gone"
    MEDIA = "media"
    SAID = "said"


@dataclass(frozen=True, slots=True)
class RoomFact:
    """One fact about one participant. `at` is ms since 1970 (UTC); `identity` is stable over connections,
    `participant` is not. `detail`: why they are held, sent back or gone; the state of their media path.
    """

    room: RoomName
    at: int
    what: What
    participant: ParticipantId
    identity: str
    role: Role
    door: Door
    detail: str = ""
    line: ChatLine | None = None


Watcher = Callable[[RoomFact], None]
"""Called on the event loop for each fact, in order; must neither block nor raise."""
