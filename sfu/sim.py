"""The same API over the same core in virtual time, with clients and networks from one seed.

    sim = await SimEngine.start(seed=7)
    router = await sim.create_router()
    alice = await sim.join(router, send=(camera(),), down=Link(delay=0.05))
    bob = await sim.join(router, receive=(Kind.VIDEO,), down=Link(delay=0.05, loss=0.05))
    await bob.watch(alice.producers[0])
    await sim.run(30)                       # seconds that take a few hundredths
    assert bob.stats().slots[0].residual_loss < 0.005

Clients check connectivity, protect and repair like real ones; there is no DTLS (OpenSSL's timers follow
the wall clock), so keys are installed as if a handshake had given them. The same seed and calls give the same
run, counter for counter.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

from sfu._native import Command, NativeSim
from sfu.candidates import host_candidates
from sfu.certificate import DtlsCertificate
from sfu.config import Limits
from sfu.control import Control
from sfu.dtls import KEY_LENGTHS, DtlsContext
from sfu.engine import Rooms
from sfu.handles import Router, Transport
from sfu.sim_values import (
    LayerStats,
    Link,
    LinkStats,
    PeerStats,
    SimLayer,
    SimTrack,
    SlotStats,
    camera,
    microphone,
    simulcast,
)
from sfu.tracks import Consumer, Producer
from sfu.types import (
    CodecParameters,
    DtlsState,
    Encoding,
    HeaderExtension,
    IceCandidate,
    Kind,
    MediaError,
    SendParameters,
    SlotParameters,
    SrtpKeys,
    SrtpProfile,
)

__all__ = [
    "LayerStats",
    "Link",
    "LinkStats",
    "PeerStats",
    "SimEngine",
    "SimLayer",
    "SimPeer",
    "SimTrack",
    "SlotStats",
    "camera",
    "microphone",
    "simulcast",
]

OPUS = CodecParameters("audio/opus", 111, 48000, 2, rtcp_feedback=("nack",))
VP8 = CodecParameters("video/VP8", 96, 90000, rtcp_feedback=("nack", "nack pli"), rtx_payload_type=97)

# The ids the simulated clients use, which are Chromium's usual ones.
_EXTENSIONS = (
    HeaderExtension("urn:ietf:params:rtp-hdrext:ssrc-audio-level", 1),
    HeaderExtension("http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time", 2),
    HeaderExtension("http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01", 3),
    HeaderExtension("urn:ietf:params:rtp-hdrext:sdes:mid", 4),
    HeaderExtension("urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id", 10),
    HeaderExtension("urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id", 11),
)

# What handlers do in answer to an event happens at most this much later than the event, in virtual seconds.
_SLICE = 0.01


class _Port:
    """Gives commands to the simulation, and has what it reports handled soon after."""

    def __init__(self, native: NativeSim) -> None:
        self.native = native
        self.control: Control | None = None
        self._scheduled = False

    def submit(self, worker: int, request: int, command: Command) -> None:
        self.native.submit(worker, request, command)
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self.dispatch)

    def dispatch(self) -> None:
        self._scheduled = False
        if self.control is not None:
            self.control.dispatch(self.native.drain())


class SimEngine(Rooms):
    """An engine of one worker in virtual time; see the module. Time passes in `run` alone."""

    def __init__(self, native: NativeSim, seed: int, certificate: DtlsCertificate) -> None:
        self._port = _Port(native)
        super().__init__(self._port, 1, certificate, DtlsContext(certificate))
        self._native = native
        self._random = random.Random(seed)  # noqa: S311 - a simulation repeats
        self._control.token = lambda count: self._random.randbytes(count).hex()
        self._port.control = self._control

    @classmethod
    async def start(cls, seed: int, limits: Limits | None = None) -> SimEngine:
        """An empty server at time 0."""
        native = NativeSim(seed, (limits or Limits()).overrides())
        return cls(native, seed, DtlsCertificate.create())

    async def __aenter__(self) -> SimEngine:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def now(self) -> float:
        """Virtual seconds since the start."""
        return self._native.now

    def candidates(self, worker: int) -> tuple[IceCandidate, ...]:
        """The simulated server's one candidate."""
        address, port = NativeSim.server()
        return host_candidates([address], port)

    async def run(self, seconds: float) -> None:
        """Lets virtual time pass. Listeners run within a hundredth of a virtual second of their event."""
        end = self.now + seconds
        while (left := end - self.now) > 1e-9:
            self._native.run(min(_SLICE, left))
            self._port.dispatch()
            # Once for what handlers awaited, once for the answers to their commands.
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    async def join(
        self,
        router: Router,
        *,
        send: Sequence[SimTrack] = (),
        receive: Sequence[Kind] = (),
        up: Link | None = None,
        down: Link | None = None,
        profile: SrtpProfile = SrtpProfile.AEAD_AES_128_GCM,
    ) -> SimPeer:
        """A client that sends tracks and offers a receive slot for each kind, behind its own links."""
        transport = await router.create_transport()
        await transport.set_extensions(_EXTENSIONS, mixed=True)
        keys = self._keys(profile)
        transport.install_keys(keys)
        transport.dtls = DtlsState.CONNECTED
        tracks = [self._track(index, track) for index, track in enumerate(send)]
        slots = [self._slot(len(send) + index, kind) for index, kind in enumerate(receive)]
        client = self._native.add_client(
            ufrag=self._control.token(4),
            server_ufrag=transport.ice.ufrag,
            server_pwd=transport.ice.pwd,
            keys=(profile, keys.receive_key, keys.receive_salt, keys.send_key, keys.send_salt),
            tracks=[
                (
                    track.kind.value,
                    parameters.mid,
                    parameters.codecs[0].payload_type,
                    parameters.codecs[0].rtx_payload_type,
                    [
                        (layer.rid, encoding.ssrc or 0, encoding.rtx_ssrc, layer.profile, layer.rate)
                        for layer, encoding in zip(track.layers, parameters.encodings, strict=True)
                    ],
                    track.temporal_layers,
                    self._random.random() / 30,
                )
                for track, parameters in zip(send, tracks, strict=True)
            ],
            slots=[(slot.kind.value, slot.mid, slot.ssrc, slot.rtx_ssrc, True) for slot in slots],
            transport_feedback=True,
            cname=self._control.token(8),
            up=(up or Link()).given(),
            down=(down or Link()).given(),
        )
        producers = [
            await transport.produce(track.kind, parameters)
            for track, parameters in zip(send, tracks, strict=True)
        ]
        return SimPeer(self._native, client, transport, tuple(producers), tuple(slots))

    async def close(self) -> None:
        """Ends every room. Idempotent."""
        if self.closed:
            return
        self.closed = True
        self._end_rooms()
        self._port.dispatch()
        self._control.close()

    def _keys(self, profile: SrtpProfile) -> SrtpKeys:
        key, salt = KEY_LENGTHS[profile]
        own = [self._random.randbytes(count) for count in (key, salt, key, salt)]
        return SrtpKeys(profile, *own)

    def _ssrc(self) -> int:
        return self._random.randrange(1, 1 << 32)

    def _track(self, index: int, track: SimTrack) -> SendParameters:
        video = track.kind is Kind.VIDEO
        encodings = tuple(
            Encoding(self._ssrc(), self._ssrc() if video else None, layer.rid) for layer in track.layers
        )
        return SendParameters(str(index), (VP8 if video else OPUS,), encodings)

    def _slot(self, index: int, kind: Kind) -> SlotParameters:
        video = kind is Kind.VIDEO
        rtx = self._ssrc() if video else None
        return SlotParameters(str(index), kind, self._ssrc(), rtx, "server", (VP8 if video else OPUS,))


class SimPeer:
    """A simulated client."""

    def __init__(
        self,
        native: NativeSim,
        client: int,
        transport: Transport,
        producers: tuple[Producer, ...],
        slots: tuple[SlotParameters, ...],
    ) -> None:
        self.transport = transport
        self.producers = producers
        self.slots = slots
        self._native = native
        self._client = client

    async def watch(self, producer: Producer) -> Consumer:
        """Consumes in the first free slot of its kind. Raises MediaError when there is none."""
        used = {consumer.slot.ssrc for consumer in self.transport.consumers}
        for slot in self.slots:
            if slot.kind is producer.kind and slot.ssrc not in used:
                return await self.transport.consume(producer, slot)
        raise MediaError(f"no {producer.kind} slot is free")

    def stats(self) -> PeerStats:
        """What it has seen."""
        peer, layers, slots, up, down = self._native.stats(self._client)
        typed = (tuple(LayerStats(*row) for row in layers), tuple(SlotStats(*row) for row in slots))
        row = (*peer, *typed, LinkStats(*up), LinkStats(*down))
        return PeerStats(*row)

    def set_links(self, up: Link | None = None, down: Link | None = None) -> None:
        """Its way changes; what is on the way arrives as it would have."""
        self._native.set_links(self._client, (up or Link()).given(), (down or Link()).given())

    def set_active(self, track: int, active: bool, *, layer: int | None = None) -> None:
        """Stops or starts a track, or one of its layers."""
        self._native.set_active(self._client, track, layer, active)

    def set_audio_level(self, track: int, level: int, *, voice: bool = True) -> None:
        """Level of an audio track: -dBov, 0 loudest, 127 silence (RFC 6464)."""
        self._native.set_audio_level(self._client, track, level, voice)

    def move(self, address: str) -> None:
        """Goes on from another "address:port", as after a change of network."""
        self._native.move_to(self._client, address)

    def vanish(self) -> None:
        """Is gone without a word."""
        self._native.silence(self._client)
