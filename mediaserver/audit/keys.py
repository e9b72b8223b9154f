"""The key that signs tree heads: Ed25519, as a JWK set (RFC 8037) in a file of mode 0600.

`signing` names the key that signs; the others, with or without their private half, verify older heads. A
key's id is its thumbprint (RFC 7638), so an id can't be claimed by another key.
"""

from __future__ import annotations

import json
import os
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from mediaserver.audit.errors import AuditKeyError
from mediaserver.identity.files import private_folder, write_private


class AuditKey:
    """Signs with one key, verifies with all of the file."""

    def __init__(
        self, signing: Ed25519PrivateKey, retired: Mapping[str, Ed25519PublicKey] | None = None
    ) -> None:
        self._signing = signing
        self.id = thumbprint(signing.public_key())
        self._public = {**(retired or {}), self.id: signing.public_key()}

    @classmethod
    def generate(cls) -> AuditKey:
        """A fresh key, in memory."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def open_or_create(cls, path: Path) -> AuditKey:
        """The key of `path`; a missing file is made. Raises AuditKeyError, OSError."""
        if not path.exists():
            private_folder(path.parent)
            _create(path, Ed25519PrivateKey.generate())
        return cls.open(path)

    @classmethod
    def open(cls, path: Path) -> AuditKey:
        """The key of `path`. Raises AuditKeyError."""
        try:
            content = json.loads(path.read_bytes())
            public, private = {}, {}
            for entry in content["keys"]:
                key = Ed25519PublicKey.from_public_bytes(_bytes(entry["x"]))
                public[thumbprint(key)] = key
                if "d" in entry:
                    secret = Ed25519PrivateKey.from_private_bytes(_bytes(entry["d"]))
                    private[thumbprint(secret.public_key())] = secret
            return cls(private[content["signing"]], public)
        except FileNotFoundError:
            raise AuditKeyError(f"there is no audit key {path}") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise AuditKeyError(f"{path} is not a readable audit key ({type(error).__name__})") from None

    @property
    def ids(self) -> frozenset[str]:
        """Ids of all keys of the file."""
        return frozenset(self._public)

    def sign(self, data: bytes) -> bytes:
        """64 bytes, RFC 8032."""
        return self._signing.sign(data)

    def verify(self, key: str, signature: bytes, data: bytes) -> bool:
        """Whether the key of that id, one of ours, signed `data`."""
        public = self._public.get(key)
        if public is None:
            return False
        try:
            public.verify(signature, data)
        except InvalidSignature:
            return False
        return True


def thumbprint(key: Ed25519PublicKey) -> str:
    """RFC 7638 over the members that RFC 8037 section 2 names."""
    members = f'{{"crv":"Ed25519","kty":"OKP","x":"{_text(key.public_bytes_raw())}"}}'
    return _text(sha256(members.encode()).digest())


def _create(path: Path, key: Ed25519PrivateKey) -> None:
    entry: dict[str, Any] = {
        "kty": "OKP",
        "crv": "Ed25519",
        "kid": thumbprint(key.public_key()),
        "x": _text(key.public_key().public_bytes_raw()),
        "d": _text(key.private_bytes_raw()),
    }
    content = json.dumps({"keys": [entry], "signing": entry["kid"]}, indent=2)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(6)}.new")
    write_private(fresh, content.encode() + b"\n")
    try:
        # Of two processes that start together one makes the key, and neither signs with one that is lost.
        os.link(fresh, path)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
