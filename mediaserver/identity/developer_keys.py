"""Keys of programs: long random bearer tokens (RFC 6750) with scopes, shown once and kept as a hash.

A key's scopes are permissions out of the DEVELOPER row of the table, looked up at each use: a permission that
row loses is lost to every key. The prefix lets a scanner of public code find one that slipped out.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from mediaserver.identity.errors import RuleError, UnknownError
from mediaserver.identity.permissions import PermissionTable
from mediaserver.identity.recording import Recorder, event
from mediaserver.identity.secret_values import digest, for_tenant, new_id, new_secret, tenant_of
from mediaserver.identity.tables import developer_key
from mediaserver.model.actors import Actor, ActorKind
from mediaserver.model.audit import AuditAction, AuditEntity
from mediaserver.model.pii import Pii
from mediaserver.model.roles import Role
from mediaserver.storage import Database

PREFIX = "mskey_"
_USE_NOTED = 60_000  # ms between two notes of use


@dataclass(frozen=True, slots=True)
class DeveloperKey:
    """A key without its secret; times in ms."""

    id: str
    name: str
    scopes: tuple[str, ...]
    created_by: str
    created_at: int
    expires_at: int | None
    used_at: int | None
    revoked_at: int | None


class DeveloperKeys:
    """Makes, lists, revokes and recognises keys."""

    def __init__(self, database: Database, recorder: Recorder, table: PermissionTable) -> None:
        self._database = database
        self._recorder = recorder
        self._table = table

    async def create(
        self,
        actor: Actor,
        name: str,
        scopes: Collection[str],
        *,
        expires_at: int | None = None,
        request: str | None = None,
    ) -> tuple[DeveloperKey, str]:
        """A key and its secret, which is shown this once. Raises RuleError."""
        allowed = self._table.of({Role.DEVELOPER})
        if not scopes or not set(scopes) <= allowed:
            raise RuleError(f"Scopes of a key are one or more of {', '.join(sorted(allowed))}.")
        if not name.strip() or len(name) > 64:
            raise RuleError("Give the key a name of up to 64 characters.")
        async with self._database.unit(actor) as unit:
            if expires_at is not None and expires_at <= unit.now:
                raise RuleError("The key would have expired before it was made.")
            secret, id = for_tenant(unit.tenant, new_secret(), PREFIX), new_id("k")
            await unit.insert(
                developer_key,
                id=id,
                name=name.strip(),
                secret=digest(secret),
                scopes=" ".join(sorted(set(scopes))),
                created_by=actor.id,
                created_at=unit.now,
                expires_at=expires_at,
            )
            self._recorder.record(
                unit,
                event(
                    actor,
                    "key.create",
                    AuditAction.CREATE,
                    entity=AuditEntity("DeveloperKey", id),
                    request=request,
                    detail={"scopes": " ".join(sorted(set(scopes)))},
                ),
            )
            row = await unit.row(unit.of(developer_key).where(developer_key.c.id == id))
            assert row is not None  # noqa: S101
            return _key(row), secret

    async def list(self, actor: Actor) -> Sequence[DeveloperKey]:
        """All keys, revoked ones too, newest first."""
        async with self._database.read(actor) as reader:
            query = reader.of(developer_key).order_by(developer_key.c.created_at.desc(), developer_key.c.id)
            return [_key(row) for row in await reader.rows(query)]

    async def revoke(self, actor: Actor, id: str, *, request: str | None = None) -> None:
        """It opens nothing from the next request on. Raises UnknownError."""
        async with self._database.unit(actor) as unit:
            alive = (developer_key.c.id == id) & developer_key.c.revoked_at.is_(None)
            if await unit.update(developer_key, alive, revoked_at=unit.now) != 1:
                raise UnknownError("There is no such key, or it is revoked.")
            self._recorder.record(
                unit,
                event(
                    actor,
                    "key.revoke",
                    AuditAction.DELETE,
                    entity=AuditEntity("DeveloperKey", id),
                    request=request,
                ),
            )

    async def recognise(
        self, token: str, *, address: str | None = None
    ) -> tuple[Actor, frozenset[str]] | None:
        """Whose key it is and what it may; None for one that is no good."""
        tenant = tenant_of(token, PREFIX)
        if tenant is None:
            return None
        async with self._database.read(Actor.system(tenant)) as reader:
            row = await reader.row(reader.of(developer_key).where(developer_key.c.secret == digest(token)))
            now = reader.now
        if row is None or row.revoked_at is not None or (row.expires_at or now + 1) <= now:
            return None
        if now - (row.used_at or 0) >= _USE_NOTED:
            async with self._database.unit(Actor.system(tenant)) as unit:
                await unit.update(developer_key, developer_key.c.id == row.id, used_at=unit.now)
        scopes = frozenset(row.scopes.split()) & self._table.of({Role.DEVELOPER})
        seen = None if address is None else Pii(address)
        roles = frozenset({Role.DEVELOPER})
        actor = Actor(tenant, row.id, ActorKind.TOKEN, Pii(row.name), roles, session=row.id, address=seen)
        return actor, scopes


def _key(row: Row[Any]) -> DeveloperKey:
    return DeveloperKey(
        id=row.id,
        name=row.name,
        scopes=tuple(row.scopes.split()),
        created_by=row.created_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        used_at=row.used_at,
        revoked_at=row.revoked_at,
    )
