"""`mediaserver rooms`: asks the running server."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import click

from mediaserver.cli.common import config_options, identity_of, settings_of, when
from mediaserver.cli.links import base_url
from mediaserver.model.grants import Grants, Person
from mediaserver.model.pii import Pii
from mediaserver.model.roles import Role

# For the one request that follows.
_TTL = 60


@click.group()
def rooms() -> None:
    """Rooms of the running server."""


@rooms.command("list")
@click.option("--url", help="The server. [http.public_url, or the address listened on]")
@click.option("--json", "as_json", is_flag=True, help="The server's answer as it is.")
@config_options
def list_(url: str | None, as_json: bool, config: Path | None, data: Path | None) -> None:
    """Lists open rooms."""
    settings = settings_of(config, data)
    operator = Person("cli", Pii(""), Role.OPERATOR, Grants(rooms=True))
    token = identity_of(settings).tokens.issue(operator, _TTL)
    base = (url or base_url(settings)).rstrip("/")
    answer = asyncio.run(_get(f"{base}/api/v1/rooms", token))
    if as_json:
        click.echo(json.dumps(answer))
        return
    found = answer["rooms"]
    if not found:
        click.echo("no open rooms")
    for room in found:
        locked = "locked" if room["locked"] else "open"
        people = f"{room['participants']}/{room['max_participants']}"
        click.echo(f"{room['name']}  {people}  {locked}  since {when(room['opened_at'] / 1000)}")


async def _get(url: str, token: str) -> Any:
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
            session.get(url, headers={"Authorization": f"Bearer {token}"}) as response,
        ):
            if response.status != 200:
                raise click.ClickException(f"the server answered {response.status}")
            return await response.json()
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise click.ClickException(f"no server answers at {url} ({type(error).__name__})") from None
