"""Runs every check of the kit on one plugin."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from mediaserver.model.pii import fault
from mediaserver.plugins.discovery import Found
from mediaserver.plugins.kit import files, hooks, tables, work
from mediaserver.plugins.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Result:
    """One check: what it asks for, and what to mend."""

    title: str
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """All checks of one plugin."""

    plugin: str
    version: str
    results: tuple[Result, ...]

    @property
    def passed(self) -> bool:
        """Whether there is nothing to mend."""
        return not any(result.problems for result in self.results)


_LOOKS: tuple[tuple[str, Callable[[Manifest], Iterable[str]]], ...] = (
    ("says what it does", hooks.documented),
    ("hooks are known and take what they are given", hooks.hooks_fit),
    ("permissions are declared and used", hooks.permissions_declared),
    ("routes have paths and shapes", hooks.routes_described),
    ("settings have defaults", hooks.settings_have_defaults),
    ("panels stand in slots", hooks.panels_in_slots),
    ("imports only the api", files.imports_only_the_api),
    ("panel modules are there and import nothing foreign", files.modules_are_there),
    ("tables are its own", tables.tables_are_its_own),
)
_WORKS: tuple[tuple[str, Callable[[Manifest], Awaitable[list[str]]]], ...] = (
    ("migrations go up and down", tables.migrations_go_both_ways),
    ("starts, answers in time, hears every event twice, shows its panels", work.lives),
)


async def check(found: Found) -> Report:
    """Checks an installed plugin; whatever it does, this gives a report."""
    plugin = found.manifest
    if plugin is None:
        return Report(found.name, found.version, (Result("loads", (found.problem,)),))
    results = [Result("loads")]
    results += [Result(title, _look(look, plugin)) for title, look in _LOOKS]
    words = tuple(files.translations_complete(plugin, found.texts))
    results.append(Result("translations are complete", words))
    for title, works in _WORKS:
        if title.startswith("starts") and any(result.problems for result in results):
            results.append(Result(title, ("not tried: mend what is above first",)))
            continue
        results.append(Result(title, await _let(works, plugin)))
    return Report(found.name, found.version, tuple(results))


def _look(look: Callable[[Manifest], Iterable[str]], plugin: Manifest) -> tuple[str, ...]:
    try:
        return tuple(look(plugin))
    except Exception as error:
        return (f"it can't be looked at: {fault(error)}",)


async def _let(works: Callable[[Manifest], Awaitable[list[str]]], plugin: Manifest) -> tuple[str, ...]:
    try:
        return tuple(await works(plugin))
    except Exception as error:
        return (f"it can't be let work: {fault(error)}",)
