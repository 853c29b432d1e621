"""What the statuses of one object say is wrong with it, as small values: healthy is ``()``. Pure.

The reasons are the kubelet's (``pkg/kubelet/images/types.go``, ``pkg/kubelet/kuberuntime``), the scheduler's and the
controllers'. Whatever ends or begins by time alone carries its instant, so that nothing has to be looked at again.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import NamedTuple

from watchdog.sources.kubernetes.objects import (
    Condition,
    ContainerState,
    ContainerStatus,
    Node,
    Pod,
    PodStatus,
    Terminated,
    Unread,
    conditions_of,
    seconds,
)

SETTLED = 600.0
"""Seconds that a container must have run to be over it. The kubelet forgets its restarts then too:
https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy"""
OFTEN = 3
"""Restarts from which on one that follows a short life is no single mishap."""
LATE = 240.0
"""Seconds from its creation after which a Pod that does not run yet is late."""
SHOWN = 160
"""Characters that are kept of a message."""

CANNOT_PULL = frozenset({
    "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError",
    "RegistryUnavailable", "SignatureValidationFailed",
})  # fmt: skip
CANNOT_START = frozenset({
    "CreateContainerConfigError", "CreateContainerError", "RunContainerError", "PreCreateHookError",
    "PreStartHookError", "PostStartHookError",
})  # fmt: skip
FINISHED = ("Succeeded", "Failed")


class Ailment(NamedTuple):
    """One condition of one container, Pod, workload or node. It holds from ``begins`` until ``ends`` (seconds since the
    epoch); the one with the most ``weight`` is named first."""

    condition: str
    text: str
    begins: float = -inf
    ends: float = inf
    weight: int = 0


Ailments = tuple[Ailment, ...]


# Pods


def of_pod(pod: Pod) -> Ailments:
    status = pod.status
    if status is None or _is_well(status):
        return ()
    found = [*_of_containers(pod, status)]
    if status.phase == "Pending":
        found += _pending(pod, status, found)
    return tuple(found)


def _is_well(status: PodStatus) -> bool:
    """Of nearly all: every container runs and has not ended before."""
    if status.phase != "Running":
        return False
    for statuses in (status.container_statuses, status.init_container_statuses):
        for one in statuses or ():
            if not _runs_for_the_first_time(one):
                return False
    return True


def _runs_for_the_first_time(one: ContainerStatus) -> bool:
    runs = one.state is not None and one.state.running is not None
    return runs and (one.last_state is None or one.last_state.terminated is None)


def _of_containers(pod: Pod, status: PodStatus) -> Iterator[Ailment]:
    always = pod.spec.restart_policy in (None, "Always")
    over = status.phase in FINISHED
    sidecars = [one.name for one in pod.spec.init_containers or () if one.restart_policy == "Always"]
    for one in status.container_statuses or ():
        yield from _of_container(pod, f"container {one.name}", one, again=always, over=over)
    for one in status.init_container_statuses or ():
        yield from _of_container(pod, f"init container {one.name}", one, again=one.name in sidecars, over=over)


def _of_container(pod: Pod, what: str, one: ContainerStatus, *, again: bool, over: bool) -> Iterator[Ailment]:
    """``again``: it is started again although it ended well; ``over``: its Pod has finished."""
    state, last = one.state or ContainerState(), one.last_state or ContainerState()
    ended = state.terminated or last.terminated
    waits = (state.waiting.reason or "") if state.waiting is not None else ""
    ends = seconds(state.running.started_at) + SETTLED if state.running is not None else inf
    restarts = one.restart_count or 0
    said = f"{what}: {waits or (ended.reason if ended else '')}, {_counted(restarts)}{_last(ended)}"
    if waits in CANNOT_PULL:
        yield Ailment("ImagePull", f"{what}: {waits} of {_image(pod, one.name)}"[: 2 * SHOWN])
    if waits in CANNOT_START:
        yield Ailment("Pending", f"{what}: {waits}")
    if not over and (waits == "CrashLoopBackOff" or _loops(state, ended, restarts, waits, again=again)):
        yield Ailment("CrashLoop", said, ends=ends, weight=restarts)
    if ended is not None and ended.reason == "OOMKilled":
        ends = seconds(ended.finished_at) + SETTLED if over else ends
        yield Ailment("OutOfMemory", f"{what}: OOMKilled, {_counted(restarts)}", ends=ends, weight=restarts)


def _loops(state: ContainerState, ended: Terminated | None, restarts: int, waits: str, *, again: bool) -> bool:
    """Restarted often, and its last life was a short one: the time between two waits in the loop counts too."""
    if ended is None or restarts < OFTEN or waits in CANNOT_PULL:
        return False
    done = state.terminated is not None and state.terminated.exit_code == 0 and not again
    return not done and _lived(ended) < SETTLED


def _lived(ended: Terminated) -> float:
    """Seconds; 0 where it never came to life."""
    began = seconds(ended.started_at)
    return seconds(ended.finished_at) - began if began else 0.0


def _counted(restarts: int) -> str:
    return "1 restart" if restarts == 1 else f"{restarts} restarts"


def _last(ended: Terminated | None) -> str:
    if ended is None:
        return ""
    return f", last exit code {ended.exit_code}" + (f" ({ended.reason})" if ended.reason else "")


def _image(pod: Pod, container: str) -> str:
    every = (*pod.spec.containers, *(pod.spec.init_containers or ()))
    return next((one.image for one in every if one.name == container), "")


def _pending(pod: Pod, status: PodStatus, found: list[Ailment]) -> Iterator[Ailment]:
    scheduled = _condition(conditions_of(status.conditions), "PodScheduled")
    if scheduled is not None and scheduled.status == "False" and scheduled.reason == "Unschedulable":
        yield Ailment("Unschedulable", (scheduled.message or "no node takes it")[:SHOWN])
    elif not found and not (scheduled is not None and scheduled.reason == "SchedulingGated"):
        created = seconds(pod.metadata.creation_timestamp)
        yield Ailment("Pending", _why_pending(status, scheduled), begins=created + LATE)


def _why_pending(status: PodStatus, scheduled: Condition | None) -> str:
    every = (*(status.init_container_statuses or ()), *(status.container_statuses or ()))
    for one in every:
        if one.state is not None and one.state.waiting is not None:
            return f"container {one.name} waits: {one.state.waiting.reason or 'no reason given'}"
    return "it is scheduled, and nothing of it has started" if scheduled is not None else "it is not scheduled yet"


def _condition(conditions: tuple[Condition, ...] | None, type: str) -> Condition | None:
    return next((one for one in conditions or () if one.type == type), None)


# Workloads


def of_rollout(conditions: Unread) -> Ailments:
    """A Deployment's: https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#failed-deployment"""
    text = bytes(conditions)
    for one in conditions_of(conditions) if b"False" in text or b"ReplicaFailure" in text else ():
        if (one.type, one.status) in (("Progressing", "False"), ("ReplicaFailure", "True")):
            return (_failed(one.reason, one.message),)
    return ()


def of_argo(phase: str | None, message: str | None) -> Ailments:
    return (_failed(phase, message),) if phase == "Degraded" else ()


def of_job(conditions: tuple[Condition, ...] | None) -> Ailments:
    failed = _condition(conditions, "Failed")
    return (_failed(failed.reason, failed.message),) if failed is not None and failed.status == "True" else ()


def _failed(reason: str | None, message: str | None) -> Ailment:
    return Ailment("RolloutFailed", ": ".join(filter(None, (reason, (message or "")[:SHOWN]))))


# Nodes

PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure")


def of_node(node: Node) -> Ailments:
    """A node that does not say whether it is ready is not."""
    conditions = node.status.conditions if node.status is not None else None
    pressing = [one for one in conditions or () if one.type in PRESSURES and one.status == "True"]
    found = [Ailment(one.type, one.reason or one.type) for one in pressing]
    ready = _condition(conditions, "Ready")
    if ready is None or ready.status != "True":
        why = "it has never reported" if ready is None else f"Ready is {ready.status}: {ready.reason or 'no reason'}"
        found.append(Ailment("NotReady", why))
    return tuple(found)
