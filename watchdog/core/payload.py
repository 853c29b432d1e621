"""One alert as Alertmanager's webhook, version 4, tells it (prometheus.io/docs/alerting/latest/configuration,
``webhook_config``; conventions.md "Webhook, version 4"). Pure.

Each message is a group of its own, as a route with ``group_by: ['...']`` makes it: who understands Alertmanager's
webhook understands ours.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from watchdog.core.alert import SAME_PAGE, Alert, EdgeKind
from watchdog.core.instant import Instant, rfc3339
from watchdog.core.notice import TEXT_LIMIT, annotations_of, bare, bounded, fingerprint, labels_of
from watchdog.core.redaction import redacted_text
from watchdog.core.severity import Sev

VERSION = "4"
NOT_ENDED = "0001-01-01T00:00:00Z"
ANOTHER_WAY = (EdgeKind.UNHEARD, EdgeKind.ESCALATED)


@dataclass(frozen=True, slots=True)
class Message:
    """What one receiver is to hear of one alert at one Sev. ``ended``: it is over since then. ``why``: one clause, why
    it comes this way; empty for a page that comes as usual."""

    alert: Alert
    sev: Sev
    kind: EdgeKind
    ended: Instant | None = None
    why: str = ""

    @property
    def status(self) -> str:
        return "firing" if self.ended is None else "resolved"

    @property
    def began(self) -> Instant:
        return self.alert.fired_at or self.alert.active_since

    @property
    def told_at(self) -> Instant:
        """Of the page that it tells of."""
        return self.alert.told_at or self.began

    def bare(self, now: Instant, why: str) -> Message:
        """As far as it can be told where its data is odd."""
        ended = self.ended and Instant(now.wall, self.ended.mono)
        return replace(self, alert=bare(self.alert, now, why), ended=ended)


@dataclass(frozen=True, slots=True)
class Links:
    """Where a message leads. ``labels`` are those that every alert carries."""

    labels: Mapping[str, str]
    runbook_base_url: str = ""
    external_url: str = ""


def payload(message: Message, receiver: str, links: Links) -> dict[str, object]:
    """The body, with its keys in Alertmanager's order. ``endsAt`` is never before ``startsAt``."""
    labels, annotations = labels_of(message.alert, links.labels, message.sev), _annotations(message, links)
    alert = {
        "status": message.status,
        "labels": labels,
        "annotations": annotations,
        "startsAt": rfc3339(message.began.wall),
        "endsAt": NOT_ENDED if message.ended is None else rfc3339(max(message.ended.wall, message.began.wall)),
        "generatorURL": links.external_url,
        "fingerprint": fingerprint(labels),
    }
    return {
        "receiver": receiver,
        "status": message.status,
        "alerts": [alert],
        "groupLabels": labels,
        "commonLabels": labels,
        "commonAnnotations": annotations,
        "externalURL": links.external_url,
        "version": VERSION,
        "groupKey": _group_key(labels),
        "truncatedAlerts": 0,
    }


def attributes(message: Message, common: Mapping[str, str]) -> dict[str, str]:
    """What can be filtered and deduplicated by without reading the body."""
    return {
        "fingerprint": fingerprint(labels_of(message.alert, common, message.sev)),
        "status": message.status,
        "sev": str(int(message.sev)),
        "idempotency_key": idempotency_key(message, common),
    }


def idempotency_key(message: Message, common: Mapping[str, str]) -> str:
    """The same for every attempt, after every restart, and from both replicas as far as these see the page begin
    within the same ten seconds. Another page of one alert, or another reason to go around, has another: of pages that
    begin within the same ten seconds each replica counts those that it saw."""
    around = f"{message.kind}: {message.why}" if message.kind in ANOTHER_WAY and message.ended is None else ""
    page = f"{message.alert.page * SAME_PAGE}" + (f" {message.alert.again}" if message.alert.again else "")
    parts = (fingerprint(labels_of(message.alert, common, message.sev)), message.status, around, page)
    return hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()


def _annotations(message: Message, links: Links) -> dict[str, str]:
    told = annotations_of(message.alert, links.runbook_base_url, links.labels if message.ended is None else None)
    around = bounded(redacted_text(message.why), TEXT_LIMIT) if message.ended is None else ""  # anybody's comment
    return told | ({"around": around} if around else {})


def _group_key(labels: Mapping[str, str]) -> str:
    """The root route's, of a group of these labels: model.LabelSet's text (github.com/prometheus/common)."""
    inside = ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in sorted(labels.items()))
    return f"{{}}:{{{inside}}}"
