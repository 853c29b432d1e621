"""The daemon's own code, whole, on the simulated trading floor, in virtual time: for tests of what it does and when."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from watchdog import config
from watchdog.core.assessment import Assessment
from watchdog.daemon import Daemon
from watchdog.simulator import scene
from watchdog.simulator.pager import Pager
from watchdog.simulator.platform import Floor, trading_floor
from watchdog.simulator.play import guarding
from watchdog.simulator.virtual_time import START, VirtualClock

from .fakes import MemoryFiles
from .virtual import in_virtual_time

T = TypeVar("T")


@dataclass
class Guarded:
    """A running daemon and what it guards. Instants are virtual seconds since ``t0``, when everything had been seen."""

    floor: Floor
    daemon: Daemon
    clock: VirtualClock
    pager: Pager
    files: MemoryFiles
    t0: float = 0.0
    edges: list[str] = field(default_factory=list)

    def note(self, assessment: Assessment) -> None:
        for edge in assessment.edges:
            alert = edge.alert
            when = edge.at.mono - self.t0
            self.edges.append(f"{when:.2f} {alert.identity.rule} {alert.identity.cause} {edge.kind} {alert.sev}")

    async def at(self, seconds: float) -> None:
        """Waits until that many seconds after ``t0``."""
        await asyncio.sleep(self.t0 + seconds - self.clock.now().mono)

    def fired(self, alertname: str) -> list[tuple[Any, str]]:
        """When, and with which Sev, each of its pages began."""
        split = [edge.split() for edge in self.edges]
        return [
            (float(when), sev) for when, rule, _, kind, sev in split if rule == alertname and kind in ("fired", "rose")
        ]


def cluster_alone(content: dict[str, Any]) -> None:
    """Nothing but the cluster states the kill switch: no service has a word of its own. An API server that is down is
    one source that does not see."""
    apart = ("safety_api", "ops_status", "heartbeats", "operator", "clocks")
    content["sources"] = [one for one in content["sources"] if one["kind"] not in apart]


def guarded(
    act: Callable[[Guarded], Awaitable[T]],
    change: Callable[[dict[str, Any]], None] = lambda content: None,
    *,
    sees: bool = True,
    prepare: Callable[[Guarded], None] = lambda world: None,
    account: tuple[str, str] | None = None,
    start: datetime = START,
) -> tuple[T, Guarded]:
    """Runs ``act`` beside the daemon. ``change`` edits the shipped configuration; ``prepare`` the floor, before the
    start; ``sees``: wait first until everything has been seen once; ``account``: (namespace, name) of the
    ServiceAccount whose rights the daemon has; by default those that deploy/ gives it;
    ``start``: when the story begins."""

    async def main() -> tuple[T, Guarded]:
        clock = VirtualClock(asyncio.get_running_loop(), start)
        floor, pager, files = trading_floor(lambda: clock.now().wall), Pager(clock.now), MemoryFiles()
        content = scene.adapted(scene.Addresses())
        change(content)
        configuration = config.build(scene.shipped(), content)
        ports = scene.in_process(floor, pager, clock, configuration.labels, files, account)
        world = Guarded(floor, Daemon(configuration.plan, ports), clock, pager, files)
        prepare(world)
        world.daemon.on_turn = world.note
        async with guarding(floor, world.daemon, sees=sees):
            world.t0 = clock.now().mono
            outcome = await act(world)
        return outcome, world

    return in_virtual_time(main())
