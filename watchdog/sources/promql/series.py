"""Which series of a query there were. One that stops is unknown, never gone and never zero, unless its query states
that there is no series while nothing happens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from watchdog.core.facts import Metric, Subject, Unknown
from watchdog.core.instant import Instant
from watchdog.core.observation import Facts
from watchdog.ports import Unreachable
from watchdog.sources.promql.readings import unread
from watchdog.sources.promql.stanza import Query

FORGOTTEN_AFTER = 86_400.0
"""Seconds after which a series that stopped, and is not expected, was given up on purpose."""
MOST_REMEMBERED = 1_000
"""Series of one query. Beyond, those that stopped the longest ago are forgotten first: names that change with every
Pod must not grow without end."""


@dataclass(slots=True)
class Series:
    """Of one query, over all lives of its stream."""

    query: Query
    _last: dict[str, Instant] = field(default_factory=dict)  # when each was seen last, oldest first

    def told(self, seen: Mapping[str, Metric], now: Instant) -> Facts:
        """What there is, and what is missing. Raises ``Unreachable`` where nothing is, or could have been."""
        for name in seen:
            self._last.pop(name, None)
            self._last[name] = now
        forgotten = list(self._forget(now, keep=len(seen)))
        missing = [unread(self.query, name, self._why(name)) for name in self._known() if name not in seen]
        if not seen and not missing and not self._nothing:
            raise Unreachable("NoSeries", "the query answers no series at all")
        return Facts((*seen.values(), *missing), gone=tuple(map(self._subject, forgotten)), at=now)

    @property
    def _nothing(self) -> bool:
        """Whether a series that is missing says that nothing happened."""
        return self.query.absent == "nothing"

    def _known(self) -> Mapping[str, None]:
        return dict.fromkeys((*self.query.expect, *self._last))

    def _why(self, name: str) -> Unknown:
        if name in self._last:
            return Unknown("NoSeries", f"there is no such series any more; it was there at {self._last[name]}")
        return Unknown("NoSeries", "there is no such series, and none was seen yet")

    def _forget(self, now: Instant, keep: int) -> Iterator[str]:
        missing = [name for name in self._last if self._last[name] != now and name not in self.query.expect]
        beyond = max(0, keep + len(missing) - MOST_REMEMBERED)
        for number, name in enumerate(missing):
            if self._nothing or number < beyond or now.since(self._last[name]) > FORGOTTEN_AFTER:
                del self._last[name]
                yield name

    def _subject(self, name: str) -> Subject:
        return Subject(Metric.KIND, (("metric", self.query.metric), ("series", name)))
