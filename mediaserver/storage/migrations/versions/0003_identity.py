"""Identity: accounts and what proves them, sessions, tries, break-glass, developer keys."""

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, LargeBinary, Text

from mediaserver.storage.schema import index_name, reference, tenant_column, tenant_unique, timestamp, version

revision = "0003_identity"
down_revision = "0002_audit"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "account",
        tenant_column(),
        Column("id", Text, primary_key=True),
        Column("username", Text, nullable=False),
        Column("name", Text, nullable=False),
        Column("email", Text),
        Column("password", Text),
        Column("subject", Text),
        timestamp("created_at"),
        timestamp("password_at", nullable=True),
        timestamp("disabled_at", nullable=True),
        version(),
        tenant_unique("username"),
        tenant_unique("subject"),
    )
    op.create_table(
        "account_role",
        tenant_column(),
        Column("account", Text, primary_key=True),
        Column("role", Text, primary_key=True),
        reference("account", "account", ondelete="CASCADE"),
    )
    op.create_table(
        "credential",
        tenant_column(),
        Column("id", Text, primary_key=True),
        Column("account", Text, nullable=False),
        Column("kind", Text, nullable=False),
        Column("label", Text, nullable=False),
        Column("external_id", Text),
        Column("secret", LargeBinary, nullable=False),
        Column("counter", BigInteger, nullable=False, server_default="0"),
        timestamp("created_at"),
        timestamp("confirmed_at", nullable=True),
        timestamp("used_at", nullable=True),
        reference("account", "account", ondelete="CASCADE"),
        tenant_unique("external_id"),
    )
    op.create_table(
        "device",
        tenant_column(),
        Column("id", Text, primary_key=True),
        Column("account", Text, nullable=False),
        Column("token", Text, nullable=False),
        Column("label", Text, nullable=False),
        timestamp("created_at"),
        timestamp("seen_at"),
        reference("account", "account", ondelete="CASCADE"),
        tenant_unique("token"),
    )
    op.create_table(
        "session",
        tenant_column(),
        Column("id", Text, primary_key=True),
        Column("account", Text, nullable=False),
        Column("token", Text, nullable=False),
        Column("device", Text),
        Column("label", Text, nullable=False),
        Column("address", Text),
        Column("method", Text, nullable=False),
        timestamp("created_at"),
        timestamp("seen_at"),
        timestamp("expires_at"),
        timestamp("ended_at", nullable=True),
        Column("ended", Text),
        reference("account", "account", ondelete="CASCADE"),
        tenant_unique("token"),
    )
    op.create_table(
        "recovery",
        tenant_column(),
        Column("id", Text, primary_key=True),
        Column("account", Text, nullable=False),
        Column("code", Text, nullable=False),
        Column("issued_by", Text, nullable=False),
        timestamp("created_at"),
        timestamp("expires_at"),
        timestamp("used_at", nullable=True),
        reference("account", "account", ondelete="CASCADE"),
        tenant_unique("code"),
    )
    op.create_table(
        "challenge",
        tenant_column(),
        Column("id", Text, primary_key=True),
        Column("kind", Text, nullable=False),
        Column("account", Text),
        Column("data", Text, nullable=False),
        Column("tries", Integer, nullable=False, server_default="0"),
        timestamp("expires_at"),
        reference("account", "account", ondelete="CASCADE"),
    )
    op.create_table(
        "login_attempt",
        tenant_column(),
        Column("key", Text, primary_key=True),
        Column("failures", Integer, nullable=False),
        timestamp("last_at"),
        timestamp("locked_until"),
    )
    op.create_table(
        "breakglass",
        tenant_column(),
        Column("id", Text, primary_key=True),
        Column("account", Text, nullable=False),
        Column("visit", Text, nullable=False),
        Column("reason", Text, nullable=False),
        timestamp("granted_at"),
        timestamp("expires_at"),
        timestamp("reviewed_at", nullable=True),
        Column("reviewed_by", Text),
        Column("verdict", Text),
        Column("note", Text),
        version(),
        reference("account", "account"),
    )
    op.create_table(
        "developer_key",
        tenant_column(),
        Column("id", Text, primary_key=True),
        Column("name", Text, nullable=False),
        Column("secret", Text, nullable=False),
        Column("scopes", Text, nullable=False),
        Column("created_by", Text, nullable=False),
        timestamp("created_at"),
        timestamp("expires_at", nullable=True),
        timestamp("used_at", nullable=True),
        timestamp("revoked_at", nullable=True),
        tenant_unique("secret"),
    )
    indexes = (
        ("credential", ["account"]),
        ("device", ["account"]),
        ("session", ["account"]),
        ("session", ["ended_at", "seen_at"]),
        ("challenge", ["expires_at"]),
        ("login_attempt", ["last_at"]),
        ("breakglass", ["account", "visit"]),
        ("breakglass", ["reviewed_at"]),
    )
    for table, columns in indexes:
        op.create_index(index_name(table, columns), table, ["tenant", *columns])


def downgrade() -> None:
    raise NotImplementedError("the way back is a backup")
