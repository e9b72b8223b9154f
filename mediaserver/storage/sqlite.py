"""SQLite's own part: the file, its check and its backup. All of it blocks; call it in a thread."""

from __future__ import annotations

import os
import secrets
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from mediaserver.storage.engines import Options
from mediaserver.storage.errors import StorageError, guarded_call


def prepare(file: Path, options: Options) -> None:
    """Makes the file (0600, its folder 0700) unless it is there, and sees that it is in WAL mode.

    Raises StorageError.
    """
    guarded_call(lambda: _prepare(file, options))


def _prepare(file: Path, options: Options) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    for part in parts(file):
        part.chmod(0o600)  # a restored copy comes with the rights of who copied it
    with closing(sqlite3.connect(file, timeout=options.busy_timeout)) as connection:
        mode = _set_wal(connection, options.busy_timeout)
    if mode != "wal":
        raise StorageError("the database's folder can't hold a write-ahead log: put it on a local disk")


def _set_wal(connection: sqlite3.Connection, patience: float) -> str:
    # The change to WAL asks for the file alone and, unlike a BEGIN, doesn't wait for it in every case.
    deadline = time.monotonic() + patience
    while True:
        try:
            return str(connection.execute("PRAGMA journal_mode = WAL").fetchone()[0])
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.02)


def parts(file: Path) -> list[Path]:
    """The files that are there of the database: itself, its log, the log's index."""
    return [p for p in (file, Path(f"{file}-wal"), Path(f"{file}-shm")) if p.exists()]


def check(file: Path) -> list[str]:
    """What is wrong with the file; empty when it is sound. Raises StorageError when it can't be opened."""
    return guarded_call(lambda: _check(file))


def _check(file: Path) -> list[str]:
    problems = [f"others can read {p}: chmod 600" for p in parts(file) if p.stat().st_mode & 0o077]
    with closing(_read_only(file)) as connection:
        try:
            found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(20)")]
        except sqlite3.DatabaseError as error:
            if not error.sqlite_errorname.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
                raise
            return [*problems, "the file is damaged: restore a backup"]
        problems += [f"damaged, restore a backup: {_first_line(text)}" for text in found if text != "ok"]
        dangling = {str(row[0]) for row in connection.execute("PRAGMA foreign_key_check")}
        problems += [f"rows of {table} refer to rows that are gone" for table in sorted(dangling)]
        if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            problems.append("the file isn't in WAL mode: start the server once")
    return problems


def _first_line(text: str) -> str:
    return text.splitlines()[0] if text else "unknown"


def _read_only(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True, timeout=5)


def backup(file: Path, target: Path) -> None:
    """Copies the database as it is at this moment, while others write; the copy is checked, on disk, and
    one file. Raises StorageError; never writes over something.
    """
    if target.exists():
        raise StorageError(f"{target} is there already: name another file")
    if not target.parent.is_dir():
        raise StorageError(f"there is no folder {target.parent}")
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}")
    try:
        guarded_call(lambda: _copy(file, temporary))
        # A link, unlike a rename, fails when the name was taken meanwhile.
        guarded_call(lambda: target.hardlink_to(temporary))
        guarded_call(lambda: _sync(target.parent))
    finally:
        temporary.unlink(missing_ok=True)


def _copy(file: Path, target: Path) -> None:
    os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    with closing(_read_only(file)) as source, closing(sqlite3.connect(target)) as copy:
        # All pages in one step: it reads one snapshot of the WAL. In several steps it would begin anew
        # whenever somebody else commits, and on a busy server never end.
        source.backup(copy, pages=-1)
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
        if copy.execute("PRAGMA integrity_check(1)").fetchone()[0] != "ok":
            raise StorageError("the copy is damaged, as the database may be: run `mediaserver db check`")
    _sync(target)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
