"""Commands down, reports up: what lies between the handles and the native module."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from sfu._native import Command
from sfu.stats import WorkerStats, worker_stats
from sfu.types import MediaError, PathState

if TYPE_CHECKING:
    from sfu._native import Report
    from sfu.handles import Router, Transport
    from sfu.tracks import Consumer, Producer


class Native(Protocol):
    """What takes commands: `NativeEngine`, or the simulation's."""

    def submit(self, worker: int, request: int, command: Command) -> None: ...


class Control:
    """Numbers commands and keeps their futures; hands each report to the handle it is about.

    Handles enter themselves in the tables and leave them when they close, so a report about a closed one
    finds nobody.
    """

    def __init__(
        self,
        native: Native,
        on_worker_panicked: Callable[[int, str, list[int]], None],
        token: Callable[[int], str] = secrets.token_hex,
    ) -> None:
        self.routers: dict[int, Router] = {}
        self.transports: dict[int, Transport] = {}
        self.producers: dict[int, Producer] = {}
        self.consumers: dict[int, Consumer] = {}
        self.token = token
        """Gives random hexadecimal text of so many bytes; a simulation's comes from its seed."""
        self._native = native
        self._ids = itertools.count(1)
        self._pending: dict[int, asyncio.Future[None]] = {}
        self._stats: dict[int, WorkerStats] = {}
        self._closed = False
        self._handlers: Mapping[str, Callable[..., None]] = {
            "done": self._done,
            "stats": self._stats_read,
            "dtls": self._dtls,
            "path": self._path,
            "producer_stream": self._producer_stream,
            "producer_layer": self._producer_layer,
            "consumer_layer": self._consumer_layer,
            "speaker": self._speaker,
            "bye": self._bye,
            "rekey_needed": self._rekey_needed,
            "worker_panicked": on_worker_panicked,
        }

    def next_id(self) -> int:
        """A number for a new handle, unique in the engine."""
        return next(self._ids)

    def request(self, worker: int, command: Command) -> asyncio.Future[None]:
        """Gives a command; the future ends when it has been done, with MediaError when it was refused."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        request = next(self._ids)
        if self._closed:
            future.set_exception(MediaError("the engine is closed"))
            return future
        self._pending[request] = future
        self._native.submit(worker, request, command)
        return future

    async def call(self, worker: int, command: Command, undo: Command | None = None) -> None:
        """Gives a command and waits. Raises MediaError when it was refused.

        A caller that is cancelled meanwhile leaves nothing behind: `undo` is given then.
        """
        try:
            await self.request(worker, command)
        except asyncio.CancelledError:
            if undo is not None:
                self.send(worker, undo)
            raise

    def send(self, worker: int, command: Command) -> None:
        """Gives a command nobody waits for."""
        if not self._closed:
            self._native.submit(worker, next(self._ids), command)

    async def read_stats(self, worker: int) -> WorkerStats:
        """Counters of a worker. Raises MediaError when it is lost or the engine closed."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        request = next(self._ids)
        if self._closed:
            raise MediaError("the engine is closed")
        self._pending[request] = future
        self._native.submit(worker, request, Command.read_stats())
        try:
            await future
            return self._stats[request]
        finally:
            self._stats.pop(request, None)

    def dispatch(self, reports: Iterable[Report]) -> None:
        """Handles what the workers reported, in order. One that fails doesn't take the rest with it."""
        for name, *values in reports:
            try:
                self._handlers[name](*values)
            except Exception as error:
                message = f"handling the media core's report {name!r} failed"
                asyncio.get_running_loop().call_exception_handler({"message": message, "exception": error})

    def close(self) -> None:
        """No more commands; those not answered end with MediaError."""
        self._closed = True
        for future in self._pending.values():
            if not future.done():
                future.set_exception(MediaError("the engine is closed"))
                future.exception()  # a caller that has gone away leaves no "never retrieved" behind
        self._pending.clear()

    def _done(self, _worker: int, request: int, error: str | None) -> None:
        future = self._pending.pop(request, None)
        if future is None or future.done():
            self._stats.pop(request, None)
        elif error is None:
            future.set_result(None)
        else:
            future.set_exception(MediaError(error))

    def _stats_read(self, worker: int, request: int, rows: tuple[Any, ...], io: Mapping[str, int]) -> None:
        self._stats[request] = worker_stats(worker, rows, io)

    def _dtls(self, _worker: int, transport: int, datagram: bytes) -> None:
        if (found := self.transports.get(transport)) is not None:
            found.handle_dtls(datagram)

    def _path(self, _worker: int, transport: int, state: str, tuple_: tuple[str, str] | None) -> None:
        if (found := self.transports.get(transport)) is not None:
            found.handle_path(PathState(state), tuple_)

    def _rekey_needed(self, _worker: int, transport: int) -> None:
        if (found := self.transports.get(transport)) is not None:
            found.emit("rekey_needed")

    def _producer_stream(self, _worker: int, producer: int, spatial: int, mime_type: str) -> None:
        if (found := self.producers.get(producer)) is not None:
            found.handle_stream(spatial, mime_type)

    def _producer_layer(self, _worker: int, producer: int, spatial: int, active: bool) -> None:
        if (found := self.producers.get(producer)) is not None:
            found.handle_layer(spatial, active)

    def _bye(self, _worker: int, producer: int) -> None:
        if (found := self.producers.get(producer)) is not None:
            found.emit("bye")

    def _consumer_layer(
        self, _worker: int, consumer: int, spatial: int | None, mime_type: str | None
    ) -> None:
        if (found := self.consumers.get(consumer)) is not None:
            found.handle_layer(spatial, mime_type)

    def _speaker(self, _worker: int, router: int, producer: int | None) -> None:
        if (found := self.routers.get(router)) is not None:
            speaker = None if producer is None else self.producers.get(producer)
            if producer is None or speaker is not None:
                found.emit("speaker", speaker)
