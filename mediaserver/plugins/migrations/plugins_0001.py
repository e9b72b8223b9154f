"""The plugin host: events not yet heard, and memos."""

import sqlalchemy as sa
from alembic import op

revision = "plugins_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "plugins_outbox",
        sa.Column(
            "position",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            primary_key=True,
            autoincrement=True,
        ),
        sa.Column("tenant", sa.Text, sa.ForeignKey("tenant.id"), nullable=False),
        sa.Column("plugin", sa.Text, nullable=False),
        sa.Column("visit", sa.Text, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("parked_at", sa.BigInteger),
    )
    op.create_index(
        "ix_plugins_outbox_plugin_parked_at_position", "plugins_outbox", ["plugin", "parked_at", "position"]
    )
    op.create_index("ix_plugins_outbox_plugin_event", "plugins_outbox", ["plugin", "event"], unique=True)
    op.create_table(
        "plugins_memo",
        sa.Column("tenant", sa.Text, sa.ForeignKey("tenant.id"), primary_key=True),
        sa.Column("plugin", sa.Text, primary_key=True),
        sa.Column("visit", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("plugins_memo")
    op.drop_table("plugins_outbox")
