"""Hello: who was greeted."""

import sqlalchemy as sa
from alembic import op

revision = "hello_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "hello_greeting",
        sa.Column("tenant", sa.Text, sa.ForeignKey("tenant.id"), primary_key=True),
        sa.Column("visit", sa.Text, primary_key=True),
        sa.Column("person", sa.Text, primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("reply", sa.Text, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("hello_greeting")
