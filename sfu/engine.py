"""The engine: worker threads with their sockets, and the handles of what lives on them."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass

from sfu._native import Command, NativeEngine, interfaces
from sfu.candidates import announced_addresses, host_candidates
from sfu.certificate import DtlsCertificate
from sfu.config import EngineConfig
from sfu.control import Control, Native
from sfu.dtls import DtlsContext
from sfu.emitter import Emitter
from sfu.handles import Router
from sfu.stats import EngineStats
from sfu.types import DtlsFingerprint, IceCandidate, MediaError


@dataclass(frozen=True, slots=True)
class SocketInfo:
    """What a socket got of what was asked for; buffers in bytes, as the kernel counts them."""

    address: str
    port: int
    receive_buffer: int
    send_buffer: int
    gro: bool
    gso: bool


class Rooms(Emitter):
    """What real and simulated engines share: rooms on workers, and their counters.

    Events: "worker_lost" (worker, reason): a worker panicked. Its routers have closed with "worker_lost", and
    a fresh one goes on in its place.
    """

    def __init__(self, native: Native, workers: int, certificate: DtlsCertificate, dtls: DtlsContext) -> None:
        super().__init__()
        self.fingerprints: tuple[DtlsFingerprint, ...] = (certificate.fingerprint,)
        self.closed = False
        self._control = Control(native, self._worker_panicked)
        self._dtls = dtls
        self._workers = range(workers)

    @property
    def routers(self) -> tuple[Router, ...]:
        """Those not closed, oldest first."""
        return tuple(self._control.routers.values())

    def candidates(self, worker: int) -> tuple[IceCandidate, ...]:
        """The ICE candidates of a worker's transports."""
        raise NotImplementedError

    async def create_router(self, *, worker: int | None = None) -> Router:
        """A room, on the worker that has the fewest clients, or on a given one."""
        if worker is None:
            worker = self._least_loaded()
        elif worker not in self._workers:
            raise MediaError(f"there is no worker {worker}")
        router = Router(self._control, worker, self.candidates(worker), self._dtls)
        await router.begin()
        return router

    async def stats(self) -> EngineStats:
        """All counters. Costs the workers one command, the packet path nothing."""
        read = [self._control.read_stats(worker) for worker in self._workers]
        return EngineStats(tuple(await asyncio.gather(*read)))

    def _end_rooms(self) -> None:
        for router in self.routers:
            router.end("engine_closed")
            self._control.send(router.worker, Command.close_router(router.id))

    def _least_loaded(self) -> int:
        clients = dict.fromkeys(self._workers, 0)
        rooms = dict.fromkeys(self._workers, 0)
        for router in self.routers:
            clients[router.worker] += len(router.transports)
            rooms[router.worker] += 1
        return min(self._workers, key=lambda worker: (clients[worker], rooms[worker]))

    def _worker_panicked(self, worker: int, reason: str, routers: list[int]) -> None:
        for number in routers:
            if (router := self._control.routers.get(number)) is not None:
                router.end("worker_lost")
        self.emit("worker_lost", worker, reason)


class Engine(Rooms):
    """The media core. Make it with `Engine.start`, end it with `close`; also an async context manager.

    Events: "worker_lost" (worker, reason): see `Rooms`.
    """

    def __init__(self, native: NativeEngine, config: EngineConfig, certificate: DtlsCertificate) -> None:
        dtls = DtlsContext(certificate, config.srtp_profiles)
        super().__init__(native, config.workers, certificate, dtls)
        self.config = config
        self._native = native
        self.sockets = tuple(_socket_infos(native, worker) for worker in range(config.workers))
        """The sockets of each worker."""
        self.addresses = config.announced or announced_addresses(
            [info.address for info in self.sockets[0]], interfaces(), loopback=config.announce_loopback
        )
        """IP addresses announced in candidates."""
        self._event_loop = asyncio.get_running_loop()
        self._fd = native.fd
        self._event_loop.add_reader(self._fd, self._readable)

    @classmethod
    async def start(
        cls, config: EngineConfig | None = None, *, certificate: DtlsCertificate | None = None
    ) -> Engine:
        """Binds the sockets and starts the workers.

        Without `certificate` a new one is made. Raises OSError when an address or port can't be had,
        ValueError when the configuration makes no sense.
        """
        config = config or EngineConfig()
        config.check()
        certificate = certificate or DtlsCertificate.create()
        native = NativeEngine(
            list(config.hosts),
            config.port,
            config.workers,
            secrets.randbits(64),
            config.limits.overrides(),
            receive_buffer=config.receive_buffer,
            send_buffer=config.send_buffer,
            offload=config.offload,
        )
        engine = cls(native, config, certificate)
        try:
            for worker in range(config.workers):
                own = Command.set_local_addresses(engine._own_addresses(worker))
                await engine._control.call(worker, own)
        except BaseException:
            await engine.close()
            raise
        return engine

    async def __aenter__(self) -> Engine:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def ports(self) -> tuple[int, ...]:
        """UDP port of each worker."""
        return tuple(infos[0].port for infos in self.sockets)

    def candidates(self, worker: int) -> tuple[IceCandidate, ...]:
        """The ICE candidates of a worker's transports."""
        return host_candidates(self.addresses, self.ports[worker])

    async def close(self) -> None:
        """Ends every room, lets the workers say goodbye to the clients, and stops them. Idempotent."""
        if self.closed:
            return
        self.closed = True
        self._end_rooms()
        self._event_loop.remove_reader(self._fd)
        # Joining the threads takes about a turn, without the interpreter's lock.
        reports = await asyncio.to_thread(self._native.close)
        self._control.dispatch(reports)
        self._control.close()

    def _readable(self) -> None:
        self._control.dispatch(self._native.drain())

    def _own_addresses(self, worker: int) -> list[str]:
        port = self.ports[worker]
        return [
            f"[{address}]:{port}" if ":" in address else f"{address}:{port}" for address in self.addresses
        ]


def _socket_infos(native: NativeEngine, worker: int) -> tuple[SocketInfo, ...]:
    return tuple(SocketInfo(*row) for row in native.sockets(worker))
