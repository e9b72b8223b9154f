"""Events of handles."""

from __future__ import annotations

import asyncio

from pyee.asyncio import AsyncIOEventEmitter


class Emitter(AsyncIOEventEmitter):
    """An event emitter whose listeners, plain or async, cannot break the engine.

    What a listener raises goes to the loop's exception handler, with no word of the event's content.
    """

    def __init__(self) -> None:
        super().__init__()
        self.add_listener("error", self._listener_failed)

    def _listener_failed(self, error: Exception) -> None:
        message = f"a listener of a {type(self).__name__} failed"
        asyncio.get_running_loop().call_exception_handler({"message": message, "exception": error})
