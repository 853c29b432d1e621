"""Facts about services, workloads, nodes and the exchange. domain.md §6, §8, §10."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from watchdog.core.facts.base import Fact, Unknown


@dataclass(frozen=True, slots=True)
class Market(Fact):
    """Whether the exchange is in session. Unknown means open, the stricter case. domain.md §6."""

    KIND: ClassVar[str] = "market"
    IDENTITY: ClassVar[tuple[str, ...]] = ()

    calendar: str
    open: bool
    explanation: str  # 'closed: Thanksgiving Day'; constant between two bells
    trading: bool  # open, and past the grace after the opening bell: what must flow by then is late
    horizon_days: int  # for how many days from today the calendar is known


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
class Service(Fact):
    """Whether one service answers, and what it says of its own health. domain.md §6."""

    KIND: ClassVar[str] = "service"
    IDENTITY: ClassVar[tuple[str, ...]] = ("service",)

    service: str
    url: str
    criticality: str  # critical | important | optional | informational
    up: bool  # it answered, and understandably
    healthy: bool  # it is up, and does not itself say otherwise
    state: str  # its own word: OK, DEGRADED, HALTED, MARKET_CLOSED, OFFLINE, UNKNOWN; empty when it does not say
    heartbeat_age_seconds: float | Unknown  # of its last_heartbeat
    data_age_seconds: float | Unknown  # its data_freshness_seconds
    explanation: str  # why it is (not) up, one clause
    reports: bool = True  # it answers /ops/status, where its heartbeat and its data's age are stated


@dataclass(frozen=True, slots=True)
class Heartbeat(Fact):
    """The last sign of life that one service left in its ConfigMap. domain.md §6."""

    KIND: ClassVar[str] = "heartbeat"
    IDENTITY: ClassVar[tuple[str, ...]] = ("service",)

    service: str
    location: str  # trading-floor/agenttrader-heartbeat-strategy-engine
    criticality: str
    execution: bool  # of an execution workload: it must not beat at all
    beating: bool | Unknown  # its last sign of life is young enough
    age_seconds: float | Unknown  # since it; Unknown when there never was one
    max_age_seconds: float
    explanation: str


@dataclass(frozen=True, slots=True)
class Pause(Fact):
    """One carrier of the switch that pauses ingestion on purpose: it explains stale data, and excuses none."""

    KIND: ClassVar[str] = "pause"
    IDENTITY: ClassVar[tuple[str, ...]] = ("switch", "carrier", "location")

    switch: str  # INGEST_ENABLED
    carrier: str  # env | file | cloud_run
    location: str  # trading-floor/Deployment/marketdata-mcp-server, or a path
    paused: bool | Unknown
    explanation: str  # 'INGEST_ENABLED is 0'


@dataclass(frozen=True, slots=True)
class Condition(Fact):
    """Something is wrong with one workload, or with a node. It exists only while it is so. domain.md §8, §10."""

    KIND: ClassVar[str] = "condition"
    IDENTITY: ClassVar[tuple[str, ...]] = ("namespace", "kind", "workload", "condition")

    namespace: str  # empty for a node
    kind: str  # Deployment, StatefulSet, ..., Pod, Node
    workload: str
    condition: str  # CrashLoop, ImagePull, OutOfMemory, Unschedulable, RolloutFailed, FloatingTag, MixedDigests, ...
    criticality: str  # of the workload: critical | important | optional | informational
    pods: int  # how many of its Pods are affected; 0 where it is said of the workload itself
    explanation: str  # 'container app: Back-off 40s restarting failed container; 7 restarts'


@dataclass(frozen=True, slots=True)
class CloudRun(Fact):
    """One Cloud Run service as deployed. What bears on safety is told as Workload, Mode and Latent too."""

    KIND: ClassVar[str] = "cloud_run"
    IDENTITY: ClassVar[tuple[str, ...]] = ("project", "region", "service")

    project: str
    region: str
    service: str
    criticality: str
    execution: bool  # nothing of it may run
    exists: bool | Unknown
    ready: bool | Unknown  # its terminal condition succeeded
    revision: str | Unknown  # those that requests reach, as 'name 90 %, name 10 %, name by tag canary'
    image: str | Unknown  # of the newest of them, with its digest
    pinned: bool | Unknown  # every image that requests reach is named by its digest
    drift: str | Unknown  # what is served otherwise than the template says; empty: nothing
    explanation: str
