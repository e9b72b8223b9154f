"""Audit: entries, the signed head of each commit, the right edge of the tree."""

import sqlalchemy as sa
from alembic import op

revision = "0002_audit"
down_revision = "0001_tenants"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_entry",
        sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("patient", sa.Text),
        sa.Column("visit", sa.Text),
        sa.Column("leaf", sa.Text, nullable=False),
        sa.Column("leaf_hash", sa.LargeBinary, nullable=False),
        sa.Column("root", sa.LargeBinary, nullable=False),
    )
    for columns in (("at",), ("patient", "position"), ("visit", "position")):
        name = f"ix_audit_entry_{'_'.join(('tenant', *columns))}"
        op.create_index(name, "audit_entry", ["tenant", *columns])
    op.create_table(
        "audit_head",
        sa.Column("size", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("root", sa.LargeBinary, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
    )
    frontier = op.create_table(
        "audit_frontier",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("frontier", sa.LargeBinary, nullable=False),
        sa.Column("witnessed", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(frontier, [{"id": 1, "size": 0, "frontier": b"", "witnessed": 0}])


def downgrade() -> None:
    raise NotImplementedError("the log has no way back")
