"""Incidents: one open incident a rule group; its Sev is the worst that it has reached."""

from __future__ import annotations

from dataclasses import dataclass, replace

from watchdog.core.alert import Edge, EdgeKind, Identity
from watchdog.core.instant import Instant
from watchdog.core.severity import Sev
from watchdog.core.table import Table


@dataclass(frozen=True, slots=True)
class Incident:
    id: str  # 20260107T032214Z-execution
    group: str
    sev: Sev
    opened_at: Instant
    members: Table[Identity, bool]  # every alert that ever joined; True while it is open
    open_members: int
    resolved_at: Instant | None = None

    @property
    def open(self) -> bool:
        return self.resolved_at is None


def opened(edge: Edge, previous: Incident | None) -> Incident:
    """A new incident with its first alert. Ids are unique within a group, also within one second."""
    stem = f"{edge.at.wall:%Y%m%dT%H%M%SZ}-{edge.alert.group}"
    again = previous is not None and previous.id.startswith(stem)
    name = f"{stem}-{edge.at.wall.microsecond:06d}" if again else stem
    return Incident(
        name, edge.alert.group, edge.alert.sev, edge.at, Table[Identity, bool]().with_({edge.alert.identity: True}), 1
    )


def after(incident: Incident, edge: Edge) -> Incident:
    """The incident after an edge of one of its group's alerts: joined, escalated or resolved."""
    identity, is_open = edge.alert.identity, edge.kind is not EdgeKind.RESOLVED
    left = incident.open_members + is_open - bool(incident.members.get(identity))
    return replace(
        incident,
        sev=min(incident.sev, edge.alert.sev),
        members=incident.members.with_({identity: is_open}),
        open_members=left,
        resolved_at=None if left else edge.at,
    )
