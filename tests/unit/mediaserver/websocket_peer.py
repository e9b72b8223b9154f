"""A person in a call: the websocket protocol and an aiortc PeerConnection, as the SDK would do it."""

from __future__ import annotations

import asyncio
import fractions
import math
from typing import Any

import aioice.ice
import av
import numpy as np
from aiohttp import ClientWebSocketResponse, WSMsgType
from aiohttp.test_utils import TestClient
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError, MediaStreamTrack, VideoStreamTrack

# aioice leaves loopback out; here there is nothing else that every machine has.
aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]


class Tone(AudioStreamTrack):
    """A sine of `hertz`, 20 ms a frame."""

    def __init__(self, hertz: float) -> None:
        super().__init__()
        self._hertz = hertz

    async def recv(self) -> av.AudioFrame:
        silent = await super().recv()
        rate = silent.sample_rate
        t = (np.arange(silent.samples) + silent.pts) / rate
        samples = (0.5 * 32767 * np.sin(2 * math.pi * self._hertz * t)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts = rate, silent.pts
        frame.time_base = fractions.Fraction(1, rate)
        return frame


class Picture(VideoStreamTrack):
    """160x120, a grey that changes from frame to frame about `level`."""

    def __init__(self, level: int) -> None:
        super().__init__()
        self._level = level
        self._n = 0

    async def recv(self) -> av.VideoFrame:
        pts, time_base = await self.next_timestamp()
        self._n += 1
        picture = np.full((120, 160, 3), self._level, np.uint8)
        picture[:, : 8 + self._n % 32] = self._level // 2
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts, frame.time_base = pts, time_base
        return frame


class Received:
    """What came in one slot."""

    def __init__(self, track: MediaStreamTrack) -> None:
        self.track = track
        self.frames = 0
        self.level = 0.0  # of the last frame: RMS of sound, mean of the picture's right edge
        self.pitch = 0.0  # Hz, by zero crossings
        self._task = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        try:
            while True:
                frame = await self.track.recv()
                self.frames += 1
                values = (
                    frame.to_ndarray() if self.track.kind == "audio" else frame.to_ndarray(format="rgb24")
                )
                if self.track.kind == "audio":
                    mono = values.reshape(-1)[:: len(frame.layout.channels)].astype(float)
                    self.level = float(np.sqrt(np.mean(mono**2)))
                    crossings = np.count_nonzero(np.diff(np.signbit(mono)))
                    self.pitch = crossings / 2 / (len(mono) / frame.sample_rate)
                else:
                    self.level = float(values[:, -20:].mean())
        except MediaStreamError:
            pass

    def stop(self) -> None:
        self._task.cancel()


class Peer:
    """Someone with a token (or a cookie, then `path` is the link's websocket)."""

    def __init__(self, client: TestClient[Any, Any], token: str | None, path: str = "/rtc") -> None:
        self._client = client
        self._token = token
        self._path = path
        self._ids = 0
        self._replies: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.heard: list[dict[str, Any]] = []
        self.welcome: dict[str, Any] = {}
        self.slots: dict[str, dict[str, Any]] = {}
        self.need = {"audio": 0, "video": 0}
        self.close_code: int | None = None
        self.received: dict[str, Received] = {}
        self.answers_pings = True
        self.headers: dict[str, str] = {}
        self.pc: RTCPeerConnection | None = None

    async def connect(self, **join: Any) -> dict[str, Any]:
        """Opens the websocket and joins."""
        self.ws: ClientWebSocketResponse = await self._client.ws_connect(
            self._path, protocols=("mediaserver.v1",), headers=self.headers
        )
        self._reader = asyncio.create_task(self._read(self.ws))
        if self._token is not None and "resume" not in join:
            join["token"] = self._token
        self.welcome = await self.ask("join", protocol=1, **join)
        return self.welcome

    async def ask(self, type: str, **fields: Any) -> dict[str, Any]:
        """A request; its reply."""
        self._ids += 1
        future = self._replies[self._ids] = asyncio.get_running_loop().create_future()
        await self.ws.send_json({"type": type, "id": self._ids, **fields})
        return await asyncio.wait_for(future, 10)

    async def publish(
        self, *, hertz: float = 440, level: int = 200, audio_slots: int = 3, video_slots: int = 3
    ) -> None:
        """First offer: microphone, camera, slots."""
        # Without max-bundle aiortc 1.16 forgets to move the second video section to the common transport.
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self.pc.on("track", self._track)
        self.pc.addTransceiver(Tone(hertz), direction="sendonly")
        self.pc.addTransceiver(Picture(level), direction="sendonly")
        self.add_slots(audio_slots, video_slots)
        await self.offer()

    def add_slots(self, audio: int, video: int) -> None:
        assert self.pc is not None
        for kind, count in (("audio", audio), ("video", video)):
            for _ in range(count):
                self.pc.addTransceiver(kind, direction="recvonly")

    async def offer(self, muted: tuple[str, ...] = ()) -> dict[str, Any]:
        assert self.pc is not None
        await self.pc.setLocalDescription(await self.pc.createOffer())
        sources = {"audio": "microphone", "video": "camera"}
        tracks = [
            {"mid": t.mid, "source": sources[t.kind], "muted": sources[t.kind] in muted}
            for t in self.pc.getTransceivers()
            if t.direction == "sendonly"
        ]
        answer = await self.ask("offer", sdp=self.pc.localDescription.sdp, tracks=tracks)
        if answer["type"] == "answer":
            await self.pc.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
        return answer

    def _track(self, track: MediaStreamTrack) -> None:
        assert self.pc is not None
        for transceiver in self.pc.getTransceivers():
            if transceiver.receiver.track is track:
                self.received[transceiver.mid] = Received(track)

    def of(self, participant: str, source: str) -> Received:
        """What comes of someone's source."""
        for mid, slot in self.slots.items():
            if slot["participant"] == participant and slot["source"] == source:
                return self.received[mid]
        raise KeyError(f"{source} is in no slot")

    def sees(self, participant: str, source: str) -> bool:
        return any(s["participant"] == participant and s["source"] == source for s in self.slots.values())

    def messages(self, type: str) -> list[dict[str, Any]]:
        return [message for message in self.heard if message["type"] == type]

    async def until(self, condition: Any, timeout: float = 10, what: str = "") -> None:
        """Waits for a condition over what was heard and received."""
        async with asyncio.timeout(timeout):
            while not condition():  # noqa: ASYNC110 - over messages and frames alike
                await asyncio.sleep(0.02)

    async def _read(self, ws: ClientWebSocketResponse) -> None:
        async for message in ws:
            if message.type is not WSMsgType.TEXT:
                break
            said = message.json()
            if said["type"] == "ping":
                if self.answers_pings:
                    await ws.send_json({"type": "pong"})
                continue
            if "re" in said and said["re"] in self._replies:
                self._replies.pop(said["re"]).set_result(said)
                continue
            if said["type"] == "tracks":
                self.slots = {slot["mid"]: slot for slot in said["slots"]}
                self.need = said["need"]
            self.heard.append(said)
        self.close_code = ws.close_code
        for future in self._replies.values():
            if not future.done():
                future.set_result({"type": "closed", "code": self.close_code})

    async def close(self) -> None:
        for received in self.received.values():
            received.stop()
        if self.pc is not None:
            await self.pc.close()
        await self.ws.close()
        await asyncio.wait([self._reader], timeout=2)
