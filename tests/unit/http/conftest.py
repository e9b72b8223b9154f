"""`server`: identity's routes on both databases, with a real audit log."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

# Both walk the same clinic; its helper stands with identity's tests.
sys.path.insert(0, str(Path(__file__).parents[1] / "identity"))

from identity_server import IdentityServer, identity_server

from mediaserver.audit import AuditLog
from mediaserver.model.clock import ManualClock
from mediaserver.storage import Database


@pytest.fixture
async def server(
    database: Database, audit_log: AuditLog, database_clock: ManualClock, tmp_path: Path
) -> AsyncIterator[IdentityServer]:
    async with identity_server(database, audit_log, database_clock, tmp_path) as made:
        yield made
