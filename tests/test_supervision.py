"""Where the world's faults stop (supervision), in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from watchdog.core.alert import EdgeKind
from watchdog.core.facts import Unknown
from watchdog.core.observation import Coverage, Facts, Observation, Scope
from watchdog.core.report import Hearing, ReadBack, Report
from watchdog.core.ruleset import RuleSet
from watchdog.outlets import Batch, Outlet, Receipt
from watchdog.ports import KubernetesError, Ports
from watchdog.simulator.virtual_time import VirtualClock
from watchdog.sources import Stream
from watchdog.supervision import Inbox, Outbox, watch_over_outlet, watch_over_stream

from .core.worlds import ABOVE_ZERO, WORKLOADS, World, at, saw, workload
from .virtual import in_virtual_time

SCOPE = Scope("test", "stream")


class Nowhere:
    """Ports of a test that touches nothing."""

    def show(self, path: str, page: object) -> None: ...


def ports() -> Ports:
    nowhere = Nowhere()
    clock = VirtualClock(asyncio.get_running_loop())
    return Ports(clock, nowhere, nowhere, nowhere, nowhere, lambda kubeconfig, context: nowhere)  # type: ignore[arg-type, return-value]


async def watched(looks: Callable[[Ports], AsyncIterator[Facts]], seconds: float) -> list[Observation]:
    inbox = Inbox()
    task = asyncio.create_task(
        watch_over_stream(SCOPE, Stream(Coverage(frozenset(), 5.0), looks, deadline=3.0), ports(), inbox)
    )
    await asyncio.sleep(seconds)
    task.cancel()
    return list(inbox.drain())


def test_what_a_source_raises_becomes_unknown_with_its_reason_and_it_looks_again() -> None:
    async def looks(_: Ports) -> AsyncIterator[Facts]:
        yield Facts()
        raise KubernetesError(403, "Forbidden", "pods is forbidden")

    said = [observation.facts for observation in in_virtual_time(watched(looks, 0.06))]
    assert said == [Facts(), Unknown("Forbidden", "pods is forbidden")] * 2


def test_a_source_that_hangs_becomes_unknown_within_its_deadline() -> None:
    async def looks(_: Ports) -> AsyncIterator[Facts]:
        await asyncio.sleep(1e6)
        yield Facts()

    (observation,) = in_virtual_time(watched(looks, 3.01))
    assert observation.facts == Unknown("Timeout", "no look within 3 s")
    assert observation.at.mono == 3.0


def test_a_daemon_that_was_frozen_reads_what_came_meanwhile_before_it_calls_a_source_silent() -> None:
    """SIGSTOP for five minutes: every timer is due at once, and the socket is full."""
    begun: list[int] = []

    async def main() -> list[Observation]:
        waiting, loop = asyncio.Queue[Facts](), asyncio.get_running_loop()

        async def looks(_: Ports) -> AsyncIterator[Facts]:
            begun.append(1)
            yield Facts()
            while True:
                yield await waiting.get()

        def frozen() -> None:
            loop._jumping.now += 300  # type: ignore[attr-defined]
            for number in range(3):
                loop.call_soon(waiting.put_nowait, Facts(origin=str(number)))

        loop.call_later(1.0, frozen)
        return await watched(looks, 302.9)

    said = [observation.facts for observation in in_virtual_time(main())]
    assert said == [Facts(), *(Facts(origin=str(number)) for number in range(3))] and len(begun) == 1


def test_a_source_that_is_silent_after_the_daemon_was_frozen_is_found_out_all_the_same() -> None:
    async def looks(_: Ports) -> AsyncIterator[Facts]:
        await asyncio.sleep(1e6)
        yield Facts()

    async def main() -> list[Observation]:
        loop = asyncio.get_running_loop()
        loop.call_later(1.0, lambda: setattr(loop._jumping, "now", 301.0))  # type: ignore[attr-defined]
        return await watched(looks, 310)

    (observation,) = in_virtual_time(main())[:1]
    assert observation.facts == Unknown("Timeout", "no look within 3 s")
    assert observation.at.mono == 306.0, "some seconds after it woke"


def test_what_is_a_part_of_a_look_is_no_sight_that_is_regained() -> None:
    async def looks(_: Ports) -> AsyncIterator[Facts]:
        yield Facts(partial=True)
        raise KubernetesError(410, "Expired", "")

    said = in_virtual_time(watched(looks, 1.0))
    assert len(said) < 14, "the pauses grow although each attempt begins well"


def test_a_part_of_a_look_that_says_nothing_is_worth_no_turn() -> None:
    async def looks(_: Ports) -> AsyncIterator[Facts]:
        yield Facts(partial=True)
        yield Facts(seen=(workload(),), partial=True)
        yield Facts()
        await asyncio.sleep(1)

    said = [observation.facts for observation in in_virtual_time(watched(looks, 0.5))]
    assert said == [Facts(seen=(workload(),), partial=True), Facts()]


def test_a_source_that_ends_is_unknown_and_not_fine() -> None:
    async def looks(_: Ports) -> AsyncIterator[Facts]:
        return
        yield

    assert in_virtual_time(watched(looks, 0.01))[0].facts == Unknown("Ended", "the source stopped looking")


def test_a_source_that_fails_for_ever_is_asked_at_least_every_two_seconds_and_not_in_a_storm() -> None:
    async def looks(_: Ports) -> AsyncIterator[Facts]:
        raise OSError("away")
        yield

    said = in_virtual_time(watched(looks, 60.0))
    gaps = [later.at.since(earlier.at) for earlier, later in pairwise(said)]
    assert max(gaps) <= 2.0
    assert len(said) < 60


def test_a_full_inbox_makes_its_source_wait_and_drops_nothing() -> None:
    async def main() -> int:
        inbox, taken = Inbox(limit=3), 0

        async def put() -> None:
            for _ in range(10):
                await inbox.put(Observation(SCOPE, at(0), Facts()))

        putting = asyncio.create_task(put())
        while taken < 10:
            await inbox.something_new_or(1.0)
            drained = len(inbox.drain())
            assert drained <= 3
            taken += drained
        await putting
        return taken

    assert in_virtual_time(main()) == 10


def test_nobody_who_comes_later_overtakes_who_waits_for_room() -> None:
    async def main() -> list[float]:
        inbox, order = Inbox(limit=1), list[float]()

        async def put(number: int) -> None:
            await inbox.put(Observation(SCOPE, at(number), Facts()))

        putting = [asyncio.create_task(put(number)) for number in range(4)]
        for _ in range(12):
            await asyncio.sleep(0)
            order += [observation.at.mono for observation in inbox.drain()]
            if len(putting) == 4:
                putting.append(asyncio.create_task(put(4)))
        await asyncio.gather(*putting)
        return order + [observation.at.mono for observation in inbox.drain()]

    assert in_virtual_time(main()) == [0, 1, 2, 3, 4]


@dataclass(frozen=True)
class Flaky(Outlet):
    """Refuses as often as it is told, hangs as often as it is told, then accepts."""

    name: str = "flaky"
    timeout: float = 2.0
    refusals: int = 0
    hangs: int = 0
    batches: list[Batch] = field(default_factory=list)

    async def publish(self, batch: Batch, ports: Ports) -> Sequence[Receipt]:
        self.batches.append(batch)
        if len(self.batches) <= self.hangs:
            await asyncio.sleep(1e6)
        if len(self.batches) <= self.refusals:
            raise OSError("refused")
        return [Receipt("flaky", True)]


async def published(outlet: Flaky, seconds: float) -> tuple[list[Observation], Ports]:
    world, inbox, outbox, world_ports = World(ABOVE_ZERO), Inbox(), Outbox(), ports()
    task = asyncio.create_task(watch_over_outlet(outlet, outbox, world_ports, inbox, RuleSet.of([ABOVE_ZERO])))
    outbox.put(world.turn(0, saw(0, WORKLOADS, workload(1))), wake=False)
    await asyncio.sleep(0.01)
    outbox.put(world.turn(1, saw(1, WORKLOADS, workload(0))), wake=False)
    await asyncio.sleep(seconds)
    task.cancel()
    return list(inbox.drain()), world_ports


@dataclass
class Reporting(Outlet):
    """Takes a page, and hangs."""

    name: str = "reporting"

    async def publish(self, batch: Batch, ports: Ports) -> Sequence[Receipt]:
        batch.report([ReadBack(edge.alert.identity, self.name, Hearing.HEARD, "", edge.at) for edge in batch.edges])
        await asyncio.sleep(1e6)
        return ()


async def reported(world: World) -> tuple[Sequence[Report], float]:
    outbox, inbox, clock = Outbox(), Inbox(), ports().clock
    task = asyncio.create_task(watch_over_outlet(Reporting(), outbox, ports(), inbox, RuleSet.of([ABOVE_ZERO])))
    began = clock.now()
    outbox.put(world.turn(0, saw(0, WORKLOADS, workload(1))), wake=False)
    await inbox.something_new_or(60)
    waited = clock.now().since(began)
    task.cancel()
    return inbox.reports(), waited


def test_what_became_of_a_page_is_heard_before_the_whole_publish_ends() -> None:
    reports, waited = in_virtual_time(reported(World(ABOVE_ZERO)))
    assert len(reports) == 1 and waited == 0


def test_what_nobody_took_is_published_again_with_what_came_since() -> None:
    outlet = Flaky(refusals=2)
    receipts, world = in_virtual_time(published(outlet, 10.0))
    assert [edge.kind for edge in outlet.batches[-1].edges] == [EdgeKind.FIRED, EdgeKind.LATCHED]
    assert world.vitals.notifications == {("flaky", "failed"): 2, ("flaky", "accepted"): 1}
    said = [fact for r in receipts if isinstance(r.facts, Facts) for fact in r.facts.seen]
    assert [getattr(fact, "accepting", None) for fact in said] == [False, False, True]


def test_an_outlet_that_hangs_is_given_up_within_its_timeout_and_tried_again() -> None:
    outlet = Flaky(hangs=1)
    in_virtual_time(published(outlet, 10.0))
    assert [edge.kind for edge in outlet.batches[-1].edges] == [EdgeKind.FIRED, EdgeKind.LATCHED]


@dataclass(frozen=True)
class Relay(Flaky):
    """Raises once, then answers that its peer, which has another name, does not take the page, then that it does."""

    async def publish(self, batch: Batch, ports: Ports) -> Sequence[Receipt]:
        self.batches.append(batch)
        if len(self.batches) == 1:
            raise OSError("a bug")
        return [Receipt("peer", len(self.batches) > 2)]


def test_an_outlet_that_publishes_again_is_not_a_page_that_was_taken() -> None:
    outlet = Relay()
    receipts, _ = in_virtual_time(published(outlet, 10.0))
    assert [edge.kind for edge in outlet.batches[2].edges] == [EdgeKind.FIRED, EdgeKind.LATCHED]
    newest = {f.receiver: f.accepting for r in receipts if isinstance(r.facts, Facts) for f in r.facts.seen}  # type: ignore[attr-defined]
    assert newest == {"flaky": True, "peer": True}, "that it raised once does not stay a finding"


def test_what_is_being_published_is_not_yet_out() -> None:
    async def main() -> tuple[bool, bool]:
        world, outbox = World(ABOVE_ZERO), Outbox()
        outbox.put(world.turn(0, saw(0, WORKLOADS, workload(1))), wake=False)
        await outbox.take(None)
        meanwhile = outbox.empty
        outbox.settle(accepted=True)
        return meanwhile, outbox.empty

    assert in_virtual_time(main()) == (False, True), "a shutdown must wait for it"


def test_a_timeout_of_the_sources_own_is_told_as_its_own() -> None:
    async def looks(_: Ports) -> AsyncIterator[Facts]:
        raise TimeoutError("an earlier read has not come back")
        yield

    assert in_virtual_time(watched(looks, 0.01))[0].facts == Unknown("Timeout", "an earlier read has not come back")


def test_an_outbox_keeps_the_first_and_the_newest_edge_of_a_kind_and_no_more() -> None:
    async def main() -> Outbox:
        world, outbox = World(ABOVE_ZERO), Outbox()
        for second in range(50):
            outbox.put(world.turn(second, saw(second, WORKLOADS, workload(second % 2))), wake=False)
        return outbox

    outbox = in_virtual_time(main())
    kept = {str(kind): [edge.at.mono for edge in edges] for (_, kind, _, _), edges in outbox.edges.items()}
    assert kept == {"fired": [1.0], "latched": [2.0, 48.0], "refired": [3.0, 49.0]}


def test_each_step_of_an_escalation_is_kept_for_those_whom_it_is_meant_for() -> None:
    """The first and the newest of three would be all that is kept of one kind."""

    async def main() -> Batch:
        outbox, page = Outbox(), World(ABOVE_ZERO).turn(0, saw(0, WORKLOADS, workload(1)))
        (fired,) = page.edges
        steps = [replace(fired, kind=EdgeKind.ESCALATED, at=at(n), to=(f"step-{n}",)) for n in range(3)]
        outbox.put(replace(page, edges=tuple(steps)), wake=False)
        return await outbox.take(None)

    assert [edge.to for edge in in_virtual_time(main()).edges] == [("step-0",), ("step-1",), ("step-2",)]


@dataclass(frozen=True)
class Renewing(Flaky):
    """Takes everything, and notes when it was told to renew."""

    renew_every: float | None = 20.0
    renewals: list[float] = field(default_factory=list)

    async def publish(self, batch: Batch, ports: Ports) -> Sequence[Receipt]:
        self.batches.append(batch)
        if batch.renew:
            self.renewals.append(ports.clock.now().mono)
        accepted = len(self.batches) > self.refusals
        return [Receipt(self.name, accepted)]


async def busy(outlet: Renewing, every: float) -> list[float]:
    """A minute and a half in which an alert comes and goes every ``every`` seconds."""
    world, outbox = World(ABOVE_ZERO), Outbox()
    task = asyncio.create_task(watch_over_outlet(outlet, outbox, ports(), Inbox(), RuleSet.of([ABOVE_ZERO])))
    for turn in range(int(90 / every)):
        seconds = turn * every
        outbox.put(world.turn(seconds, saw(seconds, WORKLOADS, workload(turn % 2))), wake=False)
        await asyncio.sleep(every)
    task.cancel()
    return outlet.renewals


def test_a_renewal_is_never_late_because_edges_come_in_between() -> None:
    """Whoever waited an interval from the last edge would never renew here."""
    renewals = in_virtual_time(busy(Renewing(), every=7.0))
    assert len(renewals) == 4 and max(b - a for a, b in pairwise((0.0, *renewals))) <= 20.001


def test_a_renewal_that_nobody_took_is_still_due() -> None:
    outlet = Renewing(refusals=12)
    in_virtual_time(busy(outlet, every=7.0))
    refused = outlet.batches[:13]
    first = next(number for number, batch in enumerate(refused) if batch.renew)
    assert first < 12 and all(batch.renew for batch in refused[first:])


def test_an_outlet_that_quickens_its_pace_is_renewed_at_its_new_pace() -> None:
    """What asks again soon after a page must not wait for the end of the minute that it had rested."""

    class Quickening(Renewing):
        async def publish(self, batch: Batch, ports: Ports) -> Sequence[Receipt]:
            object.__setattr__(self, "renew_every", 1.0 if batch.edges else 60.0)
            return await super().publish(batch, ports)

    outlet = Quickening(renew_every=60.0)
    assert in_virtual_time(busy(outlet, every=31.0)) == [32.0]
