"""The sessions that WHIP and WHEP hold open: unguessable, bound to who made them, gone with their seat."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field

from mediaserver.model.events import Dismissed, Event
from mediaserver.model.ids import RoomName
from sfu.types import IceParameters
from signaling.ports import ErrorCode, Refused, Seat
from signaling.sdp import SessionDescription


@dataclass(slots=True)
class Resource:
    """One HTTP session; the `Listener` of its seat.

    `etag` is the entity tag of the ICE session, without quotes. `remote` are the client's credentials:
    others in a PATCH are an ICE restart.
    """

    id: str
    room: RoomName
    identity: str
    shelf: Resources
    seat: Seat | None = None
    answer: SessionDescription | None = None
    remote: IceParameters | None = None
    etag: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)  # overlapping PATCH requests go in order

    def notify(self, event: Event) -> None:
        """Of all that happens in a room only the end matters here: HTTP has no way to tell more."""
        if isinstance(event, Dismissed):
            self.shelf.remove(self)

    def renew_etag(self) -> str:
        """A new tag for a new ICE session."""
        self.etag = secrets.token_urlsafe(12)
        return self.etag


class Resources:
    """All sessions of one door, by id."""

    def __init__(self, *, limit: int, limit_per_identity: int) -> None:
        self._limit = limit
        self._limit_per_identity = limit_per_identity
        self._by_id: dict[str, Resource] = {}
        self._per_identity: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def open(self, room: RoomName, identity: str) -> Resource:
        """A place for a session. UNAVAILABLE, RATE_LIMITED."""
        if len(self._by_id) >= self._limit:
            raise Refused(
                ErrorCode.UNAVAILABLE, "The server holds as many sessions as it may. Try again later."
            )
        held = self._per_identity.get(identity, 0)
        if held >= self._limit_per_identity:
            raise Refused(
                ErrorCode.RATE_LIMITED,
                "This identity has too many open sessions. Close one with DELETE first.",
            )
        resource = Resource(secrets.token_urlsafe(24), room, identity, self)  # 192 bits
        self._by_id[resource.id] = resource
        self._per_identity[identity] = held + 1
        return resource

    def get(self, id_: str, room: RoomName, identity: str) -> Resource:
        """The session, for the identity that made it. NOT_FOUND in the same words for anybody else."""
        resource = self._by_id.get(id_)
        if resource is None or resource.room != room or resource.identity != identity:
            raise Refused(ErrorCode.NOT_FOUND, "There is no such session; it may be over.")
        return resource

    def remove(self, resource: Resource) -> None:
        """Forgets it; idempotent."""
        if self._by_id.pop(resource.id, None) is None:
            return
        left = self._per_identity[resource.identity] - 1
        if left:
            self._per_identity[resource.identity] = left
        else:
            del self._per_identity[resource.identity]
