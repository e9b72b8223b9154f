"""A plugin on the bench: in the real host, on a real database, with a visit that is only in memory.

For a plugin's own tests, and for the conformance kit:

    async with Workbench.open(WaitingRoom) as bench:
        assert await bench.ask("admission", "patient") == Hold("waiting")
        await bench.request("POST", "/admit", by="clinician", body={"person": "patient"})
        await bench.happen(ParticipantJoined, participant_id="patient", role=Role.PATIENT)
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from mediaserver.model.actors import DEFAULT_TENANT, Actor, ActorKind, TenantId
from mediaserver.model.audit import AuditEvent
from mediaserver.model.clock import Clock, SystemClock
from mediaserver.model.ids import RoomName
from mediaserver.model.pii import Pii
from mediaserver.model.roles import Role
from mediaserver.model.visits import Place, VisitFacts, VisitPerson, VisitState
from mediaserver.plugins.discovery import found
from mediaserver.plugins.doors import BY_LINK, Door, PluginDoors
from mediaserver.plugins.host import PluginHost, migrations
from mediaserver.plugins.settings import HostLimits
from mediaserver.storage import Database, Unit
from mediaserver.storage.tenants import add_tenant, tenants
from workflows.api import (
    AdmissionGranted,
    Event,
    Refusal,
    Refuse,
    RouteHook,
    SentBack,
    Verdict,
    VisitFinished,
    VisitTransferred,
    Workflow,
)

SETTLE = 15.0  # seconds, far beyond what any plugin's hook may take

_HOUR = 3_600_000  # ms


def sample_visit(id: str = "v-sample", tenant: TenantId = DEFAULT_TENANT, now: int = 0) -> VisitFacts:
    """A patient, a carer, an interpreter and a clinician, who come to a visit that begins now."""
    people = (
        VisitPerson(
            "patient",
            Role.PATIENT,
            Pii("Ana Sample"),
            Place.WAITING,
            party="party-patient",
            birth_date=Pii("1980-02-29"),
            arrived_at=now,
        ),
        VisitPerson("carer", Role.CARER, Pii("Ben Sample"), party="party-carer"),
        VisitPerson("interpreter", Role.INTERPRETER, Pii("Cem Sample"), language="es", party="party-other"),
        VisitPerson("clinician", Role.CLINICIAN, Pii("Dr. Dee Sample"), account="clinician"),
    )
    return VisitFacts(
        id=id,
        tenant=tenant,
        room=RoomName(id),
        state=VisitState.ARRIVED,
        starts_at=now,
        ends_at=now + _HOUR // 2,
        reason=Pii("A sample reason"),
        clinician="clinician",
        people={person.id: person for person in people},
    )


@dataclass(slots=True)
class SampleVisits:
    """`mediaserver.plugins.ports.Visits` in memory. `acts` is what plugins did, in order."""

    all: dict[str, VisitFacts] = field(default_factory=dict)
    acts: list[tuple[Any, ...]] = field(default_factory=list)
    host: PluginHost | None = None
    database: Database | None = None

    async def tenants(self) -> Sequence[TenantId]:
        """See the port."""
        return sorted({visit.tenant for visit in self.all.values()})

    async def facts(self, tenant: TenantId, visit: str, unit: Unit | None = None) -> VisitFacts:
        """See the port."""
        known = self.all.get(visit)
        if known is None or known.tenant != tenant:
            raise Refuse(Refusal.NOT_FOUND, "There is no such visit.")
        return known

    async def list(self, tenant: TenantId, starts_from: int, starts_before: int) -> Sequence[VisitFacts]:
        """See the port."""
        mine = [visit for visit in self.all.values() if visit.tenant == tenant]
        return [visit for visit in mine if starts_from <= visit.starts_at < starts_before]

    async def admit(self, visit: VisitFacts, person: str, by: Actor, unit: Unit | None) -> bool:
        """See the port."""
        if self._now(visit).people[person].admitted_at is not None:
            return False
        self._set(visit, person, admitted_at=1, place=Place.PRESENT)
        self.acts.append(("admit", person, by.id))
        await self._emit(visit, unit, AdmissionGranted, participant_id=person, by=by.id)
        return True

    async def send_back(
        self, visit: VisitFacts, person: str, reason: str, by: Actor, unit: Unit | None
    ) -> bool:
        """See the port."""
        if self._now(visit).people[person].admitted_at is None:
            return False
        self._set(visit, person, admitted_at=None, place=Place.WAITING)
        self.acts.append(("send_back", person, reason, by.id))
        await self._emit(visit, unit, SentBack, participant_id=person, by=by.id)
        return True

    async def transfer(self, visit: VisitFacts, to: str, by: Actor, unit: Unit | None) -> None:
        """See the port."""
        former = self._now(visit).clinician
        self.all[visit.id] = replace(self._now(visit), clinician=to)
        self.acts.append(("transfer", to, by.id))
        await self._emit(visit, unit, VisitTransferred, former=former, to=to, by=by.id)

    async def finish(self, visit: VisitFacts, by: Actor, unit: Unit | None) -> None:
        """See the port."""
        self.all[visit.id] = replace(self._now(visit), state=VisitState.FINISHED)
        self.acts.append(("finish", by.id))
        await self._emit(visit, unit, VisitFinished, by=by.id)

    async def note(
        self,
        visit: VisitFacts,
        person: str,
        location: Pii[str] | None,
        phone: Pii[str] | None,
        by: Actor,
        unit: Unit | None,
    ) -> None:
        """See the port."""
        given = {key: value for key, value in (("location", location), ("phone", phone)) if value is not None}
        self._set(visit, person, **given)
        self.acts.append(("note", person, *given))

    async def say(self, visit: VisitFacts, to: str | None, text: Pii[str], by: Actor) -> None:
        """See the port."""
        self.acts.append(("say", to, text.reveal()))

    async def recheck(self, visit: VisitFacts) -> None:
        """See the port."""
        self.acts.append(("recheck", visit.id))

    async def panel_changed(
        self, tenant: TenantId, plugin: str, panel: str, visit: str | None, person: str | None
    ) -> None:
        """See the port."""
        self.acts.append(("panel_changed", panel, visit, person))

    def _now(self, visit: VisitFacts) -> VisitFacts:
        return self.all[visit.id]

    def _set(self, visit: VisitFacts, person: str, **values: Any) -> None:
        now = self._now(visit)
        changed = replace(now.people[person], **values)
        self.all[visit.id] = replace(now, people={**now.people, person: changed})

    async def _emit(self, visit: VisitFacts, unit: Unit | None, kind: type[Event], **fields: Any) -> None:
        assert self.host is not None  # noqa: S101
        assert self.database is not None  # noqa: S101
        if unit is not None:
            event = kind(tenant=visit.tenant, visit=visit.id, at=unit.now, **fields)
            await self.host.emit(unit, event)
            return
        async with self.database.unit(Actor.system(visit.tenant)) as own:
            event = kind(tenant=visit.tenant, visit=visit.id, at=own.now, **fields)
            await self.host.emit(own, event)


@dataclass(slots=True)
class SampleRecorder:
    """Keeps what would be in the audit log."""

    events: list[AuditEvent] = field(default_factory=list)

    def record(self, unit: Unit, event: AuditEvent) -> None:
        """See the port."""
        self.events.append(event)


class Workbench:
    """See the module. `visits.acts` and `audited` tell what the plugins did."""

    def __init__(
        self, host: PluginHost, database: Database, visits: SampleVisits, log: SampleRecorder
    ) -> None:
        self.host = host
        self.database = database
        self.visits = visits
        self.audited = log.events
        self.doors = PluginDoors(host, visits)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        *kinds: type[Workflow],
        settings: Mapping[str, Mapping[str, Any]] | None = None,
        limits: HostLimits | None = None,
        clock: Clock | None = None,
        url: str | None = None,
    ) -> AsyncIterator[Workbench]:
        """The plugins at work; on a database that is gone afterwards unless `url` names one."""
        clock = clock or SystemClock()
        with tempfile.TemporaryDirectory(prefix="workbench-") as folder:
            database = await Database.open(url or f"sqlite:///{Path(folder) / 'bench.db'}", clock)
            try:
                plugins = [found(kind) for kind in kinds]
                await database.upgrade(migrations(plugins))
                await _make_clinic(database)
                visits, log = SampleVisits(database=database), SampleRecorder()
                host = PluginHost(plugins, database, visits, log, clock, settings=settings, limits=limits)
                visits.host = host
                sample = sample_visit(now=int(clock.wall() * 1000))
                visits.all[sample.id] = sample
                await host.start()
                try:
                    yield cls(host, database, visits, log)
                finally:
                    await host.stop()
            finally:
                await database.close()

    @property
    def visit(self) -> VisitFacts:
        """The sample visit now."""
        return next(iter(self.visits.all.values()))

    def actor(self, person: str) -> Actor:
        """Someone of the sample visit, as they would sign in or come by their link."""
        who = self.visit.people[person]
        by_link = who.role in BY_LINK
        return Actor(
            self.visit.tenant,
            who.account or who.party or who.id,
            ActorKind.LINK if by_link else ActorKind.ACCOUNT,
            who.name,
            frozenset({who.role}),
            visit=self.visit.id if by_link else None,
        )

    async def ask(self, gate: str, person: str | None = None) -> Verdict:
        """What all plugins say to a gate, about someone of the visit."""
        arguments = () if person is None else (self.visit.people[person],)
        return await self.host.verdict(gate, self.visit, *arguments)

    async def happen(self, kind: type[Event], *, settle: bool = True, **fields: Any) -> None:
        """Something happens in the visit; returns when every plugin heard of it."""
        visit = self.visit
        async with self.database.unit(Actor.system(visit.tenant)) as unit:
            await self.host.emit(unit, kind(tenant=visit.tenant, visit=visit.id, at=unit.now, **fields))
        if settle:
            await self.settle()

    async def settle(self) -> None:
        """Until no plugin has an event before it that it could take. Raises TimeoutError."""
        async with asyncio.timeout(SETTLE):
            while any(worker.busy for worker in self.host.workers.values()):  # noqa: ASYNC110
                await asyncio.sleep(0.005)

    async def request(
        self,
        method: str,
        path: str,
        *,
        by: str | Actor = "clinician",
        body: Any = None,
        query: Any = None,
        plugin: str | None = None,
    ) -> Any:
        """Calls a route as someone, with a body as JSON has it. Raises Refuse, msgspec.ValidationError."""
        door, found = self._route(method, path, plugin)
        assert isinstance(door.mark, RouteHook)  # noqa: S101
        return await self.doors.open(
            door,
            by if isinstance(by, Actor) else self.actor(by),
            self.visit.id,
            body=_as(door.mark.body, body),
            query=_as(door.mark.query, query),
            path=found,
        )

    async def view(self, panel: str, *, by: str = "clinician", plugin: str | None = None) -> Any:
        """What someone sees of a panel."""
        door, _ = self._route("GET", f"/panels/{panel}", plugin)
        return await self.doors.open(door, self.actor(by), self.visit.id)

    def _route(self, method: str, path: str, plugin: str | None) -> tuple[Door, dict[str, str]]:
        for door in self.doors:
            found = _match(door.path, path)
            if door.verb == method and found is not None and plugin in (None, door.plugin):
                return door, found
        raise LookupError(f"no plugin has {method} {path}")


def _match(pattern: str, path: str) -> dict[str, str] | None:
    wanted, given = pattern.split("/"), path.split("/")
    if len(wanted) != len(given):
        return None
    found: dict[str, str] = {}
    for part, text in zip(wanted, given, strict=True):
        if part.startswith("{"):
            found[part.strip("{}")] = text
        elif part != text:
            return None
    return found


def _as(shape: type[msgspec.Struct] | None, value: Any) -> Any:
    return value if shape is None or isinstance(value, shape) else msgspec.convert(value, shape)


async def _make_clinic(database: Database) -> None:
    actor = Actor.system()
    async with database.unit(actor) as unit:
        if actor.tenant not in {one.id for one in await tenants(unit)}:
            await add_tenant(unit, actor.tenant, "Sample clinic")
