"""Checks of a plugin's class: its words, hooks, permissions, routes and settings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import msgspec

from mediaserver.plugins.discovery import SettingsError, settings_of
from mediaserver.plugins.manifest import Manifest
from workflows.api import (
    GATES,
    Event,
    EventHook,
    GateHook,
    Mark,
    Panel,
    RouteHook,
    Scope,
    Slot,
    TimerHook,
)

_WORD = re.compile(r"[a-z][a-z0-9_]{0,40}")
_PATH = re.compile(r"(/([a-z0-9][a-z0-9-]*|\{[a-z][a-z0-9_]*\}))+")
# Panels of ours that the page draws itself (web/join/steps.js): a module of their own isn't needed.
DRAWN = frozenset({"preflight/check", "consent/forms", "consent/location", "waiting_room/waiting"})
_WITH_BODY = ("POST", "PUT", "PATCH")


def documented(plugin: Manifest) -> Iterator[str]:
    """Whoever installs it reads what it does."""
    module = inspect.getmodule(plugin.kind)
    own = plugin.kind.__dict__.get("__doc__")
    if not (own or (module is not None and module.__doc__)):
        yield "say in a docstring of the class or its module what the plugin does"
    for method, mark in plugin.routes:
        if not (mark.summary or inspect.getdoc(getattr(plugin.kind, method))):
            yield f"{method}: a route needs a docstring, whose first line is its summary in OpenAPI"


def hooks_fit(plugin: Manifest) -> Iterator[str]:
    """Each hook is a coroutine that takes what it will be given."""
    if not plugin.hooks:
        yield "the plugin has no hook: mark a method with @gate, @on, @every, @route or @panel"
    for method, mark in plugin.hooks:
        hook = getattr(plugin.kind, method)
        if not inspect.iscoroutinefunction(hook):
            yield f"{method} must be `async def`"
        wanted = _arguments(mark)
        try:
            inspect.signature(hook).bind("self", *wanted)
        except TypeError:
            yield f"{method} must take (self, {', '.join(wanted)})"
        yield from _sane(method, mark)


def _arguments(mark: Mark) -> tuple[str, ...]:
    match mark:
        case GateHook(name):
            return GATES[name].arguments if name in GATES else ("visit",)
        case EventHook():
            return ("visit", "event")
        case TimerHook():
            return ("clinic",)
        case RouteHook():
            return ("visit" if mark.scope is Scope.VISIT else "clinic", "call")
        case Panel():
            return ("visit", "call")


def _sane(method: str, mark: Mark) -> Iterator[str]:
    match mark:
        case GateHook(name) if name not in GATES:
            yield f"{method}: there is no gate {name}; there are {', '.join(GATES)}"
        case TimerHook(_, seconds) if seconds < 1:
            yield f"{method}: a timer runs once a second at most"
        case EventHook():
            if not mark.events:
                yield f"{method}: @on names no event"
            for kind in mark.events:
                if not (isinstance(kind, type) and issubclass(kind, Event)):
                    yield f"{method}: {kind!r} is no Event"
            if mark.retry.attempts < 1 or mark.retry.delay < 0:
                yield f"{method}: a Retry has at least one attempt, and no negative delay"


def permissions_declared(plugin: Manifest) -> Iterator[str]:
    """Every right that is asked for is declared, with roles and a title, and none for nothing."""
    declared = [right.name for right in plugin.kind.permissions]
    for name in {name for name in declared if declared.count(name) > 1}:
        yield f"permission {name} is declared twice"
    for right in plugin.kind.permissions:
        if not _WORD.fullmatch(right.name):
            yield f"permission {right.name!r}: use a-z, 0-9 and _"
        if not right.roles:
            yield f"permission {right.name}: no role has it"
        if not right.title:
            yield f"permission {right.name}: say in its title what it lets people do"
    used = {mark.permission for _, mark in plugin.hooks if isinstance(mark, RouteHook | Panel)}
    for name in sorted(used - set(declared)):
        yield f"permission {name} is asked for but not declared in `permissions`"
    for name in sorted(set(declared) - used):
        yield f"permission {name} is declared, but no route or panel asks for it"


def routes_described(plugin: Manifest) -> Iterator[str]:
    """Paths and shapes that a client can be told of."""
    seen: set[tuple[str, str]] = set()
    for method, mark in plugin.routes:
        if not _PATH.fullmatch(mark.path):
            yield f"{method}: write the path as /words-and/{{parameters}}, not {mark.path!r}"
        if mark.path.startswith("/panels/"):
            yield f"{method}: /panels/ is where views are"
        if (mark.method, mark.path) in seen:
            yield f"{method}: a second {mark.method} {mark.path}"
        seen.add((mark.method, mark.path))
        if mark.body is not None and mark.method not in _WITH_BODY:
            yield f"{method}: a {mark.method} has no body"
        for role, shape in (("body", mark.body), ("query", mark.query), ("result", mark.result)):
            yield from _shape(method, role, shape)


def _shape(method: str, role: str, shape: type[msgspec.Struct] | None) -> Iterator[str]:
    if shape is None:
        return
    if not (isinstance(shape, type) and issubclass(shape, msgspec.Struct)):
        yield f"{method}: `{role}` must be a msgspec.Struct"
        return
    if role != "result" and not shape.__struct_config__.forbid_unknown_fields:
        yield f"{method}: {shape.__name__} must say forbid_unknown_fields=True"
    try:
        msgspec.json.schema(shape)
    except TypeError:
        yield f"{method}: {shape.__name__} holds something that JSON Schema can't describe"


def settings_have_defaults(plugin: Manifest) -> Iterator[str]:
    """A plugin runs as it is installed."""
    try:
        settings_of(plugin, {})
    except (TypeError, SettingsError):
        yield f"every setting of {plugin.settings.__name__} needs a default"


def panels_in_slots(plugin: Manifest) -> Iterator[str]:
    """A badge has no module; everything else has one, in the plugin's folder."""
    for method, panel in plugin.panels:
        if panel.slot is Slot.CONSOLE_LIST:
            if panel.module is not None:
                yield f"{method}: a console.list badge is drawn by the console: leave `module` out"
        elif panel.module is None and f"{plugin.name}/{panel.name}" in DRAWN:
            continue
        elif panel.module is None:
            yield f"{method}: a panel in {panel.slot.value} needs a `module`"
        elif plugin.folder is None:
            yield f"{method}: a plugin with panels is a package (a folder with __init__.py)"
