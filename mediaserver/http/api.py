"""Every JSON route of the server, declared once.

From an `Operation` come the route, the check of who calls, the defence against cross-site calls, the
validation of query and body, the audit of a read or a refusal, and the OpenAPI document: they cannot
disagree, and none can be forgotten. Handlers get a `Call` and give back a Struct, a response or nothing.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
import structlog
from aiohttp import web

from mediaserver.http.failures import problem_of_failure
from mediaserver.http.openapi import document
from mediaserver.http.same_origin import SAFE_METHODS, require_same_origin
from mediaserver.identity.permissions import PermissionTable
from mediaserver.model.actors import Actor
from mediaserver.model.audit import AuditAction, AuditEntity, AuditEvent, AuditOutcome
from mediaserver.model.pii import fault
from signaling.http import Problem, guarded, read_body
from signaling.ports import ErrorCode

log = structlog.get_logger(__name__)

MAX_BODY = 16 * 1024  # bytes
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_ACTIONS = {
    "GET": AuditAction.READ,
    "POST": AuditAction.CREATE,
    "PUT": AuditAction.UPDATE,
    "PATCH": AuditAction.UPDATE,
    "DELETE": AuditAction.DELETE,
}


@dataclass(frozen=True, slots=True)
class Public:
    """Anyone: signing in, and what is no secret."""


@dataclass(frozen=True, slots=True)
class Signed:
    """Someone who signed in (cookie), or a program with a key (bearer), with this permission."""

    permission: str


@dataclass(frozen=True, slots=True)
class Bearer:
    """Programs alone: a developer key or a token, with this permission. Cookies open nothing."""

    permission: str


@dataclass(frozen=True, slots=True)
class LinkHolder:
    """Someone whose browser opened the join link `{code}` of the path: themselves, in their visit."""


Access = Public | Signed | Bearer | LinkHolder


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one path.

    `body`, `query` and `result` are msgspec Structs, the first two with `forbid_unknown_fields`. `audit`
    is the event type of an operation that touches PHI or identity: a read is recorded here before its
    answer leaves, a change by its service in the transaction that makes it, a refusal here.
    `passive`: a page's own polling, which does not put off automatic logoff. `lenient`: somebody else's
    standard says what may be in the query, so what is unknown is passed over.
    """

    id: str
    method: str
    path: str
    summary: str
    access: Access
    status: int = 200
    body: type[msgspec.Struct] | None = None
    query: type[msgspec.Struct] | None = None
    result: type[msgspec.Struct] | None = None
    audit: str | None = None
    passive: bool = False
    lenient: bool = False
    max_body: int = MAX_BODY


@dataclass(frozen=True, slots=True)
class Recognised:
    """Who calls, and what they may ask for."""

    actor: Actor
    permissions: frozenset[str] = frozenset()


class Recogniser(Protocol):
    """Tells who a request comes from; None when its proof is missing or no good."""

    def has_cookie(self, request: web.Request) -> bool:
        """Whether a session cookie came along at all."""
        ...

    async def cookie(self, request: web.Request, *, passive: bool) -> Recognised | None:
        """By the session cookie."""
        ...

    async def bearer(self, request: web.Request, token: str) -> Recognised | None:
        """By the Authorization header's token (RFC 6750)."""
        ...

    async def link(self, request: web.Request) -> Recognised | None:
        """By the cookie of the link in the path."""
        ...


class AccessLog(Protocol):
    """Where reads and refusals are recorded (`mediaserver.audit.AuditLog`)."""

    async def access(self, actor: Actor, event: AuditEvent) -> None:
        """Records; raises when it cannot, and then the answer is withheld."""
        ...


@dataclass(slots=True)
class Call:
    """A request that passed the door. `path` has the path's parameters, `body` and `query` are Structs."""

    request: web.Request
    actor: Actor
    permissions: frozenset[str]
    path: Mapping[str, str]
    request_id: str
    body: Any = None
    query: Any = None
    patient: str | None = None
    visit: str | None = None
    entities: list[AuditEntity] = field(default_factory=list)

    def may(self, permission: str) -> bool:
        """Whether they hold a further permission."""
        return permission in self.permissions

    def touched(self, *entities: AuditEntity, patient: str | None = None, visit: str | None = None) -> None:
        """What a read was of, for its line in the audit log."""
        self.entities.extend(entities)
        self.patient = patient or self.patient
        self.visit = visit or self.visit


Handler = Callable[[Call], Awaitable[msgspec.Struct | web.StreamResponse | None]]


class Api:
    """The operations of the server and the door before them."""

    def __init__(
        self,
        recogniser: Recogniser,
        table: PermissionTable,
        audit: AccessLog,
        *,
        origins: Collection[str] = (),
        version: str = "1",
    ) -> None:
        self._recogniser = recogniser
        self._table = table
        self._audit = audit
        self._origins = frozenset(origins)
        self._version = version
        self._handlers: dict[str, tuple[Operation, Handler]] = {}

    @property
    def operations(self) -> tuple[Operation, ...]:
        """All that were added."""
        return tuple(operation for operation, _ in self._handlers.values())

    @property
    def table(self) -> PermissionTable:
        """Who holds what."""
        return self._table

    def add(self, operation: Operation, handler: Handler) -> None:
        """Raises ValueError for a second operation of one id or path, and for an unknown permission."""
        for other in self.operations:
            if operation.id == other.id:
                raise ValueError(f"there are two operations {operation.id}")
            if (operation.method, operation.path) == (other.method, other.path):
                raise ValueError(f"{operation.id} and {other.id} are both {other.method} {other.path}")
        match operation.access:
            case Signed(permission) | Bearer(permission) if permission not in self._table:
                raise ValueError(f"{operation.id}: nobody declared the permission {permission}")
            case _:
                pass
        for shape in (operation.body, operation.query):
            if shape is None or operation.lenient:
                continue
            if not shape.__struct_config__.forbid_unknown_fields:
                raise ValueError(f"{operation.id}: {shape.__name__} must forbid unknown fields")
        self._handlers[operation.id] = (operation, handler)

    def routes(self) -> list[web.RouteDef]:
        """For `Application.add_routes`, with the document of them all at /api/v1/openapi.json."""
        encoded = msgspec.json.encode(self.document())

        async def describe(_: web.Request) -> web.Response:
            return web.Response(body=encoded, content_type="application/json")

        routes = [
            web.route(operation.method, operation.path, guarded(self._handle(operation, handler)))
            for operation, handler in self._handlers.values()
        ]
        return [*routes, web.get("/api/v1/openapi.json", guarded(describe))]

    def document(self) -> dict[str, Any]:
        """OpenAPI 3.1."""
        return document(self.operations, self._version)

    def _handle(
        self, operation: Operation, handler: Handler
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                return await answer(request)
            except Exception as error:
                problem = problem_of_failure(error)
                if problem is None:
                    raise
            raise problem

        async def answer(request: web.Request) -> web.StreamResponse:
            request_id = _request_id(request)
            if not all(map(_is_text, request.match_info.values())):
                raise Problem(404, ErrorCode.NOT_FOUND, "There is no such thing.")
            who = await self._recognise(operation, request)
            call = Call(request, who.actor, who.permissions, dict(request.match_info), request_id)
            call.visit = call.path.get("visit")
            await self._permit(operation, call)
            if operation.query is not None:
                call.query = _query(request, operation.query)
            if operation.body is not None:
                call.body = await read_json(request, operation.body, limit=operation.max_body)
            result = await handler(call)
            if operation.audit is not None and operation.method in SAFE_METHODS:
                await self._audit.access(call.actor, _event(operation, call, AuditOutcome.SUCCESS))
            response = result if isinstance(result, web.StreamResponse) else reply(result, operation.status)
            response.headers["X-Request-Id"] = request_id
            return response

        return handle

    async def _recognise(self, operation: Operation, request: web.Request) -> Recognised:
        match operation.access:
            case Public():
                self._same_origin(request)
                return Recognised(Actor.anonymous(address=request.remote))
            case LinkHolder():
                self._same_origin(request)
                who = await self._recogniser.link(request)
            case Signed() if "Authorization" not in request.headers:
                if self._recogniser.has_cookie(request):
                    self._same_origin(request)
                who = await self._recogniser.cookie(request, passive=operation.passive)
            case Signed() | Bearer():
                token = bearer_token(request)
                who = None if token is None else await self._recogniser.bearer(request, token)
        if who is None:
            raise _unauthorized(operation.access)
        return who

    def _same_origin(self, request: web.Request) -> None:
        if request.method not in SAFE_METHODS:
            require_same_origin(request, self._origins)

    async def _permit(self, operation: Operation, call: Call) -> None:
        match operation.access:
            case Signed(permission) | Bearer(permission) if not call.may(permission):
                if operation.audit is not None:
                    await self._refusal(operation, call)
                raise Problem(403, ErrorCode.FORBIDDEN, "You don't have the right to do this.")
            case _:
                return

    async def _refusal(self, operation: Operation, call: Call) -> None:
        try:
            await self._audit.access(call.actor, _event(operation, call, AuditOutcome.MINOR_FAILURE))
        except Exception as error:  # refused either way; that it was not recorded is in the log
            log.error("audit.refusal_lost", operation=operation.id, fault=fault(error))


def reply(result: msgspec.Struct | None, status: int = 200) -> web.Response:
    """A Struct as JSON, or an empty answer; for handlers that also set a cookie."""
    if result is None:
        return web.Response(status=status)
    return web.Response(status=status, body=msgspec.json.encode(result), content_type="application/json")


def bearer_token(request: web.Request) -> str | None:
    """The token of an Authorization header of the Bearer scheme."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


async def read_json(request: web.Request, shape: type[Any], *, limit: int = MAX_BODY) -> Any:
    """The body as `shape`. Problem 415 for another content type, 400 for no JSON, 422 for another shape."""
    if request.content_type != "application/json":
        raise Problem(
            415, ErrorCode.BAD_REQUEST, "Send the body as application/json.", {"Accept": "application/json"}
        )
    body = await read_body(request, limit=limit)
    if b"\\u0000" in body:  # PostgreSQL's text can't hold it
        raise Problem(422, ErrorCode.BAD_REQUEST, "Text with a NUL character is not taken.")
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        raise Problem(422, ErrorCode.BAD_REQUEST, f"{error}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Problem(400, ErrorCode.BAD_REQUEST, "The body is not JSON.") from None


def _query(request: web.Request, shape: type[Any]) -> Any:
    if len(set(request.query)) != len(request.query):
        raise Problem(422, ErrorCode.BAD_REQUEST, "A query parameter is given twice.")
    if not all(map(_is_text, request.query.values())):
        raise Problem(422, ErrorCode.BAD_REQUEST, "A query parameter is not text.")
    try:
        return msgspec.convert(dict(request.query), shape, strict=False)
    except msgspec.ValidationError as error:
        raise Problem(422, ErrorCode.BAD_REQUEST, f"{error}, in the query.") from None


def _is_text(text: str) -> bool:
    """Whether every database can hold it: no NUL, no half of a surrogate pair (from a bad %-escape)."""
    return "\x00" not in text and text.isprintable()


def _event(operation: Operation, call: Call, outcome: AuditOutcome) -> AuditEvent:
    assert operation.audit is not None  # noqa: S101
    return AuditEvent(
        actor=call.actor,
        type=operation.audit,
        action=_ACTIONS[operation.method],
        outcome=outcome,
        patient=call.patient,
        visit=call.visit,
        entities=tuple(call.entities),
        request=call.request_id,
    )


def _request_id(request: web.Request) -> str:
    """The caller's own id when it is one, so that its log and ours can be laid side by side."""
    given = request.headers.get("X-Request-Id", "")
    return given if _REQUEST_ID.fullmatch(given) else secrets.token_urlsafe(12)


def _unauthorized(access: Access) -> Problem:
    if isinstance(access, LinkHolder):
        return Problem(401, ErrorCode.UNAUTHORIZED, "Open the link again.")
    challenge = {"WWW-Authenticate": 'Bearer realm="mediaserver"'}
    return Problem(401, ErrorCode.UNAUTHORIZED, "Sign in, or send a key that is good.", challenge)
