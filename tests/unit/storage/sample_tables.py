"""Two tables as a package would have them, made beside the real ones, and two clinics."""

from __future__ import annotations

import pytest
from sqlalchemy import Column, MetaData, Text

from mediaserver.model.actors import Actor, ActorKind, TenantId
from mediaserver.model.pii import Pii
from mediaserver.model.roles import Role
from mediaserver.storage import Database
from mediaserver.storage.engines import Options, make_sync_engine, parse
from mediaserver.storage.schema import (
    NAMING,
    reference,
    tenant,
    tenant_index,
    tenant_table,
    tenant_unique,
    version,
)

META = MetaData(naming_convention=NAMING)
tenant.to_metadata(META)

NOTE = tenant_table(
    "sample_note",
    Column("id", Text, primary_key=True),
    Column("text", Text, nullable=False),
    version(),
    meta=META,
)
TAG = tenant_table(
    "sample_tag",
    Column("id", Text, primary_key=True),
    Column("note", Text, nullable=False),
    Column("word", Text, nullable=False),
    reference("note", "sample_note"),
    tenant_unique("note", "word"),
    tenant_index("sample_tag", "word"),
    meta=META,
)


def staff(tenant_id: str = "clinic") -> Actor:
    """A clinician."""
    roles = frozenset({Role.CLINICIAN})
    return Actor(TenantId(tenant_id), "a_1", ActorKind.ACCOUNT, Pii("Dr Grey"), roles)


def other() -> Actor:
    """One of another clinic."""
    return staff("other")


def make(url: str) -> None:
    """Makes the tables and the other clinic."""
    engine = make_sync_engine(parse(url), Options())
    try:
        with engine.begin() as connection:
            META.create_all(connection)
            connection.execute(tenant.insert().values(id="other", name="Other", created_at=0))
    finally:
        engine.dispose()


@pytest.fixture
def sample(database_url: str) -> None:
    """The tables, in the database of the test."""
    make(database_url)


async def add_note(database: Database, id: str, text: str, actor: Actor | None = None) -> None:
    """One note in a unit of its own."""
    async with database.unit(actor or staff()) as unit:
        await unit.insert(NOTE, id=id, text=text)


async def notes(database: Database, actor: Actor | None = None) -> dict[str, str]:
    """Text by id."""
    async with database.read(actor or staff()) as reader:
        return {row.id: row.text for row in await reader.rows(reader.of(NOTE))}
