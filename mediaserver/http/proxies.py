"""Who really asks, behind a reverse proxy that the settings trust."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def trust(networks: Sequence[Network]) -> Middleware:
    """A middleware that believes X-Forwarded-For and X-Forwarded-Proto of these networks' proxies.

    The client is the last address of the list that is not a trusted proxy itself: everything left of
    it was written by the client.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if networks and _trusted(request.remote, networks):
            request = _seen_through(request, networks)
        return await handler(request)

    return middleware


def _seen_through(request: web.Request, networks: Sequence[Network]) -> web.Request:
    changes: dict[str, str] = {}
    hops = [hop.strip() for line in request.headers.getall("X-Forwarded-For", []) for hop in line.split(",")]
    for hop in reversed(hops):
        if _address(hop) is None:
            break
        changes["remote"] = hop
        if not _trusted(hop, networks):
            break
    protocol = request.headers.get("X-Forwarded-Proto", "").split(",")[-1].strip().lower()
    if protocol in ("http", "https"):
        changes["scheme"] = protocol
    return request.clone(**changes) if changes else request  # type: ignore[arg-type]


def _trusted(address: str | None, networks: Sequence[Network]) -> bool:
    ip = _address(address or "")
    return ip is not None and any(ip.version == net.version and ip in net for net in networks)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        ip = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return mapped or ip
