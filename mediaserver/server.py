"""The running server: sockets, signals, certificates, an orderly end."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
from contextlib import suppress
from dataclasses import dataclass

import structlog
from aiohttp import web

from mediaserver.app import House, application, assemble, identify
from mediaserver.config import Settings, parse_listen
from mediaserver.http.tls import TlsFiles
from mediaserver.identity.files import private_folder
from mediaserver.model.clock import SystemClock
from sfu import DtlsCertificate, Engine

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Listening:
    """Where the server is reached."""

    http: tuple[str, ...]  # base URLs, the first is the one to print
    media: tuple[str, ...]  # HOST:PORT


class Server:
    """`start`, then `wait`, then `stop`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._clock = SystemClock()
        self._runner: web.AppRunner | None = None
        self._tls: TlsFiles | None = None
        self._watch: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self.house: House

    async def start(self, sockets: list[socket.socket] | None = None) -> Listening:
        """Opens everything, media first. `sockets`: HTTP on these instead of `http.listen`."""
        settings = self._settings
        private_folder(settings.data)
        identity = identify(settings, self._clock, create=True)
        certificate = DtlsCertificate.load_or_create(settings.data)
        engine = await Engine.start(settings.media.engine_config(), certificate=certificate)
        try:
            self.house = assemble(settings, engine, identity, self._clock)
            if settings.http.tls is not None:
                self._tls = TlsFiles(settings.http.tls.certificate, settings.http.tls.key)
                self._watch = asyncio.create_task(self._tls.watch())
            # Access logs stay off: a join link's path is a secret.
            self._runner = web.AppRunner(application(self.house), access_log=None, handle_signals=False)
            await self._runner.setup()
            for sock in sockets or listen(settings.http.listen):
                context = self._tls.context if self._tls is not None else None
                await web.SockSite(self._runner, sock, ssl_context=context).start()
        except BaseException:
            await engine.close()
            raise
        return self._listening()

    def _listening(self) -> Listening:
        assert self._runner is not None  # noqa: S101
        scheme = "https" if self._tls is not None else "http"
        urls = [f"{scheme}://{_host(address[0])}:{address[1]}" for address in self._runner.addresses]
        public = self._settings.http.public_url
        if public is not None:
            urls.insert(0, public.rstrip("/"))
        engine = self.house.engine
        media = tuple(f"{_host(host)}:{port}" for host in engine.config.hosts for port in engine.ports)
        return Listening(tuple(urls), media)

    async def wait(self) -> None:
        """Until SIGTERM or SIGINT. SIGHUP reads the TLS certificate again."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        try:
            await self._stopping.wait()
        finally:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                loop.remove_signal_handler(number)

    def _reload(self) -> None:
        if self._tls is not None:
            self._tls.reload()

    async def stop(self) -> None:
        """Says goodbye to everybody (4012: they come again by themselves), then closes all."""
        log.info("server stops")
        if self._watch is not None:
            self._watch.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.shutdown_grace):
                await self.house.rooms.shut_down()
                await self.house.door.idle()
        if self._runner is not None:
            await self._runner.cleanup()
        await self.house.engine.close()


def listen(addresses: list[str]) -> list[socket.socket]:
    """Listening TCP sockets for HOST:PORT each. Raises OSError."""
    sockets: list[socket.socket] = []
    try:
        for text in addresses:
            host, port = parse_listen(text)
            sockets.append(_bind(host, port))
    except OSError:
        for sock in sockets:
            sock.close()
        raise
    return sockets


def listen_localhost(first: int, tries: int = 20) -> list[socket.socket]:
    """127.0.0.1 and, where there is IPv6, ::1 on the first port from `first` that both have free.

    A browser tries either for `localhost`, so half of the pair taken by another program would send it
    there.
    """
    for port in range(first, first + tries):
        try:
            return _localhost(port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def _localhost(port: int) -> list[socket.socket]:
    sockets = [_bind("127.0.0.1", port)]
    try:
        sockets.append(_bind("::1", sockets[0].getsockname()[1]))
    except OSError as error:
        if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
            sockets[0].close()
            raise
    return sockets


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host or host == "" else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(host != ""))
        sock.bind((host or "::", port))
        sock.listen(512)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address
