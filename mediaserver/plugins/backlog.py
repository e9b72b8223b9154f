"""Which event a plugin hears next: in order, except that one that failed holds back only its own visit."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from workflows.api import Event, Retry


@dataclass(slots=True)
class Item:
    """An event on its way to one plugin; `attempts` counts runs that failed."""

    event: Event
    attempts: int = 0


@dataclass(slots=True)
class _Held:
    """A visit whose first event failed and waits until `due`."""

    due: float
    items: deque[Item] = field(default_factory=deque)


class Backlog:
    """Sans-IO; times are monotonic seconds. `take` one, then say `done` or `failed` of it."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._ready: deque[Item] = deque()
        self._held: dict[str, _Held] = {}
        self._ids: set[str] = set()
        self._taken: Item | None = None

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def ids(self) -> frozenset[str]:
        """Events here."""
        return frozenset(self._ids)

    @property
    def full(self) -> bool:
        """Whether `put` refuses."""
        return len(self._ids) >= self._bound

    def put(self, event: Event) -> bool:
        """Adds an event at the end; false when full. One that is there already isn't added twice."""
        if event.id in self._ids:
            return True
        if self.full:
            return False
        self._ids.add(event.id)
        held = self._held.get(event.visit)
        (self._ready if held is None else held.items).append(Item(event))
        return True

    def take(self, now: float) -> Item | None:
        """The next one to run: a visit's that waited long enough first, else the oldest."""
        for held in self._held.values():
            if held.items and held.due <= now:
                self._taken = held.items[0]
                return self._taken
        self._taken = self._ready.popleft() if self._ready else None
        return self._taken

    def done(self, item: Item) -> None:
        """It ran, or is given up: what waited behind it may go."""
        self._ids.discard(item.event.id)
        held = self._held.get(item.event.visit)
        if held is None or not held.items or held.items[0] is not item:
            return
        held.items.popleft()
        del self._held[item.event.visit]
        self._ready.extendleft(reversed(held.items))  # before what came later

    def failed(self, item: Item, retry: Retry, now: float) -> bool:
        """It failed; gives whether it will be tried again. If not, the caller says `done` of it."""
        item.attempts += 1
        if item.attempts >= retry.attempts:
            return False
        due = now + min(retry.delay * 2.0 ** min(item.attempts - 1, 30), retry.longest)
        held = self._held.get(item.event.visit)
        if held is not None:
            held.due = due
            return True
        behind = [other for other in self._ready if other.event.visit == item.event.visit]
        self._ready = deque(other for other in self._ready if other.event.visit != item.event.visit)
        self._held[item.event.visit] = _Held(due, deque([item, *behind]))
        return True

    def next_due(self) -> float | None:
        """When a held visit may go on; None when none is held. Ready ones may go at once."""
        return min((held.due for held in self._held.values()), default=None)

    @property
    def ready(self) -> bool:
        """Whether there is one to take now, held ones aside."""
        return bool(self._ready)

    def waiting(self) -> Mapping[str, int]:
        """Held visits -> events behind them, for those who look."""
        return {visit: len(held.items) for visit, held in self._held.items()}
