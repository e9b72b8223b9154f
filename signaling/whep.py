"""WHEP, draft-ietf-wish-whep-03: a player watches a room with one POST. See docs/whip.md.

The offer is always answered (201), never countered (406): a player can receive whatever we forward.
Nobody has to be live: the picture comes when someone is.
"""

from __future__ import annotations

from aiohttp import web

from mediaserver.model.grants import Person
from mediaserver.model.ids import MAX_IDENTITY, RoomName
from signaling.http import Problem, forbidden
from signaling.http_media import SDP, HttpMediaDoor
from signaling.ports import Door, ErrorCode, Follow, Seat
from signaling.resources import Resource
from signaling.sdp import Direction


class WhepDoor(HttpMediaDoor):
    """`POST /whep/{room}`: the active speaker, or with `?participant=` the person of that identity."""

    name = "whep"
    _direction = Direction.RECVONLY

    async def _join(self, request: web.Request, person: Person, room: RoomName, resource: Resource) -> Seat:
        if not person.grants.may_join(room) or not person.grants.subscribe:
            raise forbidden()
        identity = request.query.get("participant")
        if identity is not None and not 0 < len(identity) <= MAX_IDENTITY:
            raise Problem(
                422, ErrorCode.BAD_REQUEST, f"participant is an identity of 1 to {MAX_IDENTITY} characters."
            )
        return await self._rooms.join(person, room, resource, door=Door.WHEP, follow=Follow(identity))

    async def _look(self, request: web.Request) -> web.Response:
        """A player that knows only a URL learns by HEAD that WHEP is spoken here."""
        if request.method == "HEAD":
            return web.Response(content_type=SDP)
        return await super()._look(request)
