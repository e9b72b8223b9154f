"""WHIP (RFC 9725) and WHEP (draft-03) as HTTP, over a stand-in for the rooms."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from http_rooms import ROOM, Client, FakeRooms, MakeClient, People, bearer
from sdp_offers import GOLDEN, audio, offer, recorded, video

from signaling.http_media import HttpMediaSettings
from signaling.ports import Door, ErrorCode, Refused
from signaling.sdp import Direction, parse, parse_fragment
from signaling.whep import WhepDoor
from signaling.whip import WhipDoor

SDP = "application/sdp"
FRAGMENT = "application/trickle-ice-sdpfrag"
GOOD = "good"
OTHER_PWD = "anotherpassword0123456789"
CANDIDATE = "a=candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host"


@pytest.fixture
def rooms() -> FakeRooms:
    return FakeRooms()


def application(rooms: FakeRooms, settings: HttpMediaSettings) -> web.Application:
    app = web.Application()
    for door in (WhipDoor(rooms, People(), settings), WhepDoor(rooms, People(), settings)):  # type: ignore[arg-type]
        app.add_routes(door.routes())
    return app


@pytest.fixture
async def client(rooms: FakeRooms, aiohttp_client: MakeClient) -> Client:
    return await aiohttp_client(application(rooms, HttpMediaSettings(sessions_per_identity=2)))


class Session:
    """An open session as a client sees it."""

    def __init__(self, client: Client, url: str, etag: str, answer: str) -> None:
        self.client, self.url, self.etag, self.answer = client, url, etag, answer

    async def patch(
        self, body: str, match: str | None, token: str = GOOD, content_type: str = FRAGMENT
    ) -> tuple[int, str, str | None]:
        headers = bearer(token, **{"Content-Type": content_type})
        if match is not None:
            headers["If-Match"] = match
        async with self.client.patch(self.url, data=body, headers=headers) as response:
            return response.status, await response.text(), response.headers.get("ETag")


async def publish(client: Client, text: str | None = None, token: str = GOOD) -> Session:
    body = recorded("chromium-whip") if text is None else text
    async with client.post(
        f"/whip/{ROOM}", data=body, headers=bearer(token, **{"Content-Type": SDP})
    ) as response:
        assert response.status == 201, await response.text()
        return Session(client, response.headers["Location"], response.headers["ETag"], await response.text())


async def status(client: Client, path: str, body: str, token: str = GOOD, content_type: str = SDP) -> int:
    async with client.post(path, data=body, headers=bearer(token, **{"Content-Type": content_type})) as reply:
        if reply.status >= 400:
            assert reply.content_type == "application/problem+json"
            problem = await reply.json()
            assert problem["status"] == reply.status
            assert problem["detail"].endswith(".")
        assert reply.headers["Access-Control-Allow-Origin"] == "*"
        return reply.status


def fragment(ufrag: str = "next", pwd: str = OTHER_PWD) -> str:
    lines = ["a=group:BUNDLE 0 1", "m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=mid:0", f"a=ice-ufrag:{ufrag}"]
    return "\r\n".join([*lines, f"a=ice-pwd:{pwd}", CANDIDATE, "a=end-of-candidates", ""])


def own_fragment() -> str:
    section = parse(recorded("chromium-whip")).sections[0]
    assert section.ice_ufrag is not None
    assert section.ice_pwd is not None
    return fragment(section.ice_ufrag, section.ice_pwd)


class TestPublish:
    async def test_an_offer_is_answered_with_201_location_etag_and_links(
        self, client: Client, rooms: FakeRooms
    ) -> None:
        headers = bearer("good", **{"Content-Type": SDP})
        async with client.post(f"/whip/{ROOM}", data=recorded("chromium-whip"), headers=headers) as response:
            assert response.status == 201
            assert response.content_type == SDP
            assert response.headers["Location"].startswith(f"/whip/{ROOM}/")
            assert len(response.headers["Location"].rsplit("/", 1)[1]) >= 32
            assert response.headers["ETag"].startswith('"')
            assert response.headers["Accept-Patch"] == FRAGMENT
            assert response.headers["Cache-Control"] == "no-store"
            assert response.headers.getall("Link") == [
                '<stun:stun.example.net>; rel="ice-server"',
                '<turn:turn.example.net?transport=udp>; rel="ice-server"; username="us\\"er"; '
                'credential="pass\\\\word"; credential-type="password"',
            ]
            answer = parse(await response.text())
        assert [section.direction for section in answer.sections] == [Direction.RECVONLY] * 2
        assert rooms.seats[0].door is Door.WHIP
        assert rooms.seats[0].person.identity == "camera-1"

    async def test_the_answer_is_that_of_the_negotiation(self, client: Client) -> None:
        session = await publish(client)
        assert session.answer == (GOLDEN / "chromium-whip.answer.sdp").read_bytes().decode()

    @pytest.mark.parametrize("name", ["obs-libdatachannel", "firefox-whip", "pion-whip"])
    async def test_encoders_are_welcome(self, client: Client, name: str) -> None:
        await publish(client, recorded(name))

    async def test_sendrecv_is_answered_recvonly(self, client: Client) -> None:
        session = await publish(client, recorded("aiortc-sendrecv"))
        assert [one.direction for one in parse(session.answer).sections] == [Direction.RECVONLY] * 2

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("not sdp", 400),
            ("v=0\r\n" + "a=x\r\n" * 10_000, 413),
            ("v=0\r\n" + "x" * 300_000, 413),
            (offer(audio("0", "recvonly")), 422),
            (offer(audio("0", "inactive")), 422),
            (offer(audio("0"), audio("1")), 422),
            (offer(audio("0", port=0)), 422),
            (offer(audio("0"), [line.replace("VP8", "H265") for line in video("1")]), 422),
            (offer(audio("0"), setup="passive"), 422),
        ],
    )
    async def test_what_cannot_be_published_is_refused_whole(
        self, client: Client, rooms: FakeRooms, text: str, expected: int
    ) -> None:
        assert await status(client, f"/whip/{ROOM}", text) == expected
        assert all(seat.left for seat in rooms.seats)

    async def test_a_data_channel_is_refused_whole(self, client: Client, rooms: FakeRooms) -> None:
        assert await status(client, f"/whip/{ROOM}", recorded("aiortc-whip")) == 422
        assert rooms.seats == []

    async def test_another_content_type_is_415(self, client: Client) -> None:
        assert (
            await status(client, f"/whip/{ROOM}", recorded("chromium-whip"), content_type="text/plain") == 415
        )

    async def test_bytes_that_are_no_text_are_400(self, client: Client) -> None:
        headers = bearer("good", **{"Content-Type": SDP})
        async with client.post(f"/whip/{ROOM}", data=b"\xff\xfe", headers=headers) as response:
            assert response.status == 400


class TestRights:
    async def test_no_token_is_401_with_a_challenge(self, client: Client) -> None:
        async with client.post(f"/whip/{ROOM}", data="x", headers={"Content-Type": SDP}) as response:
            assert response.status == 401
            assert response.headers["WWW-Authenticate"] == 'Bearer realm="mediaserver"'

    @pytest.mark.parametrize("token", ["bad", "x" * 10_000])
    async def test_a_bad_token_is_401_as_invalid(self, client: Client, token: str) -> None:
        headers = bearer(token, **{"Content-Type": SDP})
        try:
            async with client.post(f"/whip/{ROOM}", data="x", headers=headers) as response:
                assert response.status in (400, 401)  # aiohttp itself refuses headers over 8190 bytes
                if response.status == 401:
                    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]
        except OSError:
            assert len(token) > 8000

    async def test_a_forbidden_room_looks_like_one_that_does_not_exist(self, client: Client) -> None:
        replies = []
        for room in (ROOM, "visit-404", "no%20such%20name", "x" * 100):
            headers = bearer("elsewhere", **{"Content-Type": SDP})
            async with client.post(
                f"/whip/{room}", data=recorded("chromium-whip"), headers=headers
            ) as response:
                replies.append((response.status, await response.text()))
        assert {code for code, _ in replies} == {403}
        assert len(set(replies)) == 1

    async def test_publishing_and_watching_are_rights_of_their_own(self, client: Client) -> None:
        assert await status(client, f"/whip/{ROOM}", recorded("chromium-whip"), "viewer") == 403
        assert await status(client, f"/whep/{ROOM}", recorded("chromium-whep"), "talker") == 403

    @pytest.mark.parametrize(
        ("code", "expected", "retry"),
        [
            (ErrorCode.UNAVAILABLE, 503, True),
            (ErrorCode.ROOM_FULL, 503, True),
            (ErrorCode.ROOM_LOCKED, 403, False),
            (ErrorCode.FORBIDDEN, 403, False),
            (ErrorCode.MEDIA_FAILED, 500, False),
        ],
    )
    async def test_refusals_of_the_room(
        self, client: Client, rooms: FakeRooms, code: ErrorCode, expected: int, retry: bool
    ) -> None:
        rooms.refuse = Refused(code, "No.")
        headers = bearer("good", **{"Content-Type": SDP})
        async with client.post(f"/whip/{ROOM}", data=recorded("chromium-whip"), headers=headers) as response:
            assert response.status == expected
            assert ("Retry-After" in response.headers) == retry

    async def test_a_refused_offer_leaves_no_one_behind(self, client: Client, rooms: FakeRooms) -> None:
        rooms.refuse_offer = Refused(ErrorCode.FORBIDDEN, "No.")
        for _ in range(3):  # more than one identity may hold open: nothing stays counted
            assert await status(client, f"/whip/{ROOM}", recorded("chromium-whip")) == 403
        assert [seat.left for seat in rooms.seats] == [1, 1, 1]

    async def test_one_identity_holds_a_limited_number_of_sessions(
        self, client: Client, rooms: FakeRooms
    ) -> None:
        await publish(client)
        await publish(client)
        assert await status(client, f"/whip/{ROOM}", recorded("chromium-whip")) == 429
        await publish(client, token="other")
        rooms.seats[0].dismiss()
        await publish(client)

    async def test_the_server_holds_a_limited_number_of_sessions(
        self, rooms: FakeRooms, aiohttp_client: MakeClient
    ) -> None:
        client = await aiohttp_client(application(rooms, HttpMediaSettings(sessions=1)))
        await publish(client)
        assert await status(client, f"/whip/{ROOM}", recorded("chromium-whip"), "other") == 503


class TestSession:
    async def test_trickled_candidates_are_204_without_an_etag(
        self, client: Client, rooms: FakeRooms
    ) -> None:
        session = await publish(client)
        assert await session.patch(own_fragment(), session.etag) == (204, "", None)
        assert rooms.seats[0].restarts == 0

    async def test_an_ice_restart_gives_new_credentials_and_a_new_etag(
        self, client: Client, rooms: FakeRooms
    ) -> None:
        session = await publish(client)
        code, body, etag = await session.patch(fragment(), "*")
        assert code == 200
        assert etag not in (None, session.etag)
        answered = parse_fragment(body)
        assert answered.ice_lite
        assert answered.ice_options == ("ice2",)
        assert answered.bundle == ("0", "1")
        (section,) = answered.sections
        assert (section.mid, section.ice_ufrag) == ("0", "fresh1")
        assert len(section.candidates) == 2
        assert section.end_of_candidates
        # the old tag is over, the new one holds
        assert (await session.patch(fragment(), session.etag))[0] == 412
        assert (await session.patch(fragment(), etag))[0] == 204
        assert rooms.seats[0].restarts == 1

    @pytest.mark.parametrize("match", ['"*"', "*"])
    async def test_the_wildcard_is_read_with_and_without_quotes(self, client: Client, match: str) -> None:
        session = await publish(client)
        assert (await session.patch(fragment(), match))[0] == 200

    async def test_new_credentials_under_the_current_etag_are_a_restart_too(self, client: Client) -> None:
        session = await publish(client)
        assert (await session.patch(fragment(), session.etag))[0] == 200

    async def test_a_failed_restart_keeps_the_session(self, client: Client, rooms: FakeRooms) -> None:
        session = await publish(client)
        rooms.seats[0].refuse = Refused(ErrorCode.MEDIA_FAILED, "No.")
        assert (await session.patch(fragment(), "*"))[0] == 500
        rooms.seats[0].refuse = None
        assert (await session.patch(own_fragment(), session.etag))[0] == 204

    async def test_overlapping_restarts_each_get_a_tag_of_their_own(self, client: Client) -> None:
        session = await publish(client)
        bodies = [fragment(f"frag{number}") for number in range(4)]
        replies = await asyncio.gather(*(session.patch(body, "*") for body in bodies))
        assert {code for code, _, _ in replies} == {200}
        assert len({etag for _, _, etag in replies}) == 4

    @pytest.mark.parametrize(
        ("body", "match", "content_type", "expected"),
        [
            (own_fragment(), None, FRAGMENT, 428),
            (own_fragment(), '"stale"', FRAGMENT, 412),
            (own_fragment(), "*", "application/sdp", 415),
            ("a=ice-pwd:short", "*", FRAGMENT, 400),
            (CANDIDATE + "\r\n", "*", FRAGMENT, 422),
            ("m=audio 9 X 0\r\n" * 65, "*", FRAGMENT, 413),
            ("a" * 20_000, "*", FRAGMENT, 413),
        ],
    )
    async def test_patches_that_are_refused(
        self, client: Client, body: str, match: str | None, content_type: str, expected: int
    ) -> None:
        session = await publish(client)
        assert (await session.patch(body, match, content_type=content_type))[0] == expected

    async def test_a_weak_tag_never_matches(self, client: Client) -> None:
        session = await publish(client)
        assert (await session.patch(own_fragment(), f"W/{session.etag}"))[0] == 412
        assert (await session.patch(own_fragment(), f'"other", {session.etag}'))[0] == 204

    async def test_delete_ends_it_whatever_the_etag(self, client: Client, rooms: FakeRooms) -> None:
        session = await publish(client)
        headers = bearer("good", **{"If-Match": '"stale"'})
        async with client.delete(session.url, headers=headers) as response:
            assert response.status == 200
        assert rooms.seats[0].left == 1
        async with client.delete(session.url, headers=headers) as response:
            assert response.status == 404

    async def test_a_session_is_another_identitys_secret(self, client: Client, rooms: FakeRooms) -> None:
        session = await publish(client)
        unknown = session.url[:-4] + "AAAA"
        replies = []
        for url, token in ((session.url, "other"), (unknown, "other"), (unknown, "good")):
            async with client.delete(url, headers=bearer(token)) as response:
                replies.append((response.status, await response.text()))
        assert len(set(replies)) == 1
        assert replies[0][0] == 404
        async with client.delete(session.url) as response:
            assert response.status == 401
        assert rooms.seats[0].left == 0

    async def test_whep_knows_no_session_of_whip(self, client: Client) -> None:
        session = await publish(client)
        async with client.delete(session.url.replace("whip", "whep"), headers=bearer("good")) as response:
            assert response.status == 404

    async def test_a_seat_that_ends_takes_its_session_along(self, client: Client, rooms: FakeRooms) -> None:
        session = await publish(client)
        async with client.get(session.url, headers=bearer("good")) as response:
            assert response.status == 204
        rooms.seats[0].dismiss()
        async with client.get(session.url, headers=bearer("good")) as response:
            assert response.status == 404


class TestBrowsers:
    async def test_preflight_of_the_endpoint(self, client: Client) -> None:
        headers = {"Origin": "https://player.example", "Access-Control-Request-Method": "POST"}
        async with client.options(f"/whip/{ROOM}", headers=headers) as response:
            assert response.status == 200
            assert response.headers["Accept-Post"] == SDP
            assert response.headers["Access-Control-Allow-Origin"] == "*"
            assert "POST" in response.headers["Access-Control-Allow-Methods"]
            for name in ("Authorization", "Content-Type", "If-Match"):
                assert name in response.headers["Access-Control-Allow-Headers"]
            assert "Link" not in response.headers

    async def test_preflight_of_a_session(self, client: Client) -> None:
        async with client.options(f"/whep/{ROOM}/anything") as response:
            assert response.status == 200
            assert "PATCH, DELETE" in response.headers["Access-Control-Allow-Methods"]
            assert response.headers["Accept-Patch"] == FRAGMENT

    async def test_ice_servers_before_the_offer_for_who_may_know(self, client: Client) -> None:
        async with client.options(f"/whip/{ROOM}", headers=bearer("good")) as response:
            assert len(response.headers.getall("Link")) == 2
        async with client.options(f"/whip/{ROOM}", headers=bearer("bad")) as response:
            assert response.status == 401

    async def test_headers_that_a_page_has_to_read_are_exposed(self, client: Client) -> None:
        async with client.post(f"/whip/{ROOM}", data="x", headers={"Content-Type": SDP}) as response:
            exposed = response.headers["Access-Control-Expose-Headers"]
            for name in ("Location", "ETag", "Link", "Accept-Patch", "Retry-After", "WWW-Authenticate"):
                assert name in exposed

    async def test_one_origin_when_configured(self, rooms: FakeRooms, aiohttp_client: MakeClient) -> None:
        settings = HttpMediaSettings(allow_origin="https://clinic.example")
        client = await aiohttp_client(application(rooms, settings))
        async with client.options(f"/whip/{ROOM}") as response:
            assert response.headers["Access-Control-Allow-Origin"] == "https://clinic.example"
            assert response.headers["Vary"] == "Origin"

    async def test_get_has_nothing_to_show(self, client: Client) -> None:
        for door in ("whip", "whep"):
            async with client.get(f"/{door}/{ROOM}") as response:
                assert response.status == 204

    async def test_head_tells_a_player_that_this_is_whep(self, client: Client) -> None:
        async with client.head(f"/whep/{ROOM}") as response:
            assert response.status == 200
            assert response.content_type == SDP

    async def test_other_methods_are_405(self, client: Client) -> None:
        async with client.put(f"/whip/{ROOM}") as response:
            assert response.status == 405
            assert "POST" in response.headers["Allow"]


class TestWatch:
    async def watch(self, client: Client, query: str = "", name: str = "chromium-whep") -> str:
        headers = bearer("viewer", **{"Content-Type": SDP})
        async with client.post(f"/whep/{ROOM}{query}", data=recorded(name), headers=headers) as response:
            assert response.status == 201, await response.text()
            assert response.headers["Location"].startswith(f"/whep/{ROOM}/")
            return await response.text()

    @pytest.mark.parametrize("name", ["chromium-whep", "firefox-whep", "aiortc-sendrecv"])
    async def test_players_get_one_stream_sendonly(self, client: Client, name: str) -> None:
        answer = parse(await self.watch(client, name=name))
        assert [section.direction for section in answer.sections] == [Direction.SENDONLY] * 2
        assert {section.msids[0].stream for section in answer.sections} == {"slot-0"}

    async def test_the_active_speaker_unless_someone_is_named(self, client: Client, rooms: FakeRooms) -> None:
        await self.watch(client)
        await self.watch(client, "?participant=dr-smith")
        assert [seat.follow.identity if seat.follow else "?" for seat in rooms.seats] == [None, "dr-smith"]
        assert {seat.door for seat in rooms.seats} == {Door.WHEP}

    @pytest.mark.parametrize("query", ["?participant=", "?participant=" + "x" * 129])
    async def test_a_name_that_cannot_be_is_422(self, client: Client, query: str) -> None:
        assert await status(client, f"/whep/{ROOM}{query}", recorded("chromium-whep"), "viewer") == 422

    async def test_a_player_does_not_send(self, client: Client) -> None:
        assert await status(client, f"/whep/{ROOM}", recorded("chromium-whip"), "viewer") == 422


async def test_a_fault_is_a_500_without_its_text(
    client: Client, rooms: FakeRooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*arguments: object, **named: object) -> None:
        raise RuntimeError("secret 192.0.2.1")

    monkeypatch.setattr(rooms, "join", broken)
    headers = bearer("good", **{"Content-Type": SDP})
    async with client.post(f"/whip/{ROOM}", data=recorded("chromium-whip"), headers=headers) as response:
        assert response.status == 500
        assert "secret" not in await response.text()
