"""Plugins of every temper, for the host's tests."""

from __future__ import annotations

import asyncio
import time

import msgspec
from sqlalchemy import Column, Integer, MetaData, Text

from mediaserver.model.audit import AuditAction
from mediaserver.model.roles import Role
from workflows.api import (
    AdmissionGranted,
    Badge,
    Call,
    ChatSaid,
    Deny,
    Hold,
    ParticipantArrived,
    ParticipantJoined,
    Permission,
    Retry,
    Slot,
    Tone,
    Workflow,
    gate,
    on,
    own_table,
    panel,
    route,
)


class Door(Workflow):
    """Holds patients until they are admitted."""

    name = "door"

    @gate
    async def admission(self, visit, participant):
        if participant.role is Role.PATIENT and not visit.was_admitted(participant.id):
            return Hold("not yet")
        return None


class Guard(Workflow):
    """Denies interpreters, and holds patients too."""

    name = "guard"

    @gate
    async def admission(self, visit, participant):
        if participant.role is Role.INTERPRETER:
            return Deny("no interpreters")
        return Hold("guarded") if participant.role is Role.PATIENT else None


class Listener(Workflow):
    """Hears who arrives, keeps it in its own loop's memory."""

    name = "listener"

    def __init__(self, settings=None):
        super().__init__(settings)
        self.heard = []

    @on(ParticipantArrived, ParticipantJoined, AdmissionGranted, ChatSaid)
    async def note(self, visit, event):
        self.heard.append((type(event).__name__, event.participant_id, event.id))


class Sleeper(Workflow):
    """Sleeps a minute wherever it is called, until told not to."""

    name = "sleeper"
    asleep = True

    @gate
    async def admission(self, visit, participant):
        if self.asleep:
            await asyncio.sleep(60)

    @on(ParticipantArrived)
    async def arrived(self, visit, event):
        if self.asleep:
            await asyncio.sleep(60)


class Blocker(Workflow):
    """Blocks its thread, as code that never heard of asyncio does."""

    name = "blocker"
    seconds = 60.0

    @gate
    async def admission(self, visit, participant):
        time.sleep(self.seconds)  # noqa: ASYNC251 - what is tested

    @on(ParticipantArrived)
    async def arrived(self, visit, event):
        time.sleep(self.seconds)  # noqa: ASYNC251


class Spinner(Workflow):
    """Computes and never comes back."""

    name = "spinner"
    spinning = True

    @gate
    async def admission(self, visit, participant):
        while self.spinning:
            pass


class Thrower(Workflow):
    """Raises, of all things, what ends a program."""

    name = "thrower"
    throws: type[BaseException] | None = ZeroDivisionError

    @gate
    async def admission(self, visit, participant):
        self.throw()

    @on(ParticipantArrived, retry=Retry(attempts=3, delay=0.05))
    async def arrived(self, visit, event):
        self.throw()

    def throw(self):
        if self.throws is not None:
            raise self.throws("Ana Sample, born 1980-02-29")


class Flooder(Workflow):
    """Says something as often as it can."""

    name = "flooder"

    @on(ParticipantArrived, retry=Retry(attempts=1))
    async def arrived(self, visit, event):
        while True:
            await visit.say("patient", "hello")


class Hoarder(Workflow):
    """Opens a transaction and sits on it."""

    name = "hoarder"
    tables = MetaData()
    thing = own_table(tables, "hoarder_thing", Column("id", Text, primary_key=True))

    @on(ParticipantArrived, retry=Retry(attempts=1))
    async def arrived(self, visit, event):
        async with visit.unit():
            await asyncio.sleep(60)


class Counted(msgspec.Struct, frozen=True):
    count: int


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    person: str


class Keeper(Workflow):
    """Has rows, memos, routes and panels."""

    name = "keeper"
    tables = MetaData()
    thing = own_table(
        tables,
        "keeper_thing",
        Column("id", Text, primary_key=True),
        Column("count", Integer, nullable=False),
        Column("version", Integer, nullable=False, default=1),
    )
    permissions = (
        Permission("admit", frozenset({Role.CLINICIAN}), "Admit people"),
        Permission("look", frozenset({Role.CLINICIAN, Role.PATIENT}), "Look at counts"),
    )

    @route("POST", "/admit", permission="admit", body=Wanted, result=Counted)
    async def admit(self, visit, call: Call):
        """Let someone in, and count it."""
        async with visit.unit(call.actor) as unit:
            known = await unit.row(unit.of(self.thing).where(self.thing.c.id == visit.id))
            if known is None:
                await unit.insert(self.thing, id=visit.id, count=1, version=1)
            else:
                mine = self.thing.c.id == visit.id
                await unit.update(self.thing, mine, version=known.version, count=known.count + 1)
            await visit.admit(call.body.person, by=call.actor)
            await visit.audit("admit", AuditAction.UPDATE, by=call.actor)
            count = await unit.scalar(unit.of(self.thing).with_only_columns(self.thing.c.count))
            await visit.panel_changed("count")
        return Counted(count)

    @route("GET", "/wrong", permission="look", result=Counted)
    async def wrong(self, visit, call):
        """Give what wasn't declared."""
        return Wanted("surprise")

    @panel(Slot.PATIENT_WAITING, permission="look", module="panel.js")
    async def count(self, visit, call):
        async with visit.read() as reader:
            count = await reader.scalar(reader.of(self.thing).with_only_columns(self.thing.c.count))
        return None if count is None else Counted(count)

    @panel(Slot.CONSOLE_LIST, permission="admit")
    async def badge(self, visit, call):
        return Badge("here", Tone.GOOD)
