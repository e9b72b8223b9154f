"""People who open their links in a browser, drawn by faces.js."""

from __future__ import annotations

import asyncio
import json
import re
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page
from running_server import RunningServer

HERE = Path(__file__).parent
OUTPUT = Path(__file__).parents[2] / "output" / "screens"

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
TABLET = {"viewport": {"width": 820, "height": 1180}, "has_touch": True}
DESKTOP = {"viewport": {"width": 1440, "height": 900}}
SCREENS: dict[str, dict[str, Any]] = {"phone": PHONE, "tablet": TABLET, "desktop": DESKTOP}

FACES: dict[str, dict[str, Any]] = {
    "maria": {},
    "okafor": {
        "wall": ["#27433b", "#0f1f1a"],
        "skin": "#7a5138",
        "hair": "#191311",
        "cloth": "#f2f5f3",
    },
    "linh": {"wall": ["#efe6d8", "#cfb995"], "skin": "#e3b893", "hair": "#15110f", "cloth": "#7b3f54"},
    "james": {"wall": ["#cbd8e6", "#8fa6bf"], "skin": "#f0cbb0", "hair": "#8a6a45", "cloth": "#33485e"},
    "amina": {"wall": ["#e9dcef", "#b79bc6"], "skin": "#a8734f", "hair": "#2b3a55", "cloth": "#2b3a55"},
}

# What a page must never do: whatever the policy stops, a script that fails, a file that is missing.
_EXPECTED = re.compile(r"Permissions-Policy|status of 4\d\d|WebSocket connection to|net::ERR_")


@dataclass
class Visitor:
    """One person at one device."""

    page: Page
    context: BrowserContext
    faults: list[str] = field(default_factory=list)

    async def press(self, name: str | re.Pattern[str]) -> None:
        await self.page.get_by_role("button", name=name).first.click()

    async def enter(self) -> None:
        await self.press(re.compile("^Join"))
        await self.page.wait_for_selector(".call-patient, .console .dock")

    async def sees(self, selector: str, within: float = 15) -> None:
        await self.page.wait_for_selector(selector, timeout=within * 1000)

    async def sees_text(self, text: str, within: float = 15) -> None:
        await self.page.get_by_text(text).first.wait_for(timeout=within * 1000)

    async def until(self, expression: str, within: float = 20) -> None:
        """Waits until a JavaScript expression is truthy. (The pages' policy forbids playwright's own way.)"""
        deadline = time.monotonic() + within
        while not await self.page.evaluate(expression):
            assert time.monotonic() < deadline, f"not within {within} s: {expression}; {self.faults}"
            await asyncio.sleep(0.1)

    async def sees_face(self, count: int = 1, within: float = 30) -> None:
        """Remote pictures that play."""
        await self.until(
            "[...document.querySelectorAll('.tile[data-picture]:not([data-key=self]) > video')]"
            f".filter((video) => video.videoWidth > 0 && !video.paused).length >= {count}",
            within,
        )

    async def shot(self, name: str) -> Path:
        OUTPUT.mkdir(parents=True, exist_ok=True)
        path = OUTPUT / f"{name}.png"
        await self.page.screenshot(path=path)
        return path


@dataclass
class House:
    """A running server, a browser, and who came."""

    server: RunningServer
    browser: Browser
    stack: AsyncExitStack
    room: str = "visit"

    async def link(self, identity: str, name: str, role: str) -> str:
        out = await self.server.cli(
            *("link", "create", "--room", self.room, "--identity", identity, "--name", name, "--role", role)
        )
        found = re.search(r"/j/[\w-]+", out)
        assert found, out
        return self.server.url + found[0]

    async def visitor(
        self,
        url: str,
        screen: dict[str, Any],
        *,
        face: dict[str, Any] | None = None,
        dark: bool = False,
        granted: bool = True,
        script: str = "",
        **options: Any,
    ) -> Visitor:
        context = await self.browser.new_context(
            **screen,
            color_scheme="dark" if dark else "light",
            permissions=["camera", "microphone"] if granted else [],
            locale="en-US",
            **options,
        )
        self.stack.push_async_callback(context.close)
        person = f"window.PERSON = {json.dumps(face or {})};\n"
        await context.add_init_script(person + (HERE / "faces.js").read_text())
        if script:
            await context.add_init_script(script)
        page = await context.new_page()
        visitor = Visitor(page, context)
        page.on("pageerror", lambda error: visitor.faults.append(f"{error}\n{error.stack}"))
        page.on(
            "console",
            lambda message: (
                visitor.faults.append(message.text)
                if message.type == "error" and not _EXPECTED.search(message.text)
                else None
            ),
        )
        await page.goto(url)
        return visitor

    async def person(
        self, identity: str, name: str, role: str, screen: dict[str, Any], **options: Any
    ) -> Visitor:
        url = await self.link(identity, name, role)
        options.setdefault("face", FACES.get(identity, {}))
        return await self.visitor(url, screen, **options)
