"""WHIP, RFC 9725: a device or encoder publishes into a room with one POST. See docs/whip.md."""

from __future__ import annotations

from aiohttp import web

from mediaserver.model.grants import Person
from mediaserver.model.ids import RoomName
from signaling.http import forbidden
from signaling.http_media import HttpMediaDoor
from signaling.ports import Door, Seat
from signaling.resources import Resource
from signaling.sdp import Direction


class WhipDoor(HttpMediaDoor):
    """`POST /whip/{room}`: the first audio section is the microphone, the first video the camera."""

    name = "whip"
    _direction = Direction.SENDONLY

    async def _join(self, request: web.Request, person: Person, room: RoomName, resource: Resource) -> Seat:
        if not person.grants.may_join(room) or not person.grants.publish:
            raise forbidden()
        return await self._rooms.join(person, room, resource, door=Door.WHIP)
