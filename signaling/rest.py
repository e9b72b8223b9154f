"""REST, `/api/v1`: rooms as an operator or a clinic's own system manages them, by bearer token.

The token needs the `rooms` grant. Operations are declared once, in `OPERATIONS`: routes, validation and
the OpenAPI document (`/api/v1/openapi.json`) are made from that, so they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec
from aiohttp import web
from msgspec import Meta

from mediaserver.model.events import ParticipantInfo, Presence, RoomInfo
from mediaserver.model.ids import ParticipantId, RoomName, room_name
from mediaserver.model.roles import Role, Source
from signaling.http import Problem, bearer_person, forbidden, guarded, read_body
from signaling.openapi import Operation, document
from signaling.ports import Authenticator, Directory, ErrorCode, Refused, RoomSettings

MAX_BODY = 16 * 1024  # bytes
MAX_METADATA = 32  # entries

Name = Annotated[str, Meta(pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description="Name of a room.")]
ShortText = Annotated[str, Meta(max_length=256)]
Millis = Annotated[int, Meta(description="Milliseconds since 1970 (UTC).")]


class CreateRoom(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A room to open. What is left out takes the server's default."""

    name: Name
    max_participants: Annotated[int, Meta(ge=1, le=1000)] | None = None
    empty_timeout: Annotated[float, Meta(ge=0, le=86400, description="Seconds.")] | None = None
    metadata: Annotated[dict[ShortText, ShortText], Meta(max_length=MAX_METADATA)] = {}


class RoomBody(msgspec.Struct, frozen=True):
    """A room. Logs and metrics say `id` in place of the name."""

    id: str
    name: Name
    locked: bool
    opened_at: Millis
    participants: int
    max_participants: int
    metadata: dict[str, str]


class RoomList(msgspec.Struct, frozen=True):
    """All open rooms."""

    rooms: list[RoomBody]


class TrackBody(msgspec.Struct, frozen=True):
    """A published track."""

    source: Source
    muted: bool
    muted_by_host: bool


class ParticipantBody(msgspec.Struct, frozen=True):
    """Someone in a room, hidden ones too."""

    id: str
    identity: str
    name: str
    role: Role
    admin: bool
    hand: bool
    state: Presence
    tracks: list[TrackBody]
    joined_at: Millis


class ParticipantList(msgspec.Struct, frozen=True):
    """Everyone present or reconnecting."""

    participants: list[ParticipantBody]


class RestDoor:
    """Serves `Directory` to holders of the `rooms` grant."""

    def __init__(self, directory: Directory, authenticator: Authenticator, *, version: str = "1") -> None:
        self._directory = directory
        self._authenticator = authenticator
        self._document = msgspec.json.encode(document(OPERATIONS, version))

    def routes(self) -> list[web.RouteDef]:
        """For `Application.add_routes`."""
        routes = [
            web.route(operation.method, operation.path, guarded(self._authorized(operation)))
            for operation in OPERATIONS
        ]
        return [*routes, web.get("/api/v1/openapi.json", guarded(self._openapi))]

    def _authorized(self, operation: Operation) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        handler = HANDLERS[operation.id]

        async def handle(request: web.Request) -> web.StreamResponse:
            person = bearer_person(request, self._authenticator)
            if not person.grants.rooms:
                raise forbidden()
            body = None
            if operation.body is not None:
                body = await _read_json(request, operation.body)
            result = await handler(self._directory, request, body)
            if result is None:
                return web.Response(status=operation.status)
            return web.Response(
                status=operation.status, body=msgspec.json.encode(result), content_type="application/json"
            )

        return handle

    async def _openapi(self, request: web.Request) -> web.Response:
        return web.Response(body=self._document, content_type="application/json")


async def _read_json(request: web.Request, shape: type[Any]) -> Any:
    if request.content_type != "application/json":
        raise Problem(
            415, ErrorCode.BAD_REQUEST, "Send the body as application/json.", {"Accept": "application/json"}
        )
    body = await read_body(request, limit=MAX_BODY)
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        raise Problem(422, ErrorCode.BAD_REQUEST, f"{error}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Problem(400, ErrorCode.BAD_REQUEST, "The body is not JSON.") from None


def _room(request: web.Request) -> RoomName:
    """The room in the path; with the `rooms` grant an impossible name is only one that isn't there."""
    try:
        return room_name(request.match_info["room"])
    except ValueError:
        raise Refused(ErrorCode.NOT_FOUND, "There is no such room.") from None


def room_body(info: RoomInfo) -> RoomBody:
    """A room as JSON."""
    return RoomBody(
        id=info.id,
        name=info.name,
        locked=info.locked,
        opened_at=info.opened_at,
        participants=info.participants,
        max_participants=info.max_participants,
        metadata=dict(info.metadata.reveal()),
    )


def participant_body(info: ParticipantInfo) -> ParticipantBody:
    """A participant as JSON; the name is revealed here, to a token that manages rooms."""
    return ParticipantBody(
        id=info.id,
        identity=info.identity,
        name=info.name.reveal(),
        role=info.role,
        admin=info.admin,
        hand=info.hand,
        state=info.state,
        tracks=[TrackBody(track.source, track.muted, track.muted_by_host) for track in info.tracks],
        joined_at=info.joined_at,
    )


async def _create(directory: Directory, request: web.Request, body: CreateRoom) -> RoomBody:
    settings = RoomSettings(body.max_participants, body.empty_timeout, dict(body.metadata))
    try:
        name = room_name(body.name)
    except ValueError as error:  # the pattern's $ lets a line end pass
        raise Problem(422, ErrorCode.BAD_REQUEST, f"{error} - at `$.name`.") from None
    return room_body(await directory.create(name, settings))


async def _list(directory: Directory, request: web.Request, body: None) -> RoomList:
    return RoomList([room_body(info) for info in directory.list()])


async def _get(directory: Directory, request: web.Request, body: None) -> RoomBody:
    return room_body(directory.get(_room(request)))


async def _close(directory: Directory, request: web.Request, body: None) -> None:
    await directory.close(_room(request))


async def _participants(directory: Directory, request: web.Request, body: None) -> ParticipantList:
    people = directory.participants(_room(request))
    return ParticipantList([participant_body(info) for info in people])


async def _remove(directory: Directory, request: web.Request, body: None) -> None:
    await directory.remove(_room(request), ParticipantId(request.match_info["participant"]))


Handle = Callable[[Directory, web.Request, Any], Awaitable[Any]]

HANDLERS: dict[str, Handle] = {
    "createRoom": _create,
    "listRooms": _list,
    "getRoom": _get,
    "closeRoom": _close,
    "listParticipants": _participants,
    "removeParticipant": _remove,
}

_ROOMS = "/api/v1/rooms"
_ONE = _ROOMS + "/{room}"
_PEOPLE = _ONE + "/participants"

OPERATIONS = (
    Operation(
        "createRoom",
        "POST",
        _ROOMS,
        "Open a room, or change the settings of an open one",
        status=201,
        body=CreateRoom,
        result=RoomBody,
    ),
    Operation("listRooms", "GET", _ROOMS, "List the open rooms", result=RoomList),
    Operation("getRoom", "GET", _ONE, "Look at a room", result=RoomBody),
    Operation("closeRoom", "DELETE", _ONE, "End the call for everyone and close the room", status=204),
    Operation("listParticipants", "GET", _PEOPLE, "List who is in a room", result=ParticipantList),
    Operation(
        "removeParticipant", "DELETE", _PEOPLE + "/{participant}", "Remove someone from a room", status=204
    ),
)
