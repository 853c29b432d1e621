"""The CronJob controller: a Job each time that the schedule names, unless it is suspended."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from watchdog.simulator.history import Record
from watchdog.simulator.reconcilers.jobs import is_over
from watchdog.simulator.reconcilers.owned import OBJECT_AUTHOR, World, is_terminating, owner_reference
from watchdog.simulator.reconcilers.recorder import record
from watchdog.simulator.resources import JOBS
from watchdog.simulator.schedule import parsed

JSON = dict[str, Any]
_COMPONENT, _SCHEDULED = "cronjob-controller", "batch.kubernetes.io/cronjob-scheduled-timestamp"


def reconcile_cron_job(world: World, cron_job: Record) -> float | None:
    """Returns the seconds until the next time. What was missed while it was suspended is made up for, once, at once:
    so does a real one that has no startingDeadlineSeconds."""
    if is_terminating(cron_job):
        return None
    jobs = world.owned.children(cron_job, JOBS)
    spec, status = cron_job.object["spec"], cron_job.object.get("status") or {}
    now = datetime.fromisoformat(world.cluster.now())
    _forget_old(world, jobs, spec)
    active = [job for job in jobs if not is_over(job)]
    if spec["suspend"]:
        _write_status(world, cron_job, active, status.get("lastScheduleTime"))
        return None
    schedule = parsed(spec["schedule"])
    last = status.get("lastScheduleTime") or cron_job.object["metadata"]["creationTimestamp"]
    due = schedule.latest(datetime.fromisoformat(last), now)
    if due and (made := _made(world, cron_job, active, due)):
        active = [*active, made] if spec["concurrencyPolicy"] != "Replace" else [made]
        last = due.strftime("%Y-%m-%dT%H:%M:%SZ")
        _write_status(world, cron_job, active, last)
    else:
        _write_status(world, cron_job, active, status.get("lastScheduleTime"))
    return (schedule.next(now) - now).total_seconds()


def _made(world: World, cron_job: Record, active: list[Record], due: datetime) -> Record | None:
    spec = cron_job.object["spec"]
    if active and spec["concurrencyPolicy"] == "Forbid":
        record(world, cron_job, _COMPONENT, "JobAlreadyActive", "Not starting job because prior execution is running")
        return None
    for job in active if spec["concurrencyPolicy"] == "Replace" else ():
        world.cluster.delete(job)
    name = f"{cron_job.name}-{int(due.timestamp()) // 60}"
    if found := world.cluster.find(JOBS, cron_job.namespace, name):
        return found
    job = world.cluster.create(JOBS, cron_job.namespace, job_of(cron_job, name, due), OBJECT_AUTHOR)
    record(world, cron_job, _COMPONENT, "SuccessfulCreate", f"Created job {name}")
    return job


def job_of(cron_job: Record, name: str, due: datetime) -> JSON:
    template = cron_job.object["spec"]["jobTemplate"]
    metadata = template.get("metadata") or {}
    annotations = {**(metadata.get("annotations") or {}), _SCHEDULED: due.strftime("%Y-%m-%dT%H:%M:%SZ")}
    identity = {"name": name, "annotations": annotations, "ownerReferences": [owner_reference(cron_job)]}
    return {"metadata": {**metadata, **identity}, "spec": template["spec"]}


def _forget_old(world: World, jobs: list[Record], spec: JSON) -> None:
    for outcome, kept in (("Complete", "successfulJobsHistoryLimit"), ("Failed", "failedJobsHistoryLimit")):
        over = [job for job in jobs if _ended_as(job, outcome)]
        for job in over[: max(len(over) - spec[kept], 0)]:
            world.cluster.delete(job)


def _ended_as(job: Record, outcome: str) -> bool:
    return any(one["type"] == outcome for one in (job.object.get("status") or {}).get("conditions") or ())


def _write_status(world: World, cron_job: Record, active: list[Record], last: str | None) -> None:
    running = [_reference(job) for job in active]
    status: JSON = {"active": running} if running else {}
    old = cron_job.object.get("status") or {}
    kept = {"lastSuccessfulTime": old["lastSuccessfulTime"]} if "lastSuccessfulTime" in old else {}
    world.write_status(cron_job, status | ({"lastScheduleTime": last} if last else {}) | kept)


def _reference(job: Record) -> JSON:
    identity = {"namespace": job.namespace, "name": job.name, "uid": job.uid}
    version = job.object["metadata"]["resourceVersion"]
    return {"kind": "Job", **identity, "apiVersion": "batch/v1", "resourceVersion": version}
