"""Hello: greets who comes to the door, and shows the clinician who was greeted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
from sqlalchemy import Column, Integer, MetaData, Text

from mediaserver.model.audit import AuditAction
from mediaserver.model.roles import Role
from workflows.api import (
    Badge,
    Call,
    ParticipantArrived,
    Permission,
    Setting,
    Slot,
    Tone,
    Workflow,
    on,
    own_table,
    panel,
    route,
)
from workflows.ports import VisitPort


class HelloSettings(Setting, frozen=True):
    """`most`: how often one person is greeted in a visit."""

    most: Annotated[int, msgspec.Meta(ge=1, le=100)] = 3


class Greeted(msgspec.Struct, frozen=True):
    """How often someone was greeted, and what they said to that."""

    count: int
    reply: str


class Reply(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to greet back."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=80)]


class Hello(Workflow):
    """Greets who comes to the door, and shows the clinician who was greeted."""

    name = "hello"
    settings: HelloSettings
    tables = MetaData()
    migrations = Path(__file__).parent / "migrations"
    permissions = (
        Permission("wait", frozenset({Role.PATIENT, Role.CARER, Role.INTERPRETER}), "Be greeted"),
        Permission("look", frozenset({Role.CLINICIAN, Role.FRONT_DESK}), "See who was greeted"),
    )
    greeting = own_table(
        tables,
        "hello_greeting",
        Column("visit", Text, primary_key=True),
        Column("person", Text, primary_key=True),
        Column("count", Integer, nullable=False),
        Column("reply", Text, nullable=False),
    )

    @on(ParticipantArrived)
    async def greet(self, visit: VisitPort, event: ParticipantArrived) -> None:
        """Says hello, unless they heard it often enough."""
        person = visit.person(event.participant_id)
        known = await self._of(visit, person.id)
        if known.count >= self.settings.most:
            return
        async with visit.unit() as unit:
            mine = (self.greeting.c.visit == visit.id) & (self.greeting.c.person == person.id)
            if not await unit.update(self.greeting, mine, count=known.count + 1):
                await unit.insert(self.greeting, visit=visit.id, person=person.id, count=1, reply="")
            await visit.say(person.id, visit.text("hello", person.language))
            await visit.panel_changed("greeting_panel")

    @route("POST", "/reply", permission="wait", body=Reply, result=Greeted)
    async def reply(self, visit: VisitPort, call: Call) -> Greeted:
        """Greet back."""
        person = visit.person(call.person.id if call.person else "")
        async with visit.unit(call.actor) as unit:
            mine = (self.greeting.c.visit == visit.id) & (self.greeting.c.person == person.id)
            if not await unit.update(self.greeting, mine, reply=call.body.text):
                row = {"visit": visit.id, "person": person.id, "count": 0, "reply": call.body.text}
                await unit.insert(self.greeting, **row)
            await visit.audit("reply", AuditAction.CREATE, by=call.actor, patient=person.party)
            await visit.panel_changed("badge")
        return await self._of(visit, person.id)

    @panel(Slot.PATIENT_WAITING, permission="wait", module="panel.js")
    async def greeting_panel(self, visit: VisitPort, call: Call) -> Greeted | None:
        """What the person at the door sees."""
        return None if call.person is None else await self._of(visit, call.person.id)

    @panel(Slot.CONSOLE_LIST, permission="look")
    async def badge(self, visit: VisitPort, call: Call) -> Badge | None:
        """A word in the list, once the patient was greeted."""
        patient = visit.patient
        if patient is None or not (greeted := await self._of(visit, patient.id)).count:
            return None
        text = visit.text("greeted", call.person.language if call.person else "en")
        return Badge(text, Tone.GOOD, greeted.reply)

    async def _of(self, visit: VisitPort, person: str) -> Greeted:
        async with visit.read() as reader:
            mine = (self.greeting.c.visit == visit.id) & (self.greeting.c.person == person)
            row = await reader.row(reader.of(self.greeting).where(mine))
        return Greeted(0, "") if row is None else Greeted(row.count, row.reply)
