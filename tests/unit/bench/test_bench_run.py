"""The bench from its command line: what it prints, and that it leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
PROMISED = {
    "cpu_us_per_packet",
    "packets_out",
    "loss",
    "latency_us",
    "rss_bytes_per_participant",
    "srtp_profile",
    "limit_us_per_packet",
    "ratio",
    "machine",
    "kernel",
    "commit",
    "conditions",
}
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")


def bench(*arguments: str, timeout: float = 600) -> dict[str, Any]:
    """Runs it; the first run also compiles the load generator."""
    command = [sys.executable, "-m", "bench", "forward", *arguments, "--json"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout)
    assert result.returncode == 0, result.stderr
    report: dict[str, Any] = json.loads(result.stdout)
    return report


def namespaces() -> set[str]:
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    return {line.split()[0] for line in listed.splitlines()}


@pytest.mark.timeout(700)
@pytest.mark.parametrize("arguments", [("--publishers", "2", "--subscribers", "3"), ("--participants", "3")])
def test_one_object_with_every_promised_figure(arguments: tuple[str, ...]) -> None:
    report = bench(*arguments, "--seconds", "1", "--no-half-load")
    assert report.keys() >= PROMISED
    assert report["loss"] == 0
    assert report["packets_expected"] > 500
    assert report["cpu_us_per_packet"] > 0
    assert report["limit_us_per_packet"] > 0
    assert 0 < report["latency_us"]["p50"] <= report["latency_us"]["p99"] < 1_000_000
    if os.geteuid() == 0:
        assert report["cost_measured_into"] == "ifb", report["warnings"]
        assert not [name for name in namespaces() if name.startswith(f"bench{os.getpid()}")]


@needs_root
@pytest.mark.timeout(700)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_no_namespace(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "bench", "forward", "--publishers", "1", "--subscribers", "1"]
    with subprocess.Popen([*command, "--seconds", "30"], cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        name = f"bench{process.pid}"
        deadline = time.monotonic() + 300
        while name not in namespaces():
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.1)
        process.send_signal(number)
        assert process.wait(20) == 130
    assert name not in namespaces()


def test_contradicting_options_are_explained() -> None:
    for arguments in (
        ["--publishers", "1"],
        ["--participants", "2", "--publishers", "1", "--subscribers", "1"],
        [],
    ):
        command = [sys.executable, "-m", "bench", "forward", *arguments]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert result.returncode == 2
        assert "--participants" in result.stderr


@pytest.mark.long
@needs_root
@pytest.mark.timeout(700)
def test_the_pass_marks_of_forwarding() -> None:
    """On a quiet machine: cost within three times the bare loop, flat in subscribers, no loss, 5 ms."""
    report = bench("--publishers", "10", "--subscribers", "20", "--seconds", "5")
    assert report["ratio"] <= 3
    assert report["loss"] == 0
    assert report["latency_at_half_load_us"]["p99"] < 5_000, report["half_load"]
    few, many = (
        bench("--publishers", "1", "--subscribers", count, "--seconds", "5", "--no-latency")
        for count in ("20", "200")
    )
    assert many["cpu_us_per_packet"] <= few["cpu_us_per_packet"] * 1.1
    rooms = bench("--rooms", "50", "--participants", "2", "--seconds", "5", "--no-half-load")
    assert rooms["loss"] == 0
