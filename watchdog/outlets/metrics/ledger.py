"""How the ledger is. Where none is configured there are no samples."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from watchdog.core.vitals import Vitals


def families(vitals: Vitals) -> Iterator[Metric]:
    kept = vitals.ledger
    up = GaugeMetricFamily("watchdog_ledger_up", "1: the ledger took what was last written to it.")
    head = GaugeMetricFamily("watchdog_ledger_head_seq", "The number of the ledger's last entry.")
    gaps = CounterMetricFamily("watchdog_ledger_gaps", "Gaps that this life of the daemon left in the ledger.")
    text = "Entries that this life of the daemon wrote."
    entries = CounterMetricFamily("watchdog_ledger_entries", text, labels=["kind"])
    if kept is not None:
        up.add_metric([], float(kept.up))
        gaps.add_metric([], kept.entries.get("gap", 0))
        for kind, count in sorted(kept.entries.items()):
            entries.add_metric([kind], count)
    if vitals.head is not None:
        head.add_metric([], vitals.head[0])
    yield from (up, head, gaps, entries)
