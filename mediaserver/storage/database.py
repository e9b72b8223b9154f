"""The database of a process: opens it, begins and ends transactions, keeps it sound."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from mediaserver.model.actors import Actor
from mediaserver.model.clock import Clock
from mediaserver.storage import migrate, postgresql, sqlite
from mediaserver.storage.engines import Engines, Options, file_of, make_engines, parse, place_of
from mediaserver.storage.errors import AcknowledgeError, StorageError, UnavailableError, guarded
from mediaserver.storage.unit import Reader, Unit


class Database:
    """One per process. `open` it, `upgrade` it, then `unit` and `read`."""

    def __init__(self, url: URL, clock: Clock, options: Options, engines: Engines) -> None:
        self._url = url
        self._clock = clock
        self._options = options
        self._engines = engines
        # SQLite has one writer; ours take turns here, in order, rather than by its busy handler, which
        # sleeps and lets any of them go first.
        self._turn = asyncio.Lock() if file_of(url) is not None else None
        self._writing: set[asyncio.Task[object] | None] = set()

    @classmethod
    async def open(cls, url: str, clock: Clock, options: Options = Options()) -> Database:  # noqa: B008
        """Opens `sqlite:///path` (makes file and folder, for us alone) or `postgresql://..`; leaves the
        schema as it is. Raises StorageError that says what to do.
        """
        parsed = parse(url)
        if (file := file_of(parsed)) is not None:
            await asyncio.to_thread(sqlite.prepare, file, options)
        engines = make_engines(parsed, options)
        database = cls(parsed, clock, options, engines)
        try:
            if file is None:
                await database._trust_postgresql()
        except BaseException:
            await engines.dispose()
            raise
        return database

    async def close(self) -> None:
        """Closes every connection."""
        await self._engines.dispose()

    @property
    def place(self) -> str:
        """Where it is, for people; no password."""
        return place_of(self._url)

    async def upgrade(self, migrations: Sequence[migrate.Migrations] = ()) -> None:
        """Brings the core's schema, then each plugin's, up to date; nothing to do is no error. Two processes
        may do it at once. What fails leaves its own part (core or plugin) as it was. Raises StorageError.
        """
        await asyncio.to_thread(migrate.upgrade, self._url, self._options, tuple(migrations))

    def read(self, actor: Actor) -> AbstractAsyncContextManager[Reader]:
        """A read-only view of one moment. Raises UnavailableError."""
        return self._read(actor)

    def unit(self, actor: Actor) -> AbstractAsyncContextManager[Unit]:
        """A transaction: committed and on disk when the block ends, undone when it raises. Hooks of
        `Unit.after_commit` have run before the block's end returns.

        Raises UnavailableError (locked, full, unreachable: nothing is kept, unless PostgreSQL went away
        during the very COMMIT: then look), AcknowledgeError (kept, but a hook failed). A unit in a unit of
        the same task is a mistake (SQLite would wait for itself); so is a `read` in a unit, which reads.
        """
        return self._unit(actor)

    async def check(self) -> list[str]:
        """What is wrong with the database, a line each; empty when it is sound. Raises StorageError."""
        file = file_of(self._url)
        problems = await asyncio.to_thread(sqlite.check, file) if file is not None else []
        try:
            async with self._connection(self._engines.read) as connection:
                if file is None:
                    problems += await guarded(connection.run_sync(postgresql.check))
                at, wanted = await guarded(connection.run_sync(migrate.revision)), migrate.newest()
        except StorageError:
            if not problems:
                raise
            return problems  # too damaged to be read
        if at != wanted:
            problems.append(
                f"the schema is at {at}, the program wants {wanted}: run `mediaserver db upgrade`"
            )
        return problems

    async def revisions(self) -> tuple[str | None, str | None]:
        """Where the core's schema is, and where the program wants it. Raises StorageError."""
        async with self._connection(self._engines.read) as connection:
            return await guarded(connection.run_sync(migrate.revision)), migrate.newest()

    async def backup(self, target: Path) -> None:
        """Copies the database as it is now to a new file, while others write. Raises StorageError, as it does
        for PostgreSQL, which has its own way.
        """
        file = file_of(self._url)
        if file is None:
            raise StorageError("PostgreSQL is backed up by pg_dump (or pg_basebackup): see docs/storage.md")
        await asyncio.to_thread(sqlite.backup, file, target)

    async def _trust_postgresql(self) -> None:
        async with self._connection(self._engines.read) as connection:
            await postgresql.trust(connection)

    @asynccontextmanager
    async def _connection(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        """A connection in a transaction, which is undone at the end unless somebody has committed it."""
        async with AsyncExitStack() as held:
            connection = await guarded(held.enter_async_context(engine.connect()))
            await guarded(connection.begin().start())
            yield connection

    @asynccontextmanager
    async def _read(self, actor: Actor) -> AsyncIterator[Reader]:
        async with self._connection(self._engines.read) as connection:
            yield Reader(connection, actor, self._now())

    @asynccontextmanager
    async def _unit(self, actor: Actor) -> AsyncIterator[Unit]:
        async with AsyncExitStack() as held:
            await held.enter_async_context(self._own_turn())
            connection = await held.enter_async_context(self._connection(self._engines.write))
            unit = Unit(connection, actor, self._now())
            yield unit
            await unit.prepare()
            await _to_the_end(_settle(connection, unit, held.pop_all()))

    @asynccontextmanager
    async def _own_turn(self) -> AsyncIterator[None]:
        task = asyncio.current_task()
        if task in self._writing:
            raise StorageError("a unit in a unit: hand the outer one on instead")
        if self._turn is not None:
            try:
                async with asyncio.timeout(self._options.wait_timeout):
                    await self._turn.acquire()
            except TimeoutError:
                raise UnavailableError("too much is being written at once: try again") from None
        self._writing.add(task)
        try:
            yield
        finally:
            self._writing.discard(task)
            if self._turn is not None:
                self._turn.release()

    def _now(self) -> int:
        return int(self._clock.wall() * 1000)


async def _settle(connection: AsyncConnection, unit: Unit, held: AsyncExitStack) -> None:
    """Commits, lets the next writer go, then runs what follows the commit."""
    async with held:
        await guarded(connection.commit())
    failed: Exception | None = None
    for hook in unit.followers:
        try:
            await hook()
        except Exception as error:
            failed = failed or error
    if failed is not None:
        raise AcknowledgeError("it is committed, but what follows a commit failed") from failed


async def _to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Awaits `work` whole, even when the caller is cancelled meanwhile (its connection was dropped): else a
    row could be committed and its hooks (the audit's signed head) left out.
    """
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
