"""Identity over HTTP: cookies, fixation, CSRF, every route by role and from the wrong clinic."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pyotp
import pytest
from clinic_desk import HERE, PASSWORD, RULES, strict
from identity_server import IdentityServer, identity_server
from openapi_spec_validator import validate
from route_walk import UNKNOWN, door_cases, fill, headers_of, parameters

from mediaserver.audit import AuditLog, AuditQuery
from mediaserver.http.api import Bearer, LinkHolder, Signed
from mediaserver.identity.permissions import STAFF
from mediaserver.model.actors import Actor
from mediaserver.model.clock import ManualClock
from mediaserver.model.grants import Person, grants_for
from mediaserver.model.ids import RoomName
from mediaserver.model.pii import Pii
from mediaserver.model.roles import Role
from mediaserver.storage import Database

sqlite_only = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
SESSION = "/api/v1/session"

# A body that each operation takes, so that what refuses is the door or the service and not the shape.
BODIES: dict[str, Any] = {
    "changeAccount": {"version": 1, "name": "Mallory"},
    "useBreakGlass": {"reason": "chest pain, own doctor away"},
    "reviewBreakGlass": {"verdict": "justified"},
}


async def audited(server: IdentityServer, audit: AuditLog) -> list[str]:
    async with server.database.read(Actor.system()) as reader:
        return [entry.event.type for entry in await audit.events(reader, AuditQuery(limit=100))]


async def test_every_route_by_every_role(server: IdentityServer) -> None:
    browsers = {role: await server.signed_in(role.value, role) for role in sorted(STAFF)}
    for case in door_cases(server.api):
        if case.role is not None and case.role not in STAFF:
            continue  # nobody signs in as one: test_only_staff_have_accounts
        ends_the_session = case.operation.id in ("signOut", "revokeOtherSessions")
        if case.allowed and ends_the_session:
            continue
        browser = server.browser() if case.role is None else browsers[case.role]
        status, _ = await browser.ask(
            case.operation.method, fill(case.operation), BODIES.get(case.operation.id, {})
        )
        public = type(case.operation.access).__name__ == "Public"
        assert status < 500, str(case)
        if public:
            assert status != 403, str(case)
        else:
            assert (status not in (401, 403)) is case.allowed, (str(case), status)
            assert case.role is not None or status == 401, str(case)


async def test_every_route_from_the_wrong_clinic(server: IdentityServer) -> None:
    admin = await server.signed_in("admin", *STAFF)
    victim = await server.person("victim")
    await server.signed_in("victim", known=True)
    doctor = await server.signed_in("doctor", Role.CLINICIAN)
    _, grant = await doctor.ask("POST", "/api/v1/visits/v-1/breakglass", BODIES["useBreakGlass"])
    _, key = await admin.ask("POST", "/api/v1/keys", {"name": "x", "scopes": ["rooms.manage"]})
    _, sessions = await admin.ask("GET", f"/api/v1/accounts/{victim}/sessions")
    theirs = {
        "account": victim,
        "session": sessions["sessions"][0]["id"],
        "credential": "c-1",
        "grant": grant["id"],
        "key": key["id"],
        "visit": "v-1",
        "room": "visit-1",
        "participant": "p-1",
    }
    outsider = await server.signed_in("outsider", *STAFF, tenant=await server.other_clinic())
    for operation in server.api.operations:
        names = parameters(operation)
        if (
            not names
            or not isinstance(operation.access, Signed)
            or operation.path.startswith("/api/v1/rooms")
        ):
            continue  # rooms are one to a server; whose they are is the visits' business
        assert names <= set(theirs), f"{operation.id}: say in this test what {names} may be"
        answers = []
        for values in (theirs, dict.fromkeys(names, UNKNOWN)):
            body = BODIES.get(operation.id, {}) if operation.body else None
            status, answer = await outsider.ask(operation.method, fill(operation, values), body)
            answers.append((status, answer))
        assert answers[0] == answers[1], f"{operation.id} tells another clinic that it exists"
        assert answers[0][0] in (404, 204), operation.id
    for path, member in (("accounts", "accounts"), ("keys", "keys"), ("breakglass", "grants")):
        _, answer = await outsider.ask("GET", f"/api/v1/{path}")
        assert victim not in str(answer)
        assert grant["id"] not in str(answer)
        assert key["id"] not in str(answer[member])
    status, still = await admin.ask("GET", f"/api/v1/accounts/{victim}/sessions")
    assert (status, still["sessions"][0]["id"]) == (200, theirs["session"])


async def test_signing_in_and_out(server: IdentityServer, audit_log: AuditLog) -> None:
    browser = await server.signed_in("rivera")
    header = browser.last.headers.getall("Set-Cookie")
    session = next(line for line in header if line.startswith("session="))
    assert all(word in session for word in ("HttpOnly", "Path=/", "SameSite=Lax"))
    assert "Secure" not in session
    status, who = await browser.ask("GET", SESSION)
    assert (status, who["name"], who["roles"]) == (200, "Name of rivera", ["clinician"])
    assert "visits.admit" in who["permissions"]
    token = browser.cookies()["session"]
    status, _ = await browser.ask("DELETE", SESSION)
    assert status == 204
    assert browser.last.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert "session" not in browser.cookies()
    browser.jar.update_cookies({"session": token}, browser.client.make_url("/"))
    assert (await browser.ask("GET", SESSION))[0] == 401
    types = await audited(server, audit_log)
    assert types[:2] == ["session.signout", "session.signin"]


async def test_over_tls_cookies_are_bound_to_this_host(server: IdentityServer) -> None:
    await server.person("rivera")
    browser = server.browser()
    origin = browser.origin.replace("http:", "https:")
    tls = {"X_Forwarded_Proto": "https", "Origin": origin}
    body = {"name": "rivera", "password": PASSWORD}
    status, _ = await browser.ask("POST", SESSION, body, **tls)
    assert status == 200
    for line in browser.last.headers.getall("Set-Cookie"):
        assert line.startswith(("__Host-session=", "__Host-device="))
        assert "Secure" in line
        assert "Path=/" in line
        assert "Domain" not in line
    value = next(
        re.match(r"__Host-session=([^;]+)", line)[1]  # type: ignore[index]
        for line in browser.last.headers.getall("Set-Cookie")
        if "session" in line
    )
    for name, status in (("__Host-session", 200), ("session", 401)):
        headers = {**headers_of(origin), "X-Forwarded-Proto": "https", "Cookie": f"{name}={value}"}
        async with server.browser().client.get(SESSION, headers=headers) as answer:
            assert answer.status == status, name


async def test_a_planted_cookie_is_never_a_session(server: IdentityServer) -> None:
    await server.person("rivera")
    browser = server.browser()
    planted = "clinic.attackers-choice"
    browser.jar.update_cookies({"session": planted}, browser.client.make_url("/"))
    status, _ = await browser.ask("POST", SESSION, {"name": "rivera", "password": PASSWORD})
    assert status == 200
    fresh = browser.cookies()["session"]
    assert fresh != planted
    await browser.ask("POST", SESSION, {"name": "rivera", "password": PASSWORD})
    assert browser.cookies()["session"] != fresh
    browser.jar.update_cookies({"session": fresh}, browser.client.make_url("/"))
    assert (await browser.ask("GET", SESSION))[0] == 401, "the one before is over"


async def test_another_sites_page_does_nothing_with_our_cookie(server: IdentityServer) -> None:
    browser = await server.signed_in("admin", Role.ADMINISTRATOR)
    for operation in server.api.operations:
        if operation.method == "GET" or isinstance(operation.access, Bearer | LinkHolder):
            continue
        for forged in (
            {"Origin": "https://evil.example"},
            {"X_CSRF": "", "Origin": browser.origin},
            {"Origin": "null"},
        ):
            status, answer = await browser.ask(operation.method, fill(operation), {}, **forged)
            assert (status, answer["code"]) == (403, "csrf"), operation.id


@sqlite_only
async def test_a_second_factor_over_http(
    database: Database, audit_log: AuditLog, database_clock: ManualClock, tmp_path: Path
) -> None:
    async with identity_server(database, audit_log, database_clock, tmp_path, rules=strict()) as server:
        await server.person("rivera")
        browser = server.browser()
        _, due = await browser.ask("POST", SESSION, {"name": "rivera", "password": PASSWORD})
        assert (due["state"], due["methods"]) == ("second_factor", ["set_up_totp"])
        assert browser.cookies() == {}, "nobody is signed in halfway"
        _, setup = await browser.ask("POST", f"{SESSION}/totp/setup", {"challenge": due["challenge"]})
        assert setup["uri"].startswith("otpauth://totp/")
        body = {"challenge": due["challenge"], "code": "000000"}
        assert (await browser.ask("POST", f"{SESSION}/totp", body))[0] == 401
        body["code"] = pyotp.TOTP(setup["secret"]).at(int(database_clock.wall()))
        status, answer = await browser.ask("POST", f"{SESSION}/totp", body)
        assert (status, answer["state"]) == (200, "signed_in")
        assert (await browser.ask("GET", SESSION))[0] == 200


@sqlite_only
async def test_too_many_tries_say_when_to_come_back(server: IdentityServer) -> None:
    browser = server.browser()
    for _ in range(5):
        status, _ = await browser.ask("POST", SESSION, {"name": "rivera", "password": "no"})
        assert status == 401
    status, answer = await browser.ask("POST", SESSION, {"name": "rivera", "password": "no"})
    assert (status, answer["code"]) == (429, "rate_limited")
    assert browser.last.headers["Retry-After"] == "30"


async def test_sessions_are_listed_and_ended(server: IdentityServer) -> None:
    here = await server.signed_in("rivera")
    there = await server.signed_in("rivera", known=True)
    _, found = await here.ask("GET", "/api/v1/sessions")
    assert [one["current"] for one in found["sessions"]].count(True) == 1
    other = next(one for one in found["sessions"] if not one["current"])
    stranger = await server.signed_in("okafor")
    assert (await stranger.ask("DELETE", f"/api/v1/sessions/{other['id']}"))[0] == 404
    assert (await here.ask("DELETE", f"/api/v1/sessions/{other['id']}"))[0] == 204
    assert (await there.ask("GET", SESSION))[0] == 401
    await server.signed_in("rivera", known=True)
    assert (await here.ask("DELETE", "/api/v1/sessions"))[0] == 204
    _, found = await here.ask("GET", "/api/v1/sessions")
    assert len(found["sessions"]) == 1


async def test_polling_does_not_keep_anyone_signed_in(
    server: IdentityServer, database_clock: ManualClock
) -> None:
    browser = await server.signed_in("rivera")
    for _ in range(3):
        database_clock.advance(RULES.idle * 0.4)
        status, _ = await browser.ask("GET", SESSION)
    assert status == 401


async def test_a_new_colleague_gets_in(server: IdentityServer, audit_log: AuditLog) -> None:
    admin = await server.signed_in("admin", Role.ADMINISTRATOR)
    new = {"username": "okafor", "name": "Ben Okafor", "roles": ["front_desk"]}
    status, made = await admin.ask("POST", "/api/v1/accounts", new)
    assert status == 201
    assert (await admin.ask("POST", "/api/v1/accounts", new))[0] == 409
    _, code = await admin.ask("POST", f"/api/v1/accounts/{made['id']}/recovery")
    browser = server.browser()
    chosen = {"code": code["code"], "password": "password123456789"}
    assert (await browser.ask("POST", f"{SESSION}/recovery", chosen))[1]["code"] == "password"
    chosen["password"] = "nine quiet kettles"
    assert (await browser.ask("POST", f"{SESSION}/recovery", chosen))[0] == 204
    sign_in = {"name": "Okafor", "password": "nine quiet kettles"}
    assert (await browser.ask("POST", SESSION, sign_in))[0] == 200
    change = {"version": 9, "name": "x"}
    assert (await admin.ask("PATCH", f"/api/v1/accounts/{made['id']}", change))[0] == 409
    assert (await admin.ask("DELETE", f"/api/v1/accounts/{made['id']}"))[0] == 204
    assert (await browser.ask("GET", SESSION))[0] == 401
    types = await audited(server, audit_log)
    assert {"account.create", "recovery.issue", "recovery.use", "account.close"} <= set(types)


async def test_a_refusal_and_a_look_are_on_record(server: IdentityServer, audit_log: AuditLog) -> None:
    doctor = await server.signed_in("doctor", Role.CLINICIAN)
    assert (await doctor.ask("GET", "/api/v1/accounts"))[0] == 403
    officer = await server.signed_in("officer", Role.COMPLIANCE)
    assert (await officer.ask("GET", "/api/v1/breakglass"))[0] == 200
    types = await audited(server, audit_log)
    assert types.count("account.list") == 1
    assert types.count("breakglass.list") == 1


async def test_breaking_glass_and_its_review(server: IdentityServer) -> None:
    doctor = await server.signed_in("doctor", Role.CLINICIAN)
    officer = await server.signed_in("officer", Role.COMPLIANCE)
    path = "/api/v1/visits/v-1/breakglass"
    assert (await doctor.ask("POST", path, {"reason": "short"}))[0] == 422
    assert (await doctor.ask("POST", path, {}))[0] == 422
    status, grant = await doctor.ask("POST", path, BODIES["useBreakGlass"])
    assert status == 201
    _, waiting = await officer.ask("GET", "/api/v1/breakglass")
    assert [one["id"] for one in waiting["grants"]] == [grant["id"]]
    review = {"verdict": "justified", "note": "seen"}
    status, done = await officer.ask("POST", f"/api/v1/breakglass/{grant['id']}/review", review)
    assert (status, done["verdict"]) == (200, "justified")
    assert (await officer.ask("GET", "/api/v1/breakglass"))[1]["grants"] == []
    assert len((await officer.ask("GET", "/api/v1/breakglass?reviewed=true"))[1]["grants"]) == 1


async def test_programs_come_by_key_or_token(server: IdentityServer) -> None:
    admin = await server.signed_in("admin", Role.ADMINISTRATOR)
    status, key = await admin.ask("POST", "/api/v1/keys", {"name": "x", "scopes": ["rooms.manage"]})
    assert status == 201
    assert "secret" not in str((await admin.ask("GET", "/api/v1/keys"))[1]["keys"][0]["secret"])
    assert (await admin.ask("POST", "/api/v1/keys", {"name": "x", "scopes": ["audit.read"]}))[0] == 422
    operator = Person("op", Pii("op"), Role.OPERATOR, grants_for(Role.OPERATOR, RoomName("x")))
    patient = Person("p", Pii("p"), Role.PATIENT, grants_for(Role.PATIENT, RoomName("x")))
    program = server.browser()
    for token, status in (
        (key["secret"], 200),
        (server.tokens.issue(operator, 60), 200),
        (server.tokens.issue(patient, 60), 403),
        (key["secret"] + "x", 401),
        ("mskey_clinic.", 401),
        ("x.y.z", 401),
    ):
        answer = await program.ask("GET", "/api/v1/rooms", X_CSRF="", Authorization=f"Bearer {token}")
        assert answer[0] == status, token[:8]
    bearer = {"Authorization": f"Bearer {key['secret']}"}
    assert (await program.ask("GET", "/api/v1/accounts", **bearer))[0] == 403
    assert (await admin.ask("DELETE", f"/api/v1/keys/{key['id']}"))[0] == 204
    assert (await program.ask("GET", "/api/v1/rooms", **bearer))[0] == 401


@sqlite_only
@pytest.mark.parametrize(
    "path", ["a%00b", "%ff", "%ed%a0%80", "a%0Ab", "..%2f..", "'; DROP TABLE account; --", "x" * 3000]
)
async def test_odd_ids_are_only_unknown(server: IdentityServer, path: str) -> None:
    admin = await server.signed_in("admin", *STAFF)
    for operation in server.api.operations:
        names = parameters(operation)
        if not names:
            continue
        url = fill(operation, dict.fromkeys(names, path))
        status, _ = await admin.ask(operation.method, url, BODIES.get(operation.id, {}))
        assert status in (400, 404, 204, 422), operation.id


async def test_odd_text_is_refused_or_kept_whole(server: IdentityServer) -> None:
    admin = await server.signed_in("admin", Role.ADMINISTRATOR)
    for name in ("a\x00b", "a\nb", "", " ", "x" * 200):
        new = {"username": "x", "name": name, "roles": ["operator"]}
        assert (await admin.ask("POST", "/api/v1/accounts", new))[0] == 422
    new = {"username": "zoë", "name": "Zoë אבג 🦓", "roles": ["operator"]}
    status, made = await admin.ask("POST", "/api/v1/accounts", new)
    assert (status, made["name"]) == (201, new["name"])
    for body in ({"name": "\x00", "password": "\x00"}, {"name": "\ufffd", "password": "x"}):
        assert (await server.browser().ask("POST", SESSION, body))[0] in (401, 422)
    odd = {"version": 2**70, "name": "x"}
    assert (await admin.ask("PATCH", f"/api/v1/accounts/{UNKNOWN}", odd))[0] == 422


@sqlite_only
async def test_signing_in_without_proof_is_a_route_of_development(
    database: Database, audit_log: AuditLog, database_clock: ManualClock, tmp_path: Path
) -> None:
    path = "/api/v1/demo/session"
    async with identity_server(database, audit_log, database_clock, tmp_path, rules=strict()) as server:
        id = await server.person("rivera")
        assert (await server.browser().ask("POST", path, {"account": id}))[0] == 404
        assert path not in server.api.document()["paths"]
    async with identity_server(
        database, audit_log, database_clock, tmp_path, rules=strict(), development=True
    ) as server:
        browser = server.browser()
        assert (await browser.ask("POST", path, {"account": id}))[0] == 200
        assert (await browser.ask("GET", SESSION))[1]["account"] == id
        assert (await browser.ask("POST", path, {"account": "nobody"}))[0] == 401


@sqlite_only
async def test_the_document_tells_of_every_route(server: IdentityServer) -> None:
    async with server.browser().client.get("/api/v1/openapi.json") as answer:
        document = await answer.json()
    validate(document)
    described = {one["operationId"] for path in document["paths"].values() for one in path.values()}
    assert described == {operation.id for operation in server.api.operations}
    assert HERE.label not in str(document)
