"""The whole daemon on the demo floor with the rights that ``deploy/k8s/base`` gives it: what it observes, and not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from watchdog import config
from watchdog.daemon import Daemon
from watchdog.simulator import custom, kubectl, scene
from watchdog.simulator.pager import Pager
from watchdog.simulator.platform import Floor, trading_floor
from watchdog.simulator.play import guarding
from watchdog.simulator.virtual_time import VirtualClock

from .fakes import Board
from .virtual import in_virtual_time

NOT_SERVED = [("kind", "rollouts.argoproj.io"), ("kind", "scaledobjects.keda.sh")]


@dataclass
class World:
    floor: Floor
    board: Board

    def rows(self, state: str) -> list[tuple[str, str]]:
        """Of ``/api/v1/coverage``."""
        return [(row["area"], row["what"]) for row in self.told()["rows"] if row["state"] == state]

    def told(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.board.get("/api/v1/coverage").body)
        return told

    def withhold(self, resource: str) -> None:
        """The role does not grant it any more."""
        role = kubectl.get(self.floor.cluster, "clusterrole", "", "watchdog-reader").object
        rules = [{**rule, "resources": [r for r in rule["resources"] if r != resource]} for rule in role["rules"]]
        kubectl.patch(self.floor.cluster, "clusterrole", "", "watchdog-reader", {"rules": rules})


def observing(act: Callable[[World], Awaitable[None]]) -> None:
    async def main() -> None:
        clock = VirtualClock(asyncio.get_running_loop())
        floor, board = trading_floor(lambda: clock.now().wall), Board()
        configuration = config.build(scene.shipped(), scene.adapted(scene.Addresses()))
        ports = replace(scene.in_process(floor, Pager(clock.now), clock, configuration.labels), status=board)
        async with guarding(floor, Daemon(configuration.plan, ports)):
            await asyncio.sleep(1)
            await act(World(floor, board))

    in_virtual_time(main())


def test_on_the_demo_floor_it_is_complete() -> None:
    async def act(world: World) -> None:
        assert world.rows("not_observed") == [] and world.told()["complete"] is True
        assert world.rows("not_served") == NOT_SERVED
        seen = world.rows("observed")
        for kind in ("pods", "configmaps", "deployments.apps", "cronjobs.batch", "replicationcontrollers"):
            assert ("kind", kind) in seen
        assert ("config_map_key", "agenttrader-kill-switch: EXECUTION_HALTED") in seen
        assert ("variable", "AGENT_MODE") in seen and ("self_report", "mission-control") in seen
        assert ("heartbeat", "execution-engine") in seen and ("market", "NYSE") in seen
        for area in ("metric", "subscription", "dead_letters", "service"):
            assert area in [row[0] for row in seen]

    observing(act)


def test_a_definition_that_is_installed_begins_to_be_observed() -> None:
    async def act(world: World) -> None:
        custom.install(world.floor.cluster, custom.ARGO)
        await asyncio.sleep(130)
        assert world.rows("not_served") == NOT_SERVED[1:] and NOT_SERVED[0] in world.rows("observed")
        assert world.told()["complete"] is True

    observing(act)


def test_a_permission_that_is_removed_is_all_that_is_missing_while_the_open_watch_goes_on() -> None:
    """kube-wire, point 13."""

    async def act(world: World) -> None:
        world.withhold("cronjobs")
        await asyncio.sleep(65)
        assert world.rows("not_observed") == [("permission", "list cronjobs.batch, watch cronjobs.batch")]
        assert ("kind", "cronjobs.batch") in world.rows("observed") and world.told()["complete"] is False

    observing(act)


def test_after_the_watch_has_ended_so_is_the_kind() -> None:
    async def act(world: World) -> None:
        world.withhold("cronjobs")
        world.floor.server.outages.restart()
        await asyncio.sleep(150)
        missing = world.rows("not_observed")
        assert ("kind", "cronjobs.batch") in missing
        assert {area for area, _ in missing} <= {"kind", "namespace", "variable", "permission"}
        assert [what for area, what in missing if area == "kind"] == ["cronjobs.batch"]
        (row,) = [row for row in world.told()["rows"] if row["what"] == "cronjobs.batch"]
        assert row["reason"] == "Forbidden" and "cronjobs" in row["explanation"]

    observing(act)


def test_a_service_that_does_not_answer_is_not_observed() -> None:
    async def act(world: World) -> None:
        kubectl.scale(world.floor.cluster, "sts", "trading-floor", "gamma-strategy", 0)
        await asyncio.sleep(30)
        assert world.rows("not_observed") == [("self_report", "gamma-strategy")]

    observing(act)
