"""`mediaserver link`."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import click

from mediaserver.cli.common import (
    ROLE,
    DurationParam,
    RoomParam,
    config_options,
    identity_of,
    settings_of,
    when,
)
from mediaserver.config import Settings
from mediaserver.model.clock import SystemClock
from mediaserver.model.ids import MAX_IDENTITY, MAX_NAME, LinkCode, RoomName
from mediaserver.model.roles import Role

# In the data folder while `serve --dev` runs: where it can be reached.
ADDRESS = "address"


@click.group()
def link() -> None:
    """Join links: for one person and one purpose, until they expire or are revoked."""


def url_of(base: str, code: LinkCode) -> str:
    """The address of a link."""
    return f"{base.rstrip('/')}/j/{code}"


def base_url(settings: Settings) -> str:
    """How people reach the server, as far as the settings tell."""
    if settings.http.public_url is not None:
        return settings.http.public_url
    with suppress(OSError):  # a development server may have had to move to another port
        return (settings.data / ADDRESS).read_text()
    host, _, port = settings.http.listen[0].rpartition(":")
    scheme = "https" if settings.http.tls else "http"
    # localhost is a secure context by http; an address is not, and breaks passkeys.
    if host in ("127.0.0.1", "[::1]", "0.0.0.0", "[::]", ""):  # noqa: S104 - compared, not bound
        host = "localhost"
    return f"{scheme}://{host}:{port}"


@link.command()
@click.option("--room", type=RoomParam(), required=True)
@click.option("--identity", required=True, help="Stable id of the person.")
@click.option("--name", required=True, help="Name that others see.")
@click.option("--role", type=ROLE, required=True)
@click.option("--ttl", type=DurationParam(), default="24h", show_default=True)
@click.option("--url", help="Base address to print. [http.public_url, or the address listened on]")
@config_options
def create(
    room: RoomName,
    identity: str,
    name: str,
    role: str,
    ttl: int,
    url: str | None,
    config: Path | None,
    data: Path | None,
) -> None:
    """Prints a new join link."""
    if not 0 < len(identity) <= MAX_IDENTITY or not 0 < len(name) <= MAX_NAME:
        raise click.ClickException(f"an identity and a name have 1 to {MAX_IDENTITY} characters")
    settings = settings_of(config, data)
    links = identity_of(settings).links
    code = links.create(room=room, identity=identity, name=name, role=Role(role), ttl=ttl)
    click.echo(url_of(url or base_url(settings), code))


@link.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--all", "everything", is_flag=True, help="Expired and revoked ones too.")
@config_options
def list_(as_json: bool, everything: bool, config: Path | None, data: Path | None) -> None:
    """Lists links by id; the code itself is not kept."""
    now = SystemClock().wall()
    for id, entry in identity_of(settings_of(config, data)).links.list():
        state = "revoked" if entry.revoked_at else "expired" if entry.expires_at <= now else "valid"
        if state != "valid" and not everything:
            continue
        row = {
            "id": id[:16],
            "state": state,
            "room": entry.room,
            "role": entry.role.value,
            "identity": entry.identity,
            "expires": when(entry.expires_at),
        }
        click.echo(json.dumps(row) if as_json else "  ".join(row.values()))


@link.command()
@click.argument("link_or_id")
@config_options
def revoke(link_or_id: str, config: Path | None, data: Path | None) -> None:
    """Revokes a link by its address, its code, or the id that `link list` shows."""
    count = identity_of(settings_of(config, data)).links.revoke(link_or_id.rstrip("/").rsplit("/", 1)[-1])
    if count == 0:
        raise click.ClickException("there is no such link")
    click.echo(f"revoked {count}")
