"""The door before every JSON route: who comes in, what is refused, and that the document says so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from openapi_spec_validator import validate
from route_walk import door_cases, headers_of

from mediaserver.http.api import Api, Bearer, Call, LinkHolder, Operation, Public, Recognised, Signed
from mediaserver.identity.permissions import Permission, PermissionTable
from mediaserver.model.actors import DEFAULT_TENANT, Actor, ActorKind
from mediaserver.model.audit import AuditAction, AuditEntity, AuditEvent, AuditOutcome
from mediaserver.model.pii import Pii
from mediaserver.model.roles import Role


class Thing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str


class Search(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    day: str
    limit: int = 10
    open: bool = False


class Loose(msgspec.Struct):
    name: str


TABLE = PermissionTable()


class ByCookieValue:
    """Cookie `session=role`, bearer `role`, link cookie `visit=code`."""

    def __init__(self) -> None:
        self.asked: list[bool] = []

    def has_cookie(self, request: web.Request) -> bool:
        return "session" in request.cookies

    async def cookie(self, request: web.Request, *, passive: bool) -> Recognised | None:
        self.asked.append(passive)
        return self._by(request.cookies.get("session"))

    async def bearer(self, request: web.Request, token: str) -> Recognised | None:
        return self._by(token)

    async def link(self, request: web.Request) -> Recognised | None:
        code = request.cookies.get("visit")
        return self._by("patient") if code == request.match_info["code"] else None

    def _by(self, word: str | None) -> Recognised | None:
        if word not in {role.value for role in Role}:
            return None
        role = Role(word)
        actor = Actor(DEFAULT_TENANT, f"a-{word}", ActorKind.ACCOUNT, Pii(word), frozenset({role}))
        return Recognised(actor, TABLE.of({role}))


class Recorded:
    def __init__(self) -> None:
        self.events: list[AuditEvent] = []
        self.broken = False

    async def access(self, actor: Actor, event: AuditEvent) -> None:
        if self.broken:
            raise OSError("disk")
        self.events.append(event)


class Door:
    def __init__(self, client: TestClient[Any, Any], api: Api, audit: Recorded, who: ByCookieValue) -> None:
        self.client, self.api, self.audit, self.who = client, api, audit, who

    async def ask(
        self, method: str, path: str, role: Role | None = None, **more: Any
    ) -> tuple[int, dict[str, Any]]:
        headers = more.pop("headers", headers_of(str(self.client.make_url("/"))))
        cookies = {"session": role.value} if role else {}
        async with self.client.request(method, path, cookies=cookies, headers=headers, **more) as response:
            return response.status, await response.json(content_type=None) if await response.read() else {}


READ = Operation(
    "readVisit",
    "GET",
    "/api/v1/visits/{visit}",
    "Read",
    Signed(Permission.VISITS_READ),
    result=Thing,
    audit="visit.read",
)
ADMIT = Operation(
    "admit",
    "POST",
    "/api/v1/visits/{visit}/admit",
    "Admit",
    Signed(Permission.VISITS_ADMIT),
    body=Thing,
    status=201,
    result=Thing,
    audit="visit.admit",
)
LIST = Operation(
    "list", "GET", "/api/v1/visits", "List", Signed(Permission.VISITS_LIST), query=Search, passive=True
)
MACHINE = Operation("rooms", "GET", "/api/v1/rooms", "Rooms", Bearer(Permission.ROOMS_MANAGE), result=Thing)
SIGN_IN = Operation("signIn", "POST", "/api/v1/session", "Sign in", Public(), body=Thing, status=204)
MINE = Operation("mine", "POST", "/j/{code}/say", "Say", LinkHolder(), status=204)


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    audit, who = Recorded(), ByCookieValue()
    api = Api(who, TABLE, audit)

    async def read(call: Call) -> Thing:
        call.touched(AuditEntity("Visit", call.path["visit"]), patient="p-1")
        return Thing(call.path["visit"])

    async def echo(call: Call) -> Thing:
        return call.body or Thing(call.actor.id)

    async def search(call: Call) -> web.Response:
        return web.json_response(msgspec.to_builtins(call.query))

    async def nothing(call: Call) -> None:
        return None

    api.add(READ, read)
    api.add(ADMIT, echo)
    api.add(LIST, search)
    api.add(MACHINE, echo)
    api.add(SIGN_IN, nothing)
    api.add(MINE, nothing)
    app = web.Application()
    app.add_routes(api.routes())
    async with TestClient(TestServer(app)) as client:
        yield Door(client, api, audit, who)


async def test_every_role_comes_in_exactly_where_the_table_says(door: Door) -> None:
    for case in door_cases(door.api):
        path = case.operation.path.format(visit="v-1", code="c")
        body = {"json": {"name": "x"}} if case.operation.body else {}
        status, _ = await door.ask(case.operation.method, path, case.role, **body)
        assert (status not in (401, 403)) is case.allowed, str(case)
        if case.role is None and not case.allowed:
            assert status == 401, str(case)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"X-CSRF": "1"}, 403),
        ({"X-CSRF": "1", "Origin": "https://evil.example"}, 403),
        ({"X-CSRF": "1", "Origin": "https://{host}"}, 403),  # another scheme
        ({"X-CSRF": "1", "Origin": "http://{host}.evil.example"}, 403),
        ({"X-CSRF": "1", "Origin": "http://[bad"}, 403),
        ({"X-CSRF": "1", "Origin": "null"}, 403),
        ({"X-CSRF": "1", "Origin": "null", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"X-CSRF": "1", "Sec-Fetch-Site": "same-site"}, 403),
        ({"X-CSRF": "1", "Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"}, 403),
        ({"Origin": "http://{host}"}, 403),
        ({"X-CSRF": "2", "Origin": "http://{host}"}, 403),
        ({"X-CSRF": "1", "Origin": "http://{host}"}, 201),
        ({"X-CSRF": "1", "Sec-Fetch-Site": "same-origin"}, 201),
        ({"X-CSRF": "1", "Origin": "null", "Sec-Fetch-Site": "same-origin"}, 201),
    ],
)
async def test_a_page_of_another_site_changes_nothing(
    door: Door, headers: dict[str, str], status: int
) -> None:
    url = door.client.make_url("/")
    sent = {name: value.format(host=f"{url.host}:{url.port}") for name, value in headers.items()}
    answer, _ = await door.ask(
        "POST", "/api/v1/visits/v/admit", Role.CLINICIAN, headers=sent, json={"name": "x"}
    )
    assert answer == status
    if status == 403:
        assert not door.who.asked, "the session is not even looked at, let alone kept alive"
        refused, _ = await door.ask("POST", "/api/v1/session", headers=sent, json={"name": "x"})
        assert refused == 403, "nobody is signed in behind their back either"


async def test_a_bearer_token_needs_no_header_and_a_cookie_opens_no_bearer_route(door: Door) -> None:
    bearer = {"Authorization": "Bearer developer"}
    assert (await door.ask("GET", "/api/v1/rooms", headers=bearer))[0] == 200
    assert (await door.ask("GET", "/api/v1/rooms", Role.OPERATOR))[0] == 401
    for bad in ("Bearer ", "Basic developer", "Bearer patientx", "developer"):
        assert (await door.ask("GET", "/api/v1/rooms", headers={"Authorization": bad}))[0] == 401
    # A cookie beside a bad token doesn't help: what was sent is what counts.
    answer, _ = await door.ask(
        "GET", "/api/v1/visits/v", Role.CLINICIAN, headers={"Authorization": "Bearer x"}
    )
    assert answer == 401


async def test_a_link_opens_its_own_routes_alone(door: Door) -> None:
    url = "/j/code-1/say"
    headers = headers_of(str(door.client.make_url("/")))
    for cookie, status in (("code-1", 204), ("code-2", 401)):
        async with door.client.post(url, cookies={"visit": cookie}, headers=headers) as response:
            assert response.status == status
    async with door.client.post(url, cookies={"visit": "code-1"}) as response:
        assert response.status == 403


async def test_a_read_is_recorded_before_its_answer_leaves(door: Door) -> None:
    headers = {"X-Request-Id": "request-12345"}
    status, body = await door.ask("GET", "/api/v1/visits/v-9", Role.CLINICIAN, headers=headers)
    assert (status, body) == (200, {"name": "v-9"})
    [event] = door.audit.events
    assert (event.type, event.action, event.outcome) == (
        "visit.read",
        AuditAction.READ,
        AuditOutcome.SUCCESS,
    )
    assert (event.visit, event.patient, event.request) == ("v-9", "p-1", "request-12345")
    assert event.entities == (AuditEntity("Visit", "v-9"),)


async def test_a_read_that_cannot_be_recorded_is_withheld(door: Door) -> None:
    door.audit.broken = True
    status, body = await door.ask("GET", "/api/v1/visits/v-9", Role.CLINICIAN)
    assert status >= 500
    assert "v-9" not in str(body)


async def test_a_refusal_of_what_is_recorded_is_recorded(door: Door) -> None:
    assert (await door.ask("POST", "/api/v1/visits/v-9/admit", Role.OPERATOR))[0] == 403
    [event] = door.audit.events
    assert (event.type, event.outcome, event.visit) == ("visit.admit", AuditOutcome.MINOR_FAILURE, "v-9")
    door.audit.broken = True
    assert (await door.ask("POST", "/api/v1/visits/v-9/admit", Role.OPERATOR))[0] == 403


async def test_polling_is_told_apart(door: Door) -> None:
    await door.ask("GET", "/api/v1/visits?day=today", Role.CLINICIAN)
    await door.ask("GET", "/api/v1/visits/v", Role.CLINICIAN)
    assert door.who.asked == [True, False]


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("day=x&limit=5&open=true", {"day": "x", "limit": 5, "open": True}),
        ("day=x", {"day": "x", "limit": 10, "open": False}),
        ("", 422),
        ("day=x&limit=many", 422),
        ("day=x&day=y", 422),
        ("day=x&other=1", 422),
    ],
)
async def test_queries_are_checked(door: Door, query: str, answer: Any) -> None:
    status, body = await door.ask("GET", f"/api/v1/visits?{query}", Role.CLINICIAN)
    assert answer == (body if status == 200 else status)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"json": {"name": "x"}}, 201),
        ({"json": {"name": 1}}, 422),
        ({"json": {"name": "x", "more": 1}}, 422),
        ({"json": [1]}, 422),
        ({"data": b"{", "content": True}, 400),
        ({"data": b"\xff\xfe", "content": True}, 400),
        ({"data": b"[" * 10_000, "content": True}, 422),
        ({"data": b'{"name":"' + b"x" * 20_000 + b'"}', "content": True}, 413),
        ({"data": b"name=x"}, 415),
    ],
)
async def test_bodies_are_checked(door: Door, sent: dict[str, Any], status: int) -> None:
    headers = headers_of(str(door.client.make_url("/")))
    if sent.pop("content", False):
        headers["Content-Type"] = "application/json"
    answer, _ = await door.ask("POST", "/api/v1/visits/v/admit", Role.CLINICIAN, headers=headers, **sent)
    assert answer == status


async def test_the_document_is_valid_and_tells_of_every_operation(door: Door) -> None:
    async with door.client.get("/api/v1/openapi.json") as response:
        document = await response.json()
    validate(document)
    described = {one["operationId"]: one for path in document["paths"].values() for one in path.values()}
    assert set(described) == {operation.id for operation in door.api.operations}
    assert described["admit"]["x-permission"] == "visits.admit"
    assert described["signIn"]["security"] == []
    assert [one["name"] for one in described["list"]["parameters"]] == ["day", "limit", "open"]
    assert "Search" not in document["components"]["schemas"]


def test_mistakes_in_a_declaration_are_found_at_start() -> None:
    api = Api(ByCookieValue(), TABLE, Recorded())

    async def handler(call: Call) -> None:
        return None

    api.add(SIGN_IN, handler)
    wrong = [
        SIGN_IN,
        Operation("other", "POST", "/api/v1/session", "x", Public()),
        Operation("permission", "GET", "/x", "x", Signed("visits.zork")),
        Operation("loose", "POST", "/x", "x", Public(), body=Loose),
    ]
    for operation in wrong:
        with pytest.raises(ValueError):
            api.add(operation, handler)
