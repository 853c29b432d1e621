"""``/metrics``: the newest level and the daemon's vitals, as Prometheus text or OpenMetrics (conventions.md).

LAW: rendered when it is asked for, never in a turn. What is unknown has no sample of its own, never a 0; that it is
unknown is ``watchdog_fact_known`` 0. No label is unbounded: ``LIMIT`` subjects of a kind, and a count of the rest.

    families    what a fact's value looks like as a sample
    safety      the kill switch, what executes, what could
    data_plane  services, messages on their way, the exchange
    paging      who has taken a page, and who hears of it
    replicas    the other replicas, and the clocks
    daemon      sources, alerts, and how the daemon is
    ledger      how the ledger is
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from prometheus_client import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from watchdog.core.assessment import Assessment
from watchdog.core.vitals import Vitals
from watchdog.outlets import Batch, Newest, Outlet, Receipt
from watchdog.outlets.metrics import daemon, data_plane, paging, replicas, safety
from watchdog.outlets.metrics.families import LIMIT, Shown, labelled
from watchdog.ports import Document, Ports

__all__ = ["LIMIT", "Metrics"]


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
        self.level, self.vitals = level, vitals

    def collect(self) -> Iterator[Metric]:
        shown = Shown.of(self.level.posture, safety.KINDS + data_plane.KINDS + replicas.KINDS + daemon.KINDS)
        yield from daemon.sources(self.level.posture)
        yield from safety.families(shown)
        yield from data_plane.families(shown)
        yield from replicas.families(shown)
        yield shown.known(safety.KINDS + data_plane.STATED + replicas.STATED + daemon.KINDS)
        text = "Facts that have no series, for there are too many."
        yield labelled("facts_omitted", text, ["fact"], shown.omitted.items())
        yield from safety.happened(self.level.posture)
        yield from paging.families(self.level.deliveries)
        yield from daemon.families(self.level, self.vitals, shown)
