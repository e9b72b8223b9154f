"""Crashes, locks, a full disk, damage: nothing acknowledged is lost, and errors say what to do."""

from __future__ import annotations

import asyncio
import random
import re
import resource
import secrets
import sqlite3
import sys
from pathlib import Path

import pytest
from sample_tables import NOTE, add_note, notes, sample, staff  # noqa: F401
from sqlalchemy import text
from storage_fixtures import Cluster

from mediaserver.model.clock import SystemClock
from mediaserver.storage import Database, Options, StorageError, UnavailableError

sqlite_only = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
postgresql_only = pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)

# Says each row's id after its unit has returned, and not before.
_WRITER = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from sample_tables import add_note
from mediaserver.model.clock import SystemClock
from mediaserver.storage import Database

async def main():
    database = await Database.open(sys.argv[2], SystemClock())
    print("open", flush=True)
    async def write(number):
        for i in range(100000):
            name = f"{sys.argv[3]}-{number}-{i}"
            await add_note(database, name, "x" * 200)
            print(name, flush=True)
    await asyncio.gather(*(write(n) for n in range(4)))

asyncio.run(main())
"""


@pytest.mark.usefixtures("sample")
async def test_kill_9_loses_nothing_acknowledged(database_url: str, database_kind: str) -> None:
    # Ten moments on SQLite, where the process that is killed is the one that writes the file.
    rounds = 10 if database_kind == "sqlite" else 2
    seed = secrets.randbelow(1 << 30)
    chance, acknowledged = random.Random(seed), set()  # noqa: S311 - repeatable by the seed that is printed
    for number in range(rounds):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _WRITER, str(Path(__file__).parent), database_url, str(number),
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        async with asyncio.timeout(30):
            assert await process.stdout.readline() == b"open\n"
            await asyncio.sleep(chance.uniform(0.02, 0.25))
            process.kill()
            said = (await process.stdout.read()).decode()
            await process.wait()
        acknowledged |= set(said.split("\n")[:-1])  # a line is whole or it wasn't said
    assert acknowledged, f"seed {seed}"
    database = await Database.open(database_url, SystemClock())
    try:
        assert not acknowledged - (await notes(database)).keys(), f"seed {seed}"
        assert not [p for p in await database.check() if "fsync" not in p and "full_page" not in p]
        await add_note(database, "next", "x")
    finally:
        await database.close()


@sqlite_only
@pytest.mark.usefixtures("sample")
async def test_a_lock_of_another_process_is_waited_for_and_then_named(
    database_url: str, tmp_path: Path
) -> None:
    database = await Database.open(database_url, SystemClock(), Options(busy_timeout=0.2))
    other = sqlite3.connect(tmp_path / "clinic.db", isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(UnavailableError, match="locked by another process"):
            await add_note(database, "n1", "x")
        assert await notes(database) == {}  # readers go on
        asyncio.get_running_loop().call_later(0.1, other.execute, "COMMIT")
        await add_note(database, "n1", "x")
        assert await notes(database) == {"n1": "x"}
    finally:
        other.close()
        await database.close()


@pytest.mark.usefixtures("sample")
async def test_a_writer_that_hangs_makes_others_unavailable_and_not_hang(database_url: str) -> None:
    options = Options(wait_timeout=0.3, busy_timeout=0.3)
    database = await Database.open(database_url, SystemClock(), options)
    try:
        async with asyncio.timeout(10):
            await add_note(database, "n1", "x")
            async with database.unit(staff()) as unit:
                await unit.update(NOTE, NOTE.c.id == "n1", text="held")

                async def change() -> None:
                    async with database.unit(staff()) as second:
                        await second.update(NOTE, NOTE.c.id == "n1", text="y")

                with pytest.raises(UnavailableError, match="try again"):
                    await asyncio.create_task(change())
            assert await notes(database) == {"n1": "held"}
    finally:
        await database.close()


@sqlite_only
@pytest.mark.usefixtures("sample")
async def test_a_full_disk_is_named_and_what_was_there_stays(database: Database) -> None:
    await add_note(database, "n1", "kept")
    # SQLite's own limit of pages gives what a full disk gives: SQLITE_FULL, in the middle of a transaction.
    async with database.unit(staff()) as unit:
        pages = await unit.scalar(text("PRAGMA page_count"))
        await unit.execute(text(f"PRAGMA max_page_count = {pages + 4}"))
    with pytest.raises(UnavailableError, match="full: free space"):
        await add_note(database, "n2", "x" * 200_000)
    assert await notes(database) == {"n1": "kept"}
    await add_note(database, "n3", "small enough")
    assert not await database.check()


@sqlite_only
@pytest.mark.usefixtures("sample")
async def test_a_write_the_kernel_refuses_is_named_and_what_was_there_stays(
    database: Database, tmp_path: Path
) -> None:
    await add_note(database, "n1", "kept")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    log = tmp_path / "clinic.db-wal"
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size + 50_000, hard))  # then EFBIG
    try:
        with pytest.raises(UnavailableError):
            await add_note(database, "n2", "x" * 400_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    await add_note(database, "n3", "again")
    assert await notes(database) == {"n1": "kept", "n3": "again"}


@sqlite_only
@pytest.mark.usefixtures("sample")
async def test_damage_is_found_by_check(database_url: str, tmp_path: Path) -> None:
    database = await Database.open(database_url, SystemClock())
    for i in range(40):
        await add_note(database, f"n{i}", "x" * 2000)
    assert await database.check() == []
    await database.close()  # the log goes into the file
    file = tmp_path / "clinic.db"
    data = bytearray(file.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 8192] = bytes(8192)
    file.write_bytes(data)
    database = await Database.open(database_url, SystemClock())
    try:
        problems = await database.check()
    finally:
        await database.close()
    assert any("restore a backup" in problem for problem in problems)


@sqlite_only
async def test_what_is_no_database_is_refused_in_words(empty_database_url: str, tmp_path: Path) -> None:
    (tmp_path / "clinic.db").write_bytes(b"some other file " * 1000)
    with pytest.raises(StorageError, match="damaged"):
        await Database.open(empty_database_url, SystemClock())


@sqlite_only
async def test_the_file_is_for_us_alone(empty_database_url: str, tmp_path: Path) -> None:
    database = await Database.open(empty_database_url.replace("clinic.db", "new/clinic.db"), SystemClock())
    await database.upgrade()
    try:
        async with database.unit(staff()) as unit:
            await unit.execute(text("UPDATE tenant SET name = 'x'"))
            modes = {p.name: p.stat().st_mode & 0o777 for p in (tmp_path / "new").iterdir()}
        assert modes == dict.fromkeys(("clinic.db", "clinic.db-wal", "clinic.db-shm"), 0o600)
        assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    finally:
        await database.close()


@sqlite_only
async def test_the_settings_that_keep_what_is_committed(database: Database) -> None:
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}
    async with database.unit(staff()) as unit, database.read(staff()) as reader:
        for who in (unit, reader):
            found = {name: await who.scalar(text(f"PRAGMA {name}")) for name in wanted}
            assert found == wanted
        assert await reader.scalar(text("PRAGMA query_only")) == 1


@sqlite_only
@pytest.mark.usefixtures("sample")
async def test_a_backup_while_writing_is_one_moment_and_opens(database: Database, tmp_path: Path) -> None:
    stop = asyncio.Event()

    async def write() -> int:
        count = 0
        while not stop.is_set():
            async with database.unit(staff()) as unit:  # always both or none
                await unit.insert(NOTE, id=f"a{count}", text="x" * 500)
                await unit.insert(NOTE, id=f"b{count}", text="x" * 500)
            count += 1
        return count

    writer = asyncio.create_task(write())
    for number in range(3):
        await asyncio.sleep(0.1)
        await database.backup(tmp_path / f"copy{number}.db")
    stop.set()
    assert await writer > 0
    for number in range(3):
        target = tmp_path / f"copy{number}.db"
        assert target.stat().st_mode & 0o777 == 0o600
        copy = await Database.open(f"sqlite:///{target}", SystemClock())
        try:
            assert await copy.check() == []
            rows = set(await notes(copy))
        finally:
            await copy.close()
        assert rows
        assert {name[1:] for name in rows if name[0] == "a"} == {name[1:] for name in rows if name[0] == "b"}
    with pytest.raises(StorageError, match="there already"):
        await database.backup(tmp_path / "copy0.db")
    assert not list(tmp_path.glob(".copy*"))


@postgresql_only
async def test_postgresql_names_its_own_way_to_back_up(database: Database, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="pg_dump"):
        await database.backup(tmp_path / "x")


@postgresql_only
async def test_what_postgresql_would_lose_is_said(database: Database) -> None:
    assert len(await database.check()) == 2  # the tests' cluster has fsync and full_page_writes off


@postgresql_only
async def test_a_postgresql_that_forgets_commits_is_refused(database_url: str, postgresql: Cluster) -> None:
    name = re.split(r"[/?]", database_url)[3]
    postgresql.run(f"ALTER DATABASE {name} SET synchronous_commit = off")
    with pytest.raises(StorageError, match="synchronous_commit = on"):
        await Database.open(database_url, SystemClock())


@postgresql_only
@pytest.mark.usefixtures("sample")
async def test_a_lost_connection_is_unavailable_and_the_next_unit_has_a_new_one(
    database: Database, database_url: str, postgresql: Cluster
) -> None:
    name = re.split(r"[/?]", database_url)[3]
    with pytest.raises(UnavailableError):  # noqa: PT012
        async with database.unit(staff()) as unit:
            await unit.insert(NOTE, id="n1", text="x")
            postgresql.end_connections(name)
            await asyncio.sleep(0.05)
            await unit.insert(NOTE, id="n2", text="x")
    await add_note(database, "n3", "x")
    assert await notes(database) == {"n3": "x"}


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:secret@h/d", "sqlite://", "sqlite:///:memory:", "sqlite:///a.db?mode=secret", "secret",
        "postgresql://u:secret@127.0.0.1:1/d", "sqlite:////proc/secret/clinic.db",
    ],
)  # fmt: skip
async def test_a_url_that_is_no_good_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(StorageError) as caught:
        await Database.open(url, SystemClock(), Options(busy_timeout=1))
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
