"""The lives of the containers of a Pod that has a node: pulled, started, ended, and started again ever more rarely.

Back-off as the kubelet's (``pkg/kubelet/kuberuntime``): 10 s, doubled with each failure in a row, 300 s at most.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from watchdog.simulator.fates import Crash
from watchdog.simulator.history import Record
from watchdog.simulator.kubelet import crashed, finished, pulled_in_vain, restarted, running
from watchdog.simulator.managed_fields import Author
from watchdog.simulator.reconcilers.owned import KUBELET, World
from watchdog.simulator.reconcilers.recorder import record

JSON = dict[str, Any]
_AUTHOR = Author(KUBELET, "status")
FIRST_WAIT, LONGEST_WAIT, RETRY = 10.0, 300.0, 2.0
FORGIVEN = 600.0
"""Seconds of life after which earlier failures are forgotten."""


def begun(world: World, pod: Record) -> float | None:
    """A Pod that is Pending: all of it starts, or nothing does as long as an image is missing."""
    missing = [one for one in pod.object["spec"]["containers"] if world.fates.is_missing(one.get("image", ""))]
    if missing:
        return _not_pulled(world, pod, missing)
    for timer in ("pull", "wait for pull"):
        world.timers.forget(timer, pod.uid)
    world.fates.failures.pop(pod.uid, None)
    pod = world.write_status(pod, running(pod.object, world.cluster.now(), world.fates.pushes), _AUTHOR)
    for container in pod.object["spec"]["containers"]:
        record(world, pod, KUBELET, "Started", f"Started container {container['name']}")
    return lives(world, pod)


def _not_pulled(world: World, pod: Record, missing: list[JSON]) -> float:
    """ErrImagePull for a moment, then ImagePullBackOff until it is tried again."""
    match _waiting_for(pod):
        case "ErrImagePull":
            left = world.timers.left("pull", pod.uid, RETRY)
            return left or _told(world, pod, missing, "ImagePullBackOff", _wait(world.fates.failed(pod)))
        case "ImagePullBackOff":
            left = world.timers.left("wait for pull", pod.uid, _wait(world.fates.failures.get(pod.uid, 1)))
            return left or _told(world, pod, missing, "ErrImagePull", RETRY)
    return _told(world, pod, missing, "ErrImagePull", RETRY)


def _told(world: World, pod: Record, missing: list[JSON], reason: str, again_in: float) -> float:
    world.write_status(pod, pulled_in_vain(pod.object, missing, reason, world.cluster.now()), _AUTHOR)
    record(world, pod, KUBELET, "Failed", f"Error: {reason}", "Warning")
    return again_in


def _waiting_for(pod: Record) -> str:
    """The reason of the first container that waits."""
    for one in pod.object["status"].get("containerStatuses") or ():
        if "waiting" in one["state"]:
            return str(one["state"]["waiting"]["reason"])
    return ""


def _wait(failures: int) -> float:
    return min(FIRST_WAIT * 2.0 ** (failures - 1), LONGEST_WAIT)


def lives(world: World, pod: Record) -> float | None:
    """A Pod that runs: its containers end when it is their fate, and start again."""
    if _waiting_for(pod) == "CrashLoopBackOff":
        wait = _wait(world.fates.failures.get(pod.uid, 2) - 1)
        if left := world.timers.left("backoff", pod.uid, wait):
            return left
        status = restarted(pod.object["status"], world.cluster.now())
        pod = world.write_status(pod, status, _AUTHOR)
    crash = world.fates.crash_of(pod)
    if crash is None:
        world.timers.forget("life", pod.uid)
        return None
    return world.timers.left("life", pod.uid, crash.after) or _ended(world, pod, crash)


def _ended(world: World, pod: Record, crash: Crash) -> float | None:
    policy, now = pod.object["spec"].get("restartPolicy", "Always"), world.cluster.now()
    if policy == "Never" or (policy == "OnFailure" and crash.exit_code == 0):
        world.write_status(pod, finished(pod.object, now, crash.exit_code, crash.reason), _AUTHOR)
        return None
    _forgive(world, pod)
    failures = world.fates.failed(pod)
    if failures == 1:  # it is started again at once
        world.write_status(pod, restarted(crashed(pod.object, crash, now, ""), now), _AUTHOR)
        return world.timers.left("life", pod.uid, crash.after)
    wait = _wait(failures - 1)
    said = f"back-off {wait:.0f}s restarting failed container"
    world.write_status(pod, crashed(pod.object, crash, now, said), _AUTHOR)
    record(world, pod, KUBELET, "BackOff", f"Back-off restarting failed container in pod {pod.name}", "Warning")
    return world.timers.left("backoff", pod.uid, wait)


def _forgive(world: World, pod: Record) -> None:
    """Whoever has lived for long enough begins anew."""
    starts = [one["state"].get("running", {}).get("startedAt") for one in pod.object["status"]["containerStatuses"]]
    since = max((datetime.fromisoformat(start).timestamp() for start in starts if start), default=0.0)
    if world.cluster.time() - since >= FORGIVEN:
        world.fates.failures.pop(pod.uid, None)
