"""The HorizontalPodAutoscaler and KEDA, in virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.simulator.client import deployment
from tests.simulator.manifests import autoscaler, scaled_object
from tests.simulator.stories import AGENT, events, phases, played
from watchdog.simulator import kubectl
from watchdog.simulator.cluster import Cluster
from watchdog.simulator.custom import KEDA, install
from watchdog.simulator.resources import DEPLOYMENTS, HORIZONTAL_POD_AUTOSCALERS

HPA, SCALED_OBJECT = ("HorizontalPodAutoscaler", *AGENT), ("ScaledObject", *AGENT)


def replicas(cluster: Cluster) -> int:
    return int(cluster.get(DEPLOYMENTS, *AGENT).object["spec"]["replicas"])


def test_an_autoscaler_does_nothing_at_zero() -> None:
    async def story(cluster: Cluster) -> None:
        kubectl.create(cluster, autoscaler(least=2))
        cluster.demand[HPA] = 3
        await asyncio.sleep(60)
        assert replicas(cluster) == 0
        active = cluster.get(HORIZONTAL_POD_AUTOSCALERS, *AGENT).object["status"]["conditions"][1]
        assert (active["status"], active["reason"]) == ("False", "ScalingDisabled")

    played(story, deployment())


def test_an_autoscaler_keeps_its_target_between_its_bounds() -> None:
    async def story(cluster: Cluster) -> None:
        kubectl.create(cluster, autoscaler(least=2, most=4))
        await asyncio.sleep(20)
        assert replicas(cluster) == 2
        cluster.demand[HPA] = 9
        await asyncio.sleep(20)
        assert replicas(cluster) == 4
        managers = cluster.get(DEPLOYMENTS, *AGENT).object["metadata"]["managedFields"]
        assert ("kube-controller-manager", "scale") in [(one["manager"], one.get("subresource")) for one in managers]
        assert [one[0] for one in events(cluster, AGENT[1])].count("SuccessfulRescale") == 2
        kubectl.scale(cluster, "deploy", *AGENT, 0)
        await asyncio.sleep(60)
        assert replicas(cluster) == 0

    played(story, deployment(replicas=1))


def test_keda_scales_from_zero_once_a_trigger_is_active_and_back_after_a_while() -> None:
    async def story(cluster: Cluster) -> None:
        install(cluster, KEDA)
        kubectl.create(cluster, scaled_object(cooldownPeriod=120))
        await asyncio.sleep(100)
        assert replicas(cluster) == 0
        cluster.demand[SCALED_OBJECT] = 1
        await asyncio.sleep(31)
        assert (replicas(cluster), phases(cluster, AGENT[0])) == (1, ["Running"])
        assert "KEDAScaleTargetActivated" in [one[0] for one in events(cluster, AGENT[1])]
        del cluster.demand[SCALED_OBJECT]
        await asyncio.sleep(100)
        assert replicas(cluster) == 1
        await asyncio.sleep(60)
        assert replicas(cluster) == 0

    played(story, deployment())


def test_a_trigger_that_is_active_again_begins_the_cool_down_anew() -> None:
    async def story(cluster: Cluster) -> None:
        install(cluster, KEDA)
        kubectl.create(cluster, scaled_object(cooldownPeriod=120))
        for seconds in (40, 80, 80):  # of quiet, each after 40 s of demand
            cluster.demand[SCALED_OBJECT] = 1
            await asyncio.sleep(40)
            assert replicas(cluster) == 1
            del cluster.demand[SCALED_OBJECT]
            await asyncio.sleep(seconds)
            assert replicas(cluster) == 1
        await asyncio.sleep(80)
        assert replicas(cluster) == 0

    played(story, deployment())


@pytest.mark.parametrize(
    ("annotations", "spec", "expected"),
    [
        ({"autoscaling.keda.sh/paused": "true"}, {}, 0),
        ({"autoscaling.keda.sh/paused-replicas": "2"}, {}, 2),
        ({"autoscaling.keda.sh/paused": "false"}, {}, 1),
        ({}, {"minReplicaCount": 3}, 3),
        ({}, {"minReplicaCount": 3, "maxReplicaCount": 2}, 2),
    ],
)
def test_what_a_scaled_object_says_of_itself_counts(
    annotations: dict[str, str], spec: dict[str, Any], expected: int
) -> None:
    async def story(cluster: Cluster) -> None:
        install(cluster, KEDA)
        made = scaled_object(**spec)
        made["metadata"]["annotations"] = annotations
        cluster.demand[SCALED_OBJECT] = 1
        kubectl.create(cluster, made)
        await asyncio.sleep(60)
        assert replicas(cluster) == expected

    played(story, deployment())
