"""Signing keys: several verify, one signs, each is good for one algorithm.

The file is a JWK set (RFC 7517) of mode 0600 with one member more, `signing`: the `kid` that signs.
Keys of other issuers are added with their public half alone. A key's `alg` is pinned: what a token's
header says is only compared with it (RFC 8725 section 3.1), so neither `none` nor a public key taken
for an HMAC secret gets through.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joserfc import jwk
from joserfc.errors import JoseError

from mediaserver.identity.files import private_folder, write_private

Jwk = jwk.OctKey | jwk.OKPKey | jwk.ECKey

# What a key of each type and curve may be pinned to. EdDSA is RFC 8037's name, Ed25519 RFC 9864's.
_ALGORITHMS = {
    ("oct", None): ("HS256",),
    ("OKP", "Ed25519"): ("Ed25519", "EdDSA"),
    ("EC", "P-256"): ("ES256",),
}
_MIN_SECRET = 32  # bytes; RFC 7518 section 3.2 wants as many as the hash has


class KeyFileError(Exception):
    """The key file is not usable; the text says why and what to do, and shows no key."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key, pinned to one algorithm."""

    kid: str
    algorithm: str
    jwk: Jwk

    @property
    def can_sign(self) -> bool:
        """False for another issuer's public key."""
        return self.jwk.is_private


class KeyRing:
    """The keys of a file, read again when the file changes, so that a rotation needs no restart."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int, int] | None = None
        self._keys: dict[str, Key] = {}
        self._signing = ""
        self._read()

    @classmethod
    def open_or_create(cls, path: Path, algorithm: str = "HS256") -> KeyRing:
        """The ring of `path`; a missing file is made with one fresh key."""
        if not path.exists():
            private_folder(path.parent)
            key = _generate(algorithm)
            _write(path, [key], key.kid)
        return cls(path)

    @property
    def kids(self) -> tuple[str, ...]:
        """Ids of all keys."""
        self._refresh()
        return tuple(self._keys)

    def get(self, kid: str) -> Key | None:
        """The key of that id."""
        self._refresh()
        return self._keys.get(kid)

    def signing(self) -> Key:
        """The key that signs."""
        self._refresh()
        return self._keys[self._signing]

    def rotate(self, algorithm: str | None = None) -> Key:
        """Adds a fresh key and signs with it from now on; the others go on verifying."""
        self._refresh()
        key = _generate(algorithm or self.signing().algorithm)
        _write(self._path, [*self._keys.values(), key], key.kid)
        self._read()
        return key

    def retire(self, kid: str) -> None:
        """Removes a key: tokens it signed are refused from now on. The signing key stays."""
        self._refresh()
        if kid == self._signing:
            raise KeyFileError("this key signs; rotate first, retire it then")
        if kid not in self._keys:
            raise KeyFileError("there is no key with this id")
        _write(self._path, [key for key in self._keys.values() if key.kid != kid], self._signing)
        self._read()

    def _refresh(self) -> None:
        if self._stamp != _stamp(self._path):
            self._read()

    def _read(self) -> None:
        stamp = _stamp(self._path)
        try:
            content = json.loads(self._path.read_bytes())
            keys = [_import(entry) for entry in content["keys"]]
            signing = content["signing"]
        except (OSError, ValueError, KeyError, TypeError, JoseError) as error:
            raise KeyFileError(f"{self._path} is not a readable key file ({type(error).__name__})") from None
        by_kid = {key.kid: key for key in keys}
        if len(by_kid) != len(keys):
            raise KeyFileError(f"{self._path} has two keys of one kid")
        if signing not in by_kid or not by_kid[signing].can_sign:
            raise KeyFileError(f"{self._path}: `signing` must name a key with its private half")
        self._keys, self._signing, self._stamp = by_kid, signing, stamp


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        status = path.stat()
    except OSError:
        raise KeyFileError(f"{path} is missing; `mediaserver serve --dev` makes one") from None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _generate(algorithm: str) -> Key:
    kid = secrets.token_urlsafe(6)
    parameters: jwk.KeyParameters = {"kid": kid, "alg": algorithm, "use": "sig"}
    match algorithm:
        case "HS256":
            key: Jwk = jwk.OctKey.generate_key(256, parameters)
        case "Ed25519" | "EdDSA":
            key = jwk.OKPKey.generate_key("Ed25519", parameters)
        case "ES256":
            key = jwk.ECKey.generate_key("P-256", parameters)
        case _:
            raise KeyFileError("algorithms are HS256, Ed25519, EdDSA and ES256")
    return Key(kid, algorithm, key)


def _import(entry: dict[str, Any]) -> Key:
    kid, algorithm = entry["kid"], entry["alg"]
    allowed = _ALGORITHMS.get((entry["kty"], entry.get("crv")), ())
    if not isinstance(kid, str) or algorithm not in allowed:
        raise ValueError("kid or alg")
    key = jwk.import_key(entry)
    if not isinstance(key, jwk.OctKey | jwk.OKPKey | jwk.ECKey):
        raise TypeError(type(key))
    if isinstance(key, jwk.OctKey) and len(key.raw_value) < _MIN_SECRET:
        raise ValueError("secret too short")
    return Key(kid, algorithm, key)


def _write(path: Path, keys: list[Key], signing: str) -> None:
    entries = []
    for key in keys:
        entry = key.jwk.as_dict(private=key.can_sign)
        entries.append({**entry, "kid": key.kid, "alg": key.algorithm})
    write_private(path, json.dumps({"signing": signing, "keys": entries}, indent=1).encode())
