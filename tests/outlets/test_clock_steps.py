"""While an alert fires, the wall clock steps, ours or a peer's: what the peer is told stays right in its own time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.alertmanager import running
from tests.alerts import alert, level
from tests.fakes import HandClock, Outside
from watchdog.adapters.clock import SystemClock
from watchdog.adapters.http import AioHttp
from watchdog.core.alert import Edge, EdgeKind
from watchdog.core.instant import Instant
from watchdog.outlets import Batch, Outlet
from watchdog.outlets.alertmanager import Alertmanager
from watchdog.ports import Answer, Ports

HOUR = 3600.0
LEASE = 4 * 20.0
SECOND = timedelta(seconds=2)
"""To which a ``Date`` can be read, and a request under way."""


def telling(urls: tuple[str, ...], *, replicated: bool = False) -> Outlet:
    return Alertmanager(urls=urls, canary=False, replicated=replicated).parts()[0]


@dataclass
class TruePeer:
    """An Alertmanager whose clock is ``ahead`` of the true time; it writes down what it is told and when."""

    true: HandClock = field(default_factory=HandClock)
    ahead: float = 0.0
    told: list[tuple[datetime, datetime, datetime]] = field(default_factory=list)  # its time, startsAt, endsAt

    @property
    def now(self) -> datetime:
        return self.true.wall + timedelta(seconds=self.ahead)

    async def post(self, url: str, body: bytes, *, headers: Mapping[str, str], timeout: float, limit: int) -> Answer:
        for sent in msgspec.json.decode(body):
            starts, ends = (datetime.fromisoformat(sent[name]) for name in ("startsAt", "endsAt"))
            self.told.append((self.now, starts, ends))
        return Answer(200, {"date": format_datetime(self.now.astimezone(UTC), usegmt=True)}, b"")


@dataclass
class Ours:
    """Our clock: it passes as the true one does, and its wall clock steps alone."""

    true: HandClock
    step: float = 0.0

    def now(self) -> Instant:
        return Instant(self.true.wall + timedelta(seconds=self.step), self.true.mono)


STEPS = [(HOUR, 0.0), (-HOUR, 0.0), (HOUR, -HOUR), (30.0, -30.0), (-86400.0, 86400.0)]


@pytest.mark.parametrize("steps", STEPS)
async def test_our_wall_clock_may_step_there_and_back_and_the_peer_is_never_told_of_it(
    steps: tuple[float, ...],
) -> None:
    peer = TruePeer()
    ours = Ours(peer.true)
    outlet, ports = telling(("http://am-0:9093",)), Outside(clock=ours, http=peer).ports()
    page = alert(since=ours.now())
    await outlet.publish(Batch(level(page, at=ours.now()), (Edge(EdgeKind.FIRED, page, ours.now()),)), ports)
    for ours.step in steps:
        for _ in range(3):
            peer.true.pass_(21)
            await outlet.publish(Batch(level(page, at=ours.now())), ports)
    assert len(peer.told) == 1 + 3 * len(steps)
    for now, starts, ends in peer.told:
        assert starts == page.active_since.wall
        assert abs(ends - now - timedelta(seconds=LEASE)) <= SECOND


@pytest.mark.parametrize("seconds", [HOUR, -HOUR])
async def test_an_alert_that_ends_after_a_step_ends_now_in_the_peers_time(seconds: float) -> None:
    peer = TruePeer()
    ours = Ours(peer.true)
    outlet, ports = telling(("http://am-0:9093",)), Outside(clock=ours, http=peer).ports()
    page = alert(since=ours.now())
    await outlet.publish(Batch(level(page, at=ours.now()), (Edge(EdgeKind.FIRED, page, ours.now()),)), ports)
    peer.true.pass_(21)
    ours.step = seconds
    await outlet.publish(Batch(level(at=ours.now()), (Edge(EdgeKind.RESOLVED, page, ours.now()),)), ports)
    now, starts, ends = peer.told[-1]
    assert starts == page.active_since.wall and abs(ends - now) <= SECOND


@pytest.mark.parametrize("seconds", [HOUR, -HOUR])
async def test_an_alert_that_begins_after_a_step_begins_then_in_the_peers_time(seconds: float) -> None:
    peer = TruePeer()
    ours = Ours(peer.true)
    outlet, ports = telling(("http://am-0:9093",)), Outside(clock=ours, http=peer).ports()
    await outlet.publish(Batch(level(at=ours.now())), ports)
    peer.true.pass_(21)
    ours.step = seconds
    page = alert(since=ours.now())
    peer.true.pass_(30)
    await outlet.publish(Batch(level(page, at=ours.now()), (Edge(EdgeKind.FIRED, page, ours.now()),)), ports)
    now, starts, ends = peer.told[-1]
    assert len(peer.told) == 1
    assert abs(now - starts - timedelta(seconds=30)) <= SECOND and abs(ends - now - timedelta(seconds=LEASE)) <= SECOND


@pytest.mark.parametrize("seconds", [HOUR, -HOUR])
async def test_a_step_of_the_peers_clock_is_learned_from_its_next_answer(seconds: float) -> None:
    peer = TruePeer()
    outlet, ports = telling(("http://am-0:9093",)), Outside(clock=peer.true, http=peer).ports()
    page = alert(since=peer.true.now())
    await outlet.publish(Batch(level(page), (Edge(EdgeKind.FIRED, page, peer.true.now()),)), ports)
    peer.ahead = seconds
    peer.true.pass_(21)
    await outlet.publish(Batch(level(page, at=peer.true.now())), ports)
    now, starts, ends = peer.told[-1]
    assert starts <= now and abs(ends - now - timedelta(seconds=LEASE)) <= SECOND


@dataclass
class Stepping:
    step: float = 0.0

    def now(self) -> Instant:
        true = SystemClock().now()
        return Instant(true.wall + timedelta(seconds=self.step), true.mono)


async def listed(ports: Ports, url: str) -> tuple[datetime, datetime]:
    answer = await ports.http.get(f"{url}/api/v2/alerts", headers={}, timeout=5, limit=1 << 16)
    (found,) = msgspec.json.decode(answer.body, type=list[dict[str, Any]])
    return datetime.fromisoformat(found["startsAt"]), datetime.fromisoformat(found["endsAt"])


@pytest.mark.parametrize("steps", [(HOUR, 0.0), (-HOUR, 0.0)])
async def test_a_real_alertmanager_keeps_the_alert_as_it_was_and_tells_nobody_that_it_ended(
    alertmanager_binary: str, tmp_path: Path, steps: tuple[float, ...]
) -> None:
    clock = Stepping()
    async with running(alertmanager_binary, tmp_path) as real, AioHttp() as http:
        ports = Outside(clock=clock, http=http).ports()
        outlet, page = telling((real.url,), replicated=True), alert(since=clock.now())
        await outlet.publish(Batch(level(page, at=clock.now()), (Edge(EdgeKind.FIRED, page, clock.now()),)), ports)
        await real.notified("firing", sev="0")
        first = await listed(ports, real.url)
        for clock.step in steps:
            renewed = replace(clock.now(), mono=clock.now().mono + 15)  # so that it is due
            await outlet.publish(Batch(level(page, at=renewed), (Edge(EdgeKind.ROSE, page, renewed, page.sev),)), ports)
            starts, ends = await listed(ports, real.url)
            assert starts == first[0] and abs(ends - first[1]) < timedelta(seconds=30)
        assert [alert["status"] for call in real.called for alert in call["alerts"]] == ["firing"]
