"""The data plane at a glance: the exchange, services, messages on their way, and what is measured with its trend."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from watchdog.core.assessment import Assessment
from watchdog.core.facts import (
    Condition,
    Core,
    DeadLetters,
    Fact,
    Heartbeat,
    Ingest,
    Market,
    Metric,
    Service,
    Subscription,
    Trend,
    Unknown,
)
from watchdog.core.instant import Instant, rfc3339
from watchdog.core.known import Known
from watchdog.core.posture import Posture
from watchdog.core.redaction import redacted_fact
from watchdog.core.trend import trend_of
from watchdog.outlets.status_page.documents import shown

LIMIT = 500
"""Facts of a kind that are named at most."""

LISTED: Mapping[str, type[Fact]] = {
    "services": Service, "heartbeats": Heartbeat, "conditions": Condition, "subscriptions": Subscription,
    "dead_letters": DeadLetters, "metrics": Metric,
}  # fmt: skip
Labels = Mapping[str, str]


def data_plane(level: Assessment, now: Instant, base_url: str, common: Labels) -> dict[str, Any]:
    """Each fact whole, with why it is not known now; a metric with its trend."""
    posture = replace(level.posture, at=now)
    found = of_kinds(posture)
    return {
        "as_of": rfc3339(level.at.wall),
        **{kind.KIND: _one(posture.globally(kind.KIND)) for kind in (Market, Core, Ingest)},
        **{name: [_told(posture, known) for known in found[cls.KIND][:LIMIT]] for name, cls in LISTED.items()},
        "omitted": sum(max(0, len(those) - LIMIT) for those in found.values()),
    }


def of_kinds(posture: Posture) -> dict[str, list[Known]]:
    """The facts of the kinds that are listed here, each kind in order."""
    found: dict[str, list[Known]] = {cls.KIND: [] for cls in LISTED.values()}
    for known in posture.facts.values():
        if known.fact.KIND in found:
            found[known.fact.KIND].append(known)
    return {kind: sorted(those, key=lambda known: known.fact.subject) for kind, those in found.items()}


def _one(fact: Fact | Unknown) -> Any:
    return {"unknown": shown(fact)} if isinstance(fact, Unknown) else redacted_fact(fact)


def _told(posture: Posture, known: Known) -> dict[str, Any]:
    said: dict[str, Any] = {**redacted_fact(known.fact), "unknown": shown(posture.unseen(known))}
    trend = trend_of_metric(posture, known)
    return said if trend is None else {**said, "trend": _heading(trend)}


def _heading(trend: Trend) -> dict[str, object]:
    return {name: value for name, value in redacted_fact(trend).items() if name not in _OF_THE_METRIC}


_OF_THE_METRIC = (*Trend.IDENTITY, "criticality", "value")


def trend_of_metric(posture: Posture, known: Known) -> Trend | None:
    trend = posture.facts.get(trend_of(known.fact.subject)) if isinstance(known.fact, Metric) else None
    return trend.fact if trend is not None and isinstance(trend.fact, Trend) else None


def in_words(posture: Posture) -> Iterable[str]:
    """The exchange, the core services and the ingest switch, a clause each."""
    for kind in (Market, Core, Ingest):
        fact = posture.globally(kind.KIND)
        yield (
            f"{kind.KIND} unknown ({fact.reason})"
            if isinstance(fact, Unknown)
            else str(redacted_fact(fact)["explanation"])
        )
