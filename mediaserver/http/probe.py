"""What a patient's page measures its connection against: this very server, before the call.

`GET /j/{code}/probe?bytes=n` gives n random bytes, `POST` takes as many; nothing is kept. Only for who opened
the link, and never more than `MAX_BYTES` at once: measuring a phone's line needs no more, and a stranger gets
nothing to amplify with.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

from aiohttp import web

from signaling.http import Problem, guarded

MAX_BYTES = 1024 * 1024
# Random, so that no proxy on the way makes it smaller; drawn once, since what is measured is the line.
_NOISE = secrets.token_bytes(MAX_BYTES)

Opened = Callable[[web.Request], Awaitable[bool]]


class ProbeRoutes:
    """`/j/{code}/probe`. `opened` says whether this browser opened the link of the path."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Adds the routes."""
        router.add_get("/j/{code}/probe", guarded(self.download))
        router.add_post("/j/{code}/probe", guarded(self.upload))

    async def download(self, request: web.Request) -> web.Response:
        """The bytes asked for; none is the smallest exchange, which measures the round trip."""
        await self._require(request)
        asked = request.query.get("bytes", "0")
        if not asked.isdecimal() or len(asked) > 7 or int(asked) > MAX_BYTES:
            raise Problem(422, "invalid", f"Ask for 0 to {MAX_BYTES} bytes.")
        return web.Response(body=_NOISE[: int(asked)], content_type="application/octet-stream")

    async def upload(self, request: web.Request) -> web.Response:
        """Reads what comes and forgets it."""
        await self._require(request)
        taken = 0
        async for piece in request.content.iter_chunked(64 * 1024):
            taken += len(piece)
            if taken > MAX_BYTES:
                raise Problem(413, "too_large", f"Send at most {MAX_BYTES} bytes.")
        return web.Response(status=204)

    async def _require(self, request: web.Request) -> None:
        if not await self._opened(request):
            raise Problem(401, "unauthorized", "Open the link again.")
