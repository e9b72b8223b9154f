"""`mediaserver audit`."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import click

from mediaserver.audit import AuditError, AuditKey, AuditLog, FileWitness, verify_database
from mediaserver.audit.export import ExportFormat, export
from mediaserver.audit.fhir import Site
from mediaserver.audit.recovery import rewitness
from mediaserver.cli.common import config_options, settings_of
from mediaserver.config import Settings
from mediaserver.model.actors import Actor
from mediaserver.model.audit import AuditAction, AuditEntity, AuditEvent
from mediaserver.model.clock import SystemClock
from mediaserver.storage import Database, StorageError
from mediaserver.storage.engines import file_of, parse

T = TypeVar("T")

Work = Callable[[Database, AuditKey, FileWitness], Awaitable[T]]


@click.group()
def audit() -> None:
    """The audit log: is it whole, and what does it say. A running server may go on meanwhile."""


def _with_log(settings: Settings, work: Work[T]) -> T:
    """Opens database, key and witness for `work`; ends the command in one plain line when it can't."""

    async def run() -> T:
        file = file_of(parse(settings.storage_url))
        if file is not None and not file.exists():
            raise StorageError(f"there is no database {file}")
        key = AuditKey.open(settings.audit_key_file)
        witness = FileWitness(settings.audit_witness_file)
        database = await Database.open(settings.storage_url, SystemClock(), settings.storage.options())
        try:
            return await work(database, key, witness)
        finally:
            await database.close()
            witness.close()

    try:
        return asyncio.run(run())
    except (StorageError, AuditError, OSError) as error:
        raise click.ClickException(str(error)) from None


@audit.command()
@config_options
def verify(config: Path | None, data: Path | None) -> None:
    """Recomputes the whole log and holds it against its witness.

    Exits with 1 when anything is wrong, and names the first row that is. Changes nothing; a copy of a data
    folder and its witness will do.
    """
    settings = settings_of(config, data)
    report = _with_log(settings, verify_database)
    for note in report.notes:
        click.echo(f"note: {note}", err=True)
    for problem in report.problems:
        click.echo(problem.text, err=True)
    if not report.sound:
        raise SystemExit(1)
    keys = ", ".join(sorted(AuditKey.open(settings.audit_key_file).ids))
    click.echo(f"whole: {report.rows} entries, {report.heads} heads at the witness, signed by {keys}")


_TIME = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"])


@audit.command("export")
@click.option(
    "--format",
    "form",
    type=click.Choice([form.value for form in ExportFormat]),
    default="ndjson",
    show_default=True,
)
@click.option("--since", type=_TIME, help="From this time on (UTC).")
@click.option("--until", type=_TIME, help="Before this time (UTC).")
@click.option("--tenant", help="Of this clinic only.")
@config_options
def export_(
    form: str,
    since: datetime | None,
    until: datetime | None,
    tenant: str | None,
    config: Path | None,
    data: Path | None,
) -> None:
    """Prints entries, one a line, oldest first. That you did is an entry itself, written before."""
    settings = settings_of(config, data)
    host = urlsplit(settings.http.public_url or "").hostname or "localhost"
    bounds = {"since": _milliseconds(since), "until": _milliseconds(until)}

    async def work(database: Database, key: AuditKey, witness: FileWitness) -> None:
        log = await AuditLog.open(database, key, witness, SystemClock())
        detail = {
            name: str(value) for name, value in {**bounds, "tenant": tenant}.items() if value is not None
        }
        event = AuditEvent(
            Actor.system(),
            "audit.export",
            AuditAction.READ,
            entities=(AuditEntity("AuditEvent", "*"),),
            detail={"user": getpass.getuser(), "format": form, **detail},
        )
        await log.access(Actor.system(), event)
        async with database.read(Actor.system()) as reader:
            lines = export(reader, ExportFormat(form), Site(settings.clinic, host), tenant=tenant, **bounds)
            async for line in lines:
                click.echo(line)

    try:
        _with_log(settings, work)
    except ValueError:
        raise click.ClickException("the log is damaged; run `mediaserver audit verify`") from None


@audit.command("rewitness")
@click.option("--reason", required=True, help="Why; it is written into the log.")
@click.confirmation_option(prompt="Is the server stopped, and is the old witness really lost or outdated?")
@config_options
def rewitness_(reason: str, config: Path | None, data: Path | None) -> None:
    """Begins a new witness when the old one is lost, or the database was restored from a backup."""
    settings = settings_of(config, data)

    async def work(database: Database, key: AuditKey, witness: FileWitness) -> Path | None:
        return await rewitness(
            database, key, witness.path, SystemClock(), reason=reason, user=getpass.getuser()
        )

    aside = _with_log(settings, work)
    click.echo(f"new witness {settings.audit_witness_file}" + (f"; the old one is {aside}" if aside else ""))


def _milliseconds(time: datetime | None) -> int | None:
    return None if time is None else int(time.replace(tzinfo=UTC).timestamp() * 1000)
