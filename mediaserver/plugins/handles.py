"""The ports as a plugin gets them: facts of the moment, and acts that go back to the house's loop.

Handles of one hook call share an open transaction, if there is one: what a plugin does to its visit while
its unit is open is kept together with the plugin's own rows, or not at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import msgspec
from sqlalchemy import MetaData, select

from mediaserver.model.actors import Actor, ActorKind, TenantId
from mediaserver.model.audit import AuditAction, AuditEvent, AuditOutcome
from mediaserver.model.clock import Clock
from mediaserver.model.ids import RoomName
from mediaserver.model.pii import Pii
from mediaserver.model.roles import Role
from mediaserver.model.visits import VisitFacts, VisitPerson, VisitState
from mediaserver.plugins.ports import Recorder, Visits
from mediaserver.plugins.store import OwnReader, OwnUnit, Session, lend, translated
from mediaserver.plugins.tables import memo
from mediaserver.plugins.texts import Texts
from mediaserver.storage import Database, Reader, StorageError, Unit
from signaling.rate import TokenBucket
from workflows.api import Event, Refusal, Refuse, Verdict
from workflows.ports import FloodError, NotAllowedError, VisitPort

T = TypeVar("T")

MAX_MEMO = 64 * 1024  # bytes


class Asker(Protocol):
    """The host, as its plugins' handles need it."""

    async def verdict(self, gate: str, facts: VisitFacts, *arguments: object) -> Verdict:
        """What all plugins say."""
        ...

    async def emit(self, unit: Unit, event: Event) -> None:
        """Tells all plugins."""
        ...


@dataclass(slots=True)
class Lodging:
    """What all handles of one plugin share. `loop` is the house's."""

    plugin: str
    tables: MetaData | None
    emits: tuple[type[Event], ...]
    texts: Texts
    loop: asyncio.AbstractEventLoop
    database: Database
    visits: Visits
    recorder: Recorder
    host: Asker
    clock: Clock
    acts: TokenBucket
    hold: float

    async def home(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Awaits work of the house's, from the plugin's loop."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self.loop))

    def take(self) -> None:
        """Counts an act. Raises FloodError."""
        if not self.acts.take(self.clock.monotonic()):
            raise FloodError(f"{self.plugin} does more a second than it may")

    def actor(self, tenant: TenantId) -> Actor:
        """The plugin itself, as who acts."""
        return Actor(
            tenant, f"plugin:{self.plugin}", ActorKind.SYSTEM, Pii(f"plugin {self.plugin}"), frozenset()
        )


@dataclass(slots=True)
class _Open:
    """The transaction that is open in a hook call."""

    session: Session | None = None
    after: list[Callable[[], Awaitable[None]]] = field(default_factory=list)


class ClinicHandle:
    """`workflows.ports.ClinicPort`."""

    _visit_key = ""

    def __init__(self, lodging: Lodging, tenant: TenantId, opened: _Open | None = None) -> None:
        self.tenant = tenant
        self._lodging = lodging
        self._open = opened or _Open()

    @property
    def clock(self) -> Clock:
        """See the port."""
        return self._lodging.clock

    def unit(self, actor: Actor | None = None) -> AbstractAsyncContextManager[OwnUnit]:
        """See the port."""
        return self._unit(self._by(actor))

    def read(self) -> AbstractAsyncContextManager[OwnReader]:
        """See the port."""
        return self._read()

    @asynccontextmanager
    async def _unit(self, actor: Actor) -> AsyncIterator[OwnUnit]:
        if self._open.session is not None:
            raise NotAllowedError("a unit in a unit: use the one that is open")
        lodging = self._lodging
        lodging.take()
        session = Session(lodging.database, actor, write=True, hold=lodging.hold)
        try:
            async with lend(session, lodging.home) as now:
                self._open.session = session
                yield OwnUnit(session, lodging.home, lodging.tables, self.tenant, now)
        except BaseException:
            self._open.after.clear()
            raise
        finally:
            self._open.session = None
        after, self._open.after = self._open.after, []
        for act in after:
            await act()

    @asynccontextmanager
    async def _read(self) -> AsyncIterator[OwnReader]:
        lodging = self._lodging
        if self._open.session is not None:
            raise NotAllowedError("a read in a unit: the unit reads too")
        session = Session(lodging.database, lodging.actor(self.tenant), write=False, hold=lodging.hold)
        async with lend(session, lodging.home) as now:
            yield OwnReader(session, lodging.home, lodging.tables, self.tenant, now)

    async def recall(self, key: str, kind: Any) -> Any:
        """See the port."""
        text = await self._look(self._recalling(key))
        return None if text is None else msgspec.json.decode(text, type=kind)

    def _recalling(self, key: str) -> Callable[[Reader], Awaitable[Any]]:
        query = select(memo.c.value).where(
            memo.c.tenant == self.tenant,
            memo.c.plugin == self._lodging.plugin,
            memo.c.visit == self._visit_key,
            memo.c.key == key,
        )
        return lambda reader: reader.scalar(query)

    async def remember(self, key: str, value: Any) -> None:
        """See the port."""
        text = None if value is None else msgspec.json.encode(value).decode()
        if text is not None and len(text) > MAX_MEMO:
            raise ValueError(f"a memo has at most {MAX_MEMO} bytes; use a table of your own")
        plugin, visit = self._lodging.plugin, self._visit_key
        mine = (memo.c.plugin == plugin) & (memo.c.visit == visit) & (memo.c.key == key)

        async def write(unit: Unit) -> None:
            if text is None:
                await unit.delete(memo, mine)
            elif not await unit.update(memo, mine, value=text, updated_at=unit.now):
                row = {"plugin": plugin, "visit": visit, "key": key, "value": text, "updated_at": unit.now}
                await unit.insert(memo, **row)

        await self._write(write)

    async def visit(self, id: str) -> VisitHandle:
        """See the port."""
        facts = await self._look(lambda reader: self._facts(id, reader))
        return VisitHandle(self._lodging, facts, self._open)

    async def _facts(self, id: str, reader: Reader) -> VisitFacts:
        unit = reader if isinstance(reader, Unit) else None
        return await self._lodging.visits.facts(self.tenant, id, unit)

    async def visits(self, *, starts_from: int, starts_before: int) -> Sequence[VisitFacts]:
        """See the port."""
        work = self._lodging.visits.list(self.tenant, starts_from, starts_before)
        return await self._home(work)

    async def panel_changed(self, panel: str, person: str | None = None) -> None:
        """See the port."""
        visit = self._visit_key or None
        changed = self._lodging.visits.panel_changed

        async def tell() -> None:
            self._lodging.take()
            await self._home(changed(self.tenant, self._lodging.plugin, panel, visit, person))

        await self._after(tell)

    async def audit(
        self,
        type: str,
        action: AuditAction,
        *,
        by: Actor | None = None,
        outcome: AuditOutcome = AuditOutcome.SUCCESS,
        patient: str | None = None,
        reason: Pii[str] | None = None,
        detail: Mapping[str, str] | None = None,
    ) -> None:
        """See the port."""
        event = AuditEvent(
            actor=self._by(by),
            type=f"{self._lodging.plugin}.{type}",
            action=action,
            outcome=outcome,
            patient=patient,
            visit=self._visit_key or None,
            reason=reason,
            detail=detail or {},
        )

        async def record(unit: Unit) -> None:
            self._lodging.recorder.record(unit, event)

        await self._write(record)

    def text(self, key: str, language: str, **values: object) -> str:
        """See the port."""
        return self._lodging.texts.text(key, language, **values)

    def render(self, template: str, language: str, **values: object) -> str:
        """See the port."""
        return self._lodging.texts.render(template, language, **values)

    async def offload(self, work: Callable[..., T], *arguments: Any) -> T:
        """See the port."""
        return await asyncio.to_thread(work, *arguments)

    # How acts get home.

    def _by(self, actor: Actor | None) -> Actor:
        if actor is not None and actor.tenant != self.tenant:
            raise NotAllowedError("the actor is of another clinic")
        return actor or self._lodging.actor(self.tenant)

    async def _home(self, work: Coroutine[Any, Any, T]) -> T:
        result: T = await self._lodging.home(_translating(work))
        return result

    async def _act(self, work: Callable[[Unit | None], Coroutine[Any, Any, T]]) -> T:
        """In the open transaction, or in one that the house makes for the act."""
        self._lodging.take()
        session = self._open.session
        if session is None:
            return await self._home(work(None))
        result: T = await self._home(session.do(work))
        return result

    async def _write(self, work: Callable[[Unit], Coroutine[Any, Any, T]]) -> T:
        async def alone(unit: Unit | None) -> T:
            if unit is not None:
                return await work(unit)
            async with self._lodging.database.unit(self._lodging.actor(self.tenant)) as own:
                return await work(own)

        return await self._act(alone)

    async def _look(self, work: Callable[[Reader], Awaitable[T]]) -> T:
        async def alone() -> T:
            async with self._lodging.database.read(self._lodging.actor(self.tenant)) as reader:
                return await work(reader)

        session = self._open.session
        result: T = await self._home(alone() if session is None else session.do(work))
        return result

    async def _after(self, act: Callable[[], Awaitable[None]]) -> None:
        """Now, or when the open transaction is committed."""
        if self._open.session is None:
            await act()
        else:
            self._open.after.append(act)


class VisitHandle(ClinicHandle):
    """`workflows.ports.VisitPort`."""

    def __init__(self, lodging: Lodging, facts: VisitFacts, opened: _Open | None = None) -> None:
        super().__init__(lodging, facts.tenant, opened)
        self.facts = facts
        self._visit_key = facts.id

    @property
    def id(self) -> str:
        """See the port."""
        return self.facts.id

    @property
    def clinic(self) -> ClinicHandle:
        """See the port."""
        return ClinicHandle(self._lodging, self.tenant, self._open)

    @property
    def room(self) -> RoomName:
        """See the port."""
        return self.facts.room

    @property
    def state(self) -> VisitState:
        """See the port."""
        return self.facts.state

    @property
    def people(self) -> Mapping[str, VisitPerson]:
        """See the port."""
        return self.facts.people

    @property
    def patient(self) -> VisitPerson | None:
        """See the port."""
        return next((person for person in self.people.values() if person.role is Role.PATIENT), None)

    def person(self, id: str) -> VisitPerson:
        """See the port."""
        person = self.people.get(id)
        if person is None:
            raise Refuse(Refusal.NOT_FOUND, "There is no such person in this visit.")
        return person

    def was_admitted(self, id: str) -> bool:
        """See the port."""
        person = self.people.get(id)
        return person is not None and person.admitted_at is not None

    async def refresh(self) -> VisitHandle:
        """See the port."""
        return await self.visit(self.id)

    async def ask(self, gate: str, *arguments: object) -> Verdict:
        """See the port."""
        self._lodging.take()
        return await self._home(self._lodging.host.verdict(gate, self.facts, *arguments))

    async def recheck(self) -> None:
        """See the port."""

        async def again() -> None:
            self._lodging.take()
            await self._home(self._lodging.visits.recheck(self.facts))

        await self._after(again)

    async def emit(self, event: type[Event], **fields: Any) -> None:
        """See the port."""
        if event not in self._lodging.emits:
            raise NotAllowedError(f"{event.__name__} isn't among the plugin's `emits`")

        async def tell(unit: Unit) -> None:
            told = event(tenant=self.tenant, visit=self.id, at=unit.now, **fields)
            await self._lodging.host.emit(unit, told)

        await self._write(tell)

    async def admit(self, id: str, by: Actor | None = None) -> bool:
        """See the port."""
        self.person(id)
        who = self._by(by)
        return await self._act(lambda unit: self._lodging.visits.admit(self.facts, id, who, unit))

    async def send_back(self, id: str, reason: str, by: Actor | None = None) -> bool:
        """See the port."""
        self.person(id)
        who, told = self._by(by), self._told(reason)
        return await self._act(lambda unit: self._lodging.visits.send_back(self.facts, id, told, who, unit))

    async def transfer(self, to: str, by: Actor | None = None) -> None:
        """See the port."""
        who = self._by(by)
        await self._act(lambda unit: self._lodging.visits.transfer(self.facts, to, who, unit))

    async def finish(self, by: Actor | None = None) -> None:
        """See the port."""
        who = self._by(by)
        await self._act(lambda unit: self._lodging.visits.finish(self.facts, who, unit))

    async def say(self, to: str | None, text: str, by: Actor | None = None) -> None:
        """See the port."""
        who = self._by(by)
        if to is not None:
            self.person(to)

        async def speak() -> None:
            self._lodging.take()
            await self._home(self._lodging.visits.say(self.facts, to, Pii(text), who))

        await self._after(speak)

    async def note(
        self,
        id: str,
        *,
        location: Pii[str] | None = None,
        phone: Pii[str] | None = None,
        by: Actor | None = None,
    ) -> None:
        """See the port."""
        self.person(id)
        who = self._by(by)
        visits = self._lodging.visits
        await self._act(lambda unit: visits.note(self.facts, id, location, phone, who, unit))

    def _told(self, reason: str) -> str:
        return self._lodging.texts.key(reason) or reason


async def _translating(work: Coroutine[Any, Any, T]) -> T:
    try:
        return await work
    except StorageError as error:
        raise translated(error) from None


def _is_the_port(handle: VisitHandle) -> VisitPort:
    """For the type checker: a handle is what the ports say."""
    return handle
