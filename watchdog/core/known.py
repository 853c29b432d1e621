"""What is known of one subject, of one scope's looks, and what changed between two turns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from watchdog.core.facts import Fact, Subject, Unknown
from watchdog.core.instant import Instant
from watchdog.core.observation import Coverage, Position, Scope

NEVER_OBSERVED = Unknown("NeverObserved", "no look has succeeded yet")


@dataclass(frozen=True, slots=True)
class Sight:
    """What is known of one scope's looks."""

    coverage: Coverage
    started: Instant
    last_success: Instant | None = None
    problem: Unknown | None = None  # of the newest look, if it failed
    failed_at: Instant | None = None  # when it first failed since the last success
    position: Position | None = None  # of a scope that follows a history

    def unknown(self, at: Instant) -> Unknown | None:
        """Why what this scope said does not hold at ``at``; ``None`` while it does."""
        if self.problem is not None:
            return self.problem
        if self.last_success is None:
            return NEVER_OBSERVED
        if at.since(self.last_success) <= self.coverage.stale_after:
            return None
        return Unknown("Stale", f"no look has succeeded for more than {self.coverage.stale_after:g} s")

    @property
    def stale_at(self) -> float | None:
        """The monotonic second after which silence makes it stale."""
        if self.problem is not None or self.last_success is None:
            return None
        return self.last_success.mono + self.coverage.stale_after

    @property
    def unseen_since(self) -> Instant:
        """Since when it is blind, while it is: its last look that succeeded; of a quiet scope, since it failed."""
        if self.coverage.quiet and self.failed_at is not None:
            return self.failed_at
        return self.last_success or self.started


@dataclass(frozen=True, slots=True)
class Known:
    """One fact, since when it is so, and the scope whose looks keep it fresh."""

    fact: Fact
    since: Instant
    scope: Scope | None  # None: derived from other facts
    origin: str = ""  # the write that showed it, where a source says so
    late: int = 0  # the revision of that write, where it is told of late


@dataclass(frozen=True, slots=True)
class Gone:
    """A subject that exists no more."""

    since: Instant
    origin: str = ""


State: TypeAlias = Known | Gone


@dataclass(frozen=True, slots=True)
class Change:
    """One subject's states in the order in which they were seen since the last turn.

    All of them count: 0 -> 1 -> 0 between two turns is a breach that was, and not nothing.
    """

    subject: Subject
    states: tuple[State, ...]
