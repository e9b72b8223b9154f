"""Plugins behind the one door: who comes in, to which visit, and what of their files is served."""

from __future__ import annotations

import re
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from openapi_spec_validator import validate
from route_walk import headers_of

from mediaserver.http.api import Api, Recognised
from mediaserver.http.plugins import PluginFiles, add_plugins
from mediaserver.identity.permissions import PermissionTable
from mediaserver.model.actors import Actor, TenantId
from mediaserver.model.audit import AuditEvent
from mediaserver.model.roles import Role
from mediaserver.plugins.doors import BY_LINK
from mediaserver.plugins.workbench import Workbench
from workflows.api import ParticipantArrived

EXAMPLE = Path(__file__).parents[3] / "examples" / "plugin-hello"
VISIT = "/api/v1/visits/v-sample"
LINK = "/j/code-sample/plugins"


class Recorded:
    def __init__(self) -> None:
        self.events: list[AuditEvent] = []

    async def access(self, actor: Actor, event: AuditEvent) -> None:
        self.events.append(event)


@dataclass
class BySample:
    """Cookie `session=<role>` or `visit=<role>:<code>`, of the sample visit or another."""

    bench: Workbench
    table: PermissionTable
    tenant: TenantId | None = None

    def has_cookie(self, request: web.Request) -> bool:
        return "session" in request.cookies

    async def cookie(self, request: web.Request, *, passive: bool) -> Recognised | None:
        if (word := request.cookies.get("session")) not in {role.value for role in Role}:
            return None
        role = Role(word)
        actor = replace(self.bench.actor("clinician"), roles=frozenset({role}))
        if self.tenant is not None:
            actor = replace(actor, tenant=self.tenant)
        return Recognised(actor, self.table.of({role}))

    async def bearer(self, request: web.Request, token: str) -> Recognised | None:
        return None

    async def link(self, request: web.Request) -> Recognised | None:
        who, _, code = request.cookies.get("visit", "").partition(":")
        if code != request.match_info["code"]:
            return None
        actor = self.bench.actor(who)
        return Recognised(actor if code == "code-sample" else replace(actor, visit="v-another"))


class Door:
    def __init__(self, client: TestClient[Any, Any], api: Api, bench: Workbench, who: BySample) -> None:
        self.client, self.api, self.bench, self.who = client, api, bench, who
        self.audit: Recorded = Recorded()

    async def ask(self, method: str, path: str, cookie: dict[str, str], **more: Any) -> tuple[int, Any]:
        headers = headers_of(str(self.client.make_url("/")))
        async with self.client.request(method, path, cookies=cookie, headers=headers, **more) as response:
            is_json = response.content_type.endswith("json") and await response.read()
            return response.status, await response.json(content_type=None) if is_json else None


@pytest.fixture
def hello() -> Iterator[Any]:
    sys.path.insert(0, str(EXAMPLE))
    try:
        import hello

        yield hello
    finally:
        sys.path.remove(str(EXAMPLE))
        sys.modules.pop("hello", None)


@pytest.fixture
async def door(hello: Any) -> AsyncIterator[Door]:
    async with Workbench.open(hello.Hello) as bench:
        table = PermissionTable()
        who, audit = BySample(bench, table), Recorded()
        api = Api(who, table, audit)
        add_plugins(api, bench.host, bench.doors)
        app = web.Application()
        PluginFiles(bench.host).add_to(app.router)
        app.add_routes(api.routes())
        async with TestClient(TestServer(app)) as client:
            made = Door(client, api, bench, who)
            made.audit = audit
            yield made


def signed(role: Role) -> dict[str, str]:
    return {"session": role.value}


def linked(who: str, code: str = "code-sample") -> dict[str, str]:
    return {"visit": f"{who}:{code}"}


async def test_each_role_comes_in_where_the_plugin_says(door: Door) -> None:
    for role in Role:
        status, _ = await door.ask("GET", f"{VISIT}/hello/panels/badge", signed(role))
        assert status == (204 if role in (Role.CLINICIAN, Role.FRONT_DESK) else 403), role
        status, _ = await door.ask("GET", "/api/v1/plugins", signed(role))
        assert (status == 200) == (role in (Role.OPERATOR, Role.ADMINISTRATOR, Role.DEVELOPER)), role
    for who in ("patient", "carer", "interpreter", "clinician"):
        status, _ = await door.ask("GET", f"{LINK}/hello/panels/greeting_panel", linked(who))
        by_link = door.bench.visit.people[who].role in BY_LINK
        assert status == (200 if by_link else 403)
    assert (await door.ask("GET", f"{LINK}/hello/panels/greeting_panel", {}))[0] == 401
    assert (await door.ask("GET", f"{LINK}/hello/panels/badge", linked("patient")))[0] == 404


async def test_a_patient_acts_in_their_own_visit_alone(door: Door) -> None:
    status, answer = await door.ask("POST", f"{LINK}/hello/reply", linked("patient"), json={"text": "Hi"})
    assert (status, answer) == (200, {"count": 0, "reply": "Hi"})
    another = "/j/code-other/plugins/hello/reply"
    status, _ = await door.ask("POST", another, linked("patient", "code-other"), json={"text": "Hi"})
    assert status == 404  # that link's visit isn't in the house
    status, problem = await door.ask("POST", f"{LINK}/hello/reply", linked("patient"), json={"text": ""})
    assert status == 422
    assert problem["code"] == "bad_request"


async def test_another_clinics_staff_see_no_visit_of_ours(door: Door) -> None:
    door.who.tenant = TenantId("elsewhere")
    assert (await door.ask("GET", f"{VISIT}/hello/panels/badge", signed(Role.CLINICIAN)))[0] == 404


async def test_panels_tell_where_module_words_and_view_are(door: Door) -> None:
    status, answer = await door.ask("GET", "/j/code-sample/panels", linked("patient"))
    assert status == 200
    assert answer["panels"] == [
        {
            "plugin": "hello",
            "panel": "greeting_panel",
            "slot": "patient.waiting",
            "order": 50,
            "module": "/static/plugins/hello/panel.js",
            "words": "/static/plugins/hello/translations/",
            "view": f"{LINK}/hello/panels/greeting_panel",
        }
    ]
    _, answer = await door.ask("GET", f"{VISIT}/panels", signed(Role.CLINICIAN))
    assert [panel["panel"] for panel in answer["panels"]] == ["badge"]
    await door.bench.happen(ParticipantArrived, participant_id="patient", role=Role.PATIENT)
    status, badge = await door.ask("GET", answer["panels"][0]["view"], signed(Role.CLINICIAN))
    assert (status, badge["text"], badge["tone"]) == (200, "Greeted", "good")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("hello/panel.js", 200),
        ("hello/translations/es.json", 200),
        ("hello/__init__.py", 404),
        ("hello/migrations/hello_0001.py", 404),
        ("hello/../pyproject.toml", 404),
        ("hello/%2e%2e/pyproject.toml", 404),
        ("hello/translations/../../README.md", 404),
        ("hello/.hidden.js", 404),
        ("nosuch/panel.js", 404),
    ],
)
async def test_only_what_is_for_browsers_is_served(door: Door, path: str, status: int) -> None:
    async with door.client.get(f"/static/plugins/{path}") as response:
        assert response.status == status


async def test_states_show_a_plugin_that_is_degraded(door: Door) -> None:
    caller = door.bench.host.workers["hello"].caller
    for _ in range(3):
        caller.wrong("gate", "greet", "made up by the test")
    _, answer = await door.ask("GET", "/api/v1/plugins", signed(Role.OPERATOR))
    assert answer["plugins"][0]["condition"] == "degraded"
    assert answer["plugins"][0]["fault"] == "greet: made up by the test"


async def test_every_operation_is_in_the_document(door: Door) -> None:
    document = door.api.document()
    validate(document)
    paths = document["paths"]
    for operation in door.api.operations:
        assert re.sub(r"\{(\w+)[^}]*\}", r"{\1}", operation.path) in paths
    shown = paths["/api/v1/visits/{visit}/hello/panels/badge"]["get"]["responses"]["200"]
    assert shown["content"]["application/json"]["schema"]["$ref"].endswith("Badge")
