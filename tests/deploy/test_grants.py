"""What each way to deploy it grants is what the daemon needs and no more, as an API server itself says."""

from __future__ import annotations

import asyncio
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest

from tests.deploy.rendering import BASE, NAMESPACED, ROOT, Object, of_kind, rendered
from tests.deploy.test_namespaced import RBAC, configuration
from tests.fakes import START, Outside
from tests.virtual import in_virtual_time
from watchdog import config
from watchdog.core.facts import Grant
from watchdog.core.observation import Scope
from watchdog.simulator import custom, kubectl
from watchdog.simulator.platform import trading_floor
from watchdog.simulator.virtual_time import VirtualClock

DEPLOYED = [BASE, NAMESPACED]
ACCESS = Scope("kubernetes", "what the credentials allow")


def grants(documents: list[Object]) -> list[Grant]:
    """What the daemon that is deployed so finds of itself, where Rollouts and ScaledObjects are served too."""

    async def main() -> list[Grant]:
        clock = VirtualClock(asyncio.get_running_loop())
        floor = trading_floor(lambda: clock.now().wall)
        custom.install(floor.cluster, custom.ARGO, custom.KEDA)
        kubectl.create(floor.cluster, *(document for document in documents if document["kind"] in RBAC))
        client = floor.as_service_account("watchdog", "watchdog")
        ports = replace(Outside(clock=clock).ports(), kubernetes=lambda kubeconfig, context: client)
        plan = config.build(ROOT / "config" / "watchdog.yaml", configuration(documents)).plan
        facts = await anext(plan.streams[ACCESS].looks(ports))
        return [fact for fact in facts.seen if isinstance(fact, Grant)]

    return in_virtual_time(main())


@pytest.mark.parametrize("folder", DEPLOYED, ids=lambda folder: folder.name)
def test_nothing_is_missing_and_nothing_is_too_much(folder: Path) -> None:
    found = grants(rendered(folder))
    assert {(grant.missing, grant.excess) for grant in found} == {("", "")}
    assert {"*", "agenttrader", "trading-floor"} <= {grant.namespace for grant in found}


def test_on_the_simulated_floor_the_daemon_has_the_rights_that_the_base_gives_it() -> None:
    floor = trading_floor(lambda: START)
    floor.as_watchdog()
    for document in (document for document in rendered() if document["kind"] in ("ClusterRole", "ClusterRoleBinding")):
        stored = kubectl.get(floor.cluster, document["kind"], "", document["metadata"]["name"]).object
        assert {key: stored[key] for key in document if key != "metadata"} == {
            key: value for key, value in document.items() if key != "metadata"
        }


def roles(documents: list[Object]) -> list[Object]:
    return of_kind(documents, "ClusterRole") + of_kind(documents, "Role")


@pytest.mark.parametrize("folder", DEPLOYED, ids=lambda folder: folder.name)
def test_each_kind_that_a_role_no_longer_grants_is_missing(folder: Path) -> None:
    """Events and namespaces are read when there is a reason to; what is watched is asked for."""
    documents = rendered(folder)
    for number, rule in enumerate(roles(documents)[0]["rules"]):
        for resource in rule["resources"]:
            if resource in ("events", "namespaces"):
                continue
            less = deepcopy(documents)
            roles(less)[0]["rules"][number]["resources"].remove(resource)
            missing = " ".join(str(grant.missing) for grant in grants(less))
            assert f"watch {resource}" in missing, resource


ADDED: dict[str, Object] = {
    "patch deployments.apps/scale": {"apiGroups": ["apps"], "resources": ["deployments/scale"], "verbs": ["patch"]},
    "get secrets": {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]},
    "update configmaps": {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["update"]},
}


@pytest.mark.parametrize("folder", DEPLOYED, ids=lambda folder: folder.name)
@pytest.mark.parametrize("named", ADDED)
def test_whatever_a_role_grants_beyond_reading_is_too_much(folder: Path, named: str) -> None:
    documents = rendered(folder)
    roles(documents)[0]["rules"].append(ADDED[named])
    assert [grant.excess for grant in grants(documents) if grant.excess] == [named]
