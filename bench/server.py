"""The server of a run, a process of its own: `python -m bench.server`, steered by JSON lines.

    {"do": "start", "host": ..., "workers": 1}                -> {"port": ..., "rss": bytes}
    {"do": "setup", "shape": {...}, "black_hole": bool}       -> {"ice": [[ufrag, pwd], ...]}
    {"do": "read"}                                            -> CPU time, memory, packets, drops
    {"do": "stop"}

Rooms, tracks and keys are made through the public API; only consent (and the keys, as there is no DTLS) is
injected, by `sfu.bypass`. The engine runs as in production: worker threads with their own sockets.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

from bench.scenario import (
    AUDIO_PT,
    AUDIO_RTX_PT,
    EXTENSIONS,
    VIDEO_PT,
    VIDEO_RTX_PT,
    Participant,
    Scenario,
    Shape,
    build,
)
from sfu import Engine, EngineConfig
from sfu.bypass import adopt
from sfu.handles import Router, Transport
from sfu.tracks import Producer
from sfu.types import (
    CodecParameters,
    Encoding,
    HeaderExtension,
    Kind,
    SendParameters,
    SlotParameters,
    SrtpKeys,
    SrtpProfile,
)

CODECS = {
    "video": CodecParameters("video/VP8", VIDEO_PT, 90_000, rtx_payload_type=VIDEO_RTX_PT),
    "audio": CodecParameters("audio/opus", AUDIO_PT, 48_000, 2, rtx_payload_type=AUDIO_RTX_PT),
}
SOURCE = "198.18.0.1"
"""The server's own address on the black-hole device."""


def rss() -> int:
    """Resident memory of this process, bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


class Server:
    """The engine and the rooms of a scenario."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.transports: list[Transport] = []

    async def setup(self, scenario: Scenario, *, black_hole: bool) -> list[tuple[str, str]]:
        """Makes everything; returns the ICE credentials of each participant."""
        routers = [await self.engine.create_router() for _ in range(scenario.shape.rooms)]
        for one in scenario.participants:
            self.transports.append(await self._client(routers[one.room], one, scenario, black_hole))
        producers = [
            [await self._produce(one, index) for index in range(len(one.tracks))]
            for one in scenario.participants
        ]
        for one in scenario.participants:
            for slot in one.slots:
                source, track = slot.source
                await self._consume(one, slot.ssrc, slot.mid, producers[source][track])
        return [(transport.ice.ufrag, transport.ice.pwd) for transport in self.transports]

    async def _client(
        self, router: Router, one: Participant, scenario: Scenario, black_hole: bool
    ) -> Transport:
        transport = await router.create_transport()
        await transport.set_extensions([HeaderExtension(*row) for row in EXTENSIONS], mixed=True)
        profile = SrtpProfile(scenario.shape.srtp)
        keys = SrtpKeys(profile, *(bytes.fromhex(key) for key in one.keys))
        if not black_hole:
            transport.install_keys(keys)
            return transport
        port = self.engine.ports[router.worker]
        if one.tracks:
            await adopt(transport, keys, local=f"127.0.0.1:{port}", remote=f"127.0.0.1:{one.port}")
        if one.slots:
            # A participant who also sends keeps the first tuple as a valid one; this is where it is sent to.
            await adopt(transport, keys, local=f"{SOURCE}:{port}", remote=one.black_hole)
        return transport

    async def _produce(self, one: Participant, index: int) -> Producer:
        track = one.tracks[index]
        encoding = Encoding(track.ssrc, track.ssrc + 1)
        parameters = SendParameters(track.mid, (CODECS[track.kind],), (encoding,), f"bench{one.number}")
        return await self.transports[one.number].produce(Kind(track.kind), parameters)

    async def _consume(self, one: Participant, ssrc: int, mid: str, producer: Producer) -> None:
        codecs = (CODECS[producer.kind.value],)
        slot = SlotParameters(mid, producer.kind, ssrc, ssrc + 1, f"slot{mid}", codecs)
        await self.transports[one.number].consume(producer, slot)

    async def read(self) -> dict[str, Any]:
        """Counters. CPU time is user + system of all threads."""
        stats = await self.engine.stats()
        usage = resource.getrusage(resource.RUSAGE_SELF)
        io: dict[str, int] = {}
        for worker in stats.workers:
            for name, count in worker.io.items():
                io[name] = io.get(name, 0) + count
        return {
            "at": time.monotonic(),
            "cpu": usage.ru_utime + usage.ru_stime,
            "user": usage.ru_utime,
            "rss": rss(),
            "packets_out": sum(one.packets for one in stats.consumers.values()),
            "packets_in": sum(s.packets for one in stats.producers.values() for s in one.streams),
            "retransmissions": sum(one.retransmissions_sent for one in stats.consumers.values()),
            "drops": dict(stats.drops),
            "io": io,
        }


async def main() -> None:
    """Reads requests from standard input until `stop` or its end."""
    reader = asyncio.StreamReader(limit=1 << 20)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    server: Server | None = None
    while line := await reader.readline():
        request = json.loads(line)
        answer: dict[str, Any]
        match request["do"]:
            case "start":
                config = EngineConfig(host=request["host"], workers=request["workers"])
                server = Server(await Engine.start(config))
                answer = {"port": server.engine.ports[0], "rss": rss()}
            case "setup" if server:
                shape = Shape(**request["shape"])
                ice = await server.setup(build(shape), black_hole=request["black_hole"])
                answer = {"ice": ice, "rss": rss()}
            case "read" if server:
                answer = await server.read()
            case "stop":
                break
            case other:
                answer = {"error": f"unknown or early request {other!r}"}
        print(json.dumps(answer), flush=True)
    if server:
        await server.engine.close()


if __name__ == "__main__":
    asyncio.run(main())
