"""Facts that follow from others; ``core.posture`` and ``core.assessment`` make them, never a source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from watchdog.core.facts.base import Fact, Unknown


@dataclass(frozen=True, slots=True)
class Source(Fact):
    """Whether a source sees. Derived: one finding an outage, not one for each subject."""

    KIND: ClassVar[str] = "source"
    IDENTITY: ClassVar[tuple[str, ...]] = ("source",)

    source: str
    up: bool
    safety: bool  # it carries the kill switch, an execution workload, a mode, or what bears on them
    explanation: str  # which scopes fail, and why


@dataclass(frozen=True, slots=True)
class Excursion(Fact):
    """The newest time that one subject was unsafe, however short. Derived: each state that was seen counts."""

    KIND: ClassVar[str] = "excursion"
    IDENTITY: ClassVar[tuple[str, ...]] = ("of", "subject_name")

    of: str  # the kind of fact: kill_switch, workload, mode
    subject_name: str  # 'trading-floor/Deployment/execution-engine'
    over: bool
    began: str  # RFC 3339, when the first unsafe state was seen
    ended: str  # empty while it goes on
    seconds: float  # how long; 0 while it goes on
    peak: str  # 'desired 3, reported 2, live 2', 'value "0"', 'running LIVE'
    began_by: str  # the object and revision whose event showed it; empty where a source does not say
    ended_by: str
    count: int  # how many of them there were since the daemon started, or since it was forgotten


@dataclass(frozen=True, slots=True)
class Agreement(Fact):
    """Whether everything that states one safety setting states the same: the object, the mounted file, the self-report.
    Derived. A difference is legitimate while a change propagates. domain.md §3, §4."""

    KIND: ClassVar[str] = "agreement"
    IDENTITY: ClassVar[tuple[str, ...]] = ("setting",)

    setting: str  # 'EXECUTION_HALTED', 'AGENT_MODE of trading-floor/Deployment/strategy-engine'
    agree: bool | Unknown
    effective_unsafe: bool | Unknown  # one that is effective (a file, a running Pod, a service's word) is unsafe
    explanation: str  # who says what


@dataclass(frozen=True, slots=True)
class Trend(Fact):
    """Where one metric is heading, over a bounded history. Derived. Times count on the samples' own clock."""

    KIND: ClassVar[str] = "trend"
    IDENTITY: ClassVar[tuple[str, ...]] = ("metric", "series")

    metric: str
    series: str
    criticality: str
    value: float | Unknown  # the newest
    slope_per_second: float | Unknown  # over the last minutes (core.trend.WINDOW)
    rising_seconds: float | Unknown  # for how long it has been rising; 0 if it is not
    draining: bool | Unknown  # it falls
    drain_seconds: float | Unknown  # until it is at zero at this slope; Unknown('NotDraining') if it does not fall
    explanation: str


@dataclass(frozen=True, slots=True)
class Core(Fact):
    """Whether mission-control and the core services (critical or important) are all healthy. Derived. domain.md §2."""

    KIND: ClassVar[str] = "core"
    IDENTITY: ClassVar[tuple[str, ...]] = ()

    healthy: bool | Unknown
    explanation: str  # 'not healthy: mission-control'


@dataclass(frozen=True, slots=True)
class Ingest(Fact):
    """Whether ingestion is paused on purpose, by any carrier of its switch. Derived. domain.md §6."""

    KIND: ClassVar[str] = "ingest"
    IDENTITY: ClassVar[tuple[str, ...]] = ()

    paused: bool | Unknown
    explanation: str  # 'ingestion is paused on purpose: INGEST_ENABLED is 0 in ...'


@dataclass(frozen=True, slots=True)
class Safety(Fact):
    """The two safety facts over the whole platform: the base of the fail-closed ladder. Derived. domain.md §2."""

    KIND: ClassVar[str] = "safety"
    IDENTITY: ClassVar[tuple[str, ...]] = ()

    halted: bool | Unknown
    at_zero: bool | Unknown
    blind: bool  # both are unknown
    last_look_unsafe: bool  # by the last successful look at each, one of them was unsafe
    explanation: str


@dataclass(frozen=True, slots=True)
class Watchdog(Fact):
    """What the daemon knows against itself. Derived."""

    KIND: ClassVar[str] = "watchdog"
    IDENTITY: ClassVar[tuple[str, ...]] = ()

    disagreements: int  # subjects that the full pass judged otherwise than the turns had, since the start
    alerts_beyond_bound: int  # how often an alert could not be kept, since the start
    explanation: str
