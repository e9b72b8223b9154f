"""The identity routes over a test's database and audit log, and browsers that come to them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from aiohttp import CookieJar, web
from aiohttp.test_utils import TestClient, TestServer
from clinic_desk import OTHER, PASSWORD, RULES, find_visit
from route_walk import headers_of

from mediaserver.audit import AuditLog
from mediaserver.http.api import Api
from mediaserver.http.identity import add_identity
from mediaserver.http.proxies import trust
from mediaserver.http.recognition import Recognition
from mediaserver.http.rooms import add_rooms
from mediaserver.identity.desk import IdentityDesk, open_desk
from mediaserver.identity.keys import KeyRing
from mediaserver.identity.rules import IdentityRules
from mediaserver.identity.sealing import Seal
from mediaserver.identity.sign_in import Visitor
from mediaserver.identity.tokens import Tokens
from mediaserver.model.actors import DEFAULT_TENANT, Actor, ActorKind, TenantId
from mediaserver.model.clock import Clock
from mediaserver.model.events import ParticipantInfo, RoomInfo
from mediaserver.model.ids import ParticipantId, RoomName
from mediaserver.model.pii import Pii
from mediaserver.model.roles import Role
from mediaserver.storage import Database
from mediaserver.storage.tenants import add_tenant
from signaling.ports import ErrorCode, Refused, RoomSettings


class NoRooms:
    """A directory in which nothing is open."""

    async def create(self, room: RoomName, settings: RoomSettings) -> RoomInfo:
        return RoomInfo("r-1", room, False, 0, 0, 2)

    def list(self) -> Sequence[RoomInfo]:
        return []

    def get(self, room: RoomName) -> RoomInfo:
        raise Refused(ErrorCode.NOT_FOUND, "There is no such room.")

    def participants(self, room: RoomName) -> Sequence[ParticipantInfo]:
        raise Refused(ErrorCode.NOT_FOUND, "There is no such room.")

    async def close(self, room: RoomName) -> None:
        raise Refused(ErrorCode.NOT_FOUND, "There is no such room.")

    async def remove(self, room: RoomName, participant: ParticipantId) -> None:
        raise Refused(ErrorCode.NOT_FOUND, "There is no such room.")


class Browser:
    """One person's browser: keeps cookies, sends what a page of ours sends."""

    def __init__(self, server: TestServer) -> None:
        # Secure cookies are kept over http too: the scheme is what a proxy says it is.
        self.jar = CookieJar(unsafe=True)
        self.client = TestClient(server, cookie_jar=self.jar)
        self.server = server

    @property
    def origin(self) -> str:
        return str(self.client.make_url("/")).rstrip("/")

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        sent = headers_of(self.origin) | {k.replace("_", "-"): v for k, v in headers.items()}
        async with self.client.request(
            method, path, json=body, headers=sent, allow_redirects=False
        ) as answer:
            self.last = answer
            await answer.read()
            if not answer.content_type.endswith("json"):
                return answer.status, None
            return answer.status, await answer.json(content_type=None)

    def cookies(self) -> dict[str, str]:
        return {cookie.key: cookie.value for cookie in self.jar}


class IdentityServer:
    """Desk, api and server."""

    def __init__(self, desk: IdentityDesk, api: Api, server: TestServer, database: Database, tokens: Tokens):
        self.desk, self.api, self.server, self.database = desk, api, server, database
        self.tokens = tokens
        self._browsers: list[Browser] = []

    def browser(self) -> Browser:
        made = Browser(self.server)
        self._browsers.append(made)
        return made

    async def close(self) -> None:
        for browser in self._browsers:
            await browser.client.session.close()

    async def person(self, name: str, *roles: Role, tenant: TenantId = DEFAULT_TENANT) -> str:
        admin = Actor(tenant, "a-admin", ActorKind.ACCOUNT, Pii(""), frozenset({Role.ADMINISTRATOR}))
        made = await self.desk.accounts.create(
            admin, name=f"Name of {name}", signs_in_as=name, roles=roles or [Role.CLINICIAN]
        )
        code = await self.desk.recovery.issue(admin, made.id)
        await self.desk.recovery.redeem(tenant, code.code, PASSWORD, Visitor())
        return made.id

    async def signed_in(
        self, name: str, *roles: Role, tenant: TenantId = DEFAULT_TENANT, known: bool = False
    ) -> Browser:
        if not known:
            await self.person(name, *roles, tenant=tenant)
        browser = self.browser()
        body = {"name": name, "password": PASSWORD, "clinic": tenant}
        status, answer = await browser.ask("POST", "/api/v1/session", body)
        assert (status, answer["state"]) == (200, "signed_in"), answer
        return browser

    async def other_clinic(self) -> TenantId:
        async with self.database.unit(Actor.system()) as unit:
            await add_tenant(unit, OTHER, "Other")
        return OTHER


@asynccontextmanager
async def identity_server(
    database: Database,
    audit: AuditLog,
    clock: Clock,
    folder: Path,
    *,
    rules: IdentityRules = RULES,
    **more: Any,
) -> AsyncIterator[IdentityServer]:
    """Starts one on 127.0.0.1."""
    desk = open_desk(database, audit, clock, rules, seal=Seal(bytes(32)), find_visit=find_visit, **more)
    tokens = Tokens(KeyRing.open_or_create(folder / "keys.json"), clock)
    api = Api(Recognition(desk, tokens), desk.table, audit)
    add_identity(api, desk)
    add_rooms(api, NoRooms())
    app = web.Application(middlewares=[trust([ip_network("127.0.0.0/8")])])
    app.add_routes(api.routes())
    server = TestServer(app)
    await server.start_server()
    made = IdentityServer(desk, api, server, database, tokens)
    try:
        yield made
    finally:
        await made.close()
        await server.close()
        desk.close()
