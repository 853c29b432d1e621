"""What operators have said: the acknowledgements that hold, by the fingerprint of the alert that they name. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from watchdog.core.alert import Acknowledgement, Alert
from watchdog.core.facts import OperatorEntry
from watchdog.core.instant import from_rfc3339
from watchdog.core.known import Change, Known
from watchdog.core.notice import fingerprint, labels_of


@dataclass(frozen=True, slots=True)
class Words:
    """Of several acknowledgements of one alert the one that reaches furthest counts. One whose entry is taken away
    goes with it; what it has ended does not come back."""

    entries: Mapping[str, tuple[str, Acknowledgement]] = field(default_factory=dict)  # fingerprint and word, by key
    by_alert: Mapping[str, Acknowledgement] = field(default_factory=dict)  # by fingerprint

    def after(self, changes: Iterable[Change], told_until: datetime) -> Words:
        """The very same if no operator acknowledged anything. ``told_until``: the turn before; whoever wrote what is
        read only now cannot have been told more, whatever his clock said."""
        entries = dict(self.entries)
        for change in changes:
            if change.subject.kind != OperatorEntry.KIND:
                continue
            last, key = change.states[-1], dict(change.subject.labels)["entry"]
            entries.pop(key, None)
            fact = last.fact if isinstance(last, Known) else None
            if isinstance(fact, OperatorEntry) and (said := _said(fact, told_until)) is not None:
                entries[key] = (fact.alert, said)
        if entries == self.entries:
            return self
        return Words(entries, dict(sorted(entries.values(), key=_reach)))

    def covering(self, alert: Alert, common: Mapping[str, str]) -> Acknowledgement | None:
        """The acknowledgement of what is told of this alert now, if there is one that it does not bear yet."""
        if not self.by_alert or not alert.open or alert.acknowledged is not None:
            return None
        said = self.by_alert.get(fingerprint(labels_of(alert, common)))
        return said if said is not None and alert.covered_by(said) else None


def _reach(word: tuple[str, Acknowledgement]) -> tuple[datetime, datetime, str]:
    """In the same order at every replica."""
    said = word[1]
    return said.through, said.at, said.entry


def _said(entry: OperatorEntry, told_until: datetime) -> Acknowledgement | None:
    through, at = from_rfc3339(entry.through), from_rfc3339(entry.at)
    if entry.verb != "ack" or entry.problem or through is None or at is None:
        return None
    return Acknowledgement(entry.entry, entry.by, entry.why, min(through, told_until), at)
