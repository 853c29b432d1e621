"""The other replicas, and the clocks that ours must agree with."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import Metric

from watchdog.core.facts import ClockSkew, Peer, Replicas
from watchdog.outlets.metrics.families import Kinds, Shown

STATED: Kinds = (Replicas, ClockSkew)
"""Of which it is told whether they are known."""
KINDS: Kinds = (*STATED, Peer)


def families(shown: Shown) -> Iterator[Metric]:
    yield shown.gauge(Replicas, "peers_expected", "expected", "How many other replicas there must be.")
    yield shown.gauge(Replicas, "peers_live", "live", "How many other replicas say that they live.")
    yield shown.gauge(Peer, "peer_up", "live", "1: the replica at this address says that it lives.")
    text = "When the replica at this address last said that it lives."
    yield shown.gauge(Peer, "peer_last_seen_timestamp_seconds", "last_seen_epoch_seconds", text)
    text = "How far our wall clock is ahead of another; against the monotonic one, by how much it stepped lately."
    yield shown.gauge(ClockSkew, "clock_ahead_seconds", "ahead_seconds", text)
