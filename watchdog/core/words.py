"""What operators have said: the acknowledgements that hold, by the fingerprint of the alert that they name. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from watchdog.core.alert import Acknowledgement, Alert
from watchdog.core.facts import OperatorEntry
from watchdog.core.instant import Instant, from_rfc3339
from watchdog.core.known import Change, Known
from watchdog.core.notice import fingerprint, labels_of


class Word(NamedTuple):
    alert: str  # its fingerprint
    said: Acknowledgement
    heard: float  # the monotonic second by which it had been said


@dataclass(frozen=True, slots=True)
class Words:
    """Of several acknowledgements that cover one alert the one that reaches furthest counts. One whose entry is taken
    away goes with it; what it has ended does not come back."""

    entries: Mapping[str, Word] = field(default_factory=dict)  # by key
    by_alert: Mapping[str, tuple[Word, ...]] = field(default_factory=dict)  # by fingerprint, the furthest first

    def after(self, changes: Iterable[Change], told_until: Instant) -> Words:
        """The very same if no operator acknowledged anything. ``told_until``: the turn before; whoever wrote what is
        read only now cannot have been told more, whatever his clock said."""
        entries = dict(self.entries)
        for change in changes:
            if change.subject.kind != OperatorEntry.KIND:
                continue
            last, key = change.states[-1], dict(change.subject.labels)["entry"]
            entries.pop(key, None)
            fact = last.fact if isinstance(last, Known) else None
            if isinstance(fact, OperatorEntry) and (said := _said(fact, told_until.wall)) is not None:
                entries[key] = Word(fact.alert, said, told_until.mono)
        if entries == self.entries:
            return self
        by_alert = dict[str, tuple[Word, ...]]()
        for word in sorted(entries.values(), key=_reach, reverse=True):
            by_alert[word.alert] = (*by_alert.get(word.alert, ()), word)
        return Words(entries, by_alert)

    def covering(self, alert: Alert, common: Mapping[str, str]) -> Acknowledgement | None:
        """The acknowledgement of what is told of this alert now, if there is one that it does not bear yet."""
        if not self.by_alert or not alert.open or alert.acknowledged is not None:
            return None
        words = self.by_alert.get(fingerprint(labels_of(alert, common)), ())
        return next((word.said for word in words if alert.covered_by(word.said, word.heard)), None)


def _reach(word: Word) -> tuple[datetime, datetime, str]:
    """In the same order at every replica."""
    return word.said.through, word.said.at, word.said.entry


def _said(entry: OperatorEntry, told_until: datetime) -> Acknowledgement | None:
    through, at = from_rfc3339(entry.through), from_rfc3339(entry.at)
    if entry.verb != "ack" or entry.problem or through is None or at is None:
        return None
    return Acknowledgement(entry.entry, entry.by, entry.why, min(through, told_until), at)
