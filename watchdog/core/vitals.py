"""What the daemon measures of itself. Written by the shell, read by the metrics outlet; it decides nothing."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

from watchdog.core.instant import Instant

BOUNDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(slots=True)
class Distribution:
    """A histogram of seconds in Prometheus' shape, with an implied bucket up to infinity."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    total: float = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds


@dataclass(slots=True)
class Vitals:
    turns: Distribution = field(default_factory=Distribution)  # how long each turn took
    last_turn: Instant | None = None
    detection: dict[str, Distribution] = field(
        default_factory=dict
    )  # by alertname: from when it was due to the receiver
    notifications: dict[tuple[str, str], int] = field(
        default_factory=dict
    )  # by receiver and outcome (accepted, failed)

    def notified(self, receiver: str, outcome: str) -> None:
        key = (receiver, outcome)
        self.notifications[key] = self.notifications.get(key, 0) + 1

    def detected(self, alertname: str, seconds: float) -> None:
        self.detection.setdefault(alertname, Distribution()).add(max(0.0, seconds))
