"""The Job controller: Pods that are to succeed so many times. They do so when they are told (``kubelet.finish``)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from watchdog.simulator.history import Record
from watchdog.simulator.reconcilers.owned import (
    OBJECT_AUTHOR,
    World,
    has_finished,
    is_ready,
    is_terminating,
    pod_of,
    present,
)
from watchdog.simulator.reconcilers.recorder import record
from watchdog.simulator.resources import PODS

JSON = dict[str, Any]
_COMPONENT = "job-controller"


def reconcile_job(world: World, job: Record) -> float | None:
    if is_terminating(job):
        return None
    if is_over(job):
        return _expired(world, job)
    pods = world.owned.children(job, PODS)
    active = [pod for pod in pods if not has_finished(pod) and not is_terminating(pod)]
    succeeded, failed = (_count(pods, phase) for phase in ("Succeeded", "Failed"))
    spec, outcome = job.object["spec"], ""
    if failed > spec["backoffLimit"]:
        outcome = "Failed"
    elif succeeded and succeeded >= spec.get("completions", 1):
        outcome = "Complete"
    wanted = 0 if outcome or spec["suspend"] else _wanted(spec, succeeded)
    _write_status(world, job, active, succeeded, failed, outcome)
    _brought_to(world, job, active, wanted)
    return None


def is_over(job: Record) -> bool:
    conditions = (job.object.get("status") or {}).get("conditions") or ()
    return any(one["type"] in ("Complete", "Failed") and one["status"] == "True" for one in conditions)


def _wanted(spec: JSON, succeeded: int) -> int:
    """Pods that should run now."""
    if spec.get("completions") is None:
        return 0 if succeeded else int(spec["parallelism"])
    return min(int(spec["parallelism"]), int(spec["completions"]) - succeeded)


def _brought_to(world: World, job: Record, active: list[Record], wanted: int) -> None:
    for _ in range(wanted - len(active)):
        made = pod_of(job.object["spec"]["template"], job, {}, {"generateName": f"{job.name}-"})
        pod = world.cluster.create(PODS, job.namespace, made, OBJECT_AUTHOR)
        record(world, job, _COMPONENT, "SuccessfulCreate", f"Created pod: {pod.name}")
    for pod in active[wanted:]:
        world.cluster.delete(pod)
        record(world, job, _COMPONENT, "SuccessfulDelete", f"Deleted pod: {pod.name}")


def _count(pods: list[Record], phase: str) -> int:
    return sum(pod.object["status"]["phase"] == phase for pod in pods)


def _write_status(world: World, job: Record, active: list[Record], succeeded: int, failed: int, outcome: str) -> None:
    old, now, suspended = job.object.get("status") or {}, world.cluster.now(), job.object["spec"]["suspend"]
    counts = {"active": len(active), "succeeded": succeeded, "failed": failed}
    status: JSON = {**present(counts), "ready": sum(map(is_ready, active)), "uncountedTerminatedPods": {}}
    status |= {} if suspended else {"startTime": old.get("startTime", now)}
    status |= {"completionTime": now} if outcome == "Complete" else {}
    conditions = _conditions(old.get("conditions") or [], suspended, outcome, now)
    world.write_status(job, status | ({"conditions": conditions} if conditions else {}))
    if outcome:
        said = ("Completed", "Job completed") if outcome == "Complete" else ("BackoffLimitExceeded", _TOO_OFTEN)
        record(world, job, _COMPONENT, *said, "Normal" if outcome == "Complete" else "Warning")


_TOO_OFTEN = "Job has reached the specified backoff limit"


def _conditions(old: list[JSON], suspended: bool, outcome: str, now: str) -> list[JSON]:
    was = any(one["type"] == "Suspended" and one["status"] == "True" for one in old)
    if suspended != was:
        why = ("JobSuspended", "Job suspended") if suspended else ("JobResumed", "Job resumed")
        old = [*(one for one in old if one["type"] != "Suspended"), _condition("Suspended", suspended, *why, now)]
    if outcome:
        why = ("CompletionsReached", "Reached expected number of succeeded pods")
        why = why if outcome == "Complete" else ("BackoffLimitExceeded", _TOO_OFTEN)
        old = [*old, _condition(outcome, True, *why, now)]
    return old


def _condition(type: str, holds: bool, reason: str, message: str, now: str) -> JSON:
    times = {"lastProbeTime": now, "lastTransitionTime": now}
    return {"type": type, "status": str(holds), **times, "reason": reason, "message": message}


def _expired(world: World, job: Record) -> float | None:
    """``ttlSecondsAfterFinished``: returns what is left of it."""
    ttl, status = job.object["spec"].get("ttlSecondsAfterFinished"), job.object["status"]
    if ttl is None:
        return None
    ended = max(one["lastTransitionTime"] for one in status["conditions"])
    past = datetime.fromisoformat(world.cluster.now()) - datetime.fromisoformat(ended)
    left = float(ttl) - past.total_seconds()
    if left <= 0:
        world.cluster.delete(job)
    return left if left > 0 else None
