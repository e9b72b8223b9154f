"""Accounts, what proves who they are, where they are signed in, and what was tried.

Secrets of people and programs (session tokens, codes, keys, passwords) are kept as hashes; a TOTP secret,
which has to be read again, is sealed (`identity.sealing`).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, Table, Text

from mediaserver.storage.schema import (
    reference,
    tenant_index,
    tenant_table,
    tenant_unique,
    timestamp,
    version,
)

account = tenant_table(
    "account",
    Column("id", Text, primary_key=True),
    Column("username", Text, nullable=False),  # as `names.username` writes it
    Column("name", Text, nullable=False),
    Column("email", Text),
    Column("password", Text),  # argon2id, in PHC form; none: signs in by passkey or provider alone
    Column("subject", Text),  # issuer and `sub` at the OpenID provider
    timestamp("created_at"),
    timestamp("password_at", nullable=True),
    timestamp("disabled_at", nullable=True),
    version(),
    tenant_unique("username"),
    tenant_unique("subject"),
)

account_role = tenant_table(
    "account_role",
    Column("account", Text, primary_key=True),
    Column("role", Text, primary_key=True),
    reference("account", "account", ondelete="CASCADE"),
)

credential = tenant_table(
    "credential",
    Column("id", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("kind", Text, nullable=False),  # totp | passkey
    Column("label", Text, nullable=False),
    Column("external_id", Text),  # a passkey's credential id, base64url
    Column("secret", LargeBinary, nullable=False),  # totp: sealed; passkey: COSE public key
    Column("counter", BigInteger, nullable=False, server_default="0"),  # totp: last step; passkey: signCount
    timestamp("created_at"),
    timestamp("confirmed_at", nullable=True),
    timestamp("used_at", nullable=True),
    reference("account", "account", ondelete="CASCADE"),
    tenant_unique("external_id"),
    tenant_index("credential", "account"),
)

device = tenant_table(
    "device",
    Column("id", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("token", Text, nullable=False),  # SHA-256
    Column("label", Text, nullable=False),
    timestamp("created_at"),
    timestamp("seen_at"),
    reference("account", "account", ondelete="CASCADE"),
    tenant_unique("token"),
    tenant_index("device", "account"),
)

session = tenant_table(
    "session",
    Column("id", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("token", Text, nullable=False),  # SHA-256
    Column("device", Text),
    Column("label", Text, nullable=False),  # browser and system, in words
    Column("address", Text),
    Column("method", Text, nullable=False),
    timestamp("created_at"),
    timestamp("seen_at"),
    timestamp("expires_at"),  # whatever is done meanwhile
    timestamp("ended_at", nullable=True),
    Column("ended", Text),  # signed_out | revoked | idle | expired | ..
    reference("account", "account", ondelete="CASCADE"),
    tenant_unique("token"),
    tenant_index("session", "account"),
    tenant_index("session", "ended_at", "seen_at"),
)

recovery = tenant_table(
    "recovery",
    Column("id", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("code", Text, nullable=False),  # SHA-256
    Column("issued_by", Text, nullable=False),
    timestamp("created_at"),
    timestamp("expires_at"),
    timestamp("used_at", nullable=True),
    reference("account", "account", ondelete="CASCADE"),
    tenant_unique("code"),
)

# What is between two requests of one sign-in: `id` is the SHA-256 of what the browser holds.
challenge = tenant_table(
    "challenge",
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("account", Text),
    Column("data", Text, nullable=False),
    Column("tries", Integer, nullable=False, server_default="0"),
    timestamp("expires_at"),
    reference("account", "account", ondelete="CASCADE"),
    tenant_index("challenge", "expires_at"),
)

login_attempt = tenant_table(
    "login_attempt",
    Column("key", Text, primary_key=True),  # SHA-256 of whose it is: an account, an address, a device
    Column("failures", Integer, nullable=False),
    timestamp("last_at"),
    timestamp("locked_until"),
    tenant_index("login_attempt", "last_at"),
)

breakglass = tenant_table(
    "breakglass",
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
    tenant_index("breakglass", "account", "visit"),
    tenant_index("breakglass", "reviewed_at"),
)

developer_key = tenant_table(
    "developer_key",
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("secret", Text, nullable=False),  # SHA-256
    Column("scopes", Text, nullable=False),  # permissions, with a space between
    Column("created_by", Text, nullable=False),
    timestamp("created_at"),
    timestamp("expires_at", nullable=True),
    timestamp("used_at", nullable=True),
    timestamp("revoked_at", nullable=True),
    tenant_unique("secret"),
)

TABLES: tuple[Table, ...] = (
    account,
    account_role,
    credential,
    device,
    session,
    recovery,
    challenge,
    login_attempt,
    breakglass,
    developer_key,
)
