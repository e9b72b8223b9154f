"""Nothing of another clinic is seen or changed through any helper, on both databases."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from sample_tables import NOTE, TAG, add_note, notes, other, sample, staff  # noqa: F401
from sqlalchemy import (
    Column,
    ForeignKeyConstraint,
    MetaData,
    Text,
    delete,
    exists,
    func,
    select,
    text,
    true,
    update,
)

from mediaserver.storage import Database, InvalidError, Unit
from mediaserver.storage.schema import reference, tenant_table

pytestmark = pytest.mark.usefixtures("sample")


@pytest.fixture(autouse=True)
async def rows(sample: None, database: Database) -> None:  # noqa: F811
    """A note of the same id in each clinic, and one more of the other's."""
    await add_note(database, "n1", "ours")
    await add_note(database, "n1", "theirs", other())
    await add_note(database, "n2", "theirs", other())


HELPERS: dict[str, Callable[[Unit], Awaitable[object]]] = {
    "of": lambda unit: unit.rows(unit.of(NOTE)),
    "row": lambda unit: unit.row(unit.of(NOTE).where(NOTE.c.id == "n2")),
    "scalar": lambda unit: unit.scalar(select(func.count()).select_from(NOTE).where(unit.owns(NOTE))),
    "update": lambda unit: unit.update(NOTE, NOTE.c.id == "n2", text="changed"),
    "update of all": lambda unit: unit.update(NOTE, true(), text="changed"),
    "update by version": lambda unit: unit.update(NOTE, NOTE.c.id == "n2", version=1, text="changed"),
    "update by an or": lambda unit: unit.update(NOTE, (NOTE.c.id == "n1") | true(), text="changed"),
    "delete": lambda unit: unit.delete(NOTE, NOTE.c.id == "n2"),
    "delete of all": lambda unit: unit.delete(NOTE, true()),
    "insert": lambda unit: unit.insert(NOTE, id="n3", text="new"),
}


@pytest.mark.parametrize("name", HELPERS)
async def test_no_helper_sees_or_changes_the_others(database: Database, name: str) -> None:
    async with database.unit(staff()) as unit:
        found = await HELPERS[name](unit)
    assert "theirs" not in repr(found)
    assert await notes(database, other()) == {"n1": "theirs", "n2": "theirs"}


def test_every_helper_is_tried() -> None:
    inherited = {"of", "row", "rows", "scalar", "owns", "execute", "before_commit", "after_commit", "prepare"}
    tried = {name.split()[0] for name in HELPERS}
    public = {name for name in dir(Unit) if not name.startswith("_")}
    assert public == inherited | tried | {"followers"}


async def test_counts_are_the_own_rows_only(database: Database) -> None:
    async with database.unit(staff()) as unit:
        assert await unit.update(NOTE, true(), text="changed") == 1
        assert await unit.delete(NOTE, true()) == 1


async def test_a_row_of_another_is_no_conflict_but_absent(database: Database) -> None:
    """A conflict would tell that the id exists in the other clinic."""
    async with database.unit(staff()) as unit:
        assert await unit.update(NOTE, NOTE.c.id == "n2", version=9, text="x") == 0


async def test_nobody_writes_a_row_into_another_clinic(database: Database) -> None:
    async with database.unit(staff()) as unit:
        with pytest.raises(ValueError):
            await unit.insert(NOTE, id="n9", text="x", tenant="other")
        with pytest.raises(ValueError):
            await unit.update(NOTE, NOTE.c.id == "n1", tenant="other")


async def test_a_reference_into_another_clinic_is_refused(database: Database) -> None:
    with pytest.raises(InvalidError):
        async with database.unit(staff()) as unit:
            await unit.insert(TAG, id="t1", note="n2", word="x")


FORGOTTEN = {
    "select": select(NOTE),
    "columns": select(NOTE.c.text),
    "alias": select(NOTE.alias("n")),
    "join": select(NOTE.c.text, TAG.c.word).join(TAG, TAG.c.note == NOTE.c.id),
    "subquery": select(func.count()).select_from(select(NOTE.c.id).subquery()),
    "exists": select(exists(select(NOTE.c.id))),
    "cte": select(select(NOTE.c.id).cte("c").c.id),
    "another's": select(NOTE).where(NOTE.c.tenant == "other"),
    "update": update(NOTE).values(text="x"),
    "delete": delete(NOTE).where(NOTE.c.id == "n2"),
}


@pytest.mark.parametrize("name", FORGOTTEN)
async def test_a_forgotten_tenant_is_refused(database: Database, name: str) -> None:
    async with database.unit(staff()) as unit:
        with pytest.raises(ValueError, match="names no tenant"):
            await unit.execute(FORGOTTEN[name])
    assert await notes(database, other()) == {"n1": "theirs", "n2": "theirs"}


async def test_joins_and_subqueries_from_the_own_tenant_pass(database: Database) -> None:
    async with database.read(staff()) as reader:
        joined = select(NOTE.c.text).outerjoin(TAG, TAG.c.note == NOTE.c.id).where(reader.owns(NOTE))
        assert [row.text for row in await reader.rows(joined)] == ["ours"]
        some = reader.of(NOTE).where(~exists(select(TAG.c.id).where(TAG.c.note == NOTE.c.id)))
        assert len(await reader.rows(some)) == 1
        assert await reader.scalar(text("SELECT 1")) == 1


async def test_what_must_reach_across_says_so(database: Database) -> None:
    async with database.read(staff()) as reader:
        assert len(await reader.rows(select(NOTE).execution_options(across_tenants=True))) == 3


def test_tenant_comes_first_in_every_key_of_a_table() -> None:
    meta = MetaData()
    tenant_table("a", Column("id", Text, primary_key=True), meta=meta)
    b = tenant_table(
        "b", Column("id", Text, primary_key=True), Column("a", Text), reference("a", "a"), meta=meta
    )
    assert [c.name for c in b.primary_key.columns] == ["tenant", "id"]
    keys = [
        [e.parent.name for e in fk.elements] for fk in b.constraints if isinstance(fk, ForeignKeyConstraint)
    ]
    assert sorted(keys) == [["tenant"], ["tenant", "a"]]
