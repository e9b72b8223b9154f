"""The host's own tables: what each plugin has yet to hear, and what plugins keep without a table."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, MetaData, Table, Text

from mediaserver.storage.migrate import Migrations
from mediaserver.storage.schema import NAMING, tenant_table, timestamp

metadata = MetaData(naming_convention=NAMING)
# Known here by name only: the reference is the migration's.
Table("tenant", metadata, Column("id", Text, primary_key=True))

# One row for each plugin that hears the event. `position` orders them; rows go when they were heard.
outbox = Table(
    "plugins_outbox",
    metadata,
    Column("position", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("tenant", Text, ForeignKey("tenant.id"), nullable=False),
    Column("plugin", Text, nullable=False),
    Column("visit", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("body", Text, nullable=False),
    timestamp("parked_at", nullable=True),
    Index("ix_plugins_outbox_plugin_parked_at_position", "plugin", "parked_at", "position"),
    Index("ix_plugins_outbox_plugin_event", "plugin", "event", unique=True),
)

# `visit` is empty for what is the whole clinic's.
memo = tenant_table(
    "plugins_memo",
    Column("plugin", Text, primary_key=True),
    Column("visit", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
    timestamp("updated_at"),
    meta=metadata,
)

MIGRATIONS = Migrations("plugins", Path(__file__).parent / "migrations")
