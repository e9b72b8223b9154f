"""The probe gives and takes what is asked, to whom opened the link, within its bound."""

from __future__ import annotations

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from mediaserver.http.probe import MAX_BYTES, ProbeRoutes


async def _opened(request: web.Request) -> bool:
    return request.match_info["code"] == "mine"


@pytest.fixture
async def client(aiohttp_client) -> TestClient:  # type: ignore[no-untyped-def,type-arg]
    app = web.Application()
    ProbeRoutes(_opened).add_to(app.router)
    made: TestClient = await aiohttp_client(TestServer(app))  # type: ignore[type-arg]
    return made


@pytest.mark.parametrize("size", [0, 1, 16 * 1024, MAX_BYTES])
async def test_gives_as_many_bytes_as_asked(client: TestClient, size: int) -> None:  # type: ignore[type-arg]
    answer = await client.get(f"/j/mine/probe?bytes={size}")
    assert (answer.status, len(await answer.read())) == (200, size)


@pytest.mark.parametrize("asked", ["-1", "1e6", "x", str(MAX_BYTES + 1), "9" * 400, "\u0661"])
async def test_gives_no_more_and_nothing_odd(client: TestClient, asked: str) -> None:  # type: ignore[type-arg]
    answer = await client.get("/j/mine/probe", params={"bytes": asked})
    assert answer.status in (200, 422)
    assert len(await answer.read()) < 1000


async def test_takes_bytes_up_to_its_bound_and_forgets_them(client: TestClient) -> None:  # type: ignore[type-arg]
    assert (await client.post("/j/mine/probe", data=b"x" * MAX_BYTES)).status == 204
    assert (await client.post("/j/mine/probe", data=b"x" * (MAX_BYTES + 1))).status == 413


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_is_for_who_opened_the_link_alone(client: TestClient, method: str) -> None:  # type: ignore[type-arg]
    assert (await client.request(method, "/j/another/probe?bytes=9")).status == 401
