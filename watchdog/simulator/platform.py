"""The trading floor of domain.md, whole: cluster, API server, controllers and market data, in its safe start state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from watchdog.simulator.apiserver import ApiServer
from watchdog.simulator.cluster import Cluster
from watchdog.simulator.controller import Controller, settle
from watchdog.simulator.managed_fields import Author
from watchdog.simulator.market_data import MarketData
from watchdog.simulator.reconcilers.owned import USUAL_PACE, Pace
from watchdog.simulator.resources import BY_KIND

JSON = dict[str, Any]


@cache
def manifests() -> tuple[JSON, ...]:
    """``trading_floor.yaml``. Shared: never change one."""
    text = files("watchdog.simulator").joinpath("trading_floor.yaml").read_text("utf-8")
    return tuple(yaml.load_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))


@dataclass(frozen=True, slots=True)
class Floor:
    """``await run()`` in a task of its own: until then nothing reacts to what is stored."""

    cluster: Cluster
    server: ApiServer
    controller: Controller
    market_data: MarketData

    async def run(self) -> None:
        """The controllers, until cancelled."""
        await self.controller.run()


def trading_floor(now: Callable[[], datetime], seed: int = 0, pace: Pace = USUAL_PACE) -> Floor:
    """Halted, execution at zero, every other workload up and ready. ``now``: the wall clock (aware)."""
    cluster = Cluster(now, seed)
    for manifest in manifests():
        resource = BY_KIND[manifest["apiVersion"], manifest["kind"]]
        cluster.create(
            resource, manifest["metadata"].get("namespace", ""), manifest, Author("kubectl-client-side-apply")
        )
    settle(cluster)
    return Floor(cluster, ApiServer(cluster), Controller(cluster, pace), MarketData(now))
