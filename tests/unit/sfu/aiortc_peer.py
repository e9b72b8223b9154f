"""An aiortc client of an Engine, for the tests: its own ICE, DTLS, SRTP, Opus and VP8.

The answer is written by hand here, so that these tests stand on nothing but `sfu`.
"""

from __future__ import annotations

import asyncio
import fractions
from collections.abc import Sequence
from typing import Any

import aioice.ice
import numpy as np
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamTrack, VideoStreamTrack
from aiortc.sdp import SessionDescription
from av import AudioFrame, VideoFrame

from sfu import Consumer, Engine, Producer, Router, Transport
from sfu.types import (
    CodecParameters,
    DtlsFingerprint,
    Encoding,
    HeaderExtension,
    Kind,
    SendParameters,
    SlotParameters,
)

CODECS = ("audio/opus", "video/VP8")
RED, BLUE = (180, 30, 30), (30, 30, 180)
TONE_HZ = 440


class Tone(AudioStreamTrack):
    """A sine that a receiver can recognise."""

    async def recv(self) -> AudioFrame:
        frame = await super().recv()
        rate, count = frame.sample_rate, frame.samples
        times = (np.arange(count) + frame.pts) / rate
        samples = (np.sin(2 * np.pi * TONE_HZ * times) * 12000).astype(np.int16)
        tone = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        tone.pts, tone.sample_rate, tone.time_base = frame.pts, rate, fractions.Fraction(1, rate)
        return tone


class Colour(VideoStreamTrack):
    """Frames of one colour, with a bar that moves."""

    def __init__(self, colour: tuple[int, int, int] = RED) -> None:
        super().__init__()
        self.colour = colour
        self._count = 0

    async def recv(self) -> VideoFrame:
        pts, time_base = await self.next_timestamp()
        picture = np.full((240, 320, 3), self.colour, np.uint8)
        picture[100:110, self._count % 300 : self._count % 300 + 20] = 255
        self._count += 1
        frame = VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts, frame.time_base = pts, time_base
        return frame


def stay_on_loopback(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """aioice leaves loopback addresses out; these tests use nothing else."""
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda **_: list(addresses))


class Client:
    """A PeerConnection and the transport it talks to."""

    def __init__(self, engine: Engine, transport: Transport) -> None:
        self.engine = engine
        self.transport = transport
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.producers: dict[Kind, Producer] = {}
        self.slots: dict[Kind, SlotParameters] = {}
        self.received: dict[Kind, MediaStreamTrack] = {}
        self.pc.on("track", lambda track: self.received.__setitem__(Kind(track.kind), track))

    @classmethod
    async def publishing(
        cls,
        engine: Engine,
        router: Router,
        *tracks: MediaStreamTrack,
        fingerprints: Sequence[DtlsFingerprint] | None = None,
    ) -> Client:
        """Sends `tracks`."""
        client = cls(engine, await router.create_transport())
        for track in tracks:
            client.pc.addTransceiver(track, direction="sendonly")
        await client.negotiate(fingerprints)
        return client

    @classmethod
    async def receiving(cls, engine: Engine, router: Router, *kinds: Kind) -> Client:
        """Offers a receive slot for each kind."""
        client = cls(engine, await router.create_transport())
        for kind in kinds:
            client.pc.addTransceiver(kind.value, direction="recvonly")
        await client.negotiate()
        return client

    async def negotiate(self, fingerprints: Sequence[DtlsFingerprint] | None = None) -> None:
        """Offers, tells the engine, and takes the answer. `fingerprints` replace those of the offer."""
        await self.pc.setLocalDescription(await self.pc.createOffer())
        offer = SessionDescription.parse(self.pc.localDescription.sdp)
        extensions: dict[int, str] = {}
        for media in offer.media:
            extensions |= {extension.id: extension.uri for extension in media.rtp.headerExtensions}
        rows = [HeaderExtension(uri, number) for number, uri in extensions.items()]
        await self.transport.set_extensions(rows, mixed=False)
        own = offer.media[0].dtls.fingerprints
        await self.transport.connect(
            fingerprints or [DtlsFingerprint(one.algorithm, one.value) for one in own]
        )
        for index, media in enumerate(offer.media):
            kind = Kind(media.kind)
            if media.direction == "sendonly":
                self.producers[kind] = await self.transport.produce(kind, _sent(media))
            else:
                ssrc = 0x10000 * (index + 1) + self.transport.id
                rtx = ssrc + 0x8000 if kind is Kind.VIDEO else None
                self.slots[kind] = SlotParameters(media.rtp.muxId, kind, ssrc, rtx, "server", _codecs(media))
        answer = RTCSessionDescription(self._answer(offer), "answer")
        await self.pc.setRemoteDescription(answer)

    async def consume(self, producer: Producer) -> Consumer:
        return await self.transport.consume(producer, self.slots[producer.kind])

    async def close(self) -> None:
        await self.pc.close()

    def _answer(self, offer: SessionDescription) -> str:
        lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=ice-lite"]
        lines.append("a=group:BUNDLE " + " ".join(media.rtp.muxId for media in offer.media))
        for media in offer.media:
            lines += self._section(media)
        return "\r\n".join(lines) + "\r\n"

    def _section(self, media: Any) -> list[str]:
        codecs = _codecs(media)
        types = [codec.payload_type for codec in codecs]
        types += [codec.rtx_payload_type for codec in codecs if codec.rtx_payload_type]
        lines = [f"m={media.kind} 9 UDP/TLS/RTP/SAVPF {' '.join(map(str, types))}", "c=IN IP4 0.0.0.0"]
        lines += [f"a=mid:{media.rtp.muxId}", "a=rtcp-mux", "a=setup:passive"]
        ice = self.transport.ice
        lines += [f"a=ice-ufrag:{ice.ufrag}", f"a=ice-pwd:{ice.pwd}"]
        for one in self.engine.fingerprints:
            lines.append(f"a=fingerprint:{one.algorithm} {one.value}")
        for one in self.transport.candidates:
            lines.append(
                f"a=candidate:{one.foundation} 1 udp {one.priority} {one.address} {one.port} typ host"
            )
        lines.append("a=end-of-candidates")
        lines += [f"a=extmap:{one.id} {one.uri}" for one in media.rtp.headerExtensions]
        for codec in codecs:
            name = codec.mime_type.split("/")[1]
            channels = f"/{codec.channels}" if codec.channels else ""
            lines.append(f"a=rtpmap:{codec.payload_type} {name}/{codec.clock_rate}{channels}")
            if media.kind == "video":
                lines += [f"a=rtcp-fb:{codec.payload_type} {fb}" for fb in ("nack", "nack pli")]
            if codec.rtx_payload_type:
                lines.append(f"a=rtpmap:{codec.rtx_payload_type} rtx/{codec.clock_rate}")
                lines.append(f"a=fmtp:{codec.rtx_payload_type} apt={codec.payload_type}")
        if media.direction == "sendonly":
            return [*lines, "a=recvonly"]
        slot = self.slots[Kind(media.kind)]
        lines += ["a=sendonly", f"a=msid:slot {media.kind}"]
        if slot.rtx_ssrc is not None:
            lines.append(f"a=ssrc-group:FID {slot.ssrc} {slot.rtx_ssrc}")
            lines.append(f"a=ssrc:{slot.rtx_ssrc} cname:{slot.cname}")
        return [*lines, f"a=ssrc:{slot.ssrc} cname:{slot.cname}"]


def _codecs(media: Any) -> tuple[CodecParameters, ...]:
    rtx = {
        codec.parameters["apt"]: codec.payloadType
        for codec in media.rtp.codecs
        if codec.mimeType.lower().endswith("/rtx")
    }
    return tuple(
        CodecParameters(
            codec.mimeType,
            codec.payloadType,
            codec.clockRate,
            codec.channels if media.kind == "audio" else None,
            rtx_payload_type=rtx.get(codec.payloadType),
        )
        for codec in media.rtp.codecs
        if codec.mimeType in CODECS
    )


def _sent(media: Any) -> SendParameters:
    rtx = {group.items[0]: group.items[1] for group in media.ssrc_group if group.semantic == "FID"}
    main = media.ssrc[0].ssrc
    return SendParameters(media.rtp.muxId, _codecs(media), (Encoding(main, rtx.get(main)),))


async def picture(track: MediaStreamTrack, colour: tuple[int, int, int], seconds: float = 10.0) -> None:
    """Waits for a decoded frame of about this colour."""
    async with asyncio.timeout(seconds):
        while True:
            frame = await track.recv()
            middle = frame.to_ndarray(format="rgb24")[10:60].mean(axis=(0, 1))
            if np.abs(middle - colour).max() < 25:
                return


async def tone(track: MediaStreamTrack, seconds: float = 10.0) -> None:
    """Waits for decoded audio whose strongest frequency is the tone's."""
    heard: list[np.ndarray] = []
    async with asyncio.timeout(seconds):
        while True:
            frame = await track.recv()
            samples = frame.to_ndarray().reshape(-1, len(frame.layout.channels))[:, 0].astype(float)
            heard = [*heard, samples][-10:]
            window = np.concatenate(heard)
            if len(heard) < 10 or np.abs(window).max() < 3000:
                continue
            spectrum = np.abs(np.fft.rfft(window))
            loudest = np.argmax(spectrum) * frame.sample_rate / len(window)
            if abs(loudest - TONE_HZ) < 15:
                return
