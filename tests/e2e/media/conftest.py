from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from browser import launch
from call_room import Room
from playwright.async_api import Browser, async_playwright
from running_server import RunningServer


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    running = await RunningServer.start(tmp_path / "data")
    yield running
    await running.stop()


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await launch(playwright)
        yield browser
        await browser.close()


@pytest.fixture
async def room(server: RunningServer, chromium: Browser) -> AsyncIterator[Room]:
    async with AsyncExitStack() as stack:
        yield Room(server, chromium, stack, "ward")
