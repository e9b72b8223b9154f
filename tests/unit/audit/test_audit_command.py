"""`mediaserver audit` over a data folder, as compliance uses it; and harm done to a real database's file."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import time
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from fhirclient.models.auditevent import AuditEvent as R4AuditEvent

from mediaserver.audit import AuditKey, AuditLog, FileWitness
from mediaserver.audit.leaf import canonical
from mediaserver.cli import main
from mediaserver.config import Settings, load
from mediaserver.model.actors import Actor, ActorKind, TenantId
from mediaserver.model.audit import AuditAction, AuditEntity, AuditEvent
from mediaserver.model.clock import ManualClock
from mediaserver.model.pii import Pii
from mediaserver.storage import Database


def run(data: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["audit", *arguments, "--data", str(data)])


async def write(settings: Settings, count: int = 12) -> None:
    """A log of `count` entries in commits of one or two, of two clinics, a second apart."""
    clock = ManualClock(wall=1_700_000_000)
    database = await Database.open(settings.storage_url, clock)
    await database.upgrade()
    key = AuditKey.open_or_create(settings.audit_key_file)
    witness = FileWitness(settings.audit_witness_file)
    log = await AuditLog.open(database, key, witness, clock)
    for number in range(count):
        tenant = TenantId(("clinic", "other")[number % 2])
        actor = Actor(
            tenant, "acc", ActorKind.ACCOUNT, Pii("Dr. Zoë"), frozenset(), "s", address=Pii("192.0.2.1")
        )
        entity = AuditEntity("DocumentReference", f"note-{number}")
        event = AuditEvent(actor, "note.read", AuditAction.READ, patient=f"pat-{number}", entities=(entity,))
        async with database.unit(actor) as unit:
            log.record(unit, event)
            if number % 4 == 0:
                log.record(unit, event)
        clock.advance(1)
    await database.close()
    witness.close()


@pytest.fixture
async def data(tmp_path: Path) -> Path:
    """A data folder with a log of 15 entries in 12 commits, beside its witness."""
    folder = tmp_path / "data"
    await write(load(None, {"data": folder}))
    return folder


def heads_file(data: Path) -> Path:
    return data.with_name("data-witness") / "heads.jsonl"


def test_a_whole_log_is_said_to_be_whole(data: Path) -> None:
    result = run(data, "verify")
    assert result.exit_code == 0, result.output
    assert result.output.startswith("whole: 15 entries, 12 heads at the witness, signed by ")


def test_the_witness_stands_beside_the_data_folder_and_not_in_it(data: Path) -> None:
    assert heads_file(data).stat().st_mode & 0o777 == 0o600
    assert (data / "audit-key.json").stat().st_mode & 0o777 == 0o600
    assert load(None, {"data": Path(), "audit": {"key_file": "k"}}).audit_key_file == Path("k")


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (
            "update audit_entry set leaf = replace(leaf, 'pat-3', 'pat-4') where position = 4",
            "row 4 was changed",
        ),
        ("update audit_entry set leaf = cast(x'ff' as text) where position = 4", "row 4 was changed"),
        ("update audit_entry set patient = null where position = 4", "row 4 was changed: its column patient"),
        ("update audit_entry set tenant = cast(x'fe' as text) where position = 4", "row 4 was changed"),
        ("update audit_entry set at = 'noon' where position = 4", "row 4 was changed: its column at"),
        ("update audit_entry set leaf_hash = 'text' where position = 4", "row 4 was changed"),
        ("delete from audit_entry where position = 4", "row 4 is missing (the next row is 5)"),
        ("delete from audit_entry where position > 9", "row 10 is missing: the log was cut at its end"),
        (
            "insert into audit_entry select 15, tenant, at, type, actor, patient, visit, leaf, leaf_hash,"
            " root from audit_entry where position = 3",
            "row 15 is not what the server wrote there",
        ),
        ("update audit_head set signature = x'00' where size = 5", "was changed: its signature is not right"),
        (
            "update audit_head set root = 'x', at = 'y' where size = 7",
            "was changed: its signature is not right",
        ),
        ("update audit_frontier set size = 3", "audit_frontier was changed"),
        ("delete from audit_frontier", "audit_frontier"),
    ],
)
def test_what_was_done_to_the_file_is_found_and_exits_with_1(data: Path, statement: str, words: str) -> None:
    with closing(sqlite3.connect(data / "clinic.db")) as connection:
        connection.execute(statement)
        connection.commit()
    result = run(data, "verify")
    assert result.exit_code == 1
    assert words in result.output.splitlines()[0], result.output


def test_what_was_done_to_the_witness_is_found(data: Path) -> None:
    path = heads_file(data)
    lines = path.read_bytes().splitlines(keepends=True)
    for text, words in (
        (b"".join(lines[:4] + lines[5:]), "a head of the witness is missing"),
        (b"".join(lines[:8]), "the witness was cut"),
        (b"".join([*lines[:8], b"\xff\n", *lines[9:]]), "line 9 of the witness is no head"),
        (b"", "the witness was cut"),
    ):
        path.write_bytes(text)
        result = run(data, "verify")
        assert result.exit_code == 1
        assert words in result.output
    path.unlink()
    assert "the witness is missing" in run(data, "verify").output


def test_a_foreign_key_is_no_proof(data: Path) -> None:
    (data / "audit-key.json").unlink()
    assert "there is no audit key" in run(data, "verify").output
    AuditKey.open_or_create(data / "audit-key.json")
    result = run(data, "verify")
    assert result.exit_code == 1
    assert "was signed by another key" in result.output


def test_dozens_of_random_bytes_of_the_log_changed_in_the_file_are_found(data: Path, tmp_path: Path) -> None:
    """Bytes of the log's own values, wherever SQLite has put them; whatever that does to the file."""
    seed = time.time_ns()
    print(f"seed {seed}")
    rng = random.Random(seed)  # noqa: S311
    with closing(sqlite3.connect(data / "clinic.db")) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
        leaves = [text.encode() for (text,) in connection.execute("select leaf from audit_entry")]
        hashes = [d for row in connection.execute("select leaf_hash, root from audit_entry") for d in row]
        signatures = [s for (s,) in connection.execute("select signature from audit_head")]
    whole = (data / "clinic.db").read_bytes()
    copy = tmp_path / "copy"
    for number in range(40):
        value = rng.choice(rng.choice([leaves, hashes, signatures]))
        at = whole.index(value) + rng.randrange(len(value))
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(data, copy)
        shutil.copytree(heads_file(data).parent, copy.with_name("copy-witness"), dirs_exist_ok=True)
        changed = bytes([whole[at] ^ 1 << rng.randrange(8)])
        (copy / "clinic.db").write_bytes(whole[:at] + changed + whole[at + 1 :])
        result = run(copy, "verify")
        assert result.exit_code == 1, f"byte {at} (seed {seed}, number {number})"


def test_an_export_can_be_checked_by_others_and_is_in_the_log_itself(data: Path) -> None:
    lines = [json.loads(line) for line in run(data, "export").output.splitlines()]
    assert [line["position"] for line in lines] == list(range(16))
    for line in lines:
        leaf = canonical(line["leaf"])
        assert sha256(b"\x00" + leaf).hexdigest() == line["leaf_hash"]
    assert lines[-1]["leaf"]["type"] == "audit.export"
    assert run(data, "verify").output.startswith("whole: 16 entries, 13 heads")


def test_an_export_is_narrowed_by_time_and_clinic(data: Path) -> None:
    def positions(*options: str) -> list[int]:
        return [json.loads(line)["position"] for line in run(data, "export", *options).output.splitlines()]

    assert positions("--tenant", "other") == [2, 4, 7, 9, 12, 14]
    assert positions("--until", "2023-11-14T22:13:22") == [0, 1, 2]
    assert positions("--since", "2023-11-14T22:13:21Z", "--until", "2023-11-14T22:13:23Z") == [2, 3]


def test_an_export_as_fhir_is_one_r4_resource_a_line(data: Path) -> None:
    lines = run(data, "export", "--format", "fhir").output.splitlines()
    assert len(lines) == 16
    events = [R4AuditEvent(json.loads(line)) for line in lines]
    assert events[0].meta.profile[0].endswith("IHE.BasicAudit.PatientRead")
    assert events[-1].type.code == "110106"


def test_an_export_that_cannot_be_recorded_is_refused(data: Path) -> None:
    heads_file(data).unlink()
    result = run(data, "export")
    assert result.exit_code == 1
    assert "note-1" not in result.output
    assert "rewitness" in result.output


@pytest.mark.parametrize("harm", ["restored", "lost"])
def test_a_new_witness_is_begun_in_the_open(data: Path, harm: str) -> None:
    copy = (data / "clinic.db").read_bytes()
    run(data, "export")
    if harm == "restored":
        with closing(sqlite3.connect(data / "clinic.db")) as connection:
            connection.execute("pragma wal_checkpoint(truncate)")
        (data / "clinic.db").write_bytes(copy)
    else:
        heads_file(data).unlink()
    assert run(data, "verify").exit_code == 1
    assert run(data, "export").exit_code == 1
    result = run(data, "rewitness", "--reason", "disk died", "--yes")
    assert result.exit_code == 0, result.output
    assert run(data, "verify").exit_code == 0
    last = json.loads(run(data, "export").output.splitlines()[-2])["leaf"]
    assert (last["type"], last["reason"]) == ("audit.rewitness", "disk died")
    assert ("old_size" in last["detail"]) == (harm == "restored")
