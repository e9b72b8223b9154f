"""Checks that let a plugin work: in the real host, on an empty database, with a sample visit."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import MISSING, fields
from enum import Enum
from typing import Any, get_type_hints

import msgspec

from mediaserver.model.pii import Pii
from mediaserver.model.roles import Role
from mediaserver.model.visits import VisitFacts
from mediaserver.plugins.codec import EventCodec, UnknownEventError
from mediaserver.plugins.doors import Door
from mediaserver.plugins.manifest import Manifest
from mediaserver.plugins.settings import HostLimits
from mediaserver.plugins.workbench import Workbench
from workflows.api import EVENTS, GATES, Badge, Event, Refuse, RouteHook, Scope, Slot

# Of the sample visit; whoever acts in a sample event is its clinician.
_PEOPLE = ("patient", "carer", "interpreter", "clinician")


def sample_event(kind: type[Event], visit: VisitFacts, person: str = "patient") -> Event:
    """An event as it may come, by the types of its fields. Raises TypeError for one it can't make up."""
    hints = get_type_hints(kind)
    values: dict[str, Any] = {"tenant": visit.tenant, "visit": visit.id, "at": visit.starts_at}
    for field in fields(kind):
        if field.name in values or field.name == "id":
            continue
        if field.name == "participant_id":
            values[field.name] = person
        elif field.name == "role":
            values[field.name] = visit.people[person].role
        elif field.name in ("by", "to", "former"):
            values[field.name] = "clinician"
        elif field.default is MISSING and field.default_factory is MISSING:
            values[field.name] = _made_up(hints[field.name], visit)
    return kind(**values)


def _made_up(hint: Any, visit: VisitFacts) -> Any:
    if isinstance(hint, type) and issubclass(hint, Enum):
        return next(iter(hint))
    if hint is int:
        return visit.starts_at
    if hint is str:
        return "sample"
    if getattr(hint, "__origin__", None) is Pii:
        return Pii("a sample sentence")
    raise TypeError(f"no sample of {hint}")


async def lives(plugin: Manifest) -> list[str]:
    """Starts, hears every event, answers every gate in time, shows its panels, and does not fault."""
    async with Workbench.open(plugin.kind, limits=HostLimits()) as bench:
        caller = bench.host.workers[plugin.name].caller
        problems: list[str] = []

        def mend(what: str) -> None:
            fault, caller.fault = caller.fault, None
            if fault is not None:
                problems.append(f"{what}: {fault}")

        if not caller.started:
            mend("it doesn't start")
            return problems
        await _ask(bench, plugin, problems, mend)
        await _tell(bench, plugin, problems, mend)
        await _show(bench, problems, mend)
        await _ask(bench, plugin, problems, mend)
        return list(dict.fromkeys(problems))


async def _ask(bench: Workbench, plugin: Manifest, problems: list[str], mend: Any) -> None:
    deadline = HostLimits().gate_deadline
    for gate in plugin.gates:
        people = _PEOPLE if "participant" in GATES[gate].arguments else (None,)
        for person in people:
            began = time.monotonic()
            await bench.ask(gate, person)
            took = time.monotonic() - began
            if took > deadline / 2 and bench.host.workers[plugin.name].caller.fault is None:
                problems.append(f"gate {gate} took {took * 1000:.0f} ms of {deadline * 1000:.0f}")
            mend(f"gate {gate}, asked about the {person or 'visit'}")


async def _tell(bench: Workbench, plugin: Manifest, problems: list[str], mend: Any) -> None:
    own = {kind for _, mark in plugin.events for kind in mark.events}
    codec = EventCodec(own)
    worker = bench.host.workers[plugin.name]
    for kind in (*EVENTS, *sorted(own - set(EVENTS), key=lambda kind: kind.__name__)):
        for person in _PEOPLE:
            try:
                event = sample_event(kind, bench.visit, person)
                if kind.durable and codec.decode(*codec.encode(event)) != event:
                    problems.append(f"{kind.__name__} doesn't come back from disk as it was")
            except (TypeError, UnknownEventError) as error:
                problems.append(f"{kind.__name__}: {error}")
                break
            if not worker.hears(kind):
                continue
            await worker.tell(event)
            await worker.tell(event)  # at least once: twice must do no harm
            mend(f"{kind.__name__} of the {person}")


async def _show(bench: Workbench, problems: list[str], mend: Any) -> None:
    for door in bench.doors:
        if isinstance(door.mark, RouteHook):
            if door.verb == "GET" and "{" not in door.path and door.mark.query is None:
                await _open(bench, door, problems, mend)
            continue
        answers = await _open(bench, door, problems, mend)
        badges = all(answer is None or isinstance(answer, Badge) for answer in answers)
        if door.mark.slot is Slot.CONSOLE_LIST and not badges:
            problems.append(f"{door.method}: a console.list view gives a Badge or None")


async def _open(bench: Workbench, door: Door, problems: list[str], mend: Any) -> list[Any]:
    answers = []
    for person in _allowed(bench, door):
        actor = bench.actor(person)
        if door.scope is Scope.CLINIC and actor.visit is not None:
            continue
        try:
            answer = await bench.doors.open(door, actor, bench.visit.id)
            msgspec.json.encode(answer)
            answers.append(answer)
        except Refuse:
            pass  # an answer; a fault is mended below
        except TypeError:
            problems.append(f"{door.method}: its result can't be written as JSON")
        mend(f"{door.method} for the {person}")
    return answers


def _allowed(bench: Workbench, door: Door) -> Iterator[str]:
    for person, facts in bench.visit.people.items():
        if facts.role in door.roles and facts.role is not Role.FRONT_DESK:
            yield person
