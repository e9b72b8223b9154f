"""What can go wrong with the database, in words that say what to do and show no value.

Drivers quote values in their messages (PostgreSQL: `Key (email)=(..) already exists`), so a driver's
exception is never kept as cause or context of ours.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from typing import TypeVar

import psycopg
from sqlalchemy import exc

from mediaserver.storage import schema

T = TypeVar("T")


class StorageError(Exception):
    """The database can't do it; the text says what to do and shows no value."""


class UnavailableError(StorageError):
    """Not now: locked, full, unreachable. The same may work later."""


class ConflictError(StorageError):
    """Somebody else changed the row since it was read: read it again, then decide again."""


class DuplicateError(StorageError):
    """There is such a row already. `constraint` is the name of the constraint or index."""

    def __init__(self, constraint: str) -> None:
        super().__init__(f"there is one already ({constraint})")
        self.constraint = constraint


class InvalidError(StorageError):
    """A rule of the database refuses the row: something it refers to is missing, or a value is."""


class AcknowledgeError(StorageError):
    """It is committed, but what had to follow the commit failed: don't tell the person that it is done."""


_BUSY = "the database is locked by another process: try again; if it lasts, end that process"
_FULL = "the disk of the database is full: free space, then try again"
_OLD = "the database is older than the program: run `mediaserver db upgrade`"


async def guarded(work: Awaitable[T]) -> T:
    """Awaits work of the driver's, and raises its failures as ours."""
    try:
        return await work
    except (exc.SQLAlchemyError, sqlite3.Error, psycopg.Error, OSError) as error:
        failure = translate(error)
    raise failure  # outside of `except`: the driver's exception must not become its context


def guarded_call(work: Callable[[], T]) -> T:
    """The same for work that isn't async."""
    try:
        return work()
    except (exc.SQLAlchemyError, sqlite3.Error, psycopg.Error, OSError) as error:
        failure = translate(error)
    raise failure


def translate(error: BaseException) -> Exception:
    """Our exception for the driver's. What is a mistake in our code comes back unchanged."""
    if isinstance(error, exc.DBAPIError):
        error = error.orig if error.orig is not None else error
    if isinstance(error, sqlite3.Error):
        return _from_sqlite(error)
    if isinstance(error, psycopg.Error):
        return _from_postgresql(error)
    if isinstance(error, exc.TimeoutError):
        return UnavailableError(
            "all connections of the database are in use: try again, or raise storage.pool_size"
        )
    if isinstance(error, OSError):
        return UnavailableError(f"the database's file can't be used ({error.strerror or 'no access'})")
    return error if isinstance(error, Exception) else StorageError(type(error).__name__)


def _from_sqlite(error: sqlite3.Error) -> StorageError:
    # https://www.sqlite.org/rescode.html: the extended codes' names begin with the primary code's.
    name: str = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return UnavailableError(_BUSY)
    if name == "SQLITE_FULL":
        return UnavailableError(_FULL)
    if name in ("SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY", "SQLITE_CONSTRAINT_ROWID"):
        return DuplicateError(_sqlite_constraint(str(error), primary="UNIQUE" not in name))
    if name.startswith("SQLITE_CONSTRAINT"):
        return InvalidError(f"a rule of the database refuses it ({name})")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return StorageError("the database's file is damaged: run `mediaserver db check`, restore a backup")
    if name.startswith(("SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY")):
        return UnavailableError(
            f"the database's file can't be used ({name}): see to the disk and the folder's rights"
        )
    if str(error).startswith(("no such table", "no such column")) or "has no column named" in str(error):
        return StorageError(_OLD)
    return StorageError(f"the database refuses it ({name or type(error).__name__})")


def _sqlite_constraint(message: str, *, primary: bool) -> str:
    # "UNIQUE constraint failed: account.tenant, account.name", or ".. failed: index 'ix_name'": names of
    # columns, no values. PostgreSQL tells the constraint's name; so do we.
    what = message.partition(": ")[2]
    if what.startswith("index "):
        return what.removeprefix("index ").strip("'")
    columns = [part.rpartition(".")[2] for part in what.split(", ")]
    table = what.partition(".")[0]
    if primary:
        return f"pk_{table}"
    known = schema.metadata.tables.get(table)
    if known is not None:
        for index in known.indexes:
            if index.unique and [column.name for column in index.columns] == columns:
                return str(index.name)
    return f"uq_{table}_{'_'.join(columns)}"


def _from_postgresql(error: psycopg.Error) -> StorageError:
    # https://www.postgresql.org/docs/current/errcodes-appendix.html
    state = error.sqlstate or ""
    if state == "23505":
        return DuplicateError(error.diag.constraint_name or "unknown")
    if state.startswith("23"):
        return InvalidError(f"a rule of the database refuses it ({error.diag.constraint_name or state})")
    if state in ("42P01", "42703"):
        return StorageError(_OLD)
    if state in ("53100", "58030"):
        return UnavailableError(_FULL)
    if state in ("40001", "40P01", "55P03", "57014"):
        return UnavailableError(f"somebody else is changing the same ({state}): try again")
    if state.startswith("28") or state in ("3D000", "42501"):
        return StorageError(
            f"PostgreSQL refuses us ({state}): see to user, password, database and rights in storage.url"
        )
    if state == "25006":
        return StorageError("a reader can't write: use a unit")
    if state.startswith(("08", "53", "57")) or (not state and isinstance(error, psycopg.OperationalError)):
        return UnavailableError(
            f"PostgreSQL can't be reached ({state or 'no connection'}): is it running, and storage.url right?"
        )
    return StorageError(f"the database refuses it ({state or type(error).__name__})")
