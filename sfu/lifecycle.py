"""How every handle begins and ends.

A handle is made by its parent, ends by `close` or with its parent, and then says "close" with a reason,
once:

    closed            somebody called `close`
    router_closed     a transport, with its router
    transport_closed  a producer or consumer, with its transport
    producer_closed   a consumer, with its producer
    dtls_failed       a transport: wrong fingerprint, no common profile, handshake broken or too slow
    dtls_closed       a transport: the client said close_notify
    worker_lost       anything on a worker that panicked
    engine_closed     anything, with the engine

Children end before their parents. Methods raise MediaError when the core refuses or the handle is closed.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from sfu._native import Command
from sfu.control import Control
from sfu.emitter import Emitter
from sfu.types import MediaError


class Handle(Emitter):
    """What all handles share: a number, a worker, one end."""

    def __init__(self, control: Control, worker: int) -> None:
        super().__init__()
        self.id = control.next_id()
        self.worker = worker
        self.closed = False
        self._control = control

    def end(self, reason: str) -> None:
        """Engine's own: the handle is over, whatever the core makes of it. Only the first time counts."""
        if self.closed:
            return
        self.closed = True
        self._end_children(reason)
        self._leave()
        self.emit("close", reason)

    def _check_open(self) -> None:
        if self.closed:
            raise MediaError(f"the {type(self).__name__.lower()} is closed")

    async def _call(self, make: Callable[[], Command], undo: Command | None = None) -> None:
        """Gives the command that `make` makes, and waits for its answer."""
        self._check_open()
        try:
            command = make()
        except (ValueError, OverflowError, TypeError) as error:
            raise MediaError(f"a value is out of its range: {error}") from None
        await self._control.call(self.worker, command, undo)

    async def _begin(self, make: Callable[[], Command], undo: Command) -> None:
        """Makes the core's side of this handle, which is in the tables already: what the core reports in
        the same breath as its answer must find it."""
        try:
            await self._call(make, undo)
        except BaseException:
            self.end("closed")
            raise
        self._check_open()  # the parent may have closed meanwhile

    async def _close(self, command: Command) -> None:
        if self.closed:
            return
        self.end("closed")
        # Refused: it ended on the worker's side meanwhile.
        with suppress(MediaError):
            await self._control.call(self.worker, command)

    def _end_children(self, reason: str) -> None:
        """Ends what this handle made."""

    def _leave(self) -> None:
        """Leaves the engine's tables and the parent's."""


def passed_on(reason: str, own: str) -> str:
    """The reason that children hear: the engine's and the worker's as it is, else that the parent closed."""
    return reason if reason in ("engine_closed", "worker_lost") else own
