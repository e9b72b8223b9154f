"""Whatever is done to the rows, the heads or the witness shows, and the first broken row is named."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from mediaserver.audit.frontier import Frontier
from mediaserver.audit.hashing import leaf_hash
from mediaserver.audit.heads import SignedTreeHead
from mediaserver.audit.keys import AuditKey
from mediaserver.audit.leaf import Leaf, encode
from mediaserver.audit.verify import Edge, Report, Row, verify
from mediaserver.audit.witness import BadLine
from mediaserver.model.actors import Actor, ActorKind, TenantId
from mediaserver.model.audit import AuditAction, AuditEvent
from mediaserver.model.pii import Pii

KEY = AuditKey.generate()
STRANGER = AuditKey.generate()
COMMITS = (1, 3, 1, 1, 5, 2, 1, 1, 4, 1)  # entries of each


@dataclass
class Log:
    """A log as it stands in a database and at its witness, to be tampered with."""

    rows: list[Row]
    own: list[SignedTreeHead]
    witnessed: list[SignedTreeHead | BadLine] | None
    edge: Edge | None

    def copy(self) -> Log:
        witnessed = None if self.witnessed is None else list(self.witnessed)
        return Log(list(self.rows), list(self.own), witnessed, self.edge)

    def verify(self) -> Report:
        # The database gives its rows and heads in order; the witness gives lines as they stand.
        rows = sorted(self.rows, key=lambda row: row.position)
        own = sorted(self.own, key=lambda head: head.size)
        return verify(rows, KEY, self.edge, own, self.witnessed)


def row(position: int, number: int, frontier: Frontier) -> Row:
    """A row that fits itself: what a forger who knows the format would write."""
    actor = Actor(TenantId("clinic"), f"acc-{number}", ActorKind.ACCOUNT, Pii("N"), frozenset())
    at = 1_800_000_000_000 + number
    event = AuditEvent(actor, "note.read", AuditAction.READ, patient=f"pat-{number}", visit="vis")
    leaf = encode(Leaf(at, event))
    frontier.append(leaf_hash(leaf))
    return Row(
        position,
        "clinic",
        at,
        "note.read",
        actor.id,
        f"pat-{number}",
        "vis",
        leaf,
        leaf_hash(leaf),
        frontier.root(),
    )


def make() -> Log:
    frontier = Frontier()
    rows: list[Row] = []
    heads: list[SignedTreeHead] = []
    for at, count in enumerate(COMMITS):
        since = frontier.size
        rows.extend(row(frontier.size, frontier.size, frontier) for _ in range(count))
        heads.append(SignedTreeHead.sign(KEY, size=frontier.size, since=since, root=frontier.root(), at=at))
    edge = Edge(frontier.size, frontier.dump(), heads[-2].size)
    return Log(rows, list(heads), list(heads), edge)


WHOLE = make()


def rebuild(rows: list[Row]) -> tuple[list[Row], Frontier]:
    """Positions, hashes and roots anew, as a forger without the key would make them."""
    frontier = Frontier()
    built = []
    for position, old in enumerate(rows):
        frontier.append(leaf_hash(old.leaf))
        built.append(replace(old, position=position, leaf_hash=leaf_hash(old.leaf), root=frontier.root()))
    return built, frontier


def test_a_whole_log_is_sound() -> None:
    report = WHOLE.verify()
    assert (report.sound, report.rows, report.heads, report.notes) == (True, 20, 10, []), report.problems


def test_an_empty_log_is_sound() -> None:
    assert verify([], KEY, Edge(0, b"", 0), [], []).sound
    assert verify([], KEY, Edge(0, b"", 0), [], None).sound


# Each case: what is done, the first broken row (None: no row is), a piece of the sentence.


def flip_leaf(log: Log) -> None:
    log.rows[5] = replace(log.rows[5], leaf=log.rows[5].leaf.replace(b"pat-5", b"pat-6"))


def flip_leaf_and_hash(log: Log) -> None:
    leaf = log.rows[5].leaf.replace(b"pat-5", b"pat-6")
    log.rows[5] = replace(log.rows[5], leaf=leaf, leaf_hash=leaf_hash(leaf), patient="pat-6")


def rewrite_from_5_on(log: Log) -> None:
    flip_leaf_and_hash(log)
    log.rows, frontier = rebuild(log.rows)
    log.edge = Edge(20, frontier.dump(), 19)


def column(log: Log) -> None:
    log.rows[7] = replace(log.rows[7], patient="pat-1")


def delete(log: Log) -> None:
    del log.rows[9]


def delete_and_close_up(log: Log) -> None:
    del log.rows[9]
    log.rows, frontier = rebuild(log.rows)
    log.edge = Edge(19, frontier.dump(), 16)


def cut(log: Log) -> None:
    del log.rows[17:]


def cut_with_heads_and_edge(log: Log) -> None:
    del log.rows[15:]
    log.own = [head for head in log.own if head.size <= 15]
    log.rows, frontier = rebuild(log.rows)
    log.edge = Edge(15, frontier.dump(), 14)


def cut_heads_only(log: Log) -> None:
    del log.own[-1]


def append(log: Log) -> None:
    forged, frontier = rebuild([*log.rows, row(20, 99, Frontier())])
    log.rows, log.edge = forged, Edge(21, frontier.dump(), 19)


def append_signed_by_a_stranger(log: Log) -> None:
    append(log)
    head = SignedTreeHead.sign(STRANGER, size=21, since=20, root=log.rows[-1].root, at=99)
    log.own.append(head)
    assert log.witnessed is not None
    log.witnessed.append(head)


def swap(log: Log) -> None:
    log.rows[2], log.rows[3] = replace(log.rows[3], position=2), replace(log.rows[2], position=3)


def swap_and_rebuild(log: Log) -> None:
    swap(log)
    log.rows, frontier = rebuild(log.rows)
    log.edge = Edge(20, frontier.dump(), 19)


def garbage(log: Log) -> None:
    log.rows[4] = replace(log.rows[4], leaf=b"\xff", leaf_hash=leaf_hash(b"\xff"))


def no_witness(log: Log) -> None:
    log.witnessed = None


def cut_witness(log: Log) -> None:
    assert log.witnessed
    del log.witnessed[-2:]


def hole_in_witness(log: Log) -> None:
    assert log.witnessed
    del log.witnessed[3]


def first_witness_gone(log: Log) -> None:
    assert log.witnessed
    del log.witnessed[0]


def bad_line(log: Log) -> None:
    assert log.witnessed
    log.witnessed[4] = BadLine(5)


def head_of_another_root(log: Log) -> None:
    assert log.witnessed
    log.witnessed[4] = replace(log.own[4], root=bytes(32))


def stranger_at_the_witness(log: Log) -> None:
    assert log.witnessed
    old = log.own[4]
    log.witnessed[4] = SignedTreeHead.sign(STRANGER, size=old.size, since=old.since, root=old.root, at=old.at)


def order_of_witness(log: Log) -> None:
    assert log.witnessed
    log.witnessed[4], log.witnessed[5] = log.witnessed[5], log.witnessed[4]


def hole_in_heads(log: Log) -> None:
    del log.own[3]


def edge_gone(log: Log) -> None:
    log.edge = None


def edge_changed(log: Log) -> None:
    log.edge = Edge(20, bytes(64), 19)


def edge_witnessed(log: Log) -> None:
    log.edge = replace(WHOLE.edge or Edge(0, b"", 0), witnessed=18)


def thief_with_the_key(log: Log) -> None:
    """Rewrites row 5 and signs all again with the server's key; the witness can't be reached."""
    rewrite_from_5_on(log)
    log.own = [
        SignedTreeHead.sign(KEY, size=h.size, since=h.since, root=log.rows[h.size - 1].root, at=h.at)
        for h in log.own
    ]


CASES: list[tuple[Callable[[Log], None], int | None, str]] = [
    (flip_leaf, 5, "row 5 was changed: its text and its hash"),
    (flip_leaf_and_hash, 5, "row 5 is not what the server wrote there"),
    (
        rewrite_from_5_on,
        5,
        "row 5 or one that follows, up to row 5, was changed after the server had signed it",
    ),
    (column, 7, "row 7 was changed: its column patient"),
    (delete, 9, "row 9 is missing (the next row is 10)"),
    (delete_and_close_up, 6, "row 6 or one that follows, up to row 10"),
    (cut, 17, "row 17 is missing: the log was cut at its end, the witness has a head of 20"),
    (cut_with_heads_and_edge, 15, "row 15 is missing: the log was cut at its end, the witness"),
    (cut_heads_only, None, "a head of the database is missing: its last is of 19 entries, the log has 20"),
    (append, 20, "row 20 was put in: the server has not signed it"),
    (append_signed_by_a_stranger, 20, "row 20 was put in"),
    (swap, 2, "row 2 is not what the server wrote there"),
    (swap_and_rebuild, 1, "row 1 or one that follows, up to row 3"),
    (garbage, 4, "row 4 is no event of the log"),
    (no_witness, None, "the witness is missing"),
    (cut_witness, None, "the witness was cut"),
    (hole_in_witness, None, "a head of the witness is missing: that of 5 entries is followed by 11"),
    (first_witness_gone, None, "a head of the witness is missing: that of 0 entries is followed by 4"),
    (bad_line, None, "line 5 of the witness is no head"),
    (head_of_another_root, None, "the head in line 5 of the witness was changed"),
    (stranger_at_the_witness, None, "the head in line 5 of the witness was signed by another key"),
    (order_of_witness, None, "the head in line 6 of the witness is out of order"),
    (hole_in_heads, None, "a head of the database is missing"),
    (edge_gone, None, "audit_frontier"),
    (edge_changed, None, "audit_frontier was changed"),
    (edge_witnessed, None, "audit_frontier was changed"),
    (thief_with_the_key, 5, "row 5 or one that follows, up to row 5"),
]


@pytest.mark.parametrize(("harm", "broken", "words"), CASES, ids=[case[0].__name__ for case in CASES])
def test_what_was_done_is_found_and_said(harm: Callable[[Log], None], broken: int | None, words: str) -> None:
    log = WHOLE.copy()
    harm(log)
    report = log.verify()
    assert not report.sound
    assert report.first_broken == broken
    assert any(words in problem.text for problem in report.problems), report.problems


def test_heads_that_have_not_reached_the_witness_yet_are_no_problem() -> None:
    log = WHOLE.copy()
    assert log.witnessed
    del log.witnessed[-1]  # edge.witnessed says that the one before has
    report = log.verify()
    assert report.sound
    assert "1 signed heads" in report.notes[0]


# Random harm. A mutation that gives back the log it had is not one, and isn't counted.


def _bytes(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]


def _field(rng: random.Random, old: Row) -> Row:
    match rng.choice(["leaf", "leaf_hash", "root", "at", "tenant", "type", "actor", "patient", "visit"]):
        case "leaf" | "leaf_hash" | "root" as name:
            return replace(old, **{name: _bytes(rng, getattr(old, name))})
        case "at":
            return replace(old, at=old.at ^ 1 << rng.randrange(40))
        case name:
            return replace(old, **{name: rng.choice(["x", getattr(old, name) + " "])})


def _head(rng: random.Random, old: SignedTreeHead) -> SignedTreeHead:
    match rng.choice(["root", "signature", "size", "since", "at", "key", "stranger"]):
        case "root" | "signature" as name:
            return replace(old, **{name: _bytes(rng, getattr(old, name))})
        case "key":
            return replace(old, key=rng.choice(["", STRANGER.id, old.key[:-1]]))
        case "stranger":
            return SignedTreeHead.sign(STRANGER, size=old.size, since=old.since, root=old.root, at=old.at)
        case name:
            return replace(old, **{name: getattr(old, name) ^ 1 << rng.randrange(62)})


def mutate(rng: random.Random, log: Log) -> str:
    rows, own = log.rows, log.own
    assert log.witnessed is not None
    kind = rng.choice(
        ["flip", "delete", "insert", "reorder", "truncate", "head", "witness", "edge", "closed up", "rebuilt"]
    )
    match kind:
        case "flip":
            at = rng.randrange(len(rows))
            rows[at] = _field(rng, rows[at])
        case "delete":
            del rows[rng.randrange(len(rows))]
        case "insert":
            at = rng.randrange(len(rows) + 1)
            later = [replace(r, position=r.position + 1) for r in rows[at:]]
            extra = replace(rng.choice(rows), position=at) if rng.random() < 0.5 else row(at, 77, Frontier())
            log.rows = [*rows[:at], extra, *later]
        case "reorder":
            a, b = rng.sample(range(len(rows)), 2)
            rows[a], rows[b] = replace(rows[b], position=a), replace(rows[a], position=b)
        case "truncate":
            size = rng.randrange(len(rows))
            log.rows, frontier = rebuild(rows[:size])
            if rng.random() < 0.7:
                log.own = [head for head in own if head.size <= size]
                seen = max((h.size for h in log.own[:-1]), default=0)
                log.edge = Edge(size, frontier.dump(), seen)
        case "head":
            at = rng.randrange(len(own))
            if rng.random() < 0.2:
                del own[at]
            else:
                own[at] = _head(rng, own[at])
        case "witness":
            # The last one alone may be missing: it may not have arrived.
            at = rng.randrange(len(log.witnessed) - 1)
            match rng.choice(["head", "delete", "swap", "twice", "line", "all"]):
                case "head":
                    head = log.witnessed[at]
                    assert isinstance(head, SignedTreeHead)
                    log.witnessed[at] = _head(rng, head)
                case "delete":
                    del log.witnessed[at]
                case "swap":
                    log.witnessed[at], log.witnessed[at + 1] = log.witnessed[at + 1], log.witnessed[at]
                case "twice":
                    log.witnessed.insert(at, log.witnessed[at])
                case "line":
                    log.witnessed[at] = BadLine(at + 1)
                case "all":
                    log.witnessed = None
        case "edge":
            assert log.edge is not None
            match rng.choice(["size", "frontier", "gone"]):
                case "size":
                    log.edge = replace(log.edge, size=log.edge.size ^ 1 << rng.randrange(6))
                case "frontier":
                    log.edge = replace(log.edge, frontier=_bytes(rng, log.edge.frontier))
                case "gone":
                    log.edge = None
        case "closed up":  # a row less, all hashes made anew
            del rows[rng.randrange(len(rows))]
            log.rows, frontier = rebuild(rows)
            log.edge = Edge(len(rows), frontier.dump(), 0)
        case "rebuilt":  # another text, all hashes made anew
            at = rng.randrange(len(rows))
            rows[at] = row(at, rng.randrange(100, 200), Frontier())
            log.rows, frontier = rebuild(rows)
            log.edge = Edge(len(rows), frontier.dump(), 0)
    return kind


def test_10_000_random_mutations_are_all_found() -> None:
    seed = time.time_ns()
    print(f"seed {seed}")
    rng = random.Random(seed)  # noqa: S311
    kinds: Counter[str] = Counter()
    while kinds.total() < 10_000:
        log = WHOLE.copy()
        kind = mutate(rng, log)
        if log == WHOLE:
            continue
        assert not log.verify().sound, f"{kind} was not found (seed {seed}, number {kinds.total()})"
        kinds[kind] += 1
    assert len(kinds) == 10, kinds
