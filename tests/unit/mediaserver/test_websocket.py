"""The websocket door under attack: floods, giants, bombs, people who don't read; others notice nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import WSMsgType
from running_house import Running, running
from websocket_peer import Peer

from mediaserver.model.ids import RoomName


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path, signaling={"queue_messages": 64}) as running_server:
        yield running_server


async def join(server: Running, identity: str, **fields: object) -> Peer:
    peer = Peer(server.client, server.token(identity))
    assert (await peer.connect(**fields))["type"] == "welcome"
    return peer


async def test_a_flood_is_closed_with_1008_and_another_is_unharmed(server: Running) -> None:
    healthy, flooder = await join(server, "healthy"), await join(server, "flooder")
    started = time.process_time()
    for _ in range(600):
        if flooder.ws.closed:
            break
        await flooder.ws.send_str('{"type":"pong"}')
    await flooder.until(lambda: flooder.close_code == 1008)
    assert time.process_time() - started < 0.5  # this process is client and server
    assert (await healthy.ask("chat", text="still here"))["type"] == "ok"
    await healthy.close()


async def test_a_giant_message_is_closed_with_1009(server: Running) -> None:
    peer = await join(server, "giant")
    await peer.ws.send_str('{"type":"chat","id":1,"text":"' + "x" * 1_000_000 + '"}')
    await peer.until(lambda: peer.close_code == 1009)


async def test_compression_is_not_agreed_to(server: Running) -> None:
    ws = await server.client.ws_connect("/rtc", protocols=("mediaserver.v1",), compress=15)
    assert ws.compress == 0
    assert ws.protocol == "mediaserver.v1"
    await ws.close()


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 10_000, "\x00", '{"type":"join"}', "{}"])
async def test_junk_is_closed_with_4000(server: Running, text: str) -> None:
    ws = await server.client.ws_connect("/rtc")
    await ws.send_str(text)
    kinds = [message.type async for message in ws]
    assert set(kinds) <= {WSMsgType.TEXT}
    assert ws.close_code == 4000


async def test_an_offer_with_ten_thousand_lines_is_refused_quickly(server: Running) -> None:
    peer = await join(server, "lines")
    started = time.process_time()
    reply = await peer.ask("offer", sdp="v=0\r\n" + "a=x\r\n" * 10_000, tracks=[])
    assert reply["code"] == "negotiation_failed"
    assert time.process_time() - started < 0.2
    await peer.close()


async def test_who_does_not_read_is_let_go(server: Running) -> None:
    stuck, talker = await join(server, "stuck"), await join(server, "talker")
    stuck._reader.cancel()
    transport = stuck.ws._response.connection.transport  # type: ignore[union-attr]
    transport.pause_reading()  # type: ignore[union-attr]
    for n in range(2_000):
        room = server.house.rooms._rooms[RoomName("visit-1")]
        room.say(room.people[talker.welcome["you"]["id"]], "x" * 3_000)
        if n % 50 == 0:
            await asyncio.sleep(0.01)
    await talker.until(
        lambda: any(u["participant"]["state"] == "reconnecting" for u in talker.messages("updated"))
    )
    async with asyncio.timeout(8):
        while server.house.door.connections > 1:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert (await talker.ask("hand", raised=True))["type"] == "ok"
    await talker.close()


async def test_a_wrong_token_and_a_forbidden_room_are_told_apart_from_nothing(server: Running) -> None:
    for token, code in (("nonsense", 4001), (server.token("x", join=False), 4003), (None, 4001)):
        peer = Peer(server.client, token)
        await peer.connect()
        await peer.until(lambda peer=peer: peer.close_code is not None)
        assert peer.close_code == code


async def test_a_full_room_closes_with_4013(tmp_path: Path) -> None:
    async with running(tmp_path, rooms={"max_participants": 1}) as server:
        first = await join(server, "first")
        second = Peer(server.client, server.token("second"))
        assert (await second.connect())["code"] == "room_full"
        await second.until(lambda: second.close_code == 4013)
        await first.close()


async def test_a_resume_key_that_is_over_may_be_followed_by_a_join(server: Running) -> None:
    peer = Peer(server.client, server.token("p"))
    assert (await peer.connect(resume="no-such-session"))["code"] == "not_found"
    assert (await peer.ask("join", protocol=1, token=server.token("p")))["type"] == "welcome"
    await peer.close()


async def test_an_older_connection_of_a_resumed_session_is_told(server: Running) -> None:
    peer = await join(server, "p")
    twin = Peer(server.client, None)
    welcome = await twin.connect(resume=peer.welcome["session"]["resume"])
    assert welcome["you"]["id"] == peer.welcome["you"]["id"]
    await peer.until(lambda: peer.close_code == 4009)
    assert (await twin.ask("hand", raised=True))["type"] == "ok"
    assert (await twin.ask("leave"))["type"] in ("ok", "closed")
    await twin.until(lambda: twin.close_code == 1000)
    gone = Peer(server.client, None)
    assert (await gone.connect(resume=welcome["session"]["resume"]))["code"] == "not_found"
    await gone.ws.close()


@pytest.mark.parametrize(("origin", "status"), [("https://evil.example", 403), ("https://ok.example", 101)])
async def test_pages_of_other_origins_need_leave(tmp_path: Path, origin: str, status: int) -> None:
    async with running(tmp_path, http={"origins": ["https://ok.example"]}) as server:
        response = await server.client.get(
            "/rtc",
            headers={
                "Origin": origin,
                "Upgrade": "websocket",
                "Connection": "Upgrade",
                "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            },
        )
        assert response.status == status
        response.close()


async def test_a_timer_that_is_due_at_once_fails_no_request(tmp_path: Path) -> None:
    # Under a millisecond uvloop gives a plain handle, which has no time of its own.
    async with running(tmp_path, signaling={"heartbeat": 0.0004}) as hurried:
        peer = await join(hurried, "patient")
        for n in range(20):
            assert (await peer.ask("hand", raised=n % 2 == 0))["type"] == "ok"
        await peer.close()


async def test_who_leaves_and_closes_at_once_has_left(server: Running) -> None:
    watcher, leaver = await join(server, "watcher"), await join(server, "leaver")
    # Both frames in one segment, as a browser sends them.
    await leaver.ws.send_json({"type": "leave", "id": 99})
    await leaver.ws._writer.close(1000)
    await watcher.until(lambda: bool(watcher.messages("left")))
    assert watcher.messages("left")[0]["reason"] == "left"
    assert not watcher.messages("updated"), "they were never reconnecting"
    await watcher.close()


async def test_a_room_that_may_not_be_empty_waits_for_who_is_on_the_way(tmp_path: Path) -> None:
    async with running(tmp_path, rooms={"empty_timeout": 0}) as impatient:
        peer = await join(impatient, "patient")
        await peer.close()
