"""From a page to somebody who hears it: who has taken it, what read-back says, and what went another way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from watchdog.core.delivery import CAUSES, Deliveries, Delivery
from watchdog.core.report import Hearing
from watchdog.core.severity import Sev
from watchdog.outlets.metrics.families import labelled

PEERS = 64
"""Peers that have series: their names may come from DNS."""


def families(deliveries: Deliveries) -> Iterator[Metric]:
    told = list(deliveries.of.values())
    urgent = [delivery for delivery in told if delivery.alert.sev is Sev.SEV0]
    text = "Pages at Sev-0 and Sev-1 that no Alertmanager has taken yet."
    yield GaugeMetricFamily("watchdog_delivery_pending", text, value=float(sum(not d.taken for d in told)))
    yield _heard(urgent)
    yield _read_back(urgent)
    text = "How often pages went around the usual path, by cause."
    unheard = CounterMetricFamily("watchdog_pages_unheard", text, labels=["cause"])
    for cause in CAUSES:
        unheard.add_metric([cause], deliveries.unheard.get(cause, 0))
    yield unheard
    text = "Steps of the escalation that were taken."
    yield CounterMetricFamily("watchdog_pages_escalated", text, value=deliveries.escalated)


def _heard(urgent: list[Delivery]) -> Metric:
    counts = Counter((delivery.alert.identity.rule, delivery.hearing) for delivery in urgent)
    names = sorted({name for name, _ in counts})
    series = [((name, str(hearing)), float(counts[name, hearing])) for name in names for hearing in Hearing]
    text = "Open Sev-0 alerts by rule, and by whether read-back says that somebody hears of them."
    return labelled("alert_heard", text, ["alertname", "hearing"], series)


def _read_back(urgent: list[Delivery]) -> Metric:
    counts = Counter((read.peer, read.hearing) for delivery in urgent for read in delivery.read_back.values())
    peers = sorted({peer for peer, _ in counts})[:PEERS]
    series = [((peer, str(hearing)), float(counts[peer, hearing])) for peer in peers for hearing in Hearing]
    text = "Open Sev-0 alerts by peer, and by what it says of them."
    return labelled("read_back", text, ["peer", "hearing"], series)
