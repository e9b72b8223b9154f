"""`mediaserver serve`."""

from __future__ import annotations

import errno
import re
import socket
import ssl
import sys
from pathlib import Path
from typing import Any

import click
import uvloop

from mediaserver import logs
from mediaserver.cli.common import settings_of
from mediaserver.cli.links import ADDRESS, url_of
from mediaserver.config import Settings, parse_listen
from mediaserver.identity.files import write_private
from mediaserver.identity.keys import KeyFileError
from mediaserver.model.ids import RoomName
from mediaserver.model.roles import Role
from mediaserver.server import Listening, Server, listen_localhost

DEV_HTTP_PORT = 8080
DEV_MEDIA_PORT = 7882
DEV_ROOM = RoomName("demo")
DEV_LINK_TTL = 24 * 3600


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="YAML file with settings.")
@click.option("--http", multiple=True, metavar="HOST:PORT", help="Where pages are served; may be repeated.")
@click.option(
    "--media", multiple=True, metavar="HOST:PORT", help="UDP for media; may be repeated (one port)."
)
@click.option("--data", type=click.Path(path_type=Path), help="Data folder: keys, links, certificate.")
@click.option("--dev", is_flag=True, help="On localhost, with all that is needed, and two links to try.")
def serve(
    config: Path | None, http: tuple[str, ...], media: tuple[str, ...], data: Path | None, dev: bool
) -> None:
    """Runs the server until SIGTERM or Ctrl-C."""
    flags: dict[str, Any] = {}
    if http:
        flags["http"] = {"listen": list(http)}
    if media:
        flags["media"] = {"listen": list(media)}
    if dev:
        flags["log"] = {"format": "console", "level": "warning"}
        flags["media"] = {"listen": list(media) or _free_media(), "announce_loopback": True}
    settings = settings_of(config, data, flags)
    logs.configure(settings.log.level, settings.log.format)
    try:
        uvloop.run(_run(settings, dev=dev, own_http=bool(http or config)))
    except (OSError, ssl.SSLError) as error:
        raise click.ClickException(_explain(error)) from None
    except KeyFileError as error:
        raise click.ClickException(str(error)) from None


async def _run(settings: Settings, *, dev: bool, own_http: bool) -> None:
    sockets = listen_localhost(DEV_HTTP_PORT) if dev and not own_http else None
    server = Server(settings)
    listening = await server.start(sockets)
    try:
        if dev:
            # localhost is a secure context by http, an address is not (and passkeys want a name).
            anywhere = r"//(127\.0\.0\.1|\[::1\]|0\.0\.0\.0|\[::\])(?=:|$)"
            base = re.sub(anywhere, "//localhost", listening.http[0])
            write_private(settings.data / ADDRESS, base.encode())
            _greet(server, base, listening, sockets)
        else:
            click.echo(f"listening on {', '.join(listening.http)}; media on UDP {', '.join(listening.media)}")
        await server.wait()
    finally:
        if dev:
            (settings.data / ADDRESS).unlink(missing_ok=True)
        await server.stop()


def _greet(server: Server, base: str, listening: Listening, sockets: list[socket.socket] | None) -> None:
    if sockets is not None and (port := sockets[0].getsockname()[1]) != DEV_HTTP_PORT:
        click.echo(f"Port {DEV_HTTP_PORT} is taken, so this runs on {port}.")
    links = server.house.identity.links
    urls = {
        role: url_of(base, links.create(room=DEV_ROOM, identity=id, name=name, role=role, ttl=DEV_LINK_TTL))
        for role, id, name in (
            (Role.PATIENT, "patient", "Pat Doe"),
            (Role.CLINICIAN, "clinician", "Dr. Rivera"),
        )
    }
    strong = {role: click.style(url, bold=True) for role, url in urls.items()}
    click.echo(
        f"\n  A call to try. Open each link in a browser window of its own:\n\n"
        f"    Patient     {strong[Role.PATIENT]}\n"
        f"    Clinician   {strong[Role.CLINICIAN]}\n\n"
        f"  They are good for 24 hours. Media goes by UDP {', '.join(listening.media)}. Ctrl-C ends.\n"
    )
    for role, url in urls.items():
        click.echo(f"link {role.value} {url}")
    sys.stdout.flush()


def _free_media() -> list[str]:
    """Every address, on the first port that both families have free."""
    for port in range(DEV_MEDIA_PORT, DEV_MEDIA_PORT + 20):
        hosts = [host for host in ("0.0.0.0", "[::]") if _free(host, port)]  # noqa: S104 - phones nearby
        if "0.0.0.0" in hosts:  # noqa: S104
            if port != DEV_MEDIA_PORT:
                click.echo(f"UDP port {DEV_MEDIA_PORT} is taken, so media uses {port}.")
            return [f"{host}:{port}" for host in hosts]
    raise click.ClickException(f"no free UDP port from {DEV_MEDIA_PORT} on; say one with --media")


def _free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind((parse_listen(f"{host}:0")[0], port))
    except OSError:
        return False
    return True


def _explain(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return (
            "the TLS certificate and key don't fit each other, or are no PEM files; run `mediaserver doctor`"
        )
    match error.errno:
        case errno.EADDRINUSE:
            return "an address is in use by another program; choose others with --http and --media"
        case errno.EADDRNOTAVAIL:
            return "an address to listen on is not one of this machine"
        case errno.EACCES | errno.EPERM:
            return f"not permitted: {error.filename or 'ports below 1024 need a privilege'}"
        case errno.ENOENT:
            return f"there is no {error.filename}"
        case _:
            return f"{error.strerror or error}"
