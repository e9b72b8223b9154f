"""`mediaserver db`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import click

from mediaserver.cli.common import config_options, settings_of
from mediaserver.config import Settings
from mediaserver.model.clock import SystemClock
from mediaserver.storage import Database, StorageError
from mediaserver.storage.engines import file_of, parse
from mediaserver.storage.sqlite import parts

T = TypeVar("T")


@click.group()
def db() -> None:
    """The database: schema, soundness, backups. A running server may go on meanwhile."""


def _with_database(settings: Settings, work: Callable[[Database], Awaitable[T]], *, make: bool = False) -> T:
    """Opens the database for `work`; ends the command in one plain line when something is wrong."""

    async def run() -> T:
        file = file_of(parse(settings.storage_url))
        if file is not None and not file.exists() and not make:
            raise StorageError(
                f"there is no database {file}: run `mediaserver db upgrade`, or start the server"
            )
        database = await Database.open(settings.storage_url, SystemClock(), settings.storage.options())
        try:
            return await work(database)
        finally:
            await database.close()

    try:
        return asyncio.run(run())
    except StorageError as error:
        raise click.ClickException(str(error)) from None


@db.command()
@config_options
def upgrade(config: Path | None, data: Path | None) -> None:
    """Makes the database if need be and brings its schema up to date (`serve` does so too)."""

    async def work(database: Database) -> None:
        before = (await database.revisions())[0]
        await database.upgrade()
        after = (await database.revisions())[0]
        click.echo(
            f"{database.place}: {after}, as before" if before == after else f"{database.place}: {after}"
        )

    _with_database(settings_of(config, data), work, make=True)


@db.command()
@config_options
def check(config: Path | None, data: Path | None) -> None:
    """Looks for damage; exits with 1 and names it when there is some."""
    problems = _with_database(settings_of(config, data), lambda database: database.check())
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        raise SystemExit(1)
    click.echo("sound")


@db.command()
@click.argument("target", type=click.Path(path_type=Path))
@config_options
def backup(target: Path, config: Path | None, data: Path | None) -> None:
    """Copies the database as it is now to the new file TARGET, checked, readable by you alone."""
    _with_database(settings_of(config, data), lambda database: database.backup(target))
    click.echo(f"{target}: {target.stat().st_size} bytes")


@db.command()
@config_options
def status(config: Path | None, data: Path | None) -> None:
    """Tells where the database is, how big, and whether its schema is the program's."""
    settings = settings_of(config, data)

    async def work(database: Database) -> None:
        at, wanted = await database.revisions()
        click.echo(f"place     {database.place}")
        if (file := file_of(parse(settings.storage_url))) is not None:
            click.echo(f"size      {sum(part.stat().st_size for part in parts(file))} bytes")
        click.echo(f"revision  {at or 'none'}")
        if at != wanted:
            click.echo(f"wanted    {wanted}: run `mediaserver db upgrade`")

    _with_database(settings, work)
