"""Chromium and aiortc in one room, and the WHIP and WHEP doors with players that are not ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from browser import Inbound, sdk_page
from call_room import Room
from websocket_peer import Peer, Picture, Tone

pytestmark = pytest.mark.browser


class Site:
    """The running server as `Peer` wants to reach it."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session, self._url = session, url

    async def ws_connect(self, path: str, **options: Any) -> aiohttp.ClientWebSocketResponse:
        return await self._session.ws_connect(self._url + path, **options)


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15)) as session:
        yield session


def playing(streams: list[Inbound]) -> bool:
    return len(streams) == 1 and streams[0].frames > 30


def sounding(streams: list[Inbound]) -> bool:
    return len(streams) == 1 and streams[0].energy > 0


async def test_chromium_and_aiortc_see_and_hear_each_other(room: Room, http: aiohttp.ClientSession) -> None:
    viewer = await room.join("okafor", "clinician", simulcast=False)
    peer = Peer(Site(http, room.server.url), await room.server.token(room.name, "device"))  # type: ignore[arg-type]
    await peer.connect()
    await peer.publish(hertz=440)
    try:
        (video,) = await viewer.until_inbound("video", playing, "aiortc's picture")
        assert (video.height, video.lost) == (120, 0)
        (audio,) = await viewer.until_inbound("audio", sounding, "aiortc's tone")
        assert audio.lost == 0
        (clinician,) = [p for p in peer.welcome["participants"] if p["identity"] == "okafor"]
        await peer.until(lambda: peer.sees(clinician["id"], "camera"), what="a slot")
        await peer.until(lambda: peer.of(clinician["id"], "camera").frames > 30, 20)
        await peer.until(lambda: peer.of(clinician["id"], "microphone").level > 10, 20)
    finally:
        await peer.close()


async def whip(http: aiohttp.ClientSession, url: str, token: str) -> tuple[RTCPeerConnection, str]:
    """Publishes a tone and a picture as a WHIP client; the connection and its resource."""
    pc = RTCPeerConnection()
    pc.addTransceiver(Tone(440), direction="sendonly")
    pc.addTransceiver(Picture(200), direction="sendonly")
    await pc.setLocalDescription(await pc.createOffer())
    async with http.post(
        url,
        data=pc.localDescription.sdp,
        headers={"Content-Type": "application/sdp", "Authorization": f"Bearer {token}"},
    ) as response:
        assert response.status == 201, await response.text()
        assert response.headers["ETag"]
        await pc.setRemoteDescription(RTCSessionDescription(await response.text(), "answer"))
        return pc, response.headers["Location"]


@pytest.mark.parametrize("query", ["", "?participant=device"])
async def test_what_comes_by_whip_is_watched_over_whep(
    room: Room, http: aiohttp.ClientSession, query: str
) -> None:
    server = room.server
    token = await server.token(room.name, "device")
    pc, resource = await whip(http, f"{server.url}/whip/{room.name}", token)
    try:
        player = await sdk_page(room.browser, server.url)
        location = await player.page.evaluate(
            "([url, token]) => window.watch(url, token)",
            [f"{server.url}/whep/{room.name}{query}", await server.token(room.name, "wall")],
        )
        assert location.startswith("/whep/") or "/whep/" in location
        (video,) = await player.until_inbound("video", playing, "the WHIP picture")
        assert (video.height, video.lost) == (120, 0)
        (audio,) = await player.until_inbound("audio", sounding, "the WHIP tone")
        assert audio.lost == 0

        authorization = {"Authorization": f"Bearer {token}"}
        async with http.delete(server.url + resource, headers=authorization) as response:
            assert response.status == 200
        before = (await player.inbound("video"))[0].frames
        await asyncio.sleep(1)  # a span that is judged: what was in flight has arrived
        (gone,) = await player.inbound("video")
        assert gone.frames <= before + 5
        await player.close()
    finally:
        await pc.close()
