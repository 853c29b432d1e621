"""The signs of life that services leave in ConfigMaps, once a minute while they run. domain.md §6.

An execution workload has none of its own accord: its ConfigMap stays empty (*never*) until a test lets it ``beat``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from watchdog.core.instant import rfc3339
from watchdog.simulator.cluster import Cluster
from watchdog.simulator.managed_fields import Author
from watchdog.simulator.resources import CONFIG_MAPS

NAMESPACE, PREFIX, KEY = "trading-floor", "agenttrader-heartbeat-", "last_seen"
SERVICES, CRON = ("marketdata-mcp-server", "strategy-engine", "mission-control"), "ops-cron"
AUTHOR = Author("agenttrader-heartbeat")


@dataclass
class Heartbeats:
    """``lives``: whether a service runs. ``period``: seconds; a test of weeks may make it longer."""

    cluster: Cluster
    now: Callable[[], datetime]
    lives: Callable[[str], bool]
    period: float = 60.0
    stopped: dict[str, None] = field(default_factory=dict)

    def stop(self, service: str) -> None:
        """No further sign of life of it from now on, although it runs."""
        self.stopped[service] = None

    def start(self, service: str) -> None:
        self.stopped.pop(service, None)

    def beat(self, service: str) -> None:
        """One sign of life, of whatever service; none where its ConfigMap was deleted."""
        record = self.cluster.find(CONFIG_MAPS, NAMESPACE, f"{PREFIX}{service}")
        if record is not None:
            self.cluster.update(record, {**record.object, "data": {KEY: rfc3339(self.now())}}, AUTHOR)

    def beat_all(self) -> None:
        """A sign of life of everything that runs."""
        for service in (*SERVICES, CRON):
            if service not in self.stopped and (service == CRON or self.lives(service)):
                self.beat(service)

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await asyncio.sleep(self.period)
            self.beat_all()
