"""The engine: worker threads with their sockets, and the handles of what lives on them."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass

from sfu._native import Command, NativeEngine, interfaces
from sfu.candidates import announced_addresses, host_candidates
from sfu.certificate import DtlsCertificate
from sfu.config import EngineConfig
from sfu.control import Control
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


class Engine(Emitter):
    """The media core. Make it with `Engine.start`, end it with `close`; also an async context manager.

    Events: "worker_lost" (worker, reason): a worker panicked. Its routers have closed with "worker_lost", and
    a fresh one goes on in its place.
    """

    def __init__(self, native: NativeEngine, config: EngineConfig, certificate: DtlsCertificate) -> None:
        super().__init__()
        self.config = config
        self.fingerprints: tuple[DtlsFingerprint, ...] = (certificate.fingerprint,)
        self.closed = False
        self._native = native
        self._control = Control(native, self._worker_panicked)
        self._dtls = DtlsContext(certificate, config.srtp_profiles)
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

    @property
    def routers(self) -> tuple[Router, ...]:
        """Those not closed, oldest first."""
        return tuple(self._control.routers.values())

    def candidates(self, worker: int) -> tuple[IceCandidate, ...]:
        """The ICE candidates of a worker's transports."""
        return host_candidates(self.addresses, self.ports[worker])

    async def create_router(self, *, worker: int | None = None) -> Router:
        """A room, on the worker that has the fewest clients, or on a given one."""
        if worker is None:
            worker = self._least_loaded()
        elif not 0 <= worker < self.config.workers:
            raise MediaError(f"there is no worker {worker}")
        router = Router(self._control, worker, self.candidates(worker), self._dtls)
        await router.begin()
        return router

    async def stats(self) -> EngineStats:
        """All counters. Costs the workers one command, the packet path nothing."""
        workers = range(self.config.workers)
        read = [self._control.read_stats(worker) for worker in workers]
        return EngineStats(tuple(await asyncio.gather(*read)))

    async def close(self) -> None:
        """Ends every room, lets the workers say goodbye to the clients, and stops them. Idempotent."""
        if self.closed:
            return
        self.closed = True
        for router in self.routers:
            router.end("engine_closed")
            self._control.send(router.worker, Command.close_router(router.id))
        self._event_loop.remove_reader(self._fd)
        # Joining the threads takes about a turn, without the interpreter's lock.
        reports = await asyncio.to_thread(self._native.close)
        self._control.dispatch(reports)
        self._control.close()

    def _readable(self) -> None:
        self._control.dispatch(self._native.drain())

    def _least_loaded(self) -> int:
        clients = [0] * self.config.workers
        rooms = [0] * self.config.workers
        for router in self.routers:
            clients[router.worker] += len(router.transports)
            rooms[router.worker] += 1
        return min(range(self.config.workers), key=lambda worker: (clients[worker], rooms[worker]))

    def _worker_panicked(self, worker: int, reason: str, routers: list[int]) -> None:
        for number in routers:
            if (router := self._control.routers.get(number)) is not None:
                router.end("worker_lost")
        self.emit("worker_lost", worker, reason)

    def _own_addresses(self, worker: int) -> list[str]:
        port = self.ports[worker]
        return [
            f"[{address}]:{port}" if ":" in address else f"{address}:{port}" for address in self.addresses
        ]


def _socket_infos(native: NativeEngine, worker: int) -> tuple[SocketInfo, ...]:
    return tuple(SocketInfo(*row) for row in native.sockets(worker))
