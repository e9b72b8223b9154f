"""The log on a real database: with the act, in order, one signed head a commit, and nothing unwitnessed."""

from __future__ import annotations

import asyncio
import resource
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from audit_fixtures import audited
from sqlalchemy import func, select, update

from mediaserver.audit import (
    AuditBrokenError,
    AuditKey,
    AuditLog,
    AuditQuery,
    AuditUnavailableError,
    FileWitness,
    SignedTreeHead,
    WitnessError,
)
from mediaserver.audit.tables import audit_entry, audit_frontier, audit_head
from mediaserver.audit.witness import BadLine
from mediaserver.model.actors import Actor, ActorKind, TenantId
from mediaserver.model.audit import AuditAction, AuditEvent
from mediaserver.model.clock import ManualClock
from mediaserver.model.pii import Pii
from mediaserver.model.roles import Role
from mediaserver.storage import AcknowledgeError, Database

DOCTOR = Actor(
    TenantId("clinic"),
    "acc-1",
    ActorKind.ACCOUNT,
    Pii("Dr. Rivera"),
    frozenset({Role.CLINICIAN}),
    session="s-1",
)


def event(type: str = "note.read", patient: str = "pat-1", actor: Actor = DOCTOR) -> AuditEvent:
    return AuditEvent(actor, type, AuditAction.READ, patient=patient, visit="vis-1")


async def heads(witness: FileWitness) -> list[SignedTreeHead]:
    return [head for head in await witness.heads() if not isinstance(head, BadLine)]


async def size(database: Database) -> int:
    async with database.read(DOCTOR) as reader:
        return int(await reader.scalar(select(audit_frontier.c.size)))


async def test_an_event_is_there_signed_and_witnessed_when_the_unit_returns(
    database: Database, audit_log: AuditLog, audit_key: AuditKey, audit_witness: FileWitness
) -> None:
    async with database.unit(DOCTOR) as unit:
        audit_log.record(unit, event("visit.admit"))
        audit_log.record(unit, event("track.subscribe"))
    await audit_log.access(DOCTOR, event("note.read"))
    assert [(head.since, head.size) for head in await heads(audit_witness)] == [(0, 2), (2, 3)]
    report = await audited(database, audit_key, audit_witness)
    assert (report.sound, report.rows, report.heads) == (True, 3, 2)
    async with database.read(DOCTOR) as reader:
        found = await audit_log.events(reader, AuditQuery())
    assert [(entry.position, entry.event.type) for entry in found] == [
        (2, "note.read"),
        (1, "track.subscribe"),
        (0, "visit.admit"),
    ]
    assert found[0].event == event("note.read")


async def test_what_is_undone_leaves_no_entry(database: Database, audit_log: AuditLog) -> None:
    async def fail() -> None:
        async with database.unit(DOCTOR) as unit:
            audit_log.record(unit, event())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert await size(database) == 0


async def test_an_event_of_another_clinic_is_a_mistake(database: Database, audit_log: AuditLog) -> None:
    async with database.unit(DOCTOR) as unit:
        with pytest.raises(ValueError):
            audit_log.record(unit, event(actor=replace(DOCTOR, tenant=TenantId("other"))))


async def test_200_units_at_once_make_one_chain_with_one_head_each(
    database: Database, audit_log: AuditLog, audit_key: AuditKey, audit_witness: FileWitness
) -> None:
    async def act(number: int) -> None:
        async with database.unit(DOCTOR) as unit:
            audit_log.record(unit, event("visit.admit", f"pat-{number}"))
            if number % 3 == 0:
                audit_log.record(unit, event("track.subscribe", f"pat-{number}"))

    async with asyncio.timeout(60):
        await asyncio.gather(*(act(number) for number in range(200)))
    seen = await heads(audit_witness)
    assert len(seen) == 200
    assert [head.since for head in seen] == [0, *(head.size for head in seen[:-1])]
    report = await audited(database, audit_key, audit_witness)
    assert (report.sound, report.rows) == (True, 267), report.problems
    async with database.read(DOCTOR) as reader:
        patients = await reader.rows(select(audit_entry.c.patient).where(reader.owns(audit_entry)).distinct())
    assert len(patients) == 200


async def test_two_processes_share_one_log(
    database: Database,
    audit_log: AuditLog,
    audit_key: AuditKey,
    audit_witness: FileWitness,
    database_clock: ManualClock,
) -> None:
    other_witness = FileWitness(audit_witness.path)
    other = await AuditLog.open(database, audit_key, other_witness, database_clock)
    async with asyncio.timeout(60):
        await asyncio.gather(
            *((audit_log, other)[n % 2].access(DOCTOR, event(patient=f"p{n}")) for n in range(40))
        )
    assert [head.size for head in await heads(audit_witness)] == list(range(1, 41))
    assert (await audited(database, audit_key, audit_witness)).sound
    other_witness.close()


class Away(FileWitness):
    """A witness that can't be reached while `away`."""

    away = False

    async def put(self, heads: Sequence[SignedTreeHead]) -> None:
        if self.away:
            raise WitnessError("away")
        await super().put(heads)


async def test_an_access_is_refused_while_the_witness_is_away_and_the_gap_is_closed_after(
    database: Database, audit_key: AuditKey, tmp_path: Path, database_clock: ManualClock
) -> None:
    witness = Away(tmp_path / "w" / "heads.jsonl")
    log = await AuditLog.open(database, audit_key, witness, database_clock)
    await log.access(DOCTOR, event())
    witness.away = True
    for _ in range(3):
        with pytest.raises(AuditUnavailableError):
            await log.access(DOCTOR, event())
    with pytest.raises(AcknowledgeError):
        async with database.unit(DOCTOR) as unit:
            log.record(unit, event("visit.admit"))
    report = await audited(database, audit_key, witness)
    assert report.sound
    assert "4 signed heads have not reached the witness" in report.notes[0]
    witness.away = False
    await log.access(DOCTOR, event())
    assert [head.size for head in await heads(witness)] == [1, 2, 3, 4, 5, 6]
    report = await audited(database, audit_key, witness)
    assert (report.sound, report.notes) == (True, [])
    witness.close()


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_an_access_is_refused_when_the_witness_disk_is_full(
    database: Database, audit_log: AuditLog, audit_key: AuditKey, audit_witness: FileWitness
) -> None:
    await audit_log.access(DOCTOR, event())
    before = audit_witness.path.read_bytes()
    # The kernel refuses bytes beyond this size of a file as it refuses those of a full disk. The database's
    # own file is larger already, and its pages are written inside of it.
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    put = audit_witness._append

    def cramped(descriptor: int, heads: Sequence[SignedTreeHead]) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 100, limits[1]))
        try:
            put(descriptor, heads)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    audit_witness._append = cramped  # type: ignore[method-assign]
    with pytest.raises(AuditUnavailableError):
        await audit_log.access(DOCTOR, event())
    assert audit_witness.path.read_bytes() == before, "half a head was left behind"
    audit_witness._append = put  # type: ignore[method-assign]
    await audit_log.access(DOCTOR, event())
    assert (await audited(database, audit_key, audit_witness)).sound
    assert len(await heads(audit_witness)) == 3


async def test_a_server_killed_between_commit_and_head_hands_it_over_at_the_next_start(
    database: Database, audit_key: AuditKey, tmp_path: Path, database_clock: ManualClock
) -> None:
    witness = Away(tmp_path / "w" / "heads.jsonl")
    log = await AuditLog.open(database, audit_key, witness, database_clock)
    await log.access(DOCTOR, event())
    witness.away = True
    with pytest.raises(AuditUnavailableError):
        await log.access(DOCTOR, event())
    fresh = FileWitness(witness.path)
    with witness.path.open("ab") as file:
        file.write(b'{"v":1,"size":2,"si')  # and the head was being written
    await AuditLog.open(database, audit_key, fresh, database_clock)
    assert [head.size for head in await heads(fresh)] == [1, 2]
    report = await audited(database, audit_key, fresh)
    assert (report.sound, report.notes) == (True, [])
    fresh.close()
    witness.close()


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from mediaserver.audit import AuditKey, AuditLog, FileWitness
from mediaserver.model.actors import Actor
from mediaserver.model.audit import AuditAction, AuditEvent
from mediaserver.model.clock import SystemClock
from mediaserver.storage import Database

class Last(FileWitness):
    async def put(self, heads):
        if heads and heads[-1].size == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        await super().put(heads)

async def run(url, key, path):
    database = await Database.open(url, SystemClock())
    log = await AuditLog.open(database, AuditKey.open(Path(key)), Last(Path(path)), SystemClock())
    for _ in range(9):
        await log.access(Actor.system(), AuditEvent(Actor.system(), "note.read", AuditAction.READ))
        print("acknowledged", flush=True)

asyncio.run(run(*sys.argv[1:]))
"""


async def test_a_process_that_dies_by_sigkill_between_commit_and_head_loses_nothing(
    database: Database,
    database_url: str,
    audit_key: AuditKey,
    audit_witness: FileWitness,
    database_clock: ManualClock,
    tmp_path: Path,
) -> None:
    arguments = [database_url, str(tmp_path / "audit-key.json"), str(audit_witness.path)]
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, *arguments, stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(30):
        output, _ = await child.communicate()
    assert (child.returncode, output.count(b"acknowledged")) == (-signal.SIGKILL, 2)
    assert await size(database) == 3
    assert len(await heads(audit_witness)) == 2
    report = await audited(database, audit_key, audit_witness)
    assert report.sound
    assert "1 signed heads" in report.notes[0]
    await AuditLog.open(database, audit_key, audit_witness, database_clock)
    assert len(await heads(audit_witness)) == 3
    assert (await audited(database, audit_key, audit_witness)).notes == []


async def test_a_log_that_was_tampered_with_is_not_carried_on(
    database: Database,
    audit_log: AuditLog,
    audit_key: AuditKey,
    audit_witness: FileWitness,
    database_clock: ManualClock,
) -> None:
    await audit_log.access(DOCTOR, event())
    async with database.unit(DOCTOR) as unit:
        await unit.execute(update(audit_frontier).values(frontier=bytes(32)))
    with pytest.raises(AuditBrokenError):
        await audit_log.access(DOCTOR, event())
    with pytest.raises(AuditBrokenError):
        await AuditLog.open(database, audit_key, audit_witness, database_clock)
    assert await size(database) == 1


@pytest.mark.parametrize("harm", ["missing", "emptied", "ahead", "foreign", "garbled"])
async def test_a_start_refuses_a_witness_that_contradicts_the_log(
    database: Database,
    audit_log: AuditLog,
    audit_key: AuditKey,
    audit_witness: FileWitness,
    database_clock: ManualClock,
    harm: str,
) -> None:
    for _ in range(2):
        await audit_log.access(DOCTOR, event())
    path = audit_witness.path
    last = (await heads(audit_witness))[-1]
    match harm:
        case "missing":
            path.unlink()
        case "emptied":
            path.write_bytes(b"")
        case "ahead":
            head = SignedTreeHead.sign(audit_key, size=9, since=2, root=last.root, at=last.at)
            path.write_bytes(path.read_bytes() + head.line())
        case "foreign":
            head = SignedTreeHead.sign(AuditKey.generate(), size=2, since=1, root=last.root, at=last.at)
            path.write_bytes(path.read_bytes().splitlines(keepends=True)[0] + head.line())
        case "garbled":
            path.write_bytes(path.read_bytes() + b"{}\n")
    with pytest.raises(AuditBrokenError):
        await AuditLog.open(database, audit_key, FileWitness(path), database_clock)
    if harm in ("missing", "emptied"):
        with pytest.raises(AuditUnavailableError):
            await audit_log.access(DOCTOR, event())


async def test_the_log_is_searched_by_clinic_patient_time_and_page(
    database: Database, audit_log: AuditLog, database_clock: ManualClock
) -> None:
    other = replace(DOCTOR, tenant=TenantId("other"))
    times = []
    for number in range(6):
        times.append(int(database_clock.wall() * 1000))
        await audit_log.access(DOCTOR, event(("a.read", "b.read")[number % 2], f"pat-{number % 3}"))
        await audit_log.access(other, event(actor=other))
        database_clock.advance(1)

    async def positions(query: AuditQuery, actor: Actor = DOCTOR) -> list[int]:
        async with database.read(actor) as reader:
            return [entry.position for entry in await audit_log.events(reader, query)]

    assert await positions(AuditQuery()) == [10, 8, 6, 4, 2, 0]
    assert await positions(AuditQuery(), other) == [11, 9, 7, 5, 3, 1]
    assert await positions(AuditQuery(patient="pat-1")) == [8, 2]
    assert await positions(AuditQuery(types=("b.read",))) == [10, 6, 2]
    assert await positions(AuditQuery(since=times[1], until=times[3])) == [4, 2]
    assert await positions(AuditQuery(limit=2)) == [10, 8]
    assert await positions(AuditQuery(before=8, limit=2)) == [6, 4]
    assert await positions(AuditQuery(actor="acc-2")) == []
    assert await positions(AuditQuery(visit="vis-2")) == []


async def test_heads_are_kept_with_the_entries(database: Database, audit_log: AuditLog) -> None:
    for _ in range(3):
        await audit_log.access(DOCTOR, event())
    async with database.read(DOCTOR) as reader:
        assert await reader.scalar(select(func.count()).select_from(audit_head)) == 3
