"""What a scenario is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from watchdog.simulator.platform import Floor

Act = Callable[[Floor], object]


@dataclass(frozen=True, slots=True)
class Step:
    at: float  # seconds after the start
    says: str  # what a person would have typed, or what happened
    act: Act


@dataclass(frozen=True, slots=True)
class Expected:
    """A page that must come, and what must have become of its alert at the end (latched, resolved or firing)."""

    alertname: str
    sev: int
    runbook: str  # its path in the guarded platform's repository
    ends: str
    detected_s: tuple[float, float] | None = None  # in virtual time: the bounds of its detection, in seconds


@dataclass(frozen=True, slots=True)
class Scenario:
    name: str
    does: str
    steps: tuple[Step, ...]
    lasts: float  # seconds
    expects: tuple[Expected, ...]
    virtual: bool = False  # in virtual time (from virtual_time.START on), because it takes minutes or a day
