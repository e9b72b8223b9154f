"""Random secrets that are handed out once and kept as hashes, and the tenant that travels with some.

A session's cookie and a developer key begin with their tenant, so that a request is looked up in one clinic
and nowhere else. The tenant in it is a claim like any other: without the secret it opens nothing.
"""

from __future__ import annotations

import hashlib
import secrets
import unicodedata

from mediaserver.model.actors import TenantId
from mediaserver.storage.tenants import tenant_id

MAX_TOKEN = 256  # characters; ours have about 60


def new_id(prefix: str) -> str:
    """A fresh id such as `a-h3k..` (96 bits)."""
    return f"{prefix}-{secrets.token_urlsafe(12)}"


def new_secret() -> str:
    """256 bits: beyond guessing, so a plain hash of it may be stored."""
    return secrets.token_urlsafe(32)


def digest(text: str) -> str:
    """SHA-256 in hex: how a secret is stored and found again."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def for_tenant(tenant: TenantId, secret: str, prefix: str = "") -> str:
    """`prefix` + tenant + "." + secret."""
    return f"{prefix}{tenant}.{secret}"


def tenant_of(token: str, prefix: str = "") -> TenantId | None:
    """The tenant that a token of `for_tenant` names; None for anything else."""
    head, dot, _ = token.removeprefix(prefix).partition(".")
    if not token.startswith(prefix) or not dot or len(token) > MAX_TOKEN:
        return None
    try:
        return tenant_id(head)
    except ValueError:
        return None


def username(text: str) -> str:
    """A name to sign in with, as it is compared: NFKC, case folded, no space around (RFC 8265 in spirit).

    What can't be printed becomes U+FFFD, which no account's name has: PostgreSQL takes no NUL, UTF-8 no
    half of a surrogate pair.
    """
    plain = unicodedata.normalize("NFKC", text).strip().casefold()
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in plain)


_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # nothing that is read as another


def new_spoken_code() -> str:
    """Twenty letters in fours, to be read out or typed: 98 bits."""
    letters = [secrets.choice(_ALPHABET) for _ in range(20)]
    return "-".join("".join(letters[i : i + 4]) for i in range(0, 20, 4))


def plain_code(text: str) -> str:
    """A spoken code as it is compared: capitals, without hyphens and spaces."""
    return "".join(letter for letter in text.upper() if letter.isalnum())
