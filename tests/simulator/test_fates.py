"""What goes wrong on the nodes, as a kubelet, the scheduler and the controllers report it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.simulator.client import NOW
from watchdog.simulator import kubectl
from watchdog.simulator.platform import Floor, trading_floor
from watchdog.simulator.resources import EVENTS, NODES, PODS
from watchdog.simulator.virtual_time import VirtualClock

from ..virtual import in_virtual_time

FLOOR, UI = "trading-floor", "agenttrader-ops-ui"
JSON = dict[str, Any]


def played(story: Callable[[Floor], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        clock = VirtualClock(asyncio.get_running_loop())
        floor = trading_floor(lambda: clock.now().wall)
        task = asyncio.create_task(floor.controller.run())
        await asyncio.sleep(1)
        await story(floor)
        task.cancel()

    in_virtual_time(main())


def the_pod(floor: Floor, name: str = UI) -> JSON:
    (found,) = [pod.object for pod in floor.cluster.records(PODS, FLOOR) if pod.name.startswith(f"{name}-")]
    return found


def container(floor: Floor, name: str = UI) -> JSON:
    (found,) = the_pod(floor, name)["status"]["containerStatuses"]
    return dict(found)


def conditions(object: JSON) -> dict[str, str]:
    return {one["type"]: one["status"] for one in object["status"]["conditions"]}


def reasons(floor: Floor) -> set[str]:
    return {str(event.object["reason"]) for event in floor.cluster.records(EVENTS)}


def test_a_container_that_crashes_is_started_at_once_and_then_ever_more_rarely() -> None:
    async def story(floor: Floor) -> None:
        floor.kubelet.crash(FLOOR, UI, after=2.0, exit_code=7)
        seen = []
        for _ in range(120):
            one = container(floor)
            seen.append((one["restartCount"], next(iter(one["state"]))))
            await asyncio.sleep(1)
        assert list(dict.fromkeys(seen)) == [
            (0, "running"), (1, "running"), (1, "waiting"), (2, "running"), (2, "waiting"), (3, "running"),
            (3, "waiting"), (4, "running"), (4, "waiting"),
        ]  # fmt: skip
        assert [seen.count((number, "waiting")) for number in (1, 2, 3)] == [10, 20, 40]
        one, pod = container(floor), the_pod(floor)
        assert one["state"]["waiting"]["reason"] == "CrashLoopBackOff" and not one["ready"]
        assert one["lastState"]["terminated"]["exitCode"] == 7
        assert (pod["status"]["phase"], conditions(pod)["Ready"]) == ("Running", "False")
        assert "BackOff" in reasons(floor)
        floor.kubelet.heal(FLOOR, UI)
        await asyncio.sleep(100)
        assert "running" in container(floor)["state"] and conditions(the_pod(floor))["Ready"] == "True"
        assert container(floor)["restartCount"] == 5

    played(story)


def test_an_image_that_is_missing_keeps_the_new_pods_pending_and_the_old_ones_running() -> None:
    async def story(floor: Floor) -> None:
        floor.kubelet.unpullable("x/ui:typo")
        kubectl.set_image(floor.cluster, "deploy", FLOOR, UI, "x/ui:typo")
        await asyncio.sleep(30)
        pods = [pod.object for pod in floor.cluster.records(PODS, FLOOR) if pod.name.startswith(f"{UI}-")]
        assert sorted(pod["status"]["phase"] for pod in pods) == ["Pending", "Running"]
        (pending,) = [pod for pod in pods if pod["status"]["phase"] == "Pending"]
        (one,) = pending["status"]["containerStatuses"]
        assert one["state"]["waiting"]["reason"] in ("ErrImagePull", "ImagePullBackOff") and one["imageID"] == ""
        status = kubectl.get(floor.cluster, "deploy", FLOOR, UI).object["status"]["conditions"]
        assert {c["type"]: c["reason"] for c in status}["Progressing"] == "ReplicaSetUpdated"
        await asyncio.sleep(600)
        status = kubectl.get(floor.cluster, "deploy", FLOOR, UI).object["status"]["conditions"]
        progress = next(c for c in status if c["type"] == "Progressing")
        assert (progress["status"], progress["reason"]) == ("False", "ProgressDeadlineExceeded")
        floor.kubelet.pullable("x/ui:typo")
        await asyncio.sleep(320)
        assert container(floor)["image"] == "x/ui:typo"
        status = kubectl.get(floor.cluster, "deploy", FLOOR, UI).object["status"]["conditions"]
        assert {c["type"]: c["reason"] for c in status}["Progressing"] == "NewReplicaSetAvailable"

    played(story)


def test_a_pod_that_no_node_takes_is_placed_when_one_does() -> None:
    async def story(floor: Floor) -> None:
        floor.kubelet.unschedulable(FLOOR, UI, "0/1 nodes are available: 1 Insufficient cpu.")
        kubectl.delete(floor.cluster, "pod", FLOOR, the_pod(floor)["metadata"]["name"], force=True)
        await asyncio.sleep(20)
        (scheduled,) = the_pod(floor)["status"]["conditions"]
        assert (scheduled["reason"], scheduled["message"][-19:]) == ("Unschedulable", "1 Insufficient cpu.")
        assert "FailedScheduling" in reasons(floor)
        floor.kubelet.heal(FLOOR, UI)
        await asyncio.sleep(10)
        assert the_pod(floor)["status"]["phase"] == "Running"

    played(story)


def test_a_tag_that_is_pushed_again_is_another_image_at_the_next_start() -> None:
    async def story(floor: Floor) -> None:
        before = container(floor)
        floor.kubelet.repush(before["image"])
        assert container(floor)["imageID"] == before["imageID"]
        kubectl.delete(floor.cluster, "pod", FLOOR, the_pod(floor)["metadata"]["name"], force=True)
        await asyncio.sleep(5)
        assert container(floor)["imageID"] != before["imageID"] and container(floor)["image"] == before["image"]

    played(story)


def test_the_floors_node_is_ready_and_says_when_it_is_pressed() -> None:
    async def story(floor: Floor) -> None:
        well = {"MemoryPressure": "False", "DiskPressure": "False", "PIDPressure": "False", "Ready": "True"}
        (node,) = floor.cluster.records(NODES)
        assert conditions(node.object) == well
        floor.kubelet.press("DiskPressure")
        await asyncio.sleep(1)
        assert conditions(floor.cluster.records(NODES)[0].object) == {**well, "DiskPressure": "True"}
        floor.kubelet.relieve("DiskPressure")
        floor.kubelet.press("NotReady")
        await asyncio.sleep(1)
        assert set(conditions(floor.cluster.records(NODES)[0].object).values()) == {"Unknown"}

    played(story)


@pytest.mark.parametrize("exit_code", [0, 1])
def test_a_job_that_crashes_is_retried_by_its_controller(exit_code: int) -> None:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x:1"}]}}
    job = {
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "once", "namespace": FLOOR},
        "spec": {"backoffLimit": 0, "template": template},
    }  # fmt: skip

    async def story(floor: Floor) -> None:
        floor.kubelet.crash(FLOOR, "once", after=3.0, exit_code=exit_code, reason="")
        kubectl.create(floor.cluster, job)
        await asyncio.sleep(10)
        assert the_pod(floor, "once")["status"]["phase"] == ("Failed" if exit_code else "Succeeded")
        ended = kubectl.get(floor.cluster, "job", FLOOR, "once").object["status"]["conditions"]
        assert ended[-1]["type"] == ("Failed" if exit_code else "Complete")

    played(story)


def test_nothing_is_fated_from_the_start() -> None:
    floor = trading_floor(lambda: NOW)
    assert floor.kubelet.pushes == {} and floor.kubelet.pressed("simulated-node-1") == []
