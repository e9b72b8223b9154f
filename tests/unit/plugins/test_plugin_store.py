"""A plugin's rows, memos, routes and panels: its own, its clinic's, and kept together with its acts."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import msgspec
import pytest
from plugin_limits import QUICK
from plugin_samples import Counted, Keeper, Listener
from sqlalchemy import Column, MetaData, Text, insert, select, text

from mediaserver.model.actors import Actor, TenantId
from mediaserver.model.roles import Role
from mediaserver.plugins.handles import VisitHandle
from mediaserver.plugins.tables import memo, outbox
from mediaserver.plugins.workbench import Workbench, sample_visit
from mediaserver.storage.tenants import add_tenant
from workflows.api import Badge, ConsentGiven, ParticipantJoined, Refusal, Refuse, own_table
from workflows.ports import FloodError, NotAllowedError, PortError, TwiceError, UnavailableError

OTHER = own_table(MetaData(), "other_thing", Column("id", Text, primary_key=True))


@pytest.fixture
async def bench():
    async with Workbench.open(Keeper, Listener, limits=QUICK) as bench:
        async with bench.database.unit(Actor.system()) as unit:
            await unit.execute(
                text(
                    "CREATE TABLE keeper_thing (tenant TEXT NOT NULL, id TEXT NOT NULL,"
                    " count INTEGER NOT NULL, version INTEGER NOT NULL DEFAULT 1, PRIMARY KEY (tenant, id))"
                )
            )
        yield bench


def handle(bench: Workbench, visit=None) -> VisitHandle:
    return bench.host.workers["keeper"].visit(visit or bench.visit)


async def test_a_route_acts_in_one_transaction_with_its_rows(bench: Workbench) -> None:
    assert await bench.request("POST", "/admit", body={"person": "patient"}) == Counted(1)
    assert bench.visits.acts == [
        ("admit", "patient", "clinician"),
        ("panel_changed", "count", "v-sample", None),
    ]
    assert [event.type for event in bench.audited] == ["keeper.admit"]
    await bench.settle()
    heard = bench.host.workers["listener"].caller._plugin.heard  # type: ignore[union-attr]
    assert [kind for kind, _, _ in heard] == ["AdmissionGranted"]
    assert await bench.view("count", by="patient") == Counted(1)
    assert await bench.request("POST", "/admit", body={"person": "carer"}) == Counted(2)


async def test_what_fails_takes_all_of_it_back(bench: Workbench) -> None:
    keeper = handle(bench)
    with pytest.raises(RuntimeError):  # noqa: PT012
        async with keeper.unit() as unit:
            await unit.insert(Keeper.thing, id="x", count=1)
            await keeper.remember("note", "kept?")
            await keeper.panel_changed("count")
            raise RuntimeError
    async with keeper.read() as reader:
        assert await reader.rows(reader.of(Keeper.thing)) == []
    assert await keeper.recall("note", str) is None
    assert bench.visits.acts == []


async def test_a_row_that_is_there_is_told_and_undoes_the_unit(bench: Workbench) -> None:
    keeper = handle(bench)
    async with keeper.unit() as unit:
        await unit.insert(Keeper.thing, id="x", count=1)
    with pytest.raises(PortError):  # noqa: PT012
        async with keeper.unit() as unit:
            with pytest.raises(TwiceError):
                await unit.insert(Keeper.thing, id="x", count=2)


@pytest.mark.parametrize(
    "statement",
    [
        select(memo),
        select(outbox),
        select(OTHER),
        select(Keeper.thing.join(OTHER, OTHER.c.id == Keeper.thing.c.id)),
        select(Keeper.thing).where(Keeper.thing.c.id.in_(select(OTHER.c.id))),
        select(Keeper.thing).where(text("1 = 1")),
        select(text("1 FROM tenant")),
        select(Keeper.thing).execution_options(across_tenants=True),
        text("SELECT 1"),
    ],
)
async def test_another_table_is_out_of_reach(bench: Workbench, statement) -> None:
    async with handle(bench).read() as reader:
        with pytest.raises(NotAllowedError):
            await reader.rows(statement)


async def test_another_table_is_out_of_reach_of_writers_too(bench: Workbench) -> None:
    async with handle(bench).unit() as unit:
        with pytest.raises(NotAllowedError):
            await unit.insert(OTHER, id="x")
        with pytest.raises(NotAllowedError):
            await unit.delete(Keeper.thing, Keeper.thing.c.id.in_(select(OTHER.c.id)))
        with pytest.raises(NotAllowedError):
            await unit.update(
                Keeper.thing, Keeper.thing.c.id == "x", count=select(OTHER.c.id).scalar_subquery()
            )
        with pytest.raises(NotAllowedError):
            await unit.execute(insert(OTHER).values(tenant=unit.tenant, id="x"))
        with pytest.raises(NotAllowedError):
            await unit.execute(insert(Keeper.thing).values(tenant="elsewhere", id="x", count=1))
        with pytest.raises(NotAllowedError):
            await unit.execute(insert(Keeper.thing).values(id="x", count=1))
        assert await unit.execute(insert(Keeper.thing).values(tenant=unit.tenant, id="x", count=1)) == 1


async def test_another_clinics_rows_memos_and_visits_are_out_of_reach(bench: Workbench) -> None:
    there = TenantId("elsewhere")
    async with bench.database.unit(Actor.system()) as unit:
        await add_tenant(unit, there, "Elsewhere")
    theirs = sample_visit("v-theirs", there)
    bench.visits.all[theirs.id] = theirs
    mine, other = handle(bench), handle(bench, theirs)
    async with other.unit() as unit:
        await unit.insert(Keeper.thing, id="x", count=1)
    await other.remember("note", "theirs")
    async with mine.read() as reader:
        assert await reader.rows(reader.of(Keeper.thing)) == []
        with pytest.raises(ValueError, match="tenant"):
            await reader.rows(select(Keeper.thing))
    assert await mine.recall("note", str) is None
    with pytest.raises(Refuse):
        await mine.visit(theirs.id)
    with pytest.raises(NotAllowedError):
        await mine.admit("patient", by=Actor.system(there))


async def test_memos_are_kept_by_visit_and_by_clinic(bench: Workbench) -> None:
    keeper = handle(bench)
    await keeper.remember("seen", ["a", "b"])
    await keeper.clinic.remember("seen", 7)
    assert await keeper.recall("seen", list[str]) == ["a", "b"]
    assert await keeper.clinic.recall("seen", int) == 7
    await keeper.remember("seen", None)
    assert await keeper.recall("seen", list[str]) is None
    with pytest.raises(ValueError, match="bytes"):
        await keeper.remember("big", "x" * 70_000)


async def test_a_unit_in_a_unit_is_a_mistake_that_is_told(bench: Workbench) -> None:
    keeper = handle(bench)
    async with keeper.unit():
        with pytest.raises(NotAllowedError):
            async with keeper.clinic.unit():
                pass


async def test_a_unit_held_too_long_is_undone_in_the_midst_of_it(bench: Workbench) -> None:
    keeper = handle(bench)
    with pytest.raises(UnavailableError):  # noqa: PT012
        async with keeper.unit() as unit:
            await unit.insert(Keeper.thing, id="late", count=1)
            await asyncio.sleep(QUICK.hold + 0.1)
            await unit.insert(Keeper.thing, id="later", count=1)
    async with keeper.read() as reader:
        assert await reader.rows(reader.of(Keeper.thing)) == []


async def test_roles_and_visits_of_a_door(bench: Workbench) -> None:
    with pytest.raises(Refuse) as refused:
        await bench.request("POST", "/admit", by="patient", body={"person": "patient"})
    assert refused.value.why is Refusal.FORBIDDEN
    with pytest.raises(Refuse) as refused:
        await bench.view("count", by="interpreter")
    assert refused.value.why is Refusal.FORBIDDEN
    elsewhere = replace(bench.actor("patient"), visit="v-another")
    door, _ = bench._route("GET", "/panels/count", None)
    with pytest.raises(Refuse) as refused:
        await bench.doors.open(door, elsewhere, bench.visit.id)
    assert refused.value.why is Refusal.NOT_FOUND
    stranger = replace(bench.actor("clinician"), tenant=TenantId("elsewhere"))
    with pytest.raises(Refuse) as refused:
        await bench.doors.open(door, stranger, bench.visit.id)
    assert refused.value.why is Refusal.NOT_FOUND
    with pytest.raises(msgspec.ValidationError):
        await bench.request("POST", "/admit", body={"person": 1})


async def test_a_result_that_was_not_declared_does_not_go_out(bench: Workbench) -> None:
    with pytest.raises(Refuse) as refused:
        await bench.request("GET", "/wrong", by="patient")
    assert refused.value.why is Refusal.UNAVAILABLE
    assert bench.host.workers["keeper"].caller.counters.calls["route", "fault"] == 1


async def test_panels_are_listed_by_what_one_may_see(bench: Workbench) -> None:
    assert [panel.name for _, panel in bench.doors.panels(bench.actor("clinician"))] == ["badge", "count"]
    assert [panel.name for _, panel in bench.doors.panels(bench.actor("patient"))] == ["count"]
    assert isinstance(await bench.view("badge"), Badge)
    assert await bench.view("count", by="patient") is None  # nothing to show yet


async def test_a_plugin_tells_only_events_that_it_declared(bench: Workbench) -> None:
    with pytest.raises(NotAllowedError):
        await handle(bench).emit(ConsentGiven, participant_id="patient", form="recording")


async def test_more_acts_than_it_may_are_refused(bench: Workbench) -> None:
    keeper = handle(bench)
    with pytest.raises(FloodError):  # noqa: PT012
        for _ in range(10_000):
            await keeper.say("patient", "x")


async def test_an_event_of_another_clinic_is_refused(bench: Workbench) -> None:
    async with bench.database.unit(Actor.system()) as unit:
        with pytest.raises(ValueError, match="clinic"):
            await bench.host.emit(
                unit,
                ParticipantJoined(
                    tenant=TenantId("elsewhere"), visit="v", at=0, participant_id="p", role=Role.PATIENT
                ),
            )
