"""People of one room, each in a browser tab with the SDK."""

from __future__ import annotations

from contextlib import AsyncExitStack

from browser import Participant, sdk_page
from playwright.async_api import Browser
from running_server import RunningServer


class Room:
    """People of one room, each in a tab."""

    def __init__(self, server: RunningServer, browser: Browser, stack: AsyncExitStack, name: str) -> None:
        self.server, self.browser, self.name = server, browser, name
        self._stack = stack

    async def join(self, identity: str, role: str = "patient", **options: object) -> Participant:
        participant = await sdk_page(self.browser, self.server.url)
        self._stack.push_async_callback(participant.close)
        token = await self.server.token(self.name, identity, role)
        await participant.page.evaluate("([token, options]) => window.join(token, options)", [token, options])
        return participant
