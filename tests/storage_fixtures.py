"""`database`: a fresh, upgraded database for a test, once on SQLite and once on PostgreSQL.

PostgreSQL is a cluster of our own in a temporary folder, started once a session and reached by a Unix socket;
each test gets a copy of a template database. Its fsync is off: nothing here survives the session anyway.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from mediaserver.model.clock import ManualClock
from mediaserver.storage import Database, Options
from mediaserver.storage.engines import parse
from mediaserver.storage.migrate import upgrade

_PR_SET_PDEATHSIG = 1


class Cluster:
    """A running PostgreSQL. `url(name)` is one of its databases."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes]) -> None:
        self.folder = folder
        self.process = process

    def url(self, name: str) -> str:
        return f"postgresql://postgres@/{name}?host={self.folder}"

    def run(self, statement: str, *values: str) -> None:
        with closing(psycopg.connect(self.url("postgres"), autocommit=True, connect_timeout=5)) as connection:
            connection.execute(statement.encode(), values or None)

    def create(self, template: str = "template0") -> str:
        name = f"t_{secrets.token_hex(6)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def end_connections(self, name: str) -> None:
        self.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", name)

    def drop(self, name: str) -> None:
        self.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _programs() -> Path | None:
    """The folder of `initdb` and `postgres`; Debian keeps them off the PATH."""
    found = shutil.which("initdb")
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda f: int(f.parent.name), reverse=True
    )
    return Path(found).parent if found else next((f for f in folders if (f / "initdb").exists()), None)


def _end_with_us() -> None:
    # A test run that is killed must not leave a server behind.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Cluster]:
    """The session's cluster. Skips when PostgreSQL isn't installed, fails in CI."""
    programs = _programs()
    if programs is None:
        message = "PostgreSQL is not installed: scripts/test-setup"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    folder = Path(tempfile.mkdtemp(prefix="ms-pg-"))
    who: dict[str, object] = {}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        entry = pwd.getpwnam("postgres")
        os.chown(folder, entry.pw_uid, entry.pw_gid)
        who = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    process = None
    try:
        make = [programs / "initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust", "--no-sync"]
        subprocess.run(
            [*make, "-E", "UTF8", "--locale=C.UTF-8"],
            check=True, capture_output=True, timeout=60, cwd="/", **who,  # type: ignore[call-overload]
        )  # fmt: skip
        settings = {
            "listen_addresses": "", "unix_socket_directories": folder, "max_connections": 200,
            "fsync": "off", "full_page_writes": "off", "autovacuum": "off", "shared_buffers": "32MB",
        }  # fmt: skip
        flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [programs / "postgres", "-D", folder / "data", *flags],
                stdout=log, stderr=log, cwd="/", preexec_fn=_end_with_us, **who,  # type: ignore[call-overload]
            )  # fmt: skip
        cluster = Cluster(folder, process)
        _wait_for(cluster)
        yield cluster
    finally:
        if process is not None:
            process.send_signal(signal.SIGINT)  # "fast" shutdown: clients are sent away
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(cluster: Cluster) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            cluster.run("SELECT 1")
            return
        except psycopg.OperationalError:
            if time.monotonic() > deadline or cluster.process.poll() is not None:
                raise RuntimeError((cluster.folder / "log").read_text()) from None
        time.sleep(0.05)


@pytest.fixture(scope="session")
def postgresql_template(postgresql: Cluster) -> str:
    """Name of an upgraded database, to be copied."""
    name = postgresql.create()
    upgrade(parse(postgresql.url(name)), Options())
    return name


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An upgraded file, to be copied."""
    file = tmp_path_factory.mktemp("sqlite") / "template.db"
    upgrade(parse(f"sqlite:///{file}"), Options())
    return file


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """Narrow it by `@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)`."""
    return str(request.param)


@pytest.fixture
def empty_database_url(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database in which nothing is yet."""
    if database_kind == "sqlite":
        yield f"sqlite:///{tmp_path}/clinic.db"
        return
    cluster: Cluster = request.getfixturevalue("postgresql")
    name = cluster.create()
    yield cluster.url(name)
    cluster.drop(name)


@pytest.fixture
def database_url(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an upgraded database of the test's own."""
    if database_kind == "sqlite":
        shutil.copyfile(request.getfixturevalue("sqlite_template"), tmp_path / "clinic.db")
        yield f"sqlite:///{tmp_path}/clinic.db"
        return
    cluster: Cluster = request.getfixturevalue("postgresql")
    name = cluster.create(request.getfixturevalue("postgresql_template"))
    yield cluster.url(name)
    cluster.drop(name)


@pytest.fixture
def database_clock() -> ManualClock:
    """The clock of `database`: it moves when told."""
    return ManualClock()


@pytest.fixture
async def database(database_url: str, database_clock: ManualClock) -> AsyncIterator[Database]:
    """An open database of the test's own, at the newest revision of the core."""
    opened = await Database.open(database_url, database_clock)
    yield opened
    async with asyncio.timeout(10):
        await opened.close()
