"""What one look of a source said, stamped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from watchdog.core.facts import Fact, Subject, Unknown
from watchdog.core.instant import Instant


class Scope(NamedTuple):
    """The part of a source that one look covers: it succeeds, fails and grows stale as a whole."""

    source: str
    part: str

    def __str__(self) -> str:
        return f"{self.source}: {self.part}" if self.part else self.source


@dataclass(frozen=True, slots=True)
class Facts:
    """What one look saw: each subject that it names, whole, and the subjects that it found to be gone.

    Empty is a successful look too: it says that what was seen before still holds. ``at`` is when the look *began*
    (a read may answer late); without it the observation is stamped when it arrives.
    """

    seen: tuple[Fact, ...] = ()
    gone: tuple[Subject, ...] = ()
    at: Instant | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    scope: Scope
    at: Instant
    facts: Facts | Unknown


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a scope promises: the kinds of fact that it carries, and for how many seconds one look holds.

    ``quiet``: it sees without saying so (an open WATCH). Its silence before a failure was no blindness.
    """

    provides: frozenset[str]
    stale_after: float
    quiet: bool = False
