"""From a page to somebody who hears it: what each receiver took, what read-back says, and when to go around. Pure.

* Nobody has taken it within ``fallback_after``: it goes around (``EdgeKind.UNHEARD``).
* Every peer that answers says that nobody will hear of a Sev-0, or none can say so for ``readback_within``: likewise.
* Nobody has acknowledged a Sev-0 after each of ``escalation``'s delays: ``EdgeKind.ESCALATED``, to its receivers.

Once an alert, page and cause, and never after its acknowledgement.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from watchdog.core.alert import Alert, Edge, Identity
from watchdog.core.instant import Instant
from watchdog.core.report import Accepted, ReadBack, Report
from watchdog.core.table import Table


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the escalation: seconds after the page, and the names of the outlets that are then told."""

    after: float
    receivers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Paging:
    """How pages are to arrive. Seconds. ``peers``: Alertmanagers are configured, so that their silence means
    something. ``labels`` are those that every alert carries (they are part of its fingerprint)."""

    labels: Mapping[str, str] = field(default_factory=dict)
    peers: bool = False
    fallback_after: float = 1.0
    readback_within: float = 10.0
    escalation: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of the newest page of one alert."""

    alert: Alert  # as it was told
    told_at: Instant
    accepted: Mapping[str, Accepted] = field(default_factory=dict)  # by receiver
    read_back: Mapping[str, ReadBack] = field(default_factory=dict)  # by peer
    around: tuple[str, ...] = ()  # the causes for which it has gone around
    escalated: int = 0  # steps that were taken


@dataclass(frozen=True, slots=True)
class Deliveries:
    """Of every page at Sev-0 and Sev-1: those that are open, and those that ended before anybody took them."""

    of: Table[Identity, Delivery] = field(default_factory=Table)

    def after(
        self,
        edges: Sequence[Edge],
        reports: Iterable[Report],
        alerts: Mapping[Identity, Alert],
        paging: Paging,
        at: Instant,
    ) -> tuple[Deliveries, Sequence[Edge]]:
        """The deliveries after one turn, and the edges that follow from them (UNHEARD, ESCALATED)."""
        return self, ()

    def next_due(self) -> float | None:
        """The monotonic second at which time alone makes a page go around or escalate."""
        return None
