"""Signs of life in ConfigMaps (domain.md §6): what beats, what does not, and what must not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.fakes import HandClock, Outside
from watchdog.core.facts import Heartbeat, Unknown
from watchdog.core.instant import rfc3339
from watchdog.ports import KubernetesError, Unreachable
from watchdog.sources.heartbeats import Beating, Heartbeats

FLOOR, NAME = "trading-floor", "agenttrader-heartbeat-strategy-engine"
MISSING = KubernetesError(404, "NotFound", f'configmaps "{NAME}" not found')


@dataclass
class Cluster:
    """A ``ports.Kubernetes`` that shows one ConfigMap."""

    reply: Any = b"{}"
    paths: list[str] = field(default_factory=list)

    async def read(self, path: str, query: Mapping[str, str], timeout: float) -> bytes:
        self.paths.append(path)
        if isinstance(self.reply, Exception):
            raise self.reply
        return self.reply if isinstance(self.reply, bytes) else json.dumps(self.reply).encode()


@dataclass
class Floor:
    execution: bool = False
    clock: HandClock = field(default_factory=HandClock)
    cluster: Cluster = field(default_factory=Cluster)
    source: Heartbeats = field(init=False)

    def __post_init__(self) -> None:
        self.source = Heartbeats("beats", FLOOR, (Beating("strategy-engine", NAME, "important", self.execution),))

    async def says(self, text: str) -> Heartbeat:
        return await self.shows({"data": {"last_seen": text, "other": "x"}})

    async def beat(self, ago: float = 0.0) -> Heartbeat:
        """It leaves a sign of life now (by a clock that is ``ago`` seconds behind)."""
        clock = HandClock(self.clock.wall)
        clock.shift(-ago)
        return await self.says(rfc3339(clock.wall))

    async def shows(self, reply: Any) -> Heartbeat:
        self.cluster.reply = reply
        return await self.look()

    async def look(self) -> Heartbeat:
        """One look of a stream that was just started (again)."""
        ports = replace(Outside(clock=self.clock).ports(), kubernetes=lambda *login: self.cluster)  # type: ignore[arg-type]
        facts = await anext(self.source.streams()["strategy-engine"].looks(ports))
        (fact,) = facts.seen
        assert isinstance(fact, Heartbeat) and facts.at is not None
        return fact


async def test_a_young_sign_of_life_beats() -> None:
    floor = Floor()
    assert await floor.beat(ago=41.5) == Heartbeat(
        "strategy-engine", f"{FLOOR}/{NAME}", "important", False, True, 41.5, 180.0,
        "its last sign of life is 42 s old (at most 180 s)",
    )  # fmt: skip
    assert floor.cluster.paths == [f"/api/v1/namespaces/{FLOOR}/configmaps/{NAME}"]


async def test_its_age_grows_with_each_look_although_the_object_does_not_change() -> None:
    floor = Floor()
    ages = [(await floor.beat()).age_seconds]
    for _ in range(3):
        floor.clock.pass_(60)
        ages.append((await floor.look()).age_seconds)
    assert ages == [0.0, 60.0, 120.0, 180.0] and (await floor.look()).beating is True
    floor.clock.pass_(0.1)
    assert ((await floor.look()).beating, (await floor.look()).age_seconds) == (False, 180.1)


async def test_a_wall_clock_that_steps_back_makes_no_sign_of_life_younger() -> None:
    floor = Floor()
    await floor.beat()
    floor.clock.pass_(200)
    floor.clock.shift(-190)
    assert ((await floor.look()).beating, (await floor.look()).age_seconds) == (False, 200.0)


@pytest.mark.parametrize("shown", [{"data": {"last_seen": ""}}, {"data": {"last_seen": " \n"}}, {"data": {}}, {}])
async def test_an_empty_one_never_beat(shown: object) -> None:
    seen = await Floor().shows(shown)
    assert seen.beating is False and isinstance(seen.age_seconds, Unknown) and seen.age_seconds.reason == "Never"
    assert seen.explanation == "its last_seen is empty: it never beat"


async def test_a_config_map_that_does_not_exist_is_no_sign_of_life() -> None:
    seen = await Floor().shows(MISSING)
    assert seen.beating is False and isinstance(seen.age_seconds, Unknown)
    assert seen.explanation == "its ConfigMap does not exist"


@pytest.mark.parametrize(
    "text", ["yesterday", "1795446000", "2026-11-23T15:00:00", "2026-11-23", "2026-11-23T25:00:00Z", "\x00", "Z" * 500]
)
async def test_what_is_no_time_is_no_sign_of_life_and_says_so(text: str) -> None:
    seen = await Floor().says(text)
    assert seen.beating is False and isinstance(seen.age_seconds, Unknown) and seen.age_seconds.reason == "Unreadable"
    assert seen.explanation == f"its last_seen is no time as in RFC 3339: {text[:80]}"


async def test_one_from_the_future_is_none_and_a_skew_of_a_few_seconds_is_no_future() -> None:
    seen = await Floor().beat(ago=-6)
    assert seen.beating is False and isinstance(seen.age_seconds, Unknown) and seen.age_seconds.reason == "InTheFuture"
    assert seen.explanation == "its last sign of life lies 6 s in the future of our clock"
    near = await Floor().beat(ago=-5)
    assert (near.beating, near.age_seconds) == (True, 0.0)


REFUSED = KubernetesError(403, "Forbidden", "configmaps is forbidden")


@pytest.mark.parametrize(
    ("reply", "raised"),
    [
        (REFUSED, KubernetesError),
        (KubernetesError(500, "InternalError", "etcd"), KubernetesError),
        (KubernetesError(404, "NotFound", "the server could not find the requested resource"), KubernetesError),
        (Unreachable("Timeout"), Unreachable),
        (b"", Unreachable),
        (b"<html>", Unreachable),
        (b"[]", Unreachable),
        (b'{"data":{"last_seen":1}}', Unreachable),
        (b'{"data":"x"}', Unreachable),
        (b"\xff", Unreachable),
    ],
)
async def test_what_the_api_server_does_not_show_us_is_no_look(reply: Any, raised: type[Exception]) -> None:
    """So its scope is unknown, and one finding tells of the source: not one for each heartbeat."""
    with pytest.raises(raised):
        await Floor().shows(reply)


# Of an execution workload, which must not beat


async def test_an_execution_workload_that_never_beat_or_stopped_long_ago_does_not() -> None:
    assert (await Floor(execution=True).says("")).beating is False
    assert (await Floor(execution=True).beat(ago=181)).beating is False


async def test_one_whose_config_map_is_not_there_is_unknown_for_its_name_may_be_wrong() -> None:
    seen = await Floor(execution=True).shows(MISSING)
    assert seen.beating == seen.age_seconds == Unknown("Missing", "its ConfigMap does not exist")
    empty = await Floor(execution=True).shows({"data": {}})
    assert empty.beating is False


async def test_a_young_sign_of_life_of_one_is_one() -> None:
    seen = await Floor(execution=True).beat(ago=3)
    assert (seen.execution, seen.beating, seen.age_seconds) == (True, True, 3.0)


async def test_one_from_the_future_is_one_too() -> None:
    assert (await Floor(execution=True).beat(ago=-3600)).beating is True


@pytest.mark.parametrize("first", ["", "2020-01-01T00:00:00Z"])
async def test_one_that_was_seen_to_change_is_one_whatever_the_clock_that_wrote_it(first: str) -> None:
    floor = Floor(execution=True)
    assert (await floor.says(first)).beating is False
    floor.clock.pass_(5)
    assert (await floor.beat(ago=7200)).beating is True
    floor.clock.pass_(180)
    assert (await floor.look()).beating is True
    floor.clock.pass_(1)
    assert (await floor.look()).beating is False


async def test_what_cannot_be_read_of_one_is_unknown() -> None:
    seen = await Floor(execution=True).says("yesterday")
    assert isinstance(seen.beating, Unknown) and seen.beating.reason == "Unreadable"


# The stanza


def test_each_heartbeat_is_a_stream_of_its_own() -> None:
    streams = Heartbeats("beats", FLOOR, (Beating("a", "x"), Beating("b", "y"))).streams()
    assert list(streams) == ["a", "b"] and streams["a"].coverage.provides == {"heartbeat"}


BOTH = (Beating("a", "x"),)
WRONG: list[Any] = [
    lambda: Heartbeats("beats", FLOOR, ()),
    lambda: Heartbeats("beats", FLOOR, (Beating("a", "x"), Beating("a", "y"))),
    lambda: Heartbeats("beats", "", BOTH),
    lambda: Heartbeats("beats", FLOOR, BOTH, key=""),
    lambda: Heartbeats("beats", FLOOR, BOTH, poll_interval=0),
    lambda: Heartbeats("beats", FLOOR, BOTH, max_skew_seconds=-1),
    lambda: Heartbeats("beats", FLOOR, BOTH, stale_after=7),
    lambda: Beating("", "x"),
    lambda: Beating("a", ""),
    lambda: Beating("a", "../../secrets/x"),
    lambda: Heartbeats("beats", "floor/secrets", BOTH),
    lambda: Heartbeats("beats", FLOOR, (Beating("a", "x"), Beating("b", "x"))),
    lambda: Beating("a", "x", max_age_seconds=0),
]


@pytest.mark.parametrize("made", WRONG)
def test_a_stanza_that_cannot_be_is_refused(made: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        made()
