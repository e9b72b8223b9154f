"""Join links: for one person and purpose, till they expire or are revoked; never burnt by reading."""

from __future__ import annotations

from collections.abc import AsyncIterator
from http.cookies import SimpleCookie
from pathlib import Path

import pytest
from running_house import ROOM, Running, running
from websocket_peer import Peer

from mediaserver.identity.keys import KeyRing
from mediaserver.identity.links import LinkExpiredError, Links, LinkUnknownError, link_id
from mediaserver.identity.tokens import Tokens
from mediaserver.model.clock import ManualClock
from mediaserver.model.ids import LinkCode
from mediaserver.model.roles import Role
from signaling.ports import Refused


class Case:
    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.tokens = Tokens(KeyRing.open_or_create(folder / "keys.json"), self.clock)
        self.folder = folder / "links"
        self.links = Links(self.folder, self.tokens, self.clock)

    def create(self, ttl: float = 3600) -> LinkCode:
        return self.links.create(room=ROOM, identity="pat", name="Pat Doe", role=Role.PATIENT, ttl=ttl)


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


def test_reading_and_opening_burn_nothing(case: Case) -> None:
    code = case.create()
    for _ in range(5):
        assert case.links.resolve(code).identity == "pat"
        _, cookie, ttl = case.links.open_session(code)
        assert case.links.session(code, cookie).person().grants.may_join(ROOM)
        assert 0 < ttl <= 3600


def test_the_code_is_nowhere_in_the_data_folder_and_files_are_private(case: Case) -> None:
    code = case.create()
    (file,) = case.folder.iterdir()
    assert file.name == f"{link_id(code)}.json"
    assert code.encode() not in file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600
    assert case.folder.stat().st_mode & 0o777 == 0o700
    assert len(code) >= 26  # 160 bits


def test_it_ends_by_time_and_by_revocation(case: Case) -> None:
    code, other = case.create(), case.create()
    _, cookie, _ = case.links.open_session(other)
    assert case.links.revoke(link_id(other)[:16]) == 1
    with pytest.raises(LinkExpiredError):
        case.links.session(other, cookie)
    case.clock.advance(3600)
    with pytest.raises(LinkExpiredError):
        case.links.resolve(code)
    assert case.links.revoke("nothing-like-it") == 0


def test_a_cookie_is_good_for_its_own_link_and_is_no_token(case: Case) -> None:
    code, other = case.create(), case.create()
    _, cookie, _ = case.links.open_session(code)
    with pytest.raises(LinkUnknownError):
        case.links.session(other, cookie)
    with pytest.raises(Refused):
        case.tokens.authenticate(cookie)
    token = case.tokens.issue(case.links.resolve(code).person(), 60)
    with pytest.raises(LinkUnknownError):
        case.links.session(code, token)


def test_another_purpose_opens_nothing(case: Case) -> None:
    code = case.create()
    with pytest.raises(LinkUnknownError):
        case.links.resolve(code, "upload")


@pytest.mark.parametrize("code", ["", "..", "../../keys", "a" * 5000, "\ud800", "%00", "é"])
def test_odd_codes_are_unknown(case: Case, code: str) -> None:
    with pytest.raises(LinkUnknownError):
        case.links.resolve(code)


# Over HTTP.


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path) as running_server:
        yield running_server


def create(server: Running, role: Role = Role.PATIENT) -> str:
    links = server.house.identity.links
    return links.create(room=ROOM, identity=role.value, name="Pat Doe", role=role, ttl=3600)


async def test_the_exchange_sets_a_strict_cookie_for_this_link_alone(server: Running) -> None:
    code = create(server)
    response = await server.client.post(f"/j/{code}/session")
    assert response.status == 200
    body = await response.json()
    assert (body["room"], body["role"], body["name"]) == (ROOM, "patient", "Pat Doe")
    cookie = SimpleCookie(response.headers["Set-Cookie"])["visit"]
    assert (cookie["path"], cookie["samesite"], cookie["httponly"]) == (f"/j/{code}", "Strict", True)
    assert code not in cookie.value
    assert cookie.value not in await response.text()


async def test_two_links_work_side_by_side_in_one_browser(server: Running) -> None:
    codes = [create(server, Role.PATIENT), create(server, Role.CLINICIAN)]
    for code in codes:
        await server.client.post(f"/j/{code}/session")
    peers = [Peer(server.client, None, f"/j/{code}/rtc") for code in codes]
    origin = {"Origin": f"http://{server.client.host}:{server.client.port}"}
    for peer in peers:
        peer.headers = origin
        await peer.connect()
    assert [peer.welcome["you"]["role"] for peer in peers] == ["patient", "clinician"]
    for peer in peers:
        await peer.close()


async def test_unknown_expired_and_revoked_links_say_what_to_do(server: Running) -> None:
    response = await server.client.post("/j/nonsense/session")
    assert (response.status, (await response.json())["code"]) == (404, "not_found")
    code = create(server)
    server.house.identity.links.revoke(code)
    response = await server.client.post(f"/j/{code}/session")
    assert (response.status, (await response.json())["code"]) == (410, "expired")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_mail_scanner_changes_nothing(server: Running, method: str) -> None:
    code = create(server)
    before = {path: path.read_bytes() for path in server.house.settings.links_folder.iterdir()}
    for path in ("", "/session"):
        response = await server.client.request(method, f"/j/{code}{path}")
        assert "Set-Cookie" not in response.headers
    after = {path: path.read_bytes() for path in server.house.settings.links_folder.iterdir()}
    assert before == after
    assert (await server.client.post(f"/j/{code}/session")).status == 200


@pytest.mark.parametrize("origin", [None, "https://evil.example", "null", "http://127.0.0.1:1"])
async def test_another_page_cannot_use_the_cookie(server: Running, origin: str | None) -> None:
    code = create(server)
    await server.client.post(f"/j/{code}/session")
    headers = {} if origin is None else {"Origin": origin}
    response = await server.client.get(
        f"/j/{code}/rtc",
        headers={**headers, "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
                 "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="},
    )  # fmt: skip
    assert response.status == 403


async def test_without_the_cookie_the_websocket_is_refused(server: Running) -> None:
    code = create(server)
    origin = f"http://{server.client.host}:{server.client.port}"
    response = await server.client.get(f"/j/{code}/rtc", headers={"Origin": origin})
    assert response.status == 401
