"""Migrations: Alembic, run from here and nowhere else.

The core's revisions stand in `migrations/versions`; a plugin's in its own folder, with a version table of its
own (`alembic_version_<plugin>`). So a plugin that is taken away leaves its tables and its place behind and
nothing else: with one shared table Alembic would refuse to go on at a revision it can't find.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import URL, Connection, inspect, text

from mediaserver.storage.engines import Options, make_sync_engine
from mediaserver.storage.errors import StorageError, guarded_call

_HOME = Path(__file__).parent / "migrations"

# Alembic keeps the migration under way in a module of its own (`alembic.op`): one at a time in a process.
_ALONE = threading.Lock()

# Any number will do; the same for every process that upgrades one PostgreSQL database ("medi" in ASCII).
_ADVISORY_LOCK = 0x6D656469


@dataclass(frozen=True, slots=True)
class Migrations:
    """A plugin's revisions. Every table they make is called `<plugin>_..`."""

    plugin: str
    folder: Path


CORE = Migrations("", _HOME / "versions")


def upgrade(url: URL, options: Options, plugins: Sequence[Migrations] = ()) -> None:
    """Brings the schema up to date: core first, then each plugin, each in one transaction: a failed upgrade
    leaves its part as it was. Several processes may do so at once. Blocks. Raises StorageError.
    """
    with _ALONE:
        engine = make_sync_engine(url, options)
        try:
            for migrations in (CORE, *plugins):

                def work(migrations: Migrations = migrations) -> None:
                    with engine.begin() as connection:
                        _upgrade_one(connection, migrations)

                guarded_call(work)
        finally:
            engine.dispose()


def _upgrade_one(connection: Connection, migrations: Migrations) -> None:
    sqlite = connection.dialect.name == "sqlite"
    if not sqlite:  # SQLite's BEGIN IMMEDIATE is that lock already
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
    before = set(inspect(connection).get_table_names())
    config = _config(migrations)
    config.attributes["connection"] = connection
    config.attributes["version_table"] = _version_table(migrations)
    try:
        command.upgrade(config, "heads")
    except CommandError:
        raise StorageError(_unknown(connection, migrations)) from None
    if migrations.plugin:
        made = set(inspect(connection).get_table_names()) - before - {_version_table(migrations)}
        if strays := sorted(name for name in made if not name.startswith(f"{migrations.plugin}_")):
            raise StorageError(
                f"plugin {migrations.plugin} makes tables that aren't named {migrations.plugin}_..:"
                f" {', '.join(strays)}"
            )
    if sqlite and (broken := connection.exec_driver_sql("PRAGMA foreign_key_check").first()):
        raise StorageError(f"the upgrade would leave rows of {broken[0]} that refer to nothing: undone")


def downgrade(url: URL, options: Options, plugin: Migrations) -> None:
    """Takes all of a plugin's revisions back, with their tables. Blocks. Raises StorageError, and whatever a
    revision's `downgrade` raises.
    """
    with _ALONE:
        engine = make_sync_engine(url, options)
        try:
            with engine.begin() as connection:
                config = _config(plugin)
                config.attributes["connection"] = connection
                config.attributes["version_table"] = _version_table(plugin)
                guarded_call(lambda: command.downgrade(config, "base"))
        finally:
            engine.dispose()


def revision(connection: Connection, migrations: Migrations = CORE) -> str | None:
    """Where the schema is; None before the first upgrade."""
    context = MigrationContext.configure(connection, opts={"version_table": _version_table(migrations)})
    heads = context.get_current_heads()
    return ", ".join(sorted(heads)) or None


def newest(migrations: Migrations = CORE) -> str | None:
    """Where the program wants it to be."""
    return ", ".join(sorted(ScriptDirectory.from_config(_config(migrations)).get_heads())) or None


def _unknown(connection: Connection, migrations: Migrations) -> str:
    whose = f"plugin {migrations.plugin}" if migrations.plugin else "the program"
    return (
        f"the database is at revision {revision(connection, migrations)}, which {whose} doesn't lead on from:"
        " install the version that made it, or restore the backup from before"
    )


def _version_table(migrations: Migrations) -> str:
    return f"alembic_version_{migrations.plugin}" if migrations.plugin else "alembic_version"


def _config(migrations: Migrations) -> Config:
    config = Config()
    for option, path in (("script_location", _HOME), ("version_locations", migrations.folder)):
        config.set_main_option(option, str(path).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")  # a folder's name may have a space in it
    return config
