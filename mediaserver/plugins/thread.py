"""The thread and event loop a plugin runs on, so that one that blocks or computes blocks only itself.

Python can't end a thread: one that never comes back stays degraded until it does, and ends with the
process (it is a daemon). Calls come from the house's loop, with a deadline that holds there whatever the
plugin's loop does.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


class PluginThread:
    """`start`, then `run`, then `stop`."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._ends = False
        self._thread = threading.Thread(target=self._serve, name=f"plugin-{name}", daemon=True)

    def start(self) -> None:
        """Begins to serve."""
        self._thread.start()

    async def run(self, work: Callable[[], Awaitable[T]], deadline: float) -> T:
        """Awaits `work()` on the plugin's loop, for at most `deadline` seconds. Raises TimeoutError, and
        whatever the work raises; the work is cancelled when time is up or the caller is cancelled.
        """
        future: Future[T] = asyncio.run_coroutine_threadsafe(_call(work), self._loop)
        try:
            async with asyncio.timeout(deadline):
                return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            # Cancelled by itself (a plugin's CancelledError) or with the caller?
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise RuntimeError("the plugin cancelled its own hook") from None
        finally:
            future.cancel()

    async def stop(self, deadline: float = 1.0) -> bool:
        """Ends the loop; gives whether it did in time."""
        self._ends = True
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
        await asyncio.to_thread(self._thread.join, deadline)
        return not self._thread.is_alive()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.set_exception_handler(_keep_quiet)
        while not self._ends:
            # SystemExit and KeyboardInterrupt from a task of the plugin's come out here.
            with suppress(BaseException):
                self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        with suppress(BaseException):
            self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()


async def _call(work: Callable[[], Awaitable[T]]) -> T:
    try:
        return await work()
    except (SystemExit, KeyboardInterrupt, GeneratorExit) as error:
        raise RuntimeError(f"the plugin raised {type(error).__name__}") from None


def _keep_quiet(_loop: asyncio.AbstractEventLoop, _context: dict[str, Any]) -> None:
    """asyncio would log an exception's text, which may quote what a person said."""
