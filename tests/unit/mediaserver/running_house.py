"""A whole server in the test's process, on loopback, and tokens to get in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestClient, TestServer

from mediaserver.app import House, application, assemble, identify
from mediaserver.config import load
from mediaserver.model.clock import SystemClock
from mediaserver.model.grants import Person, grants_for
from mediaserver.model.ids import RoomName
from mediaserver.model.pii import Pii
from mediaserver.model.roles import Role
from sfu import Engine, EngineConfig

ROOM = RoomName("visit-1")


class Running:
    """A server and a client for it."""

    def __init__(self, house: House, client: TestClient[Any, Any]) -> None:
        self.house = house
        self.client = client

    def token(self, identity: str, role: Role = Role.PATIENT, *, room: RoomName = ROOM, **grants: Any) -> str:
        """A token of the usual grants of a role, changed by `grants`."""
        person = Person(identity, Pii(f"Name of {identity}"), role, replace(grants_for(role, room), **grants))
        return self.house.identity.tokens.issue(person, 600)


@asynccontextmanager
async def running(data: Path, **flags: Any) -> AsyncIterator[Running]:
    """Starts a server on 127.0.0.1, media too, with `flags` as nested settings."""
    settings = load(None, {"data": data, **flags})
    clock = SystemClock()
    engine = await Engine.start(EngineConfig(host="127.0.0.1"))
    house = assemble(settings, engine, identify(settings, clock, create=True), clock)
    async with TestClient(TestServer(application(house), host="127.0.0.1")) as client:
        try:
            yield Running(house, client)
        finally:
            await house.rooms.shut_down()
            await engine.close()
