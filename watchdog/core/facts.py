"""What can be known of the guarded platform, and the value that says that it is not known.

A fact is a frozen, flat dataclass: its ``KIND`` is the name that rules use for it, its ``IDENTITY`` the fields that say
which thing it is about (they become an alert's labels, so they never change for one thing). Every other field may be
``Unknown`` where its type says so. What is derived from other facts (``Source``, ``Safety``, ``Watchdog``) is made by
``core.posture`` and ``core.assessment``, never by a source.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple


@dataclass(frozen=True, slots=True)
class Unknown:
    """What could not be seen. ``reason`` is CamelCase, as in a Kubernetes condition; ``message`` is a sentence."""

    reason: str
    message: str = ""

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}" if self.message else self.reason


class Subject(NamedTuple):
    """Which thing a fact or an alert is about: the fact's kind and its identity fields, in order."""

    kind: str
    labels: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return f"{self.kind} " + "/".join(value for _, value in self.labels)


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that is known of one subject."""

    KIND: ClassVar[str]
    IDENTITY: ClassVar[tuple[str, ...]]

    @property
    def subject(self) -> Subject:
        return Subject(self.KIND, tuple((name, str(getattr(self, name))) for name in self.IDENTITY))


@dataclass(frozen=True, slots=True)
class KillSwitch(Fact):
    """One carrier of the kill switch. A carrier that is absent and not required has no fact. domain.md §3."""

    KIND: ClassVar[str] = "kill_switch"
    IDENTITY: ClassVar[tuple[str, ...]] = ("switch", "carrier", "location")

    switch: str  # EXECUTION_HALTED
    carrier: str  # config_map | file
    location: str  # trading-floor/agenttrader-kill-switch, or a path
    halted: bool | Unknown  # what the platform's own reader would conclude
    value: str  # as read (first line, at most 80 characters); empty when absent
    explanation: str  # 'value "0"', 'the ConfigMap does not exist', 'the key is missing'


@dataclass(frozen=True, slots=True)
class Mode(Fact):
    """One watched variable (AGENT_MODE, TRADING_MODE, ...) of one container: declared and running. domain.md §4."""

    KIND: ClassVar[str] = "mode"
    IDENTITY: ClassVar[tuple[str, ...]] = ("namespace", "kind", "workload", "container", "variable")

    namespace: str
    kind: str
    workload: str
    container: str
    variable: str
    declared: str | Unknown  # the effective value in the workload's template; empty when unset
    running: str | Unknown  # the worst effective value among live Pods; empty when unset or when none is live
    unsafe: bool | Unknown  # either is an unsafe value
    listed: bool | Unknown  # both are in the lists of known values (or the variable has no closed list)
    stated: bool | Unknown  # either is set
    execution: bool  # an execution workload
    live: int | Unknown  # live Pods of the workload


@dataclass(frozen=True, slots=True)
class Workload(Fact):
    """One workload, or a Pod that no workload accounts for. domain.md §5."""

    KIND: ClassVar[str] = "workload"
    IDENTITY: ClassVar[tuple[str, ...]] = ("namespace", "kind", "workload")

    namespace: str
    kind: str  # Deployment | StatefulSet | Pod
    workload: str
    execution: bool  # selected as execution
    selected_by: str  # 'name execution-agent', 'label app.kubernetes.io/component', 'image execution-engine', or empty
    desired: int | Unknown  # spec.replicas; absent is 1
    reported: int | Unknown  # status.replicas; absent is 0
    live: int | Unknown  # Pods that the selector matches and that are not finished; terminating Pods still run


@dataclass(frozen=True, slots=True)
class Endpoint(Fact):
    """The freshness of one service that answers /healthz: the worst of what it says and what our clock says.
    domain.md §6."""

    KIND: ClassVar[str] = "endpoint"
    IDENTITY: ClassVar[tuple[str, ...]] = ("service",)

    service: str
    url: str
    fresh: bool  # False on any error at all
    explanation: str  # why it is (not) fresh, one clause
    says_ok: bool | Unknown  # its own claim
    age_seconds: float | Unknown  # the worse of its claim and our clock
    max_age_seconds: float | Unknown
    tick_ahead_seconds: float | Unknown  # how far the tick lies in the future of our clock; 0 if it does not
    tick_still_seconds: float | Unknown  # for how long we have seen the same tick
    lying: bool | Unknown  # it says ok with an old tick or with one from the future


@dataclass(frozen=True, slots=True)
class Market(Fact):
    """Whether the exchange is in session. Unknown means open, the stricter case. domain.md §6."""

    KIND: ClassVar[str] = "market"
    IDENTITY: ClassVar[tuple[str, ...]] = ()

    calendar: str
    open: bool
    explanation: str  # 'closed: Thanksgiving Day'; constant between two bells


@dataclass(frozen=True, slots=True)
class Receiver(Fact):
    """One place that pages go to: did it take the last one?"""

    KIND: ClassVar[str] = "receiver"
    IDENTITY: ClassVar[tuple[str, ...]] = ("receiver",)

    receiver: str
    accepting: bool
    explanation: str


@dataclass(frozen=True, slots=True)
class Source(Fact):
    """Whether a source sees. Derived: one finding an outage, not one for each subject."""

    KIND: ClassVar[str] = "source"
    IDENTITY: ClassVar[tuple[str, ...]] = ("source",)

    source: str
    up: bool
    safety: bool  # it carries the kill switch, an execution workload or a mode
    explanation: str  # which scopes fail, and why


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


OBSERVED: tuple[type[Fact], ...] = (KillSwitch, Mode, Workload, Endpoint, Market, Receiver)
DERIVED: tuple[type[Fact], ...] = (Source, Safety, Watchdog)
KINDS: Mapping[str, type[Fact]] = {cls.KIND: cls for cls in OBSERVED + DERIVED}
GLOBALS: Mapping[str, type[Fact]] = {"safety": Safety, "market": Market, "watchdog": Watchdog}
"""Facts of which there is one: every rule may read them beside its own subject."""
