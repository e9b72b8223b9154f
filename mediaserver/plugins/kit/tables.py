"""Checks of a plugin's tables and of the migrations that make them."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, MetaData, create_engine, inspect

from mediaserver.model.clock import SystemClock
from mediaserver.model.pii import fault
from mediaserver.plugins.manifest import Manifest
from mediaserver.storage import Database, Migrations, Options, StorageError
from mediaserver.storage.engines import parse
from mediaserver.storage.migrate import downgrade


def tables_are_its_own(plugin: Manifest) -> Iterator[str]:
    """Names begin with the plugin's, keys with the clinic's."""
    tables = plugin.kind.tables
    if tables is None:
        if plugin.kind.migrations is not None:
            yield "there are `migrations` but no `tables`"
        return
    if plugin.kind.migrations is None:
        yield "`tables` need `migrations`, the folder of revisions that make them"
    elif not plugin.kind.migrations.is_dir():
        yield f"there is no folder {plugin.kind.migrations.name} for `migrations`"
    for name, table in tables.tables.items():
        if not name.startswith(f"{plugin.name}_"):
            yield f"table {name} must be named {plugin.name}_.."
        keys = [column.name for column in table.primary_key]
        if not keys or keys[0] != "tenant":
            yield f"table {name}: `tenant` must lead its primary key; make it with `own_table`"
        for key in table.foreign_keys:
            target = key.target_fullname.partition(".")[0]
            if target not in tables.tables and target != "tenant":
                yield f"table {name} refers to {target}, which isn't the plugin's"


async def migrations_go_both_ways(plugin: Manifest) -> list[str]:
    """Up on an empty SQLite database, the same tables as declared, and down to nothing."""
    folder, tables = plugin.kind.migrations, plugin.kind.tables
    if folder is None or tables is None or not folder.is_dir():
        return []
    with tempfile.TemporaryDirectory(prefix="kit-") as place:
        url = f"sqlite:///{Path(place) / 'kit.db'}"
        own = Migrations(plugin.name, folder)
        database = await Database.open(url, SystemClock())
        try:
            await database.upgrade([own])
            await database.upgrade([own])  # twice is once
        except StorageError as error:
            return [f"its migrations don't go up: {error}"]
        except Exception as error:
            return [f"its migrations don't go up: {fault(error)}"]
        finally:
            await database.close()
        problems = await asyncio.to_thread(_compare, url, tables, plugin.name)
        try:
            await asyncio.to_thread(downgrade, parse(url), Options(), own)
        except Exception as error:
            return [*problems, f"its migrations don't go down: {fault(error)}"]
        left = await asyncio.to_thread(_names, url, plugin.name)
        return [*problems, *(f"table {name} is left when its migrations go down" for name in left)]


def _compare(url: str, tables: MetaData, plugin: str) -> list[str]:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return list(_differences(connection, tables, plugin))
    finally:
        engine.dispose()


def _differences(connection: Connection, tables: MetaData, plugin: str) -> Iterator[str]:
    seen = inspect(connection)
    made = {name for name in seen.get_table_names() if name.startswith(f"{plugin}_")}
    for name in sorted(made - set(tables.tables)):
        yield f"its migrations make {name}, which `tables` hasn't"
    for name, table in tables.tables.items():
        if name not in made:
            yield f"no migration makes {name}"
            continue
        there = {column["name"]: bool(column["nullable"]) for column in seen.get_columns(name)}
        declared = {column.name: bool(column.nullable) for column in table.columns}
        for column in sorted(there.keys() ^ declared.keys()):
            yield f"{name}.{column} is in {'the migrations' if column in there else '`tables`'} alone"
        for column in sorted(there.keys() & declared.keys()):
            if there[column] != declared[column]:
                yield f"{name}.{column}: migration and `tables` disagree on whether it may be NULL"
        if seen.get_pk_constraint(name)["constrained_columns"] != [c.name for c in table.primary_key]:
            yield f"{name}: migration and `tables` have other primary keys"


def _names(url: str, plugin: str) -> list[str]:
    engine = create_engine(url)
    try:
        return [name for name in inspect(engine).get_table_names() if name.startswith(f"{plugin}_")]
    finally:
        engine.dispose()
