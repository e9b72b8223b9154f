from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from playwright.async_api import async_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "media"))

from browser import launch
from people import House
from running_server import RunningServer


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    server = await RunningServer.start(tmp_path / "data")
    async with async_playwright() as playwright, AsyncExitStack() as stack:
        browser = await launch(playwright)
        stack.push_async_callback(browser.close)
        yield House(server, browser, stack)
    await server.stop()
