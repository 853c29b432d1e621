"""How the daemon is: what it sees, what it found, and how quick it was."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import accumulate

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily

from watchdog import __version__
from watchdog.core.assessment import Assessment
from watchdog.core.facts import Receiver
from watchdog.core.instant import Instant
from watchdog.core.known import Sight
from watchdog.core.posture import Posture
from watchdog.core.severity import Sev
from watchdog.core.vitals import BOUNDS, Distribution, Vitals
from watchdog.outlets.metrics import ledger
from watchdog.outlets.metrics.families import Kinds, Shown, labelled

KINDS: Kinds = (Receiver,)


def sources(posture: Posture) -> Iterator[Metric]:
    scopes = list(posture.sights.items())
    by_source: dict[str, list[Sight]] = {}
    for scope, sight in scopes:
        by_source.setdefault(scope.source, []).append(sight)
    at = posture.at
    up = [(source, all(s.unknown(at) is None for s in sights)) for source, sights in by_source.items()]
    yield labelled("source_up", "1: every part of the source sees.", ["source"], up)
    oldest = [(source, _oldest(sights)) for source, sights in by_source.items()]
    text = "When the part that looked longest ago last saw."
    yield labelled("source_last_success_timestamp_seconds", text, ["source"], oldest)
    parts = [(tuple(scope), sight.unknown(at) is None) for scope, sight in scopes]
    yield labelled("scope_up", "1: this part of the source sees.", ["source", "scope"], parts)
    last = [(tuple(scope), _timestamp(sight.last_success)) for scope, sight in scopes]
    text = "When this part of the source last saw."
    yield labelled("scope_last_success_timestamp_seconds", text, ["source", "scope"], last)


def _oldest(sights: Iterable[Sight]) -> float | None:
    seen = [_timestamp(sight.last_success) for sight in sights]
    return min((s for s in seen if s is not None), default=None) if None not in seen else None


def _timestamp(instant: Instant | None) -> float | None:
    return None if instant is None else instant.wall.timestamp()


def families(level: Assessment, vitals: Vitals, shown: Shown) -> Iterator[Metric]:
    yield InfoMetricFamily(
        "watchdog_build", "What runs.", value={"version": __version__, "python": platform.python_version()}
    )
    yield shown.gauge(Receiver, "receiver_accepting", "accepting", "1: it took the last page.")
    yield _alerts(level)
    yield _incidents(level)
    yield from _vitals(vitals)
    yield from ledger.families(vitals)


def _alerts(level: Assessment) -> Metric:
    counts = Counter((a.identity.rule, str(int(a.sev)), str(a.state)) for a in level.alerts.values())
    return labelled(
        "alerts", "Alerts by rule, Sev and state.", ["alertname", "sev", "alertstate"], sorted(counts.items())
    )


def _incidents(level: Assessment) -> Metric:
    counts = Counter(incident.sev for incident in level.incidents.values() if incident.open and not incident.drill)
    series = [(str(int(sev)), counts[sev]) for sev in Sev]
    return labelled("open_incidents", "Open incidents by Sev, without drills.", ["sev"], series)


def _vitals(vitals: Vitals) -> Iterator[Metric]:
    turns = HistogramMetricFamily("watchdog_turn_duration_seconds", "How long turns took.")
    turns.add_metric([], _buckets(vitals.turns), vitals.turns.total)
    yield turns
    text = "From when an alert was due to when the first receiver had it."
    detection = HistogramMetricFamily("watchdog_detection_latency_seconds", text, labels=["alertname"])
    for alertname, distribution in sorted(vitals.detection.items()):
        detection.add_metric([alertname], _buckets(distribution), distribution.total)
    yield detection
    text = "Publications by receiver and outcome."
    notifications = CounterMetricFamily("watchdog_notifications", text, labels=["receiver", "outcome"])
    for (receiver, outcome), count in sorted(vitals.notifications.items()):
        notifications.add_metric([receiver, outcome], count)
    yield notifications
    last = GaugeMetricFamily("watchdog_last_turn_timestamp_seconds", "When the daemon last turned.")
    if vitals.last_turn is not None:
        last.add_metric([], vitals.last_turn.wall.timestamp())
    yield last


def _buckets(distribution: Distribution) -> list[tuple[str, float]]:
    bounds = [*(str(bound) for bound in BOUNDS), "+Inf"]
    return list(zip(bounds, map(float, accumulate(distribution.counts)), strict=True))
