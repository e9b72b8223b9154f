"""What the HTTP doors (WHIP, WHEP, REST) share: bearer tokens, problem bodies, bounded bodies, CORS."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

import msgspec
import structlog
from aiohttp import web

from mediaserver.model.grants import Person
from mediaserver.model.ids import RoomName, room_name
from mediaserver.model.pii import fault
from signaling.ports import Authenticator, ErrorCode, Refused

log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

MAX_TOKEN = 8192  # characters of an Authorization header
BODY_TIMEOUT = 10.0  # seconds in which a client has to send its body
RETRY_AFTER = "5"  # seconds

_STATUS = {
    ErrorCode.BAD_REQUEST: 400,
    ErrorCode.UNSUPPORTED_PROTOCOL: 400,
    ErrorCode.UNAUTHORIZED: 401,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.ROOM_LOCKED: 403,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.CONFLICT: 409,
    ErrorCode.TOO_LARGE: 413,
    ErrorCode.NEGOTIATION_FAILED: 422,
    ErrorCode.RATE_LIMITED: 429,
    ErrorCode.INTERNAL: 500,
    ErrorCode.MEDIA_FAILED: 500,
    ErrorCode.ROOM_FULL: 503,
    ErrorCode.UNAVAILABLE: 503,
}


class Problem(Exception):  # noqa: N818 - an answer, not a fault
    """An HTTP error with an RFC 9457 body; `detail` says in plain words what to do."""

    def __init__(self, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})


class ProblemBody(msgspec.Struct, frozen=True):
    """RFC 9457 problem details; `code` is stable, the words are not."""

    status: int
    title: str
    code: str
    detail: str
    type: str = "about:blank"


def problem_response(problem: Problem) -> web.Response:
    """The response of a problem."""
    body = ProblemBody(problem.status, HTTPStatus(problem.status).phrase, problem.code, problem.detail)
    return web.Response(
        status=problem.status,
        body=msgspec.json.encode(body),
        content_type="application/problem+json",
        headers=problem.headers,
    )


def problem_of(refused: Refused) -> Problem:
    """A refusal of the rooms as HTTP. A forbidden room looks like one that doesn't exist."""
    status = _STATUS[refused.code]
    headers = {}
    if status in (429, 503):
        headers["Retry-After"] = RETRY_AFTER
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="mediaserver", error="invalid_token"'
    return Problem(status, refused.code, refused.message, headers)


def guarded(handler: Handler, headers: Mapping[str, str] | None = None) -> Handler:
    """Turns refusals and problems into responses, and puts `headers` and no-store on each of them."""

    async def guard(request: web.Request) -> web.StreamResponse:
        try:
            response = await handler(request)
        except Problem as problem:
            response = problem_response(problem)
        except Refused as refused:
            response = problem_response(problem_of(refused))
        except (asyncio.CancelledError, web.HTTPException):
            raise
        except Exception as error:
            log.error("http.failed", fault=fault(error), route=_route(request))
            response = problem_response(
                Problem(500, ErrorCode.INTERNAL, "The server failed on this request. Try again.")
            )
        response.headers.update(headers or {})
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return guard


def _route(request: web.Request) -> str:
    """The route's pattern; the path itself may hold a session's secret."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "?"


def bearer_person(request: web.Request, authenticator: Authenticator) -> Person:
    """Who the request's bearer token (RFC 6750 section 2.1) stands for. Problem 401 for none."""
    header = request.headers.get("Authorization", "")
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Problem(
            401,
            ErrorCode.UNAUTHORIZED,
            "Send an Authorization header with a bearer token.",
            {"WWW-Authenticate": 'Bearer realm="mediaserver"'},
        )
    if len(token) > MAX_TOKEN:
        raise problem_of(Refused(ErrorCode.UNAUTHORIZED, "The token is not valid."))
    return authenticator.authenticate(token.strip())


def room_of(request: web.Request) -> RoomName:
    """The room in the path. A name that cannot exist is refused as one that may not be entered."""
    try:
        return room_name(request.match_info["room"])
    except ValueError:
        raise forbidden() from None


def forbidden() -> Problem:
    """403 in the same words for every room, whether it exists or not."""
    return Problem(403, ErrorCode.FORBIDDEN, "This token does not give that right in this room.")


async def read_body(request: web.Request, *, limit: int) -> bytes:
    """The body, at most `limit` bytes. Problem 413 above, 408 when it dawdles."""
    too_large = Problem(413, ErrorCode.TOO_LARGE, f"The body has more than {limit} bytes.")
    if request.content_length is not None and request.content_length > limit:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > limit:
                    raise too_large
    except TimeoutError:
        raise Problem(408, ErrorCode.BAD_REQUEST, "The body took too long to arrive.") from None
    return bytes(body)


async def read_text(request: web.Request, *, content_type: str, limit: int) -> str:
    """A UTF-8 body of one content type. Problem 415 for another, 400 for bytes that are no text."""
    if request.content_type != content_type:
        raise Problem(
            415, ErrorCode.BAD_REQUEST, f"Send the body as {content_type}.", {"Accept": content_type}
        )
    try:
        return (await read_body(request, limit=limit)).decode()
    except UnicodeDecodeError:
        raise Problem(400, ErrorCode.BAD_REQUEST, "The body is not UTF-8 text.") from None
