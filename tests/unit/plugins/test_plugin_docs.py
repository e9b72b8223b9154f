"""docs/hooks.md names every hook there is, and the tutorial's plugin does what its text says."""

from __future__ import annotations

import re
import sys
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import pytest

from mediaserver.model.clock import ManualClock
from mediaserver.model.roles import Role
from mediaserver.plugins.discovery import RESERVED, found
from mediaserver.plugins.kit import check
from mediaserver.plugins.settings import HostLimits
from mediaserver.plugins.workbench import Workbench
from workflows import api, ports
from workflows.api import EVENTS, GATES, Badge, Event, ParticipantArrived, PersonEvent, Refuse, Slot, Tone

DOCS = Path(__file__).parents[3] / "docs"
HOOKS = (DOCS / "hooks.md").read_text(encoding="utf-8")
TUTORIAL = (DOCS / "plugin-tutorial.md").read_text(encoding="utf-8")


def members(port: type) -> set[str]:
    return {name for name in vars(port) if not name.startswith("_")}


PORTS = (ports.Reader, ports.Unit, ports.Store, ports.ClinicPort, ports.VisitPort)


@pytest.mark.parametrize("name", sorted({name for port in PORTS for name in members(port)}))
def test_every_port_method_is_documented(name: str) -> None:
    assert re.search(rf"`{name}[`(]", HOOKS), name


@pytest.mark.parametrize("gate", GATES.values(), ids=str)
def test_every_gate_is_documented_with_its_arguments_and_fallback(gate: api.Gate) -> None:
    row = next(line for line in HOOKS.splitlines() if line.startswith(f"| `{gate.name}("))
    assert f"`{gate.name}({', '.join(gate.arguments)})`" in row
    assert f'{type(gate.fallback).__name__}("{gate.fallback.reason}")' in row  # type: ignore[union-attr]
    for verdict in gate.verdicts:
        assert f"`{verdict.__name__}`" in row


@pytest.mark.parametrize("kind", EVENTS)
def test_every_event_is_documented_with_its_fields(kind: type[Event]) -> None:
    row = next(line for line in HOOKS.splitlines() if line.startswith(f"| `{kind.__name__}` "))
    common = {field.name for field in fields(PersonEvent)}
    for field in fields(kind):
        assert field.name in common or f"`{field.name}`" in row
    assert row.endswith(f"| {'yes' if kind.durable else 'no'} |")


def test_every_event_of_the_api_is_in_its_list() -> None:
    kinds = {one for one in vars(api).values() if isinstance(one, type) and issubclass(one, Event)}
    assert kinds - {Event, PersonEvent} == set(EVENTS)


@pytest.mark.parametrize("word", [*Slot, "@gate", "@on", "@every", "@route", "@panel", "emits", "own_table"])
def test_every_mark_and_slot_is_documented(word: str) -> None:
    assert re.search(rf"(`|    |= ){re.escape(word)}", HOOKS)


@pytest.mark.parametrize(
    "error",
    [one for one in vars(ports).values() if isinstance(one, type) and issubclass(one, ports.PortError)],
)
def test_every_error_is_documented(error: type[Exception]) -> None:
    assert f"`{error.__name__}`" in HOOKS


def test_the_figures_on_the_page_are_the_hosts() -> None:
    limits = HostLimits()
    assert f"gate {limits.gate_deadline * 1000:.0f} ms" in HOOKS
    assert f"event and timer {limits.event_deadline:.0f} s" in HOOKS
    assert f"route and panel {limits.route_deadline:.0f} s" in HOOKS
    assert f"over {limits.acts:.0f} acts a second, {limits.acts_at_once:.0f} at once" in HOOKS
    assert f"({limits.queue} events waiting)" in HOOKS
    assert f"after {limits.breaker.cooldown:.0f} s" in HOOKS


@pytest.fixture
def patience(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The tutorial's code, as a module of its own."""
    blocks = re.findall(r"```python\n(.*?)```", TUTORIAL, re.DOTALL)
    assert len(blocks) == 1
    assert len(blocks[0].splitlines()) < 40
    (tmp_path / "patience.py").write_text(blocks[0], encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "patience", raising=False)
    import patience

    return patience


async def test_the_tutorials_plugin_conforms(patience: ModuleType) -> None:
    report = await check(found(patience.Patience))
    assert report.passed, [result for result in report.results if result.problems]


async def test_the_tutorials_plugin_adds_what_it_says(patience: ModuleType) -> None:
    clock = ManualClock()
    async with Workbench.open(patience.Patience, clock=clock) as bench:
        assert await bench.view("waited") is None
        await bench.happen(ParticipantArrived, participant_id="patient", role=Role.PATIENT)
        assert await bench.view("waited") == Badge("0 min", Tone.WAITING)
        clock.advance(11 * 60)
        assert await bench.view("waited") == Badge("11 min", Tone.WARNING)
        await bench.request("POST", "/comfort")
        assert bench.visits.acts == [("say", "patient", "You aren't forgotten: it won't be long.")]
        with pytest.raises(Refuse):
            await bench.request("POST", "/comfort")


def test_no_reserved_word_is_a_plugin_of_ours() -> None:
    assert not {"waiting_room", "preflight", "consent", "visit_timing"} & RESERVED
