"""The dead man's switch: beats while the daemon is fit, to a real server on the loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.core.worlds import ABOVE_ZERO, KILL_SWITCH, SWITCHES, WORKLOADS, World, failed, saw, workload
from tests.fakes import MemoryFiles, Outside
from tests.loopback import hang, not_http, serving, whole
from tests.outlets.levels import safe, unsafe
from tests.virtual import in_virtual_time
from watchdog import __version__
from watchdog.adapters.http import AioHttp
from watchdog.core.alert import Policy
from watchdog.core.assessment import Assessment
from watchdog.core.instant import Instant
from watchdog.core.ruleset import RuleSet
from watchdog.core.severity import Sev
from watchdog.core.vitals import Vitals
from watchdog.outlets import Batch, Receipt
from watchdog.outlets.dead_man import DeadMan, sign_of_life
from watchdog.ports import Answer, Ports, Unreachable
from watchdog.supervision import Inbox, Outbox, watch_over_outlet

RULES = RuleSet.of([ABOVE_ZERO])


@dataclass
class Frozen:
    """A clock that shows one instant."""

    at: Instant

    def now(self) -> Instant:
        return self.at


@dataclass
class Listener:
    heard: list[tuple[list[str], bytes]] = field(default_factory=list)

    async def answer(self, request: bytes, writer: asyncio.StreamWriter) -> None:
        head, _, body = request.partition(b"\r\n\r\n")
        self.heard.append((head.decode().split("\r\n"), body))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


@asynccontextmanager
async def world(level: Assessment, age: float = 0.0) -> AsyncIterator[Ports]:
    """``age``: seconds since the last turn."""
    async with AioHttp() as http:
        vitals, files = Vitals(head=(41, "ab" * 32)), MemoryFiles({"/token": b"t0ken\n", "/two": b"a b"})
        outside = Outside(Frozen(level.at.plus(age)), http, files, labels={"cluster": "prod"}, vitals=vitals)
        yield replace(outside.ports(), boot="b007")


async def beat(outlet: DeadMan, level: Assessment, age: float = 0.0, renew: bool = True) -> list[Receipt]:
    async with world(level, age) as ports:
        return list(await outlet.publish(Batch(level, (), renew), ports))


def blind() -> Assessment:
    """At 10 s: neither of the two safety facts is known."""
    return World(KILL_SWITCH, ABOVE_ZERO).turn(10, failed(10, SWITCHES), failed(10, WORKLOADS))


async def test_a_post_carries_how_the_daemon_is() -> None:
    listener = Listener()
    async with serving(listener.answer) as url:
        assert await beat(DeadMan(f"{url}/ping"), unsafe()) == [Receipt("dead_man", True)]
    ((head, body),) = listener.heard
    assert head[0] == "POST /ping HTTP/1.1"
    said: dict[str, Any] = json.loads(body)
    sources = said.pop("sources")
    assert said == {
        "version": __version__,
        "boot": "b007",
        "labels": {"cluster": "prod"},
        "at": "2026-11-23T15:00:10.000Z",
        "turn_age_seconds": 0.0,
        "open_incidents": {"0": 1, "1": 0, "2": 0, "3": 0},
        "ledger": {"seq": 41, "sha256": "ab" * 32},
    }
    assert sources[str(WORKLOADS)] == 0.0 and sources[str(SWITCHES)] == 10.0


async def test_what_was_never_seen_has_no_age_and_no_ledger_no_head() -> None:
    listener = Listener()
    level = World(ABOVE_ZERO).turn(1, saw(1, WORKLOADS, workload(0)))
    async with serving(listener.answer) as url, world(level) as ports:
        ports = replace(ports, vitals=Vitals())
        await DeadMan(url).publish(Batch(level, (), True), ports)
    said = json.loads(listener.heard[0][1])
    assert said["ledger"] is None and said["sources"][str(SWITCHES)] is None


def test_what_is_over_is_not_open() -> None:
    world = World(replace(ABOVE_ZERO, breach=Policy(Sev.SEV0)))
    world.turn(1, saw(1, WORKLOADS, workload(1)))
    level = world.turn(2, saw(2, WORKLOADS, workload(0)))
    assert [incident.open for incident in level.incidents.values()] == [False]
    assert sign_of_life(level, level.at, Outside().ports())["open_incidents"] == {"0": 0, "1": 0, "2": 0, "3": 0}


async def test_a_get_carries_nothing_but_its_headers() -> None:
    listener = Listener()
    async with serving(listener.answer) as url:
        await beat(DeadMan(url, method="GET", headers={"X-Team": "floor"}, bearer_token_file="/token"), safe())
    ((head, body),) = listener.heard
    assert head[0] == "GET / HTTP/1.1" and body == b""
    lines = [line.lower() for line in head]
    assert "x-team: floor" in lines and "authorization: bearer t0ken" in lines


async def test_it_stops_when_the_daemon_is_blind_or_stuck_and_beats_again() -> None:
    listener = Listener()
    async with serving(listener.answer) as url:
        outlet = DeadMan(url)
        assert await beat(outlet, blind()) == []
        assert await beat(outlet, safe(), age=15.1) == []
        assert listener.heard == []
        assert await beat(outlet, safe(), age=14.9) == [Receipt("dead_man", True)]


async def test_what_happens_between_two_beats_is_no_beat() -> None:
    listener = Listener()
    async with serving(listener.answer) as url:
        assert await beat(DeadMan(url), safe(), renew=False) == []
    assert listener.heard == []


@pytest.mark.parametrize("status", ["500 Down", "404 Not Found", "302 Found"])
async def test_a_beat_that_is_not_taken_is_said_so(status: str) -> None:
    async with serving(whole(b"no", status)) as url:
        with pytest.raises(Unreachable, match=f"Http{status[:3]}: no"):
            await beat(DeadMan(url), safe())


async def test_the_path_of_its_url_is_a_secret_and_is_not_shown() -> None:
    async with serving(not_http) as url:
        with pytest.raises(Unreachable, match="NotHttp") as refused:
            await beat(DeadMan(f"{url}/s3cr3t"), safe())
    assert "s3cr3t" not in str(refused.value)
    with pytest.raises(ValueError, match="url: expected") as wrong:
        DeadMan("http://:80/s3cr3t")
    assert "s3cr3t" not in str(wrong.value)


async def test_who_hangs_is_waited_for_no_longer_than_the_timeout() -> None:
    async with serving(hang) as url:
        with pytest.raises(Unreachable, match="Timeout"):
            await beat(DeadMan(url, timeout=0.1), safe())


@pytest.mark.parametrize("path", ["/none", "/two"])
async def test_without_its_token_it_does_not_beat_and_says_why(path: str) -> None:
    listener = Listener()
    async with serving(listener.answer) as url:
        with pytest.raises(Unreachable, match="NoCredentials"):
            await beat(DeadMan(url, bearer_token_file=path), safe())
    assert listener.heard == []


def test_it_beats_in_its_interval_until_the_turns_stop_and_a_lost_beat_comes_again() -> None:
    beats: list[float] = []

    class Http:
        async def post(self, url: str, body: bytes, **more: Any) -> Answer:
            beats.append(asyncio.get_running_loop().time())
            return Answer(503 if len(beats) == 2 else 200, {}, b"")

    async def story() -> None:
        seen = World(KILL_SWITCH, ABOVE_ZERO)
        loop, start = asyncio.get_running_loop(), safe()

        class Ticking:
            def now(self) -> Instant:
                return start.at.plus(loop.time())

        outbox = Outbox()
        ports = replace(Outside(Ticking()).ports(), http=Http())  # type: ignore[arg-type]
        running = asyncio.create_task(watch_over_outlet(DeadMan("http://d/"), outbox, ports, Inbox(), RULES))
        for second in range(1, 62, 2):
            sight = saw(second, SWITCHES), saw(second, WORKLOADS, workload(0))
            outbox.put(seen.turn(second, *sight), wake=False)
            await asyncio.sleep(2)
        await asyncio.sleep(120)
        running.cancel()

    in_virtual_time(story())
    assert [round(at) for at in beats] == [20, 40, 40, 60]


@pytest.mark.parametrize(
    ("stanza", "problem"),
    [
        ({"url": "ping"}, "url: expected"),
        ({"every": 0.5}, "every: expected"),
        ({"timeout": 0.0}, "timeout: expected"),
    ],
)
def test_a_stanza_that_cannot_be_is_refused(stanza: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        DeadMan(**{"url": "http://d/", **stanza})
