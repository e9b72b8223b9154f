"""Connections: how SQLite and PostgreSQL are set up so that what is committed stays.

SQLite: one writer at a time and readers beside it is what WAL gives; the writer's engine has one connection
and begins with BEGIN IMMEDIATE (a transaction that reads first and then wants to write would fail with
SQLITE_BUSY_SNAPSHOT, whatever the timeout). Python's own BEGINs are off (`isolation_level = None`) and ours
come from the `begin` event: SQLAlchemy's recipe for SQLite, without which a migration isn't atomic.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from mediaserver.storage.errors import StorageError


@dataclass(frozen=True, slots=True)
class Options:
    """Bounds, each in seconds or connections."""

    busy_timeout: float = 5.0  # for a lock another process holds
    wait_timeout: float = 10.0  # for our own turn: the writer's lock, a connection of the pool
    statement_timeout: float = 30.0  # PostgreSQL only
    readers: int = 4  # SQLite: connections beside the writer's
    pool_size: int = 10  # PostgreSQL: all connections, half of them to write by; 2 or more


@dataclass(frozen=True, slots=True)
class Engines:
    """One engine to write by, one to read by."""

    write: AsyncEngine
    read: AsyncEngine

    async def dispose(self) -> None:
        """Closes the connections."""
        await self.write.dispose()
        await self.read.dispose()


def parse(url: str) -> URL:
    """A `sqlite:///path` or `postgresql://..` URL. Raises StorageError; never shows the URL: it may hold
    a password.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        parsed = None
    if parsed is not None and parsed.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed is not None and parsed.drivername == "sqlite":
        if not parsed.database or parsed.database == ":memory:" or parsed.query:
            raise StorageError("storage.url: SQLite needs a file, as in sqlite:///data/clinic.db")
        return parsed
    raise StorageError("storage.url is neither sqlite:///FILE nor postgresql://USER:PASSWORD@HOST/DATABASE")


def file_of(url: URL) -> Path | None:
    """SQLite's file; None for PostgreSQL."""
    return Path(url.database or "") if url.drivername == "sqlite" else None


def place_of(url: URL) -> str:
    """Where the database is, for people: no user, no password."""
    if url.drivername == "sqlite":
        return f"SQLite, {url.database}"
    return f"PostgreSQL, {url.host or 'local socket'}{f':{url.port}' if url.port else ''}/{url.database}"


def make_engines(url: URL, options: Options) -> Engines:
    """Engines for the event loop. Connects nowhere yet."""
    if url.drivername == "sqlite":
        driver = url.set(drivername="sqlite+aiosqlite")
        arguments: dict[str, Any] = {
            "connect_args": {"timeout": options.busy_timeout},
            "pool_timeout": options.wait_timeout,
            "hide_parameters": True,
            "max_overflow": 0,
        }
        write = create_async_engine(driver, pool_size=1, **arguments)
        read = create_async_engine(driver, pool_size=options.readers, **arguments)
        _prepare_sqlite(write.sync_engine, begin="BEGIN IMMEDIATE")
        _prepare_sqlite(read.sync_engine, begin="BEGIN", read_only=True)
        return Engines(write, read)
    # Two pools: whoever writes while they read (an audited read) would wait for a connection that others
    # hold who wait for the same.
    writers = options.pool_size // 2
    arguments = {
        "max_overflow": 0,
        "pool_timeout": options.wait_timeout,
        "pool_pre_ping": True,
        "hide_parameters": True,
        "connect_args": _postgresql_arguments(url, options),
    }
    write = create_async_engine(url, pool_size=writers, isolation_level="READ COMMITTED", **arguments)
    read = create_async_engine(url, pool_size=options.pool_size - writers, **arguments)
    # Several reads of one page see one moment.
    return Engines(write, read.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True))


def make_sync_engine(url: URL, options: Options) -> Engine:
    """For migrations and checks, which run in a thread of their own."""
    if url.drivername == "sqlite":
        engine = create_engine(
            url, poolclass=NullPool, hide_parameters=True, connect_args={"timeout": options.busy_timeout}
        )
        # A migration that rebuilds a table (SQLite has little ALTER TABLE) must not cascade into others;
        # `migrate` checks all references before it commits.
        _prepare_sqlite(engine, begin="BEGIN IMMEDIATE", foreign_keys=False)
        return engine
    return create_engine(
        url,
        poolclass=NullPool,
        hide_parameters=True,
        connect_args=_postgresql_arguments(url, options),
    )


def _prepare_sqlite(
    engine: Engine, *, begin: str, read_only: bool = False, foreign_keys: bool = True
) -> None:
    pragmas = [
        f"foreign_keys = {'ON' if foreign_keys else 'OFF'}",
        "synchronous = FULL",  # in WAL mode NORMAL may lose the last commits with the power
        "secure_delete = ON",  # what was deleted is overwritten
        "trusted_schema = OFF",
        *(["query_only = ON"] if read_only else []),
    ]

    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)


def _postgresql_arguments(url: URL, options: Options) -> dict[str, Any]:
    limits = {
        "statement_timeout": options.statement_timeout,
        "lock_timeout": options.busy_timeout,
        # A unit that hangs must not hold its locks for ever.
        "idle_in_transaction_session_timeout": 2 * options.statement_timeout,
    }
    given = url.query.get("options", "")
    flags = [given if isinstance(given, str) else " ".join(given)]
    flags += [f"-c {name}={int(seconds * 1000)}" for name, seconds in limits.items()]
    return {
        "connect_timeout": max(2, int(options.busy_timeout)),
        "application_name": "mediaserver",
        "options": " ".join(flags).strip(),
    }
