"""Brings the whole log from a database, as it is and however it was tampered with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, LargeBinary, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from mediaserver.audit.errors import AuditBrokenError, WitnessMissingError
from mediaserver.audit.heads import SignedTreeHead
from mediaserver.audit.keys import AuditKey
from mediaserver.audit.tables import audit_entry, audit_frontier, audit_head
from mediaserver.audit.verify import Edge, Report, Row, Verifier
from mediaserver.audit.witness import BadLine, Witness
from mediaserver.model.actors import Actor
from mediaserver.storage import Database, Reader

_PAGE = 1000  # rows fetched at once


class _Bytes(FunctionElement[bytes]):
    """A text column's bytes: somebody may have put there what is no UTF-8, and a driver would give up."""

    type = LargeBinary()
    inherit_cache = True


@compiles(_Bytes, "sqlite")
def _sqlite(element: _Bytes, compiler: SQLCompiler, **options: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **options)} AS BLOB)"


@compiles(_Bytes, "postgresql")
def _postgresql(element: _Bytes, compiler: SQLCompiler, **options: Any) -> str:
    return f"convert_to({compiler.process(element.clauses, **options)}, 'UTF8')"


async def verify_database(database: Database, key: AuditKey, witness: Witness) -> Report:
    """Verifies everything, of all tenants, also while a server writes it. Raises StorageError,
    AuditUnavailableError.
    """
    # What the witness has now must be in the database; what it gets while we read need not be.
    floor = await _witnessed_size(witness)
    async with database.read(Actor.system()) as reader:
        edge = await _edge(reader)
        own = await own_heads(reader)
        witnessed: Sequence[SignedTreeHead | BadLine] | None
        try:
            horizon = max(floor, edge.size if edge is not None else 0)
            witnessed = [
                head for head in await witness.heads() if isinstance(head, BadLine) or head.size <= horizon
            ]
        except WitnessMissingError:
            witnessed = None
        verifier = Verifier(key, edge, own, witnessed)
        async for row in rows(reader):
            verifier.row(row)
    return verifier.finish()


async def _witnessed_size(witness: Witness) -> int:
    try:
        last = await witness.last()
    except (WitnessMissingError, AuditBrokenError):
        return 0  # which `heads` shows in full
    return last.size if last is not None else 0


async def rows(
    reader: Reader, where: ColumnElement[bool] | None = None, after: int = -(2**63)
) -> AsyncIterator[Row]:
    """Rows of all tenants in order of position, a page at a time. Raises StorageError."""
    c = audit_entry.c
    texts = [_Bytes(c[name]).label(name) for name in ("tenant", "type", "actor", "patient", "visit", "leaf")]
    columns = select(c.position, c.at, c.leaf_hash, c.root, *texts).order_by(c.position).limit(_PAGE)
    columns = columns.execution_options(across_tenants=True)  # one tree over all clinics
    if where is not None:
        columns = columns.where(where)
    while True:
        page = await reader.rows(columns.where(c.position > after))
        for row in page:
            yield Row(
                position=row.position,
                tenant=_text(row.tenant) or "",
                at=row.at,
                type=_text(row.type) or "",
                actor=_text(row.actor) or "",
                patient=_text(row.patient),
                visit=_text(row.visit),
                leaf=bytes(row.leaf),
                leaf_hash=_raw(row.leaf_hash),
                root=_raw(row.root),
            )
        if len(page) < _PAGE:
            return
        after = page[-1].position


async def _edge(reader: Reader) -> Edge | None:
    row = await reader.row(select(audit_frontier).where(audit_frontier.c.id == 1))
    return Edge(_number(row.size), _raw(row.frontier), _number(row.witnessed)) if row is not None else None


async def own_heads(reader: Reader) -> list[SignedTreeHead]:
    """The heads that stand in the database, by size. Raises StorageError."""
    c = audit_head.c
    columns = select(c.size, c.since, c.root, c.at, c.signature, _Bytes(c.key).label("key"))
    return [
        SignedTreeHead(
            _number(row.size),
            _number(row.since),
            _raw(row.root),
            _number(row.at),
            _text(row.key) or "",
            _raw(row.signature),
        )
        for row in await reader.rows(columns.order_by(c.size))
    ]


# SQLite keeps whatever somebody put into a column; a value of another type is simply not the right one.


def _text(value: bytes | None) -> str | None:
    return None if value is None else bytes(value).decode(errors="backslashreplace")


def _raw(value: object) -> bytes:
    return bytes(value) if isinstance(value, bytes | memoryview) else b""


def _number(value: object) -> int:
    return value if isinstance(value, int) else -1
