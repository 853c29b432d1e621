"""The daemon dies and comes back: what the server still knows of that time is told and paged as seen. Where it knows no
more, the time is known as unseen, and what was written in it is found."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pytest

from watchdog import config
from watchdog.core.assessment import Assessment
from watchdog.core.excursion import unsafe
from watchdog.core.facts import Fact, Gap, Mark, UnseenWrite
from watchdog.core.known import Known
from watchdog.daemon import Daemon
from watchdog.ports import Kubernetes
from watchdog.simulator import kubectl, scene
from watchdog.simulator.faults import Down, Hang
from watchdog.simulator.pager import Pager
from watchdog.simulator.platform import Floor, trading_floor
from watchdog.simulator.ports import InProcessKubernetes
from watchdog.simulator.virtual_time import VirtualClock

from .fakes import MemoryFiles
from .virtual import in_virtual_time

PATH = "/memory.json"
SWITCH = ("trading-floor", "agenttrader-kill-switch")
AGENT = ("deploy", "agenttrader", "execution-agent")
WATCHED = "watch ConfigMap trading-floor/agenttrader-kill-switch"


@dataclass(frozen=True)
class Dumb:
    """A server whose WATCHes open, list, and then never say a word."""

    inner: Kubernetes

    async def read(self, path: str, query: Mapping[str, str], timeout: float) -> bytes:
        return await self.inner.read(path, query, timeout)

    async def review(self, path: str, body: bytes, timeout: float) -> bytes:
        return await self.inner.review(path, body, timeout)

    async def date(self, timeout: float) -> datetime:
        return await self.inner.date(timeout)

    @asynccontextmanager
    async def watch(self, path: str, query: Mapping[str, str], silence: float) -> AsyncIterator[AsyncIterator[bytes]]:
        async with self.inner.watch(path, query, silence) as lines:
            yield lines if "sendInitialEvents" in query else self._nothing()

    async def _nothing(self) -> AsyncIterator[bytes]:
        await asyncio.sleep(3600)
        yield b""


@dataclass
class Lives:
    """One floor, one disk, and one daemon after the other."""

    floor: Floor
    clock: VirtualClock
    files: MemoryFiles = field(default_factory=MemoryFiles)
    named: dict[str, None] = field(default_factory=dict)  # the writes that showed what is unsafe, of every life
    alerted: dict[str, None] = field(default_factory=dict)

    def turned(self, assessment: Assessment) -> None:
        self.alerted |= {alert.identity.rule: None for alert in assessment.alerts.values()}
        for state in (state for change in assessment.posture.changes for state in change.states):
            if isinstance(state, Known) and unsafe(state.fact) is True and state.origin:
                self.named[state.origin] = None

    def written(self, *replicas: int) -> str:
        """The agent's scale; the origin of the first of these writes."""
        kubectl.scale(self.floor.cluster, *AGENT, replicas[0])
        origin = f"Deployment agenttrader/execution-agent at {self.floor.cluster.revision}"
        for number in replicas[1:]:
            kubectl.scale(self.floor.cluster, *AGENT, number)
        return origin

    def remembered(self, part: str) -> tuple[datetime, int]:
        """The last word of a scope, and its revision."""
        content = self.files.content[PATH]
        assert isinstance(content, bytes)
        [(at, revision)] = [(at, number) for _, name, at, number in json.loads(content)["looked"] if name == part]
        return datetime.fromisoformat(at), revision

    @asynccontextmanager
    async def life(self, *, sees: bool = True, killed: bool = False, dumb: bool = False) -> AsyncIterator[Daemon]:
        content = scene.adapted(scene.Addresses())
        content["outlets"].append({"kind": "memory", "path": PATH})
        configuration = config.build(scene.shipped(), content)
        pager = Pager(self.clock.now)
        ports = scene.in_process(self.floor, pager, self.clock, configuration.labels, self.files)
        if dumb:
            ports = replace(ports, kubernetes=lambda kubeconfig, context: Dumb(InProcessKubernetes(self.floor.server)))
        daemon = Daemon(configuration.plan, ports)
        daemon.on_turn = self.turned
        running = asyncio.create_task(daemon.run())
        while sees and not daemon.sees_everything:
            await asyncio.sleep(0.1)
        yield daemon
        if killed:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        else:
            daemon.stop.set()
            await running


def lived(act: Callable[[Lives], Awaitable[None]]) -> None:
    async def main() -> None:
        clock = VirtualClock(asyncio.get_running_loop())
        floor = trading_floor(lambda: clock.now().wall)
        controllers = asyncio.create_task(floor.run())
        await act(Lives(floor, clock))
        controllers.cancel()

    in_virtual_time(main())


def told(daemon: Daemon, kind: type[Any]) -> list[Any]:
    return [known.fact for known in daemon.assessment.posture.facts.values() if isinstance(known.fact, kind)]


def doubts(daemon: Daemon) -> dict[str, str]:
    found = {f"{d.kind} {d.name}": d.reason for d in told(daemon, UnseenWrite)}
    return {name: reason for name, reason in found.items() if not name.startswith(("Pod", "ReplicaSet"))}


def reasons(daemon: Daemon) -> set[str]:
    return {gap.reason for gap in told(daemon, Gap)}


def test_a_restart_of_a_few_seconds_is_no_gap_and_alerts_nobody() -> None:
    async def act(lives: Lives) -> None:
        async with lives.life():
            await asyncio.sleep(110)  # a quiet WATCH's last word was 50 s ago
        await asyncio.sleep(15)
        async with lives.life() as second:
            await asyncio.sleep(130)
            assert reasons(second) == set() and doubts(second) == {}
        assert "LongGap" not in lives.alerted and "UnseenWrite" not in lives.alerted

    lived(act)


@pytest.mark.parametrize("killed", [False, True])
@pytest.mark.parametrize("times", [1, 2])
def test_what_passed_while_the_daemon_was_away_is_told_by_its_own_events_and_is_no_doubt(
    killed: bool, times: int
) -> None:
    async def act(lives: Lives) -> None:
        async with lives.life(killed=killed):
            await asyncio.sleep(70)
        flips = [lives.written(1, 0) for _ in range(times)]
        revision = lives.floor.cluster.revision
        kubectl.set_data(lives.floor.cluster, *SWITCH, EXECUTION_HALTED="0")
        kubectl.set_data(lives.floor.cluster, *SWITCH, EXECUTION_HALTED="1")
        await asyncio.sleep(2)
        assert not {*flips} & {*lives.named}
        async with lives.life() as second:
            await asyncio.sleep(10)
            assert {*flips, f"ConfigMap trading-floor/{SWITCH[1]} at {revision + 1}"} <= {*lives.named}
            assert reasons(second) == set() and doubts(second) == {}
            assert "ExecutionWorkloadAboveZero" in lives.alerted and second.sees_everything

    lived(act)


def test_what_was_deleted_or_made_anew_while_the_daemon_was_away_is_told_and_is_no_doubt() -> None:
    async def act(lives: Lives) -> None:
        async with lives.life():
            await asyncio.sleep(10)
        kubectl.delete(lives.floor.cluster, *AGENT)
        kubectl.delete(lives.floor.cluster, "cm", *SWITCH)
        made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": SWITCH[1], "namespace": SWITCH[0]}}
        kubectl.create(lives.floor.cluster, {**made, "data": {"EXECUTION_HALTED": "0"}})
        origin = f"ConfigMap trading-floor/{SWITCH[1]} at {lives.floor.cluster.revision}"
        kubectl.set_data(lives.floor.cluster, *SWITCH, EXECUTION_HALTED="1")
        last = lives.floor.cluster.revision
        async with lives.life() as second:
            await asyncio.sleep(10)
            marks = {(mark.namespace, mark.name): mark for mark in told(second, Mark)}
            assert origin in lives.named and reasons(second) == set() and doubts(second) == {}
            assert AGENT[1:] not in marks and marks[SWITCH].revision == last

    lived(act)


@pytest.mark.parametrize("forgets", [False, True])
def test_a_life_to_which_no_watch_said_a_word_leaves_behind_what_it_was_left(forgets: bool) -> None:
    """Neither its lists nor that its WATCHes were open say anything of what had passed before."""

    async def act(lives: Lives) -> None:
        async with lives.life():
            await asyncio.sleep(70)
        before = lives.remembered(WATCHED)
        origin = lives.written(1, 0)
        async with lives.life(dumb=True, killed=True):
            await asyncio.sleep(100)  # its WATCHes fall silent, and are opened again
        assert lives.remembered(WATCHED) == before and before[1] > 0
        if forgets:
            lives.floor.cluster.forget_history()
        async with lives.life() as third:
            await asyncio.sleep(10)
            if not forgets:
                assert origin in lives.named and reasons(third) == set() and doubts(third) == {}
                return
            assert doubts(third) == {"Deployment execution-agent": "Rewritten"}
            [began] = [datetime.fromisoformat(gap.began) for gap in told(third, Gap) if gap.part == WATCHED]
            assert abs((began - before[0]).total_seconds()) < 0.01

    lived(act)


def test_a_cluster_that_was_restored_from_a_backup_meanwhile_is_a_gap() -> None:
    async def act(lives: Lives) -> None:
        backup = lives.floor.cluster.backup()
        async with lives.life():
            lives.written(1, 0)
            await asyncio.sleep(70)
        lives.floor.server.outages.restore(backup)
        await asyncio.sleep(5)
        async with lives.life() as second:
            await asyncio.sleep(10)
            assert reasons(second) == {"Restarted"}
            assert doubts(second)["Deployment execution-agent"] == "RolledBack"

    lived(act)


def test_a_kind_that_is_not_served_has_no_history_to_go_on_with() -> None:
    async def act(lives: Lives) -> None:
        part = "watch rollouts everywhere"
        long_ago = lives.clock.now().wall.isoformat()
        left = {"version": 1, "written": long_ago, "looked": [["kubernetes", part, long_ago, 5]], "marks": []}
        lives.files.content[PATH] = json.dumps(left).encode()
        began = lives.clock.now().wall
        async with lives.life():
            await asyncio.sleep(70)
        at, revision = lives.remembered(part)
        assert revision == 0 and (at - began).total_seconds() >= 60

    lived(act)


def test_a_restart_of_which_the_server_knows_nothing_is_a_gap_with_its_true_window_and_no_doubt() -> None:
    async def act(lives: Lives) -> None:
        async with lives.life() as first:
            await asyncio.sleep(70)
        assert {gap.reason for gap in told(first, Gap)} == {"FirstLook"}
        stopped = lives.clock.now()
        await asyncio.sleep(40)
        kubectl.set_env(lives.floor.cluster, "sts", "trading-floor", "gamma-strategy", NOTE="time goes on")
        lives.floor.cluster.forget_history()
        async with lives.life() as second:
            await asyncio.sleep(10)
            gaps = {gap.part: gap for gap in told(second, Gap)}
        assert {gap.reason for gap in gaps.values()} == {"Restarted"} and doubts(second) == {}
        read = gaps[WATCHED]
        assert 40 <= read.seconds <= 40 + 70 and datetime.fromisoformat(read.began) <= stopped.wall
        assert "too old resource version" in read.explanation
        assert {gap.part for gap in told(first, Gap)} == {*gaps}, "of every WATCH"

    lived(act)


@pytest.mark.parametrize(
    ("do", "doubted"),
    [
        (lambda c: [kubectl.scale(c, *AGENT, n) for n in (1, 0)], {"Deployment execution-agent": "Rewritten"}),
        (lambda c: kubectl.scale(c, *AGENT, 1), {}),
        (
            lambda c: [kubectl.set_data(c, *SWITCH, EXECUTION_HALTED=v) for v in "01"],
            {"ConfigMap agenttrader-kill-switch": "Rewritten"},
        ),
        (lambda c: kubectl.delete(c, *AGENT), {"Deployment execution-agent": "Vanished"}),
    ],
)
@pytest.mark.parametrize("killed", [False, True])
def test_what_was_written_while_nobody_knew_is_seen_or_in_doubt(
    do: Callable[[Any], object], doubted: dict[str, str], killed: bool
) -> None:
    async def act(lives: Lives) -> None:
        async with lives.life(killed=killed):
            await asyncio.sleep(70)
        do(lives.floor.cluster)
        lives.floor.cluster.forget_history()
        await asyncio.sleep(2)
        async with lives.life() as second:
            await asyncio.sleep(10)
            assert doubts(second) == doubted

    lived(act)


def test_what_only_direct_reads_saw_the_end_of_is_in_doubt_after_a_restart() -> None:
    """They see what is, not what passed: their word is no mark."""

    async def act(lives: Lives) -> None:
        async with lives.life(killed=True):
            await asyncio.sleep(70)
            lives.floor.server.faults.inject(Hang(verbs=("watch",)))
            for replicas in (1, 0):
                kubectl.scale(lives.floor.cluster, *AGENT, replicas)
            await asyncio.sleep(20)
        lives.floor.cluster.forget_history()
        lives.floor.server.faults.clear()
        async with lives.life() as second:
            await asyncio.sleep(10)
            assert doubts(second) == {"Deployment execution-agent": "Rewritten"}

    lived(act)


def test_a_life_that_sees_nothing_forgets_nothing() -> None:
    async def act(lives: Lives) -> None:
        async with lives.life():
            await asyncio.sleep(10)
        for replicas in (1, 0):
            kubectl.scale(lives.floor.cluster, *AGENT, replicas)
        lives.floor.server.faults.inject(Down())
        async with lives.life(sees=False):
            await asyncio.sleep(20)
        lives.floor.cluster.forget_history()
        lives.floor.server.faults.clear()
        async with lives.life() as third:
            await asyncio.sleep(10)
            assert doubts(third) == {"Deployment execution-agent": "Rewritten"}

    lived(act)


@pytest.mark.parametrize("content", [None, b"{", b'{"version":7}', OSError(5, "Input/output error")])
def test_without_a_memory_a_start_is_a_first_one(content: bytes | OSError | None) -> None:
    async def act(lives: Lives) -> None:
        if content is not None:
            lives.files.content[PATH] = content
        async with lives.life() as daemon:
            await asyncio.sleep(10)
            assert {gap.reason for gap in told(daemon, Gap)} == {"FirstLook"} and doubts(daemon) == {}

    lived(act)


def test_it_is_written_every_five_seconds_and_at_the_end() -> None:
    async def act(lives: Lives) -> None:
        times: list[float] = []
        write = lives.files.replace

        async def replace(path: str, content: bytes) -> None:
            times.append(lives.clock.now().mono)
            await write(path, content)

        lives.files.replace = replace  # type: ignore[method-assign]
        async with lives.life() as daemon:
            await asyncio.sleep(62)
            stopping = lives.clock.now().mono
            assert 12 <= len(times) <= 16
        assert times[-1] >= stopping, "the last word"
        assert told(daemon, Fact)

    lived(act)
