"""What one peer has taken, and what it is owed: only that is sent, so that what is slow still comes to its end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from typing import NamedTuple, TypeAlias

from watchdog.core.alert import Alert, Edge, EdgeKind, Identity
from watchdog.core.assessment import Assessment
from watchdog.core.instant import Instant
from watchdog.core.notice import bare
from watchdog.core.report import Accepted
from watchdog.core.severity import Sev
from watchdog.outlets import Batch

ENDED_SECONDS = 15 * 60.0
"""How long what has ended is sent again (conventions.md)."""
CHUNK = 64
"""Alerts in one request at most."""

OUR_OWN = frozenset({EdgeKind.UNHEARD, EdgeKind.ESCALATED})
"""What happened to a page on its way is nothing that happened to its alert."""

Key: TypeAlias = tuple[Identity, Sev]


@dataclass(frozen=True, slots=True)
class Notice:
    """One alert at one Sev, as a peer is to see it: firing, or ended at an instant."""

    alert: Alert
    sev: Sev
    ended: Instant | None = None

    @property
    def key(self) -> Key:
        return self.alert.identity, self.sev

    @property
    def began(self) -> Instant:
        return self.alert.fired_at or self.alert.active_since

    @property
    def told_at(self) -> Instant:
        """When its newest page was due."""
        return self.alert.told_at or self.began

    def bare(self, now: Instant, why: str) -> Notice:
        """As far as it can be told where its data is odd."""
        return replace(self, alert=bare(self.alert, now, why), ended=self.ended and Instant(now.wall, self.ended.mono))

    @property
    def urgent(self) -> bool:
        return self.sev is Sev.SEV0 and self.ended is None


class Taken(NamedTuple):
    as_of: float  # the level's monotonic second
    at: Instant  # when the peer took it


@dataclass(slots=True)
class Peer:
    lapses: bool = False  # what ended is not sent as ended: another replica may still see it, so its lease runs out
    ended: dict[Key, Notice] = field(default_factory=dict)
    taken: dict[Key, Taken] = field(default_factory=dict)
    refused: dict[Key, str] = field(default_factory=dict)  # for good, with its reason (a 400 for it alone)
    renewed: float = -inf  # when it last had everything (monotonic seconds)
    chunk: int = CHUNK
    proven: bool = False  # it has taken a request of the publish that runs now
    complained: bool = False  # the last receipt said that it refuses an alert
    pages: dict[Identity, float] = field(default_factory=dict)  # the newest page of each that it has taken: its told_at
    vigil: Instant | None = None  # since when the Watchdog alert is renewed there

    def note_endings(self, edges: Iterable[Edge], now: Instant) -> Sequence[Key]:
        """Answers what is over for so long that it need not be remembered any more."""
        over = [(key, now.since(notice.ended)) for key, notice in self.ended.items() if notice.ended is not None]
        forgotten = [key for key, seconds in over if seconds > ENDED_SECONDS]
        for key in forgotten:
            for memory in (self.ended, self.taken, self.refused):
                memory.pop(key, None)
            self.pages.pop(key[0], None)
        for edge in edges:
            self.ended.pop((edge.alert.identity, edge.alert.sev), None)
            notice = _ending(edge)
            if notice is not None and self.refused.pop(notice.key, None) is None:  # else it never began there
                self.ended[notice.key] = notice
        return forgotten

    def owed(self, batch: Batch, now: Instant, interval: float) -> list[Notice]:
        """What is new and, when it is time, everything that it has not taken lately. The worst first, and within a Sev
        what is new, the newest page first, then what it has not heard of for the longest time; what it refuses last.
        What it is still to be asked for is not ended there: it would not list it."""
        self._forget_what_is_there_again(batch.level)
        news = _news(batch)
        every = self.renewal_due(batch, now, interval)
        firing = _firing(batch.level, batch.level.alerts if every else news)
        told = batch.level.deliveries.of
        unread = {key for key in self.ended if (delivery := told.get(key[0])) is not None and delivery.unread}
        over = {key: n for key, n in self.ended.items() if not self.lapses and key not in unread}
        ended = [n for key, n in over.items() if every or key[0] in news]
        due = [notice for notice in (*firing, *ended) if self._is_due(notice, news, now, interval)]
        return sorted(due, key=lambda notice: self._rank(notice, news))

    def _forget_what_is_there_again(self, level: Assessment) -> None:
        for identity, sev in [*self.ended]:
            if (alert := level.alerts.get(identity)) is not None and alert.open and alert.sev is sev:
                del self.ended[identity, sev]

    def renewal_due(self, batch: Batch, now: Instant, interval: float) -> bool:
        return batch.renew or not batch.edges or now.mono - self.renewed >= interval

    def _is_due(self, notice: Notice, news: Mapping[Identity, float], now: Instant, interval: float) -> bool:
        """Half of the interval: what was taken by an attempt that did not come to its end is not sent again at once."""
        as_of = self._as_of(notice)
        return as_of < news.get(notice.alert.identity, -inf) or now.mono - as_of >= interval / 2

    def _as_of(self, notice: Notice) -> float:
        taken = self.taken.get(notice.key)
        return -inf if taken is None else taken.as_of

    def _rank(self, notice: Notice, news: Mapping[Identity, float]) -> tuple[bool, bool, Sev, bool, float, float]:
        old = notice.alert.identity not in news
        waiting = self._as_of(notice) if old else 0.0
        return notice.key in self.refused, notice.ended is not None, notice.sev, old, waiting, -notice.told_at.mono

    def requests(self, owed: Sequence[Notice]) -> Iterator[Sequence[Notice]]:
        """Sev-0 in requests of its own, and drills in others; at the end, each alone, what was refused before."""
        suspects = [[notice] for notice in owed if notice.key in self.refused]
        sound = [notice for notice in owed if notice.key not in self.refused]
        drills = [notice for notice in sound if notice.alert.drill]
        sound = [notice for notice in sound if not notice.alert.drill]
        yield from self._chunks([notice for notice in sound if notice.urgent])
        yield from self._chunks(drills)
        yield from self._chunks([notice for notice in sound if not notice.urgent])
        yield from suspects

    def _chunks(self, notices: Sequence[Notice]) -> Iterator[Sequence[Notice]]:
        while notices:
            chunk, notices = notices[: self.chunk], notices[self.chunk :]
            yield chunk

    def take(
        self, notices: Iterable[Notice], as_of: float, sent: Instant, at: Instant, receiver: str
    ) -> Sequence[Accepted]:
        """Answers the pages among them, each once, however often it is renewed."""
        self.chunk = min(CHUNK, self.chunk * 2)
        pages = list[Accepted]()
        for notice in notices:
            self.taken[notice.key] = Taken(as_of, at)
            self.refused.pop(notice.key, None)
            identity, told_at = notice.alert.identity, notice.alert.told_at
            if notice.ended is None and told_at is not None and self.pages.get(identity) != told_at.mono:
                self.pages[identity] = told_at.mono
                pages.append(Accepted(identity, receiver, told_at.mono, sent, at, peer=True))
        return pages

    def had_news_at(self, batch: Batch) -> Instant | None:
        """When it took the last of what is new in ``batch``."""
        news = _news(batch)
        instants = [taken.at for notice in _firing(batch.level, news) if (taken := self.taken.get(notice.key))]
        return max(instants, key=lambda instant: instant.mono, default=None)


def _news(batch: Batch) -> dict[Identity, float]:
    """Each alert that something happened to, and the monotonic second of the newest."""
    return {edge.alert.identity: edge.at.mono for edge in batch.edges}


def _ending(edge: Edge) -> Notice | None:
    """The label set that is over: an alert that resolved, or the lower Sev of one that rose."""
    if edge.kind is EdgeKind.RESOLVED:
        return Notice(edge.alert, edge.alert.sev, edge.at)
    if edge.kind is EdgeKind.ROSE and edge.was is not None:
        return Notice(edge.alert, edge.was, edge.at)
    return None


def _firing(level: Assessment, identities: Iterable[Identity]) -> list[Notice]:
    alerts = (level.alerts.get(identity) for identity in identities)
    return [Notice(alert, alert.sev) for alert in alerts if alert is not None and alert.open]
