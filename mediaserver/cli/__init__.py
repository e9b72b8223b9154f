"""The command line: serve, token, link, key, rooms, db, audit, plugin, doctor."""

from __future__ import annotations

import click

from mediaserver.cli.audit import audit
from mediaserver.cli.database import db
from mediaserver.cli.doctor import doctor
from mediaserver.cli.keys import key
from mediaserver.cli.links import link
from mediaserver.cli.plugins import plugin
from mediaserver.cli.rooms import rooms
from mediaserver.cli.serve import serve
from mediaserver.cli.tokens import token


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="mediaserver")
def main() -> None:
    """Telemedicine media server: browser calls through its own WebRTC SFU."""


for _command in (serve, token, link, key, rooms, db, audit, plugin, doctor):
    main.add_command(_command)

__all__ = ["main"]
