"""Services, messages on their way, what is measured of them, and the exchange. domain.md §6, §7."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from watchdog.core.facts import (
    Condition,
    Core,
    DeadLetters,
    Endpoint,
    Heartbeat,
    Ingest,
    Market,
    Service,
    Subscription,
    Trend,
)
from watchdog.core.facts import Metric as Measured
from watchdog.core.posture import Posture
from watchdog.outlets.metrics.families import Kinds, Shown, labelled, labels

STATED: Kinds = (Endpoint, Market, Heartbeat, Subscription, Measured)
"""Of which it is told whether they are known. Others have parts that are never stated, or follow from these."""

KINDS: Kinds = (*STATED, Service, DeadLetters, Trend, Core, Ingest)
DAY = 86_400


def families(shown: Shown) -> Iterator[Metric]:
    yield from _services(shown)
    yield from _messages(shown)
    yield from _exchange(shown)
    yield _conditions(shown.posture)


def _services(shown: Shown) -> Iterator[Metric]:
    yield shown.gauge(Endpoint, "endpoint_fresh", "fresh", "1: its data is fresh.")
    yield shown.gauge(Endpoint, "endpoint_age_seconds", "age_seconds", "Age of its last tick.")
    yield shown.gauge(Service, "service_up", "up", "1: it answers, and understandably.")
    yield shown.gauge(Service, "service_healthy", "healthy", "1: it is up, and says nothing else of itself.")
    yield shown.gauge(Heartbeat, "heartbeat_age_seconds", "age_seconds", "Time since its last sign of life.")
    yield shown.gauge(Core, "core_healthy", "healthy", "1: mission-control and the core services are all healthy.")
    yield shown.gauge(Ingest, "ingest_paused", "paused", "1: ingestion is paused on purpose.")


def _messages(shown: Shown) -> Iterator[Metric]:
    text = "1: it exists, is attached and active, and so is its topic."
    yield shown.gauge(Subscription, "subscription_delivering", "delivering", text)
    text = "1: its dead-letter policy is as it must be."
    yield shown.gauge(Subscription, "subscription_dead_letters_sound", "dead_letters_sound", text)
    yield _dead_letters(shown)
    yield shown.gauge(Measured, "metric_value", "value", "The newest value of each measured series, in its own unit.")
    yield shown.gauge(Measured, "metric_age_seconds", "age_seconds", "Age of that sample when it was looked at.")
    text = "For how long it has been rising; 0 if it is not."
    yield shown.gauge(Trend, "trend_rising_seconds", "rising_seconds", text)
    text = "Time until it is at zero at its present slope; no sample if it does not fall."
    yield shown.gauge(Trend, "trend_drain_seconds", "drain_seconds", text)


def _dead_letters(shown: Shown) -> Metric:
    """A tap that is out of sight has seen what it has seen: a counter goes on where it was."""
    text = "Dead letters that our tap saw since the start. Two replicas on one tap share them: add them up."
    family = CounterMetricFamily("watchdog_dead_letters", text, labels=DeadLetters.IDENTITY)
    for known in shown.facts[DeadLetters.KIND]:
        if isinstance(known.fact, DeadLetters):
            family.add_metric(list(labels(known.fact).values()), known.fact.count)
    return family


def _exchange(shown: Shown) -> Iterator[Metric]:
    yield shown.gauge(Market, "market_open", "open", "1: the exchange is in session.")
    yield shown.gauge(Market, "market_trading", "trading", "1: it is in session, past the grace after the bell.")
    text = "For how long from now the calendar is known."
    horizon = GaugeMetricFamily("watchdog_market_calendar_horizon_seconds", text)
    market = shown.posture.globally(Market.KIND)
    if isinstance(market, Market):
        horizon.add_metric([], float(market.horizon_days * DAY))
    yield horizon


def _conditions(posture: Posture) -> Metric:
    """Only those that are seen now: a condition exists while it is so."""
    seen = (
        known.fact.condition
        for known in posture.facts.values()
        if isinstance(known.fact, Condition) and posture.unseen(known) is None
    )
    text = "Workloads and nodes with which something is wrong, by what it is."
    return labelled("conditions", text, ["condition"], sorted(Counter(seen).items()))
