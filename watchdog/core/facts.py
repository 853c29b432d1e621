"""What can be known of the guarded platform, and the value that says that it is not known.

A fact is a frozen, flat dataclass: its ``KIND`` is the name that rules use for it, its ``IDENTITY`` the fields that say
which thing it is about (they become an alert's labels, so they never change for one thing). Every other field may be
``Unknown`` where its type says so. What is derived from other facts (``DERIVED``) is made by ``core.posture`` and
``core.assessment``, never by a source.
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
    kind: str  # Deployment, StatefulSet, DaemonSet, ReplicaSet, ReplicationController, Job, CronJob, Rollout, Pod
    workload: str
    execution: bool  # selected as execution
    selected_by: str  # 'name execution-agent', 'label app.kubernetes.io/component', 'image execution-engine', or empty
    desired: int | Unknown  # what its spec asks for; spec.replicas that is absent is 1
    reported: int | Unknown  # what its status says; absent is 0
    live: int | Unknown  # Pods that the selector matches and that are not finished; terminating Pods still run


@dataclass(frozen=True, slots=True)
class Latent(Fact):
    """Something that could start an execution workload later: an autoscaler, a schedule, a rollout. domain.md §5."""

    KIND: ClassVar[str] = "latent"
    IDENTITY: ClassVar[tuple[str, ...]] = ("namespace", "kind", "name")

    namespace: str
    kind: str  # ScaledObject | HorizontalPodAutoscaler | CronJob | Rollout
    name: str
    target: str  # 'Deployment execution-agent'; itself for a CronJob
    could_start: bool | Unknown  # by itself, without a human
    inert: bool | Unknown  # it does nothing while its target is at zero, and takes over once somebody scales it up
    explanation: str  # which field says so


@dataclass(frozen=True, slots=True)
class Wiring(Fact):
    """How one execution workload reads the kill switch. domain.md §3, last paragraph."""

    KIND: ClassVar[str] = "wiring"
    IDENTITY: ClassVar[tuple[str, ...]] = ("namespace", "kind", "workload")

    namespace: str
    kind: str
    workload: str
    sound: bool | Unknown  # every container that executes mounts or references it, so that a change reaches it
    explanation: str  # the field at fault: 'container execution-engine mounts it by subPath, which is never updated'
    above_zero: bool | Unknown


@dataclass(frozen=True, slots=True)
class SelfReport(Fact):
    """What one service says at run time of itself: GET /ops/status, either form. domain.md §4, §6."""

    KIND: ClassVar[str] = "self_report"
    IDENTITY: ClassVar[tuple[str, ...]] = ("service",)

    service: str
    url: str
    agent_mode: str | Unknown  # empty when it does not say
    unsafe: bool | Unknown  # the mode is a forbidden one
    listed: bool | Unknown  # the mode is in the lists of known values, or not said
    safe_to_execute: bool | Unknown  # safety.safe_to_execute_orders, which must stay false; False when it does not say
    workload: str  # whose manifest it must agree with: 'trading-floor/Deployment/strategy-engine'; empty: nobody's
    explanation: str


@dataclass(frozen=True, slots=True)
class Blindspot(Fact):
    """Something that is knowingly not observed: it stands in the coverage report, so that silence is not read as
    safety."""

    KIND: ClassVar[str] = "blindspot"
    IDENTITY: ClassVar[tuple[str, ...]] = ("area", "what")

    area: str  # kind | namespace | config_map | secret | permission
    what: str  # 'rollouts.argoproj.io', 'Deployment trading-floor/x: Secret y'
    reason: str  # CamelCase: NotServed, Forbidden, NotConfigured, FromSecret
    explanation: str
    executing: bool | Unknown = False  # it could hide the enablement of an execution workload that runs now


@dataclass(frozen=True, slots=True)
class Grant(Fact):
    """What the daemon's own credentials allow, as the API server says (SelfSubjectRulesReview)."""

    KIND: ClassVar[str] = "grant"
    IDENTITY: ClassVar[tuple[str, ...]] = ("source", "namespace")

    source: str
    namespace: str  # '*' is the whole cluster
    missing: str | Unknown  # 'watch pods, list replicasets.apps'; empty when it may do all that it needs
    excess: str | Unknown  # 'patch deployments.apps, get secrets'; empty when it may do no more
    explanation: str


@dataclass(frozen=True, slots=True)
class Api(Fact):
    """Whether the API server serves a kind that not every cluster has (a CRD). Where it is not served there can be no
    object of it: that is no gap, and no finding."""

    KIND: ClassVar[str] = "api"
    IDENTITY: ClassVar[tuple[str, ...]] = ("source", "resource")

    source: str
    resource: str  # 'rollouts.argoproj.io'
    served: bool


@dataclass(frozen=True, slots=True)
class Mark(Fact):
    """Where one guarded object stood at the last look: what tells, across a gap, whether it was written to."""

    KIND: ClassVar[str] = "mark"
    IDENTITY: ClassVar[tuple[str, ...]] = ("namespace", "kind", "name")

    namespace: str
    kind: str
    name: str
    uid: str
    generation: int  # 0 where the kind has none
    revision: int  # metadata.resourceVersion


@dataclass(frozen=True, slots=True)
class Gap(Fact):
    """A window in which one scope could not see what happened: it was listed anew, so passing states were lost."""

    KIND: ClassVar[str] = "gap"
    IDENTITY: ClassVar[tuple[str, ...]] = ("source", "part", "ended")

    source: str
    part: str
    began: str  # RFC 3339: the last look before it
    ended: str  # the first look after it
    seconds: float
    reason: str  # CamelCase: Expired, LostFuture, Muted, Restarted, ...
    explanation: str


@dataclass(frozen=True, slots=True)
class UnseenWrite(Fact):
    """A guarded object that was, or may have been, written to while nobody looked. Suspicion, not proof."""

    KIND: ClassVar[str] = "unseen_write"
    IDENTITY: ClassVar[tuple[str, ...]] = ("namespace", "kind", "name", "ended")

    namespace: str
    kind: str
    name: str
    began: str  # RFC 3339: the window
    ended: str
    reason: str  # Rewritten, Recreated, Appeared, Vanished, RolledBack
    suspicion: str  # one clause: 'generation went from 3 to 5; the state in between was not seen'
    learned: str  # what could be learned afterwards: ReplicaSets and Pods created in the window, Events, field managers


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
    trading: bool  # open, and past the grace after the opening bell: what must flow by then is late
    horizon_days: int  # for how many days from today the calendar is known


@dataclass(frozen=True, slots=True)
class Receiver(Fact):
    """One place that pages go to: did it take the last one?"""

    KIND: ClassVar[str] = "receiver"
    IDENTITY: ClassVar[tuple[str, ...]] = ("receiver",)

    receiver: str
    accepting: bool
    explanation: str


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
    exists: bool | Unknown
    ready: bool | Unknown  # its terminal condition succeeded
    revision: str | Unknown  # those that take traffic, as 'name 90 %, name 10 %'
    image: str | Unknown  # of the newest of them, with its digest
    pinned: bool | Unknown  # every image that takes traffic is named by its digest
    explanation: str


@dataclass(frozen=True, slots=True)
class Subscription(Fact):
    """One Pub/Sub subscription as it is configured. Names are short where they are of its own project. domain.md §7."""

    KIND: ClassVar[str] = "subscription"
    IDENTITY: ClassVar[tuple[str, ...]] = ("project", "subscription")

    project: str
    subscription: str
    criticality: str
    topic: str | Unknown
    delivering: bool | Unknown  # it exists, is attached and active, and its topic exists
    dead_letter_topic: str | Unknown  # empty: it has no dead-letter policy
    dead_letters_sound: bool | Unknown  # policy, topic, a subscription on it, attempts and backoff are as they must be
    drift: str | Unknown  # 'ackDeadlineSeconds is 10, declared 60'; empty if all is as declared
    explanation: str  # what is wrong, one clause each; else what it is


@dataclass(frozen=True, slots=True)
class DeadLetters(Fact):
    """The dead letters of one source subscription, as our own tap on the dead-letter topic saw them. domain.md §7."""

    KIND: ClassVar[str] = "dead_letters"
    IDENTITY: ClassVar[tuple[str, ...]] = ("project", "topic", "subscription")

    project: str
    topic: str  # the dead-letter topic
    subscription: str  # whose letters they are; empty where a letter does not say
    count: int  # since the daemon started
    recent: int  # within the last window_seconds
    window_seconds: float
    per_minute: float  # within the window
    oldest: str  # RFC 3339: when the oldest letter of the window was first published; empty if there is none
    newest: str  # RFC 3339: when the newest was forwarded
    sample: str  # of the newest: its attributes, size and first bytes, redacted


@dataclass(frozen=True, slots=True)
class Metric(Fact):
    """One value of one named query or measurement. No series, NaN or an old sample is Unknown, never zero."""

    KIND: ClassVar[str] = "metric"
    IDENTITY: ClassVar[tuple[str, ...]] = ("metric", "series")

    metric: str  # the query's name: oldest_unacked_seconds
    series: str  # the values of its labels: 'trade-signals'; empty for a query of one value
    value: float | Unknown
    sampled_at: float  # epoch seconds of the sample itself, by whoever measured; 0 where it is unknown
    age_seconds: float | Unknown  # of the sample at the look
    criticality: str
    explanation: str  # 'oldest_unacked_seconds of trade-signals is 912.0', or why it is unknown


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


OBSERVED: tuple[type[Fact], ...] = (
    KillSwitch, Mode, Workload, Latent, Wiring, SelfReport, Blindspot, Grant, Api, Mark, Gap, UnseenWrite,
    Endpoint, Market, Receiver, Service, Heartbeat, Pause, Condition, CloudRun, Subscription, DeadLetters, Metric,
)  # fmt: skip
DERIVED: tuple[type[Fact], ...] = (Source, Excursion, Agreement, Trend, Core, Ingest, Safety, Watchdog)
KINDS: Mapping[str, type[Fact]] = {cls.KIND: cls for cls in OBSERVED + DERIVED}
GLOBALS: Mapping[str, type[Fact]] = {
    "safety": Safety, "market": Market, "core": Core, "ingest": Ingest, "watchdog": Watchdog,
}  # fmt: skip
"""Facts of which there is one: every rule may read them beside its own subject."""
