"""Facts about looking itself: what is left out, what may be read, what happened while nobody looked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from watchdog.core.facts.base import Fact, Unknown


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
class Receiver(Fact):
    """One place that pages go to: did it take the last one?"""

    KIND: ClassVar[str] = "receiver"
    IDENTITY: ClassVar[tuple[str, ...]] = ("receiver",)

    receiver: str
    accepting: bool
    explanation: str
