"""The record: one database of SQL tables, a unit of work, migrations. See docs/storage.md.

SQLite in the data folder or PostgreSQL by URL, behind the same `Database`. What a `unit` did is committed
and on disk before it returns; what it wrote belongs to the tenant of the actor who did it.
"""

from mediaserver.storage.database import Database
from mediaserver.storage.engines import Options
from mediaserver.storage.errors import (
    AcknowledgeError,
    ConflictError,
    DuplicateError,
    InvalidError,
    StorageError,
    UnavailableError,
)
from mediaserver.storage.migrate import Migrations
from mediaserver.storage.unit import Reader, Unit

__all__ = [
    "AcknowledgeError",
    "ConflictError",
    "Database",
    "DuplicateError",
    "InvalidError",
    "Migrations",
    "Options",
    "Reader",
    "StorageError",
    "UnavailableError",
    "Unit",
]
