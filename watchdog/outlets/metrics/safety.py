"""The kill switch, what executes and in which mode, what could execute, and what happened of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily

from watchdog.core.excursion import KINDS as EXCURSION_KINDS
from watchdog.core.facts import Agreement, Blindspot, KillSwitch, Latent, Mode, SelfReport, Wiring, Workload
from watchdog.core.posture import Posture
from watchdog.outlets.metrics.families import Kinds, Shown, labelled, labels, value

KINDS: Kinds = (KillSwitch, Workload, Mode, Latent, Wiring, SelfReport, Agreement)


def families(shown: Shown) -> Iterator[Metric]:
    yield _kill_switches(shown)
    yield _replicas(shown)
    yield _modes(shown)
    yield shown.gauge(Latent, "latent_could_start", "could_start", "1: it could start execution by itself.")
    yield shown.gauge(Wiring, "kill_switch_wired", "sound", "1: the kill switch reaches the workload.")
    text = "1: the service says that it runs in a forbidden mode."
    yield shown.gauge(SelfReport, "self_report_unsafe", "unsafe", text)
    yield shown.gauge(Agreement, "agreement", "agree", "1: all that state the setting state the same.")


def _kill_switches(shown: Shown) -> Metric:
    family = Metric("watchdog_kill_switch_state", "Each carrier of the kill switch: 1 for the state it is in.", "gauge")
    for known in shown.facts[KillSwitch.KIND]:
        halted = value(shown.posture, known, "halted")
        now = "unknown" if halted is None else "halted" if halted else "not_halted"
        for state in ("halted", "not_halted", "unknown"):
            family.add_sample(family.name, {**labels(known.fact), "state": state}, float(state == now))
    return family


def _replicas(shown: Shown) -> Metric:
    family = Metric("watchdog_execution_replicas", "Replicas of each execution workload.", "gauge")
    for known in shown.facts[Workload.KIND]:
        for count in ("desired", "live"):
            if isinstance(replicas := value(shown.posture, known, count), float):
                family.add_sample(family.name, {**labels(known.fact), "count": count}, replicas)
    return family


def _modes(shown: Shown) -> Metric:
    family = Metric("watchdog_agent_mode_info", "Each watched variable: as declared, and as the Pods run.", "gauge")
    for known in shown.facts[Mode.KIND]:
        declared, running = (value(shown.posture, known, name) for name in ("declared", "running"))
        if isinstance(declared, str) and isinstance(running, str):
            family.add_sample(family.name, {**labels(known.fact), "declared": declared, "running": running}, 1.0)
    return family


def happened(posture: Posture) -> Iterator[Metric]:
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
    yield labelled("blindspots", "What is knowingly not observed, by area.", ["area"], sorted(areas.items()))
