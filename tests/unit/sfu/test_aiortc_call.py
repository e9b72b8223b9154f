"""The acceptance of the core: aiortc publishes through an Engine and aiortc receives, decoded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiortc_peer import BLUE, RED, Client, Colour, Tone, picture, stay_on_loopback, tone
from pyee.asyncio import AsyncIOEventEmitter

from sfu import DtlsCertificate, Engine, EngineConfig
from sfu._native import Command
from sfu.dtls import SRTP_PROFILES
from sfu.types import DtlsState, Kind, PathState, SrtpProfile

Closing = Callable[[Client], Client]


@pytest.fixture(autouse=True)
def _loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    stay_on_loopback(monkeypatch, "127.0.0.1")


@pytest.fixture
async def closing() -> AsyncIterator[Closing]:
    clients: list[Client] = []

    def remember(client: Client) -> Client:
        clients.append(client)
        return client

    yield remember
    await asyncio.gather(*(client.close() for client in clients))


async def until(handle: AsyncIOEventEmitter, event: str, wanted: object, now: Callable[[], object]) -> None:
    """Waits until `now` gives `wanted`, looked at after each event."""
    reached = asyncio.Event()

    def look(*_: object) -> None:
        if now() == wanted:
            reached.set()

    handle.on(event, look)
    look()
    async with asyncio.timeout(15):
        await reached.wait()


async def watch(receiver: Client, publisher: Client, colour: tuple[int, int, int] = RED) -> None:
    """Picture and sound come through, decoded."""
    for producer in publisher.producers.values():
        await receiver.consume(producer)
    await asyncio.gather(picture(receiver.received[Kind.VIDEO], colour), tone(receiver.received[Kind.AUDIO]))


async def connected(client: Client) -> None:
    """Waits until the client too knows that it is."""
    pc = client.pc
    await until(pc, "connectionstatechange", "connected", lambda: pc.connectionState)


@pytest.mark.parametrize("profile", SRTP_PROFILES)
async def test_audio_and_video_come_through(profile: SrtpProfile, closing: Closing) -> None:
    config = EngineConfig(host="127.0.0.1", srtp_profiles=(profile,))
    async with await Engine.start(config) as engine:
        router = await engine.create_router()
        publisher = closing(await Client.publishing(engine, router, Tone(), Colour()))
        receiver = closing(await Client.receiving(engine, router, Kind.AUDIO, Kind.VIDEO))
        await watch(receiver, publisher)
        for client in (publisher, receiver):
            assert client.transport.path is PathState.CONNECTED
            assert client.transport.dtls is DtlsState.CONNECTED
            assert client.transport.srtp_profile is profile
        stats = await engine.stats()
        video = stats.producers[publisher.producers[Kind.VIDEO].id]
        assert video.streams[0].packets >= 5
        assert video.streams[0].lost == 0
        assert all(consumer.packets >= 5 for consumer in stats.consumers.values())
        assert stats.drops.get("srtp_auth", 0) == 0


@pytest.mark.parametrize("hosts", [("::1",), ("0.0.0.0", "::"), ("::",)])
async def test_over_ipv6(hosts: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, closing: Closing) -> None:
    stay_on_loopback(monkeypatch, "::1")
    config = EngineConfig(host=hosts, announced=("::1",))
    async with await Engine.start(config) as engine:
        router = await engine.create_router()
        publisher = closing(await Client.publishing(engine, router, Tone(), Colour()))
        receiver = closing(await Client.receiving(engine, router, Kind.AUDIO, Kind.VIDEO))
        await watch(receiver, publisher)
        assert receiver.transport.tuple is not None
        assert receiver.transport.tuple[0] == f"[::1]:{engine.ports[0]}"


async def test_ipv4_reaches_a_dual_stack_socket_as_ipv4(closing: Closing) -> None:
    async with await Engine.start(EngineConfig(host="::", announced=("127.0.0.1",))) as engine:
        router = await engine.create_router()
        publisher = closing(await Client.publishing(engine, router, Tone(), Colour()))
        receiver = closing(await Client.receiving(engine, router, Kind.AUDIO, Kind.VIDEO))
        await watch(receiver, publisher)
        assert publisher.transport.tuple is not None
        assert publisher.transport.tuple[0] == f"127.0.0.1:{engine.ports[0]}"


async def test_a_wrong_fingerprint_is_refused_and_closes_the_transport(closing: Closing) -> None:
    async with await Engine.start(EngineConfig(host="127.0.0.1")) as engine:
        router = await engine.create_router()
        wrong = [DtlsCertificate.create().fingerprint]
        publisher = closing(await Client.publishing(engine, router, Tone(), Colour(), fingerprints=wrong))
        transport = publisher.transport
        reasons: list[str] = []
        transport.on("close", reasons.append)
        await until(transport, "close", True, lambda: transport.closed)
        assert reasons == ["dtls_failed"]
        assert (transport.dtls, transport.dtls_reason) == (DtlsState.FAILED, "wrong_fingerprint")
        assert router.transports == ()
        assert all(producer.closed for producer in publisher.producers.values())
        stats = await engine.stats()
        assert stats.transports == {}


async def test_a_client_that_leaves_closes_its_transport(closing: Closing) -> None:
    async with await Engine.start(EngineConfig(host="127.0.0.1")) as engine:
        router = await engine.create_router()
        publisher = closing(await Client.publishing(engine, router, Tone(), Colour()))
        transport = publisher.transport
        await connected(publisher)
        reasons: list[str] = []
        transport.on("close", reasons.append)
        await publisher.close()
        await until(transport, "close", True, lambda: transport.closed)
        assert reasons == ["dtls_closed"]


async def test_the_server_says_goodbye(closing: Closing) -> None:
    async with await Engine.start(EngineConfig(host="127.0.0.1")) as engine:
        router = await engine.create_router()
        publisher = closing(await Client.publishing(engine, router, Tone(), Colour()))
        transport = publisher.transport
        await connected(publisher)
        await transport.close()
        await until(publisher.pc, "connectionstatechange", "closed", lambda: publisher.pc.connectionState)


async def test_a_slot_changes_hands_without_negotiation(closing: Closing) -> None:
    async with await Engine.start(EngineConfig(host="127.0.0.1")) as engine:
        router = await engine.create_router()
        first = closing(await Client.publishing(engine, router, Tone(), Colour(RED)))
        second = closing(await Client.publishing(engine, router, Tone(), Colour(BLUE)))
        receiver = closing(await Client.receiving(engine, router, Kind.AUDIO, Kind.VIDEO))
        consumer = await receiver.consume(first.producers[Kind.VIDEO])
        screen = receiver.received[Kind.VIDEO]
        await picture(screen, RED)
        await consumer.close()
        await receiver.consume(second.producers[Kind.VIDEO])
        await picture(screen, BLUE)


async def test_a_muted_track_is_silent_and_comes_back(closing: Closing) -> None:
    async with await Engine.start(EngineConfig(host="127.0.0.1")) as engine:
        router = await engine.create_router()
        publisher = closing(await Client.publishing(engine, router, Tone(), Colour()))
        receiver = closing(await Client.receiving(engine, router, Kind.AUDIO, Kind.VIDEO))
        await watch(receiver, publisher)
        producer = publisher.producers[Kind.VIDEO]
        (consumer,) = producer.consumers.values()

        async def sent() -> int:
            return (await engine.stats()).consumers[consumer.id].packets

        await producer.pause()
        before = await sent()
        await asyncio.sleep(0.3)
        assert await sent() == before
        await producer.resume()
        await picture(receiver.received[Kind.VIDEO], RED)
        await wait_for(sent, before)


async def wait_for(count: Callable[[], Awaitable[int]], more_than: int) -> None:
    async with asyncio.timeout(5):
        while await count() <= more_than:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_a_panic_leaves_the_other_workers_call_alone(closing: Closing) -> None:
    async with await Engine.start(EngineConfig(host="127.0.0.1", workers=2)) as engine:
        doomed, alive = await engine.create_router(worker=0), await engine.create_router(worker=1)
        lost = closing(await Client.publishing(engine, doomed, Tone(), Colour()))
        publisher = closing(await Client.publishing(engine, alive, Tone(), Colour()))
        receiver = closing(await Client.receiving(engine, alive, Kind.AUDIO, Kind.VIDEO))
        await watch(receiver, publisher)
        engine._control.send(0, Command.panic())
        await until(lost.transport, "close", True, lambda: lost.transport.closed)
        assert doomed.closed
        assert not alive.closed
        screen = receiver.received[Kind.VIDEO]
        for _ in range(30):
            async with asyncio.timeout(1):
                await screen.recv()
        # And worker 0 takes calls again, on its port.
        router = await engine.create_router(worker=0)
        again = closing(await Client.publishing(engine, router, Tone(), Colour()))
        await until(again.transport, "dtls", DtlsState.CONNECTED, lambda: again.transport.dtls)


async def test_the_speaker_is_told(closing: Closing) -> None:
    async with await Engine.start(EngineConfig(host="127.0.0.1")) as engine:
        router = await engine.create_router()
        heard: list[object] = []
        router.on("speaker", heard.append)
        publisher = closing(await Client.publishing(engine, router, Tone(), Colour()))
        producer = publisher.producers[Kind.AUDIO]
        await until(router, "speaker", True, lambda: producer in heard)
