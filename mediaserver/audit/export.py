"""The log for others: as its own lines, with all it takes to check them, or as FHIR AuditEvents."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from enum import StrEnum
from typing import Any

from mediaserver.audit.fhir import Site, to_fhir
from mediaserver.audit.leaf import decode, parse
from mediaserver.audit.query import Entry
from mediaserver.audit.reading import rows
from mediaserver.audit.tables import audit_entry
from mediaserver.audit.verify import Row
from mediaserver.storage import Reader


class ExportFormat(StrEnum):
    """How entries are written, one a line."""

    NDJSON = "ndjson"  # {position, leaf_hash, root, leaf}: H(0x00 || canonical JSON of leaf) is leaf_hash
    FHIR = "fhir"  # AuditEvent, as bulk data has it (application/fhir+ndjson)


async def export(
    reader: Reader,
    format: ExportFormat,
    site: Site,
    *,
    since: int | None = None,
    until: int | None = None,
    tenant: str | None = None,
) -> AsyncIterator[str]:
    """Lines without their ends, in order of position, of one tenant or all; times in milliseconds since
    1970 UTC, from `since`, before `until`. Who may have them, and that they had them, is the caller's to see
    to. Raises StorageError, and ValueError for a row that is no event (verify tells more).
    """
    c = audit_entry.c
    where = audit_entry.c.position >= 0
    if since is not None:
        where = where & (c.at >= since)
    if until is not None:
        where = where & (c.at < until)
    if tenant is not None:
        where = where & (c.tenant == tenant)
    content: Callable[[Row], Any] = _plain if format is ExportFormat.NDJSON else lambda row: _fhir(row, site)
    async for row in rows(reader, where):
        yield json.dumps(content(row), ensure_ascii=False, separators=(",", ":"))


def _plain(row: Row) -> dict[str, Any]:
    return {
        "position": row.position,
        "leaf_hash": row.leaf_hash.hex(),
        "root": row.root.hex(),
        "leaf": parse(row.leaf),
    }


def _fhir(row: Row, site: Site) -> dict[str, Any]:
    return to_fhir(Entry(row.position, row.at, decode(row.leaf).event), site)
