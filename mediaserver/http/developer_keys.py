"""Keys of programs: `/api/v1/keys`. The secret is in the answer that makes one, and nowhere after."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from mediaserver.http.api import Api, Call, Operation, Signed
from mediaserver.http.sessions import Millis
from mediaserver.identity.desk import IdentityDesk
from mediaserver.identity.developer_keys import DeveloperKey
from mediaserver.identity.permissions import Permission

Moment = Annotated[int, Meta(ge=0, le=2**53, description="Milliseconds since 1970 (UTC).")]


class NewKey(Struct, frozen=True, forbid_unknown_fields=True):
    """A key to make. `scopes` are permissions that a program may have."""

    name: Annotated[str, Meta(min_length=1, max_length=64)]
    scopes: Annotated[list[str], Meta(min_length=1, max_length=50)]
    expires_at: Moment | None = None


class KeyBody(Struct, frozen=True):
    """A key; `secret` only where it is made."""

    id: str
    name: str
    scopes: list[str]
    created_by: str
    created_at: Millis
    expires_at: Millis | None
    used_at: Millis | None
    revoked_at: Millis | None
    secret: str | None = None


class KeyList(Struct, frozen=True):
    """All keys of the clinic."""

    keys: list[KeyBody]


class DeveloperKeyRoutes:
    """Handlers over the desk."""

    def __init__(self, desk: IdentityDesk) -> None:
        self._desk = desk

    def add_to(self, api: Api) -> None:
        """Adds the operations."""
        api.add(_CREATE, self.create)
        api.add(_LIST, self.list)
        api.add(_REVOKE, self.revoke)

    async def create(self, call: Call) -> KeyBody:
        """Shows the secret."""
        body: NewKey = call.body
        key, secret = await self._desk.keys.create(
            call.actor, body.name, body.scopes, expires_at=body.expires_at, request=call.request_id
        )
        return _body(key, secret)

    async def list(self, call: Call) -> KeyList:
        """Revoked ones too."""
        return KeyList([_body(key) for key in await self._desk.keys.list(call.actor)])

    async def revoke(self, call: Call) -> None:
        """At once."""
        await self._desk.keys.revoke(call.actor, call.path["key"], request=call.request_id)


def _body(key: DeveloperKey, secret: str | None = None) -> KeyBody:
    return KeyBody(
        id=key.id,
        name=key.name,
        scopes=list(key.scopes),
        created_by=key.created_by,
        created_at=key.created_at,
        expires_at=key.expires_at,
        used_at=key.used_at,
        revoked_at=key.revoked_at,
        secret=secret,
    )


_MANAGE = Signed(Permission.KEYS_MANAGE)
_ALL = "/api/v1/keys"

_CREATE = Operation(
    "createKey",
    "POST",
    _ALL,
    "Make a developer key",
    _MANAGE,
    status=201,
    body=NewKey,
    result=KeyBody,
    audit="key.create",
)
_LIST = Operation("listKeys", "GET", _ALL, "List developer keys", _MANAGE, result=KeyList)
_REVOKE = Operation(
    "revokeKey", "DELETE", _ALL + "/{key}", "Revoke a developer key", _MANAGE, status=204, audit="key.revoke"
)
