"""Fixtures: a cluster to write to, its API server, and the real kubectl."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.conftest import real
from tests.simulator.client import NOW, Api
from tests.simulator.real_kubectl import Kubectl, serving, versions
from tests.simulator.stage import Recordings, Stage, staged
from watchdog.simulator import kubectl as edit
from watchdog.simulator.apiserver import ApiServer
from watchdog.simulator.cluster import Cluster
from watchdog.simulator.platform import Floor, trading_floor
from watchdog.simulator.reconcilers.owned import Pace


@pytest.fixture
def cluster() -> Cluster:
    """Two namespaces and a kill switch, at a time that stands still."""
    cluster = Cluster(lambda: NOW)
    switch = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"EXECUTION_HALTED": "1"}}
    edit.create(
        cluster,
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "agenttrader"}},
        {**switch, "metadata": {"name": "agenttrader-kill-switch", "namespace": "trading-floor"}},
    )
    return cluster


@pytest.fixture
def api(cluster: Cluster) -> Api:
    return Api(ApiServer(cluster))


@pytest.fixture(scope="session")
def kubectl_command() -> str:
    real("kubectl", package="kubernetes-client")
    return versions()[-1]


@pytest.fixture
def floor() -> Floor:
    return trading_floor(lambda: datetime.now(UTC), pace=Pace(settle=0.002, start=0.02, stop=0.02, sync=0.05))


@pytest.fixture
async def kubectl(floor: Floor, kubectl_command: str, tmp_path: Path) -> AsyncIterator[Kubectl]:
    """The newest there is."""
    async with serving(floor, kubectl_command, tmp_path) as kubectl:
        yield kubectl


@pytest.fixture(params=versions(), ids=lambda path: Path(path).name)
async def each_kubectl(floor: Floor, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Kubectl]:
    real("kubectl", package="kubernetes-client")
    async with serving(floor, request.param, tmp_path) as kubectl:
        yield kubectl


@pytest.fixture
def recordings(kube_wire: Recordings) -> Recordings:
    return kube_wire


@pytest.fixture
def stage(recordings: Recordings) -> Stage:
    return staged(recordings)
