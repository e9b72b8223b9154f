"""The command line: what it prints, what it refuses, what a script can read of it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import aiohttp
import pytest
from click.testing import CliRunner, Result

from mediaserver.cli import main
from mediaserver.identity.keys import KeyRing
from mediaserver.identity.tokens import Tokens
from mediaserver.model.clock import SystemClock
from mediaserver.model.roles import Role

ROOT = Path(__file__).parents[3]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.fixture
def data(tmp_path: Path) -> str:
    KeyRing.open_or_create(tmp_path / "keys.json")
    return str(tmp_path)


def create(data: str, *more: str) -> Result:
    return run("token", "create", "--identity", "x", "--data", data, *more)


def test_a_token_is_one_line_that_the_server_takes(data: str) -> None:
    result = create(data, "--room", "r", "--name", "Dr. X", "--role", "clinician", "--ttl", "15m")
    assert result.exit_code == 0, result.output
    (line,) = result.output.splitlines()
    person = Tokens(KeyRing(Path(data) / "keys.json"), SystemClock()).authenticate(line)
    assert (person.role, person.grants.room, person.grants.admin) == (Role.CLINICIAN, "r", True)
    assert person.expires_at is not None
    assert 880 < person.expires_at - SystemClock().wall() <= 900


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--role", "patient"), "--room"),
        (("--role", "patient", "--room", "a/b"), "room name"),
        (("--role", "king", "--room", "r"), "king"),
        (("--role", "patient", "--room", "r", "--ttl", "soon"), "15m"),
        (("--role", "patient", "--room", "r", "--ttl", "31d"), "30 days"),
    ],
)
def test_a_token_that_makes_no_sense_is_refused_in_plain_words(
    data: str, options: tuple[str, ...], says: str
) -> None:
    result = create(data, *options)
    assert result.exit_code != 0
    assert says in result.output


def test_without_keys_it_says_what_makes_them(tmp_path: Path) -> None:
    result = create(str(tmp_path / "nothing"), "--room", "r", "--role", "patient")
    assert result.exit_code == 1
    assert "serve --dev" in result.output


def test_links_are_made_listed_and_revoked(data: str) -> None:
    made = run("link", "create", "--room", "r", "--identity", "pat", "--name", "Pat", "--role", "patient",
               "--data", data, "--url", "https://visit.example/")  # fmt: skip
    url = made.output.strip()
    assert url.startswith("https://visit.example/j/")
    (row,) = [json.loads(line) for line in run("link", "list", "--json", "--data", data).output.splitlines()]
    assert (row["state"], row["room"], row["role"]) == ("valid", "r", "patient")
    assert url.rsplit("/", 1)[1] not in json.dumps(row)
    assert run("link", "revoke", url, "--data", data).exit_code == 0
    assert run("link", "list", "--data", data).output == ""
    assert "revoked" in run("link", "list", "--all", "--data", data).output
    assert run("link", "revoke", "ffffffffffff", "--data", data).exit_code == 1


def test_keys_rotate_and_retire(data: str) -> None:
    (old,) = run("key", "list", "--data", data).output.splitlines()
    fresh = run("key", "rotate", "--algorithm", "Ed25519", "--data", data).output.strip()
    listed = run("key", "list", "--data", data).output
    assert f"{fresh}  Ed25519  signs" in listed
    assert run("key", "retire", fresh, "--data", data).exit_code == 1
    assert run("key", "retire", old.split()[0], "--data", data).exit_code == 0
    assert len(run("key", "list", "--data", data).output.splitlines()) == 1


def free_port(kind: int) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def config(tmp_path: Path, data: str) -> str:
    tcp, udp = free_port(socket.SOCK_STREAM), free_port(socket.SOCK_DGRAM)
    path = tmp_path / "config.yaml"
    path.write_text(
        f'data: {data}\nhttp: {{listen: ["127.0.0.1:{tcp}"]}}\n'
        f'media: {{listen: ["127.0.0.1:{udp}"], announce_loopback: true}}\n'
    )
    return str(path)


def test_doctor_is_content_with_a_good_house_and_names_each_fault(tmp_path: Path, data: str) -> None:
    path = config(tmp_path, data)
    Path(data).chmod(0o700)
    result = run("doctor", "--config", path)
    assert "media addresses for browsers: 127.0.0.1" in result.output
    faults = [line for line in result.output.splitlines() if line.startswith("error")]
    assert all("pages are missing" in line for line in faults), result.output
    (Path(data) / "keys.json").chmod(0o644)
    with Path(path).open("a") as file:
        file.write("turn: {ttl: 3600}\n")
    port = int(Path(path).read_text().split("127.0.0.1:")[1].split('"')[0])
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        result = run("doctor", "--config", path)
    assert result.exit_code == 1
    assert "chmod 600" in result.output
    assert "by another program" in result.output, result.output


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_doctor_is_content_beside_a_server_that_runs(tmp_path: Path, data: str) -> None:
    path = config(tmp_path, data)
    Path(data).chmod(0o700)
    process = subprocess.Popen(
        [sys.executable, "-m", "mediaserver", "serve", "--config", path],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        port = int(Path(path).read_text().split("127.0.0.1:")[1].split('"')[0])
        deadline = time.monotonic() + 30
        while not listens(port):
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < deadline
            time.sleep(0.1)
        result = run("doctor", "--config", path)
        assert "a server is running here" in result.output, result.output
        faults = [line for line in result.output.splitlines() if line.startswith("error")]
        assert all("pages are missing" in line for line in faults), result.output
        assert "in use while the server runs" in result.output
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.parametrize("option", [(), ("--dev",)])
def test_settings_that_are_no_good_end_in_one_line(tmp_path: Path, option: tuple[str, ...]) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("zork: 1\n")
    result = run("serve", "--config", str(path), *option)
    assert result.exit_code == 1
    assert result.output.splitlines()[-1] == "Error: settings: zork: Extra inputs are not permitted"


async def test_serve_dev_prints_two_links_and_rooms_list_asks_it(tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    tcp, udp = free_port(socket.SOCK_STREAM), free_port(socket.SOCK_DGRAM)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mediaserver", "serve", "--dev", "--data", data,
        "--http", f"127.0.0.1:{tcp}", "--media", f"127.0.0.1:{udp}",
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
    )  # fmt: skip
    assert process.stdout is not None
    links: dict[str, str] = {}
    try:
        async with asyncio.timeout(20):
            while len(links) < 2:
                line = (await process.stdout.readline()).decode()
                if line.startswith("link "):
                    _, role, url = line.split()
                    links[role] = url
        assert set(links) == {"patient", "clinician"}
        assert all(url.startswith(f"http://localhost:{tcp}/j/") for url in links.values())
        async with aiohttp.ClientSession() as session:
            async with session.post(links["patient"] + "/session") as response:
                assert (await response.json())["role"] == "patient"
            token = create(data, "--room", "seen", "--role", "patient").output.strip()
            ws = await session.ws_connect(f"http://localhost:{tcp}/rtc")
            await ws.send_json({"type": "join", "id": 1, "protocol": 1, "token": token})
            assert (await ws.receive_json())["type"] == "welcome"
            # The data folder says where the server is, whatever port it had to take.
            listed = await asyncio.to_thread(run, "rooms", "list", "--data", data)
            assert listed.output.startswith("seen  1/50  open"), listed.output
            process.send_signal(signal.SIGTERM)
            said = [await ws.receive() for _ in range(4)]
            assert any(message.extra is not None and ws.close_code == 4012 for message in said)
        assert await asyncio.wait_for(process.wait(), 10) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def test_rooms_list_says_when_no_server_answers(data: str) -> None:
    result = run(
        "rooms", "list", "--data", data, "--url", f"http://127.0.0.1:{free_port(socket.SOCK_STREAM)}"
    )
    assert result.exit_code == 1
    assert "no server answers" in result.output
