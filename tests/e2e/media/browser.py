"""Chromium participants, and what getStats says of what they see and hear."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page, Playwright

from bench.chromium import FLAGS as QUIET

# A tab that is not looked at goes on as one that is, and shares itself without a question.
FLAGS = (
    *QUIET,
    "--auto-accept-this-tab-capture",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
)
HERE = Path(__file__).parent

# Connections are kept where a test can read them, whoever made them.
KEEP_CONNECTIONS = """
window.connections = [];
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...args) { super(...args); window.connections.push(this); }
};
"""
READ_STATS = """async () => {
  const all = [];
  for (const pc of window.connections) {
    if (pc.connectionState === "closed") continue;
    for (const row of (await pc.getStats()).values()) all.push(row);
  }
  return all;
}"""


def require(program: str) -> str:
    """The path of a program the tests drive; missing, the test skips on a laptop and fails in CI."""
    path = shutil.which(program)
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{program} is missing; `make browsers` installs it")
        pytest.skip(f"{program} is missing; `make browsers` installs it")
    return path


async def launch(playwright: Playwright, *extra: str) -> Browser:
    return await playwright.chromium.launch(
        executable_path=require("chromium"), headless=True, args=[*FLAGS, *extra]
    )


@dataclass
class Inbound:
    """One stream received, as getStats tells it."""

    kind: str
    mid: str
    codec: str
    frames: int
    height: int
    lost: int
    packets: int
    bytes: int
    freezes: int
    energy: float
    concealed: int
    keyframes: int


@dataclass
class Participant:
    """A browser tab in a call."""

    page: Page
    context: BrowserContext
    errors: list[str] = field(default_factory=list)

    async def rows(self, type: str) -> list[dict[str, Any]]:
        stats: list[dict[str, Any]] = await self.page.evaluate(READ_STATS)
        self._codecs = {row["id"]: row["mimeType"] for row in stats if row["type"] == "codec"}
        return [row for row in stats if row["type"] == type]

    async def inbound(self, kind: str) -> list[Inbound]:
        """Streams that something arrived on."""
        return [
            Inbound(
                kind=row["kind"],
                mid=row.get("mid", ""),
                codec=self._codecs.get(row.get("codecId", ""), ""),
                frames=row.get("framesDecoded", 0),
                height=row.get("frameHeight", 0),
                lost=row.get("packetsLost", 0),
                packets=row.get("packetsReceived", 0),
                bytes=row.get("bytesReceived", 0),
                freezes=row.get("freezeCount", 0),
                energy=row.get("totalAudioEnergy", 0.0),
                concealed=row.get("concealedSamples", 0),
                keyframes=row.get("keyFramesDecoded", 0),
            )
            for row in await self.rows("inbound-rtp")
            if row["kind"] == kind and row.get("packetsReceived", 0) > 0
        ]

    async def until_inbound(
        self, kind: str, condition: Callable[[list[Inbound]], bool], what: str, within: float = 30
    ) -> list[Inbound]:
        """Waits until what is received of a kind fulfils the condition."""
        deadline = time.monotonic() + within
        streams: list[Inbound] = []
        while time.monotonic() < deadline:
            streams = await self.inbound(kind)
            if condition(streams):
                return streams
            await asyncio.sleep(0.2)
        raise AssertionError(f"not within {within} s: {what}; {kind} received: {streams}; {self.errors}")

    async def until(self, expression: str, within: float = 20) -> Any:
        """Waits until a JavaScript expression is truthy."""
        handle = await self.page.wait_for_function(expression, timeout=within * 1000)
        return await handle.json_value()

    async def close(self) -> None:
        await self.context.close()


async def open_page(browser: Browser, url: str, **context_options: Any) -> Participant:
    """A tab in a profile of its own."""
    context = await browser.new_context(permissions=["camera", "microphone"], **context_options)
    await context.add_init_script(KEEP_CONNECTIONS)
    page = await context.new_page()
    participant = Participant(page, context)
    page.on("pageerror", lambda error: participant.errors.append(str(error)))
    page.on("console", lambda m: participant.errors.append(m.text) if m.type == "error" else None)
    await page.goto(url)
    return participant


async def sdk_page(browser: Browser, server_url: str) -> Participant:
    """An integrator's page: the published SDK, called from page.js.

    The document comes from the server itself, because Chromium lets only a document that came from a
    loopback address open connections to one.
    """
    participant = await open_page(browser, server_url + "/healthz", bypass_csp=True)
    await participant.page.add_script_tag(content=(HERE / "page.js").read_text(), type="module")
    await participant.until("window.ready")
    return participant
