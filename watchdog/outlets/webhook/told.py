"""What one receiver was told, and what it is owed: each alert's edges are told in order, alerts beside each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple

from watchdog.core.alert import Edge, EdgeKind, Identity
from watchdog.core.assessment import Assessment
from watchdog.core.instant import Instant
from watchdog.core.payload import Message
from watchdog.core.severity import Sev
from watchdog.outlets import Batch
from watchdog.outlets.webhook.recipient import Recipient

CLOSE = 0.01
"""Seconds: an instant that was written and read again is rounded to the millisecond."""


class Mark(NamedTuple):
    """Which edge."""

    identity: Identity
    kind: EdgeKind
    at: float  # monotonic seconds
    order: int


def mark(edge: Edge) -> Mark:
    return Mark(edge.alert.identity, edge.kind, edge.at.mono, edge.order)


@dataclass(frozen=True, slots=True)
class Story:
    """The edges of one alert that this receiver has not been told of, in order."""

    identity: Identity
    last: Edge  # whether it was told of it or not
    edges: tuple[Edge, ...]
    pages: tuple[Edge, ...]  # those of them that page this receiver

    @property
    def sev(self) -> Sev:
        return min(edge.alert.sev for edge in self.pages or (self.last,))

    @property
    def newest(self) -> float:
        return max(edge.at.mono for edge in self.pages or (self.last,))


@dataclass(slots=True)
class Told:
    standing: dict[tuple[Identity, Sev], None] = field(default_factory=dict)  # it took that they began, not the end
    done: dict[Mark, Instant | None] = field(default_factory=dict)  # of a batch that comes again: when it took it
    failed: dict[Identity, None] = field(default_factory=dict)  # those that it did not take, the last time
    refused: dict[Identity, str] = field(default_factory=dict)  # for good, with its reason
    complained: bool = False  # the last receipt said that it refuses an alert
    quiet_until: float = -inf  # monotonic second until which it asked to be left alone

    def stories(self, batch: Batch, recipient: Recipient) -> list[Story]:
        """What it is owed: the worst Sev first, within one what has not failed yet, then the newest; ends go last."""
        marks = {mark(edge) for edge in batch.edges}
        self.done = {one: at for one, at in self.done.items() if one in marks}
        self.refused = {identity: why for identity, why in self.refused.items() if identity in batch.level.alerts}
        edges: dict[Identity, list[Edge]] = {}
        for edge in batch.edges:
            edges.setdefault(edge.alert.identity, []).append(edge)
        stories = [self._story(identity, all_of_it, recipient) for identity, all_of_it in edges.items()]
        return sorted((story for story in stories if self._matters(story)), key=self._rank)

    def _story(self, identity: Identity, edges: Sequence[Edge], recipient: Recipient) -> Story:
        new = tuple(edge for edge in edges if mark(edge) not in self.done)
        return Story(identity, edges[-1], new, tuple(edge for edge in new if recipient.wants(edge)))

    def _matters(self, story: Story) -> bool:
        restored = any(edge.kind is EdgeKind.RESTORED for edge in story.edges)  # an earlier life may have told of it
        return bool(story.pages) or restored or bool(self._of(story.identity))

    def _rank(self, story: Story) -> tuple[bool, Sev, bool, float]:
        return not story.pages, story.sev, story.identity in self.failed, -story.newest

    def messages(self, edge: Edge, recipient: Recipient, level: Assessment) -> Iterator[Message]:
        """What follows from one edge, one after the other: what was taken meanwhile counts."""
        alert, identity = edge.alert, edge.alert.identity
        if edge.kind is EdgeKind.RESOLVED:
            yield from _endings(edge, self._of(identity))
        elif edge.kind is EdgeKind.RESTORED and _knows(edge, recipient, level):
            self.standing[identity, alert.sev] = None
        elif recipient.wants(edge):
            yield Message(alert, alert.sev, edge.kind, why=edge.why)
            if (identity, alert.sev) in self.standing:
                yield from _endings(edge, [sev for sev in self._of(identity) if sev is not alert.sev])

    def endings_of_what_is_over(self, story: Story, level: Assessment) -> Iterator[Message]:
        """What it was told of only after the end."""
        alert = level.alerts.get(story.identity)
        if alert is None or not alert.open:
            yield from _endings(story.last, self._of(story.identity))

    def _of(self, identity: Identity) -> Sequence[Sev]:
        """At which it took it, and not yet its end."""
        return [sev for sev in Sev if (identity, sev) in self.standing]

    def took(self, message: Message) -> None:
        key = message.alert.identity, message.sev
        if message.ended is None:
            self.standing[key] = None
            self.refused.pop(message.alert.identity, None)
        else:
            self.standing.pop(key, None)

    def refuses(self, message: Message, why: str) -> None:
        self.standing.pop((message.alert.identity, message.sev), None)
        self.refused[message.alert.identity] = f"Refused: {message.alert.identity}: {why}"

    def left(self, stories: Sequence[Story]) -> None:
        """``stories``: those that it did not take to the end, and that come again."""
        self.failed = {story.identity: None for story in stories}

    def had_news_at(self, batch: Batch) -> Instant | None:
        """When it took the last of what fired, if it took all of it."""
        instants = [self.done.get(mark(edge)) for edge in batch.edges if edge.kind is EdgeKind.FIRED]
        known = [instant for instant in instants if instant is not None]
        return max(known, key=lambda i: i.mono) if known and len(known) == len(instants) else None


def _endings(edge: Edge, sevs: Iterable[Sev]) -> Iterator[Message]:
    for sev in sevs:
        yield Message(edge.alert, sev, EdgeKind.RESOLVED, ended=edge.at)


def _knows(edge: Edge, recipient: Recipient, level: Assessment) -> bool:
    """Whether it took the page of a restored alert in an earlier life, or need not hear of it any more."""
    delivery, told_at = level.deliveries.of.get(edge.alert.identity), edge.alert.told_at
    accepted = None if delivery is None else delivery.accepted.get(recipient.name)
    if accepted is not None and told_at is not None and accepted.told_at >= told_at.mono - CLOSE:
        return True
    return edge.alert.acknowledged is not None
