"""LAW: facts say what is, and never how bad it is. What can be known of the guarded platform, and that it is not known.

A fact is a frozen, flat dataclass: its ``KIND`` is the name that rules use for it, its ``IDENTITY`` the fields that say
which thing it is about (they become an alert's labels, so they never change for one thing). Every other field may be
``Unknown`` where its type says so. What is derived from other facts (``DERIVED``) is made by ``core.posture`` and
``core.assessment``, never by a source.
"""

from __future__ import annotations

from collections.abc import Mapping

from watchdog.core.facts.base import Fact, Subject, Unknown
from watchdog.core.facts.data_plane import DeadLetters, Metric, Subscription
from watchdog.core.facts.derived import Agreement, Core, Excursion, Ingest, Safety, Source, Trend, Watchdog
from watchdog.core.facts.operation import ClockSkew, Drill, OperatorEntry, Peer, Replicas
from watchdog.core.facts.platform import CloudRun, Condition, Endpoint, Heartbeat, Market, Pause, Service
from watchdog.core.facts.safety import KillSwitch, Latent, Mode, SelfReport, Wiring, Workload
from watchdog.core.facts.sight import Api, Blindspot, Gap, Grant, Mark, Receiver, UnseenWrite

__all__ = [
    "DERIVED",
    "GLOBALS",
    "KINDS",
    "OBSERVED",
    "Agreement",
    "Api",
    "Blindspot",
    "ClockSkew",
    "CloudRun",
    "Condition",
    "Core",
    "DeadLetters",
    "Drill",
    "Endpoint",
    "Excursion",
    "Fact",
    "Gap",
    "Grant",
    "Heartbeat",
    "Ingest",
    "KillSwitch",
    "Latent",
    "Mark",
    "Market",
    "Metric",
    "Mode",
    "OperatorEntry",
    "Pause",
    "Peer",
    "Receiver",
    "Replicas",
    "Safety",
    "SelfReport",
    "Service",
    "Source",
    "Subject",
    "Subscription",
    "Trend",
    "Unknown",
    "UnseenWrite",
    "Watchdog",
    "Wiring",
    "Workload",
]

OBSERVED: tuple[type[Fact], ...] = (
    KillSwitch, Mode, Workload, Latent, Wiring, SelfReport, Blindspot, Grant, Api, Mark, Gap, UnseenWrite,
    Endpoint, Market, Receiver, Service, Heartbeat, Pause, Condition, CloudRun, Subscription, DeadLetters, Metric,
    OperatorEntry, Drill, Replicas, Peer, ClockSkew,
)  # fmt: skip
DERIVED: tuple[type[Fact], ...] = (Source, Excursion, Agreement, Trend, Core, Ingest, Safety, Watchdog)
KINDS: Mapping[str, type[Fact]] = {cls.KIND: cls for cls in OBSERVED + DERIVED}
GLOBALS: Mapping[str, type[Fact]] = {
    "safety": Safety, "market": Market, "core": Core, "ingest": Ingest, "watchdog": Watchdog,
}  # fmt: skip
"""Facts of which there is one: every rule may read them beside its own subject."""
