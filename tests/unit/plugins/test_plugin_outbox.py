"""Durable events: in the act's transaction, on disk until heard, in order, whatever dies."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from pathlib import Path

import pytest
from plugin_limits import QUICK
from plugin_samples import Listener, Thrower
from sqlalchemy import inspect, select

from mediaserver.model.actors import Actor
from mediaserver.model.clock import SystemClock
from mediaserver.model.roles import Role
from mediaserver.plugins.codec import EventCodec
from mediaserver.plugins.outbox import Outbox
from mediaserver.plugins.tables import MIGRATIONS, metadata, outbox
from mediaserver.plugins.workbench import Workbench
from mediaserver.storage import Database
from workflows.api import ParticipantArrived


async def rows(database: Database) -> int:
    async with database.read(Actor.system()) as reader:
        return len(await reader.rows(select(outbox).execution_options(across_tenants=True)))


async def until(what, seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not await what():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def heard(bench: Workbench) -> list[str]:
    return [who for _, who, _ in bench.host.workers["listener"].caller._plugin.heard]  # type: ignore[union-attr]


async def test_what_was_heard_is_taken_away(database_url: str) -> None:
    async with Workbench.open(Listener, url=database_url) as bench:
        for number in range(5):
            await bench.happen(ParticipantArrived, participant_id=str(number), role=Role.PATIENT)
        assert heard(bench) == [*"01234"]

        async def gone() -> bool:
            return await rows(bench.database) == 0

        await until(gone)


async def test_an_act_that_is_undone_tells_nothing(database_url: str) -> None:
    async with Workbench.open(Listener, url=database_url) as bench:
        visit = bench.visit
        with pytest.raises(RuntimeError):  # noqa: PT012
            async with bench.database.unit(Actor.system()) as unit:
                await bench.host.emit(
                    unit,
                    ParticipantArrived(
                        tenant=visit.tenant, visit=visit.id, at=0, participant_id="x", role=Role.PATIENT
                    ),
                )
                raise RuntimeError
        assert await rows(bench.database) == 0
        await bench.settle()
        assert heard(bench) == []


async def test_nobody_hears_so_nothing_is_written(database_url: str) -> None:
    async with Workbench.open(url=database_url) as bench:
        await bench.happen(ParticipantArrived, participant_id="x", role=Role.PATIENT)
        assert await rows(bench.database) == 0


async def test_one_that_always_fails_is_parked_and_tried_again_at_the_next_start(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Thrower, "throws", ValueError)
    async with Workbench.open(Thrower, limits=QUICK, url=database_url) as bench:
        thrower = bench.host.workers["thrower"]
        await bench.happen(ParticipantArrived, participant_id="x", role=Role.PATIENT, settle=False)

        async def parked() -> bool:
            return thrower.state.parked == 1

        await until(parked)
        assert thrower.caller.counters.retries == 2
        assert await bench.host.parked() == {"thrower": 1}
    monkeypatch.setattr(Thrower, "throws", None)
    async with Workbench.open(Thrower, limits=QUICK, url=database_url) as bench:
        await bench.settle()

        async def gone() -> bool:
            return await rows(bench.database) == 0

        await until(gone)


async def test_a_plugin_hears_at_start_what_it_missed_in_order(database_url: str) -> None:
    async with Workbench.open(Listener, url=database_url) as bench:
        visit, codec = bench.visit, EventCodec()
        async with bench.database.unit(Actor.system()) as unit:
            for number in range(1200):  # more than a page, and than the queue
                event = ParticipantArrived(
                    tenant=visit.tenant,
                    visit=visit.id,
                    at=0,
                    id=f"e{number}",
                    participant_id=str(number),
                    role=Role.PATIENT,
                )
                await Outbox(bench.database, codec).write(unit, event, ["listener"])
    async with Workbench.open(Listener, url=database_url) as bench:
        await bench.settle()
        assert heard(bench) == [str(number) for number in range(1200)]


async def test_a_row_that_nobody_understands_is_set_aside(database_url: str) -> None:
    async with (
        Workbench.open(Listener, url=database_url) as bench,
        bench.database.unit(Actor.system()) as unit,
    ):
        await unit.insert(outbox, plugin="listener", visit="v", event="e", type="Unknown", body="{}")
    async with Workbench.open(Listener, url=database_url) as bench:
        await bench.settle()
        assert await bench.host.parked() == {"listener": 1}


async def test_migration_and_tables_say_the_same(empty_database_url: str) -> None:
    database = await Database.open(empty_database_url, SystemClock())
    try:
        await database.upgrade([MIGRATIONS])
        async with database.read(Actor.system()) as reader:

            def look(connection):
                seen = inspect(connection)
                return {
                    name: (
                        {column["name"]: column["nullable"] for column in seen.get_columns(name)},
                        seen.get_pk_constraint(name)["constrained_columns"],
                        {str(index["name"]) for index in seen.get_indexes(name)},
                    )
                    for name in ("plugins_outbox", "plugins_memo")
                }

            made = await reader._connection.run_sync(look)
    finally:
        await database.close()
    for name, (columns, keys, indexes) in made.items():
        table = metadata.tables[name]
        assert columns == {column.name: bool(column.nullable) for column in table.columns}
        assert keys == [column.name for column in table.primary_key]
        assert indexes == {str(index.name) for index in table.indexes}


EMITTER = Path(__file__).parent / "plugin_emitter.py"


async def emit_until_killed(folder: Path, first: int, after: float) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, EMITTER, folder, str(first), stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )  # fmt: skip
    try:
        assert process.stdout is not None
        async with asyncio.timeout(30):
            assert await process.stdout.readline() == b"ready\n"
        await asyncio.sleep(after)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()


async def test_kill_9_loses_no_event_whose_act_was_acknowledged(tmp_path: Path) -> None:
    chance = random.Random(20261124)  # noqa: S311 - which moments are met is not a secret
    for turn in range(6):
        await emit_until_killed(tmp_path, turn * 100_000, chance.uniform(0.0, 0.4))
    acknowledged = (tmp_path / "acknowledged").read_text().split()
    assert len(acknowledged) > 20
    async with Workbench.open(Listener, url=f"sqlite:///{tmp_path}/clinic.db") as bench:
        await bench.settle()
        before = (tmp_path / "heard").read_text().split()
        assert set(acknowledged) <= {*before, *heard(bench)}
