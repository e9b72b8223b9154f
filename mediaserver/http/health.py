"""For load balancers and people on call."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web


def add_health(router: web.UrlDispatcher, ready: Callable[[], str | None]) -> None:
    """`/healthz`: the process answers. `/readyz`: 503 with a word while nobody new should come."""

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        reason = ready()
        if reason is None:
            return web.Response(text="ready\n")
        return web.Response(status=503, text=f"{reason}\n", headers={"Retry-After": "5"})

    router.add_get("/healthz", healthz)
    router.add_get("/readyz", readyz)
