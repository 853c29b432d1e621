"""Incidents: one open incident a rule group; its Sev is the worst that it has reached."""

from __future__ import annotations

from dataclasses import dataclass, replace

from watchdog.core.alert import Acknowledgement, Edge, EdgeKind, Identity
from watchdog.core.instant import Instant
from watchdog.core.severity import Sev
from watchdog.core.table import Table

DRILL_GROUP = "drill"
"""The rule group of drills, and of nothing else: an incident of the platform has no drill in it."""
KEPT = 20
"""Alerts that are over and that an open incident still names: behind a latch it may stay open for weeks."""


@dataclass(frozen=True, slots=True)
class Incident:
    id: str  # 20260107T032214Z-execution
    group: str
    sev: Sev
    opened_at: Instant
    members: Table[Identity, bool]  # those that are open
    over: tuple[Identity, ...] = ()  # the newest of those that are not
    ended: int = 0  # how often one of its alerts ended
    resolved_at: Instant | None = None
    acknowledgements: tuple[tuple[Identity, Acknowledgement], ...] = ()  # the newest

    @property
    def open(self) -> bool:
        return self.resolved_at is None

    @property
    def drill(self) -> bool:
        """Practice: nothing of the platform's."""
        return self.group == DRILL_GROUP


def opened(edge: Edge, previous: Incident | None) -> Incident:
    """A new incident with its first alert. Ids are unique within a group, also within one second."""
    stem = f"{edge.at.wall:%Y%m%dT%H%M%SZ}-{edge.alert.group}"
    again = previous is not None and previous.id.startswith(stem)
    name = f"{stem}-{edge.at.wall.microsecond:06d}" if again else stem
    name = edge.alert.incident or name  # an alert that was restored goes on in the incident that it was part of
    first = Table[Identity, bool]().with_({edge.alert.identity: True})
    began = edge.alert.fired_at if edge.kind is EdgeKind.RESTORED else None
    known = _acknowledged((), edge)
    return Incident(name, edge.alert.group, edge.alert.sev, began or edge.at, first, acknowledgements=known)


Acknowledgements = tuple[tuple[Identity, Acknowledgement], ...]


def _acknowledged(before: Acknowledgements, edge: Edge) -> Acknowledgements:
    """With what somebody has just said, or had said of an alert that was restored."""
    said = edge.alert.acknowledged
    if said is None or edge.kind not in (EdgeKind.ACKNOWLEDGED, EdgeKind.RESTORED):
        return before
    return (*before, (edge.alert.identity, said))[-KEPT:]


def after(incident: Incident, edge: Edge) -> Incident:
    """The incident after an edge of one of its group's alerts: joined, escalated or resolved."""
    identity, ends = edge.alert.identity, edge.kind is EdgeKind.RESOLVED
    incident = replace(incident, acknowledgements=_acknowledged(incident.acknowledgements, edge))
    if edge.kind is EdgeKind.ACKNOWLEDGED:
        return incident
    others = tuple(other for other in incident.over if other != identity)
    members = incident.members.with_({identity: None if ends else True})
    return replace(
        incident,
        sev=min(incident.sev, edge.alert.sev),
        members=members,
        over=(*others, identity)[-KEPT:] if ends else others,
        ended=incident.ended + ends,
        resolved_at=None if members else edge.at,
    )
