"""REST over a stand-in for the rooms, and its OpenAPI document."""

from __future__ import annotations

import re
from typing import Any

import pytest
from aiohttp import web
from http_rooms import PEOPLE, Client, FakeDirectory, MakeClient, People, bearer
from openapi_spec_validator import OpenAPIV31SpecValidator

from signaling.rest import OPERATIONS, RestDoor

ROOMS = "/api/v1/rooms"
OPERATOR = "operator"


@pytest.fixture
def directory() -> FakeDirectory:
    return FakeDirectory()


@pytest.fixture
async def client(directory: FakeDirectory, aiohttp_client: MakeClient) -> Client:
    app = web.Application()
    app.add_routes(RestDoor(directory, People(), version="1.2.3").routes())
    return await aiohttp_client(app)


async def call(
    client: Client, method: str, path: str, body: Any = None, token: str = OPERATOR
) -> tuple[int, Any]:
    async with client.request(method, path, json=body, headers=bearer(token)) as response:
        if response.status >= 400:
            assert response.content_type == "application/problem+json"
        return response.status, await response.json() if response.status != 204 else None


async def test_a_room_from_creation_to_its_end(client: Client, directory: FakeDirectory) -> None:
    wanted = {"name": "visit-1", "max_participants": 4, "empty_timeout": 60, "metadata": {"clinic": "north"}}
    code, room = await call(client, "POST", ROOMS, wanted)
    assert code == 201
    assert room == {
        "id": "r_1",
        "name": "visit-1",
        "locked": False,
        "opened_at": 1,
        "participants": 0,
        "max_participants": 4,
        "metadata": {},  # the fake keeps none
    }
    assert directory.settings[0].empty_timeout == 60
    assert directory.settings[0].metadata == {"clinic": "north"}
    assert await call(client, "GET", ROOMS) == (200, {"rooms": [room]})
    assert await call(client, "GET", f"{ROOMS}/visit-1") == (200, room)
    code, people = await call(client, "GET", f"{ROOMS}/visit-1/participants")
    assert code == 200
    assert people["participants"] == [
        {
            "id": "p_1",
            "identity": "ann",
            "name": "Ann Example",
            "role": "patient",
            "admin": False,
            "hand": True,
            "state": "present",
            "tracks": [{"source": "camera", "muted": True, "muted_by_host": True}],
            "joined_at": 1_800_000_000_000,
        }
    ]
    assert await call(client, "DELETE", f"{ROOMS}/visit-1/participants/p_1") == (204, None)
    assert (await call(client, "DELETE", f"{ROOMS}/visit-1/participants/p_1"))[0] == 404
    assert await call(client, "DELETE", f"{ROOMS}/visit-1") == (204, None)
    assert (await call(client, "GET", f"{ROOMS}/visit-1"))[0] == 404


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
async def test_every_operation_needs_the_rooms_grant(client: Client, operation: Any) -> None:
    path = re.sub(r"{\w+}", "visit-1", operation.path)
    for token in PEOPLE:
        if token != "operator":
            assert (await call(client, operation.method, path, {"name": "visit-1"}, token))[0] == 403
    assert (await call(client, operation.method, path, {"name": "visit-1"}, "nobody"))[0] == 401
    async with client.request(operation.method, path) as response:
        assert response.status == 401
        assert "WWW-Authenticate" in response.headers


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "../etc"},
        {"name": "a\n"},
        {"name": "x" * 65},
        {"name": "a", "max_participants": 0},
        {"name": "a", "max_participants": "4"},
        {"name": "a", "empty_timeout": -1},
        {"name": "a", "metadata": {str(number): "" for number in range(33)}},
        {"name": "a", "metadata": {"k": "v" * 257}},
        {"name": "a", "colour": "blue"},
        [],
    ],
)
async def test_a_body_of_another_shape_is_422_and_says_where(client: Client, body: Any) -> None:
    code, problem = await call(client, "POST", ROOMS, body)
    assert code == 422
    assert problem["detail"]


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (b"{", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"[" * 10_000, "application/json", 422),  # a list, however deep, is no room
        (b'{"name": "a", "metadata": ' + b'{"k":' * 2_000, "application/json", 422),
        (b'{"name": "' + b"a" * 20_000, "application/json", 413),
        (b'{"name": "a"}', "text/plain", 415),
    ],
)
async def test_a_body_that_is_no_json_is_refused(
    client: Client, body: bytes, content_type: str, expected: int
) -> None:
    headers = bearer("operator", **{"Content-Type": content_type})
    async with client.post(ROOMS, data=body, headers=headers) as response:
        assert response.status == expected


async def test_a_name_that_cannot_be_is_404(client: Client) -> None:
    assert (await call(client, "GET", f"{ROOMS}/no%20room"))[0] == 404


async def test_the_document_is_valid_openapi_and_names_every_route(client: Client) -> None:
    async with client.get("/api/v1/openapi.json") as response:
        assert response.status == 200
        document = await response.json()
    OpenAPIV31SpecValidator(document).validate()
    assert document["info"]["version"] == "1.2.3"
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    served = {
        (route.method, route.resource.canonical)
        for route in client.app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    assert served - described == {("GET", "/api/v1/openapi.json")}
    assert described <= served


async def test_documented_statuses_are_the_ones_that_come(client: Client) -> None:
    async with client.get("/api/v1/openapi.json") as response:
        paths = (await response.json())["paths"]
    create = paths[ROOMS]["post"]["responses"]
    assert {"201", "400", "401", "403", "413", "415", "422"} <= create.keys()
    assert {"204", "401", "403", "404"} <= paths[ROOMS + "/{room}"]["delete"]["responses"].keys()
