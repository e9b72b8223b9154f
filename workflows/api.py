"""Every hook a plugin has, in one file; docs/hooks.md tells of each with an example.

A plugin is a class: a `name`, a docstring, and methods marked with what they are:

    @gate              asked, with a deadline: may this person enter?     -> Allow | Hold | Deny
    @on(Event)         told, queued, one at a time: someone joined
    @every(seconds)    called now and then, for each clinic
    @route(...)        its own HTTP operations
    @panel(slot)       what one of its panels shows; the panel itself is an ES module

The host (`mediaserver.plugins`) runs each plugin on a thread and event loop of its own: its state needs
no lock, and whatever it does (sleep, raise, spin, flood) a call notices nothing. Hooks are given ports
(`workflows.ports`), never the machinery behind them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

import msgspec
from sqlalchemy import Column, MetaData, Table, Text
from sqlalchemy.schema import SchemaItem

from mediaserver.model.actors import Actor, TenantId
from mediaserver.model.events import Departure
from mediaserver.model.pii import Pii
from mediaserver.model.roles import Role, Source
from mediaserver.model.visits import VisitPerson

Hook = TypeVar("Hook", bound=Callable[..., Awaitable[Any]])

# The plugin's methods, as `__hooks__` of the function: a method may have several marks.
HOOKS = "__hooks__"


# Gates: questions with a deadline (250 ms). No answer in time, or a fault, is the gate's `fallback`.


@dataclass(frozen=True, slots=True)
class Allow:
    """Nothing against it. A hook that gives None says the same."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Not yet. `reason` is told to the person: a key of the plugin's translations, or a plain sentence
    with nothing in it about anybody.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class Deny:
    """No. `reason` as of `Hold`."""

    reason: str


Verdict = Allow | Hold | Deny


@dataclass(frozen=True, slots=True)
class Gate:
    """A question the house asks. `arguments` follow `self`; all plugins that have the gate are asked at
    once, and the first Deny in their order, else the first Hold, else Allow is the answer.
    """

    name: str
    question: str
    arguments: tuple[str, ...]
    verdicts: tuple[type[Verdict], ...]
    fallback: Verdict


GATES: Mapping[str, Gate] = {
    one.name: one
    for one in (
        Gate(
            "admission",
            "May this person enter the visit now? Asked when they come, after `admit`, and whenever a plugin"
            " says `visit.recheck()`. The fallback holds patients and guests; who runs the visit enters.",
            ("visit", "participant"),
            (Allow, Hold, Deny),
            Hold("checking"),  # a patient who waits a little is safer than a stranger who is in
        ),
        Gate(
            "recording",
            "May this visit be recorded, with those who are in it now? Asked before the first byte and"
            " whenever someone comes in, and after `visit.recheck()`.",
            ("visit",),
            (Allow, Deny),
            Deny("unknown"),
        ),
        Gate(
            "disclosure",
            "May this visit's record go to another organisation (a write-back, an export, an exchange)?",
            ("visit",),
            (Allow, Deny),
            Deny("unknown"),
        ),
    )
}


def gate(hook: Hook) -> Hook:
    """Answers the gate the method is named after."""
    return _mark(hook, GateHook(hook.__name__))


# Events: what happened. `at` and every time is ms since 1970 (UTC); ids are identities of people.


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened in a visit. A durable event is kept in the database in the act's own
    transaction until the plugin's hook has run without a fault, and may come twice (`id` stays the same);
    one that isn't is dropped, with a count, when a plugin can't keep up or the server dies.
    """

    durable: ClassVar[bool] = True

    tenant: TenantId
    visit: str
    at: int
    id: str = ""  # the host gives one


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonEvent(Event):
    """Something that one person of the visit did, or that was done to them."""

    participant_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitBooked(Event):
    """It was made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitChanged(Event):
    """Another time, clinician or reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitCancelled(Event):
    """It won't take place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitOpened(Event):
    """The first of its people came: its room is open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitStarted(Event):
    """Patient and clinician are present for the first time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitFinished(Event):
    """Someone with the right ended it, or nobody came back in time (`by` None)."""

    by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonInvited(PersonEvent):
    """Someone was added to the visit: an interpreter, a relative, a second clinician."""

    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantArrived(PersonEvent):
    """Someone came to the door. Whether they enter is asked of the admission gate."""

    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionGranted(PersonEvent):
    """Someone was let in by an account or a plugin (`by`)."""

    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SentBack(PersonEvent):
    """Someone who was in waits again."""

    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitTransferred(Event):
    """The visit is another clinician's (accounts' ids)."""

    former: str | None
    to: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantJoined(PersonEvent):
    """Someone is in: the others see and hear them."""

    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantDropped(PersonEvent):
    """A connection is lost; their place is kept for the resume window (120 s)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantResumed(PersonEvent):
    """They are back within that time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantLeft(PersonEvent):
    """Someone is out, and why."""

    reason: Departure


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaConnected(PersonEvent):
    """Their media path works: ICE and DTLS are done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaLost(PersonEvent):
    """Nothing came by their media path for 30 s (consent to send ran out, RFC 7675 section 5.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaSilent(PersonEvent):
    """Nothing has come from them since `since`, though they are in and not muted."""

    since: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaResumed(PersonEvent):
    """Media flows again after MediaSilent or MediaLost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackStarted(PersonEvent):
    """A camera, microphone or screen is on."""

    durable: ClassVar[bool] = False

    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackStopped(PersonEvent):
    """It is off."""

    durable: ClassVar[bool] = False

    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatSaid(PersonEvent):
    """A line of chat; `to` None: to everyone."""

    durable: ClassVar[bool] = False

    text: Pii[str]
    to: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentGiven(PersonEvent):
    """Someone signed a form (`form`: telehealth, recording, disclosure)."""

    form: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentWithdrawn(PersonEvent):
    """Someone takes a consent back: what it allowed stops within a second."""

    form: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationStated(PersonEvent):
    """Someone said where they are, or corrected it; the place itself stands on the visit's person."""


EVENTS: tuple[type[Event], ...] = (
    VisitBooked,
    VisitChanged,
    VisitCancelled,
    VisitOpened,
    VisitStarted,
    VisitFinished,
    VisitTransferred,
    PersonInvited,
    ParticipantArrived,
    AdmissionGranted,
    SentBack,
    ParticipantJoined,
    ParticipantDropped,
    ParticipantResumed,
    ParticipantLeft,
    MediaConnected,
    MediaLost,
    MediaSilent,
    MediaResumed,
    TrackStarted,
    TrackStopped,
    ChatSaid,
    ConsentGiven,
    ConsentWithdrawn,
    LocationStated,
)


@dataclass(frozen=True, slots=True)
class Retry:
    """What becomes of an event whose hook failed: up to `attempts` runs in all, `delay` seconds before the
    second and twice as long before each further one (at most `longest`), then parked and counted.
    Later events of the same visit wait behind it. An event that isn't durable is tried once.
    """

    attempts: int = 8
    delay: float = 0.5
    longest: float = 60.0


def on(*events: type[Event], retry: Retry | None = None) -> Callable[[Hook], Hook]:
    """Hears of these events: `async def hook(self, visit, event)`. Deadline 5 s a call."""
    return lambda hook: _mark(hook, EventHook(hook.__name__, events, retry or Retry()))


def every(seconds: float) -> Callable[[Hook], Hook]:
    """Runs every so often for each clinic: `async def hook(self, clinic)`. At least 1 s; deadline 5 s."""
    return lambda hook: _mark(hook, TimerHook(hook.__name__, seconds))


# Routes: JSON over HTTP, described by msgspec Structs, in the OpenAPI document like any other.

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


class Scope(StrEnum):
    """What a route is about, and thereby where it stands."""

    # /api/v1/visits/{visit}/<plugin>/.., by link /j/{code}/plugins/<plugin>/..: hook(self, visit, call)
    VISIT = "visit"
    CLINIC = "clinic"  # /api/v1/plugins/<plugin>/..: hook(self, clinic, call)


@dataclass(frozen=True, slots=True)
class Permission:
    """A right of the plugin's, and the roles that have it. A patient, carer or interpreter who came by a
    link has it in their own visit only. Named `<plugin>.<name>` in the table of rights.
    """

    name: str
    roles: frozenset[Role]
    title: str


@dataclass(frozen=True, slots=True)
class Call:
    """A request, checked: who asks, their place in the visit if they have one, and what they sent."""

    actor: Actor
    person: VisitPerson | None = None
    body: Any = None
    query: Any = None
    path: Mapping[str, str] = field(default_factory=dict)
    request: str | None = None  # X-Request-Id


class Refusal(StrEnum):
    """Why a route says no."""

    NOT_FOUND = "not_found"  # 404
    FORBIDDEN = "forbidden"  # 403
    CONFLICT = "conflict"  # 409
    INVALID = "invalid"  # 422
    TOO_MANY = "too_many"  # 429
    UNAVAILABLE = "unavailable"  # 503


class Refuse(Exception):  # noqa: N818 - an answer, not a fault
    """The answer is no; `message` says in plain words what to do and nothing about a person. `code` is a
    stable word for the panel, `retry_after` seconds.
    """

    def __init__(self, why: Refusal, message: str, *, code: str = "", retry_after: int | None = None) -> None:
        super().__init__(message)
        self.why = why
        self.message = message
        self.code = code or why.value
        self.retry_after = retry_after


def route(
    method: Method,
    path: str,
    *,
    permission: str,
    summary: str = "",
    scope: Scope = Scope.VISIT,
    body: type[msgspec.Struct] | None = None,
    query: type[msgspec.Struct] | None = None,
    result: type[msgspec.Struct] | None = None,
    audit: str | None = None,
) -> Callable[[Hook], Hook]:
    """An operation: `async def hook(self, visit, call)`. Deadline 10 s. `permission` is one of the
    plugin's; `summary` the first line of the docstring if left out. `audit` is for whatever shows or
    changes a person's record: a GET is recorded as `<plugin>.<audit>` before its answer goes out, a refusal
    too; a change by the hook itself, with `visit.audit` in the unit that makes it.
    """
    return lambda hook: _mark(
        hook, RouteHook(hook.__name__, method, path, permission, summary, scope, body, query, result, audit)
    )


# Panels: a view (data, by a hook) and an ES module that draws it in a slot of our pages.


class Slot(StrEnum):
    """Where a panel stands."""

    CONSOLE_PANEL = "console.panel"  # beside the call, one at a time by its title
    CONSOLE_LIST = "console.list"  # a badge on each visit of today's list: the view gives a Badge
    PATIENT_STEP = "patient.step"  # one screen before the call, in `order`; the view None: not needed
    PATIENT_WAITING = "patient.waiting"  # while they wait at the door


class Tone(StrEnum):
    """How a badge looks; its text says the same, for a state is never a colour alone."""

    NEUTRAL = "neutral"
    GOOD = "good"
    WAITING = "waiting"
    WARNING = "warning"
    BAD = "bad"


class Badge(msgspec.Struct, frozen=True):
    """A word on a visit in the list. `detail` is read out and shown on hover."""

    text: str
    tone: Tone = Tone.NEUTRAL
    detail: str = ""


class NoView(msgspec.Struct, frozen=True):
    """A view without data."""


def panel(
    slot: Slot, *, permission: str, module: str | None = None, order: int = 50
) -> Callable[[Hook], Hook]:
    """A panel named after the method, which gives what `person` sees of it now:
    `async def hook(self, visit, call) -> Struct | None`. None: the panel isn't there for them.

    `module` is a file of the plugin's folder; a `console.list` badge has none. Title and words are the
    translations `<plugin>.<panel>.title` and so on.
    """
    return lambda hook: _mark(hook, Panel(hook.__name__, slot, permission, module, order))


# What the marks leave on a method; the host and the conformance kit read them.


@dataclass(frozen=True, slots=True)
class GateHook:
    """A gate answered."""

    name: str


@dataclass(frozen=True, slots=True)
class EventHook:
    """Events heard."""

    name: str
    events: tuple[type[Event], ...]
    retry: Retry


@dataclass(frozen=True, slots=True)
class TimerHook:
    """A timer; seconds."""

    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class RouteHook:
    """An operation."""

    name: str
    method: Method
    path: str
    permission: str
    summary: str
    scope: Scope
    body: type[msgspec.Struct] | None
    query: type[msgspec.Struct] | None
    result: type[msgspec.Struct] | None
    audit: str | None


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel."""

    name: str
    slot: Slot
    permission: str
    module: str | None
    order: int


Mark = GateHook | EventHook | TimerHook | RouteHook | Panel


def _mark(hook: Hook, mark: Mark) -> Hook:
    setattr(hook, HOOKS, (*getattr(hook, HOOKS, ()), mark))
    return hook


# The plugin itself.


class Setting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A plugin's settings, each with a default; limits and words by `Annotated[..., msgspec.Meta]`."""


class Workflow:
    """A plugin. Found by its entry point in the group `mediaserver.workflows`, of the same name.

    The annotation of `settings` in a subclass says which they are. `tables` are made by `own_table`,
    `migrations` is a folder of Alembic revisions on a branch of the plugin's name. Beside its module a
    plugin may have `translations/<language>.json` (flat; `en.json` at least) and `templates/`.
    """

    name: ClassVar[str]
    tables: ClassVar[MetaData | None] = None
    migrations: ClassVar[Path | None] = None
    permissions: ClassVar[tuple[Permission, ...]] = ()
    emits: ClassVar[tuple[type[Event], ...]] = ()  # events it tells others of

    settings: Setting

    def __init__(self, settings: Any = None) -> None:
        self.settings = Setting() if settings is None else settings

    async def start(self) -> None:
        """Before the first hook, on the plugin's own loop. Deadline 5 s."""

    async def stop(self) -> None:
        """After the last hook. Deadline 1 s; may not be called when the server dies."""


def own_table(tables: MetaData, name: str, *items: SchemaItem) -> Table:
    """A table of a plugin's: `name` begins with `<plugin>_`, the clinic's id leads its primary key. Its
    migration makes it alike, with `sa.ForeignKey("tenant.id")` on that column.
    """
    return Table(name, tables, Column("tenant", Text, primary_key=True), *items)
