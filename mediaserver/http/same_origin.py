"""The defence against a request that another site's page makes in a signed-in person's name (CSRF).

Two independent signs are asked of every call that changes something on the strength of a cookie: a header
that a form cannot send and a script of another origin may not (without a preflight, which is never
granted), and the browser's own word on where the page comes from (Sec-Fetch-Site, or Origin where that is
older). The cookie's SameSite is a third; it alone would trust every sibling subdomain.
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from aiohttp import web

from signaling.http import Problem

HEADER = "X-CSRF"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def require_same_origin(request: web.Request, origins: Collection[str] = ()) -> None:
    """Problem 403 `csrf` unless the call comes from a page of ours (or of `origins`)."""
    if request.headers.get(HEADER) != "1":
        raise Problem(403, "csrf", f"Send the header {HEADER}: 1 with a call that changes something.")
    if not _from_ours(request, origins):
        raise Problem(403, "csrf", "A page of another origin may not do this.")


def _from_ours(request: web.Request, origins: Collection[str]) -> bool:
    origin = request.headers.get("Origin")
    if origin in (None, "null"):
        # Our pages say `Referrer-Policy: no-referrer`, for which a browser may write the origin as null
        # (Fetch, "append a request Origin header"). A page can't write Sec-Fetch-Site.
        return request.headers.get("Sec-Fetch-Site") == "same-origin"
    return origin in origins or _is_own(request, origin)


def _is_own(request: web.Request, origin: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme == request.scheme and parts.netloc != "" and parts.netloc == request.host
