"""The floor as a ServiceAccount sees it, with the rights that deploy/ gives the daemon."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.platform import Guarded, guarded
from tests.simulator.client import NOW
from watchdog.ports import KubernetesError
from watchdog.simulator import kubectl
from watchdog.simulator.cluster import Cluster
from watchdog.simulator.platform import trading_floor

WATCHDOG = ("watchdog", "watchdog")
BASE = Path(__file__).parents[2] / "deploy" / "k8s" / "base"


def permit(cluster: Cluster) -> None:
    """What ``kubectl apply -k deploy/k8s/base`` allows the daemon."""
    for text in ("namespace", "rbac"):
        for manifest in yaml.safe_load_all((BASE / f"{text}.yaml").read_text("utf-8")):
            if cluster.find(cluster.catalog.by_kind[manifest["apiVersion"], manifest["kind"]], "", WATCHDOG[0]) is None:
                kubectl.create(cluster, manifest)


async def test_a_service_account_reads_what_deploy_permits() -> None:
    floor = trading_floor(lambda: NOW)
    kubernetes = floor.as_service_account(*WATCHDOG)
    with pytest.raises(KubernetesError, match="403"):
        await kubernetes.read("/api/v1/configmaps", {}, 1.0)
    permit(floor.cluster)
    assert json.loads(await kubernetes.read("/api/v1/configmaps", {}, 1.0))["items"]
    with pytest.raises(KubernetesError, match="403"):
        await kubernetes.read("/api/v1/secrets", {}, 1.0)
    again = floor.as_service_account(*WATCHDOG)  # the account is there by now
    assert await again.read("/apis/apps/v1/deployments", {}, 1.0)


def test_the_daemon_pages_with_the_rights_that_deploy_gives_it() -> None:
    async def act(world: Guarded) -> list[Any]:
        kubectl.set_data(world.floor.cluster, "trading-floor", "agenttrader-kill-switch", EXECUTION_HALTED="0")
        await asyncio.sleep(5)
        return world.edges

    edges, _ = guarded(act, prepare=lambda world: permit(world.floor.cluster), account=WATCHDOG)
    assert any("fired" in edge for edge in edges)


def test_a_permission_that_is_revoked_is_felt_at_the_next_restart_of_the_server() -> None:
    async def act(world: Guarded) -> tuple[int, int]:
        edges = world.edges
        kubectl.delete(world.floor.cluster, "clusterrolebinding", "", "watchdog-reader")
        await asyncio.sleep(30)
        before = len(edges)  # open WATCHes go on
        world.floor.server.outages.restart()
        await asyncio.sleep(600)
        return before, len(edges)

    (before, after), _ = guarded(act, prepare=lambda world: permit(world.floor.cluster), account=WATCHDOG)
    assert after > before
