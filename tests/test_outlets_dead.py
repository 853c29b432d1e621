"""The daemon alone: every outlet is dead for ten virtual minutes in which hundreds of alerts come and go. What waits
is bounded, nothing is lost when they return, and the worst and newest come first."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest

from watchdog.core.alert import Edge, EdgeKind, Identity, Policy, Rise
from watchdog.core.assessment import Assessment
from watchdog.core.delivery import Paging
from watchdog.core.facts import Fact, Workload
from watchdog.core.instant import from_rfc3339
from watchdog.core.observation import Coverage, Facts
from watchdog.core.ruleset import Globals, RuleSet
from watchdog.core.severity import Sev
from watchdog.daemon import Daemon, Plan
from watchdog.outlets import Batch, Outlet, Receipt
from watchdog.outlets.alertmanager import Alertmanager
from watchdog.outlets.console import Console
from watchdog.outlets.webhook import Webhook
from watchdog.outlets.webhook.recipient import Recipient
from watchdog.ports import Answer, Ports, Unreachable
from watchdog.simulator.virtual_time import VirtualClock
from watchdog.sources import Source, Stream
from watchdog.supervision import Outbox

from .core.worlds import PlainRule
from .fakes import Board, MemoryFiles, no_kubernetes
from .virtual import in_virtual_time

DEAD = 600.0
"""Seconds for which nobody takes anything."""
SUBJECTS = 210
PEERS = ("refusing", "hanging", "failing")

GUARD, STRATEGY = "execution-", "strategy-"


def runs(fact: Fact, globals_: Globals) -> bool:
    assert isinstance(fact, Workload)
    return isinstance(fact.desired, int) and fact.desired > 0


def execution_runs(fact: Fact, globals_: Globals) -> bool:
    assert isinstance(fact, Workload)
    return fact.execution and runs(fact, globals_)


def strategy_runs(fact: Fact, globals_: Globals) -> bool:
    assert isinstance(fact, Workload)
    return not fact.execution and runs(fact, globals_)


def many_run(fact: Fact) -> tuple[bool, ...]:
    assert isinstance(fact, Workload)
    return (isinstance(fact.desired, int) and fact.desired > 1,)


RULES = RuleSet.of(
    [
        PlainRule("ExecutionRuns", "workload", execution_runs, Policy(Sev.SEV0, latch=True)),
        PlainRule(
            "StrategyRuns",
            "workload",
            strategy_runs,
            Policy(Sev.SEV2, rises=(Rise(Sev.SEV1, 0.0),)),
            group="strategies",
            rises=many_run,
        ),
    ]
)


def workload(number: int, desired: int) -> Workload:
    execution = number % 3 == 0
    return Workload("floor", "Deployment", f"{GUARD if execution else STRATEGY}{number}", execution, "", desired, 0, 0)


@dataclass(frozen=True)
class Storm(Source):
    """Twenty workloads change every three seconds; the last change is some seconds before the outlets return."""

    name: str = "storm"

    def streams(self) -> Mapping[str, Stream]:
        return {"": Stream(Coverage(frozenset({"workload"}), 3600.0), self._looks, 3600.0)}

    async def _looks(self, ports: Ports) -> AsyncIterator[Facts]:
        chance = random.Random(5)
        yield Facts(tuple(workload(number, 0) for number in range(SUBJECTS)))
        while ports.clock.now().mono < DEAD - 10:
            await asyncio.sleep(3.0)
            changed = chance.sample(range(SUBJECTS), 20)
            yield Facts(tuple(workload(number, chance.choice((0, 1, 2))) for number in changed), partial=True)
        await asyncio.sleep(1e6)


@dataclass
class World:
    """Three Alertmanagers and a webhook, each dead in its own way until the time is up; then they take everything."""

    clock: VirtualClock
    requests: list[tuple[str, float, list[dict[str, Any]]]] = field(default_factory=list)
    called: list[dict[str, Any]] = field(default_factory=list)  # what the direct receiver was told, in order

    @property
    def dead(self) -> bool:
        return self.clock.now().mono < DEAD

    async def get(self, url: str, *, headers: Mapping[str, str], timeout: float, limit: int) -> Answer:
        return await self.post(url, b"[]", headers=headers, timeout=timeout, limit=limit)

    async def post(self, url: str, body: bytes, *, headers: Mapping[str, str], timeout: float, limit: int) -> Answer:
        host = url.split("/")[2]
        if self.dead and host == "refusing":
            raise Unreachable("ConnectionRefused", host)
        if self.dead and host == "hanging":
            await asyncio.sleep(timeout)
            raise Unreachable("Timeout", host)
        if self.dead:
            return Answer(500, {}, b"no")
        if host == "pager":
            self.called += json.loads(body)["alerts"]
        await asyncio.sleep(0.01)
        if host == "pager":
            return Answer(200, {}, b"")
        alerts = [one for one in json.loads(body) if one["labels"]["alertname"] != "Watchdog"]  # the dead man's
        if alerts:
            self.requests.append((host, self.clock.now().mono, alerts))
        return Answer(200, {"content-type": "application/json"}, b"{}")

    def write(self, text: str) -> None:
        if self.dead:
            raise BrokenPipeError(32, "nobody reads")


@dataclass(frozen=True)
class Journal(Outlet):
    """Writes down what it is given, in order, once its disk is back."""

    name: str = "journal"
    written: list[Edge] = field(default_factory=list)

    async def publish(self, batch: Batch, ports: Ports) -> Sequence[Receipt]:
        if ports.clock.now().mono < DEAD:
            raise OSError(28, "No space left on device")
        self.written.extend(batch.edges)
        return [Receipt(self.name, True, at=ports.clock.now())]


@dataclass
class Outcome:
    world: World
    daemon: Daemon
    journal: Journal
    happened: list[Edge]
    waiting: list[tuple[float, int, int]]  # instants, entries in the fullest outbox, and what a peer remembers at most
    at_return: Assessment


@cache
def storm() -> Outcome:
    async def main() -> Outcome:
        clock = VirtualClock(asyncio.get_running_loop())
        world, journal = World(clock), Journal()
        peers = Alertmanager(urls=tuple(f"http://{peer}" for peer in PEERS))
        direct = Webhook((Recipient("pager", url="http://pager/", sev=Sev.SEV1),))
        plan = Plan((Storm(),), (peers, direct, Console(), journal), RULES, 1.0, Paging(peers=True))
        ports = Ports(
            clock, world, MemoryFiles(), world, Board(), no_kubernetes, {"cluster": "test"}, web=lambda _: world
        )  # fmt: skip
        daemon = Daemon(plan, ports)
        seen = Outcome(world, daemon, journal, [], [], daemon.assessment)

        def note(level: Assessment) -> None:
            seen.happened.extend(level.edges)
            seen.waiting.append((level.at.mono, fullest(daemon), longest(plan)))
            seen.at_return = level if world.dead else seen.at_return

        daemon.on_turn = note
        running = asyncio.create_task(daemon.run())
        await asyncio.sleep(DEAD + 30.0)
        daemon.stop.set()
        await running
        return seen

    return in_virtual_time(main())


def fullest(daemon: Daemon) -> int:
    boxes = [box for box in daemon.outboxes.values() if isinstance(box, Outbox)]
    return max(sum(len(kept) for kept in (*box.edges.values(), *box.taken.values())) for box in boxes)


def longest(plan: Plan) -> int:
    """The longest of the memories of any outlet."""
    peers = [outlet._peer for outlet in plan.receivers if isinstance(outlet, Alertmanager)]
    memories = [getattr(peer, name) for peer in peers for name in ("ended", "taken", "pages", "refused")]
    return max(map(len, memories))


def by_identity(edges: Sequence[Edge]) -> dict[Identity, list[Edge]]:
    found: dict[Identity, list[Edge]] = {}
    for edge in edges:
        found.setdefault(edge.alert.identity, []).append(edge)
    return found


def test_the_storm_is_one() -> None:
    kinds = {edge.kind for edge in storm().happened}
    assert kinds >= {*(kind for kind in EdgeKind if kind.page), EdgeKind.LATCHED, EdgeKind.RESOLVED, EdgeKind.UNHEARD}
    assert len(by_identity(storm().happened)) == SUBJECTS
    assert len(storm().happened) > 2_500


def test_what_waits_is_bounded_by_alerts_and_kinds_however_much_happens() -> None:
    """An edge of a kind at a Sev waits at most twice, the first and the newest; little grows later on."""
    most = max(entries for _, entries, _ in storm().waiting)
    kinds = {(edge.alert.identity, edge.kind, edge.alert.sev) for edge in storm().happened}
    assert most <= 2 * len(kinds)
    before, after = (max(e for at, e, _ in storm().waiting if at < until) for until in (0.8 * DEAD, DEAD))
    assert after <= 1.1 * before < len(storm().happened)
    assert max(remembered for _, _, remembered in storm().waiting) <= 2 * SUBJECTS


def test_nothing_is_lost_for_who_writes_down_everything_in_order() -> None:
    written = by_identity(storm().journal.written)
    for identity, edges in by_identity(storm().happened).items():
        got = written[identity]
        for kind, sev in dict.fromkeys((edge.kind, edge.alert.sev) for edge in edges):
            of_kind = [edge for edge in edges if (edge.kind, edge.alert.sev) == (kind, sev)]
            assert of_kind[0] in got and of_kind[-1] in got, f"{identity} {kind} {sev}"


def test_what_is_written_down_is_in_order() -> None:
    order = [(edge.at.mono, edge.order) for edge in storm().journal.written]
    assert order == sorted(order) and len(order) == len({*order})


def identities(alerts: Sequence[Mapping[str, Any]]) -> Iterator[Identity]:
    names = {str(identity.subject.labels): identity for identity in by_identity(storm().happened)}
    for alert in alerts:
        of = {key: alert["labels"][key] for key in ("namespace", "kind", "workload")}
        yield names[str(tuple(of.items()))]


def taken_first(peer: str) -> list[list[dict[str, Any]]]:
    return [alerts for host, at, alerts in storm().world.requests if host == peer and at < DEAD + 6]


@pytest.mark.parametrize("peer", PEERS)
def test_every_alert_that_is_open_reaches_every_peer_at_once(peer: str) -> None:
    owed = {identity for identity, alert in storm().at_return.alerts.items() if alert.open}
    assert len(owed) > 100
    assert owed <= {identity for alerts in taken_first(peer) for identity in identities(alerts)}


@pytest.mark.parametrize("peer", PEERS)
def test_sev_0_comes_first_in_requests_of_its_own_and_the_newest_page_first_within_a_sev(peer: str) -> None:
    level = storm().at_return.alerts
    first = taken_first(peer)
    for alerts in first:
        assert len({alert["labels"]["sev"] == "0" for alert in alerts}) == 1
    firing = [alert for alerts in first for alert in alerts if still_firing(alert)]
    sevs = [int(alert["labels"]["sev"]) for alert in firing]
    assert sevs == sorted(sevs) and {*sevs} == {0, 1, 2}
    for sev in (0, 1, 2):
        pages = [told.told_at.mono for i in identities(firing) if (told := level[i]).sev == sev and told.told_at]
        assert len(pages) > 10 and pages == sorted(pages, reverse=True)


def test_a_receiver_that_is_called_directly_hears_of_every_alert_the_worst_and_newest_first() -> None:
    """Also of those that are over by then: it is told that they began, and that they ended."""
    pages = [e for e in storm().happened if e.kind.page and e.alert.sev <= Sev.SEV1 and e.at.mono < DEAD]
    firing = [alert for alert in storm().world.called if alert["status"] == "firing"]
    told = list(dict.fromkeys(identities(firing)))  # each alert's own pages follow each other
    newest = {edge.alert.identity: (edge.alert.identity.rule, -edge.at.mono) for edge in pages}
    assert newest.keys() == {*told} and len(told) > 100
    order = [newest[identity] for identity in told if identity in newest]
    assert order == sorted(order), "ExecutionRuns, which is Sev-0, before StrategyRuns"


def still_firing(alert: Mapping[str, Any]) -> bool:
    ends, starts = from_rfc3339(alert["endsAt"]), from_rfc3339(alert["startsAt"])
    assert ends is not None and starts is not None
    return (ends - storm().at_return.at.wall).total_seconds() > 15


def test_a_page_that_nobody_took_went_around_once_although_it_kept_failing() -> None:
    """Once an alert and page that waited so long: a storm of attempts is no storm of pages."""
    for identity, edges in by_identity(storm().happened).items():
        around = [edge for edge in edges if edge.kind is EdgeKind.UNHEARD and edge.at.mono < DEAD]
        pages = [edge for edge in edges if edge.kind.page and edge.alert.sev <= Sev.SEV1]
        assert len(around) <= len(pages), identity
        assert around or identity.rule != "ExecutionRuns"
