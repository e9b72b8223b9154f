"""Tenants: the clinics of one server, and the first of them."""

import sqlalchemy as sa
from alembic import op

from mediaserver.model.clock import SystemClock

revision = "0001_tenants"
down_revision = None
branch_labels = ("core",)
depends_on = None


def upgrade() -> None:
    tenant = op.create_table(
        "tenant",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    now = int(SystemClock().wall() * 1000)
    op.bulk_insert(tenant, [{"id": "clinic", "name": "Clinic", "created_at": now}])


def downgrade() -> None:
    raise NotImplementedError("the way back is a backup")
