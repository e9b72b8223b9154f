"""The audit log: who did what to whose record, a Merkle tree whose signed heads stand in a second place."""

from mediaserver.audit.errors import (
    AuditBrokenError,
    AuditError,
    AuditKeyError,
    AuditUnavailableError,
    WitnessError,
    WitnessMissingError,
)
from mediaserver.audit.heads import SignedTreeHead
from mediaserver.audit.keys import AuditKey
from mediaserver.audit.log import AuditLog
from mediaserver.audit.query import AuditQuery, Entry
from mediaserver.audit.reading import verify_database
from mediaserver.audit.verify import Problem, Report
from mediaserver.audit.witness import BadLine, FileWitness, Witness

__all__ = [
    "AuditBrokenError",
    "AuditError",
    "AuditKey",
    "AuditKeyError",
    "AuditLog",
    "AuditQuery",
    "AuditUnavailableError",
    "BadLine",
    "Entry",
    "FileWitness",
    "Problem",
    "Report",
    "SignedTreeHead",
    "Witness",
    "WitnessError",
    "WitnessMissingError",
    "verify_database",
]
