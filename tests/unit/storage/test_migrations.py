"""The schema: made by the migrations, the same as the tables in code, by one process or several."""

from __future__ import annotations

import asyncio
import importlib
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import ForeignKeyConstraint, inspect, text

import mediaserver
from mediaserver.model.actors import Actor
from mediaserver.model.clock import SystemClock
from mediaserver.storage import Database, Migrations, Options, StorageError
from mediaserver.storage.engines import make_sync_engine, parse
from mediaserver.storage.migrate import newest
from mediaserver.storage.schema import metadata


def load_tables() -> None:
    """Imports every package's tables.py, so that `metadata` knows them all."""
    for file in Path(mediaserver.__file__).parent.glob("*/tables.py"):
        importlib.import_module(f"mediaserver.{file.parent.name}.tables")


def tables_of(url: str) -> set[str]:
    engine = make_sync_engine(parse(url), Options())
    try:
        return set(inspect(engine).get_table_names())
    finally:
        engine.dispose()


def test_the_tables_in_code_are_those_the_migrations_make(database_url: str) -> None:
    load_tables()
    engine = make_sync_engine(parse(database_url), Options())
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, metadata) == []
            found = inspect(connection)
            # What Alembic doesn't compare: primary keys, nullable columns in them, names of constraints.
            for table in metadata.tables.values():
                key = found.get_pk_constraint(table.name)
                assert key["constrained_columns"] == [c.name for c in table.primary_key.columns], table.name
                assert key["name"] == table.primary_key.name or key["name"] is None, table.name
                assert {c["name"] for c in found.get_unique_constraints(table.name)} == {
                    c.name for c in table.constraints if type(c).__name__ == "UniqueConstraint"
                }, table.name
                assert {c["name"] for c in found.get_foreign_keys(table.name)} == {
                    c.name for c in table.foreign_key_constraints
                }, table.name
    finally:
        engine.dispose()


def test_references_between_tables_of_tenants_stay_in_a_tenant() -> None:
    load_tables()
    for table in metadata.tables.values():
        for key in table.constraints:
            if not isinstance(key, ForeignKeyConstraint) or "tenant" not in key.referred_table.c:
                continue
            pairs = {(e.parent.name, e.column.name) for e in key.elements}
            assert ("tenant", "tenant") in pairs, f"{table.name} refers across tenants: use reference()"


def test_tenant_comes_first_in_every_index() -> None:
    load_tables()
    for table in metadata.tables.values():
        if "tenant" not in table.c:
            continue
        for index in table.indexes:
            first = next(iter(index.columns)).name
            assert first == "tenant" or index.info.get("across_tenants"), (
                f"{index.name} doesn't begin with tenant: tenant_index(), or info={{'across_tenants': True}}"
            )


def test_names_are_short_enough_for_postgresql() -> None:
    """It takes 63 bytes; a longer one is cut, and DuplicateError.constraint would differ by database."""
    load_tables()
    for table in metadata.tables.values():
        for item in (*table.constraints, *table.indexes):
            assert len(str(item.name)) <= 63, item.name


async def test_an_upgrade_of_what_is_new_enough_does_nothing(empty_database_url: str) -> None:
    database = await Database.open(empty_database_url, SystemClock())
    try:
        assert await database.revisions() == (None, newest())
        assert len(await database.check()) >= 1
        await database.upgrade()
        assert await database.revisions() == (newest(), newest())
        await database.upgrade()
        async with database.read(Actor.system()) as reader:
            assert await reader.scalar(text("SELECT count(*) FROM tenant")) == 1
    finally:
        await database.close()


_UPGRADE = """
import asyncio, sys
from mediaserver.model.clock import SystemClock
from mediaserver.storage import Database

async def main():
    database = await Database.open(sys.argv[1], SystemClock())
    sys.stdin.readline()
    await database.upgrade()
    print((await database.revisions())[0])
    await database.close()

asyncio.run(main())
"""


async def test_several_processes_may_upgrade_at_once(empty_database_url: str) -> None:
    pipe = asyncio.subprocess.PIPE
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", _UPGRADE, empty_database_url, stdin=pipe, stdout=pipe, stderr=pipe
        )
        for _ in range(3)
    ]
    async with asyncio.timeout(60):
        results = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))
    for process, (out, errors) in zip(processes, results, strict=True):
        assert process.returncode == 0, errors.decode()
        assert out.decode().strip() == newest()


def plugin(folder: Path, body: str, name: str = "sample", revision: str = "sample_1") -> Migrations:
    """A plugin's migrations: one revision with that body."""
    versions = folder / f"{name} migrations 50%"
    versions.mkdir(exist_ok=True)
    (versions / f"{revision}.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n\n"
        f"revision = {revision!r}\ndown_revision = None\nbranch_labels = ({name!r},)\ndepends_on = None\n\n\n"
        f"def upgrade():\n    {body}\n"
    )
    return Migrations(name, versions)


async def test_a_plugins_tables_come_and_its_going_stops_nobody(database_url: str, tmp_path: Path) -> None:
    own = plugin(tmp_path, "op.create_table('sample_thing', sa.Column('id', sa.Text, primary_key=True))")
    database = await Database.open(database_url, SystemClock())
    try:
        await database.upgrade([own])
        await database.upgrade([own])
        assert "sample_thing" in tables_of(database_url)
        await database.upgrade()
        assert await database.revisions() == (newest(), newest())
    finally:
        await database.close()


async def test_a_plugin_makes_no_table_in_anothers_name(database_url: str, tmp_path: Path) -> None:
    stray = plugin(tmp_path, "op.create_table('visits_too', sa.Column('id', sa.Text, primary_key=True))")
    database = await Database.open(database_url, SystemClock())
    try:
        with pytest.raises(StorageError, match="visits_too"):
            await database.upgrade([stray])
    finally:
        await database.close()
    assert not {"visits_too", "alembic_version_sample"} & tables_of(database_url)


async def test_a_migration_that_fails_leaves_nothing(database_url: str, tmp_path: Path) -> None:
    broken = plugin(
        tmp_path,
        "op.create_table('sample_thing', sa.Column('id', sa.Text, primary_key=True));"
        " op.execute('INSERT INTO nowhere VALUES (1)')",
    )
    before = tables_of(database_url)
    database = await Database.open(database_url, SystemClock())
    try:
        with pytest.raises(StorageError):
            await database.upgrade([broken])
    finally:
        await database.close()
    assert tables_of(database_url) == before


async def test_a_database_of_a_newer_program_is_named(database_url: str) -> None:
    engine = make_sync_engine(parse(database_url), Options())
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999_future'"))
    engine.dispose()
    database = await Database.open(database_url, SystemClock())
    try:
        with pytest.raises(StorageError, match=r"9999_future.*install the version that made it"):
            await database.upgrade()
        assert any("9999_future" in problem for problem in await database.check())
    finally:
        await database.close()
