"""The alertmanager outlet, against a real Alertmanager that calls a real webhook."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from tests.alertmanager import RealAlertmanager, running
from tests.alerts import alert, level
from tests.fakes import Outside
from tests.loopback import hang, serving, whole
from watchdog.adapters.clock import SystemClock
from watchdog.adapters.http import AioHttp
from watchdog.core.alert import Alert, Edge, EdgeKind, State
from watchdog.core.facts import Subject
from watchdog.core.instant import Instant
from watchdog.core.severity import Sev
from watchdog.outlets import Batch, Receipt
from watchdog.outlets.alertmanager import Alertmanager
from watchdog.ports import Ports, Unreachable


@pytest.fixture
async def alertmanager(alertmanager_binary: str, tmp_path: Path) -> AsyncIterator[RealAlertmanager]:
    async with running(alertmanager_binary, tmp_path) as real:
        yield real


@pytest.fixture
async def ports() -> AsyncIterator[Ports]:
    async with AioHttp() as http:
        yield Outside(clock=SystemClock(), http=http, labels={"cluster": "prod"}).ports()


def now() -> Instant:
    return SystemClock().now()


async def publish(
    outlet: Alertmanager, ports: Ports, alert: Alert, kind: EdgeKind, was: Sev | None = None
) -> list[Receipt]:
    edge = Edge(kind, alert, now(), was)
    standing = () if kind is EdgeKind.RESOLVED else (alert,)
    return list(await outlet.publish(Batch(level(*standing, at=now()), (edge,)), ports))


async def test_a_page_fires_with_its_labels_and_resolves(alertmanager: RealAlertmanager, ports: Ports) -> None:
    outlet, page = Alertmanager(urls=(alertmanager.url,)), alert(sev=Sev.SEV1, since=now())
    assert [r.accepted for r in await publish(outlet, ports, page, EdgeKind.FIRED)] == [True]
    sent = await alertmanager.notified("firing", alertname="ExecutionWorkloadAboveZero", sev="1", cluster="prod")
    assert sent["labels"]["severity"] == "critical"
    assert sent["annotations"]["incident"] == "20261123T150000Z-execution"
    began = datetime.fromisoformat(str(page.active_since))  # Alertmanager leaves a fraction's last zeros out
    assert datetime.fromisoformat(sent["startsAt"]) == began
    await publish(outlet, ports, page, EdgeKind.RESOLVED)
    await alertmanager.notified("resolved", alertname="ExecutionWorkloadAboveZero")


async def test_a_breach_of_a_moment_is_notified_as_it_is_latched(alertmanager: RealAlertmanager, ports: Ports) -> None:
    outlet, page = Alertmanager(urls=(alertmanager.url,)), alert(since=now())
    over = replace(page, state=State.LATCHED, cleared_at=now())
    batch = Batch(level(over, at=now()), (Edge(EdgeKind.FIRED, page, now()), Edge(EdgeKind.LATCHED, over, now())))
    await outlet.publish(batch, ports)
    sent = await alertmanager.notified("firing", alertname="ExecutionWorkloadAboveZero")
    assert sent["annotations"]["state"] == "latched"


async def test_a_rise_is_notified_as_a_new_page_and_the_old_one_resolves(
    alertmanager: RealAlertmanager, ports: Ports
) -> None:
    outlet, page = Alertmanager(urls=(alertmanager.url,)), alert(sev=Sev.SEV1, since=now())
    await publish(outlet, ports, page, EdgeKind.FIRED)
    await alertmanager.notified("firing", sev="1")
    await publish(outlet, ports, replace(page, sev=Sev.SEV0), EdgeKind.ROSE, was=Sev.SEV1)
    new, old = await alertmanager.notified("firing", sev="0"), await alertmanager.notified("resolved", sev="1")
    assert new["fingerprint"] != old["fingerprint"]
    assert (new["labels"]["severity"], old["labels"]["sev"]) == ("critical", "1")


async def test_an_alert_that_alertmanager_refuses_sinks_no_other(alertmanager: RealAlertmanager, ports: Ports) -> None:
    outlet, good = Alertmanager(urls=(alertmanager.url,)), alert("Good", Sev.SEV2, since=now())
    bad = alert("Bad", Sev.SEV2, Subject("workload", (("not-a-label", "x"),)), since=now())
    edges = (Edge(EdgeKind.FIRED, bad, now()), Edge(EdgeKind.FIRED, good, now()))
    told, refused = await outlet.publish(Batch(level(bad, good, at=now()), edges), ports)
    assert told.accepted
    assert not refused.accepted and refused.explanation.startswith("Refused: Bad workload x: ")
    await alertmanager.notified("firing", alertname="Good")


@pytest.mark.parametrize("seconds", [3600, -3600])
async def test_a_wall_clock_that_is_an_hour_off_does_not_lose_a_page(
    alertmanager: RealAlertmanager, ports: Ports, seconds: float
) -> None:
    class Jumped:
        def now(self) -> Instant:
            true = SystemClock().now()
            return Instant(true.plus(seconds).wall, true.mono)

    elsewhere = replace(ports, clock=Jumped())
    outlet, page = Alertmanager(urls=(alertmanager.url,)), alert(since=Jumped().now())
    await outlet.publish(Batch(level(page), (Edge(EdgeKind.FIRED, page, Jumped().now()),)), elsewhere)
    await alertmanager.notified("firing", alertname="ExecutionWorkloadAboveZero")
    listed = await ports.http.get(f"{alertmanager.url}/api/v2/alerts", headers={}, timeout=5, limit=1 << 16)
    left = (datetime.fromisoformat(json.loads(listed.body)[0]["endsAt"]) - now().wall).total_seconds()
    assert 60 < left <= 82
    await outlet.publish(Batch(level(), (Edge(EdgeKind.RESOLVED, page, Jumped().now()),)), elsewhere)
    await alertmanager.notified("resolved", alertname="ExecutionWorkloadAboveZero")


async def test_after_its_restart_the_renewal_brings_every_alert_back(
    alertmanager_binary: str, tmp_path: Path, ports: Ports
) -> None:
    page = alert(since=now())
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    async with running(alertmanager_binary, first) as real:
        outlet = Alertmanager(urls=(real.url,))
        await publish(outlet, ports, page, EdgeKind.FIRED)
        await real.notified("firing", sev="0")
    with pytest.raises(Unreachable, match="ConnectionRefused"):
        await outlet.publish(Batch(level(page, at=now())), ports)
    async with running(alertmanager_binary, second) as real:
        await Alertmanager(urls=(real.url,)).publish(Batch(level(page, at=now())), ports)
        await real.notified("firing", sev="0")


async def test_an_empty_request_is_accepted_and_proves_that_it_takes_any(
    alertmanager: RealAlertmanager, ports: Ports
) -> None:
    (receipt,) = await Alertmanager(urls=(alertmanager.url,)).publish(Batch(level(at=now())), ports)
    assert receipt.accepted


async def test_bad_peers_beside_a_good_one_cost_no_page_and_each_is_named(
    alertmanager: RealAlertmanager, ports: Ports
) -> None:
    html = whole(b"<html>Sign in</html>", "200 OK", "Content-Type: text/html")
    page = alert(since=now())
    batch = Batch(level(page, at=now()), (Edge(EdgeKind.FIRED, page, now()),))
    async with (
        serving(whole(b"no", "400 Bad Request")) as refusing,
        serving(whole(b"no", "500 Internal Server Error")) as failing,
        serving(html) as captive,
        serving(hang) as hanging,
    ):
        urls = (hanging, refusing, failing, captive, alertmanager.url)
        parts = Alertmanager(urls=urls, timeout=1.0).parts()[::2]
        outcomes = await asyncio.gather(*(part.publish(batch, ports) for part in parts), return_exceptions=True)
    await alertmanager.notified("firing", sev="0")
    reasons = [outcome.reason if isinstance(outcome, Unreachable) else "" for outcome in outcomes]
    assert reasons == ["Timeout", "Http400", "Http500", "NotAlertmanager", ""]
