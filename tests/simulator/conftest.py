"""Fixtures: a cluster to write to, its API server, and the real kubectl."""

from __future__ import annotations

import pytest

from tests.conftest import real
from tests.simulator.client import NOW, Api
from tests.simulator.stage import Recordings, Stage, staged
from watchdog.simulator import kubectl as edit
from watchdog.simulator.apiserver import ApiServer
from watchdog.simulator.cluster import Cluster


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
    return real("kubectl", package="kubernetes-client")


@pytest.fixture
def recordings(kube_wire: Recordings) -> Recordings:
    return kube_wire


@pytest.fixture
def stage(recordings: Recordings) -> Stage:
    return staged(recordings)
