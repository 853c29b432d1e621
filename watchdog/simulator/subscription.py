"""What a watcher has not read yet."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from watchdog.simulator.history import Event


@dataclass(slots=True, eq=False)
class Subscription:
    """What happened to one resource type since it was opened, in order; ``wake`` is called on each event.

    ``overflowed``: the reader was too slow for ``limit`` events, or for ``room`` bytes, and the rest are lost to it
    (point 11).
    """

    limit: int
    room: int
    wake: Callable[[], None]
    events: deque[Event] = field(default_factory=deque)
    overflowed: bool = False
    _held: int = 0

    def put(self, event: Event) -> None:
        self._held += len(event.line)
        if len(self.events) >= self.limit or self._held > self.room:
            self.overflowed = True
        if not self.overflowed:
            self.events.append(event)
        self.wake()

    def taken(self) -> list[Event]:
        """All that waits, which is then read."""
        events = list(self.events)
        self.events.clear()
        self._held = 0
        return events
