"""The unit of work: what an actor reads and changes in one transaction, in their own tenant."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Executable,
    Row,
    Select,
    Table,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from mediaserver.model.actors import Actor, TenantId
from mediaserver.storage.errors import ConflictError, guarded
from mediaserver.storage.tenancy import refuse_unless_narrowed

BeforeCommit = Callable[["Unit"], Awaitable[None]]
AfterCommit = Callable[[], Awaitable[None]]


class Reader:
    """Reads for an actor. Every read of one reader sees one moment; nothing can be changed.

    `now` is when it began, in milliseconds since 1970 (UTC). A query over rows of tenants that doesn't
    compare with the actor's raises ValueError (storage/tenancy.py).
    """

    def __init__(self, connection: AsyncConnection, actor: Actor, now: int) -> None:
        self._connection = connection
        self.actor = actor
        self.tenant: TenantId = actor.tenant
        self.now = now

    def of(self, table: Table) -> Select[Any]:
        """`SELECT table.*` of the actor's tenant: the beginning of nearly every query."""
        return select(table).where(self.owns(table))

    def owns(self, table: Table) -> ColumnElement[bool]:
        """The condition that a row is the actor's tenant's. ValueError for a table without tenants."""
        return _tenant_of(table) == self.tenant

    async def rows(self, query: Executable) -> Sequence[Row[Any]]:
        """All rows. Raises StorageError."""
        return (await self._run(query)).all()

    async def row(self, query: Executable) -> Row[Any] | None:
        """The first row, or None. Raises StorageError."""
        return (await self._run(query)).first()

    async def scalar(self, query: Executable) -> Any:
        """The first column of the first row, or None. Raises StorageError."""
        return (await self._run(query)).scalar()

    async def _run(self, statement: Executable) -> CursorResult[Any]:
        refuse_unless_narrowed(statement, self.tenant)
        return await guarded(self._connection.execute(statement))


class Unit(Reader):
    """One transaction of an actor: all of it is committed, or nothing.

    Made by `Database.unit`; a Unit also reads, and sees what it has written.
    """

    def __init__(self, connection: AsyncConnection, actor: Actor, now: int) -> None:
        super().__init__(connection, actor, now)
        self._before: list[BeforeCommit] = []
        self._after: list[AfterCommit] = []

    async def insert(self, table: Table, /, **values: Any) -> None:
        """Adds a row of the actor's tenant. Raises DuplicateError, InvalidError, StorageError."""
        _keep_tenant(table, values)
        await self._run(insert(table).values(tenant=self.tenant, **values))

    async def update(
        self, table: Table, where: ColumnElement[bool], /, *, version: int | None = None, **values: Any
    ) -> int:
        """Changes rows of the actor's tenant; gives how many. A `version` column counts on by itself.

        With `version` only a row that still has it is changed, and ConflictError tells that there is one
        which has another by now. Raises DuplicateError, InvalidError, StorageError.
        """
        _keep_tenant(table, values)
        mine = self.owns(table) & where
        statement = update(table).where(mine)
        if version is not None:
            statement = statement.where(table.c.version == version)
        if "version" in table.c:
            values["version"] = table.c.version + 1
        count = (await self._run(statement.values(values))).rowcount
        if count == 0 and version is not None and await self.row(select(table.c.version).where(mine)):
            raise ConflictError(f"somebody else changed this {table.name} meanwhile: read it again")
        return count

    async def delete(self, table: Table, where: ColumnElement[bool], /) -> int:
        """Deletes rows of the actor's tenant; gives how many. Raises InvalidError, StorageError."""
        return (await self._run(delete(table).where(self.owns(table) & where))).rowcount

    async def execute(self, statement: Executable) -> CursorResult[Any]:
        """Anything else (an upsert, RETURNING): the caller narrows it by tenant. Raises StorageError."""
        return await self._run(statement)

    def before_commit(self, hook: BeforeCommit) -> None:
        """Calls `hook` in the transaction after all else, in the order of asking. It may ask for more hooks;
        if it raises, nothing of the unit is kept.
        """
        self._before.append(hook)

    def after_commit(self, hook: AfterCommit) -> None:
        """Calls `hook` when the unit is committed and before the caller goes on: "done" means that it ran.
        If one raises, the others still run, and the caller gets AcknowledgeError.
        """
        self._after.append(hook)

    async def prepare(self) -> None:
        """Runs the hooks before commit. Called by Database."""
        done = 0
        while done < len(self._before):
            await self._before[done](self)
            done += 1

    @property
    def followers(self) -> Sequence[AfterCommit]:
        """Hooks that follow the commit. Called by Database."""
        return tuple(self._after)


def _tenant_of(table: Table) -> ColumnElement[Any]:
    column = table.c.get("tenant")
    if column is None:
        raise ValueError(f"{table.name} has no tenant: only `execute` and `rows` with a select reach it")
    return column


def _keep_tenant(table: Table, values: dict[str, Any]) -> None:
    _tenant_of(table)
    if "tenant" in values:
        raise ValueError("a row's tenant is its actor's and stays so")
