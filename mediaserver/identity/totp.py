"""One-time codes by time (RFC 6238: SHA-1, 30 s, 6 digits, which is what every authenticator does)."""

from __future__ import annotations

import base64
import hmac
import secrets

import pyotp

STEP = 30  # seconds
DRIFT = 1  # steps either way: a phone's clock, and the time to type (RFC 6238 section 5.2)
_SECRET = 20  # bytes (RFC 4226 section 4, R6)


def new_totp_secret() -> bytes:
    """160 random bits."""
    return secrets.token_bytes(_SECRET)


def base32(secret: bytes) -> str:
    """As people type it."""
    return base64.b32encode(secret).decode()


def provisioning_uri(secret: bytes, *, account: str, issuer: str) -> str:
    """`otpauth://`, for a QR code."""
    return pyotp.TOTP(base32(secret)).provisioning_uri(name=account, issuer_name=issuer)


def matching_step(secret: bytes, code: str, now: float, *, last: int) -> int | None:
    """The step (Unix time / 30 s) whose code this is, or None.

    A step not after `last`, the one that was used last, matches nothing: a code seen over a shoulder is
    spent (RFC 6238 section 5.2). All candidates are compared, each in constant time.
    """
    typed = code.strip().replace(" ", "")
    if len(typed) != 6 or not (typed.isascii() and typed.isdigit()):
        return None
    otp = pyotp.TOTP(base32(secret))
    current = int(now // STEP)
    found = None
    for step in range(current - DRIFT, current + DRIFT + 1):
        if hmac.compare_digest(otp.at(step * STEP), typed) and step > last and found is None:
            found = step
    return found
