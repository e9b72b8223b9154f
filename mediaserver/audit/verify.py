"""Verification: recomputes the whole tree from its rows and holds it against every signed head.

Pure: rows and heads in, a report out; `reading` brings them from a database and a witness. A `Verifier` is
given the rows in order of position and stops looking at the first that is broken, because whatever follows
hangs on it.

What it relies on: a row is right when the roots that the server signed can only be computed with it. So a row
that was changed shows, at the latest, at the next head, however well its own hashes were forged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mediaserver.audit import leaf as encoding
from mediaserver.audit.frontier import Frontier
from mediaserver.audit.hashing import leaf_hash
from mediaserver.audit.heads import SignedTreeHead
from mediaserver.audit.keys import AuditKey
from mediaserver.audit.witness import BadLine


@dataclass(frozen=True, slots=True)
class Row:
    """A row of audit_entry as it stands in the database."""

    position: int
    tenant: str
    at: int
    type: str
    actor: str
    patient: str | None
    visit: str | None
    leaf: bytes
    leaf_hash: bytes
    root: bytes


@dataclass(frozen=True, slots=True)
class Edge:
    """The row of audit_frontier."""

    size: int
    frontier: bytes
    witnessed: int


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong. `position`: the first row that can't be trusted, None when it is no row."""

    text: str
    position: int | None = None


@dataclass(slots=True)
class Report:
    """The verdict. `problems` by position, rows first; `notes` are no problem."""

    rows: int = 0
    heads: int = 0
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    @property
    def first_broken(self) -> int | None:
        """Position of the first broken row."""
        return min((p.position for p in self.problems if p.position is not None), default=None)


class Verifier:
    """`row` for each row, then `finish`.

    `own`: the heads of the database, by size; `witnessed`: what the witness has, in its order, None when it
    is missing; `edge`: None when that row is missing.
    """

    def __init__(
        self,
        key: AuditKey,
        edge: Edge | None,
        own: Sequence[SignedTreeHead],
        witnessed: Sequence[SignedTreeHead | BadLine] | None,
    ) -> None:
        self._key = key
        self._edge = edge
        self._problems: list[Problem] = []
        self._notes: list[str] = []
        self._missing = witnessed is None
        self._own = self._trusted([(f"head of {h.size} entries in the database", h) for h in own])
        self._witness = self._from_witness(witnessed or ())
        self._frontier = Frontier()
        self._broken = False
        self._last_sound = 0  # size of the last head that agreed

    def row(self, row: Row) -> None:
        """The next row, in order of position."""
        if self._broken:
            return
        if (what := self._fault(row)) is not None:
            self._break(min(row.position, self._frontier.size), what)
            return
        self._frontier.append(row.leaf_hash)
        if row.root != self._frontier.root():
            self._break(
                row.position, "is not what the server wrote there: it was changed, moved, put in or taken out"
            )
            return
        self._hold_against_heads()

    def finish(self) -> Report:
        """The verdict."""
        size = self._frontier.size
        if not self._broken:
            self._look_at_end(size)
            self._look_at_edge(size)
        self._look_at_chain("the database", self._own, size)
        if not self._broken and (last := max(self._own, default=0)) < size:
            self._say(f"a head of the database is missing: its last is of {last} entries, the log has {size}")
        self._look_at_witness()
        order = sorted(self._problems, key=lambda p: (p.position is None, p.position or 0))
        return Report(size, len(self._witness), order, self._notes)

    def _fault(self, row: Row) -> str | None:
        expected = self._frontier.size
        if row.position > expected:
            return f"is missing (the next row is {row.position})"
        if row.position < expected:
            return "stands in the log twice"
        if row.leaf_hash != leaf_hash(row.leaf):
            return "was changed: its text and its hash don't fit each other"
        try:
            content = encoding.parse(row.leaf)
        except ValueError:
            return "is no event of the log"
        actor = content.get("actor")
        told: Mapping[str, object] = {
            "tenant": content.get("tenant"),
            "at": content.get("at"),
            "type": content.get("type"),
            "actor": actor.get("id") if isinstance(actor, dict) else None,
            "patient": content.get("patient"),
            "visit": content.get("visit"),
        }
        for column, value in told.items():
            if getattr(row, column) != value:
                return f"was changed: its column {column} is not what the event says"
        return None

    def _hold_against_heads(self) -> None:
        size, root = self._frontier.size, self._frontier.root()
        found = False
        for head in (self._own.get(size), self._witness.get(size)):
            if head is None:
                continue
            found = True
            if head.root != root:
                self._break(
                    self._last_sound,
                    f"or one that follows, up to row {size - 1}, was changed after the server had signed it",
                )
                return
        if found:
            self._last_sound = size

    def _look_at_end(self, size: int) -> None:
        for place, heads in (("the witness", self._witness), ("the database", self._own)):
            if (most := max(heads, default=0)) > size:
                self._break(
                    size, f"is missing: the log was cut at its end, {place} has a head of {most} entries"
                )
                return
        if self._last_sound < size:
            self._break(self._last_sound, "was put in: the server has not signed it")

    def _look_at_edge(self, size: int) -> None:
        edge = self._edge
        if edge is None:
            self._say("the row of audit_frontier, where the next entry goes, is missing")
        elif edge.size != size or edge.frontier != self._frontier.dump():
            self._say(f"audit_frontier was changed: it isn't that of a log of {size} entries")
        elif edge.witnessed and edge.witnessed not in self._own:
            self._say("audit_frontier was changed: what it says of the witness can't be")

    def _look_at_chain(self, place: str, heads: Mapping[int, SignedTreeHead], size: int) -> None:
        before = 0
        at = 0
        for head in heads.values():
            if head.since != before:
                self._say(
                    f"a head of {place} is missing: that of {before} entries is followed by {head.size}"
                )
                return
            if head.at < at:
                self._say(f"the head of {head.size} entries in {place} is older than the one before it")
                return
            before, at = head.size, head.at

    def _look_at_witness(self) -> None:
        if self._missing:
            if self._own or self._frontier.size:
                self._say("the witness is missing: a log cut at its end would not show")
            return
        self._look_at_chain("the witness", self._witness, self._frontier.size)
        for size, head in self._witness.items():
            if self._own.get(size) != head and not self._broken:
                self._say(f"database and witness don't have the same head of {size} entries")
        most = max(self._witness, default=0)
        if self._edge is not None and self._edge.witnessed > most:
            self._say(
                f"the witness was cut: its last head is of {most} entries, it had {self._edge.witnessed}"
            )
        elif late := [size for size in self._own if size > most]:
            self._notes.append(
                f"{len(late)} signed heads have not reached the witness (the server was killed, or the "
                "witness can't be reached); the server hands them over when it starts"
            )

    def _from_witness(self, heads: Sequence[SignedTreeHead | BadLine]) -> dict[int, SignedTreeHead]:
        places: list[tuple[str, SignedTreeHead]] = []
        for number, head in enumerate(heads, 1):
            if isinstance(head, BadLine):
                self._say(f"line {head.line} of the witness is no head")
            else:
                places.append((f"head in line {number} of the witness", head))
        return self._trusted(places)

    def _trusted(self, heads: Iterable[tuple[str, SignedTreeHead]]) -> dict[int, SignedTreeHead]:
        """Those that our key signed, in order of size."""
        good: dict[int, SignedTreeHead] = {}
        highest = 0
        for place, head in heads:
            if head.key not in self._key.ids:
                self._say(f"the {place} was signed by another key ({head.key})")
            elif not head.signed_by(self._key):
                self._say(f"the {place} was changed: its signature is not right")
            elif head.size <= highest:
                self._say(f"the {place} is out of order, or stands there twice")
            else:
                highest = head.size
                good[head.size] = head
        return good

    def _break(self, position: int, what: str) -> None:
        self._broken = True
        self._problems.append(Problem(f"row {position} {what}", position))

    def _say(self, text: str) -> None:
        self._problems.append(Problem(text))


def verify(
    rows: Iterable[Row],
    key: AuditKey,
    edge: Edge | None,
    own: Sequence[SignedTreeHead],
    witnessed: Sequence[SignedTreeHead | BadLine] | None,
) -> Report:
    """All at once."""
    verifier = Verifier(key, edge, own, witnessed)
    for row in rows:
        verifier.row(row)
    return verifier.finish()
