"""Which plugins are installed: entry points of the group `mediaserver.workflows`, ours like any other's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import msgspec

from mediaserver.model.pii import fault
from mediaserver.plugins import manifest
from mediaserver.plugins.manifest import Manifest
from mediaserver.plugins.texts import Texts
from workflows.api import Setting, Workflow

GROUP = "mediaserver.workflows"
NAME = re.compile(r"[a-z][a-z0-9_]{1,30}")

# Words that begin the core's tables and permissions.
RESERVED = frozenset(
    {
        *("account", "accounts", "alembic", "audit", "breakglass", "colleagues", "key", "keys", "link"),
        *("links", "mediaserver", "party", "plugins", "room", "rooms", "session", "sessions", "settings"),
        *("tenant", "visit", "visits"),
    }
)


@dataclass(frozen=True, slots=True)
class Found:
    """An entry point and what came of it: a manifest with its words, or what is wrong."""

    name: str
    version: str
    manifest: Manifest | None
    texts: Texts
    problem: str = ""


class SettingsError(Exception):
    """The settings of a plugin are no good; the text says which and shows no value."""


def discover(entries: Iterable[EntryPoint] | None = None) -> list[Found]:
    """Loads every installed plugin. One that can't be loaded is among them, with what is wrong."""
    found = entry_points(group=GROUP) if entries is None else entries
    seen: dict[str, Found] = {}
    for entry in found:
        one = load(entry)
        if entry.name in seen:
            one = Found(
                entry.name, one.version, None, Texts(None), "two packages bring a plugin of this name"
            )
        seen[entry.name] = one
    return [seen[name] for name in sorted(seen)]


def load(entry: EntryPoint) -> Found:
    """One plugin; whatever its module does, this gives an answer."""
    version = "" if entry.dist is None else entry.dist.version
    try:
        kind = entry.load()
        return Found(entry.name, version, *_read(entry.name, kind))
    except (Exception, SystemExit) as error:
        problem = str(error) if isinstance(error, _NotAPluginError) else fault(error)
        return Found(entry.name, version, None, Texts(None), problem)


def found(kind: type[Workflow], version: str = "") -> Found:
    """A plugin at hand, without an entry point: tests. Raises what is wrong with it."""
    return Found(kind.name, version, *_read(kind.name, kind))


class _NotAPluginError(Exception):
    """What the entry point names is no plugin; the text says why."""


def _read(name: str, kind: object) -> tuple[Manifest, Texts]:
    if not (isinstance(kind, type) and issubclass(kind, Workflow)):
        raise _NotAPluginError("the entry point names no subclass of Workflow")
    if getattr(kind, "name", None) != name:
        raise _NotAPluginError(
            f"the class is named {getattr(kind, 'name', None)!r}, its entry point {name!r}"
        )
    if not NAME.fullmatch(name) or name in RESERVED:
        raise _NotAPluginError("a plugin's name is 2 to 31 of a-z, 0-9, _ and none of the core's words")
    read = manifest.read(kind)
    _ = read.settings
    return read, Texts(read.folder, name)


def ordered(found: Sequence[Found], order: Sequence[str] | None) -> list[Found]:
    """Those of `order`, in that order; all by name for None. Raises SettingsError for one not installed."""
    if order is None:
        return list(found)
    by_name = {one.name: one for one in found}
    if missing := [name for name in order if name not in by_name]:
        raise SettingsError(f"plugins: {', '.join(missing)} is not installed")
    return [by_name[name] for name in order]


def settings_of(one: Manifest, given: Mapping[str, Any]) -> Setting:
    """A plugin's settings out of the server's. Raises SettingsError."""
    try:
        return msgspec.convert(dict(given), one.settings)
    except msgspec.ValidationError as error:
        raise SettingsError(f"plugins.{one.name}: {error}") from None
