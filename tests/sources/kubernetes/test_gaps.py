"""Each kind of gap in seeing, and what it is worth: the source on the simulated floor, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Any, TypeVar

import pytest

from tests.sources.kubernetes.floors import SOURCE, Sight, facts, looking
from tests.virtual import in_virtual_time
from watchdog.core.facts import Blindspot, Fact, Gap, KillSwitch, Mark, Mode, UnseenWrite, Workload
from watchdog.core.observation import Scope
from watchdog.simulator import kubectl
from watchdog.simulator.faults import Down, Refuse
from watchdog.simulator.ports import InProcessKubernetes

AGENT, FLOOR = "agenttrader", "trading-floor"
SWITCH = "agenttrader-kill-switch"
OF_ALL = replace(SOURCE, namespaces=())
Test = Callable[[Sight], Coroutine[Any, Any, None]]
F = TypeVar("F", bound=Fact)


def on_the_floor(source: Any = OF_ALL) -> Callable[[Test], None]:
    async def run(test: Test) -> None:
        async with looking(source) as sight:
            await sight.after(6)
            assert sight.problems == {}
            await test(sight)

    return lambda test: in_virtual_time(run(test))


def held(sight: Sight, kind: type[F]) -> list[F]:
    return [known.fact for known in sight.posture.facts.values() if isinstance(known.fact, kind)]


def gaps(sight: Sight) -> list[Gap]:
    return [gap for gap in held(sight, Gap) if gap.reason != "FirstLook"]


def doubts(sight: Sight) -> dict[str, str]:
    return {f"{d.kind} {d.name}": d.reason for d in held(sight, UnseenWrite)}


async def while_away(sight: Sight, act: Callable[[], object], *, forgets: bool = True, seconds: float = 3.0) -> None:
    """The server is away, something is done, and its watch cache is empty when it comes back."""
    sight.floor.server.faults.inject(Down())
    await sight.after(seconds / 2)
    act()
    await sight.after(seconds / 2)
    if forgets:
        sight.floor.cluster.forget_history()
    sight.floor.server.faults.clear()
    await sight.after(8)
    assert sight.problems == {}


def scaled(sight: Sight, *replicas: int) -> None:
    for number in replicas:
        kubectl.scale(sight.floor.cluster, "deploy", AGENT, "execution-agent", number)


def flipped(sight: Sight, *values: str) -> None:
    for value in values:
        kubectl.set_data(sight.floor.cluster, FLOOR, SWITCH, EXECUTION_HALTED=value)


def test_a_first_start_is_recorded_and_nothing_is_in_doubt() -> None:
    @on_the_floor()
    async def _(sight: Sight) -> None:
        assert {gap.reason for gap in held(sight, Gap)} == {"FirstLook"}
        assert doubts(sight) == {}


def test_every_guarded_object_has_a_mark_and_an_unguarded_one_has_none() -> None:
    @on_the_floor()
    async def _(sight: Sight) -> None:
        kubectl.create(sight.floor.cluster, _config_map("unrelated"))
        await sight.after(1)
        marks = {(mark.kind, mark.name): mark for mark in held(sight, Mark)}
        assert {("ConfigMap", SWITCH), ("Deployment", "execution-agent"), ("Deployment", "execution-engine")} <= {
            *marks
        }
        assert ("ConfigMap", "unrelated") not in marks
        before = marks["Deployment", "execution-agent"]
        scaled(sight, 1)
        await sight.after(0.01)
        [after] = [mark for mark in held(sight, Mark) if (mark.kind, mark.name) == ("Deployment", "execution-agent")]
        assert (after.uid, after.generation) == (before.uid, before.generation + 1) and after.revision > before.revision
        kubectl.delete(sight.floor.cluster, "deploy", AGENT, "execution-agent")
        await sight.after(1)
        assert ("Deployment", "execution-agent") not in {(mark.kind, mark.name) for mark in held(sight, Mark)}


def test_what_the_server_still_knows_is_told_and_is_no_gap() -> None:
    @on_the_floor()
    async def _(sight: Sight) -> None:
        began = len(sight.observations)
        await while_away(sight, lambda: scaled(sight, 1, 0), forgets=False)
        assert gaps(sight) == [] and doubts(sight) == {}
        assert 1 in [f.desired for f in facts(sight.observations[began:]) if isinstance(f, Workload)]


def test_a_watch_that_is_opened_again_is_no_word_of_the_server() -> None:
    @on_the_floor()
    async def _(sight: Sight) -> None:
        await sight.after(55)  # the bookmark of 60 s has come
        scope, since = Scope("kubernetes", f"watch ConfigMap {FLOOR}/{SWITCH}"), sight.clock.now().wall
        before = sight.posture.sights[scope].position
        assert before is not None and before.at < since
        for _ in range(2):
            await while_away(sight, lambda: None, forgets=False)
            sight_now = sight.posture.sights[scope]
            assert sight_now.last_success is not None and sight_now.last_success.wall > since, "it sees"
            assert sight_now.position == before, "and knows nothing of what passed"
        await while_away(sight, lambda: kubectl.create(sight.floor.cluster, _config_map("unrelated")))
        [gap] = [gap for gap in gaps(sight) if gap.part == scope.part]
        assert abs((datetime.fromisoformat(gap.began) - before.at).total_seconds()) < 0.01


def test_what_is_told_carries_how_far_the_history_is_complete() -> None:
    @on_the_floor()
    async def _(sight: Sight) -> None:
        scope = Scope("kubernetes", "watch deployments everywhere")
        for replicas in (1, 0):
            scaled(sight, replicas)
            number = sight.floor.cluster.revision
            await sight.after(0.001)
            position = sight.posture.sights[scope].position
            assert position is not None and position.revision >= number


def test_a_gap_in_which_nothing_happened_is_a_gap_with_its_window_and_no_doubt() -> None:
    @on_the_floor()
    async def _(sight: Sight) -> None:
        await while_away(sight, lambda: kubectl.create(sight.floor.cluster, _config_map("unrelated")))
        told = gaps(sight)
        assert {gap.reason for gap in told} == {"Expired"} and doubts(sight) == {}
        assert {"watch deployments everywhere", f"watch ConfigMap {FLOOR}/{SWITCH}"} <= {gap.part for gap in told}
        assert all(gap.began < gap.ended and 3 < gap.seconds < 20 for gap in told), told


@pytest.mark.parametrize(
    ("act", "doubted"),
    [
        (lambda sight: scaled(sight, 1), {}),  # one write: what it made is what is seen
        (lambda sight: scaled(sight, 1, 0), {"Deployment execution-agent": "Rewritten"}),
        (lambda sight: flipped(sight, "0", "1"), {f"ConfigMap {SWITCH}": "Rewritten"}),
        (lambda sight: flipped(sight, "0"), {f"ConfigMap {SWITCH}": "Rewritten"}),
        (lambda sight: _recreated(sight), {f"ConfigMap {SWITCH}": "Recreated"}),
        (
            lambda sight: kubectl.delete(sight.floor.cluster, "cm", FLOOR, SWITCH),
            {f"ConfigMap {SWITCH}": "Vanished"},
        ),
        (lambda sight: kubectl.create(sight.floor.cluster, _config_map("unrelated")), {}),
        (lambda sight: _annotated(sight, "cm", FLOOR, SWITCH), {}),  # managedFields: nothing but an annotation
        (lambda sight: _annotated_and_flipped(sight), {f"ConfigMap {SWITCH}": "Rewritten"}),
        (lambda sight: _annotated_twice(sight), {"Deployment execution-agent": "Rewritten"}),  # suspicion, not proof
        (lambda sight: _labelled(sight), {}),
    ],
)
def test_what_was_done_in_a_gap_is_seen_or_in_doubt(act: Callable[[Sight], object], doubted: dict[str, str]) -> None:
    @on_the_floor()
    async def _(sight: Sight) -> None:
        await sight.after(70)  # well after everything was made
        await while_away(sight, lambda: act(sight))
        found = {name: reason for name, reason in doubts(sight).items() if not name.startswith(("ReplicaSet", "Pod"))}
        assert found == doubted


def test_a_doubt_says_its_window_and_later_what_could_be_learned() -> None:
    @on_the_floor()
    async def _(sight: Sight) -> None:
        await sight.after(70)
        began = len(sight.observations)
        await while_away(sight, lambda: scaled(sight, 1, 0), seconds=10)
        said = [f for f in facts(sight.observations[began:]) if isinstance(f, UnseenWrite) and f.kind == "Deployment"]
        assert [bool(fact.learned) for fact in said] == [False, True], "told at once, and again with what was learned"
        assert said[0].subject == said[1].subject and "generation went from" in said[0].suspicion
        assert said[0].began < said[0].ended
        assert "kube-controller-manager wrote it (status at " in said[1].learned


def test_direct_reads_narrow_the_window_of_a_doubt() -> None:
    @on_the_floor()
    async def _(sight: Sight) -> None:
        await sight.after(50)  # the WATCH has said nothing for that long
        await while_away(sight, lambda: scaled(sight, 1, 0))
        [gap] = [gap for gap in gaps(sight) if gap.part == "watch Deployment agenttrader/execution-agent"]
        [doubt] = [doubt for doubt in held(sight, UnseenWrite) if doubt.kind == "Deployment"]
        assert gap.seconds > 40 and gap.began < doubt.began < doubt.ended <= gap.ended


def test_a_gap_and_its_doubts_are_told_for_an_hour() -> None:
    @on_the_floor(replace(OF_ALL, poll_interval=9.0, stale_after=10.0))
    async def _(sight: Sight) -> None:
        await while_away(sight, lambda: scaled(sight, 1, 0))
        for _ in range(58):
            await sight.after(60)
        assert gaps(sight) and doubts(sight)
        for _ in range(4):
            await sight.after(60)
        assert held(sight, Gap) == [] and doubts(sight) == {}


def test_where_nothing_can_be_learned_the_doubt_is_told_all_the_same_and_says_so() -> None:
    @on_the_floor()
    async def _(sight: Sight) -> None:
        await sight.after(70)
        refused = Refuse(path=f"/api/v1/namespaces/{FLOOR}/configmaps/{SWITCH}", verbs=("get",))
        sight.floor.server.faults.inject(Down(), refused)
        await sight.after(2)
        _annotated(sight, "cm", FLOOR, SWITCH)
        sight.floor.cluster.forget_history()
        sight.floor.server.faults.clear(Down)
        await sight.after(8)
        [doubt] = held(sight, UnseenWrite)
        assert doubt.name == SWITCH and "Forbidden" in doubt.learned


def test_a_kill_switch_that_changes_while_a_big_list_is_under_way_is_told_by_its_own_watch() -> None:
    @on_the_floor()
    async def _(sight: Sight) -> None:
        directly = Refuse(path="/api/v1/namespaces", verbs=("get",))
        sight.floor.server.faults.inject(Refuse(path="/api/v1/configmaps"), directly)
        flipped(sight, "0", "1")
        halted = [f.halted for f in facts(await sight.after(0.01)) if isinstance(f, KillSwitch)]
        assert halted[:2] == [False, True]


def test_an_event_that_two_watches_bring_is_told_once() -> None:
    @on_the_floor()
    async def _(sight: Sight) -> None:
        await sight.after(0.25)  # between two direct reads, which would tell it as well
        flipped(sight, "0", "1", "0", "1")
        told = [f for f in facts(await sight.after(0.5)) if isinstance(f, KillSwitch) and f.location.endswith(SWITCH)]
        assert [fact.halted for fact in told] == [False, True, False, True]


def test_a_permission_that_is_revoked_under_an_open_watch_is_noticed_within_a_minute() -> None:
    @on_the_floor()
    async def _(sight: Sight) -> None:
        sight.floor.server.faults.inject(Refuse(path="/apis/apps/v1/statefulsets"))
        await sight.after(61)
        assert sight.problem("watch statefulsets everywhere") == "", "the open WATCH goes on"
        assert sight.problem("list beside the watches") == "Forbidden"
        sight.floor.server.faults.clear()
        await sight.after(5)
        assert sight.problems == {} and gaps(sight) == []


@dataclass(frozen=True)
class Swallowing:
    """A proxy that loses the changes of StatefulSets and Pods on their way."""

    inner: InProcessKubernetes

    async def read(self, path: str, query: Mapping[str, str], timeout: float) -> bytes:
        return await self.inner.read(path, query, timeout)

    async def review(self, path: str, body: bytes, timeout: float) -> bytes:
        return await self.inner.review(path, body, timeout)

    async def date(self, timeout: float) -> datetime:
        return await self.inner.date(timeout)

    @asynccontextmanager
    async def watch(self, path: str, query: Mapping[str, str], silence: float) -> AsyncIterator[AsyncIterator[bytes]]:
        async with self.inner.watch(path, query, silence) as lines:
            yield self._heard(lines) if path.endswith(("/statefulsets", "/pods")) else lines

    async def _heard(self, lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for line in lines:
            if not line.startswith((b'{"type":"MODIFIED"', b'{"type":"DELETED"')):
                yield line


def test_what_a_watch_does_not_tell_heals_within_ten_minutes_and_it_is_trusted_no_more() -> None:
    async def run() -> None:
        patient = replace(OF_ALL, poll_interval=9.0, stale_after=10.0)
        async with looking(patient, lambda floor: Swallowing(InProcessKubernetes(floor.server))) as sight:
            await sight.after(1)
            kubectl.set_env(sight.floor.cluster, "sts", FLOOR, "gamma-strategy", AGENT_MODE="LIVE")
            for _ in range(14):
                await sight.after(60)
            unsafe = [f for f in held(sight, Mode) if f.unsafe is True]
            assert [f.workload for f in unsafe] == ["gamma-strategy"]
            assert "watch statefulsets everywhere" in {gap.part for gap in gaps(sight) if gap.reason == "Missed"}
            [gap] = [gap for gap in gaps(sight) if gap.part == "watch statefulsets everywhere"]
            assert gap.seconds > 600, "whatever it told since the list before cannot be relied on"

    in_virtual_time(run())


@dataclass(frozen=True)
class Slow(Swallowing):
    """The list of all ConfigMaps takes a second longer than what it shows."""

    listing: asyncio.Event

    @asynccontextmanager
    async def watch(self, path: str, query: Mapping[str, str], silence: float) -> AsyncIterator[AsyncIterator[bytes]]:
        slow = path == "/api/v1/configmaps" and "sendInitialEvents" in query
        async with self.inner.watch(path, query, silence) as lines:
            yield self._late(lines) if slow else lines

    async def _late(self, lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for line in lines:
            if b"initial-events-end" in line:
                self.listing.set()
                await asyncio.sleep(1)
            yield line


def test_what_its_own_watch_has_told_is_not_told_again_by_a_collection_that_is_listed_anew() -> None:
    async def run() -> None:
        listing = asyncio.Event()
        async with looking(OF_ALL, lambda floor: Slow(InProcessKubernetes(floor.server), listing)) as sight:
            await sight.after(6)
            sight.floor.server.faults.inject(Down())
            await sight.after(1)
            kubectl.create(sight.floor.cluster, _config_map("unrelated"))
            sight.floor.cluster.forget_history()
            listing.clear()
            sight.floor.server.faults.clear()
            await listing.wait()
            await sight.after(0)
            flipped(sight, "0", "1", "0")
            told = [f for f in facts(await sight.after(5)) if isinstance(f, KillSwitch) and SWITCH in f.location]
            halted = [fact.halted for fact in told]
            assert [now for before, now in pairwise([True, *halted]) if now != before] == [False, True, False]
            assert "watch configmaps everywhere" in {gap.part for gap in gaps(sight)}

    in_virtual_time(run())


def test_a_relist_that_agrees_is_no_gap() -> None:
    @on_the_floor(replace(OF_ALL, poll_interval=9.0, stale_after=10.0))
    async def _(sight: Sight) -> None:
        for number in range(70):
            kubectl.set_env(sight.floor.cluster, "sts", FLOOR, "gamma-strategy", NOTE=str(number))
            await sight.after(20)
        assert gaps(sight) == [] and doubts(sight) == {}


def test_polling_alone_compares_poll_with_poll() -> None:
    @on_the_floor(replace(OF_ALL, watch=False))
    async def _(sight: Sight) -> None:
        flipped(sight, "0")
        await sight.after(2)
        flipped(sight, "1")
        await sight.after(2)
        assert doubts(sight) == {}, "a ConfigMap counts no writes: that is told as a blind spot instead"
        assert "PolledOnly" in {spot.reason for spot in held(sight, Blindspot)}
        scaled(sight, 1, 0)
        await sight.after(2)
        assert doubts(sight)["Deployment execution-agent"] == "Rewritten" and gaps(sight) == []
        sight.floor.server.faults.inject(Down())
        await sight.after(40)
        sight.floor.server.faults.clear()
        await sight.after(4)
        assert {gap.reason for gap in gaps(sight)} == {"NotPolled"}


def _config_map(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": FLOOR}, "data": data}


def _recreated(sight: Sight) -> None:
    kubectl.delete(sight.floor.cluster, "cm", FLOOR, SWITCH)
    kubectl.create(sight.floor.cluster, _config_map(SWITCH, EXECUTION_HALTED="1"))


def _annotated(sight: Sight, kind: str, namespace: str, name: str, text: str = "x") -> None:
    kubectl.patch(sight.floor.cluster, kind, namespace, name, {"metadata": {"annotations": {"note": text}}})


def _annotated_and_flipped(sight: Sight) -> None:
    _annotated(sight, "cm", FLOOR, SWITCH)
    flipped(sight, "0", "1")


def _annotated_twice(sight: Sight) -> None:
    for text in "ab":
        _annotated(sight, "deploy", AGENT, "execution-agent", text)


def _labelled(sight: Sight) -> None:
    for text in "ab":
        kubectl.patch(sight.floor.cluster, "deploy", AGENT, "execution-agent", {"metadata": {"labels": {"note": text}}})
