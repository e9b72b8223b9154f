"""The engine's API in virtual time."""

from __future__ import annotations

import time

import pytest

from sfu import Limits
from sfu.sim import Link, PeerStats, SimEngine, SimPeer, camera, microphone, simulcast
from sfu.types import Kind, MediaError, PathState


async def call(sim: SimEngine, up: Link | None = None, down: Link | None = None) -> tuple[SimPeer, SimPeer]:
    """A client that sends microphone and camera, and one that is sent both."""
    router = await sim.create_router()
    sender = await sim.join(router, send=(microphone(), camera()), up=up)
    receiver = await sim.join(router, receive=(Kind.AUDIO, Kind.VIDEO), down=down)
    for producer in sender.producers:
        await receiver.watch(producer)
    return sender, receiver


async def test_media_flows_much_faster_than_time() -> None:
    async with await SimEngine.start(1) as sim:
        sender, receiver = await call(sim, Link(delay=0.02), Link(delay=0.03))
        start = time.monotonic()
        await sim.run(20)
        assert time.monotonic() - start < 10
        assert sim.now == pytest.approx(20)
        assert sender.transport.path is receiver.transport.path is PathState.CONNECTED
        audio, video = receiver.stats().slots
        assert audio.packets > 900
        assert video.frames > 550
        assert audio.residual_loss == video.residual_loss == 0
        assert video.freezes == 0
        assert 0.05 <= video.latency_p50 < 0.06
        stats = await sim.stats()
        assert stats.consumers[receiver.transport.consumers[1].id].packets >= video.packets


async def run_once(seed: int) -> tuple[PeerStats, dict[str, int]]:
    async with await SimEngine.start(seed) as sim:
        lossy = Link(delay=0.03, jitter=0.01, loss=0.05, rate=3_000_000, queue=0.3)
        _sender, receiver = await call(sim, lossy, lossy)
        await sim.run(10)
        return receiver.stats(), (await sim.stats()).drops


async def test_a_seed_repeats_its_run_and_another_does_not() -> None:
    first = await run_once(5)
    assert await run_once(5) == first
    assert await run_once(6) != first


async def test_five_percent_loss_each_way_is_repaired() -> None:
    async with await SimEngine.start(3) as sim:
        _sender, receiver = await call(sim, Link(delay=0.03, loss=0.05), Link(delay=0.03, loss=0.05))
        await sim.run(60)
        _audio, video = receiver.stats().slots
        assert video.raw_loss > 0.03
        assert video.residual_loss < 0.005


async def test_lost_audio_is_sent_again() -> None:
    async with await SimEngine.start(3) as sim:
        _sender, receiver = await call(sim, Link(delay=0.03), Link(delay=0.03, loss=0.05))
        await sim.run(60)
        audio, _video = receiver.stats().slots
        assert audio.raw_loss > 0.03
        assert audio.residual_loss < 0.005


async def test_a_preferred_layer_is_switched_to() -> None:
    async with await SimEngine.start(4) as sim:
        router = await sim.create_router()
        sender = await sim.join(router, send=(simulcast("1x300", "2x700", "4x1100"),))
        receiver = await sim.join(router, receive=(Kind.VIDEO,))
        consumer = await receiver.watch(sender.producers[0])
        layers: list[int | None] = []
        consumer.on("layer", layers.append)
        await sim.run(3)
        assert consumer.spatial == 2
        await consumer.set_preferred_layer(0, 7)
        await sim.run(2)
        assert consumer.spatial == 0
        assert layers[-1] == 0
        assert receiver.stats().slots[0].undecodable == 0


async def test_a_client_that_vanishes_is_silent_and_then_loses_consent() -> None:
    async with await SimEngine.start(5, Limits(silence=2, consent=10)) as sim:
        sender, _receiver = await call(sim)
        heard: list[tuple[PathState, float]] = []
        sender.transport.on("path", lambda state: heard.append((state, sim.now)))
        await sim.run(2)
        sender.vanish()
        await sim.run(15)
        states = dict(heard)
        assert states[PathState.SILENT] == pytest.approx(4, abs=0.7)
        assert states[PathState.CONSENT_LOST] == pytest.approx(12, abs=3)


async def test_the_loudest_speaks() -> None:
    async with await SimEngine.start(6) as sim:
        router = await sim.create_router()
        quiet = await sim.join(router, send=(microphone(),))
        loud = await sim.join(router, send=(microphone(),))
        speakers: list[object] = []
        router.on("speaker", speakers.append)
        quiet.set_audio_level(0, 90)
        loud.set_audio_level(0, 20)
        await sim.run(3)
        assert speakers[-1] is loud.producers[0]
        loud.set_audio_level(0, 127, voice=False)
        quiet.set_audio_level(0, 25)
        await sim.run(5)
        assert speakers[-1] is quiet.producers[0]


async def test_slots_run_out_with_a_clear_error() -> None:
    async with await SimEngine.start(7) as sim:
        sender, receiver = await call(sim)
        with pytest.raises(MediaError, match="no video slot"):
            await receiver.watch(sender.producers[1])


async def test_a_wrong_link_says_what_is_wrong() -> None:
    async with await SimEngine.start(8) as sim:
        router = await sim.create_router()
        with pytest.raises(ValueError, match="probability"):
            await sim.join(router, up=Link(loss=5))


async def test_closing_ends_what_lives_in_it() -> None:
    sim = await SimEngine.start(9)
    sender, _receiver = await call(sim)
    reasons: list[str] = []
    sender.transport.on("close", reasons.append)
    await sim.close()
    await sim.close()
    assert reasons == ["engine_closed"]
    with pytest.raises(MediaError, match="closed"):
        await sim.create_router()
