"""What the simulated services say of themselves follows what is stored."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import msgspec
import pytest

from tests.virtual import in_virtual_time
from watchdog.ports import Answer, Unreachable
from watchdog.simulator import kubectl
from watchdog.simulator.market_data import Lie, Verbatim
from watchdog.simulator.platform import Floor, trading_floor
from watchdog.simulator.ports import InProcessHttp
from watchdog.simulator.services import saying
from watchdog.simulator.virtual_time import VirtualClock

SAFETY = "/mission-control/api/v1/safety"


async def get(floor: Floor, path: str) -> Answer:
    return await InProcessHttp({"x": floor.services}).get(f"http://x{path}", headers={}, timeout=1, limit=1 << 16)


async def told(floor: Floor, path: str) -> dict[str, object]:
    answer = await get(floor, path)
    assert answer.status == 200 and answer.headers["content-type"] == "application/json"
    return msgspec.json.decode(answer.body, type=dict[str, object])


@pytest.fixture
def floor() -> Floor:
    return trading_floor(lambda: datetime(2026, 11, 23, 15, 0, tzinfo=UTC))


async def test_every_service_says_the_mode_that_its_pod_was_made_with(floor: Floor) -> None:
    modes = {
        "marketdata-mcp-server": "OBSERVE", "strategy-engine": "EVAL", "gamma-strategy": "EVAL",
        "whale-strategy": "PAPER", "mission-control": "OBSERVE",
    }  # fmt: skip
    said = {service: (await told(floor, f"/{service}/ops/status"))["agent_mode"] for service in modes}
    assert said == modes


async def test_the_richer_form_also_says_that_it_must_not_execute(floor: Floor) -> None:
    body = await told(floor, "/strategy-engine/ops/status")
    assert body["status"] == {"state": "OK"} and body["safety"] == {"safe_to_execute_orders": False}
    assert "safety" not in await told(floor, "/gamma-strategy/ops/status")


async def test_mission_control_says_what_the_config_map_says_now(floor: Floor) -> None:
    source = "configmap trading-floor/agenttrader-kill-switch"
    assert await told(floor, SAFETY) == {"kill_switch": {"execution_halted": True, "source": source}}
    kubectl.set_data(floor.cluster, "trading-floor", "agenttrader-kill-switch", EXECUTION_HALTED="0")
    assert await told(floor, SAFETY) == {"kill_switch": {"execution_halted": False, "source": source}}
    kubectl.delete(floor.cluster, "configmap", "trading-floor", "agenttrader-kill-switch")
    assert await told(floor, SAFETY) == {"kill_switch": {"execution_halted": False, "source": source}}


def test_a_new_mode_is_said_once_the_pod_is_a_new_one_and_none_without_a_pod() -> None:
    async def main() -> None:
        clock = VirtualClock(asyncio.get_running_loop())
        floor = trading_floor(lambda: clock.now().wall)
        controllers = asyncio.create_task(floor.run())
        kubectl.set_env(floor.cluster, "sts", "trading-floor", "gamma-strategy", AGENT_MODE="LIVE")
        assert (await told(floor, "/gamma-strategy/ops/status"))["agent_mode"] == "EVAL"
        await asyncio.sleep(30)
        assert (await told(floor, "/gamma-strategy/ops/status"))["agent_mode"] == "LIVE"
        kubectl.scale(floor.cluster, "sts", "trading-floor", "gamma-strategy", 0)
        await asyncio.sleep(30)
        with pytest.raises(Unreachable, match="ConnectionRefused"):
            await get(floor, "/gamma-strategy/ops/status")
        controllers.cancel()

    in_virtual_time(main())


async def test_a_fault_is_that_of_one_answer(floor: Floor) -> None:
    floor.services.faults[SAFETY] = Verbatim(b"<html>", 502)
    assert (await get(floor, SAFETY)).status == 502
    floor.services.faults["/strategy-engine/ops/status"] = Lie({"agent_mode": "LIVE"})
    assert (await told(floor, "/strategy-engine/ops/status"))["agent_mode"] == "LIVE"
    assert (await told(floor, "/mission-control/ops/status"))["agent_mode"] == "OBSERVE"


async def test_a_service_may_say_that_it_is_not_well(floor: Floor) -> None:
    floor.services.faults["/gamma-strategy/ops/status"] = saying("DEGRADED")
    body = await told(floor, "/gamma-strategy/ops/status")
    assert body["status"] == {"state": "DEGRADED"} and body["agent_mode"] == "EVAL"


async def test_a_service_that_is_stopped_refuses_every_connection_until_it_is_started(floor: Floor) -> None:
    floor.services.stop("mission-control")
    for path in ("/mission-control/ops/status", "/mission-control/livez", SAFETY):
        with pytest.raises(Unreachable, match="ConnectionRefused"):
            await get(floor, path)
    assert (await get(floor, "/strategy-engine/livez")).status == 200
    floor.services.start("mission-control")
    assert (await get(floor, "/mission-control/livez")).body == b"ok"


async def test_ops_ui_is_a_page_and_says_nothing_of_itself(floor: Floor) -> None:
    page = await get(floor, "/agenttrader-ops-ui/")
    assert page.status == 200 and page.headers["content-type"].startswith("text/html") and b"Ops UI" in page.body
    assert (await get(floor, "/agenttrader-ops-ui/livez")).status == 200
    assert (await get(floor, "/agenttrader-ops-ui/ops/status")).status == 404
    floor.services.faults["/agenttrader-ops-ui/"] = Verbatim(b"", 302, {"Location": "/login"})
    assert (await get(floor, "/agenttrader-ops-ui/")).status == 302


@pytest.mark.parametrize("path", ["/", "/strategy-engine", "/strategy-engine/healthz", "/strategy-engine/ops/status/x"])
async def test_there_is_nothing_else(floor: Floor, path: str) -> None:
    assert (await get(floor, path)).status == 404


async def test_a_service_that_there_is_not_refuses_the_connection(floor: Floor) -> None:
    with pytest.raises(Unreachable, match="ConnectionRefused"):
        await get(floor, "/market-ingest/ops/status")
