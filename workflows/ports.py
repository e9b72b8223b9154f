"""What the house hands to a plugin. A plugin sees its visit, its clinic and its own tables; nothing else.

    ClinicPort   one clinic: settings aside, all that is not of one visit
      VisitPort  one visit: who is in it, and what may be done to it
    Reader, Unit the plugin's own tables, of this clinic's rows only

Every coroutine here may raise `PortError`; a plugin rarely has to care: a hook that raises is a fault,
which the host counts and, for events, tries again. Nothing here is bound to a thread or socket.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from mediaserver.model.actors import Actor, TenantId
from mediaserver.model.audit import AuditAction, AuditOutcome
from mediaserver.model.clock import Clock
from mediaserver.model.ids import RoomName
from mediaserver.model.pii import Pii
from mediaserver.model.visits import VisitFacts, VisitPerson, VisitState

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Row, Select, Table
    from sqlalchemy.sql import Executable

    from workflows.api import Event, Verdict

T = TypeVar("T")


class PortError(Exception):
    """The house didn't do it."""


class NotAllowedError(PortError):
    """A plugin reached for a table, permission or act that isn't its own."""


class UnavailableError(PortError):
    """The store or the visit can't be had now; trying later may help."""


class StaleError(PortError):
    """Someone else changed the row or the visit meanwhile: read again."""


class TwiceError(PortError):
    """There is such a row already."""


class FloodError(PortError):
    """More acts a second than a plugin may ask for."""


class Reader(Protocol):
    """A snapshot of the plugin's own tables, this clinic's rows."""

    @property
    def tenant(self) -> TenantId:
        """The clinic."""
        ...

    @property
    def now(self) -> int:
        """Milliseconds since 1970 (UTC), the same for the whole unit."""
        ...

    def of(self, table: Table) -> Select[Any]:
        """`select(table)`, narrowed to this clinic."""
        ...

    async def rows(self, select: Select[Any]) -> Sequence[Row[Any]]:
        """All rows."""
        ...

    async def row(self, select: Select[Any]) -> Row[Any] | None:
        """The first row."""
        ...

    async def scalar(self, select: Select[Any]) -> Any:
        """The first column of the first row, or None."""
        ...


class Unit(Reader, Protocol):
    """One transaction on the plugin's own tables: committed when its block ends, undone if that raises.

    What is done to the visit inside the block (`admit`, `say`, ...) belongs to the same transaction.
    SQLite has one writer for the whole clinic: a unit held for longer than half a second is undone and
    counts as a fault, so do what takes time before or after.
    """

    async def insert(self, table: Table, **values: Any) -> None:
        """Adds a row; the clinic is filled in. Raises TwiceError."""
        ...

    async def update(
        self, table: Table, where: ColumnElement[bool], *, version: int | None = None, **values: Any
    ) -> int:
        """Changes rows of this clinic; gives how many. With `version`, the row's `version` column must
        still be that and is counted up; else raises StaleError.
        """
        ...

    async def delete(self, table: Table, where: ColumnElement[bool]) -> int:
        """Removes rows of this clinic; gives how many."""
        ...

    async def execute(self, statement: Executable) -> Any:
        """Any other statement on own tables (an upsert), narrowed to the clinic by the caller. Gives the rows
        if there are any (RETURNING), else how many were changed.
        """
        ...


class Store(Protocol):
    """The plugin's own tables and memos."""

    def unit(self, actor: Actor | None = None) -> AbstractAsyncContextManager[Unit]:
        """A transaction; `actor` is who causes it, the plugin itself if left out."""
        ...

    def read(self) -> AbstractAsyncContextManager[Reader]:
        """A snapshot."""
        ...

    async def recall(self, key: str, kind: Callable[..., T] | type[T]) -> T | None:
        """What `remember` kept under `key` (on a visit: for this visit), as `kind`."""
        ...

    async def remember(self, key: str, value: Any) -> None:
        """Keeps a small value (64 KiB as JSON) without a table of one's own; None forgets it."""
        ...


class ClinicPort(Store, Protocol):
    """One clinic, as a plugin may see and touch it."""

    @property
    def tenant(self) -> TenantId:
        """Its id."""
        ...

    @property
    def clock(self) -> Clock:
        """The only clock to ask; milliseconds are `int(clock.wall() * 1000)`, or a unit's `now`."""
        ...

    async def visit(self, id: str) -> VisitPort:
        """A visit of this clinic as it is now. Raises `Refuse(NOT_FOUND)`."""
        ...

    async def visits(self, *, starts_from: int, starts_before: int) -> Sequence[VisitFacts]:
        """Visits that start in a span of time (ms since 1970), earliest first, at most 1000."""
        ...

    async def panel_changed(self, panel: str) -> None:
        """Everyone who sees this panel, in whichever visit, gets its view anew (at most 4 times a second)."""
        ...

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
        """Records an act, in the open unit's transaction if there is one. The type becomes
        `<plugin>.<type>`. Raises UnavailableError: then what it would record must not be done.
        """
        ...

    def text(self, key: str, language: str, **values: object) -> str:
        """A sentence of the plugin's translations; English where that language lacks it."""
        ...

    def render(self, template: str, language: str, **values: object) -> str:
        """A file of the plugin's `templates/` (jinja2, autoescaped, `t(key)` for its translations)."""
        ...

    async def offload(self, work: Callable[..., T], *arguments: Any) -> T:
        """Runs something that blocks or computes for long on a thread of its own."""
        ...


class VisitPort(ClinicPort, Protocol):
    """One visit as it was when the hook was called; acts on it as it is."""

    @property
    def id(self) -> str:
        """The visit's id."""
        ...

    @property
    def clinic(self) -> ClinicPort:
        """Its clinic: what concerns more than this visit."""
        ...

    @property
    def room(self) -> RoomName:
        """Its room."""
        ...

    @property
    def state(self) -> VisitState:
        """Where it is in its life."""
        ...

    @property
    def facts(self) -> VisitFacts:
        """All of it: times, reason, clinician."""
        ...

    @property
    def people(self) -> Mapping[str, VisitPerson]:
        """Everyone of the visit, by identity."""
        ...

    @property
    def patient(self) -> VisitPerson | None:
        """The one it is for."""
        ...

    def person(self, id: str) -> VisitPerson:
        """Someone of the visit. Raises `Refuse(NOT_FOUND)`."""
        ...

    def was_admitted(self, id: str) -> bool:
        """Whether they were let in and not sent back since."""
        ...

    async def refresh(self) -> VisitPort:
        """The visit as it is now."""
        ...

    async def ask(self, gate: str, *arguments: object) -> Verdict:
        """What all plugins together say to a gate, such as `await visit.ask("recording")`."""
        ...

    async def recheck(self) -> None:
        """Asks the gates anew for who waits or is recorded, after the open unit if there is one: what a
        plugin would answer has changed.
        """
        ...

    async def emit(self, event: type[Event], **fields: Any) -> None:
        """Tells all plugins of something this one knows, in the open unit's transaction if there is one;
        the event is of the class's `emits`. Visit, clinic and time are filled in.
        """
        ...

    async def admit(self, id: str, by: Actor | None = None) -> bool:
        """Lets someone in who waits, or will when they come. False: they were in already."""
        ...

    async def send_back(self, id: str, reason: str, by: Actor | None = None) -> bool:
        """Back to the door; their media path stays warm. False: they weren't in. `reason` is told to them:
        a key of the plugin's translations, or a plain sentence.
        """
        ...

    async def transfer(self, to: str, by: Actor | None = None) -> None:
        """Hands the visit to another clinician's account. Raises `Refuse`."""
        ...

    async def finish(self, by: Actor | None = None) -> None:
        """Ends the visit for everyone."""
        ...

    async def say(self, to: str | None, text: str, by: Actor | None = None) -> None:
        """A line of chat to one person of the visit, waiting ones too, or to everyone present (None)."""
        ...

    async def note(self, id: str, *, location: Pii[str] | None = None, phone: Pii[str] | None = None) -> None:
        """Keeps where someone says they are, or where to call them; what is None stays."""
        ...

    async def panel_changed(self, panel: str, person: str | None = None) -> None:
        """Those who see this panel for this visit (or one of them) get its view anew."""
        ...
