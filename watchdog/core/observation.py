"""What one look of a source said, stamped."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from watchdog.core.facts import Fact, Subject, Unknown
from watchdog.core.instant import Instant


class Scope(NamedTuple):
    """The part of a source that one look covers: it succeeds, fails and grows stale as a whole."""

    source: str
    part: str

    def __str__(self) -> str:
        return f"{self.source}: {self.part}" if self.part else self.source


class Position(NamedTuple):
    """How far the history of a scope is complete: up to this revision (0: it has none), which was so at ``at``."""

    revision: int
    at: datetime


class Point(NamedTuple):
    """One value of a metric at one moment of the clock of whoever measured it (epoch seconds)."""

    at: float
    value: float


@dataclass(frozen=True, slots=True)
class Facts:
    """What one look saw: each subject that it names, whole, and the subjects that it found to be gone.

    Empty is a successful look too: it says that what was seen before still holds. ``at`` is when the look *began*
    (a read may answer late); without it the observation is stamped when it arrives. ``origin`` names the write that it
    shows, where one does ('Deployment ns/name at 4711'): whoever asks what began an excursion finds it there.
    ``partial``: what it names holds, and the look is not over: it proves nothing of what it does not name, and its
    scope is known no better than before. ``position``: how far the scope's history is complete once these facts are
    taken; without it, as far as before. ``past``: how metrics stood before this look, oldest first, where a source can
    learn it: trends begin with it, and nothing else reads it. ``revision``: whatever was written up to it has happened
    by now. ``late``: the revision of the write that it shows, where that happened before the history was gone on with
    (a WATCH that begins where an earlier one, or an earlier life of the daemon, was).
    """

    seen: tuple[Fact, ...] = ()
    gone: tuple[Subject, ...] = ()
    at: Instant | None = None
    origin: str = ""
    partial: bool = False
    position: Position | None = None
    past: tuple[tuple[Subject, tuple[Point, ...]], ...] = ()
    revision: int = 0  # it shows at least what was written up to here
    late: int = 0


@dataclass(frozen=True, slots=True)
class Observation:
    scope: Scope
    at: Instant
    facts: Facts | Unknown


@dataclass(frozen=True, slots=True)
class Sees:
    """One thing that a scope looks at, as the coverage report names it."""

    area: str  # kind | namespace | config_map_key | variable | self_report | file | api | metric | subscription | ...
    what: str  # 'deployments.apps', 'trading-floor', 'agenttrader-kill-switch: EXECUTION_HALTED', 'AGENT_MODE'
    where: str = ""  # a namespace; empty: every namespace, or none at all
    every: bool = False  # it is observed only while every scope that sees it does; otherwise one of them suffices
    subject: Subject | None = None  # the fact that holds it: an Unknown inside is why it is not observed
    field: str = ""  # the one field of it that counts; empty: all of them


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a scope promises: the kinds of fact that it carries, and for how many seconds one look holds.

    ``quiet``: it sees without saying so (an open WATCH). Its silence before a failure was no blindness. ``sees`` is for
    the coverage report, and for nothing else.
    """

    provides: frozenset[str]
    stale_after: float
    quiet: bool = False
    sees: tuple[Sees, ...] = ()
