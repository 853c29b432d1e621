"""Jobs and CronJobs, in virtual time. The stories begin at 15:47:36."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.simulator.client import deployment
from tests.simulator.manifests import cron_job, job
from tests.simulator.stories import AGENT, events, phases, played, pods, status
from watchdog.simulator import kubectl, kubelet
from watchdog.simulator.cluster import Cluster
from watchdog.simulator.errors import ApiError
from watchdog.simulator.resources import CRON_JOBS, JOBS
from watchdog.simulator.schedule import parsed


def test_a_job_runs_until_its_pods_are_told_to_succeed() -> None:
    async def story(cluster: Cluster) -> None:
        kubectl.create(cluster, job(parallelism=2, completions=3))
        await asyncio.sleep(1000)
        assert phases(cluster, AGENT[0]) == ["Running", "Running"]
        assert {"active": 2, "ready": 2}.items() <= status(cluster, JOBS, AGENT).items()
        for expected in (2, 1, 0):
            first = next(one for one in pods(cluster, AGENT[0]) if one.object["status"]["phase"] == "Running")
            kubelet.finish(cluster, *_named(first))
            await asyncio.sleep(2)
            assert status(cluster, JOBS, AGENT).get("active", 0) == expected
        shown = cluster.get(JOBS, *AGENT).object["status"]
        assert (shown["succeeded"], shown["conditions"][-1]["type"]) == (3, "Complete") and shown["completionTime"]
        assert phases(cluster, AGENT[0]) == ["Succeeded"] * 3

    played(story, deployment("other"))


def _named(pod: Any) -> tuple[str, str]:
    return pod.namespace, pod.name


def test_a_job_that_fails_too_often_is_given_up() -> None:
    async def story(cluster: Cluster) -> None:
        kubectl.create(cluster, job(backoffLimit=1))
        for _ in range(2):
            await asyncio.sleep(2)
            running = [one for one in pods(cluster, AGENT[0]) if one.object["status"]["phase"] == "Running"]
            kubelet.finish(cluster, *_named(running[0]), exit_code=3)
        await asyncio.sleep(2)
        shown = cluster.get(JOBS, *AGENT).object["status"]
        assert (shown["failed"], shown["conditions"][-1]["reason"]) == (2, "BackoffLimitExceeded")
        ended = pods(cluster, AGENT[0])[0].object["status"]["containerStatuses"][0]["state"]["terminated"]
        assert (ended["exitCode"], ended["reason"]) == (3, "Error")

    played(story, deployment("other"))


def test_a_suspended_job_runs_nothing_until_it_is_resumed() -> None:
    async def story(cluster: Cluster) -> None:
        kubectl.create(cluster, job(suspend=True))
        await asyncio.sleep(2)
        assert pods(cluster, AGENT[0]) == [] and "startTime" not in status(cluster, JOBS, AGENT)
        kubectl.patch(cluster, "job", *AGENT, {"spec": {"suspend": False}})
        await asyncio.sleep(2)
        assert phases(cluster, AGENT[0]) == ["Running"]
        kubectl.patch(cluster, "job", *AGENT, {"spec": {"suspend": True}})
        await asyncio.sleep(3)
        assert pods(cluster, AGENT[0]) == []

    played(story, deployment("other"))


def test_a_jobs_pods_are_known_by_its_uid_and_its_template_never_changes(cluster: Cluster) -> None:
    kubectl.create(cluster, job())
    made = cluster.get(JOBS, *AGENT)
    assert made.object["spec"]["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": made.uid}}
    assert made.object["spec"]["template"]["metadata"]["labels"]["job-name"] == "execution-agent"
    with pytest.raises(ApiError, match="field is immutable"):
        kubectl.set_env(cluster, "job", *AGENT, AGENT_MODE="LIVE")
    always = job("always")
    always["spec"]["template"]["spec"]["restartPolicy"] = "Always"
    with pytest.raises(ApiError, match=r'Unsupported value: "Always": supported values: "OnFailure", "Never"'):
        kubectl.create(cluster, always)


def test_a_finished_job_goes_when_its_time_is_over() -> None:
    async def story(cluster: Cluster) -> None:
        kubectl.create(cluster, job(ttlSecondsAfterFinished=60))
        await asyncio.sleep(2)
        kubelet.finish(cluster, *_named(pods(cluster, AGENT[0])[0]))
        await asyncio.sleep(50)
        assert cluster.find(JOBS, *AGENT)
        await asyncio.sleep(20)
        assert cluster.find(JOBS, *AGENT) is None and pods(cluster, AGENT[0]) == []

    played(story, deployment("other"))


def test_a_cron_job_makes_a_job_at_each_time_of_its_schedule() -> None:
    async def story(cluster: Cluster) -> None:
        kubectl.create(cluster, cron_job(schedule="*/5 * * * *"))
        await asyncio.sleep(140)
        assert cluster.records(JOBS) == []
        await asyncio.sleep(10)
        (made,) = cluster.records(JOBS)
        assert made.object["metadata"]["ownerReferences"][0]["kind"] == "CronJob"
        scheduled = made.object["metadata"]["annotations"]["batch.kubernetes.io/cronjob-scheduled-timestamp"]
        assert scheduled == status(cluster, CRON_JOBS, AGENT)["lastScheduleTime"] == "2026-11-23T15:50:00Z"
        assert ("SuccessfulCreate", f"Created job {made.name}", 1) in events(cluster, "execution-agent")
        await asyncio.sleep(300)
        assert len(cluster.records(JOBS)) == len(status(cluster, CRON_JOBS, AGENT)["active"]) == 2

    played(story, deployment("other"))


def test_a_suspended_cron_job_makes_nothing_and_then_makes_up_for_it_once() -> None:
    async def story(cluster: Cluster) -> None:
        kubectl.create(cluster, cron_job(schedule="50 * * * *", suspend=True))
        await asyncio.sleep(8000)
        assert cluster.records(JOBS) == []
        kubectl.patch(cluster, "cj", *AGENT, {"spec": {"suspend": False}})
        await asyncio.sleep(1)
        assert [one.name for one in cluster.records(JOBS)] == [f"execution-agent-{_minute(17, 50)}"]

    played(story, deployment("other"))


def _minute(hour: int, minute: int) -> int:
    return int(datetime(2026, 11, 23, hour, minute, tzinfo=UTC).timestamp()) // 60


@pytest.mark.parametrize(("policy", "left"), [("Allow", 3), ("Forbid", 1), ("Replace", 1)])
def test_jobs_run_beside_each_other_as_the_policy_allows(policy: str, left: int) -> None:
    async def story(cluster: Cluster) -> None:
        kubectl.create(cluster, cron_job(schedule="* * * * *", concurrencyPolicy=policy))
        await asyncio.sleep(150)
        assert len(cluster.records(JOBS)) == left

    played(story, deployment("other"))


@pytest.mark.parametrize(
    ("schedule", "after", "expected"),
    [
        ("*/15 * * * *", "2026-11-23T15:47:36", "2026-11-23T16:00:00"),
        ("30 9 * * 1-5", "2026-11-27T15:00:00", "2026-11-28T15:00:00"),  # none within a day: looked at again then
        ("30 9 * * 1-5", "2026-11-23T09:29:59", "2026-11-23T09:30:00"),
        ("0 0 1 * 2", "2026-11-23T15:00:00", "2026-11-24T00:00:00"),  # either day will do
        ("0,20 16 * * 7", "2026-11-22T16:05:00", "2026-11-22T16:20:00"),
        ("@hourly", "2026-11-23T15:00:00", "2026-11-23T16:00:00"),
    ],
)
def test_the_next_time_of_a_schedule(schedule: str, after: str, expected: str) -> None:
    assert parsed(schedule).next(datetime.fromisoformat(after)) == datetime.fromisoformat(expected)


@pytest.mark.parametrize("schedule", ["* * * *", "60 * * * *", "x * * * *", "*/0 * * * *", "5-1 * * * *"])
def test_what_is_no_schedule_is_refused(schedule: str) -> None:
    with pytest.raises(ValueError):
        parsed(schedule)
