"""What the bench runs on: description, cores, a network namespace with a black-hole device."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from bench.signals import undisturbed

NETWORK = "198.18.0.1/15"
"""Addresses for benchmarks (RFC 2544)."""


class MissingError(Exception):
    """Something the machine lacks; the message says what."""


class BlackHole:
    """A network namespace whose default device, an ifb, drops everything it is sent.

    An ifb takes segmentation-offloaded messages whole, as a network card does, and without a redirect set up
    it frees them at once: the sender pays for its own side of the stack and for nothing else. Loopback is up
    too, for publishers. Removed on exit; the name carries the process id, so that a left-over can be told.
    """

    def __init__(self) -> None:
        self.name = f"bench{os.getpid()}"
        self._made = False

    def __enter__(self) -> BlackHole:
        if os.geteuid() != 0:
            raise MissingError("making a network namespace needs root")
        if shutil.which("ip") is None:
            raise MissingError("the `ip` command (iproute2) is not installed")
        try:
            with undisturbed():
                self._ip("netns", "add", self.name)
                self._made = True
                self._inside("link", "set", "lo", "up")
                self._inside("link", "add", "hole", "type", "ifb")
                self._inside("address", "add", NETWORK, "dev", "hole")
                self._inside("link", "set", "hole", "mtu", "1500", "up")
                self._inside("route", "replace", "default", "dev", "hole")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Removes the namespace and the device in it. Idempotent."""
        with undisturbed():
            if self._made:
                self._made = False
                subprocess.run(["ip", "netns", "delete", self.name], check=False, capture_output=True)

    @property
    def prefix(self) -> tuple[str, ...]:
        """What to put before a command to run it inside."""
        return ("ip", "netns", "exec", self.name)

    def dropped(self) -> int:
        """Messages the device has swallowed (segmented ones count once)."""
        text = Path("/sys/class/net/hole/statistics/rx_dropped")
        command = [*self.prefix, "cat", str(text)]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    def _inside(self, *arguments: str) -> None:
        self._ip("-n", self.name, *arguments)

    def _ip(self, *arguments: str) -> None:
        result = subprocess.run(["ip", *arguments], check=False, capture_output=True, text=True)
        if result.returncode:
            raise MissingError(f"ip {' '.join(arguments)}: {result.stderr.strip()}")


def cores() -> tuple[int | None, int | None]:
    """A core for the server and one for the load; None where there is only one, or none to choose."""
    available = sorted(os.sched_getaffinity(0))
    if len(available) < 2:
        return None, None
    return available[0], available[1]


def scheduling() -> str:
    """How the bench and what it starts are scheduled: real-time priority keeps other work off the figures'
    time, though not out of the caches."""
    if os.sched_getscheduler(0) in (os.SCHED_FIFO, os.SCHED_RR):
        return "at real-time priority"
    return "at ordinary priority"


def description() -> dict[str, Any]:
    """Machine, kernel and load average, for the report."""
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "machine": f"{model}, {os.cpu_count()} cores, {memory / 2**30:.0f} GiB",
        "kernel": platform.release(),
        "load_average": round(os.getloadavg()[0], 2),
    }


def commit(root: Path) -> str:
    """The tree's commit, with `+` when it was changed; "unknown" outside a repository."""

    def git(arguments: Sequence[str]) -> str | None:
        command = ["git", "-C", str(root), *arguments]
        result = subprocess.run(command, check=False, capture_output=True, text=True)
        return result.stdout.strip() if result.returncode == 0 else None

    head = git(["rev-parse", "--short", "HEAD"])
    changed = git(["status", "--porcelain", "--untracked-files=no", "sfu", "bench"])
    return f"{head}{'+' if changed else ''}" if head else "unknown"
