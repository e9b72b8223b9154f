"""The HTTP door to media: what WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep-03) have in common.

POST an offer, get an answer and a session URL; PATCH that for ICE; DELETE it. Behind it the same seat,
negotiation and media as for a websocket. Section numbers are those of RFC 9725.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from mediaserver.model.grants import Person
from mediaserver.model.ids import RoomName
from sfu.types import IceParameters
from signaling import sdpfrag
from signaling.http import (
    Handler,
    Problem,
    bearer_person,
    guarded,
    read_text,
    room_of,
)
from signaling.ports import Authenticator, ErrorCode, IceServer, Rooms, Seat
from signaling.resources import Resource, Resources
from signaling.sdp import (
    DEFAULT_LIMITS,
    Direction,
    MediaSection,
    SdpError,
    SdpLimits,
    SessionDescription,
    parse,
    write,
)

SDP = "application/sdp"
_EXPOSED = "Location, ETag, Link, Accept-Post, Accept-Patch, Retry-After, WWW-Authenticate"


@dataclass(frozen=True, slots=True)
class HttpMediaSettings:
    """`allow_origin` goes into CORS headers; requests carry a token and no cookie, so any page may ask."""

    allow_origin: str = "*"
    limits: SdpLimits = DEFAULT_LIMITS
    sessions: int = 2_000
    sessions_per_identity: int = 8


class HttpMediaDoor(ABC):
    """One protocol's endpoint `/{name}/{room}` and its sessions `/{name}/{room}/{session}`."""

    name: str
    _direction: Direction  # of the media sections of an offer

    def __init__(self, rooms: Rooms, authenticator: Authenticator, settings: HttpMediaSettings) -> None:
        self._rooms = rooms
        self._authenticator = authenticator
        self._settings = settings
        self._resources = Resources(
            limit=settings.sessions, limit_per_identity=settings.sessions_per_identity
        )

    @property
    def sessions(self) -> int:
        """Sessions open now."""
        return len(self._resources)

    def routes(self) -> list[web.RouteDef]:
        """For `Application.add_routes`."""
        endpoint, session = f"/{self.name}/{{room}}", f"/{self.name}/{{room}}/{{session}}"
        return [
            web.post(endpoint, self._guard(self._open)),
            web.get(endpoint, self._guard(self._look)),
            web.options(endpoint, self._guard(self._endpoint_options)),
            web.patch(session, self._guard(self._patch)),
            web.delete(session, self._guard(self._delete)),
            web.get(session, self._guard(self._look_session)),
            web.options(session, self._guard(self._session_options)),
        ]

    def _guard(self, handler: Handler) -> Handler:
        headers = {
            "Access-Control-Allow-Origin": self._settings.allow_origin,
            "Access-Control-Expose-Headers": _EXPOSED,
        }
        if self._settings.allow_origin != "*":
            headers["Vary"] = "Origin"
        return guarded(handler, headers)

    @abstractmethod
    async def _join(self, request: web.Request, person: Person, room: RoomName, resource: Resource) -> Seat:
        """The seat for a new session. Raises Problem or Refused."""

    async def _open(self, request: web.Request) -> web.Response:
        """POST to the endpoint (section 4.2)."""
        person = bearer_person(request, self._authenticator)
        room = room_of(request)
        text = await read_text(request, content_type=SDP, limit=self._settings.limits.max_bytes)
        offer = self._read_offer(text)
        resource = self._resources.open(room, person.identity)
        try:
            seat = await self._join(request, person, room, resource)
            try:
                answer = await seat.offer(write(offer), None)
                resource.answer = parse(answer)
                _check_complete(offer, resource.answer)
            except BaseException:
                await seat.leave()
                raise
        except BaseException:
            self._resources.remove(resource)
            raise
        resource.seat = seat
        resource.remote = _credentials(offer)
        response = web.Response(status=201, body=answer.encode(), content_type=SDP)
        response.headers["Location"] = f"/{self.name}/{room}/{resource.id}"
        response.headers["ETag"] = f'"{resource.etag}"'
        response.headers["Accept-Patch"] = sdpfrag.CONTENT_TYPE
        _add_links(response, self._rooms.ice_servers(person))
        return response

    def _read_offer(self, text: str) -> SessionDescription:
        """The offer with one direction throughout, or why it is none for this protocol (section 4.4)."""
        try:
            offer = parse(text, self._settings.limits)
        except SdpError as error:
            status, code = (413, ErrorCode.TOO_LARGE) if error.limit else (400, ErrorCode.BAD_REQUEST)
            raise Problem(status, code, f"The offer cannot be read: {error}.") from None
        seen: set[str] = set()
        for section in offer.sections:
            if section.stopped:
                continue
            self._check_section(section, offer.direction, seen)
            # sendrecv is allowed, but the answer has one direction only.
            section.direction = self._direction
        if not seen:
            raise _unprocessable("Offer at least one audio or video section.")
        return offer

    def _check_section(
        self, section: MediaSection, session_direction: Direction | None, seen: set[str]
    ) -> None:
        if section.media not in ("audio", "video"):
            raise _unprocessable("Offer audio and video only; this endpoint has no data channel.")
        if section.media in seen:
            raise _unprocessable("Offer at most one audio and one video section.")
        direction = section.direction or session_direction or Direction.SENDRECV
        if direction not in (self._direction, Direction.SENDRECV):
            raise _unprocessable(f"Offer every section {self._direction}.")
        seen.add(section.media)

    async def _look(self, request: web.Request) -> web.Response:
        """GET has nothing to show, with success (section 4.1)."""
        return web.Response(status=204)

    async def _look_session(self, request: web.Request) -> web.Response:
        self._resource(request)
        return web.Response(status=204)

    async def _endpoint_options(self, request: web.Request) -> web.Response:
        """CORS and discovery (section 4.2); a client that asks with its token learns the ICE servers."""
        response = self._preflight("POST, GET, OPTIONS")
        response.headers["Accept-Post"] = SDP
        if "Authorization" in request.headers:
            _add_links(response, self._rooms.ice_servers(bearer_person(request, self._authenticator)))
        return response

    async def _session_options(self, request: web.Request) -> web.Response:
        response = self._preflight("PATCH, DELETE, GET, OPTIONS")
        response.headers["Accept-Patch"] = sdpfrag.CONTENT_TYPE
        return response

    def _preflight(self, methods: str) -> web.Response:
        return web.Response(
            headers={
                "Allow": methods,
                "Access-Control-Allow-Methods": methods,
                "Access-Control-Allow-Headers": "Authorization, Content-Type, If-Match, Link",
                "Access-Control-Max-Age": "86400",
            }
        )

    def _resource(self, request: web.Request) -> Resource:
        person = bearer_person(request, self._authenticator)
        return self._resources.get(request.match_info["session"], room_of(request), person.identity)

    async def _patch(self, request: web.Request) -> web.Response:
        """Trickle ICE and ICE restart (section 4.3)."""
        resource = self._resource(request)
        text = await read_text(request, content_type=sdpfrag.CONTENT_TYPE, limit=sdpfrag.LIMITS.max_bytes)
        try:
            fragment = sdpfrag.read_ice_fragment(text)
        except SdpError as error:
            status, code = (413, ErrorCode.TOO_LARGE) if error.limit else (400, ErrorCode.BAD_REQUEST)
            raise Problem(status, code, f"The fragment cannot be read: {error}.") from None
        async with resource.lock:
            any_session = _check_precondition(request, resource)
            if any_session and fragment.ice is None:
                raise _unprocessable('An ICE restart (If-Match: "*") has a=ice-ufrag and a=ice-pwd.')
            if fragment.ice is None or fragment.ice == resource.remote:
                # Trickled candidates change nothing: as ICE-lite we answer checks and never start them.
                return web.Response(status=204)
            seat, answer = resource.seat, resource.answer
            if seat is None or answer is None:
                raise Problem(409, ErrorCode.CONFLICT, "The session is not set up yet.")
            ice = await seat.restart_ice()
            resource.remote = fragment.ice
            body = sdpfrag.restart_fragment(answer, ice, seat.candidates)
            response = web.Response(body=body.encode(), content_type=sdpfrag.CONTENT_TYPE)
            response.headers["ETag"] = f'"{resource.renew_etag()}"'
            return response

    async def _delete(self, request: web.Request) -> web.Response:
        """The end (section 4.2); entity tags are of no interest here."""
        resource = self._resource(request)
        self._resources.remove(resource)
        if resource.seat is not None:
            await resource.seat.leave()
        return web.Response(status=200)


def _unprocessable(detail: str) -> Problem:
    return Problem(422, ErrorCode.NEGOTIATION_FAILED, detail)


def _check_complete(offer: SessionDescription, answer: SessionDescription) -> None:
    """No partial success (section 4.4.3): every section offered is accepted, or the request fails."""
    for offered, answered in zip(offer.sections, answer.sections, strict=True):
        if answered.port == 0 and not offered.stopped:
            raise _unprocessable(
                f"No {offered.media} codec in common: offer Opus, and VP8, VP9, H264 or AV1."
            )


def _credentials(offer: SessionDescription) -> IceParameters | None:
    for level in (*offer.sections, offer):
        if level.ice_ufrag is not None and level.ice_pwd is not None:
            return IceParameters(level.ice_ufrag, level.ice_pwd)
    return None


def _check_precondition(request: web.Request, resource: Resource) -> bool:
    """If-Match (RFC 9110 section 13.1.1), compared strongly. Gives whether it was `*`."""
    if "If-Match" not in request.headers:
        raise Problem(
            428,
            "precondition_required",
            'Send If-Match with the ETag of the ICE session, or "*" for an ICE restart.',
        )
    tags = [tag.strip() for value in request.headers.getall("If-Match") for tag in value.split(",")]
    # RFC 9725 writes the wildcard in quotes in its examples, RFC 9110 without: take both.
    if "*" in tags or '"*"' in tags:
        return True
    if f'"{resource.etag}"' not in tags:
        raise Problem(
            412, "precondition_failed", "The ETag is of an older ICE session; use that of the last answer."
        )
    return False


def _add_links(response: web.Response, servers: Sequence[IceServer]) -> None:
    """STUN and TURN servers as Link headers (section 4.6)."""
    for server in servers:
        for url in server.urls:
            link = f'<{url}>; rel="ice-server"'
            if server.username is not None and server.credential is not None:
                link += (
                    f"; username={_quoted(server.username)}; credential={_quoted(server.credential)}"
                    '; credential-type="password"'
                )
            response.headers.add("Link", link)


def _quoted(text: str) -> str:
    """An RFC 9110 quoted-string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
