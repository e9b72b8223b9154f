"""Durable events on disk until each plugin has heard them: `kill -9` loses none (at least once).

They are written in the transaction of the act itself, one row a plugin, and go to the plugins' queues after
the commit. A row goes when the plugin's hook ran without a fault; these acknowledgements are gathered, since
each commit is an fsync, and one lost with the process only means that an event is heard twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import delete, func, select, update

from mediaserver.model.actors import Actor
from mediaserver.model.pii import fault
from mediaserver.plugins.codec import EventCodec, UnknownEventError
from mediaserver.plugins.tables import outbox
from mediaserver.storage import Database, StorageError, Unit
from workflows.api import Event

log = structlog.get_logger(__name__)

GATHER = 0.02  # seconds in which acknowledgements become one commit
PAGE = 500  # rows read at once
_ACROSS = {"across_tenants": True}  # the queue is the server's, whichever clinic's event it is


@dataclass(frozen=True, slots=True)
class Page:
    """Events read back, oldest first; `more` when there may be others."""

    events: Sequence[Event]
    more: bool


class Outbox:
    """See the module."""

    def __init__(self, database: Database, codec: EventCodec) -> None:
        self._database = database
        self._codec = codec
        self._heard: dict[tuple[str, str], Callable[[], None]] = {}
        self._gathering = asyncio.Event()
        self._actor = Actor.system()

    async def write(self, unit: Unit, event: Event, plugins: Iterable[str]) -> None:
        """Adds the event for these plugins in the act's transaction."""
        name, body = self._codec.encode(event)
        for plugin in plugins:
            await unit.insert(outbox, plugin=plugin, visit=event.visit, event=event.id, type=name, body=body)

    async def page(self, plugin: str, besides: Sequence[str] = ()) -> Page:
        """The oldest events that a plugin hasn't heard, but for some it has at hand. Raises StorageError."""
        mine = (outbox.c.plugin == plugin) & outbox.c.parked_at.is_(None)
        query = (
            select(outbox).where(mine, outbox.c.event.not_in(besides))
            if besides
            else (select(outbox).where(mine))
        )
        query = query.order_by(outbox.c.position).limit(PAGE).execution_options(**_ACROSS)
        async with self._database.read(self._actor) as reader:
            rows = await reader.rows(query)
        events: list[Event] = []
        for row in rows:
            try:
                events.append(self._codec.decode(row.type, row.body))
            except UnknownEventError:
                log.warning("plugin.event_unknown", plugin=plugin, type=row.type)
                await self.park(plugin, row.event)
        return Page(events, len(rows) == PAGE)

    def heard(self, plugin: str, event: str, then: Callable[[], None]) -> None:
        """The plugin has heard it: its row goes with the next commit, after which `then` is called."""
        self._heard[plugin, event] = then
        self._gathering.set()

    async def park(self, plugin: str, event: str) -> None:
        """Sets an event aside that the plugin can't take; kept for people to look at. Raises StorageError."""
        row = (outbox.c.plugin == plugin) & (outbox.c.event == event)
        async with self._database.unit(self._actor) as unit:
            await unit.execute(
                update(outbox).where(row).values(parked_at=unit.now).execution_options(**_ACROSS)
            )

    async def unpark(self, plugin: str) -> None:
        """Gives what was set aside another chance: at start, when the plugin may be another version."""
        rows = (outbox.c.plugin == plugin) & outbox.c.parked_at.is_not(None)
        async with self._database.unit(self._actor) as unit:
            await unit.execute(update(outbox).where(rows).values(parked_at=None).execution_options(**_ACROSS))

    async def parked(self) -> dict[str, int]:
        """Events set aside, by plugin. Raises StorageError."""
        query = (
            select(outbox.c.plugin, func.count().label("events"))
            .where(outbox.c.parked_at.is_not(None))
            .group_by(outbox.c.plugin)
            .execution_options(**_ACROSS)
        )
        async with self._database.read(self._actor) as reader:
            return {row.plugin: row.events for row in await reader.rows(query)}

    async def run(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Takes away rows that were heard, for ever."""
        while True:
            await self._gathering.wait()
            await sleep(GATHER)
            try:
                await self.flush()
            except StorageError as error:
                log.warning("plugin.acknowledge", fault=fault(error))
                await sleep(1.0)

    async def flush(self) -> None:
        """Takes them away now. Raises StorageError, and then keeps them for the next time."""
        self._gathering.clear()
        heard = dict(self._heard)
        if not heard:
            return
        by_plugin: dict[str, list[str]] = {}
        for plugin, event in heard:
            by_plugin.setdefault(plugin, []).append(event)
        try:
            async with self._database.unit(self._actor) as unit:
                for plugin, events in by_plugin.items():
                    rows = (outbox.c.plugin == plugin) & outbox.c.event.in_(events)
                    await unit.execute(delete(outbox).where(rows).execution_options(**_ACROSS))
        except BaseException:
            self._gathering.set()
            raise
        for key, then in heard.items():
            del self._heard[key]
            then()
