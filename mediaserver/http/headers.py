"""Headers every answer carries, so that a new route can't forget them."""

from __future__ import annotations

from aiohttp import web

# Scripts and styles come from files of ours alone: no inline code, no nonce, no CDN. Video elements play
# MediaStreams, which need no source; blob: is for pictures a person sends or a still that was taken.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "font-src 'self'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "worker-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)

PERMISSIONS_POLICY = (
    ", ".join(
        f"{feature}=(self)"
        for feature in (
            "camera",
            "microphone",
            "display-capture",
            "speaker-selection",
            "autoplay",
            "fullscreen",
            "picture-in-picture",
            "screen-wake-lock",
        )
    )
    + ", geolocation=(), payment=(), usb=(), serial=(), bluetooth=(), hid=(), midi=()"
)

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Permissions-Policy": PERMISSIONS_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}
_HSTS = "max-age=31536000"


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """`on_response_prepare`: what a handler has set itself stays."""
    if response.status == 101:
        return
    for name, value in _ALWAYS.items():
        response.headers.setdefault(name, value)
    if request.secure:
        response.headers.setdefault("Strict-Transport-Security", _HSTS)
    response.headers.pop("Server", None)
