"""Two thousand flips of 1 to 500 ms, of replicas, switch and env, while connections break, histories expire, the API
server restarts and the daemon itself is killed: each was seen, or lies in a window that is reported as unseen.

The seeds are fixed and a failure names its own: ``flips(seed)`` plays it again, and its ``story`` tells what happened.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from random import Random
from typing import Any

import pytest

from watchdog import config
from watchdog.core.assessment import Assessment
from watchdog.core.excursion import unsafe
from watchdog.core.facts import UnseenWrite
from watchdog.core.known import Known
from watchdog.daemon import Daemon, Plan
from watchdog.simulator import kubectl, scene
from watchdog.simulator.faults import Down, Hang
from watchdog.simulator.outages import AT_ONCE
from watchdog.simulator.pager import Pager
from watchdog.simulator.platform import Floor, trading_floor
from watchdog.simulator.virtual_time import VirtualClock

from .fakes import MemoryFiles
from .virtual import in_virtual_time

SEEDS, FLIPS = 20, 100
MEMORY = {"kind": "memory", "path": "/var/lib/watchdog/memory.json"}
FLOOR, AGENTS = "trading-floor", "agenttrader"


@dataclass(frozen=True)
class Flip:
    """``kind`` and ``name`` of the object that was written twice; ``revision`` of the unsafe one."""

    kind: str
    namespace: str
    name: str
    revision: int
    at: datetime
    until: datetime

    @property
    def origin(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name} at {self.revision}"

    def was_unseen(self, write: UnseenWrite) -> bool:
        same = (write.kind, write.namespace, write.name) == (self.kind, self.namespace, self.name)
        return same and _instant(write.began) <= self.until and self.at <= _instant(write.ended)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


@dataclass
class Lives:
    """One floor, one pager, one disk, and the daemon's lives, one after the other."""

    clock: VirtualClock
    floor: Floor
    pager: Pager
    files: MemoryFiles
    random: Random
    flips: list[Flip] = field(default_factory=list)
    seen: list[Known] = field(default_factory=list)  # every unsafe state that a turn took
    unseen: list[UnseenWrite] = field(default_factory=list)
    story: list[str] = field(default_factory=list)
    daemon: Daemon | None = None
    life: asyncio.Task[None] | None = None

    def tell(self, text: str) -> None:
        self.story.append(f"{self.clock.now().mono:.3f} {text}")

    def turned(self, assessment: Assessment) -> None:
        for change in assessment.posture.changes:
            for state in change.states:
                if isinstance(state, Known) and unsafe(state.fact) is True:
                    self.seen.append(state)
                if isinstance(state, Known) and isinstance(state.fact, UnseenWrite):
                    self.unseen.append(state.fact)

    def saw(self, flip: Flip) -> bool:
        """By its own event; or by a direct read, which names no write, while it lasted."""
        by_read = (k for k in self.seen if not k.origin and flip.at <= k.since.wall <= flip.until)
        named = any(k.origin == flip.origin for k in self.seen)
        return named or any(flip.name in str(k.fact.subject) for k in by_read)

    async def begin(self) -> None:
        shipped = _configured()
        outlets = tuple(replace(outlet) for outlet in shipped.outlets)  # type: ignore[type-var]
        plan = replace(shipped, outlets=outlets)  # neither its streams nor its outlets remember another life
        ports = scene.in_process(self.floor, self.pager, self.clock, {}, self.files)
        self.daemon = Daemon(plan, ports)
        self.daemon.on_turn = self.turned
        self.life = asyncio.create_task(self.daemon.run())
        self.tell("a life begins")

    async def end(self, *, killed: bool) -> None:
        assert self.daemon is not None and self.life is not None
        self.tell("killed" if killed else "stopped")
        if killed:
            self.life.cancel()
        else:
            self.daemon.stop.set()
        with suppress(asyncio.CancelledError):
            await self.life

    async def reborn(self) -> None:
        await self.end(killed=self.random.random() < 0.5)
        await asyncio.sleep(self.random.choice((0.05, 0.6, 3.0)))
        await self.begin()

    # what is flipped

    async def flip(self) -> None:
        there, back = self.random.choice([*self._flips()])
        at = self.clock.now().wall
        kind, namespace, name = there()
        revision = self.floor.cluster.revision
        await asyncio.sleep(self.random.uniform(0.001, 0.5))
        back()
        self.flips.append(Flip(kind, namespace, name, revision, at, self.clock.now().wall))
        self.tell(f"{self.flips[-1].origin}, back at {self.floor.cluster.revision}")

    def _flips(self) -> Iterator[tuple[Callable[[], tuple[str, str, str]], Callable[[], Any]]]:
        cluster, switch = self.floor.cluster, "agenttrader-kill-switch"

        def halted(value: str) -> tuple[str, str, str]:
            kubectl.set_data(cluster, FLOOR, switch, EXECUTION_HALTED=value)
            return "ConfigMap", FLOOR, switch

        def mode(value: str) -> tuple[str, str, str]:
            kubectl.set_env(cluster, "deploy", FLOOR, "execution-engine", AGENT_MODE=value)
            return "Deployment", FLOOR, "execution-engine"

        def strategy(value: str) -> tuple[str, str, str]:
            kubectl.set_env(cluster, "sts", FLOOR, "gamma-strategy", TRADING_MODE=value)
            return "StatefulSet", FLOOR, "gamma-strategy"

        def scaled(namespace: str, name: str, number: int) -> tuple[str, str, str]:
            kubectl.scale(cluster, "deploy", namespace, name, number)
            return "Deployment", namespace, name

        yield lambda: halted("0"), lambda: halted("1")
        yield lambda: mode("LIVE"), lambda: mode("OFF")
        yield lambda: strategy("live"), lambda: strategy("paper")
        for namespace, name in ((AGENTS, "execution-agent"), (FLOOR, "execution-engine")):
            yield lambda n=namespace, w=name: scaled(n, w, 1), lambda n=namespace, w=name: scaled(n, w, 0)  # type: ignore[misc]

    # what goes wrong meanwhile

    async def trouble(self) -> None:
        chance = self.random.random()
        server, faults = self.floor.server, self.floor.server.faults
        if chance < 0.40:
            self.tell("cut")
            faults.inject(Down(verbs=("watch",)))
            asyncio.get_running_loop().call_later(self.random.choice((0.02, 0.4, 2.0)), faults.clear)
        elif chance < 0.55:
            self.tell("expired")
            self.floor.cluster.forget_history()
            faults.inject(Down(verbs=("watch",)))
            asyncio.get_running_loop().call_later(self.random.choice((0.02, 1.0)), faults.clear)
        elif chance < 0.65:
            self.tell("frozen")
            faults.inject(Hang())
            asyncio.get_running_loop().call_later(self.random.choice((0.3, 4.0)), faults.clear)
        elif chance < 0.80:
            self.tell("the API server restarts")
            server.outages.restart(AT_ONCE)
        else:
            await self.reborn()


@cache
def _configured() -> Plan:
    content = scene.adapted(scene.Addresses())
    content["outlets"].append(MEMORY)
    return config.build(scene.shipped(), content).plan


async def _played(seed: int) -> Lives:
    clock, random = VirtualClock(asyncio.get_running_loop()), Random(seed)
    floor = trading_floor(lambda: clock.now().wall)
    lives = Lives(clock, floor, Pager(clock.now), MemoryFiles(), random)
    controllers = asyncio.create_task(floor.run())
    await lives.begin()
    await asyncio.sleep(10)
    for _ in range(FLIPS):
        if random.random() < 0.5:
            await lives.trouble()
        await lives.flip()
        await asyncio.sleep(random.choice((0.0, 0.05, 0.7, 6.0)))
    floor.server.faults.clear()
    await asyncio.sleep(15)
    await lives.end(killed=False)
    controllers.cancel()
    return lives


def flips(seed: int) -> Lives:
    return in_virtual_time(_played(seed))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_each_flip_was_seen_or_lies_in_a_window_that_is_reported_as_unseen(seed: int) -> None:
    lives = flips(seed)
    missed = [flip for flip in lives.flips if not lives.saw(flip) and not any(map(flip.was_unseen, lives.unseen))]
    seen = sum(map(lives.saw, lives.flips))
    print(f"seed {seed}: {len(lives.flips)} flips, {seen} seen, {len(lives.flips) - seen} in a window")
    assert len(lives.flips) == FLIPS and seen > FLIPS / 4
    assert not missed, (seed, missed[:3], lives.story[-60:])
