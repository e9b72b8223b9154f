"""`mediaserver doctor`: what stands between this machine and a call, and what to do about it."""

from __future__ import annotations

import asyncio
import errno
import http.client
import ipaddress
import shutil
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import click
from cryptography import x509

from mediaserver.cli.common import config_options, settings_of
from mediaserver.config import Settings, parse_listen
from mediaserver.http.pages import WEB
from mediaserver.identity.files import others_can_read
from mediaserver.identity.keys import KeyFileError, KeyRing
from mediaserver.model.clock import SystemClock
from mediaserver.server import listen
from sfu import Engine, EngineConfig

_MIN_DISK = 1 << 30  # bytes
_MIN_BUFFER = 1 << 20  # bytes; a second of 8 Mbit/s
_RENEW_DAYS = 14
_PATIENCE = 2.0  # seconds for a server that may be running


class Level(StrEnum):
    """How bad a finding is. Errors make the exit code 1."""

    OK = "ok"
    HINT = "hint"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `what` is the fact; a hint or an error says what to do as well."""

    level: Level
    what: str


@click.command()
@config_options
def doctor(config: Path | None, data: Path | None) -> None:
    """Checks ports, addresses, clock, certificates and the data folder, and says what to do."""
    settings = settings_of(config, data)
    findings = list(examine(settings))
    colours = {Level.OK: "green", Level.HINT: "yellow", Level.ERROR: "red"}
    for finding in findings:
        click.echo(f"{click.style(f'{finding.level:<5}', fg=colours[finding.level])}  {finding.what}")
    if any(finding.level is Level.ERROR for finding in findings):
        raise SystemExit(1)


def examine(settings: Settings) -> Iterator[Finding]:
    """Everything, one after the other."""
    running = any(_serves(text, tls=settings.http.tls is not None) for text in settings.http.listen)
    yield from _data_folder(settings)
    yield from _http(settings)
    yield from _certificate(settings)
    yield from _media(settings, running=running)
    yield from _clock()
    yield from _pages()


def _data_folder(settings: Settings) -> Iterator[Finding]:
    folder = settings.data
    if not folder.is_dir():
        yield Finding(Level.HINT, f"data folder {folder} does not exist yet; `serve` makes it")
        return
    for path in (folder, settings.keys_file, settings.links_folder):
        if path.exists() and others_can_read(path):
            mode = "700" if path.is_dir() else "600"
            yield Finding(Level.ERROR, f"others may read {path}: chmod {mode} {path}")
    try:
        ring = KeyRing(settings.keys_file)
        yield Finding(Level.OK, f"{len(ring.kids)} signing key(s), {ring.signing().algorithm} signs")
    except KeyFileError as error:
        level = Level.ERROR if settings.keys_file.exists() else Level.HINT
        yield Finding(level, f"signing keys: {error}")
    free = shutil.disk_usage(folder).free
    if free < _MIN_DISK:
        yield Finding(Level.ERROR, f"{free >> 20} MiB left on the disk of {folder}: free some")
    else:
        yield Finding(Level.OK, f"data folder {folder}, {free >> 30} GiB free")


def _http(settings: Settings) -> Iterator[Finding]:
    for text in settings.http.listen:
        try:
            for sock in listen([text]):
                sock.close()
            yield Finding(Level.OK, f"TCP {text}: free")
        except OSError as error:
            if _serves(text, tls=settings.http.tls is not None):
                yield Finding(Level.OK, f"TCP {text}: a server is running here")
                continue
            what = error.strerror or type(error).__name__
            yield Finding(
                Level.ERROR, f"TCP {text}: {what}, by another program: end it, or take another port"
            )
    host = parse_listen(settings.http.listen[0])[0]
    local = _is_loopback(host)
    if settings.http.tls is None and not local and not settings.http.trusted_proxies:
        yield Finding(
            Level.ERROR,
            "browsers give no camera to a page by plain http: set http.tls, or http.trusted_proxies "
            "when a proxy before this server speaks TLS",
        )
    if settings.http.public_url is None and not local:
        yield Finding(Level.HINT, "http.public_url is not set: printed links name this machine's own address")


def _certificate(settings: Settings) -> Iterator[Finding]:
    tls = settings.http.tls
    if tls is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tls.certificate, tls.key)
        certificate = x509.load_pem_x509_certificate(tls.certificate.read_bytes())
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        yield Finding(Level.ERROR, f"certificate {tls.certificate}: {_reason(error)}")
        return
    if others_can_read(tls.key):
        yield Finding(Level.ERROR, f"others may read {tls.key}: chmod 600 {tls.key}")
    days = (certificate.not_valid_after_utc - _now()).days
    if certificate.not_valid_before_utc > _now():
        yield Finding(Level.ERROR, "the certificate is not valid yet: is the clock right?")
    elif days < 0:
        yield Finding(Level.ERROR, f"the certificate expired {-days} day(s) ago: renew it")
    elif days < _RENEW_DAYS:
        yield Finding(Level.HINT, f"the certificate expires in {days} day(s): renew it")
    else:
        yield Finding(Level.OK, f"certificate is good for {days} days")


def _media(settings: Settings, *, running: bool) -> Iterator[Finding]:
    media = settings.media
    try:
        engine_facts = asyncio.run(_start_engine(media.engine_config()))
    except (OSError, ValueError) as error:
        ports = f"{media.port}..{media.port + media.workers - 1}" if media.workers > 1 else str(media.port)
        if running and isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            yield Finding(Level.OK, f"UDP {ports}: in use while the server runs; stop it to check media")
        else:
            yield Finding(
                Level.ERROR, f"UDP {ports}: {_reason(error)}; end what uses it, or take another port"
            )
        return
    addresses, buffer, offload = engine_facts
    yield Finding(Level.OK, f"UDP {', '.join(media.listen)}: free, {media.workers} worker(s)")
    if buffer < _MIN_BUFFER:
        yield Finding(
            Level.HINT,
            f"the kernel gives {buffer >> 10} KiB of receive buffer: sysctl -w net.core.rmem_max=8388608",
        )
    if not offload:
        yield Finding(Level.HINT, "the kernel has no UDP segmentation offload: sending costs about double")
    yield from _reach(addresses, settings)


async def _start_engine(config: EngineConfig) -> tuple[tuple[str, ...], int, bool]:
    async with await Engine.start(config) as engine:
        sockets = [info for worker in engine.sockets for info in worker]
        return (
            tuple(engine.addresses),
            min(info.receive_buffer for info in sockets),
            all(info.gso for info in sockets),
        )


def _reach(addresses: tuple[str, ...], settings: Settings) -> Iterator[Finding]:
    if not addresses:
        yield Finding(Level.ERROR, "no address to announce: set media.announced")
        return
    ips = [ipaddress.ip_address(text) for text in addresses]
    yield Finding(Level.OK, f"media addresses for browsers: {', '.join(addresses)}")
    if all(ip.is_loopback for ip in ips):
        yield Finding(Level.HINT, "only browsers on this machine reach these")
    elif not any(ip.is_global for ip in ips):
        yield Finding(
            Level.HINT,
            "none is a public address: people outside this network need media.announced set to the address "
            f"that the router forwards UDP {settings.media.port} from, or a TURN server (turn.urls)",
        )
    for text in settings.media.announced:
        if ipaddress.ip_address(text).is_loopback:
            yield Finding(Level.ERROR, f"media.announced {text} is every browser's own machine")


def _clock() -> Iterator[Finding]:
    year = _now().year
    if not 2024 <= year <= 2100:
        yield Finding(Level.ERROR, f"the clock says it is {year}: set it, and keep it by NTP")
        return
    synced = _kernel_synced()
    if synced is False:
        yield Finding(Level.HINT, "the kernel's clock is not synchronised: run chrony or systemd-timesyncd")
    else:
        yield Finding(Level.OK, f"clock {_now():%Y-%m-%d %H:%M:%S} UTC")


def _kernel_synced() -> bool | None:
    # systemd-timesyncd and chrony both leave a mark; without either nothing can be said.
    marks = (Path("/run/systemd/timesync/synchronized"), Path("/var/lib/chrony/drift"))
    if any(mark.exists() for mark in marks):
        return True
    return None if not Path("/run/systemd/system").exists() else False


def _pages() -> Iterator[Finding]:
    missing = [name for name in ("join", "console") if not (WEB / name / "index.html").is_file()]
    if missing:
        yield Finding(Level.ERROR, f"pages are missing ({', '.join(missing)}): install the whole package")
    else:
        yield Finding(Level.OK, "pages are there")


def _serves(text: str, *, tls: bool) -> bool:
    """Whether a server of ours answers there."""
    host, port = parse_listen(text)
    host = {"": "localhost", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    connection: http.client.HTTPConnection
    if tls:  # whether its certificate is right is looked at elsewhere
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection = http.client.HTTPSConnection(host, port, timeout=_PATIENCE, context=context)
    else:
        connection = http.client.HTTPConnection(host, port, timeout=_PATIENCE)
    try:
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        return answer.status == 200 and answer.read(16) == b"ok\n"
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        try:
            return all(
                ipaddress.ip_address(info[4][0]).is_loopback for info in socket.getaddrinfo(host, None)
            )
        except OSError:
            return False


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return "certificate and key don't fit each other, or are no PEM files"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def _now() -> datetime:
    return datetime.fromtimestamp(SystemClock().wall(), UTC)
