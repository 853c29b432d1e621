"""What an assessment says that the ledger has not told yet, as entries to come. Pure but for its own memory.

Edges come one by one, in order, none coalesced. What changes without an edge is found by comparing the newest level
with what was told: the tables share all buckets that did not change, so that this costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from watchdog.core.alert import Alert, Edge, EdgeKind, Identity
from watchdog.core.assessment import Assessment
from watchdog.core.delivery import Delivery
from watchdog.core.facts import OperatorEntry, Subject
from watchdog.core.instant import Instant
from watchdog.core.known import Known
from watchdog.core.record import record_of
from watchdog.core.severity import Sev
from watchdog.core.table import BUCKETS, Table
from watchdog.outlets import Batch, Missed
from watchdog.outlets.ledger.standing import NO_CHANGE, Record, key, named
from watchdog.proof.chain import microseconds

PART = 100
"""Alerts in one entry of a checkpoint: a few milliseconds of work."""
SETTLED = 60.0
"""Seconds after which an alert of an earlier life that this one has not taken over no longer stands."""

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry without its place in the chain. ``sync``: it is to be on the disk before the next."""

    kind: str
    body: Mapping[str, Any]
    sync: bool = False


@dataclass(slots=True)
class Account:
    """What was told. A draft counts as told once it is handed out."""

    held: dict[str, Record] = field(default_factory=dict)  # what stood with an earlier life, until it is taken over
    alerts: dict[Identity, Alert] = field(default_factory=dict)
    deliveries: dict[Identity, Delivery] = field(default_factory=dict)
    entries: dict[Subject, OperatorEntry] = field(default_factory=dict)
    told: list[Edge] = field(default_factory=list)  # of the batch that is being written
    gap: Missed | None = None  # of that batch, as far as it was told
    first: list[Draft] = field(default_factory=list)  # about the ledger itself, before all else
    checkpoint_due: bool = False
    level: Assessment | None = None  # the newest that was told whole
    began: Instant | None = None
    closed: bool = False

    def drafts(self, batch: Batch, at: Instant) -> Iterator[Draft]:
        """Everything new. Broken off, it goes on where it was with the next batch, which begins with the same edges."""
        yield from self._of_itself()
        if not self._again(batch):
            self.told, self.gap = [], None
        for edge in batch.edges[len(self.told) :]:
            self.told.append(edge)
            yield self._edge(edge)
        if batch.missed is not None and batch.missed.count > (self.gap.count if self.gap else 0):
            yield self._gap(batch.missed, batch.level)
        self._let_go(at)
        yield from self._states(batch.level)
        yield from self._deliveries(batch.level)
        yield from self._operators(batch.level)
        self.level = batch.level

    def afterwards(self) -> Iterator[Draft]:
        """What follows from what was written."""
        if self.checkpoint_due:
            yield from self.checkpoint()
            self.checkpoint_due = False
        yield from self._of_itself()

    def _of_itself(self) -> Iterator[Draft]:
        while self.first:
            yield self.first.pop(0)

    def _again(self, batch: Batch) -> bool:
        """Whether it begins with the very edges of the batch before, which was not finished."""
        if self.told:
            return bool(batch.edges) and batch.edges[0] is self.told[0]
        return self.gap is not None and batch.missed is not None and batch.missed.first is self.gap.first

    def checkpoint(self) -> Iterator[Draft]:
        """Every alert that stands, in portions."""
        standing: list[Record | Identity] = [*self.held.values(), *self.alerts]
        parts = max(1, -(-len(standing) // PART))
        for number in range(parts):
            alerts = [self._record(one) for one in standing[number * PART : (number + 1) * PART]]
            yield Draft("checkpoint", {"part": number + 1, "parts": parts, "alerts": alerts})

    def _record(self, one: Record | Identity) -> Record:
        return record_of(self.alerts[one], self.deliveries.get(one)) if isinstance(one, Identity) else one

    def _let_go(self, at: Instant) -> None:
        self.began = self.began or at
        if self.held and at.since(self.began) >= SETTLED:
            self.held.clear()

    # entries

    def _edge(self, edge: Edge) -> Draft:
        kind, alert = f"alert.{edge.kind}", edge.alert
        if kind not in NO_CHANGE:
            self._stands(alert.identity, None if edge.kind is EdgeKind.RESOLVED else alert)
        body: dict[str, Any] = {"alert": record_of(alert), "at": microseconds(edge.at.wall)}
        if edge.was is not None:
            body["was"] = int(edge.was)
        if edge.why:
            body["why"] = edge.why
        if edge.to:
            body["to"] = list(edge.to)
        return Draft(kind, body, sync=alert.sev <= Sev.SEV1)

    def _stands(self, identity: Identity, alert: Alert | None) -> None:
        if self.held:
            self.held.pop(key(identity), None)
        if alert is None:
            self.alerts.pop(identity, None)
        else:
            self.alerts[identity] = alert

    def _gap(self, missed: Missed, level: Assessment) -> Draft:
        """After it the level counts, and a checkpoint says what it is."""
        body = {
            "edges": missed.count - (self.gap.count if self.gap else 0),
            "first": microseconds((self.gap.last if self.gap else missed.first).wall),
            "last": microseconds(missed.last.wall),
        }
        self.gap, self.checkpoint_due = missed, True
        self.alerts = {}
        for identity, alert in level.alerts.items():
            self._stands(identity, alert)
        return Draft("gap", body, sync=True)

    def _states(self, level: Assessment) -> Iterator[Draft]:
        before = Table[Identity, Alert]() if self.level is None else self.level.alerts
        for identity in _changed(before, level.alerts):
            was, now = self.alerts.get(identity), level.alerts.get(identity)
            if (None if was is None else _state(was)) == (None if now is None else _state(now)):
                continue
            self._stands(identity, now)
            told = now or was
            assert told is not None
            body = {"alert": record_of(told), "at": microseconds(level.at.wall)}
            yield Draft("alert.state", body if now is not None else {**body, "ended": True})

    def _deliveries(self, level: Assessment) -> Iterator[Draft]:
        before = Table[Identity, Delivery]() if self.level is None else self.level.deliveries.of
        for identity in _changed(before, level.deliveries.of):
            was, now = self.deliveries.get(identity), level.deliveries.of.get(identity)
            if now is None:
                self.deliveries.pop(identity, None)
            elif was is None or _news(was) != _news(now):
                self.deliveries[identity] = now
                if any(_news(now)[1:]):
                    yield Draft("delivery", _delivery(identity, now))

    def _operators(self, level: Assessment) -> Iterator[Draft]:
        facts = level.posture.facts
        before = Table[Subject, Known]() if self.level is None else self.level.posture.facts
        for subject in [subject for subject in self.entries if subject not in facts]:
            del self.entries[subject]
        for _, bucket in _not_shared(before, facts):
            for fact in [known.fact for known in bucket.values() if isinstance(known.fact, OperatorEntry)]:
                if self.entries.get(fact.subject) != fact:
                    self.entries[fact.subject] = fact
                    yield Draft("operator", asdict(fact), sync=True)


def _changed(before: Table[K, V], now: Table[K, V]) -> Iterator[K]:
    """The keys whose values may differ."""
    for old, new in _not_shared(before, now):
        yield from (one for one in dict.fromkeys((*old, *new)) if old.get(one) is not new.get(one))


def _not_shared(before: Table[K, V], now: Table[K, V]) -> Iterator[tuple[Mapping[K, V], Mapping[K, V]]]:
    if before is now:
        return
    for number in range(BUCKETS):
        old, new = before.bucket(number), now.bucket(number)
        if old is not new:
            yield old, new


def _state(alert: Alert) -> tuple[object, ...]:
    """What of an alert must survive a crash, but for its words. Whether it can be seen just now is none of it: a source
    that blinks would fill the disk."""
    return (
        *(alert.state, alert.sev, alert.active_since, alert.fired_at, alert.cleared_at, alert.rising_since),
        *(alert.told_at, alert.acknowledged, alert.incident),
    )


def _news(delivery: Delivery) -> tuple[object, ...]:
    """A read-back that says the same again is none."""
    read = {peer: (said.hearing, said.why) for peer, said in delivery.read_back.items()}
    return (delivery.told_at, dict(delivery.accepted), read, delivery.around, delivery.escalated)


def _delivery(identity: Identity, delivery: Delivery) -> dict[str, Any]:
    record = record_of(delivery.alert, delivery)
    read = {
        peer: {"hearing": str(said.hearing), "why": said.why, "at": microseconds(said.at.wall)}
        for peer, said in delivery.read_back.items()
    }
    return {**named(identity), "told_at": record["told_at"], "delivery": record["delivery"], "read_back": read}
