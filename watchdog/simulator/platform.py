"""The trading floor of domain.md, whole: cluster, API server, controllers and services, in its safe start state."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from watchdog.simulator import kubectl
from watchdog.simulator.apiserver import ApiServer
from watchdog.simulator.cloud_run import CloudRun
from watchdog.simulator.cluster import Cluster
from watchdog.simulator.controller import Controller, settle
from watchdog.simulator.data_plane import DataPlane
from watchdog.simulator.fates import Fates
from watchdog.simulator.heartbeats import Heartbeats
from watchdog.simulator.managed_fields import Author
from watchdog.simulator.market_data import MarketData
from watchdog.simulator.ports import InProcessKubernetes
from watchdog.simulator.prometheus import Prometheus
from watchdog.simulator.reconcilers.owned import USUAL_PACE, Pace
from watchdog.simulator.resources import BY_KIND, CLUSTER_ROLES, SERVICE_ACCOUNTS
from watchdog.simulator.services import Services

JSON = dict[str, Any]
READER = "watchdog-reader"


@cache
def manifests() -> tuple[JSON, ...]:
    """``trading_floor.yaml``. Shared: never change one."""
    return _loaded("trading_floor.yaml")


def _loaded(name: str) -> tuple[JSON, ...]:
    text = files("watchdog.simulator").joinpath(name).read_text("utf-8")
    return tuple(yaml.load_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))


@dataclass(frozen=True, slots=True)
class Floor:
    """``await run()`` in a task of its own: until then nothing reacts to what is stored."""

    cluster: Cluster
    server: ApiServer
    controller: Controller
    market_data: MarketData
    services: Services
    heartbeats: Heartbeats
    data: DataPlane
    prometheus: Prometheus
    cloud_run: CloudRun

    @property
    def kubelet(self) -> Fates:
        """What is to go wrong on the nodes."""
        return self.controller.kubelet

    def as_service_account(self, namespace: str, name: str, seconds: float = 365 * 86_400.0) -> InProcessKubernetes:
        """A client with the rights of that ServiceAccount, which is made if it is missing (its rights are not);
        ``seconds``: the life of its token."""
        if self.cluster.find(SERVICE_ACCOUNTS, namespace, name) is None:
            account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}}
            kubectl.create(self.cluster, account)
        return InProcessKubernetes(self.server, token=self.server.authentication.issue(namespace, name, seconds))

    async def run(self) -> None:
        """The controllers and the heartbeats, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.controller.run())
            group.create_task(self.heartbeats.run())

    def as_watchdog(self) -> InProcessKubernetes:
        """A client with the rights that ``deploy/k8s/base`` gives the daemon; they are granted if they are not yet."""
        if self.cluster.find(CLUSTER_ROLES, "", READER) is None:
            kubectl.create(self.cluster, *_loaded("reader.yaml"))
        return self.as_service_account("watchdog", "watchdog")


def trading_floor(now: Callable[[], datetime], seed: int = 0, pace: Pace = USUAL_PACE) -> Floor:
    """Halted, execution at zero, every other workload up and ready. ``now``: the wall clock (aware)."""
    cluster = Cluster(now, seed)
    for manifest in manifests():
        resource = BY_KIND[manifest["apiVersion"], manifest["kind"]]
        cluster.create(
            resource, manifest["metadata"].get("namespace", ""), manifest, Author("kubectl-client-side-apply")
        )
    settle(cluster)
    services = Services(cluster, now)
    heartbeats = Heartbeats(cluster, now, services.runs)
    heartbeats.beat_all()
    data = DataPlane(now)
    return Floor(
        cluster,
        ApiServer(cluster),
        Controller(cluster, pace),
        MarketData(now),
        services,
        heartbeats,
        data,
        Prometheus(data.metrics),
        CloudRun(),
    )
