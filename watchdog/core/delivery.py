"""From a page to somebody who hears it: what each receiver took, what read-back says, and when to go around. Pure.

* No Alertmanager has taken it within ``fallback_after``: it goes around (``EdgeKind.UNHEARD``), also when the alert has
  ended meanwhile: that it was there is worth the page.
* Every peer that answers says that nobody will hear of a Sev-0, or none can say so for ``readback_within``: likewise.
  One peer through which it is heard is enough, and what was heard once is not lost by a later silence of read-back.
  A Sev-0 that ended meanwhile is asked for all the same: who heard of it is not known yet.
* Nobody has acknowledged a Sev-0 after each of ``escalation``'s delays: ``EdgeKind.ESCALATED``, to its receivers.

Once a page (``Alert.told_at``) and cause, and never after its acknowledgement. An alert that flaps cannot put its page
off: a page that comes before the last one was taken waits since that one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeVar

from watchdog.core.agenda import Agenda
from watchdog.core.alert import Alert, Edge, EdgeKind, Identity
from watchdog.core.instant import Instant
from watchdog.core.notice import bounded
from watchdog.core.report import Accepted, Hearing, ReadBack, Recalled, Report
from watchdog.core.severity import Sev
from watchdog.core.table import Table

UNACCEPTED, UNKNOWN, UNHEARD = "unaccepted", "unknown", "unheard"
READ = ("silenced", "inhibited", "muted", "no integration")
"""Why nobody hears of it, as read-back words it; anything else is ``UNHEARD``."""
CAUSES = (UNACCEPTED, *READ, UNHEARD, UNKNOWN)
"""For which a page goes around."""
RECEIVERS, CLAUSE = 64, 300
"""Receivers of one page that are remembered, the newest; characters of a read-back's words."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the escalation: seconds after the page, and the names of the outlets that are then told."""

    after: float
    receivers: tuple[str, ...]


class When(StrEnum):
    """Which pages go to a receiver."""

    ALWAYS = "always"
    FALLBACK = "fallback"  # those that nobody else hears of
    ESCALATION = "escalation"  # those that escalate to it


@dataclass(frozen=True, slots=True)
class Expected:
    """A receiver that is there to hear of pages, down to the mildest Sev of which it hears."""

    receiver: str
    when: When
    mildest: Sev
    peer: bool = False  # an Alertmanager


@dataclass(frozen=True, slots=True)
class Paging:
    """How pages are to arrive. Seconds. ``peers``: Alertmanagers are configured, so that their silence means
    something, or receivers that stand in for them. ``escalation``: by rising delay. ``labels`` are those that every
    alert carries (they are part of its fingerprint). ``expected``: who is told as of now, for peers come and go."""

    labels: Mapping[str, str] = field(default_factory=dict)
    peers: bool = False
    fallback_after: float = 1.0
    readback_within: float = 10.0
    escalation: tuple[Step, ...] = ()
    expected: tuple[Expected, ...] = ()


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of the newest page of one alert."""

    alert: Alert  # as it was told
    told_at: Instant
    accepted: Mapping[str, Accepted] = field(default_factory=dict)  # by receiver, the first time
    read_back: Mapping[str, ReadBack] = field(default_factory=dict)  # by peer, the newest
    around: tuple[str, ...] = ()  # the causes for which it has gone around
    escalated: int = 0  # steps that were taken
    waits_since: Instant | None = None  # for a peer to take it, where that is not told_at: told again, or flapping
    unsure_since: Instant | None = None  # a peer took it, and none has yet said that somebody hears of it
    heard: bool = False  # a peer has said so, once
    ended: bool = False  # its alert is over

    @property
    def unread(self) -> bool:
        """Over, and nobody could say yet whether anybody heard of it: peers are asked for as long as they list it."""
        return self.ended and self.alert.sev is Sev.SEV0

    @property
    def settled(self) -> bool:
        """Nothing more has to be found out of an alert that is over."""
        if self.around or self.alert.acknowledged is not None:
            return True
        return self.taken and (self.heard or self.alert.sev is not Sev.SEV0)

    @property
    def taken(self) -> bool:
        """By a peer."""
        return any(accepted.peer for accepted in self.accepted.values())

    @property
    def hearing(self) -> Hearing:
        """What the peers say together."""
        said = [read.hearing for read in self.read_back.values()]
        return next((hearing for hearing in (Hearing.HEARD, Hearing.UNHEARD) if hearing in said), Hearing.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Deliveries:
    """Of every page at Sev-0 and Sev-1: those that are open, and those that ended before anybody took them or, at
    Sev-0, before anybody was known to hear of them (no longer than ``fallback_after`` and ``readback_within``). So
    there are no more than alerts."""

    of: Table[Identity, Delivery] = field(default_factory=Table)
    agenda: Agenda[Identity] = field(default_factory=Agenda)
    unheard: Mapping[str, int] = field(default_factory=dict)  # how often pages went around, by cause
    escalated: int = 0  # how often pages escalated

    def after(
        self,
        edges: Sequence[Edge],
        reports: Sequence[Report],
        alerts: Mapping[Identity, Alert],
        paging: Paging,
        at: Instant,
    ) -> tuple[Deliveries, Sequence[Edge]]:
        """The deliveries after one turn, and the edges that follow from them (UNHEARD, ESCALATED). A turn in which
        nothing happens costs nothing."""
        due = self.agenda.next_due()
        if not edges and not reports and (due is None or due > at.mono):
            return self, ()
        return _Turn(self, alerts, paging, at).result(edges, reports)

    def next_due(self) -> float | None:
        """The monotonic second at which time alone makes a page go around or escalate."""
        return self.agenda.next_due()


class _Turn:
    """The work of one ``after``; it lives no longer than the call."""

    def __init__(self, before: Deliveries, alerts: Mapping[Identity, Alert], paging: Paging, at: Instant) -> None:
        self.before, self.alerts, self.paging, self.at = before, alerts, paging, at
        self.due, self.agenda = before.agenda.taken(at.mono)
        self.now: dict[Identity, Delivery | None] = {}
        self.unheard, self.escalated = dict(before.unheard), before.escalated
        self.edges: list[Edge] = []

    def result(self, edges: Sequence[Edge], reports: Sequence[Report]) -> tuple[Deliveries, Sequence[Edge]]:
        for edge in edges:
            self._happened(edge)
        for report in reports:
            self._reported(report)
        for identity in dict.fromkeys((*self.now, *self.due)):
            if (delivery := self._delivery(identity)) is not None:
                self._keep(identity, self._escalated(self._gone_around(delivery)))
        return Deliveries(self.before.of.with_(self.now), self.agenda, self.unheard, self.escalated), tuple(self.edges)

    def _delivery(self, identity: Identity) -> Delivery | None:
        return self.now[identity] if identity in self.now else self.before.of.get(identity)

    # what happened

    def _happened(self, edge: Edge) -> None:
        identity = edge.alert.identity
        before = self._delivery(identity)
        if edge.kind.page or edge.kind is EdgeKind.RESTORED:
            if edge.alert.sev <= Sev.SEV1:
                self.now[identity] = _begun(edge, before)
        elif before is not None and edge.kind is EdgeKind.ACKNOWLEDGED:
            self.now[identity] = replace(before, alert=replace(before.alert, acknowledged=edge.alert.acknowledged))
        elif before is not None and edge.kind is EdgeKind.RESOLVED:
            self.now[identity] = replace(before, ended=True)

    def _reported(self, report: Report) -> None:
        identity = report.alert.identity if isinstance(report, Recalled) else report.identity
        if (before := self._delivery(identity)) is not None:
            self.now[identity] = _told(before, report)

    # what follows

    def _gone_around(self, delivery: Delivery) -> Delivery:
        anew = dict(self._causes(delivery)) if delivery.alert.acknowledged is None else {}
        anew = {cause: why for cause, why in anew.items() if cause not in delivery.around}
        if not anew:
            return delivery
        why = "; ".join(anew[cause] for cause in sorted(anew))
        self.edges.append(Edge(EdgeKind.UNHEARD, delivery.alert, self.at, why=why))
        for cause in anew:
            self.unheard[cause] = self.unheard.get(cause, 0) + 1
        return replace(delivery, around=(*delivery.around, *anew))

    def _causes(self, delivery: Delivery) -> Iterator[tuple[str, str]]:
        """Each with its clause."""
        if delivery.hearing is Hearing.UNHEARD and _read(delivery, self.paging):
            for peer in sorted(delivery.read_back, reverse=True):  # of several with one cause the first says it
                read = delivery.read_back[peer]
                if read.hearing is Hearing.UNHEARD:
                    yield _cause(read.why), f"{read.why} ({peer})"
        waits = _waits(delivery, self.paging)
        if waits is not None and waits[0] <= self.at.mono:
            yield waits[1], _clause(waits[1], delivery, self.paging)

    def _escalated(self, delivery: Delivery) -> Delivery:
        """Of several steps that are due at once (after a restart) each receiver is told once."""
        steps = self.paging.escalation[delivery.escalated :] if _escalates(delivery) else ()
        due = [step for step in steps if delivery.told_at.mono + step.after <= self.at.mono]
        if not due:
            return delivery
        to = dict.fromkeys(name for step in due for name in step.receivers)
        alert = self.alerts.get(delivery.alert.identity, delivery.alert)
        why = f"nobody has acknowledged it within {due[-1].after:g} s"
        self.edges.append(Edge(EdgeKind.ESCALATED, alert, self.at, why=why, to=tuple(to)))
        self.escalated += len(due)
        return replace(delivery, escalated=delivery.escalated + len(due))

    def _keep(self, identity: Identity, delivery: Delivery) -> None:
        over = delivery.ended and (delivery.settled or not self.paging.peers)
        self.now[identity] = None if over else delivery
        self.agenda = self.agenda.with_(identity, None if over else _next(delivery, self.paging))


def _begun(edge: Edge, before: Delivery | None) -> Delivery:
    told_at = edge.alert.told_at or edge.alert.fired_at or edge.at
    if edge.kind is EdgeKind.RESTORED:
        return Delivery(edge.alert, told_at, waits_since=edge.at)
    if before is None or before.alert.acknowledged is not None:
        return Delivery(edge.alert, told_at)
    waits_since = None if before.taken or UNACCEPTED in before.around else before.waits_since or before.told_at
    unsure_since = None if before.heard or UNKNOWN in before.around else before.unsure_since
    return Delivery(edge.alert, told_at, waits_since=waits_since, unsure_since=unsure_since)


def _told(before: Delivery, report: Report) -> Delivery:
    """What is said of an earlier page says nothing of this one."""
    match report:
        case Accepted() if report.told_at >= before.told_at.mono:
            unsure_since = before.unsure_since or (report.at if report.peer else None)
            accepted = _newest({**before.accepted, report.receiver: before.accepted.get(report.receiver, report)})
            return replace(before, accepted=accepted, unsure_since=unsure_since)
        case ReadBack() if report.at.mono >= before.told_at.mono:
            read = replace(report, why=bounded(report.why, CLAUSE))
            others = {peer: said for peer, said in before.read_back.items() if peer != report.peer}
            heard = before.heard or report.hearing is Hearing.HEARD
            return replace(before, read_back=_newest(others | {report.peer: read}), heard=heard)
        case Recalled() if not report.ended:
            return _joined(before, report)
    return before


def _joined(before: Delivery, recalled: Recalled) -> Delivery:
    """With what an earlier life knew of the same page; whether it is heard is asked for anew."""
    told_at = recalled.alert.told_at
    if told_at is None or abs((told_at.wall - before.told_at.wall).total_seconds()) > SAME_PAGE:
        return before
    earlier = {accepted.receiver: accepted for accepted in recalled.accepted}
    taken = any(accepted.peer for accepted in recalled.accepted)
    acknowledged = before.alert.acknowledged or recalled.alert.acknowledged
    return replace(
        before,
        alert=replace(before.alert, acknowledged=acknowledged),
        accepted=_newest({**earlier, **before.accepted}),
        around=tuple(dict.fromkeys((*recalled.around, *before.around))),
        escalated=max(recalled.escalated, before.escalated),
        unsure_since=before.unsure_since or ((before.waits_since or before.told_at) if taken else None),
    )


SAME_PAGE = 1.0
"""Seconds by which two memories of one page's instant may differ: clocks, and the rounding of what was written."""

V = TypeVar("V")


def _newest(by_name: Mapping[str, V]) -> Mapping[str, V]:
    return by_name if len(by_name) <= RECEIVERS else dict([*by_name.items()][-RECEIVERS:])


def _read(delivery: Delivery, paging: Paging) -> bool:
    return paging.peers and delivery.alert.sev is Sev.SEV0


def _waits(delivery: Delivery, paging: Paging) -> tuple[float, str] | None:
    """When time alone makes it go around, and for which cause."""
    if not delivery.taken:
        since = delivery.waits_since or delivery.told_at
        return (since.mono + paging.fallback_after, UNACCEPTED) if paging.peers else None
    if not _read(delivery, paging) or delivery.heard or delivery.hearing is not Hearing.UNKNOWN:
        return None
    return (delivery.unsure_since or delivery.told_at).mono + paging.readback_within, UNKNOWN


def _escalates(delivery: Delivery) -> bool:
    return delivery.alert.sev is Sev.SEV0 and not delivery.ended and delivery.alert.acknowledged is None


def _next(delivery: Delivery, paging: Paging) -> float | None:
    waits, steps = _waits(delivery, paging), paging.escalation[delivery.escalated :]
    due = [waits[0]] if waits and waits[1] not in delivery.around and delivery.alert.acknowledged is None else []
    if steps and _escalates(delivery):
        due.append(delivery.told_at.mono + steps[0].after)
    return min(due, default=None)


def _cause(why: str) -> str:
    """The word of ``READ`` that comes first in it: what follows may be anybody's comment."""
    places = [(place, cause) for cause in READ if (place := why.find(cause)) >= 0]
    return min(places)[1] if places else UNHEARD


def _clause(cause: str, delivery: Delivery, paging: Paging) -> str:
    if cause == UNACCEPTED:
        return f"no Alertmanager has accepted it within {paging.fallback_after:g} s"
    said = "; ".join(f"{peer}: {read.why}" for peer, read in sorted(delivery.read_back.items()))
    could_not = f"could not be found out within {paging.readback_within:g} s whether anybody hears of it"
    return f"it {could_not}" + (f" ({bounded(said, CLAUSE)})" if said else "")
