"""A status as a kubelet or a controller writes it -> what is wrong, and from when until when."""

from __future__ import annotations

import json
from math import inf
from typing import Any

import pytest

from watchdog.sources.kubernetes.conditions.ailments import LATE, SETTLED, Ailment, of_node, of_pod
from watchdog.sources.kubernetes.objects import seconds
from watchdog.sources.kubernetes.resources import NODES, PODS

JSON = dict[str, Any]
BORN, NOW = "2026-11-23T14:00:00Z", "2026-11-23T15:00:00Z"
RUNNING: JSON = {"running": {"startedAt": NOW}}
WELL: JSON = {"name": "app", "state": RUNNING, "lastState": {}, "restartCount": 0, "image": "x:1", "imageID": ""}


def ended(after: float = 5.0, code: int = 1, reason: str = "Error") -> JSON:
    """A life of so many seconds that ended at ``NOW``."""
    minutes, rest = divmod(after, 60)
    began = (
        f"2026-11-23T14:{59 - int(minutes):02d}:{60 - rest:04.1f}Z"
        if rest
        else f"2026-11-23T14:{60 - int(minutes):02d}:00Z"
    )
    return {"terminated": {"exitCode": code, "reason": reason, "startedAt": began, "finishedAt": NOW}}


def waiting(reason: str) -> JSON:
    return {"waiting": {"reason": reason}}


def pod(
    *statuses: JSON, phase: str = "Running", policy: str = "Always", init: JSON | None = None, **status: Any
) -> JSON:
    init_spec = [{"name": init["name"], "image": "i:1"}] if init else []
    return {
        "metadata": {"name": "p", "uid": "u", "namespace": "n", "resourceVersion": "1", "creationTimestamp": BORN},
        "spec": {
            "containers": [{"name": "app", "image": "x:1"}], "initContainers": init_spec, "restartPolicy": policy,
        },
        "status": {
            "phase": phase, "containerStatuses": list(statuses), "initContainerStatuses": [init] if init else [],
            **status,
        },
    }  # fmt: skip


def ailments(manifest: JSON) -> tuple[Ailment, ...]:
    return of_pod(PODS.object(json.dumps(manifest).encode()))


def names(manifest: JSON) -> list[str]:
    return [one.condition for one in ailments(manifest)]


LOOPING = {**WELL, "state": RUNNING, "lastState": ended(), "restartCount": 3}
WRONG: dict[str, tuple[JSON, list[str]]] = {
    "back-off": (pod({**WELL, "state": waiting("CrashLoopBackOff"), "lastState": ended()}), ["CrashLoop"]),
    "back-off of an init container": (
        pod(phase="Pending", init={"name": "i", "state": waiting("CrashLoopBackOff"), "lastState": ended()}),
        ["CrashLoop"],
    ),
    "runs between two waits": (pod(LOOPING), ["CrashLoop"]),
    "just ended between two waits": (pod({**LOOPING, "state": ended(), "lastState": ended()}), ["CrashLoop"]),
    "ends well again and again, and is started again": (
        pod({**LOOPING, "state": ended(code=0, reason="Completed")}),
        ["CrashLoop"],
    ),
    "a life that never began is a short one": (
        pod({**LOOPING, "lastState": {"terminated": {"exitCode": 128, "finishedAt": NOW}}}),
        ["CrashLoop"],
    ),
    **{
        reason: (pod({**WELL, "state": waiting(reason)}, phase="Pending"), ["ImagePull"])
        for reason in ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull")
    },
    "an image for a restart": (pod({**LOOPING, "state": waiting("ImagePullBackOff")}), ["ImagePull"]),
    "killed for memory, and runs": (
        pod({**WELL, "lastState": ended(9e2, 137, "OOMKilled"), "restartCount": 1}),
        ["OutOfMemory"],
    ),
    "killed for memory, and waits": (
        pod({**WELL, "state": waiting("CrashLoopBackOff"), "lastState": ended(5, 137, "OOMKilled")}),
        ["CrashLoop", "OutOfMemory"],
    ),
    "killed for memory for good": (
        pod({**WELL, "state": ended(5, 137, "OOMKilled")}, phase="Failed", policy="Never"),
        ["OutOfMemory"],
    ),
    "a ConfigMap is missing": (
        pod({**WELL, "state": waiting("CreateContainerConfigError")}, phase="Pending"),
        ["Pending"],
    ),
    "being created": (pod({**WELL, "state": waiting("ContainerCreating")}, phase="Pending"), ["Pending"]),
    "no node takes it": (
        pod(phase="Pending", conditions=[{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]),
        ["Unschedulable"],
    ),
}
FINE: dict[str, JSON] = {
    "runs": pod(WELL),
    "restarted once": pod({**WELL, "lastState": ended(), "restartCount": 1}),
    "restarted twice": pod({**WELL, "lastState": ended(), "restartCount": 2}),
    "restarted for the ninth time this year": pod({**WELL, "lastState": ended(SETTLED), "restartCount": 9}),
    "waits for its first image": pod({**WELL, "state": waiting("ContainerCreating")}),
    "complete": pod({**WELL, "state": ended(code=0, reason="Completed")}, phase="Succeeded", policy="Never"),
    "failed for good": pod({**LOOPING, "state": ended()}, phase="Failed", policy="OnFailure"),
    "done at last, where that is the end": pod({**LOOPING, "state": ended(code=0)}, policy="OnFailure"),
    "an init container is through": pod(WELL, init={"name": "i", "state": ended(code=0), "restartCount": 4}),
    "held back by a gate": pod(
        phase="Pending", conditions=[{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]
    ),
}


@pytest.mark.parametrize(("manifest", "expected"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_has_its_name(manifest: JSON, expected: list[str]) -> None:
    assert names(manifest) == expected


@pytest.mark.parametrize("manifest", FINE.values(), ids=FINE)
def test_what_only_looks_wrong_is_fine(manifest: JSON) -> None:
    assert names(manifest) == []


def test_a_loop_is_over_when_its_container_has_run_for_ten_minutes() -> None:
    (found,) = ailments(pod(LOOPING))
    assert (found.begins, found.ends) == (-inf, seconds(NOW) + SETTLED)
    (waits,) = ailments(pod({**LOOPING, "state": waiting("CrashLoopBackOff")}))
    assert waits.ends == inf


def test_who_was_killed_for_memory_for_good_is_told_of_for_ten_minutes() -> None:
    (found,) = ailments(pod({**WELL, "state": ended(5, 137, "OOMKilled")}, phase="Failed", policy="Never"))
    assert found.ends == seconds(NOW) + SETTLED


def test_a_pod_that_does_not_run_yet_is_late_after_four_minutes() -> None:
    (found,) = ailments(pod({**WELL, "state": waiting("ContainerCreating")}, phase="Pending"))
    assert (found.begins, found.text) == (seconds(BORN) + LATE, "container app waits: ContainerCreating")


def test_it_is_said_which_container_and_why_in_one_clause() -> None:
    (found,) = ailments(pod({**LOOPING, "restartCount": 7, "lastState": ended(5, 137, "OOMKilled")}))[:1]
    assert found.text == "container app: OOMKilled, 7 restarts, last exit code 137 (OOMKilled)"
    (pull,) = ailments(pod({**WELL, "state": waiting("ErrImagePull")}, phase="Pending"))
    assert pull.text == "container app: ErrImagePull of x:1"


def node(**conditions: str) -> JSON:
    said = [{"type": type, "status": status, "reason": f"{type}{status}"} for type, status in conditions.items()]
    return {"metadata": {"name": "n", "uid": "u", "resourceVersion": "1"}, "status": {"conditions": said}}


@pytest.mark.parametrize(
    ("manifest", "expected"),
    [
        (node(Ready="True", MemoryPressure="False", DiskPressure="False", PIDPressure="False"), []),
        (node(Ready="True", MemoryPressure="True"), ["MemoryPressure"]),
        (node(Ready="False", DiskPressure="True"), ["DiskPressure", "NotReady"]),
        (node(Ready="Unknown", MemoryPressure="Unknown"), ["NotReady"]),
        (node(), ["NotReady"]),
        (node(Ready="True", NetworkUnavailable="True"), []),
    ],
)
def test_a_node_is_well_when_it_says_so(manifest: JSON, expected: list[str]) -> None:
    assert [one.condition for one in of_node(NODES.object(json.dumps(manifest).encode()))] == expected
