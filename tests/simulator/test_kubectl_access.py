"""The real kubectl asks what it may do, and in another's name."""

from __future__ import annotations

import pytest

from tests.simulator.access import READER, admit_reader
from tests.simulator.real_kubectl import Kubectl
from watchdog.simulator.platform import Floor

AS_READER = ("--as", f"system:serviceaccount:{READER[0]}:{READER[1]}")


@pytest.fixture
def asking(floor: Floor, each_kubectl: Kubectl) -> Kubectl:
    admit_reader(floor.cluster)
    return each_kubectl


async def test_auth_can_i(asking: Kubectl) -> None:
    assert await asking("auth", "can-i", "list", "secrets") == "yes\n"
    assert await asking("auth", "can-i", "list", "pods", *AS_READER) == "yes\n"
    assert await asking("auth", "can-i", "get", "/version", *AS_READER) == "yes\n"
    for denied in (("list", "secrets"), ("patch", "deployments", "--subresource=scale"), ("get", "/metrics")):
        assert (await asking.tried("auth", "can-i", *denied, *AS_READER))[:2] == (1, "no\n")


async def test_auth_can_i_list(asking: Kubectl) -> None:
    listed = await asking("auth", "can-i", "--list", "-n", "trading-floor", *AS_READER)
    granted = [line.split() for line in listed.splitlines() if line.endswith("[get list watch]")]
    assert sorted(line[0] for line in granted) == ["configmaps", "deployments.apps", "pods", "statefulsets.apps"]


async def test_as_another(asking: Kubectl) -> None:
    assert "agenttrader-kill-switch" in await asking("get", "cm", "-n", "trading-floor", *AS_READER)
    said = await asking.refused("get", "secrets", "-A", *AS_READER)
    assert 'cannot list resource "secrets" in API group "" at the cluster scope' in said
    groups = ("--as-group", "nobodies", "--as-group", "system:masters")
    assert "NAME" in await asking("get", "cm", "-A", "--as", "jane", *groups)
