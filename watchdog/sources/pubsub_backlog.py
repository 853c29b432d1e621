"""How old the oldest unacked message of a subscription is, without Cloud Monitoring: by a snapshot. domain.md §7.

This is the one source that writes: it makes a snapshot, whose expiry tells the age, and deletes it at once. Nothing is
pulled, and no consumer notices. Where metrics can be had ``promql`` is the better way; no shipped stanza uses this one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from functools import partial

from watchdog.core.address import is_endpoint
from watchdog.core.facts import Metric, Subject, Unknown
from watchdog.core.instant import Instant
from watchdog.core.observation import Coverage, Facts, Sees
from watchdog.core.resource import PROJECT, is_name, short, whole
from watchdog.core.services import Criticality
from watchdog.ports import Ports, Unreachable
from watchdog.sources import Source, Stream

METRIC = "oldest_unacked_by_snapshot_seconds"
"""Not the name of what ``promql`` measures: two that tell of one thing would overrule each other."""
OF_ONE = ("NotFound", "PermissionDenied", "FailedPrecondition")
"""What is wrong with one subscription; everything else is with the service."""


@dataclass(frozen=True)
class Measured:
    subscription: str
    criticality: Criticality = "important"

    def __post_init__(self) -> None:
        if not is_name(self.subscription):
            raise ValueError(f"subscription: expected a subscription's name, found {self.subscription!r}")


@dataclass(frozen=True)
class PubSubBacklog(Source):
    """``timeout``: for one measurement, which is up to three calls."""

    name: str
    project: str
    subscriptions: tuple[Measured, ...]
    endpoint: str = ""
    poll_interval: float = 60.0
    timeout: float = 6.0
    stale_after: float = 150.0

    def __post_init__(self) -> None:
        if not PROJECT.fullmatch(self.project):
            raise ValueError(f"project: expected a project's id, found {self.project!r}")
        if self.endpoint and not is_endpoint(self.endpoint):
            raise ValueError(f"endpoint: expected host:port, found {self.endpoint!r}")
        names = [whole(self.project, "subscriptions", measured.subscription) for measured in self.subscriptions]
        if not names or len(dict.fromkeys(names)) != len(names):
            raise ValueError("subscriptions: expected at least one, and none twice")
        if not (self.poll_interval > 0 and self.timeout > 0):
            raise ValueError("expected poll_interval and timeout above 0")
        if not self.stale_after > self.poll_interval + self.timeout:
            raise ValueError("stale_after: expected more than poll_interval and timeout together")

    def streams(self) -> Mapping[str, Stream]:
        return {
            measured.subscription: Stream(self._promise(measured), partial(self._looks, measured), self.stale_after)
            for measured in self.subscriptions
        }

    def _promise(self, measured: Measured) -> Coverage:
        subject = Subject(Metric.KIND, (("metric", METRIC), ("series", self._series(measured))))
        sees = Sees("metric", f"{METRIC} of {self._series(measured)}", self.project, subject=subject, field="value")
        return Coverage(frozenset({Metric.KIND}), self.stale_after, sees=(sees,))

    async def _looks(self, measured: Measured, ports: Ports) -> AsyncIterator[Facts]:
        """Raises ``Unreachable`` where the service does not answer."""
        while True:
            now = ports.clock.now()
            yield Facts((await self._measure(measured, ports, now),), at=now)
            await asyncio.sleep(self.poll_interval)

    async def _measure(self, measured: Measured, ports: Ports, now: Instant) -> Metric:
        name = whole(self.project, "subscriptions", measured.subscription)
        try:
            seconds = await ports.pubsub(self.endpoint).oldest_unacked_seconds(name, self.timeout)
        except Unreachable as error:
            if error.reason not in OF_ONE:
                raise
            return self._unknown(measured, Unknown(error.reason, error.message))
        value, said = round(seconds, 3), f"{METRIC} of {self._series(measured)} is {seconds:.1f}"
        sampled = now.wall.timestamp()
        return Metric(METRIC, self._series(measured), value, sampled, 0.0, measured.criticality, said)

    def _unknown(self, measured: Measured, why: Unknown) -> Metric:
        return Metric(METRIC, self._series(measured), why, 0.0, why, measured.criticality, str(why))

    def _series(self, measured: Measured) -> str:
        return short(self.project, measured.subscription)
