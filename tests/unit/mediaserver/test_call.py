"""Two people call each other through the whole server: websocket, rooms, the real media core, aiortc."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mediaserver.model.roles import Role

from running_house import Running, running
from websocket_peer import Peer


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path) as running_server:
        yield running_server


@pytest.fixture
async def call(server: Running) -> AsyncIterator[tuple[Peer, Peer]]:
    patient = Peer(server.client, server.token("patient"))
    clinician = Peer(server.client, server.token("clinician", Role.CLINICIAN))
    await patient.connect()
    await clinician.connect()
    await asyncio.gather(patient.publish(hertz=440, level=200), clinician.publish(hertz=1000, level=60))
    yield patient, clinician
    await asyncio.gather(patient.close(), clinician.close())


def me(peer: Peer) -> str:
    return str(peer.welcome["you"]["id"])


async def test_two_people_hear_and_see_each_other(call: tuple[Peer, Peer]) -> None:
    patient, clinician = call
    for one, other, pitch, level in ((patient, clinician, 1000, 60), (clinician, patient, 440, 200)):
        await one.until(lambda one=one, other=other: one.sees(me(other), "camera") and one.sees(me(other), "microphone"))
        camera, microphone = one.of(me(other), "camera"), one.of(me(other), "microphone")
        await one.until(lambda camera=camera, microphone=microphone: camera.frames > 20 and microphone.frames > 30)
        assert abs(camera.level - level) < 12
        assert abs(microphone.pitch - pitch) < 60
