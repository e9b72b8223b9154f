"""How long after opening their link a patient sees and hears the other one: Chromium on this machine.

A clinician is in the call: the SDK without a page around it, because a real one's screen is drawn by
another machine. A patient opens the link in a fresh profile; the page's own *Join* button is
pressed the moment it can be. Times are milliseconds since the navigation began, taken inside the page.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from bench.chromium import FLAGS
from bench.machine import MissingError, commit, description
from bench.processes import BenchError
from bench.spread import spread

# In the order they usually come; the last two are what the person waits for.
STEPS = ("page", "welcome", "answered", "ready", "joined", "ice", "connected", "audio", "video")
JOIN_TIMEOUT = 20.0  # seconds for one patient to see and hear
# Seconds between two patients: the one before has left, and the browser has put away its page. Both people's
# three layers are encoded on this very machine, which is what its cores are busy with.
PAUSE = 1.5
ROOM = "demo"  # that of the printed links

MARK_STEPS = """
window.steps = {};
const mark = (name) => { window.steps[name] ??= performance.now(); };
const connections = [];
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...args) {
    super(...args);
    connections.push(this);
    this.addEventListener("signalingstatechange", () => {
      if (this.signalingState === "stable") mark("answered");
    });
    this.addEventListener("iceconnectionstatechange", () => {
      if (/connected|completed/.test(this.iceConnectionState)) mark("ice");
    });
    this.addEventListener("connectionstatechange", () => {
      if (this.connectionState === "connected") mark("connected");
    });
  }
};
window.WebSocket = class extends WebSocket {
  constructor(...args) {
    super(...args);
    this.addEventListener("message", () => mark("welcome"), { once: true });
  }
};
addEventListener("DOMContentLoaded", () => mark("page"));
setInterval(() => {
  const join = [...document.querySelectorAll("button")].find((b) => /^Join/.test(b.textContent.trim()));
  if (join && !join.disabled && join.getAttribute("aria-disabled") !== "true" && !window.steps.joined) {
    mark("ready");
    mark("joined");
    join.click();
  }
  for (const video of document.querySelectorAll(".tile:not([data-key=self]) video"))
    if (video.getVideoPlaybackQuality().totalVideoFrames > 0) mark("video");
}, 5);
setInterval(async () => {
  for (const connection of connections) {
    if (window.steps.audio || connection.connectionState !== "connected") continue;
    for (const row of (await connection.getStats()).values())
      if (row.type === "inbound-rtp" && row.kind === "audio" && row.jitterBufferEmittedCount > 0)
        mark("audio");
  }
}, 20);
"""


CLINICIAN = """
import { connect, LocalMedia } from "/sdk/mediaserver.js";
const media = new LocalMedia();
await media.start();
window.room = await connect(location.href.replace("/healthz", ""), { token: document.title, media });
"""


def measure(runs: int) -> dict[str, Any]:
    """Opens a patient's link `runs` times: p50, p95 and the worst of each step in ms, and every run."""
    chromium = shutil.which("chromium")
    if chromium is None:
        raise MissingError("chromium is missing; `make browsers` installs it")
    with _server() as (url, link, token), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, headless=True, args=list(FLAGS))
        try:
            clinician = browser.new_context(permissions=["camera", "microphone"], bypass_csp=True).new_page()
            clinician.goto(url + "/healthz")
            clinician.evaluate("(token) => { document.title = token; }", token)
            clinician.add_script_tag(content=CLINICIAN, type="module")
            clinician.wait_for_function("() => window.room", timeout=JOIN_TIMEOUT * 1000)
            rows = [_visit(browser, link) for _ in range(runs)]
        finally:
            browser.close()
    return {
        "runs": runs,
        "steps_ms": {step: spread([row[step] for row in rows]) for step in STEPS},
        "both_ms": spread([max(row["audio"], row["video"]) for row in rows]),
        "each_run_ms": [{step: round(row[step]) for step in STEPS} for row in rows],
        "commit": commit(Path(__file__).parents[1]),
        **description(),
    }


def _open(browser: Browser, url: str) -> Any:
    context = browser.new_context(
        permissions=["camera", "microphone"], viewport={"width": 390, "height": 844}
    )
    context.add_init_script(MARK_STEPS)
    page = context.new_page()
    page.goto(url, wait_until="commit")
    return page


def _visit(browser: Browser, url: str) -> dict[str, float]:
    page = _open(browser, url)
    try:
        page.wait_for_function("() => window.steps.video && window.steps.audio", timeout=JOIN_TIMEOUT * 1000)
        steps: dict[str, float] = page.evaluate("() => window.steps")
        return steps
    finally:
        page.context.close()
        time.sleep(PAUSE)


def _free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _server() -> Iterator[tuple[str, str, str]]:
    """A server as a person starts it: its address, a patient's link, a clinician's token."""
    program = [sys.executable, "-m", "mediaserver"]
    url = f"http://localhost:{_free_port(socket.SOCK_STREAM)}"
    with tempfile.TemporaryDirectory() as data:
        where = ["--http", url.removeprefix("http://"), "--data", data]
        process = subprocess.Popen(
            [*program, "serve", "--dev", *where, "--media", f"127.0.0.1:{_free_port(socket.SOCK_DGRAM)}"],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            link = _patients_link(process)
            person = ["--room", ROOM, "--identity", "bench", "--name", "Bench", "--role", "clinician"]
            token = subprocess.run(
                [*program, "token", "create", *person, "--data", data],
                check=True,
                capture_output=True,
                text=True,
            ).stdout.strip()
            yield url, link, token
        finally:
            process.terminate()
            process.wait(15)


def _patients_link(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None  # noqa: S101 - asked for by the caller
    for line in process.stdout:
        if found := re.fullmatch(r"link patient (\S+)\n", line):
            return found[1]
    raise BenchError("the server did not start")
