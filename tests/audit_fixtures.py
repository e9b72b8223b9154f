"""`audit_log`: an audit log on the test's `database`, with a key and a witness in its folder.

async def test_x(audit_log: AuditLog, ...):   # `audit_key`, `audit_witness` are its parts
(await audited(database, audit_key, audit_witness)).sound
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mediaserver.audit import AuditKey, AuditLog, FileWitness, Report, verify_database
from mediaserver.model.clock import ManualClock
from mediaserver.storage import Database


@pytest.fixture
def audit_key(tmp_path: Path) -> AuditKey:
    """The key of `audit_log`."""
    return AuditKey.open_or_create(tmp_path / "audit-key.json")


@pytest.fixture
def audit_witness(tmp_path: Path) -> Iterator[FileWitness]:
    """The witness of `audit_log`: heads.jsonl in a folder beside the database."""
    witness = FileWitness(tmp_path / "witness" / "heads.jsonl")
    yield witness
    witness.close()


@pytest.fixture
async def audit_log(
    database: Database, audit_key: AuditKey, audit_witness: FileWitness, database_clock: ManualClock
) -> AuditLog:
    """An open log."""
    return await AuditLog.open(database, audit_key, audit_witness, database_clock)


async def audited(database: Database, key: AuditKey, witness: FileWitness) -> Report:
    """The verdict on the log of `database`."""
    return await verify_database(database, key, witness)
