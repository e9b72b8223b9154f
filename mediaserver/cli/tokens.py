"""`mediaserver token`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from mediaserver.cli.common import ROLE, DurationParam, RoomParam, config_options, identity_of, settings_of
from mediaserver.identity.tokens import MAX_TTL
from mediaserver.model.grants import Person, grants_for
from mediaserver.model.ids import MAX_IDENTITY, MAX_NAME, RoomName
from mediaserver.model.pii import Pii
from mediaserver.model.roles import Role


@click.group()
def token() -> None:
    """Access tokens, signed by the data folder's keys; works beside a running server."""


@token.command()
@click.option("--room", type=RoomParam(), help="Room the token opens.")
@click.option(
    "--identity", required=True, help="Stable id of the person; a second connection replaces the first."
)
@click.option("--name", default="", help="Name that others see.")
@click.option("--role", type=ROLE, required=True)
@click.option(
    "--ttl", type=DurationParam(), default="1h", show_default=True, help="Life: seconds, or 15m, 24h, 30d."
)
@click.option("--admin/--no-admin", default=None, help="May mute, remove, lock and end. [by role]")
@click.option("--hidden", is_flag=True, help="Takes part unseen and sends nothing.")
@click.option("--view-only", is_flag=True, help="Sends nothing.")
@click.option("--rooms", is_flag=True, help="May manage all rooms by REST.")
@config_options
def create(
    room: RoomName | None,
    identity: str,
    name: str,
    role: str,
    ttl: int,
    admin: bool | None,
    hidden: bool,
    view_only: bool,
    rooms: bool,
    config: Path | None,
    data: Path | None,
) -> None:
    """Prints a token for one person in one room."""
    if not 0 < len(identity) <= MAX_IDENTITY or len(name) > MAX_NAME:
        raise click.ClickException(f"an identity and a name have at most {MAX_IDENTITY} characters")
    if ttl > MAX_TTL:
        raise click.ClickException("a token lives 30 days at most")
    grants = grants_for(Role(role), room) if room is not None else grants_for(Role.OPERATOR, RoomName("-"))
    if room is None and not (rooms or role == Role.OPERATOR):
        raise click.ClickException("say which --room, or --rooms for a token that manages rooms")
    grants = replace(
        grants,
        publish=frozenset() if hidden or view_only else grants.publish,
        admin=grants.admin if admin is None else admin,
        hidden=hidden,
        rooms=grants.rooms or rooms,
    )
    person = Person(identity, Pii(name), Role(role), grants)
    click.echo(identity_of(settings_of(config, data)).tokens.issue(person, ttl))
