"""How tables are made: one metadata, one way to name, to tell tenants apart, to write times and versions.

A package's tables stand in its `tables.py`; the migration that makes them is written by hand with the same
helpers, and a test compares the two. Text is `Text` (a length is the business of whoever takes the input),
times are `timestamp()`, ids random text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.sql.schema import SchemaItem

# Every constraint has a name, or a migration could not drop it (SQLite gives none by itself).
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

metadata = MetaData(naming_convention=NAMING)

# The clinics of one server. Times and names are for people; `id` is what all else refers to.
tenant = Table(
    "tenant",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)


def tenant_column() -> Column[str]:
    """Whose row it is: the first column of every key, so that no key reaches into another tenant."""
    return Column("tenant", Text, ForeignKey("tenant.id"), primary_key=True)


def tenant_table(name: str, *items: SchemaItem, meta: MetaData = metadata) -> Table:
    """A table whose rows belong to a tenant: `tenant` comes before `items` and in front of the primary key.

    Give its other keys by `tenant_index`, `tenant_unique` and `reference`. A plugin passes its own `meta`.
    """
    return Table(name, meta, tenant_column(), *items)


def reference(
    column: str, table: str, *, target: str = "id", ondelete: str | None = None
) -> ForeignKeyConstraint:
    """`column` holds the `target` of a row in another tenant table: of the same tenant, the database sees
    to it. (A plain ForeignKey would let one clinic's row point at another's.)
    """
    return ForeignKeyConstraint(
        ["tenant", column], [f"{table}.tenant", f"{table}.{target}"], ondelete=ondelete
    )


def tenant_index(table: str, *columns: str, **options: Any) -> Index:
    """An index by tenant and `columns`, for `tenant_table` and, on its own, for `op.create_index`."""
    return Index(index_name(table, columns), "tenant", *columns, **options)


def index_name(table: str, columns: Sequence[str]) -> str:
    """What `tenant_index` calls it: a migration names it alike."""
    return f"ix_{table}_{'_'.join(('tenant', *columns))}"


def tenant_unique(*columns: str) -> UniqueConstraint:
    """`columns` together occur once in a tenant."""
    return UniqueConstraint("tenant", *columns)


def timestamp(name: str, *, nullable: bool = False) -> Column[int]:
    """A time: milliseconds since 1970 (UTC), as events and JSON have it."""
    return Column(name, BigInteger, nullable=nullable)


def version() -> Column[int]:
    """Counts changes, for what two people can edit: `Unit.update(version=...)` refuses the later of two."""
    return Column("version", Integer, nullable=False, default=1, server_default="1")
