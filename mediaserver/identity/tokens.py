"""Access tokens: JWTs (RFC 7519) with the grants of one person.

Claims: iss, aud ("mediaserver"), sub (identity), name, role, iat, nbf, exp, jti, grants, metadata.
Every refusal looks the same to the caller; the log has the reason, never the token.
"""

from __future__ import annotations

import json
import secrets
from base64 import urlsafe_b64decode
from typing import Annotated, Any

import msgspec
import structlog
from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError

from mediaserver.identity.keys import Key, KeyRing
from mediaserver.model.clock import Clock
from mediaserver.model.grants import Grants, Person
from mediaserver.model.ids import MAX_IDENTITY, MAX_NAME, room_name
from mediaserver.model.pii import Pii
from mediaserver.model.roles import Role, Source
from signaling.ports import ErrorCode, Refused

log = structlog.get_logger(__name__)

AUDIENCE = "mediaserver"
ISSUER = "mediaserver"
MAX_TOKEN = 8 * 1024
MAX_TTL = 30 * 24 * 3600


class _GrantClaims(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    room: str | None = None
    join: bool = False
    publish: tuple[Source, ...] = ()
    subscribe: bool = False
    admin: bool = False
    hidden: bool = False
    rooms: bool = False


class _Claims(msgspec.Struct, kw_only=True):
    sub: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_IDENTITY)]
    name: Annotated[str, msgspec.Meta(max_length=MAX_NAME)] = ""
    role: Role
    exp: float
    jti: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    grants: _GrantClaims = _GrantClaims()
    metadata: dict[str, str] = {}


class _InvalidError(Exception):
    """Internal: why a token is no good, for the log."""


class Tokens:
    """Signs and verifies. `Authenticator` of the doors. `leeway` is seconds of clock skew."""

    def __init__(
        self, keys: KeyRing, clock: Clock, *, leeway: int = 30, issuers: frozenset[str] = frozenset()
    ):
        self._keys = keys
        self._clock = clock
        self._leeway = leeway
        self._issuers = issuers | {ISSUER}

    def issue(self, person: Person, ttl: float, *, audience: str = AUDIENCE) -> str:
        """A token for `person`, good for `ttl` seconds (at most 30 days)."""
        if not 0 < ttl <= MAX_TTL:
            raise ValueError("a token lives between 1 s and 30 days")
        now = int(self._clock.wall())
        grants = person.grants
        claims = {
            "iss": ISSUER,
            "aud": audience,
            "sub": person.identity,
            "name": person.name.reveal(),
            "role": person.role.value,
            "iat": now,
            "nbf": now,
            "exp": now + int(ttl),
            "jti": secrets.token_urlsafe(12),
            "grants": msgspec.to_builtins(
                _GrantClaims(
                    room=grants.room,
                    join=grants.join,
                    publish=tuple(sorted(grants.publish)),
                    subscribe=grants.subscribe,
                    admin=grants.admin,
                    hidden=grants.hidden,
                    rooms=grants.rooms,
                )
            ),
            "metadata": dict(person.metadata.reveal()),
        }
        return self.sign(claims)

    def authenticate(self, token: str) -> Person:
        """The person a token stands for. Raises Refused(UNAUTHORIZED), always with one text."""
        try:
            return _person(self.verify(token, AUDIENCE))
        except _InvalidError as error:
            log.info("token refused", reason=str(error))
        raise Refused(ErrorCode.UNAUTHORIZED, "The token is not valid here, or no longer. Ask for a new one.")

    def sign(self, claims: dict[str, Any]) -> str:
        """A JWS of any claims by the signing key."""
        key = self._keys.signing()
        header = {"alg": key.algorithm, "kid": key.kid}
        return jwt.encode(header, claims, key.jwk, algorithms=[key.algorithm])

    def verify(self, token: str, audience: str) -> dict[str, Any]:
        """The claims of a token whose signature, issuer, audience and times are good."""
        key = self._key_of(token)
        try:
            claims = jwt.decode(token, key.jwk, algorithms=[key.algorithm]).claims
            jwt.JWTClaimsRegistry(
                now=int(self._clock.wall()),
                leeway=self._leeway,
                iss={"essential": True, "values": sorted(self._issuers)},
                aud={"essential": True, "value": audience},
                exp={"essential": True},
                nbf={},
                jti={"essential": True},
            ).validate(claims)
        except ExpiredTokenError:
            raise _InvalidError("expired") from None
        except (JoseError, ValueError, TypeError, RecursionError) as error:
            # ValueError: not base64 or not UTF-8; the others: JSON of the wrong shape or depth.
            raise _InvalidError(getattr(error, "error", type(error).__name__)) from None
        return claims

    def check(self, token: str, audience: str) -> dict[str, Any] | None:
        """Like `verify`, but None for a token that is no good."""
        try:
            return self.verify(token, audience)
        except _InvalidError:
            return None

    def _key_of(self, token: str) -> Key:
        if len(token) > MAX_TOKEN or not token.isascii():
            raise _InvalidError("too long or not ascii")
        head = token.split(".", 1)[0]
        try:
            header = json.loads(urlsafe_b64decode(head + "=" * (-len(head) % 4)))
            kid = header["kid"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise _InvalidError("no readable header with a kid") from None
        key = self._keys.get(kid) if isinstance(kid, str) else None
        if key is None:
            raise _InvalidError("unknown kid")
        return key


def _person(claims: dict[str, Any]) -> Person:
    try:
        c = msgspec.convert(claims, _Claims)
        room = None if c.grants.room is None else room_name(c.grants.room)
    except (msgspec.ValidationError, ValueError):
        raise _InvalidError("claims of the wrong shape") from None
    grants = Grants(
        room=room,
        join=c.grants.join,
        publish=frozenset(c.grants.publish),
        subscribe=c.grants.subscribe,
        admin=c.grants.admin,
        hidden=c.grants.hidden,
        rooms=c.grants.rooms,
    )
    return Person(
        identity=c.sub,
        name=Pii(c.name),
        role=c.role,
        grants=grants,
        metadata=Pii(c.metadata),
        expires_at=c.exp,
        token_id=c.jti,
    )
