"""What the daemon measures of itself. Written by the shell, read by the metrics outlet; it decides nothing."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

from watchdog.core.alert import Identity
from watchdog.core.instant import Instant

BOUNDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
REMEMBERED = 10_000


@dataclass(slots=True)
class Distribution:
    """A histogram of seconds in Prometheus' shape, with an implied bucket up to infinity."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    total: float = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds


@dataclass(slots=True)
class Ledger:
    """Of a ledger that is configured."""

    up: bool = False  # the last write succeeded
    entries: dict[str, int] = field(default_factory=dict)  # written by this life, by kind


@dataclass(slots=True)
class Vitals:
    turns: Distribution = field(default_factory=Distribution)  # how long each turn took
    last_turn: Instant | None = None
    head: tuple[int, str] | None = None  # of the ledger: the number of its last entry, and that line's SHA-256
    ledger: Ledger | None = None
    # By alertname: from when the page was due until the first receiver had it.
    detection: dict[str, Distribution] = field(default_factory=dict)
    # By receiver and outcome (accepted, failed).
    notifications: dict[tuple[str, str], int] = field(default_factory=dict)
    _heard: dict[Identity, float] = field(default_factory=dict)

    def notified(self, receiver: str, outcome: str) -> None:
        key = (receiver, outcome)
        self.notifications[key] = self.notifications.get(key, 0) + 1

    def detected(self, identity: Identity, fired: float, seconds: float) -> None:
        """That somebody heard of the alert that fired at that monotonic second; whoever hears later does not count."""
        if self._heard.get(identity) == fired:
            return
        if len(self._heard) >= REMEMBERED:
            self._heard.clear()
        self._heard[identity] = fired
        self.detection.setdefault(identity.rule, Distribution()).add(max(0.0, seconds))
