"""The door's question: may this person come in now?

`Room` asks before anyone becomes present, whatever door they came through, and never lets in whom the
gate has not answered for. Who was let in stays let in for as long as the room lives: a resume, a reload, a
second device are not asked for again.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol

import structlog

from mediaserver.model.grants import Person
from mediaserver.model.ids import RoomName
from mediaserver.model.pii import fault

log = structlog.get_logger(__name__)

# Seconds. A gate that doesn't answer is taken to say Hold, so it costs a patient a wait and nobody a breach.
DEADLINE = 5.0


@dataclass(frozen=True, slots=True)
class Enter:
    """They may come in."""


@dataclass(frozen=True, slots=True)
class Hold:
    """They wait at the door. `reason` is told to them: a stable word that a page has a sentence for."""

    reason: str


@dataclass(frozen=True, slots=True)
class Deny:
    """They may not come in, now or by waiting. `reason` is a sentence in plain words."""

    reason: str


Verdict = Enter | Hold | Deny


class AdmissionGate(Protocol):
    """Who decides. Called for everyone who asks to enter, hosts too."""

    async def ask(self, room: RoomName, person: Person) -> Verdict:
        """The answer for now; `Rooms.admit` tells when it has changed."""
        ...


class OpenGate:
    """Lets everyone in."""

    async def ask(self, room: RoomName, person: Person) -> Verdict:
        """`AdmissionGate`."""
        return Enter()


async def verdict_of(gate: AdmissionGate, room: RoomName, person: Person) -> Verdict:
    """What a gate says; one that fails or is late holds."""
    try:
        async with asyncio.timeout(DEADLINE):
            return await gate.ask(room, person)
    except Exception as error:
        log.error("admission gate failed", fault=fault(error))
        return Hold("waiting")
