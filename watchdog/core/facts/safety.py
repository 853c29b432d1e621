"""Facts on which safety rests: could execution run, now or by itself? domain.md §3-5."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from watchdog.core.facts.base import Fact, Unknown


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
