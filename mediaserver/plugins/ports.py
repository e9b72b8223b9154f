"""What the host needs of the house: visits, and a place to record acts. `mediaserver.visits` and
`mediaserver.audit` are behind it; all of it runs on the house's event loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mediaserver.model.actors import Actor, TenantId
from mediaserver.model.audit import AuditEvent
from mediaserver.model.pii import Pii
from mediaserver.model.visits import VisitFacts
from mediaserver.storage import Unit


class Visits(Protocol):
    """All visits, as plugins may see and touch them.

    `unit`: act in this transaction, else in one of its own. An act checks nothing about `by` but the
    tenant: who may is for the route's permission and the plugin. Acts raise `workflows.api.Refuse`
    (NOT_FOUND, CONFLICT); what they cause (`admit` lets in who waits) follows the commit.
    """

    async def tenants(self) -> Sequence[TenantId]:
        """Every clinic."""
        ...

    async def facts(self, tenant: TenantId, visit: str, unit: Unit | None = None) -> VisitFacts:
        """A visit now. Raises Refuse(NOT_FOUND)."""
        ...

    async def list(self, tenant: TenantId, starts_from: int, starts_before: int) -> Sequence[VisitFacts]:
        """Visits that start in a span of time, earliest first, at most 1000."""
        ...

    async def admit(self, visit: VisitFacts, person: str, by: Actor, unit: Unit | None) -> bool:
        """Lets someone in, or marks that they may enter when they come. False: was so already."""
        ...

    async def send_back(
        self, visit: VisitFacts, person: str, reason: str, by: Actor, unit: Unit | None
    ) -> bool:
        """Puts someone back to the door. False: was there already."""
        ...

    async def transfer(self, visit: VisitFacts, to: str, by: Actor, unit: Unit | None) -> None:
        """Hands the visit to another clinician's account."""
        ...

    async def finish(self, visit: VisitFacts, by: Actor, unit: Unit | None) -> None:
        """Ends it for everyone."""
        ...

    async def note(
        self,
        visit: VisitFacts,
        person: str,
        location: Pii[str] | None,
        phone: Pii[str] | None,
        by: Actor,
        unit: Unit | None,
    ) -> None:
        """Keeps where someone says they are, or where to call them."""
        ...

    async def say(self, visit: VisitFacts, to: str | None, text: Pii[str], by: Actor) -> None:
        """A line of chat, to those at the door too."""
        ...

    async def recheck(self, visit: VisitFacts) -> None:
        """Asks the admission gate anew for who waits, and the recording gate if it is recorded."""
        ...

    async def panel_changed(
        self, tenant: TenantId, plugin: str, panel: str, visit: str | None, person: str | None
    ) -> None:
        """Tells the pages that show this panel (of one visit, to one person) to fetch its view anew."""
        ...


class Recorder(Protocol):
    """The audit log (`mediaserver.audit.AuditLog`)."""

    def record(self, unit: Unit, event: AuditEvent) -> None:
        """Records in this transaction: the act and its line are kept together or not at all."""
        ...
