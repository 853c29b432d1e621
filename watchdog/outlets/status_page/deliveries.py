"""What became of each page: by whom it was taken, when, and whether anybody hears of it.

``/api/v1/deliveries``: ``{"as_of", "age_seconds", "expected": [...], "deliveries": [...], "omitted"?}``. Expected is
who is there to hear of pages, ``{receiver, peer (bool), when (always|fallback|escalation), sev (the mildest of which it
hears)}``. Deliveries has the newest page first, each

    fingerprint, alertname, sev, drill (bool), labels, incident
    detected     RFC 3339: when the condition began, as it was seen; detected_ms: from there until told_at (at least 0)
    told_at      RFC 3339: when the page was decided on. Every other ``*_ms`` counts from here, on the monotonic clock
    receivers    [{receiver, peer (bool: an Alertmanager), posted, posted_ms, accepted, accepted_ms}], in order of time
    read_back    [{peer, hearing (heard|unheard|unknown), why, at, at_ms}], in order of name: the newest of each peer
    hearing      what the peers say together; heard: one clause, with the receivers that were called directly
    around       the causes for which it has gone around; escalated: how many steps of the escalation were taken
    acknowledged null, or {by, why, through, at}, as claimed
    ended        bool: over before any Alertmanager took it, or before it was known that anybody hears of it

A page is in it while its alert is open, at Sev-0 and Sev-1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from watchdog.core.alert import Acknowledgement
from watchdog.core.assessment import Assessment
from watchdog.core.delivery import Delivery, Expected
from watchdog.core.instant import Instant, rfc3339
from watchdog.core.notice import fingerprint, labels_of
from watchdog.core.redaction import redacted_text
from watchdog.core.report import Accepted, Hearing, ReadBack

LIMIT = 2_000
"""Pages that the document names at most."""

Labels = Mapping[str, str]


def deliveries(level: Assessment, now: Instant, base_url: str, common: Labels) -> dict[str, Any]:
    newest = sorted(level.deliveries.of.values(), key=lambda d: (-d.told_at.mono, str(d.alert.identity)))
    omitted = {"omitted": len(newest) - LIMIT} if len(newest) > LIMIT else {}
    return {
        "as_of": rfc3339(level.at.wall),
        "age_seconds": round(max(0.0, now.since(level.at)), 3),
        "expected": [_expected(one) for one in level.paging.expected],
        "deliveries": [_delivery(delivery, common) for delivery in newest[:LIMIT]],
    } | omitted


def _expected(one: Expected) -> dict[str, Any]:
    return {"receiver": one.receiver, "peer": one.peer, "when": str(one.when), "sev": int(one.mildest)}


def _delivery(delivery: Delivery, common: Labels) -> dict[str, Any]:
    alert, labels = delivery.alert, labels_of(delivery.alert, common)
    return {
        "fingerprint": fingerprint(labels),
        "alertname": alert.identity.rule,
        "sev": int(alert.sev),
        "drill": alert.drill,
        "labels": labels,
        "incident": alert.incident,
        "detected": rfc3339(alert.active_since.wall),
        "detected_ms": max(0.0, _ms(delivery.told_at, alert.active_since)),
        "told_at": rfc3339(delivery.told_at.wall),
        "receivers": [_receiver(accepted, delivery.told_at) for accepted in _in_order(delivery)],
        "read_back": [_read(delivery.read_back[peer], delivery.told_at) for peer in sorted(delivery.read_back)],
        "hearing": str(delivery.hearing),
        "heard": hearing(delivery),
        "around": list(delivery.around),
        "escalated": delivery.escalated,
        "acknowledged": acknowledgement(alert.acknowledged),
        "ended": delivery.ended,
    }


def _in_order(delivery: Delivery) -> list[Accepted]:
    return sorted(delivery.accepted.values(), key=lambda accepted: (accepted.at.mono, accepted.receiver))


def _receiver(accepted: Accepted, told_at: Instant) -> dict[str, Any]:
    return {
        "receiver": accepted.receiver,
        "peer": accepted.peer,
        "posted": rfc3339(accepted.sent.wall),
        "posted_ms": _ms(accepted.sent, told_at),
        "accepted": rfc3339(accepted.at.wall),
        "accepted_ms": _ms(accepted.at, told_at),
    }


def _read(read: ReadBack, told_at: Instant) -> dict[str, Any]:
    when = {"at": rfc3339(read.at.wall), "at_ms": _ms(read.at, told_at)}
    return {"peer": read.peer, "hearing": str(read.hearing), "why": redacted_text(read.why)} | when


def _ms(instant: Instant, since: Instant) -> float:
    return round(instant.since(since) * 1_000, 1)


def acknowledgement(said: Acknowledgement | None) -> dict[str, str] | None:
    """Who knows of it, and why, as claimed."""
    if said is None:
        return None
    when = {"through": rfc3339(said.through), "at": rfc3339(said.at)}
    return {"by": redacted_text(said.by), "why": redacted_text(said.why)} | when


def hearing(delivery: Delivery) -> str:
    """Whether anybody hears of it, and by whom: one clause."""
    said = delivery.hearing
    words = {Hearing.HEARD: "heard", Hearing.UNHEARD: "not heard", Hearing.UNKNOWN: "unknown whether heard"}[said]
    read = [f"{r.why} ({r.peer})" for _, r in sorted(delivery.read_back.items()) if r.hearing is said]
    taken = [accepted.receiver for accepted in _in_order(delivery)]
    parts = (*read[:SAID], f"taken by {_few(taken)}" if taken else "", _around(delivery))
    clauses = "; ".join(redacted_text(part) for part in parts if part)
    return f"{words}: {clauses}" if clauses else f"{words}: nobody has taken it yet"


SAID = 3
"""Of several receivers or peers, those that are named; the rest is counted."""


def _few(names: list[str]) -> str:
    more = f" and {len(names) - SAID} more" if len(names) > SAID else ""
    return ", ".join(names[:SAID]) + more


def _around(delivery: Delivery) -> str:
    return f"gone around ({', '.join(delivery.around)})" if delivery.around else ""
