"""What a browser calls itself, in words that its owner recognises in a list of sessions."""

from __future__ import annotations

from aiohttp import web

from mediaserver.http.cookies import DEVICE, SESSION, read_cookie
from mediaserver.identity.sign_in import Visitor

# In this order: Edge and Opera also say Chrome, Chrome also says Safari, Android also says Linux.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "Mac"),
    ("Linux", "Linux"),
)


def browser_label(agent: str) -> str:
    """`Firefox on Windows`, from a User-Agent header."""
    browser = next((name for sign, name in _BROWSERS if sign in agent), "Unknown browser")
    system = next((name for sign, name in _SYSTEMS if sign in agent), None)
    return browser if system is None else f"{browser} on {system}"


def visitor_of(request: web.Request, request_id: str | None = None) -> Visitor:
    """Who asks to be signed in."""
    return Visitor(
        address=request.remote,
        label=browser_label(request.headers.get("User-Agent", "")),
        device=read_cookie(request, DEVICE),
        session=read_cookie(request, SESSION),
        request=request_id,
    )
