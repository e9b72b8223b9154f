"""The processes of a run: the server and the load generator, spoken to by JSON lines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from bench.signals import undisturbed

ROOT = Path(__file__).resolve().parent.parent
NATIVE = ROOT / "sfu" / "native"


class BenchError(Exception):
    """A run that could not be measured; the message says why."""


def build_load_generator() -> Path:
    """Compiles `bench-load` when it is older than its sources; returns its path."""
    command = ["cargo", "build", "--release", "--quiet", "--locked", "-p", "bench-load"]
    result = subprocess.run(command, cwd=NATIVE, check=False, capture_output=True, text=True)
    if result.returncode:
        raise BenchError(f"the load generator does not build:\n{result.stderr}")
    target = Path(os.environ.get("CARGO_TARGET_DIR", NATIVE / "target"))
    return target / "release" / "bench-load"


def _pinning(core: int | None) -> Callable[[], None] | None:
    return None if core is None else lambda: os.sched_setaffinity(0, {core})


class Child:
    """A process with JSON lines on standard input and output; killed on exit if it is still there."""

    def __init__(self, command: Sequence[str], *, core: int | None = None) -> None:
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=_pinning(core),
        )

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """Its process id. `ip netns exec` replaces itself, so this is the program's own."""
        return self._process.pid

    def send(self, message: dict[str, Any], *, last: bool = False) -> None:
        """Writes a line; `last` closes the input after it."""
        assert self._process.stdin is not None  # noqa: S101 - made with a pipe
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()
        if last:
            self._process.stdin.close()

    def receive(self) -> dict[str, Any]:
        """The next line; BenchError when the process ended instead."""
        assert self._process.stdout is not None  # noqa: S101 - made with a pipe
        line = self._process.stdout.readline()
        if not line:
            raise BenchError(f"a process ended with status {self._process.wait()} before it answered")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise BenchError(str(answer["error"]))
        return answer

    def ask(self, **message: Any) -> dict[str, Any]:
        """Sends a message and returns the answer."""
        self.send(message)
        return self.receive()

    def close(self) -> None:
        """Lets the process end by itself for 3 s, then kills it."""
        with undisturbed():
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe and not pipe.closed:
                    pipe.close()
            try:
                self._process.wait(3)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


def server(prefix: Sequence[str] = (), *, core: int | None = None) -> Child:
    """A server process, to be given `start`."""
    return Child([*prefix, sys.executable, "-m", "bench.server"], core=core)
