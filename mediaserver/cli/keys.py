"""`mediaserver key`."""

from __future__ import annotations

from pathlib import Path

import click

from mediaserver.cli.common import config_options, identity_of, settings_of
from mediaserver.identity.keys import KeyFileError


@click.group()
def key() -> None:
    """Signing keys: several verify, one signs. A running server sees a change by itself."""


@key.command("list")
@config_options
def list_(config: Path | None, data: Path | None) -> None:
    """Lists key ids and algorithms; never a key."""
    ring = identity_of(settings_of(config, data)).keys
    for kid in ring.kids:
        entry = ring.get(kid)
        if entry is not None:
            use = "signs" if kid == ring.signing().kid else "verifies"
            click.echo(f"{kid}  {entry.algorithm}  {use}")


@key.command()
@click.option("--algorithm", type=click.Choice(["HS256", "Ed25519", "ES256"]), help="[as the present one]")
@config_options
def rotate(algorithm: str | None, config: Path | None, data: Path | None) -> None:
    """Makes a new key and signs with it from now on; tokens of the old ones stay good."""
    click.echo(identity_of(settings_of(config, data)).keys.rotate(algorithm).kid)


@key.command()
@click.argument("kid")
@config_options
def retire(kid: str, config: Path | None, data: Path | None) -> None:
    """Removes a key: tokens it signed are refused from now on."""
    try:
        identity_of(settings_of(config, data)).keys.retire(kid)
    except KeyFileError as error:
        raise click.ClickException(str(error)) from None
