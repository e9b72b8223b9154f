"""The clinics of one server."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import insert, select

from mediaserver.model.actors import TenantId
from mediaserver.storage.schema import tenant
from mediaserver.storage.unit import Reader, Unit

# Goes into URLs and names of metrics.
_ID = re.compile(r"[a-z0-9-]{1,40}")


@dataclass(frozen=True, slots=True)
class Tenant:
    """A clinic; `created_at` in milliseconds since 1970 (UTC)."""

    id: TenantId
    name: str
    created_at: int


def tenant_id(text: str) -> TenantId:
    """Checks an id: 1 to 40 small letters, digits, hyphens. Raises ValueError."""
    if not _ID.fullmatch(text):
        raise ValueError("a tenant's id has 1 to 40 small letters, digits or hyphens")
    return TenantId(text)


async def add_tenant(unit: Unit, id: TenantId, name: str) -> None:
    """Adds a clinic; whoever acts. Raises DuplicateError, ValueError."""
    await unit.execute(insert(tenant).values(id=tenant_id(id), name=name, created_at=unit.now))


async def tenants(reader: Reader) -> Sequence[Tenant]:
    """All clinics of the server, by id: for those who run it."""
    rows = await reader.rows(select(tenant).order_by(tenant.c.id))
    return [Tenant(TenantId(row.id), row.name, row.created_at) for row in rows]
