"""Cookies of signed-in people: `__Host-` names over TLS (RFC 6265bis section 4.1.3.2), plain ones without it,
which only a development server on localhost does.
"""

from __future__ import annotations

from aiohttp import web

SESSION, DEVICE, OIDC = "session", "device", "oidc"
_DEVICE_LIFE = 400 * 24 * 3600  # seconds; what browsers keep at most


def read_cookie(request: web.Request, name: str) -> str | None:
    """Over TLS only the `__Host-` one counts: another may have been set by a sibling host, or without TLS."""
    return request.cookies.get(_name(request, name)) or None


def set_cookie(
    request: web.Request, response: web.StreamResponse, name: str, value: str, life: float
) -> None:
    """Lax, because people come back from the OpenID provider and from links in their mail."""
    response.set_cookie(
        _name(request, name),
        value,
        path="/",
        max_age=int(life),
        httponly=True,
        secure=request.secure,
        samesite="Lax",
    )


def keep_device(request: web.Request, response: web.StreamResponse, token: str) -> None:
    """Lets the browser be known again at the next sign-in."""
    set_cookie(request, response, DEVICE, token, _DEVICE_LIFE)


def drop_cookie(request: web.Request, response: web.StreamResponse, name: str) -> None:
    """Deletes it."""
    response.del_cookie(_name(request, name), path="/", httponly=True, secure=request.secure, samesite="Lax")


def _name(request: web.Request, name: str) -> str:
    return f"__Host-{name}" if request.secure else name
