"""The objects of one resource type, in the order of a list, with their history and who follows it."""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, field

from watchdog.simulator.history import Event, History, Record
from watchdog.simulator.subscription import Subscription


@dataclass(slots=True)
class Shelf:
    """``keys`` are those of ``records``, sorted."""

    history: History
    records: dict[str, Record] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)
    subscriptions: list[Subscription] = field(default_factory=list)
    changes: int = 0  # how often anything in it was another

    def within(self, namespace: str) -> list[Record]:
        return [self.records[key] for key in within(self.keys, namespace)]

    def put(self, record: Record) -> None:
        if record.key not in self.records:
            insort(self.keys, record.key)
        self.records[record.key] = record
        self.changes += 1

    def take(self, key: str) -> None:
        self.changes += 1
        del self.records[key]
        del self.keys[bisect_left(self.keys, key)]

    def tell(self, event: Event) -> None:
        self.history.append(event)
        for subscription in self.subscriptions:
            subscription.put(event)

    def close(self) -> None:
        """Who follows it sees a clean EOF."""
        for subscription in self.subscriptions:
            subscription.overflowed = True
            subscription.wake()


def within(keys: list[str], namespace: str) -> list[str]:
    """Of sorted ``keys``, those in ``namespace``; "" is all."""
    if not namespace:
        return keys
    # "0" is the character after "/"
    return keys[bisect_left(keys, f"{namespace}/") : bisect_left(keys, f"{namespace}0")]
