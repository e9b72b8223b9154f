"""Join links over HTTP: the page's exchange of a code for a cookie, and the websocket behind it."""

from __future__ import annotations

from aiohttp import web

from mediaserver.identity.links import LinkExpiredError, Links, LinkUnknownError
from mediaserver.model.grants import Person
from signaling.http import Problem, problem_response
from signaling.websocket import WebsocketDoor, allowed_origin

COOKIE = "visit"


class LinkRoutes:
    """`POST /j/{code}/session` and `GET /j/{code}/rtc`."""

    def __init__(self, links: Links, door: WebsocketDoor, clinic: str, origins: frozenset[str]) -> None:
        self._links = links
        self._door = door
        self._clinic = clinic
        self._origins = origins

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Adds the routes."""
        router.add_post("/j/{code}/session", self.open_session)
        router.add_get("/j/{code}/rtc", self.websocket)

    async def open_session(self, request: web.Request) -> web.Response:
        """Exchanges the code for a cookie good for this link alone. It may be done any number of times:
        a reload opens another session, and a mail scanner that only reads links changes nothing.
        """
        if not allowed_origin(request, self._origins, required=False):
            return _problem(403, "forbidden", "This page may not open the link.")
        code = request.match_info["code"]
        try:
            link, cookie, ttl = self._links.open_session(code)
        except LinkUnknownError:
            return _problem(404, "not_found", "This link is not known. Ask the clinic for a new one.")
        except LinkExpiredError:
            return _problem(410, "expired", "This link is no longer valid. Ask the clinic for a new one.")
        body = {
            "room": link.room,
            "identity": link.identity,
            "name": link.name,
            "role": link.role.value,
            "clinic": self._clinic,
            "expires_at": int(link.expires_at * 1000),
        }
        response = web.json_response(body)
        response.set_cookie(
            COOKIE,
            cookie,
            path=f"/j/{code}",
            max_age=int(ttl),
            httponly=True,
            samesite="Strict",
            secure=request.secure,
        )
        return response

    async def websocket(self, request: web.Request) -> web.StreamResponse:
        """The websocket of someone with a session of this link."""
        return await self._door.handle(request, self._person(request))

    def _person(self, request: web.Request) -> Person:
        code, cookie = request.match_info["code"], request.cookies.get(COOKIE, "")
        try:
            return self._links.session(code, cookie).person()
        except (LinkUnknownError, LinkExpiredError):
            raise web.HTTPUnauthorized(text="Open the link again.\n") from None


def _problem(status: int, code: str, detail: str) -> web.Response:
    return problem_response(Problem(status, code, detail))
