"""The log of a running server: appends events in the act's transaction, hands signed heads to the witness.

    unit: act, act, record(event)
      before commit   lock the frontier, check that it is the one signed last, append, sign the new head
      commit          act, entry and signed head are on disk together, or none of them
      after commit    the head goes to the witness; only then is the act acknowledged

The head is signed before the commit and kept beside the entries: a server killed between commit and witness
has signed all it wrote, so at the next start it hands over what is signed and signs nothing that it finds.
"""

from __future__ import annotations

import asyncio
from typing import Any
from weakref import WeakKeyDictionary

import structlog
from sqlalchemy import Row, insert, select, update

from mediaserver.audit import leaf as encoding
from mediaserver.audit.errors import (
    AuditBrokenError,
    AuditUnavailableError,
    WitnessMissingError,
)
from mediaserver.audit.frontier import Frontier
from mediaserver.audit.hashing import leaf_hash
from mediaserver.audit.heads import SignedTreeHead
from mediaserver.audit.keys import AuditKey
from mediaserver.audit.leaf import Leaf
from mediaserver.audit.query import AuditQuery, Entry, entries
from mediaserver.audit.tables import audit_entry, audit_frontier, audit_head
from mediaserver.audit.witness import Witness
from mediaserver.model.actors import Actor
from mediaserver.model.audit import AuditEvent
from mediaserver.model.clock import Clock
from mediaserver.model.pii import fault
from mediaserver.storage import Database, Reader, StorageError, Unit

log = structlog.get_logger(__name__)

_BATCH = 1000  # heads handed to the witness at once after it was away
_LOOK = "run `mediaserver audit verify`"


class AuditLog:
    """One per process; several processes may write one database. `open` it after `Database.upgrade`."""

    def __init__(self, database: Database, key: AuditKey, witness: Witness, clock: Clock) -> None:
        self._database = database
        self._key = key
        self._witness = witness
        self._clock = clock
        self._events: WeakKeyDictionary[Unit, list[AuditEvent]] = WeakKeyDictionary()
        self._ours: SignedTreeHead | None = None  # signed last by this process
        self._delivery = asyncio.Lock()
        self._delivered = 0  # the witness has every head up to this size
        self._waiting: dict[int, SignedTreeHead] = {}  # by `since`

    @classmethod
    async def open(cls, database: Database, key: AuditKey, witness: Witness, clock: Clock) -> AuditLog:
        """The log, after it has handed the witness what a crash kept from it.

        Raises AuditBrokenError when log and witness contradict each other, AuditUnavailableError when either
        can't be used.
        """
        audit = cls(database, key, witness, clock)
        try:
            await audit._meet_witness()
        except StorageError as error:
            raise AuditUnavailableError(f"the audit log can't be read: {error}") from error
        return audit

    def record(self, unit: Unit, event: AuditEvent) -> None:
        """Puts an event into the unit: written with it, witnessed before the unit's end returns.

        A unit whose event can't be written fails with AuditUnavailableError and keeps nothing; one whose head
        doesn't reach the witness is kept but fails with AcknowledgeError. Raises ValueError for an event of
        another tenant than the unit's.
        """
        if event.actor.tenant != unit.tenant:
            raise ValueError("an event belongs to the tenant of the unit that it is recorded in")
        events = self._events.get(unit)
        if events is None:
            events = self._events[unit] = []
            unit.before_commit(self._append)
        events.append(event)

    async def access(self, actor: Actor, event: AuditEvent) -> None:
        """Records an access that changes nothing, in a unit of its own. When it raises
        AuditUnavailableError, the access must be refused.
        """
        try:
            async with self._database.unit(actor) as unit:
                self.record(unit, event)
        except StorageError as error:
            raise AuditUnavailableError(f"the access can't be recorded: {error}") from error

    async def events(self, reader: Reader, query: AuditQuery) -> list[Entry]:
        """Entries of the reader's tenant, newest first. Looking at them is an access: record it as well."""
        return await entries(reader, query)

    async def _append(self, unit: Unit) -> None:
        events = self._events.pop(unit)
        edge = await unit.row(select(audit_frontier).where(audit_frontier.c.id == 1).with_for_update())
        last = await unit.row(_NEWEST_HEAD)
        frontier = self._trusted_frontier(edge, last)
        since = frontier.size
        rows = []
        for event in events:
            leaf = encoding.encode(Leaf(unit.now, event))
            digest = leaf_hash(leaf)
            position = frontier.size
            frontier.append(digest)
            rows.append(_row(position, unit.now, event, leaf, digest, frontier.root()))
        at = max(int(self._clock.wall() * 1000), last.at if last is not None else 0)
        head = SignedTreeHead.sign(self._key, size=frontier.size, since=since, root=frontier.root(), at=at)
        await unit.execute(insert(audit_entry).values(rows))
        await unit.execute(insert(audit_head).values(_columns(head)))
        values = {
            "size": frontier.size,
            "frontier": frontier.dump(),
            # Another process may know of more.
            "witnessed": max(self._delivered, edge.witnessed if edge is not None else 0),
        }
        await unit.execute(update(audit_frontier).where(audit_frontier.c.id == 1).values(values))
        self._ours = head
        unit.after_commit(lambda: self._deliver(head))

    def _trusted_frontier(self, edge: Row[Any] | None, last: Row[Any] | None) -> Frontier:
        """The frontier, if it is the one that was signed last: nothing is built on what somebody else put
        there. Raises AuditBrokenError.
        """
        if edge is None:
            raise AuditBrokenError(f"the audit log has lost its place; {_LOOK}")
        try:
            frontier = Frontier.load(edge.size, edge.frontier)
        except (ValueError, TypeError):
            raise AuditBrokenError(f"the audit log's frontier is damaged; {_LOOK}") from None
        if last is None:
            if frontier.size:
                raise AuditBrokenError(f"the audit log has no signed head; {_LOOK}")
            return frontier
        head = _head(last)
        signed = head == self._ours or head.signed_by(self._key)
        if not signed or head.size != frontier.size or head.root != frontier.root():
            raise AuditBrokenError(f"the audit log is not as the server left it; {_LOOK}")
        return frontier

    async def _deliver(self, head: SignedTreeHead) -> None:
        """Returns when the witness has this head. Those of other units that wait go with it, in one sync."""
        self._waiting[head.since] = head
        try:
            async with self._delivery:
                if self._delivered < head.size:
                    await self._deliver_to(head.size)
        except (AuditUnavailableError, StorageError) as error:
            log.error("audit head not witnessed", size=head.size, fault=fault(error))
            raise
        finally:
            self._waiting.pop(head.since, None)

    async def _deliver_to(self, size: int) -> None:
        while self._delivered < size:
            batch = self._next_waiting()
            if not batch:
                # Between the witness and ours are heads of another process, or of a unit that was cancelled.
                batch = await self._next_stored()
            await self._witness.put(batch)
            self._delivered = batch[-1].size

    def _next_waiting(self) -> list[SignedTreeHead]:
        batch: list[SignedTreeHead] = []
        size = self._delivered
        while (head := self._waiting.get(size)) is not None:
            batch.append(head)
            size = head.size
        return batch

    async def _next_stored(self) -> list[SignedTreeHead]:
        following = select(audit_head).where(audit_head.c.size > self._delivered)
        async with self._database.read(Actor.system()) as reader:
            rows = await reader.rows(following.order_by(audit_head.c.size).limit(_BATCH))
        if not rows:
            raise AuditBrokenError(f"signed heads are missing in the database; {_LOOK}")
        return [_head(row) for row in rows]

    async def _meet_witness(self) -> None:
        async with self._database.read(Actor.system()) as reader:
            edge = await reader.row(select(audit_frontier).where(audit_frontier.c.id == 1))
            newest = await reader.row(_NEWEST_HEAD)
            frontier = self._trusted_frontier(edge, newest)
            try:
                last = await self._witness.last()
            except WitnessMissingError as error:
                if frontier.size:
                    raise AuditBrokenError(
                        f"{error}, though the log has {frontier.size} entries: put it back; if it is lost "
                        "for good, say so with `mediaserver audit rewitness`"
                    ) from None
                last = None
            if last is not None:
                own = await reader.row(select(audit_head).where(audit_head.c.size == last.size))
                if own is None or _head(own) != last:
                    raise AuditBrokenError(
                        f"the witness has seen {last.size} entries that the database doesn't have: it was "
                        f"cut, or restored from a backup; {_LOOK}, and see docs/audit.md"
                    )
            elif edge is not None and edge.witnessed:
                raise AuditBrokenError(f"the witness has lost its heads; {_LOOK}, and see docs/audit.md")
        self._delivered = last.size if last is not None else 0
        await self._witness.put(())
        await self._deliver_to(frontier.size)


_NEWEST_HEAD = select(audit_head).order_by(audit_head.c.size.desc()).limit(1)


def _row(
    position: int, at: int, event: AuditEvent, leaf: bytes, digest: bytes, root: bytes
) -> dict[str, Any]:
    said = encoding.parse(leaf)  # as the leaf says it, so that the two can't differ
    return {
        "position": position,
        "tenant": said["tenant"],
        "at": at,
        "type": event.type,
        "actor": said["actor"]["id"],
        "patient": said.get("patient"),
        "visit": said.get("visit"),
        "leaf": leaf.decode(),
        "leaf_hash": digest,
        "root": root,
    }


def _columns(head: SignedTreeHead) -> dict[str, Any]:
    return {name: getattr(head, name) for name in audit_head.c.keys()}  # noqa: SIM118 - names, not columns


def _head(row: Row[Any]) -> SignedTreeHead:
    return SignedTreeHead(row.size, row.since, row.root, row.at, row.key, row.signature)
