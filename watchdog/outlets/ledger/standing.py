"""What a ledger's entries say stands: the alerts that are open or pending, and those that ended. Pure.

Entries are replayed from a checkpoint on. A checkpoint counts once its last part is there: one that a crash interrupted
is none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from watchdog.core.alert import EdgeKind, Identity
from watchdog.proof.chain import Entry

NO_CHANGE = (f"alert.{EdgeKind.UNHEARD}", f"alert.{EdgeKind.ESCALATED}")
"""They tell of a page; the alert may have ended before."""
ENDED = 10_000
"""Ended alerts that are remembered at most, the newest."""

Record = Mapping[str, Any]


@dataclass(slots=True)
class Standing:
    alerts: dict[str, Record] = field(default_factory=dict)  # by key
    ended: dict[str, tuple[Record, str]] = field(default_factory=dict)  # and when, RFC 3339
    whole: bool = False  # from the ledger's beginning, or from a checkpoint
    _parts: dict[str, Record] = field(default_factory=dict)

    def take(self, entry: Entry) -> None:
        """The next entry. One whose body is not as it must be says nothing."""
        self.whole = self.whole or entry.seq == 1
        try:
            if entry.kind == "checkpoint":
                self._checkpoint(entry.body)
            elif entry.kind == "delivery":
                self._delivered(entry.body)
            elif entry.kind.startswith("alert.") and entry.kind not in NO_CHANGE:
                self._alert(entry.body, over=entry.kind == f"alert.{EdgeKind.RESOLVED}" or "ended" in entry.body)
        except (KeyError, TypeError, AttributeError):
            return

    def _checkpoint(self, body: Record) -> None:
        if body["part"] == 1:
            self._parts = {}
        self._parts |= {key_of(record): record for record in body["alerts"]}
        if body["part"] == body["parts"]:
            self.alerts, self._parts, self.whole = self._parts, {}, True

    def _delivered(self, body: Record) -> None:
        key = key_of(body)
        if key in self.alerts and self.alerts[key]["told_at"] == body["told_at"]:
            self.alerts[key] = {**self.alerts[key], "delivery": body["delivery"]}

    def _alert(self, body: Record, over: bool) -> None:
        record = body["alert"]
        key, before = key_of(record), self.alerts.get(key_of(record))
        if before is not None and before["told_at"] == record["told_at"]:
            record = {**record, "delivery": before.get("delivery")}
        self.alerts.pop(key, None)
        self.ended.pop(key, None)
        if over:
            self.ended[key] = (record, str(body["at"]))
            if len(self.ended) > ENDED:
                del self.ended[next(iter(self.ended))]
        else:
            self.alerts[key] = record


def key_of(record: Record) -> str:
    """What makes two records the same alert's."""
    subject = record["subject"]
    return json.dumps([record["rule"], subject["kind"], subject["labels"], record["cause"]])


def key(identity: Identity) -> str:
    """The same, of an alert's identity."""
    return key_of(named(identity))


def named(identity: Identity) -> dict[str, Any]:
    """An identity as it stands in a record."""
    subject = identity.subject
    labels = [list(pair) for pair in subject.labels]
    return {"rule": identity.rule, "subject": {"kind": subject.kind, "labels": labels}, "cause": str(identity.cause)}
