"""Secrets that must be read again (TOTP), sealed so that a stolen database alone makes no codes.

AES-256-GCM with a random nonce; what the secret belongs to is bound in as associated data, so that a row
copied to another account opens nothing. The key is a file of the data folder, mode 0600.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mediaserver.identity.files import private_folder, write_private

_KEY, _NONCE = 32, 12  # bytes


class SealError(Exception):
    """The key file is not usable, or what was sealed is not what is opened."""


class Seal:
    """Seals and opens with one key."""

    def __init__(self, key: bytes) -> None:
        if len(key) != _KEY:
            raise SealError(f"the identity key has {len(key)} bytes instead of {_KEY}")
        self._aead = AESGCM(key)

    @classmethod
    def open_or_create(cls, path: Path) -> Seal:
        """The key of `path`; a missing file is made with a fresh one. Raises SealError."""
        if not path.exists():
            private_folder(path.parent)
            write_private(path, secrets.token_bytes(_KEY))
        try:
            return cls(path.read_bytes())
        except OSError as error:
            raise SealError(f"{path} can't be read ({type(error).__name__})") from None

    def seal(self, secret: bytes, owner: str) -> bytes:
        """Nonce, then ciphertext and tag."""
        nonce = os.urandom(_NONCE)
        return nonce + self._aead.encrypt(nonce, secret, owner.encode())

    def open(self, sealed: bytes, owner: str) -> bytes:
        """What was sealed for `owner`. Raises SealError."""
        try:
            return self._aead.decrypt(sealed[:_NONCE], sealed[_NONCE:], owner.encode())
        except (InvalidTag, ValueError):
            raise SealError("this was sealed for another, by another key, or is damaged") from None
