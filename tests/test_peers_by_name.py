"""Alertmanagers behind a name (``dns+http://``) come and go under a running daemon, in virtual time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from watchdog.core.facts import Receiver
from watchdog.ports import Unreachable
from watchdog.simulator import kubectl
from watchdog.simulator.pager import Pager

from .platform import Guarded, guarded

NAME = "dns+http://alertmanager-operated.monitoring:9093"


@dataclass
class Names:
    """The domain name system of one name."""

    now: list[str] | Unreachable = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    async def addresses(self, host: str, timeout: float) -> Sequence[str]:
        self.asked.append(host)
        if isinstance(self.now, Unreachable):
            raise self.now
        return sorted(self.now)


@dataclass
class Peers:
    names: Names
    pagers: dict[str, Pager]
    world: Guarded

    def heard(self, address: str) -> list[str]:
        return [delivery.labels["alertname"] for delivery in self.pagers[address].deliveries]

    def told(self) -> list[str]:
        return [name for name in self.world.daemon.receivers if name.startswith("alertmanager/")]

    def expected(self) -> list[str]:
        return [one.receiver for one in self.world.daemon.assessment.paging.expected]

    def findings(self) -> dict[str, bool]:
        facts = [known.fact for known in self.world.daemon.assessment.posture.facts.values()]
        return {fact.receiver: fact.accepting for fact in facts if isinstance(fact, Receiver)}


def story(act: Callable[[Peers], Awaitable[None]], *addresses: str) -> None:
    names, pagers = Names(list(addresses)), dict[str, Pager]()

    def by_name(content: dict[str, Any]) -> None:
        content["outlets"] = [{"kind": "alertmanager", "urls": [NAME]}]

    def prepare(world: Guarded) -> None:
        ports = world.daemon.ports
        for address in ("10.0.0.1", "10.0.0.2"):
            pagers[address] = Pager(world.clock.now)
            ports.http.hosts[f"{address}:9093"] = pagers[address]  # type: ignore[attr-defined]
        world.daemon.ports = replace(ports, names=lambda: names)

    async def acting(world: Guarded) -> None:
        await act(Peers(names, pagers, world))

    guarded(acting, by_name, prepare=prepare)


def scale_up(peers: Peers) -> None:
    kubectl.scale(peers.world.floor.cluster, "deploy", "agenttrader", "execution-agent", 1)


PAGE = ["ExecutionWorkloadAboveZero"]


def test_each_address_that_a_name_has_is_told_and_read_back() -> None:
    async def act(peers: Peers) -> None:
        scale_up(peers)
        await peers.world.at(2)
        assert peers.heard("10.0.0.1") == peers.heard("10.0.0.2") == PAGE
        one, other = "alertmanager/10.0.0.1:9093", "alertmanager/10.0.0.2:9093"
        assert peers.told() == [one, f"{one}/read-back", other, f"{other}/read-back"]
        assert peers.expected() == [one, other]
        assert set(peers.names.asked) == {"alertmanager-operated.monitoring"}

    story(act, "10.0.0.1", "10.0.0.2")


def test_one_that_appears_is_told_at_once_all_that_is_open() -> None:
    async def act(peers: Peers) -> None:
        scale_up(peers)
        await peers.world.at(100)
        assert isinstance(peers.names.now, list)
        peers.names.now.append("10.0.0.2")
        await peers.world.at(111)
        assert peers.heard("10.0.0.2") == PAGE
        assert peers.heard("10.0.0.1") == PAGE, "who was there before is not told anew"

    story(act, "10.0.0.1")


def test_one_that_vanishes_is_dropped_and_no_finding_remains() -> None:
    async def act(peers: Peers) -> None:
        peers.world.daemon.ports.http.hosts.pop("10.0.0.2:9093")  # type: ignore[attr-defined]
        scale_up(peers)
        await peers.world.at(5)
        assert peers.findings()["alertmanager/10.0.0.2:9093"] is False
        peers.names.now = ["10.0.0.1"]
        await peers.world.at(120)
        assert peers.told() == ["alertmanager/10.0.0.1:9093", "alertmanager/10.0.0.1:9093/read-back"]
        assert peers.expected() == ["alertmanager/10.0.0.1:9093"]
        assert all(peers.findings().values())
        assert [a.identity.rule for a in peers.world.daemon.assessment.alerts.values() if a.open] == PAGE

    story(act, "10.0.0.1", "10.0.0.2")


def test_while_nobody_can_say_who_is_behind_the_name_those_of_before_stay_and_that_is_a_finding() -> None:
    async def act(peers: Peers) -> None:
        await peers.world.at(1)
        peers.names.now = Unreachable("NameNotFound", "no such name")
        await peers.world.at(30)
        scale_up(peers)
        await peers.world.at(32)
        assert peers.heard("10.0.0.1") == PAGE
        assert peers.findings()["alertmanager"] is False
        peers.names.now = ["10.0.0.1"]
        await peers.world.at(60)
        assert peers.findings()["alertmanager"] is True

    story(act, "10.0.0.1")
