"""What the bench and the simulation use in place of ICE and DTLS."""

from __future__ import annotations

import asyncio
import socket

from sfu import Engine, EngineConfig
from sfu.bypass import adopt
from sfu.types import DtlsState, PathState, SrtpKeys, SrtpProfile


async def test_an_adopted_client_is_sent_reports_at_once() -> None:
    loop = asyncio.get_running_loop()
    keys = SrtpKeys(SrtpProfile.AEAD_AES_128_GCM, b"r" * 16, b"s" * 12, b"t" * 16, b"u" * 12)
    async with await Engine.start(EngineConfig(host="127.0.0.1")) as engine:
        router = await engine.create_router()
        transport = await router.create_transport()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.bind(("127.0.0.1", 0))
            client.setblocking(False)
            host, port = client.getsockname()
            local = f"127.0.0.1:{engine.ports[0]}"
            await adopt(transport, keys, local=local, remote=f"{host}:{port}")
            datagram = await asyncio.wait_for(loop.sock_recv(client, 1500), 3)
        assert 128 <= datagram[0] < 192, "SRTCP (RFC 7983)"
        assert transport.path is PathState.CONNECTED
        assert transport.dtls is DtlsState.CONNECTED
