"""The simulated Admin API answers as proto3 writes JSON, and follows what an operator does."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from watchdog.simulator.cloud_run import DENIED, ENGINE, INGEST, CloudRun
from watchdog.simulator.wire import Request

PARENT = "/v2/projects/agenttrader/locations/us-central1/services"


async def got(run: CloudRun, path: str, method: str = "GET") -> tuple[int, Any]:
    response = await run.answer(Request(method, f"{PARENT}/{path}"))
    assert isinstance(response.body, bytes)
    return response.status, msgspec.json.decode(response.body)


async def test_the_execution_service_is_safe_and_its_zero_is_stated() -> None:
    status, service = await got(CloudRun(), ENGINE)
    assert (status, service["scaling"]) == (200, {"scalingMode": "MANUAL", "manualInstanceCount": 0})
    assert service["generation"] == service["observedGeneration"] == "1"


async def test_what_has_its_default_is_left_out() -> None:
    _, service = await got(CloudRun(), INGEST)
    assert not service.keys() & {"reconciling", "description"}
    _, revision = await got(CloudRun(), f"{ENGINE}/revisions/{ENGINE}-00001-sim")
    assert revision["scalingStatus"] == {}


async def test_each_change_of_the_template_is_a_revision_that_stays_as_it_was_made() -> None:
    run = CloudRun()
    live, off = run.set_env(ENGINE, "AGENT_MODE", "LIVE"), run.set_env(ENGINE, "AGENT_MODE", "OFF")
    _, revision = await got(run, f"{ENGINE}/revisions/{live}")
    assert {"name": "AGENT_MODE", "value": "LIVE"} in revision["containers"][0]["env"]
    _, service = await got(run, ENGINE)
    assert service["trafficStatuses"] == [
        {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100, "revision": off}
    ]


async def test_a_split_divides_what_is_kept_among_the_revisions_that_take_traffic() -> None:
    run = CloudRun()
    first, second = run.services[ENGINE].newest, run.services[ENGINE].deploy()
    run.set_manual(ENGINE, 4)
    run.set_traffic(ENGINE, {first: 25, second: 75})
    kept = [(await got(run, f"{ENGINE}/revisions/{name}"))[1]["scalingStatus"] for name in (first, second)]
    assert kept == [{"desiredMinInstanceCount": 1}, {"desiredMinInstanceCount": 3}]


@pytest.mark.parametrize("path", ["nobody", f"{ENGINE}/revisions/nothing", "a/b/c"])
async def test_what_does_not_exist_is_not_found_in_googles_words(path: str) -> None:
    assert await got(CloudRun(), path) == (
        404, {"error": {"code": 404, "message": "Resource not found.", "status": "NOT_FOUND"}},
    )  # fmt: skip


async def test_it_can_only_be_read() -> None:
    assert (await got(CloudRun(), ENGINE, "DELETE"))[0] == 404


async def test_a_fault_is_one_services_until_it_is_cleared() -> None:
    run = CloudRun()
    run.faults[ENGINE] = DENIED
    assert [(await got(run, name))[0] for name in (ENGINE, f"{ENGINE}/revisions/x", INGEST)] == [403, 403, 200]
    run.faults.clear()
    assert (await got(run, ENGINE))[0] == 200
