"""A server process started as a person starts it, on 127.0.0.1, with a data folder of its own."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port that was free a moment ago on 127.0.0.1."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@dataclass
class RunningServer:
    """`mediaserver serve --dev` as a child process."""

    url: str
    data: Path
    links: dict[str, str]
    process: asyncio.subprocess.Process
    log: list[str]

    @property
    def pid(self) -> int:
        return self.process.pid

    @classmethod
    async def start(cls, data: Path) -> RunningServer:
        port = free_port()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "mediaserver", "serve", "--dev"),
            *("--http", f"localhost:{port}", "--media", f"127.0.0.1:{free_port(socket.SOCK_DGRAM)}"),
            *("--data", str(data)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1"},
        )
        server = cls(f"http://localhost:{port}", data, {}, process, [])
        try:
            async with asyncio.timeout(30):
                await server._read_links()
        except BaseException:
            process.kill()
            raise AssertionError("the server did not start:\n" + "".join(server.log)) from None
        server._reader = asyncio.create_task(server._drain())  # type: ignore[attr-defined]
        return server

    async def _read_links(self) -> None:
        assert self.process.stdout is not None
        while len(self.links) < 2:
            line = (await self.process.stdout.readline()).decode()
            if not line:
                raise RuntimeError("ended")
            self.log.append(line)
            if found := re.fullmatch(r"link (\w+) (\S+)\n", line):
                self.links[found[1]] = found[2]

    async def _drain(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.log.append(line.decode())

    async def cli(self, *words: str) -> str:
        """A command beside the running server, as its administrator types it."""
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "mediaserver", *words, "--data", str(self.data)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(child.communicate(), 30)
        assert child.returncode == 0, err.decode()
        return out.decode().strip()

    async def token(self, room: str, identity: str, role: str = "patient") -> str:
        return await self.cli(
            *("token", "create", "--room", room, "--identity", identity, "--name", identity.title()),
            *("--role", role),
        )

    async def link(self, room: str, identity: str, role: str = "patient") -> str:
        out = await self.cli(
            *("link", "create", "--room", room, "--identity", identity, "--name", identity.title()),
            *("--role", role),
        )
        found = re.search(r"/j/[\w-]+", out)
        assert found, out
        return self.url + found[0]

    async def stop(self) -> None:
        """Ends it as an administrator would; a server that ended by itself fails the test."""
        if self.process.returncode is not None:
            raise AssertionError(
                f"the server ended with {self.process.returncode}:\n" + "".join(self.log[-60:])
            )
        self.process.send_signal(signal.SIGTERM)
        try:
            code = await asyncio.wait_for(self.process.wait(), 15)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
            raise AssertionError("the server did not end within 15 s of SIGTERM") from None
        assert code == 0, "".join(self.log[-60:])
