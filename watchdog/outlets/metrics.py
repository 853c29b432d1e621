"""``/metrics``: the newest level and the daemon's vitals, as Prometheus text or OpenMetrics (conventions.md).

Rendered when it is asked for, never in a turn. What is unknown has no sample of its own, never a 0; that it is unknown
is ``watchdog_fact_known`` 0. No label is unbounded: ``LIMIT`` subjects of a kind, and a count of the rest.
"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from itertools import accumulate
from typing import Any

from prometheus_client import Metric
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from watchdog import __version__
from watchdog.core.assessment import Assessment
from watchdog.core.excursion import KINDS as EXCURSION_KINDS
from watchdog.core.facts import (
    Agreement,
    Blindspot,
    Endpoint,
    Fact,
    KillSwitch,
    Latent,
    Market,
    Mode,
    Receiver,
    SelfReport,
    Unknown,
    Wiring,
    Workload,
)
from watchdog.core.instant import Instant
from watchdog.core.known import Known, Sight
from watchdog.core.notice import bounded
from watchdog.core.posture import Posture
from watchdog.core.redaction import redacted_field
from watchdog.core.severity import Sev
from watchdog.core.vitals import BOUNDS, Distribution, Vitals
from watchdog.outlets import Batch, Newest, Outlet, Receipt
from watchdog.ports import Document, Ports

LIMIT = 500
SHOWN = 80


@dataclass(frozen=True)
class Metrics(Outlet):
    name: str = "metrics"
    every_turn: bool = field(init=False, default=True)
    _newest: Any = field(init=False, repr=False, compare=False, default_factory=Newest)  # no part of the stanza

    async def publish(self, batch: Batch, ports: Ports) -> Sequence[Receipt]:
        """Shows the level from now on. It has no receiver, so there is no receipt."""
        if self._newest.take(batch.level):
            ports.status.show("/metrics", partial(_rendered, self._newest, ports.vitals))
        return ()


def _rendered(newest: Newest, vitals: Vitals, headers: Mapping[str, str]) -> Document:
    assert newest.level is not None
    encode, content_type = choose_encoder(headers.get("accept", ""))
    return Document(encode(_Level(newest.level, vitals)), content_type)


class _Level(Collector):
    """One level as metric families, for one scrape."""

    def __init__(self, level: Assessment, vitals: Vitals) -> None:
        self.level, self.posture, self.vitals = level, level.posture, vitals

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily(
            "watchdog_build", "What runs.", value={"version": __version__, "python": platform.python_version()}
        )
        yield from _sources(self.posture)
        yield from self._facts()
        yield from _happened(self.posture)
        yield _alerts(self.level)
        yield _incidents(self.level)
        yield from _vitals(self.vitals)

    def _facts(self) -> Iterator[Metric]:
        shown, omitted = _shown(self.posture)
        yield _kill_switches(self.posture, shown[KillSwitch.KIND])
        yield _replicas(self.posture, shown[Workload.KIND])
        yield _modes(self.posture, shown[Mode.KIND])
        yield _gauge(self.posture, shown[Endpoint.KIND], "endpoint_fresh", "fresh", "1: its data is fresh.")
        yield _gauge(self.posture, shown[Endpoint.KIND], "endpoint_age_seconds", "age_seconds", "Age of its last tick.")
        yield _gauge(self.posture, shown[Market.KIND], "market_open", "open", "1: the exchange is in session.")
        yield _gauge(self.posture, shown[Receiver.KIND], "receiver_accepting", "accepting", "1: it took the last page.")
        yield from _enablement(self.posture, shown)
        yield _known(self.posture, [known for kind in shown.values() for known in kind])
        yield _labelled(
            "facts_omitted", "Facts that have no series, for there are too many.", ["fact"], omitted.items()
        )


def _shown(posture: Posture) -> tuple[dict[str, list[Known]], dict[str, int]]:
    """The facts of each kind that have series, and how many have none."""
    kinds = (KillSwitch, Workload, Mode, Latent, Wiring, SelfReport, Agreement, Endpoint, Market, Receiver)
    first: dict[str, list[Known]] = {kind.KIND: [] for kind in kinds}
    then: dict[str, list[Known]] = {kind.KIND: [] for kind in kinds}
    for known in posture.facts.values():
        if known.fact.KIND in first and not (isinstance(known.fact, Workload) and not known.fact.execution):
            (first if _is_bad(known.fact) else then)[known.fact.KIND].append(known)
    every = {kind: first[kind] + then[kind] for kind in first}
    return {k: v[:LIMIT] for k, v in every.items()}, {k: max(0, len(v) - LIMIT) for k, v in every.items()}


def _is_bad(fact: Fact) -> bool:
    match fact:
        case Mode() | SelfReport():
            return fact.unsafe is not False
        case Latent():
            return fact.could_start is not False
    return False


def _enablement(posture: Posture, shown: Mapping[str, list[Known]]) -> Iterator[Metric]:
    latent, said = shown[Latent.KIND], shown[SelfReport.KIND]
    yield _gauge(posture, latent, "latent_could_start", "could_start", "1: it could start execution by itself.")
    yield _gauge(posture, shown[Wiring.KIND], "kill_switch_wired", "sound", "1: the kill switch reaches the workload.")
    yield _gauge(posture, said, "self_report_unsafe", "unsafe", "1: the service says that it runs in a forbidden mode.")
    yield _gauge(posture, shown[Agreement.KIND], "agreement", "agree", "1: all that state the setting state the same.")


def _happened(posture: Posture) -> Iterator[Metric]:
    """Counters begin at 0, so that a first one is an increase."""
    totals = posture.totals
    excursions = CounterMetricFamily("watchdog_excursions", "Excursions that began, by kind of fact.", labels=["kind"])
    for kind in sorted(EXCURSION_KINDS):
        excursions.add_metric([kind], totals.excursions.get(kind, 0))
    yield excursions
    gaps = CounterMetricFamily("watchdog_gap_seconds", "Time that parts of a source did not see.", labels=["source"])
    for source in sorted({scope.source for scope in posture.sights} | totals.gap_seconds.keys()):
        gaps.add_metric([source], totals.gap_seconds.get(source, 0.0))
    yield gaps
    text = "Guarded objects that may have been written to unseen."
    yield CounterMetricFamily("watchdog_unseen_writes", text, value=totals.unseen_writes)
    areas = Counter(known.fact.area for known in posture.facts.values() if isinstance(known.fact, Blindspot))
    yield _labelled("blindspots", "What is knowingly not observed, by area.", ["area"], sorted(areas.items()))


def _value(posture: Posture, known: Known, name: str) -> str | float | None:
    """What holds now, as it may be shown; ``None``: it is unknown."""
    value = redacted_field(known.fact, name)
    unknown = isinstance(value, Unknown) or posture.unseen(known) is not None
    if unknown or not isinstance(value, str | int | float):
        return None
    return bounded(value, SHOWN) if isinstance(value, str) else float(value)


def _labels(fact: Fact) -> dict[str, str]:
    return {name: bounded(value, SHOWN * 2) for name, value in fact.subject.labels}


def _gauge(posture: Posture, facts: Iterable[Known], name: str, of: str, text: str) -> Metric:
    family = Metric(f"watchdog_{name}", text, "gauge")
    for known in facts:
        if isinstance(value := _value(posture, known, of), float):
            family.add_sample(family.name, _labels(known.fact), value)
    return family


def _kill_switches(posture: Posture, facts: Iterable[Known]) -> Metric:
    family = Metric("watchdog_kill_switch_state", "Each carrier of the kill switch: 1 for the state it is in.", "gauge")
    for known in facts:
        halted = _value(posture, known, "halted")
        now = "unknown" if halted is None else "halted" if halted else "not_halted"
        for state in ("halted", "not_halted", "unknown"):
            family.add_sample(family.name, {**_labels(known.fact), "state": state}, float(state == now))
    return family


def _replicas(posture: Posture, facts: Iterable[Known]) -> Metric:
    family = Metric("watchdog_execution_replicas", "Replicas of each execution workload.", "gauge")
    for known in facts:
        for count in ("desired", "live"):
            if isinstance(value := _value(posture, known, count), float):
                family.add_sample(family.name, {**_labels(known.fact), "count": count}, value)
    return family


def _modes(posture: Posture, facts: Iterable[Known]) -> Metric:
    family = Metric("watchdog_agent_mode_info", "Each watched variable: as declared, and as the Pods run.", "gauge")
    for known in facts:
        declared, running = _value(posture, known, "declared"), _value(posture, known, "running")
        if isinstance(declared, str) and isinstance(running, str):
            family.add_sample(family.name, {**_labels(known.fact), "declared": declared, "running": running}, 1.0)
    return family


def _known(posture: Posture, facts: Iterable[Known]) -> Metric:
    family = Metric("watchdog_fact_known", "1: every part of the fact is known now.", "gauge")
    for known in facts:
        family.add_sample(family.name, {"fact": known.fact.KIND, **_labels(known.fact)}, float(_whole(posture, known)))
    return family


def _whole(posture: Posture, known: Known) -> bool:
    parts = (getattr(known.fact, part.name) for part in fields(known.fact))
    return posture.unseen(known) is None and not any(isinstance(part, Unknown) for part in parts)


def _sources(posture: Posture) -> Iterator[Metric]:
    scopes = list(posture.sights.items())
    by_source: dict[str, list[Sight]] = {}
    for scope, sight in scopes:
        by_source.setdefault(scope.source, []).append(sight)
    at = posture.at
    up = [(source, all(s.unknown(at) is None for s in sights)) for source, sights in by_source.items()]
    yield _labelled("source_up", "1: every part of the source sees.", ["source"], up)
    oldest = [(source, _oldest(sights)) for source, sights in by_source.items()]
    text = "When the part that looked longest ago last saw."
    yield _labelled("source_last_success_timestamp_seconds", text, ["source"], oldest)
    parts = [(tuple(scope), sight.unknown(at) is None) for scope, sight in scopes]
    yield _labelled("scope_up", "1: this part of the source sees.", ["source", "scope"], parts)
    last = [(tuple(scope), _timestamp(sight.last_success)) for scope, sight in scopes]
    text = "When this part of the source last saw."
    yield _labelled("scope_last_success_timestamp_seconds", text, ["source", "scope"], last)


def _oldest(sights: Iterable[Sight]) -> float | None:
    seen = [_timestamp(sight.last_success) for sight in sights]
    return min((s for s in seen if s is not None), default=None) if None not in seen else None


def _timestamp(instant: Instant | None) -> float | None:
    return None if instant is None else instant.wall.timestamp()


def _labelled(
    name: str, text: str, labels: Sequence[str], values: Iterable[tuple[str | Sequence[str], float | None]]
) -> Metric:
    """A gauge; a value of ``None`` is unknown and has no sample."""
    family = GaugeMetricFamily(f"watchdog_{name}", text, labels=labels)
    for value_of, value in values:
        if value is not None:
            family.add_metric([value_of] if isinstance(value_of, str) else value_of, float(value))
    return family


def _alerts(level: Assessment) -> Metric:
    counts = Counter((a.identity.rule, str(int(a.sev)), str(a.state)) for a in level.alerts.values())
    return _labelled(
        "alerts", "Alerts by rule, Sev and state.", ["alertname", "sev", "alertstate"], sorted(counts.items())
    )


def _incidents(level: Assessment) -> Metric:
    counts = Counter(incident.sev for incident in level.incidents.values() if incident.open)
    return _labelled("open_incidents", "Open incidents by Sev.", ["sev"], [(str(int(sev)), counts[sev]) for sev in Sev])


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
