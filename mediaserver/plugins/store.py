"""A plugin's own rows: a transaction of the house's, lent to the plugin's loop for a short time.

The transaction lives in a task on the house's loop, which does what the plugin asks for, one after the
other, and ends it when time is up: SQLite has one writer, and a plugin must not keep it.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Executable,
    Insert,
    MetaData,
    Row,
    Select,
    Table,
    TableClause,
    TextClause,
    select,
)
from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import ClauseElement

from mediaserver.model.actors import Actor, TenantId
from mediaserver.storage import (
    ConflictError,
    Database,
    DuplicateError,
    Reader,
    StorageError,
    Unit,
)
from mediaserver.storage import (
    UnavailableError as StorageUnavailableError,
)
from workflows.ports import NotAllowedError, PortError, StaleError, TwiceError, UnavailableError

T = TypeVar("T")

HOLD = 0.5  # seconds a plugin may keep a transaction open

# Runs a coroutine on the house's loop and awaits it on the caller's.
Home = Callable[[Coroutine[Any, Any, Any]], Awaitable[Any]]
Work = Callable[[Any], Awaitable[Any]]


class Session:
    """One transaction on the house's loop. `do` its parts, then `close` it."""

    def __init__(self, database: Database, actor: Actor, *, write: bool, hold: float = HOLD) -> None:
        self._database = database
        self._actor = actor
        self._write = write
        self._hold = hold
        self._parts: asyncio.Queue[tuple[Work, asyncio.Future[Any]] | bool] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self._failed = False

    async def open(self) -> int:
        """Begins; gives its time, ms since 1970. Raises PortError."""
        ready: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._serve(ready))
        self._task.add_done_callback(_look_at)
        try:
            await _first(self._task, ready)
        except asyncio.CancelledError:
            self._parts.put_nowait(False)  # nobody will close it
            raise
        if not ready.done():
            await self._task
        return int(ready.result())

    async def do(self, work: Work) -> Any:
        """Does a part: `work` is called with the unit or reader. Raises PortError, or what `work` raises."""
        assert self._task is not None  # noqa: S101 - opened first
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._parts.put_nowait((work, done))
        await _first(self._task, done)
        if done.done():
            return done.result()
        raise UnavailableError("the transaction was held for too long and is undone")

    async def close(self, *, keep: bool) -> None:
        """Commits, or undoes. Raises PortError."""
        assert self._task is not None  # noqa: S101
        self._parts.put_nowait(keep and not self._failed)
        await self._task
        if keep and self._failed:
            raise PortError("a part of the transaction failed, so all of it is undone")

    async def _serve(self, ready: asyncio.Future[Any]) -> None:
        begin = self._database.unit if self._write else self._database.read
        try:
            async with begin(self._actor) as unit:
                ready.set_result(unit.now)
                async with asyncio.timeout(self._hold):
                    await self._work(unit)
        except _UndoneError:
            pass
        except TimeoutError:
            raise UnavailableError("the transaction was held for too long and is undone") from None
        except StorageError as error:
            raise translated(error) from None

    async def _work(self, unit: Reader) -> None:
        while True:
            part = await self._parts.get()
            if part is True:
                return
            if part is False:
                raise _UndoneError
            work, done = part
            try:
                result = await work(unit)
            except Exception as error:
                # PostgreSQL aborts a transaction in which a statement failed; SQLite is made to do the same.
                self._failed = self._failed or isinstance(error, StorageError)
                if not done.done():
                    done.set_exception(translated(error) if isinstance(error, StorageError) else error)
            else:
                if not done.done():
                    done.set_result(result)


async def _first(task: asyncio.Task[Any], future: asyncio.Future[Any]) -> None:
    await asyncio.wait((task, future), return_when=asyncio.FIRST_COMPLETED)


def _look_at(task: asyncio.Task[None]) -> None:
    """So that asyncio doesn't complain of a failure that nobody was left to hear of."""
    if not task.cancelled():
        task.exception()


class _UndoneError(Exception):
    """Leaves the transaction without a commit."""


def translated(error: StorageError) -> PortError:
    """The plugin's word for it."""
    match error:
        case DuplicateError():
            return TwiceError(str(error))
        case ConflictError():
            return StaleError(str(error))
        case StorageUnavailableError():
            return UnavailableError(str(error))
        case _:
            return PortError(str(error))


class OwnReader:
    """`workflows.ports.Reader` over a session."""

    def __init__(
        self, session: Session, home: Home, own: MetaData | None, tenant: TenantId, now: int
    ) -> None:
        self.tenant = tenant
        self.now = now
        self._session = session
        self._home = home
        self._own = frozenset() if own is None else frozenset(own.tables.values())

    def of(self, table: Table) -> Select[Any]:
        """See the port."""
        self._mine(table)
        return select(table).where(table.c.tenant == self.tenant)

    async def rows(self, select: Select[Any]) -> Sequence[Row[Any]]:
        """See the port."""
        return await self._ask(select, lambda reader: reader.rows(select))

    async def row(self, select: Select[Any]) -> Row[Any] | None:
        """See the port."""
        return await self._ask(select, lambda reader: reader.row(select))

    async def scalar(self, select: Select[Any]) -> Any:
        """See the port."""
        return await self._ask(select, lambda reader: reader.scalar(select))

    async def _ask(self, statement: Executable, work: Callable[[Unit], Awaitable[T]]) -> T:
        self._check(statement)
        return await self._do(work)

    async def _do(self, work: Callable[[Unit], Awaitable[T]]) -> T:
        result: T = await self._home(self._session.do(work))
        return result

    def _mine(self, table: object) -> None:
        if table not in self._own:
            name = getattr(table, "name", "?")
            raise NotAllowedError(f"{name} is none of the plugin's own tables")

    def _check(self, statement: Executable) -> None:
        """Own tables only, and no text, which could name any."""
        if not isinstance(statement, ClauseElement):
            raise NotAllowedError("a plugin's statement is a select, insert, update or delete")
        if isinstance(statement, Executable) and statement.get_execution_options():
            raise NotAllowedError("execution options aren't a plugin's to set")
        touched = list(visitors.iterate(statement))
        if isinstance(statement, Insert):
            touched.append(statement.table)
        for element in touched:
            if isinstance(element, TextClause):
                raise NotAllowedError("a plugin's statement holds no text of SQL")
            if isinstance(element, TableClause):
                self._mine(element)


class OwnUnit(OwnReader):
    """`workflows.ports.Unit` over a session."""

    async def insert(self, table: Table, **values: Any) -> None:
        """See the port."""
        self._mine(table)
        await self._do(lambda unit: unit.insert(table, **values))

    async def update(
        self, table: Table, where: ColumnElement[bool], *, version: int | None = None, **values: Any
    ) -> int:
        """See the port."""
        self._mine(table)
        self._check_parts(where, *values.values())
        return await self._do(lambda unit: unit.update(table, where, version=version, **values))

    async def delete(self, table: Table, where: ColumnElement[bool]) -> int:
        """See the port."""
        self._mine(table)
        self._check_parts(where)
        return await self._do(lambda unit: unit.delete(table, where))

    async def execute(self, statement: Executable) -> Any:
        """See the port. An insert must fill in this clinic's id."""
        if isinstance(statement, Insert) and not _inserts_for(statement, self.tenant):
            raise NotAllowedError("an insert of a plugin's names the clinic: .values(tenant=unit.tenant, ..)")
        return await self._ask(statement, lambda unit: _run(unit, statement))

    def _check_parts(self, *parts: object) -> None:
        for part in parts:
            if isinstance(part, ClauseElement):
                self._check(select(part))  # type: ignore[call-overload]


async def _run(unit: Unit, statement: Executable) -> Any:
    """Rows if it gives any, else how many it changed: a cursor can't leave the house's loop."""
    result = await unit.execute(statement)
    return result.all() if result.returns_rows else result.rowcount


def _inserts_for(statement: Insert, tenant: TenantId) -> bool:
    """Whether its one row names this clinic (SQLAlchemy gives no public view of `values`)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of the very column that is missing, which we tell better
        given = statement.compile().params
    return bool(given.get("tenant") == tenant)


@asynccontextmanager
async def lend(session: Session, home: Home) -> AsyncIterator[int]:
    """The session, opened, for the length of a block on the plugin's loop."""
    now = await home(session.open())
    try:
        yield now
    except BaseException:
        with suppress(PortError):  # the first reason is the one to tell
            await home(session.close(keep=False))
        raise
    await home(session.close(keep=True))
