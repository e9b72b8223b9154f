"""Plugins' operations and panels, as the HTTP layer mounts them: who may, about which visit, with what."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_type_hints

import msgspec

from mediaserver.model.actors import Actor, ActorKind
from mediaserver.model.roles import Role
from mediaserver.model.visits import VisitFacts, VisitPerson
from mediaserver.plugins.host import PluginHost
from mediaserver.plugins.manifest import Manifest
from mediaserver.plugins.ports import Visits
from mediaserver.plugins.worker import Worker
from workflows.api import Call, Panel, Permission, Refusal, Refuse, RouteHook, Scope

# They come by a link, to their own visit alone.
BY_LINK = frozenset({Role.PATIENT, Role.CARER, Role.INTERPRETER})


@dataclass(frozen=True, slots=True)
class Door:
    """An operation of a plugin's: a route, or the view of a panel (`GET .../panels/<panel>`)."""

    plugin: str
    method: str  # of the class
    mark: RouteHook | Panel
    permission: str  # `<plugin>.<name>`
    roles: frozenset[Role]
    summary: str  # for OpenAPI
    shown: type[msgspec.Struct] | None = None  # what a panel's hook is annotated to give

    @property
    def id(self) -> str:
        """For OpenAPI: `waitingRoomAdmit`."""
        first, *rest = f"{self.plugin}_{self.method}".split("_")
        return first + "".join(part.capitalize() for part in rest)

    @property
    def verb(self) -> str:
        """HTTP method."""
        return self.mark.method if isinstance(self.mark, RouteHook) else "GET"

    @property
    def path(self) -> str:
        """Behind the visit's or the plugin's own prefix."""
        return self.mark.path if isinstance(self.mark, RouteHook) else f"/panels/{self.mark.name}"

    @property
    def scope(self) -> Scope:
        """What it is about."""
        return self.mark.scope if isinstance(self.mark, RouteHook) else Scope.VISIT

    @property
    def by_link(self) -> bool:
        """Whether people who came by a link use it."""
        return self.scope is Scope.VISIT and not self.roles.isdisjoint(BY_LINK)

    @property
    def by_staff(self) -> bool:
        """Whether people who signed in use it."""
        return bool(self.roles - BY_LINK)


class PluginDoors:
    """All of a host's."""

    def __init__(self, host: PluginHost, visits: Visits) -> None:
        self._host = host
        self._visits = visits

    def permissions(self) -> Mapping[str, Mapping[str, frozenset[Role]]]:
        """By plugin: rows for the table of permissions."""
        return {
            one.name: {f"{one.name}.{right.name}": right.roles for right in one.manifest.kind.permissions}
            for one in self._host.found
            if one.manifest is not None
        }

    def __iter__(self) -> Iterator[Door]:
        for one in self._host.found:
            if one.manifest is None:
                continue
            rights = {right.name: right for right in one.manifest.kind.permissions}
            for method, mark in one.manifest.hooks:
                if isinstance(mark, RouteHook | Panel):
                    yield _door(one.manifest, method, mark, rights)

    def panels(self, actor: Actor) -> list[tuple[Door, Panel]]:
        """Those that this person may see, in their order."""
        doors = [(door, door.mark) for door in self if isinstance(door.mark, Panel)]
        mine = [(door, mark) for door, mark in doors if actor.has(*door.roles)]
        return sorted(mine, key=lambda one: (one[1].slot, one[1].order, one[0].plugin, one[1].name))

    async def open(
        self,
        door: Door,
        actor: Actor,
        visit: str | None = None,
        *,
        body: Any = None,
        query: Any = None,
        path: Mapping[str, str] | None = None,
        request: str | None = None,
        saw: Callable[[VisitFacts], None] = lambda _: None,
    ) -> msgspec.Struct | None:
        """Calls it for someone; `saw` hears which visit it is about, for the audit log. Raises Refuse:
        FORBIDDEN without the right, NOT_FOUND for a visit that isn't theirs to know of, and whatever the
        plugin refuses.
        """
        if not actor.has(*door.roles):
            raise Refuse(Refusal.FORBIDDEN, "You don't have the right to do this.")
        worker = self._worker(door)
        kind = "route" if isinstance(door.mark, RouteHook) else "panel"
        if door.scope is Scope.CLINIC:
            if actor.visit is not None:
                raise Refuse(Refusal.FORBIDDEN, "You don't have the right to do this.")
            call = Call(actor, None, body, query, path or {}, request)
            return self._checked(door, await worker.serve(kind, door.method, worker.clinic(call), call))
        facts = await self._visit(actor, visit)
        saw(facts)
        call = Call(actor, who_is(actor, facts), body, query, path or {}, request)
        return self._checked(door, await worker.serve(kind, door.method, worker.visit(facts), call))

    def _worker(self, door: Door) -> Worker:
        return self._host.workers[door.plugin]

    async def _visit(self, actor: Actor, visit: str | None) -> VisitFacts:
        if visit is None or actor.visit not in (None, visit):
            raise Refuse(Refusal.NOT_FOUND, "There is no such visit.")
        if actor.kind is ActorKind.LINK and actor.visit is None:
            raise Refuse(Refusal.NOT_FOUND, "There is no such visit.")
        return await self._visits.facts(actor.tenant, visit)

    def _checked(self, door: Door, result: Any) -> msgspec.Struct | None:
        """What a route gives is what it declared: else fields that nobody meant to show go out."""
        wanted = door.mark.result if isinstance(door.mark, RouteHook) else msgspec.Struct
        if result is None and (wanted is None or isinstance(door.mark, Panel)):
            return None
        if wanted is None or not isinstance(result, wanted):
            self._worker(door).caller.wrong("route", door.method, f"gave a {type(result).__name__}")
            raise Refuse(Refusal.UNAVAILABLE, "This part doesn't work just now.", retry_after=5)
        return result


def patient_of(facts: VisitFacts) -> str | None:
    """The party whose record a visit concerns."""
    return next((one.party for one in facts.people.values() if one.role is Role.PATIENT), None)


def who_is(actor: Actor, facts: VisitFacts) -> VisitPerson | None:
    """Their place in the visit."""
    return next((one for one in facts.people.values() if actor.id in (one.id, one.account, one.party)), None)


def _door(plugin: Manifest, method: str, mark: RouteHook | Panel, rights: Mapping[str, Permission]) -> Door:
    right = rights.get(mark.permission)  # the conformance kit names one that isn't declared
    roles = frozenset() if right is None else right.roles
    hook = getattr(plugin.kind, method)
    written = (inspect.getdoc(hook) or method).splitlines()[0].rstrip(".")
    summary = (mark.summary if isinstance(mark, RouteHook) else "") or written
    shown = _annotated(hook) if isinstance(mark, Panel) else None
    return Door(plugin.name, method, mark, f"{plugin.name}.{mark.permission}", roles, summary, shown)


def _annotated(hook: object) -> type[msgspec.Struct] | None:
    try:
        given = get_type_hints(hook).get("return")
    except (NameError, TypeError):
        return None  # a name that is imported for type checkers only
    for kind in get_args(given) or (given,):
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            return kind
    return None
