"""Alerts, edges and levels made by hand, for the tests of what publishes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from watchdog.core.alert import Alert, Cause, Description, Edge, EdgeKind, Identity, Seen, State
from watchdog.core.assessment import Assessment
from watchdog.core.facts import Subject
from watchdog.core.instant import Instant
from watchdog.core.posture import Posture
from watchdog.core.severity import Sev
from watchdog.core.table import Table

from .fakes import START

T0 = Instant(START, 0.0)
WORKLOAD = Subject("workload", (("namespace", "agenttrader"), ("kind", "Deployment"), ("workload", "execution-agent")))
SUMMARY = "execution workload agenttrader/execution-agent is above zero: desired 1, live 0"


def alert(
    rule: str = "ExecutionWorkloadAboveZero",
    sev: Sev = Sev.SEV0,
    subject: Subject = WORKLOAD,
    cause: Cause = Cause.BREACH,
    state: State = State.FIRING,
    since: Instant = T0,
    **annotations: str,
) -> Alert:
    told = {"summary": SUMMARY, "runbook": "ops/PRODUCTION_LOCK.md"} | annotations
    return Alert(
        identity=Identity(rule, subject, cause),
        group="execution",
        state=state,
        sev=sev,
        seen=Seen.PRESENT,
        active_since=since,
        fired_at=None if state is State.PENDING else since,
        cleared_at=None,
        rising_since=(),
        description=Description({"team": "safety"}, told),
        onset=Description({"team": "safety"}, told),
        incident="20261123T150000Z-execution",
    )


def level(*alerts: Alert, at: Instant = T0) -> Assessment:
    posture = Posture.initial(at, {})
    return replace(Assessment.initial(posture), alerts=Table[Identity, Alert]().with_({a.identity: a for a in alerts}))


def fired(alert: Alert, seconds: float = 0.0) -> Edge:
    return Edge(EdgeKind.FIRED, alert, T0.plus(seconds))


def resolved(alert: Alert, seconds: float) -> Edge:
    return Edge(EdgeKind.RESOLVED, replace(alert, seen=Seen.ABSENT, cleared_at=T0.plus(seconds)), T0.plus(seconds))


def latched(alert: Alert, seconds: float) -> Edge:
    over = replace(alert, state=State.LATCHED, seen=Seen.ABSENT, cleared_at=T0.plus(seconds))
    return Edge(EdgeKind.LATCHED, over, T0.plus(seconds))


def risen(alert: Alert, sev: Sev, seconds: float) -> Edge:
    return Edge(EdgeKind.ROSE, replace(alert, sev=sev), T0.plus(seconds), was=alert.sev)


def of(edges: Sequence[Edge]) -> list[Alert]:
    return [edge.alert for edge in edges]
