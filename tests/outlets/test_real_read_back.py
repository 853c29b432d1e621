"""Read-back, against a real Alertmanager: what would swallow a Sev-0 is found, with its reason."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.alertmanager import CONFIG, RealAlertmanager, running
from tests.alerts import alert, level
from tests.fakes import Outside
from watchdog.adapters.clock import SystemClock
from watchdog.adapters.http import AioHttp
from watchdog.core.alert import Alert, Edge, EdgeKind, State
from watchdog.core.instant import Instant
from watchdog.core.notice import labels_of
from watchdog.core.report import Accepted, Hearing, ReadBack, Report
from watchdog.core.severity import Sev
from watchdog.outlets import Batch
from watchdog.outlets.alertmanager import Alertmanager
from watchdog.ports import Ports

ROUTED = """
route:
  receiver: page
  group_by: ['...']
  group_wait: 0s
  routes: [{routes}]
receivers: [{{name: page, webhook_configs: [{{url: '{{webhook}}/'}}]}}, {{name: nobody}}]
time_intervals: [{{name: always, time_intervals: [{{times: [{{start_time: '00:00', end_time: '24:00'}}]}}]}}]
inhibit_rules:
  - {{source_matchers: ['alertname="Maintenance"'], target_matchers: ['sev="0"'], equal: [cluster]}}
"""


def routed(routes: str) -> str:
    """A configuration whose routes are these, in YAML; braces stand for the webhook's template."""
    return ROUTED.replace("{routes}", routes.replace("{", "{{").replace("}", "}}")).replace("{{{{", "{{").replace(
        "}}}}", "}}"
    ).replace("{{webhook}}", "{webhook}")  # fmt: skip


@pytest.fixture
async def ports() -> AsyncIterator[Ports]:
    async with AioHttp() as http:
        yield Outside(clock=SystemClock(), http=http, labels={"cluster": "prod"}).ports()


def now() -> Instant:
    return SystemClock().now()


def paged() -> Alert:
    at = now()
    return replace(alert(since=at), told_at=at)


class Told:
    """One peer that was told a Sev-0, and who asks what became of it."""

    def __init__(self, url: str, ports: Ports) -> None:
        self.ports, self.page = ports, paged()
        self.peer, self.reader = Alertmanager(urls=(url,)).parts()

    async def tell(self) -> Accepted:
        reports = list[Report]()
        await self.peer.publish(replace(self._batch(), report=reports.extend), self.ports)
        (accepted,) = reports
        assert isinstance(accepted, Accepted)
        return accepted

    async def ask(self) -> list[ReadBack]:
        receipts = await self.reader.publish(replace(self._batch(), renew=True), self.ports)
        return [report for receipt in receipts for report in receipt.reports if isinstance(report, ReadBack)]

    async def becomes(self, hearing: Hearing) -> ReadBack:
        """The report that says so, which comes by asking at its own pace."""
        async with asyncio.timeout(10):
            while True:
                for report in await self.ask():
                    if report.hearing is hearing:
                        return report
                assert self.reader.renew_every is not None
                await asyncio.sleep(self.reader.renew_every)

    def _batch(self) -> Batch:
        return Batch(level(self.page, at=now()), (Edge(EdgeKind.FIRED, self.page, now()),))


async def post(ports: Ports, url: str, content: Any) -> Any:
    json_type = {"content-type": "application/json"}
    answer = await ports.http.post(url, json.dumps(content).encode(), headers=json_type, timeout=5, limit=1 << 16)
    assert answer.status == 200, answer.body
    return json.loads(answer.body) if answer.body else None


async def silence(ports: Ports, url: str, until: datetime) -> None:
    matchers = [{"name": "sev", "value": "0", "isRegex": False, "isEqual": True}]
    spans = {"startsAt": (now().wall - timedelta(seconds=1)).isoformat(), "endsAt": until.isoformat()}
    content = {"matchers": matchers, **spans, "createdBy": "ops@example", "comment": "deploy"}
    await post(ports, f"{url}/api/v2/silences", content)


@asynccontextmanager
async def told(
    binary: str, folder: Path, ports: Ports, content: str = CONFIG
) -> AsyncIterator[tuple[Told, RealAlertmanager]]:
    async with running(binary, folder, content=content) as real:
        yield Told(real.url, ports), real


async def test_what_is_active_and_goes_to_an_integration_is_heard(
    alertmanager_binary: str, tmp_path: Path, ports: Ports
) -> None:
    async with told(alertmanager_binary, tmp_path, ports, routed("")) as (one, _real):
        accepted = await one.tell()
        read = await one.becomes(Hearing.HEARD)
        assert (read.why, read.identity) == ("active, to receiver page", one.page.identity)
        assert read.peer == accepted.receiver == one.peer.name
        assert accepted.peer and accepted.sent.mono <= accepted.at.mono
        assert await one.ask() == [], "it is said once"


async def test_a_silence_is_found_with_who_made_it_until_when_and_why(
    alertmanager_binary: str, tmp_path: Path, ports: Ports
) -> None:
    async with told(alertmanager_binary, tmp_path, ports) as (one, real):
        await silence(ports, real.url, datetime(2030, 1, 2, 3, 4, tzinfo=UTC))
        await one.tell()
        read = await one.becomes(Hearing.UNHEARD)
    assert read.why == "silenced by ops@example until 2030-01-02T03:04:00.000Z: deploy"


async def test_a_silence_that_comes_later_is_found_too(alertmanager_binary: str, tmp_path: Path, ports: Ports) -> None:
    async with told(alertmanager_binary, tmp_path, ports) as (one, real):
        await one.tell()
        await one.becomes(Hearing.HEARD)
        await silence(ports, real.url, datetime(2030, 1, 2, 3, 4, tzinfo=UTC))
        assert (await one.becomes(Hearing.UNHEARD)).why.startswith("silenced by ops@example")


async def test_an_inhibition_rule_is_found_with_the_alert_that_inhibits(
    alertmanager_binary: str, tmp_path: Path, ports: Ports
) -> None:
    async with told(alertmanager_binary, tmp_path, ports, routed("")) as (one, real):
        await post(
            ports, f"{real.url}/api/v2/alerts", [{"labels": {"alertname": "Maintenance", "cluster": "prod"}}]
        )  # fmt: skip
        await one.tell()
        read = await one.becomes(Hearing.UNHEARD)
    assert read.why.startswith("inhibited by Maintenance (")


@pytest.mark.parametrize(
    ("route", "why"),
    [
        (
            "{matchers: ['sev=\"0\"'], mute_time_intervals: [always]}",
            "muted by time interval always on its way to receiver page",
        ),
        (
            "{match_re: {sev: '0|1'}, active_time_intervals: [never]}",
            "muted outside of time interval never on its way to receiver page",
        ),
        ("{match: {sev: '0'}, receiver: nobody}", "no integration: receiver nobody tells nobody"),
        (
            '{matchers: [\'{sev=~"0|1", cluster!="test"}\'], receiver: nobody, continue: true},'
            "{matchers: [sev=0], mute_time_intervals: [always]}",
            "no integration: receiver nobody tells nobody; muted by time interval always on its way to receiver page",
        ),
    ],
)
async def test_what_mutes_it_or_leads_to_nobody_is_derived_from_its_routes(
    alertmanager_binary: str, tmp_path: Path, ports: Ports, route: str, why: str
) -> None:
    never = "time_intervals: [{{name: never, time_intervals: [{{years: ['2001']}}]}}, {{name: always"
    content = routed(route).replace("time_intervals: [{{name: always", never)
    async with told(alertmanager_binary, tmp_path, ports, content) as (one, _real):
        await one.tell()
        assert (await one.becomes(Hearing.UNHEARD)).why == why


async def test_one_way_to_somebody_beside_a_muted_one_is_enough(
    alertmanager_binary: str, tmp_path: Path, ports: Ports
) -> None:
    both = "{matchers: ['sev=\"0\"'], mute_time_intervals: [always], continue: true}, {matchers: ['sev!=\"7\"']}"
    async with told(alertmanager_binary, tmp_path, ports, routed(both)) as (one, _real):
        await one.tell()
        assert (await one.becomes(Hearing.HEARD)).why == "active, to receiver page"


async def test_a_peer_that_is_gone_is_unknown_and_no_finding_of_its_own(
    alertmanager_binary: str, tmp_path: Path, ports: Ports
) -> None:
    async with told(alertmanager_binary, tmp_path, ports) as (one, _real):
        await one.tell()
        await one.becomes(Hearing.HEARD)
    (read,) = await one.ask()
    assert (read.hearing, read.why) == (
        Hearing.UNKNOWN,
        "it cannot be asked: ConnectionRefused: nobody listens there",
    )


async def test_only_a_sev_0_is_asked_about(alertmanager_binary: str, tmp_path: Path, ports: Ports) -> None:
    async with running(alertmanager_binary, tmp_path) as real:
        outlet, reader = Alertmanager(urls=(real.url,)).parts()
        minor = replace(alert("MarketDataStale", Sev.SEV1, since=now()), told_at=now())
        edges, reports = (Edge(EdgeKind.FIRED, minor, now()),), list[Report]()
        batch = Batch(level(minor, at=now()), edges, renew=True, report=reports.extend)
        await outlet.publish(batch, ports)
        assert len(reports) == 1
        assert await reader.publish(batch, ports) == ()


async def test_what_it_lists_of_ours_is_recalled_as_it_was_told(
    alertmanager_binary: str, tmp_path: Path, ports: Ports
) -> None:
    async with told(alertmanager_binary, tmp_path, ports) as (one, real):
        await post(ports, f"{real.url}/api/v2/alerts", [{"labels": {"alertname": "Theirs", "cluster": "prod"}}])
        await one.tell()
        later = now()
        (recalled,) = await one.reader.recalled(ports)
        recalled_alert, page = recalled.alert, one.page
        assert (recalled_alert.identity, recalled_alert.sev, recalled_alert.state) == (
            page.identity,
            page.sev,
            page.state,
        )
        assert (recalled_alert.group, recalled_alert.incident) == (page.group, page.incident)
        assert recalled_alert.told_at is not None and page.told_at is not None
        assert abs(recalled_alert.told_at.since(page.told_at)) < 0.002, "milliseconds survive"
        assert recalled.as_of.mono <= later.mono and recalled.origin == one.peer.name
        common = ports.labels
        assert labels_of(recalled_alert, common) == labels_of(page, common), "its end will be the end of that one"


async def test_a_latched_one_is_recalled_as_latched_without_the_words_that_say_so(
    alertmanager_binary: str, tmp_path: Path, ports: Ports
) -> None:
    async with told(alertmanager_binary, tmp_path, ports) as (one, _real):
        one.page = replace(one.page, state=State.LATCHED, cleared_at=now())
        await one.tell()
        (recalled,) = await one.reader.recalled(ports)
        assert recalled.alert.state is State.LATCHED
        assert recalled.alert.onset.annotations["summary"] == one.page.onset.annotations["summary"]
