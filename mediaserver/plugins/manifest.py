"""What a plugin's class says of itself: its hooks by kind, its settings, its files."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import get_type_hints

from workflows.api import (
    HOOKS,
    EventHook,
    GateHook,
    Mark,
    Panel,
    RouteHook,
    Setting,
    TimerHook,
    Workflow,
)


@dataclass(frozen=True, slots=True)
class Manifest:
    """A plugin's class, read once. `hooks` pairs each mark with the name of the method it stands on."""

    kind: type[Workflow]
    hooks: tuple[tuple[str, Mark], ...]

    @property
    def name(self) -> str:
        """Its name."""
        return self.kind.name

    @property
    def gates(self) -> dict[str, str]:
        """Gate -> method."""
        return {mark.name: method for method, mark in self.hooks if isinstance(mark, GateHook)}

    @property
    def events(self) -> tuple[tuple[str, EventHook], ...]:
        """Method and what it hears."""
        return tuple((method, mark) for method, mark in self.hooks if isinstance(mark, EventHook))

    @property
    def timers(self) -> tuple[tuple[str, TimerHook], ...]:
        """Method and how often."""
        return tuple((method, mark) for method, mark in self.hooks if isinstance(mark, TimerHook))

    @property
    def routes(self) -> tuple[tuple[str, RouteHook], ...]:
        """Method and its operation."""
        return tuple((method, mark) for method, mark in self.hooks if isinstance(mark, RouteHook))

    @property
    def panels(self) -> tuple[tuple[str, Panel], ...]:
        """Method and its panel."""
        return tuple((method, mark) for method, mark in self.hooks if isinstance(mark, Panel))

    @property
    def settings(self) -> type[Setting]:
        """The type its `settings` annotation names. Raises TypeError for anything but a Setting."""
        kind = get_type_hints(self.kind).get("settings", Setting)
        if not (isinstance(kind, type) and issubclass(kind, Setting)):
            raise TypeError(f"{self.name}: `settings` must be annotated with a subclass of Setting")
        return kind

    @property
    def folder(self) -> Path | None:
        """The plugin's own folder, whose panels, translations and templates it may have; None for a plugin
        that is a single module beside others.
        """
        file = Path(inspect.getfile(self.kind)).resolve()
        return file.parent if (file.parent / "__init__.py").is_file() else None


def read(kind: type[Workflow]) -> Manifest:
    """Collects the marks, in the order they are written, a base class's first."""
    hooks: dict[str, tuple[Mark, ...]] = {}
    for base in reversed(kind.__mro__):
        for method, value in vars(base).items():
            hooks.pop(method, None)  # a subclass's method without a mark takes it off
            if marks := getattr(value, HOOKS, ()):
                hooks[method] = marks
    return Manifest(kind, tuple((method, mark) for method, marks in hooks.items() for mark in marks))
