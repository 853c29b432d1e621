"""The simulated signs of life: once a minute while a service runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tests.virtual import in_virtual_time
from watchdog.core.instant import from_rfc3339
from watchdog.simulator import kubectl
from watchdog.simulator.heartbeats import KEY, NAMESPACE, PREFIX
from watchdog.simulator.platform import Floor, trading_floor
from watchdog.simulator.resources import CONFIG_MAPS
from watchdog.simulator.virtual_time import VirtualClock

ALL = ("marketdata-mcp-server", "strategy-engine", "mission-control", "ops-cron")


def last_seen(floor: Floor, service: str) -> str:
    return str(kubectl.get(floor.cluster, "configmap", NAMESPACE, f"{PREFIX}{service}").object["data"][KEY])


def ages(floor: Floor, clock: VirtualClock) -> list[float]:
    seen = [from_rfc3339(last_seen(floor, service)) for service in ALL]
    return [(clock.now().wall - at).total_seconds() for at in seen if at is not None]


def running(act: Callable[[Floor, VirtualClock], Awaitable[None]]) -> None:
    async def main() -> None:
        clock = VirtualClock(asyncio.get_running_loop())
        floor = trading_floor(lambda: clock.now().wall)
        running = asyncio.create_task(floor.run())
        await act(floor, clock)
        running.cancel()

    in_virtual_time(main())


def test_whatever_runs_has_just_left_one_and_leaves_another_each_minute() -> None:
    async def act(floor: Floor, clock: VirtualClock) -> None:
        assert ages(floor, clock) == [0.0] * 4
        for _ in range(5):
            await asyncio.sleep(59)
            assert max(ages(floor, clock)) <= 60
            await asyncio.sleep(2)
            assert max(ages(floor, clock)) < 10

    running(act)


def test_an_execution_workload_never_does_of_its_own_accord() -> None:
    async def act(floor: Floor, clock: VirtualClock) -> None:
        await asyncio.sleep(600)
        assert last_seen(floor, "execution-engine") == ""
        floor.heartbeats.beat("execution-engine")
        assert from_rfc3339(last_seen(floor, "execution-engine")) == clock.now().wall

    running(act)


def test_one_that_is_stopped_or_does_not_run_leaves_none_until_it_does_again() -> None:
    async def act(floor: Floor, clock: VirtualClock) -> None:
        floor.heartbeats.stop("strategy-engine")
        floor.services.stop("mission-control")
        await asyncio.sleep(300)
        assert [age > 299 for age in ages(floor, clock)] == [False, True, True, False]
        floor.heartbeats.start("strategy-engine")
        floor.services.start("mission-control")
        await asyncio.sleep(61)
        assert max(ages(floor, clock)) <= 60

    running(act)


def test_who_deletes_its_config_map_ends_it() -> None:
    async def act(floor: Floor, clock: VirtualClock) -> None:
        kubectl.delete(floor.cluster, "configmap", NAMESPACE, f"{PREFIX}ops-cron")
        await asyncio.sleep(121)
        assert floor.cluster.find(CONFIG_MAPS, NAMESPACE, f"{PREFIX}ops-cron") is None

    running(act)
