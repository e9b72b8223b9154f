"""The log's tables. They belong to the server, not to a tenant: one tree over all clinics (docs/adr/0007).

`audit_entry.tenant` refers to no tenant row, so that what a clinic did stays when the clinic is gone. The
columns beside `leaf` repeat what is in it, to search by; `verify` compares them.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, Table, Text

from mediaserver.storage.schema import metadata, tenant_index, timestamp

audit_entry = Table(
    "audit_entry",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),  # from 0: the RFC's leaf index
    Column("tenant", Text, nullable=False),
    timestamp("at"),
    Column("type", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("patient", Text),
    Column("visit", Text),
    Column(
        "leaf", Text, nullable=False
    ),  # the bytes that are hashed, as UTF-8; text, not JSON: never re-written
    Column("leaf_hash", LargeBinary, nullable=False),
    Column("root", LargeBinary, nullable=False),  # of the tree with this entry
    tenant_index("audit_entry", "at"),
    tenant_index("audit_entry", "patient", "position"),
    tenant_index("audit_entry", "visit", "position"),
)

# One signed head a commit, in the transaction that it signs: what the witness is told after a crash.
audit_head = Table(
    "audit_head",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("since", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    timestamp("at"),
    Column("key", Text, nullable=False),
    Column("signature", LargeBinary, nullable=False),
)

# One row: where the next entry goes. Its lock puts the appends of all processes in a row.
audit_frontier = Table(
    "audit_frontier",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # always 1
    Column("size", BigInteger, nullable=False),
    Column("frontier", LargeBinary, nullable=False),
    # Up to this size heads have reached the witness, as known when the last entry was written.
    Column("witnessed", BigInteger, nullable=False),
)
