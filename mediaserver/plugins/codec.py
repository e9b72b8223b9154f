"""Events as rows of the outbox, and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from mediaserver.model.pii import Pii
from workflows.api import EVENTS, Event


class UnknownEventError(Exception):
    """A row holds an event that nobody here knows, or of another shape: another version wrote it."""


class EventCodec:
    """JSON of events, by the name of their class; a plugin's own by module and name."""

    def __init__(self, own: Iterable[type[Event]] = ()) -> None:
        self._kinds: dict[str, type[Event]] = {name_of(kind): kind for kind in (*EVENTS, *own)}

    def encode(self, event: Event) -> tuple[str, str]:
        """Name and JSON. TypeError for a person's own words: they have no place in a queue on disk."""
        return name_of(type(event)), msgspec.json.encode(event, enc_hook=_refuse).decode()

    def decode(self, name: str, text: str) -> Event:
        """Raises UnknownEventError."""
        try:
            return msgspec.json.decode(text, type=self._kinds[name], dec_hook=_refuse_type)
        except (KeyError, msgspec.DecodeError, NotImplementedError):
            raise UnknownEventError(name) from None


def name_of(kind: type[Event]) -> str:
    """The api's events by their name alone, which is as stable as the api."""
    return kind.__name__ if kind.__module__ == Event.__module__ else f"{kind.__module__}:{kind.__qualname__}"


def _refuse(value: object) -> Any:
    if isinstance(value, Pii):
        raise TypeError("a durable event holds ids, never a person's own words")
    raise TypeError(f"an event can't hold a {type(value).__name__}")


def _refuse_type(kind: type, value: object) -> Any:
    raise NotImplementedError(kind.__name__)
