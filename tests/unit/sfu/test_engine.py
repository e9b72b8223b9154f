"""The engine's life cycle on real threads and sockets: close cascades, panics, leaks."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import pytest
from media_parameters import AUDIO_SLOT, OPUS, VIDEO_SLOT, VP8

from sfu import Engine, EngineConfig, Limits, Producer, Router, Transport
from sfu._native import Command
from sfu.types import DtlsState, Encoding, HeaderExtension, Kind, MediaError, SendParameters, SlotParameters

LOOPBACK = EngineConfig(host="127.0.0.1")


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    async with await Engine.start(LOOPBACK) as engine:
        yield engine


def listen(log: list[str], **handles: object) -> None:
    for name, handle in handles.items():
        handle.on("close", lambda reason, name=name: log.append(f"{name} {reason}"))  # type: ignore[attr-defined]


async def publish(transport: Transport, mid: str = "0") -> Producer:
    return await transport.produce(Kind.AUDIO, SendParameters(mid, (OPUS,), (Encoding(ssrc=int(mid) + 1),)))


async def room(engine: Engine) -> tuple[Router, Transport, Transport]:
    router = await engine.create_router()
    return router, await router.create_transport(), await router.create_transport()


async def test_closing_a_parent_closes_its_children_first(engine: Engine) -> None:
    log: list[str] = []
    router, sender, receiver = await room(engine)
    producer = await publish(sender)
    consumer = await receiver.consume(producer, AUDIO_SLOT)
    listen(log, router=router, sender=sender, receiver=receiver, producer=producer, consumer=consumer)
    await router.close()
    assert log == [
        "consumer producer_closed",
        "producer transport_closed",
        "sender router_closed",
        "receiver router_closed",
        "router closed",
    ]
    assert engine.routers == router.transports == sender.producers == receiver.consumers == ()
    assert sender.dtls is DtlsState.CLOSED


async def test_a_consumer_ends_with_its_producer_wherever_it_is(engine: Engine) -> None:
    log: list[str] = []
    _router, sender, receiver = await room(engine)
    first, second = await publish(sender, "0"), await publish(sender, "1")
    one = await receiver.consume(first, AUDIO_SLOT)
    listen(log, one=one)
    await first.close()
    assert log == ["one producer_closed"]
    # Its slot is free for the next.
    two = await receiver.consume(second, AUDIO_SLOT)
    listen(log, two=two, second=second, sender=sender)
    await sender.close()
    assert log[1:] == ["two producer_closed", "second transport_closed", "sender closed"]


async def test_closing_is_idempotent_and_a_closed_handle_refuses(engine: Engine) -> None:
    log: list[str] = []
    router, sender, receiver = await room(engine)
    producer = await publish(sender)
    consumer = await receiver.consume(producer, AUDIO_SLOT)
    listen(log, router=router)
    for handle in (consumer, producer, sender, router):
        await asyncio.gather(handle.close(), handle.close())
        await handle.close()
    assert log == ["router closed"]
    for refused in (
        router.create_transport(),
        sender.restart_ice(),
        sender.connect(engine.fingerprints),
        sender.produce(Kind.AUDIO, producer.parameters),
        receiver.consume(producer, AUDIO_SLOT),
        producer.pause(),
        consumer.resume(),
        consumer.set_preferred_layer(0, 0),
    ):
        with pytest.raises(MediaError, match="closed"):
            await refused


async def test_closing_the_engine_closes_everything_and_leaves_no_future(engine: Engine) -> None:
    log: list[str] = []
    router, sender, _receiver = await room(engine)
    listen(log, router=router, sender=sender)
    waiting = [asyncio.ensure_future(publish(sender, str(index))) for index in range(8)]
    await asyncio.sleep(0)
    await engine.close()
    done = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 5)
    assert all(isinstance(result, MediaError) for result in done), done
    assert log == ["sender engine_closed", "router engine_closed"]
    assert engine.closed
    await engine.close()
    with pytest.raises(MediaError, match="closed"):
        await engine.create_router()
    with pytest.raises(MediaError, match="closed"):
        await engine.stats()


async def test_a_cancelled_creation_leaves_nothing_behind(engine: Engine) -> None:
    router = await engine.create_router()
    task = asyncio.ensure_future(router.create_transport())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert router.transports == ()
    assert (await engine.stats()).transports == {}


async def test_values_out_of_range_are_media_errors(engine: Engine) -> None:
    _router, sender, receiver = await room(engine)
    with pytest.raises(MediaError, match="Extension"):
        await sender.set_extensions([HeaderExtension("urn:unknown", 1)], mixed=True)
    with pytest.raises(MediaError, match="range"):
        await sender.set_extensions([HeaderExtension("urn:ietf:params:rtp-hdrext:sdes:mid", 300)], mixed=True)
    with pytest.raises(MediaError, match="none of the codecs"):
        await sender.produce(Kind.AUDIO, SendParameters("0", ()))
    audio = await publish(sender)
    with pytest.raises(MediaError, match="one kind"):
        await receiver.consume(audio, VIDEO_SLOT)
    assert sender.producers == (audio,)
    other = await engine.create_router()
    stranger = await other.create_transport()
    with pytest.raises(MediaError, match="another router"):
        await stranger.consume(audio, AUDIO_SLOT)


async def test_no_common_codec_is_refused_and_leaves_the_slot_free(engine: Engine) -> None:
    _router, sender, receiver = await room(engine)
    video = await sender.produce(Kind.VIDEO, SendParameters("0", (VP8,), (Encoding(ssrc=9),)))
    with pytest.raises(MediaError, match="none of the codecs that are sent"):
        await receiver.consume(video, SlotParameters("1", Kind.VIDEO, 5, None, "c", ()))
    assert receiver.consumers == ()
    assert video.consumers == {}


async def test_a_listener_that_raises_disturbs_nobody(engine: Engine) -> None:
    failures: list[str] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _loop, context: failures.append(context["message"])
    )
    log: list[str] = []
    router, sender, _receiver = await room(engine)

    def broken(_reason: str) -> None:
        raise RuntimeError("listener's own fault")

    sender.on("close", broken)
    listen(log, sender=sender, router=router)
    await router.close()
    assert log == ["sender router_closed", "router closed"]
    assert failures == ["a listener of a Transport failed"]


async def test_a_panic_ends_its_workers_rooms_and_nothing_else() -> None:
    log: list[str] = []
    async with await Engine.start(EngineConfig(host="127.0.0.1", workers=2)) as engine:
        first, second = await engine.create_router(), await engine.create_router()
        assert (first.worker, second.worker) == (0, 1), "the least loaded one is taken"
        doomed, alive = await first.create_transport(), await second.create_transport()
        listen(log, first=first, second=second, doomed=doomed, alive=alive)
        engine.on("worker_lost", lambda worker, reason: log.append(f"worker {worker}: {reason}"))
        with pytest.raises(MediaError, match="worker lost"):
            await engine._control.call(0, Command.panic())
        assert log[:2] == ["doomed worker_lost", "first worker_lost"]
        assert log[2].startswith("worker 0: ")
        assert not second.closed
        await publish(alive)
        # The fresh worker takes new rooms.
        again = await engine.create_router(worker=0)
        await publish(await again.create_transport())
        assert (await engine.stats()).workers[0].io["panics"] == 1


async def test_fifty_engines_leave_no_descriptor_and_no_thread() -> None:
    def count() -> tuple[int, int]:
        return len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))  # noqa: PTH208

    async with await Engine.start(LOOPBACK) as engine:  # what the first one loads stays
        await room(engine)
    before = count()
    for _ in range(50):
        async with await Engine.start(EngineConfig(host=("127.0.0.1", "::1"), workers=2)) as engine:
            await room(engine)
    descriptors, threads = count()
    assert descriptors == before[0]
    assert threads <= before[1]


async def test_both_families_share_a_port_and_are_announced() -> None:
    async with await Engine.start(EngineConfig(host=("127.0.0.1", "::1"))) as engine:
        (sockets,) = engine.sockets
        assert [info.address for info in sockets] == ["127.0.0.1", "::1"]
        assert {info.port for info in sockets} == set(engine.ports)
        assert all(info.receive_buffer >= 4096 for info in sockets)
        router = await engine.create_router()
        candidates = (await router.create_transport()).candidates
        assert [(one.address, one.port) for one in candidates] == [
            ("127.0.0.1", engine.ports[0]),
            ("::1", engine.ports[0]),
        ]


async def test_announced_addresses_replace_our_own() -> None:
    config = EngineConfig(host="127.0.0.1", announced=("203.0.113.7",))
    async with await Engine.start(config) as engine:
        assert [one.address for one in engine.candidates(0)] == ["203.0.113.7"]


async def test_a_taken_port_says_so() -> None:
    async with await Engine.start(LOOPBACK) as engine:
        with pytest.raises(OSError, match="in use"):
            await Engine.start(EngineConfig(host="127.0.0.1", port=engine.ports[0]))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (EngineConfig(host=()), "at least one address"),
        (EngineConfig(workers=0), "workers"),
        (EngineConfig(port=65535, workers=2), "port"),
        (EngineConfig(host="localhost"), "localhost"),
        (EngineConfig(host="127.0.0.1", announced=("0.0.0.0",)), "announced"),
    ],
)
async def test_a_wrong_configuration_says_what_is_wrong(config: EngineConfig, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        await Engine.start(config)


async def test_limits_reach_the_core() -> None:
    config = EngineConfig(host="127.0.0.1", limits=Limits(transports=2, consent=10.5))
    async with await Engine.start(config) as engine:
        router, *_ = await room(engine)
        with pytest.raises(MediaError, match="limit"):
            await router.create_transport()
        assert len(router.transports) == 2


async def test_ice_credentials_are_long_and_new_each_time(engine: Engine) -> None:
    _router, one, other = await room(engine)
    first = one.ice
    assert first != other.ice
    assert len(first.ufrag) >= 4
    assert len(first.pwd) >= 22
    assert await one.restart_ice() == one.ice != first


async def test_statistics_know_every_handle(engine: Engine) -> None:
    _router, sender, receiver = await room(engine)
    producer = await publish(sender)
    consumer = await receiver.consume(producer, AUDIO_SLOT)
    stats = await engine.stats()
    assert set(stats.transports) == {sender.id, receiver.id}
    assert stats.producers[producer.id].producer == producer.id
    assert stats.consumers[consumer.id].producer == producer.id
    assert stats.workers[0].io["turns"] > 0
