"""The conformance kit finds each fault it is for."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import msgspec
import pytest
from plugin_samples import Door, Guard, Listener
from sqlalchemy import Column, MetaData, Table, Text

from mediaserver.model.pii import Pii
from mediaserver.model.roles import Role
from mediaserver.plugins import manifest
from mediaserver.plugins.discovery import Found, found
from mediaserver.plugins.kit import check, files, hooks, tables, work
from mediaserver.plugins.kit.work import sample_event
from mediaserver.plugins.texts import Texts
from mediaserver.plugins.workbench import sample_visit
from workflows.api import (
    EVENTS,
    Allow,
    Event,
    ParticipantArrived,
    Permission,
    Setting,
    Slot,
    Workflow,
    every,
    gate,
    on,
    own_table,
    panel,
    route,
)


class Loose(msgspec.Struct):
    """A body that takes anything."""

    text: str


class Needy(Setting, frozen=True):
    must: str


class Bad(Workflow):
    name = "bad"
    settings: Needy
    permissions = (
        Permission("unused", frozenset({Role.CLINICIAN}), "Nothing"),
        Permission("empty", frozenset(), ""),
    )

    @gate
    async def entrance(self, visit):
        return Allow()

    @gate
    async def admission(self, visit):
        return Allow()

    @on(ParticipantArrived)
    def arrived(self, visit, event):
        return None

    @every(0.1)
    async def often(self, clinic):
        return None

    @route("GET", "no-slash", permission="missing", body=Loose)
    async def get(self, visit, call):
        return None

    @panel(Slot.CONSOLE_LIST, permission="empty", module="badge.js")
    async def badge(self, visit, call):
        return None

    @panel(Slot.PATIENT_STEP, permission="empty")
    async def step(self, visit, call):
        return None


Bad.__doc__ = None


@pytest.mark.parametrize(
    ("look", "problem"),
    [
        (hooks.hooks_fit, "there is no gate entrance"),
        (hooks.hooks_fit, "admission must take (self, visit, participant)"),
        (hooks.hooks_fit, "arrived must be `async def`"),
        (hooks.hooks_fit, "a timer runs once a second"),
        (hooks.documented, "get: a route needs a docstring"),
        (hooks.permissions_declared, "missing is asked for but not declared"),
        (hooks.permissions_declared, "unused is declared, but"),
        (hooks.permissions_declared, "empty: no role"),
        (hooks.permissions_declared, "empty: say in its title"),
        (hooks.routes_described, "not 'no-slash'"),
        (hooks.routes_described, "a GET has no body"),
        (hooks.routes_described, "Loose must say forbid_unknown_fields"),
        (hooks.settings_have_defaults, "every setting of Needy"),
        (hooks.panels_in_slots, "leave `module` out"),
        (hooks.panels_in_slots, "step: a panel in patient.step needs a `module`"),
    ],
)
def test_a_fault_of_the_class_is_named(look, problem: str) -> None:
    assert any(problem in line for line in look(manifest.read(Bad)))


def test_tables_that_are_not_its_own_are_named(tmp_path: Path) -> None:
    class Tabled(Workflow):
        name = "tabled"
        tables = MetaData()
        migrations = tmp_path

    Table("other", Tabled.tables, Column("id", Text, primary_key=True))
    problems = list(tables.tables_are_its_own(manifest.read(Tabled)))
    assert problems == [
        "table other must be named tabled_..",
        "table other: `tenant` must lead its primary key; make it with `own_table`",
    ]


async def test_a_table_that_no_migration_makes_is_named(tmp_path: Path) -> None:
    class Unmade(Workflow):
        name = "unmade"
        tables = MetaData()
        migrations = tmp_path

    own_table(Unmade.tables, "unmade_thing", Column("id", Text, primary_key=True))
    assert "no migration makes unmade_thing" in await tables.migrations_go_both_ways(manifest.read(Unmade))


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ('import x from "lodash";', "imports lodash"),
        ('import { h } from "/static/shared/dom.js";', "elements and words come by the host"),
        ('import "../../outside.js";', "outside of its folder"),
        ('import { y } from "./missing.js";', "isn't there"),
        ("const m = await import(name);", "computed name"),
        ("element.innerHTML = text;", "lets text become code"),
        ('fetch("https://example.org/")', "names another server"),
    ],
)
def test_a_module_that_imports_what_is_foreign_is_named(tmp_path: Path, source: str, problem: str) -> None:
    file = tmp_path / "panel.js"
    file.write_text(f"{source}\nexport default function panel(context) {{}}\n")
    assert any(problem in line for line in files._module(tmp_path, file))


def test_a_module_of_ours_or_its_own_is_fine(tmp_path: Path) -> None:
    (tmp_path / "other.js").write_text("export const a = 1;\n")
    file = tmp_path / "panel.js"
    file.write_text(
        'import { a } from "./other.js";\n'
        '// see https://example.org/\nexport default { id: "a", mount(host) {} };\n'
    )
    assert list(files._module(tmp_path, file)) == []


def test_translations_that_differ_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "translations"
    folder.mkdir()
    (folder / "en.json").write_text('{"door.a": "A {count}", "door.b": "B", "stray": ""}')
    (folder / "es.json").write_text('{"door.a": "A", "c": "C", "door.b": " ", "stray": "S"}')
    problems = list(files.translations_complete(manifest.read(Door), Texts(tmp_path)))
    assert problems == [
        "translations/en.json: stray must begin with door., for a page has one catalogue",
        "translations/en.json: stray is empty",
        "translations/es.json has c, which en.json has not",
        "translations/es.json: door.a has other {values} than en.json",
        "translations/es.json: door.b is empty",
    ]


@pytest.mark.parametrize("kind", EVENTS)
def test_there_is_a_sample_of_every_event(kind: type[Event]) -> None:
    assert isinstance(sample_event(kind, sample_visit()), kind)


@pytest.mark.parametrize("kind", [Door, Guard, Listener])
async def test_one_that_keeps_to_the_rules_passes(kind: type[Workflow]) -> None:
    report = await check(found(kind))
    assert report.passed, [result for result in report.results if result.problems]


class Slow(Workflow):
    """Answers too late, and trips over one event."""

    name = "slow"

    @gate
    async def admission(self, visit, participant):
        await asyncio.sleep(60)

    @on(ParticipantArrived)
    async def arrived(self, visit, event):
        raise ValueError(Pii("Ana"))


async def test_one_that_hangs_or_raises_is_named_and_where() -> None:
    problems = await work.lives(manifest.read(Slow))
    assert any(line.startswith("gate admission") and "no answer" in line for line in problems)
    assert any(line.startswith("ParticipantArrived") and "ValueError in" in line for line in problems)


async def test_one_that_can_not_be_loaded_is_a_report_too() -> None:
    report = await check(Found("gone", "1", None, Texts(None), "ImportError in <module> (gone.py:1)"))
    assert not report.passed
    assert report.results[0].problems == ("ImportError in <module> (gone.py:1)",)


def test_the_page_draws_what_the_kit_says_it_draws() -> None:
    steps = (Path(__file__).parents[3] / "web" / "join" / "steps.js").read_text(encoding="utf-8")
    ours = re.search(r"const OURS = \{(.*?)\};", steps, re.DOTALL)
    assert ours is not None
    assert set(re.findall(r'"(\w+/\w+)":', ours[1])) == hooks.DRAWN
