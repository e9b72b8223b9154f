"""What a unit of work promises, on both databases."""

from __future__ import annotations

import asyncio

import pytest
from sample_tables import NOTE, TAG, add_note, notes, other, sample, staff  # noqa: F401
from sqlalchemy import insert, select

from mediaserver.model.actors import TenantId
from mediaserver.storage import (
    AcknowledgeError,
    ConflictError,
    Database,
    DuplicateError,
    InvalidError,
    StorageError,
    UnavailableError,
    Unit,
)
from mediaserver.storage.schema import tenant
from mediaserver.storage.tenants import add_tenant, tenants

pytestmark = pytest.mark.usefixtures("sample")


async def test_what_a_unit_wrote_is_there_and_is_the_tenants(database: Database) -> None:
    await add_note(database, "n1", "hello")
    async with database.read(staff()) as reader:
        row = await reader.row(reader.of(NOTE))
    assert row is not None
    assert (row.tenant, row.id, row.text, row.version) == ("clinic", "n1", "hello", 1)


async def test_now_is_the_clocks_milliseconds(database: Database, database_clock) -> None:  # type: ignore[no-untyped-def]
    async with database.read(staff()) as reader:
        assert reader.now == int(database_clock.wall() * 1000)


async def test_an_exception_undoes_all_of_it(database: Database) -> None:
    with pytest.raises(RuntimeError):  # noqa: PT012
        async with database.unit(staff()) as unit:
            await unit.insert(NOTE, id="n1", text="hello")
            raise RuntimeError
    assert await notes(database) == {}


async def test_cancellation_undoes_all_of_it_and_lets_the_next_one_in(database: Database) -> None:
    begun = asyncio.Event()

    async def hang() -> None:
        async with database.unit(staff()) as unit:
            await unit.insert(NOTE, id="n1", text="hello")
            begun.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(hang())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await add_note(database, "n2", "next")
    assert await notes(database) == {"n2": "next"}


async def test_a_unit_sees_what_it_wrote_and_nobody_else_does(database: Database) -> None:
    async with database.unit(staff()) as unit:
        await unit.insert(NOTE, id="n1", text="hello")
        assert await unit.scalar(select(NOTE.c.text).where(unit.owns(NOTE))) == "hello"
        assert await notes(database) == {}


async def test_a_reader_sees_one_moment(database: Database) -> None:
    await add_note(database, "n1", "before")
    async with database.read(staff()) as reader:
        assert len(await reader.rows(reader.of(NOTE))) == 1
        await add_note(database, "n2", "meanwhile")
        assert len(await reader.rows(reader.of(NOTE))) == 1
    assert len(await notes(database)) == 2


async def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises(StorageError):
        async with database.read(staff()) as reader:
            await reader.rows(insert(NOTE).values(tenant="clinic", id="n1", text="x"))
    assert await notes(database) == {}


async def test_a_second_of_the_same_is_a_duplicate_by_the_same_name_everywhere(database: Database) -> None:
    await add_note(database, "n1", "hello")
    with pytest.raises(DuplicateError) as caught:
        await add_note(database, "n1", "again")
    assert caught.value.constraint == "pk_sample_note"
    async with database.unit(staff()) as unit:
        await unit.insert(TAG, id="t1", note="n1", word="urgent")
    with pytest.raises(DuplicateError) as caught:
        async with database.unit(staff()) as unit:
            await unit.insert(TAG, id="t2", note="n1", word="urgent")
    assert caught.value.constraint == "uq_sample_tag_tenant_note_word"


async def test_a_reference_to_nothing_is_refused(database: Database) -> None:
    with pytest.raises(InvalidError):
        async with database.unit(staff()) as unit:
            await unit.insert(TAG, id="t1", note="absent", word="urgent")


async def test_no_error_shows_a_value_or_keeps_the_drivers(database: Database) -> None:
    await add_note(database, "Maria-Gonzalez", "hello")
    for work in (add_note(database, "Maria-Gonzalez", "again"), _tag(database, "Maria-Gonzales")):
        with pytest.raises(StorageError) as caught:
            await work
        assert "Maria" not in str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None


async def _tag(database: Database, note: str) -> None:
    async with database.unit(staff()) as unit:
        await unit.insert(TAG, id="t1", note=note, word="urgent")


async def test_the_later_of_two_edits_is_told_of_the_conflict(database: Database) -> None:
    await add_note(database, "n1", "hello")
    async with database.unit(staff()) as unit:
        assert await unit.update(NOTE, NOTE.c.id == "n1", version=1, text="first") == 1
    with pytest.raises(ConflictError):
        async with database.unit(staff()) as unit:
            await unit.update(NOTE, NOTE.c.id == "n1", version=1, text="second")
    assert await notes(database) == {"n1": "first"}


async def test_what_is_not_there_is_no_conflict(database: Database) -> None:
    async with database.unit(staff()) as unit:
        assert await unit.update(NOTE, NOTE.c.id == "absent", version=1, text="x") == 0


async def test_of_two_at_once_with_one_version_exactly_one_wins(database: Database) -> None:
    await add_note(database, "n1", "hello")

    async def edit(text: str) -> None:
        async with database.unit(staff()) as unit:
            await unit.update(NOTE, NOTE.c.id == "n1", version=1, text=text)

    results = await asyncio.gather(*(edit(str(i)) for i in range(10)), return_exceptions=True)
    assert sorted(type(r).__name__ for r in results) == ["ConflictError"] * 9 + ["NoneType"]


async def test_fifty_writers_at_once_lose_no_update(database: Database) -> None:
    await add_note(database, "n1", "hello")

    async def count(number: int) -> None:
        async with database.unit(staff()) as unit:
            await unit.update(NOTE, NOTE.c.id == "n1", text="x")
            await unit.insert(TAG, id=str(number), note="n1", word=str(number))

    await asyncio.gather(*(count(number) for number in range(50)))
    async with database.read(staff()) as reader:
        assert await reader.scalar(select(NOTE.c.version).where(reader.owns(NOTE))) == 51
        assert len(await reader.rows(reader.of(TAG))) == 50


async def test_hooks_run_in_order_and_around_the_commit(database: Database) -> None:
    heard: list[str] = []

    async def last(unit: Unit) -> None:
        await unit.insert(NOTE, id="audit", text="x")
        heard.append("before")

    async def after() -> None:
        heard.append(f"after, with {len(await notes(database))} there")

    async with database.unit(staff()) as unit:
        unit.before_commit(last)
        unit.after_commit(after)
        await unit.insert(NOTE, id="n1", text="x")
        heard.append("body")
    heard.append("returned")
    assert heard == ["body", "before", "after, with 2 there", "returned"]


async def test_a_hook_before_commit_that_fails_undoes_all(database: Database) -> None:
    async def fail(_unit: Unit) -> None:
        raise UnavailableError("no audit")

    with pytest.raises(UnavailableError):  # noqa: PT012
        async with database.unit(staff()) as unit:
            await unit.insert(NOTE, id="n1", text="x")
            unit.before_commit(fail)
    assert await notes(database) == {}


async def test_a_hook_after_commit_that_fails_is_not_acknowledged_but_kept(database: Database) -> None:
    heard = []

    async def fail() -> None:
        raise OSError("the witness is away")

    async def other_hook() -> None:
        heard.append("ran")

    with pytest.raises(AcknowledgeError):  # noqa: PT012
        async with database.unit(staff()) as unit:
            await unit.insert(NOTE, id="n1", text="x")
            unit.after_commit(fail)
            unit.after_commit(other_hook)
    assert heard == ["ran"]
    assert await notes(database) == {"n1": "x"}


async def test_hooks_do_not_follow_what_was_undone(database: Database) -> None:
    heard = []

    async def hook() -> None:
        heard.append("ran")

    with pytest.raises(RuntimeError):  # noqa: PT012
        async with database.unit(staff()) as unit:
            unit.after_commit(hook)
            raise RuntimeError
    assert heard == []


async def test_a_commit_under_way_is_finished_with_its_hooks_when_the_caller_goes(database: Database) -> None:
    in_hook, heard = asyncio.Event(), []

    async def hook() -> None:
        in_hook.set()
        await asyncio.sleep(0.05)
        heard.append("ran")

    async def work() -> None:
        async with database.unit(staff()) as unit:
            await unit.insert(NOTE, id="n1", text="x")
            unit.after_commit(hook)

    task = asyncio.create_task(work())
    await in_hook.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert heard == ["ran"]
    assert await notes(database) == {"n1": "x"}


async def test_a_unit_in_a_unit_is_a_mistake_and_not_a_deadlock(database: Database) -> None:
    async with database.unit(staff()):
        with pytest.raises(StorageError, match="hand the outer one on"):
            async with database.unit(staff()):
                pass


async def test_a_hook_after_commit_may_open_a_unit(database: Database) -> None:
    async def again() -> None:
        await add_note(database, "n2", "x")

    async with database.unit(staff()) as unit:
        unit.after_commit(again)
    assert await notes(database) == {"n2": "x"}


async def test_a_table_without_tenants_is_reached_only_by_statement(database: Database) -> None:
    async with database.unit(staff()) as unit:
        with pytest.raises(ValueError):
            unit.of(tenant)
        with pytest.raises(ValueError):
            await unit.insert(tenant, id="x", name="x", created_at=0)
        assert len(await unit.rows(select(tenant))) == 2


async def test_many_who_write_while_they_read_do_not_wait_for_each_other(database: Database) -> None:
    async def audited_read(number: int) -> None:
        async with database.read(staff()) as reader:
            await reader.rows(reader.of(NOTE))
            await add_note(database, f"n{number}", "read")

    async with asyncio.timeout(8):  # less than the wait for a connection
        await asyncio.gather(*(audited_read(number) for number in range(30)))
    assert len(await notes(database)) == 30


async def test_a_clinic_is_added_once(database: Database) -> None:
    async with database.unit(staff()) as unit:
        await add_tenant(unit, TenantId("third"), "Third")
    async with database.read(staff()) as reader:
        assert [t.id for t in await tenants(reader)] == ["clinic", "other", "third"]
    with pytest.raises(DuplicateError):
        async with database.unit(staff()) as unit:
            await add_tenant(unit, TenantId("third"), "Again")
    with pytest.raises(ValueError):
        async with database.unit(staff()) as unit:
            await add_tenant(unit, TenantId("No/Slug"), "x")
