"""What the alertmanager outlet posts, to whom and when; the peers are scripted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from tests.alerts import T0, alert, fired, latched, level, resolved, risen
from tests.fakes import HandClock, Outside, Reply, ScriptedHttp
from tests.virtual import in_virtual_time
from watchdog.core.alert import Alert, Cause, Edge, State
from watchdog.core.facts import Subject
from watchdog.core.severity import Sev
from watchdog.outlets import Batch, Receipt
from watchdog.outlets.alertmanager import Alertmanager
from watchdog.ports import Answer, Unreachable

MINOR = alert("MarketDataStale", Sev.SEV1, Subject("endpoint", (("service", "marketdata-mcp-server"),)))


@dataclass
class Told:
    """An outlet, its scripted peers, and what they were told."""

    urls: tuple[str, ...] = ("http://am-0:9093",)
    by_host: dict[str, Reply] = field(default_factory=dict)
    clock: HandClock = field(default_factory=HandClock)

    def __post_init__(self) -> None:
        self.http = ScriptedHttp(by_host=self.by_host)
        self.outside = Outside(clock=self.clock, http=self.http, labels={"cluster": "prod", "environment": ""})
        self.outlet = Alertmanager(
            urls=self.urls, runbook_base_url="https://docs.example/", external_url="http://watchdog:8080/"
        )

    async def __call__(self, *alerts: Alert, edges: tuple[Edge, ...] = ()) -> list[Receipt]:
        self.http.requests.clear()
        batch = Batch(level(*alerts, at=self.clock.now()), edges)
        return list(await self.outlet.publish(batch, self.outside.ports()))

    @property
    def posts(self) -> list[list[dict[str, Any]]]:
        return [json.loads(body) for _, body in self.http.requests]

    def brief(self) -> list[list[str]]:
        """For each request: alertname, sev, and whether it fires at this moment."""
        return [[self._brief(sent) for sent in post] for post in self.posts]

    def _brief(self, sent: Mapping[str, Any]) -> str:
        fires = datetime.fromisoformat(sent["endsAt"]) > self.clock.wall
        return f"{sent['labels']['alertname']} {sent['labels']['sev']} {'firing' if fires else 'ended'}"


async def test_an_alert_is_posted_as_the_conventions_say() -> None:
    told = Told()
    told.clock.pass_(1)
    assert await told(alert(), edges=(fired(alert()),)) == [Receipt("alertmanager/am-0:9093", True)]
    assert told.http.requests[0][0] == "http://am-0:9093/api/v2/alerts"
    assert told.posts[0] == [
        {
            "labels": {
                "alertname": "ExecutionWorkloadAboveZero",
                "cause": "breach",
                "cluster": "prod",
                "kind": "Deployment",
                "namespace": "agenttrader",
                "sev": "0",
                "severity": "critical",
                "team": "safety",
                "workload": "execution-agent",
            },
            "annotations": {
                "active_since": "2026-11-23T15:00:00.000Z",
                "incident": "20261123T150000Z-execution",
                "runbook_url": "https://docs.example/ops/PRODUCTION_LOCK.md",
                "state": "firing",
                "summary": "execution workload agenttrader/execution-agent is above zero: desired 1, live 0",
            },
            "startsAt": "2026-11-23T15:00:00.000Z",
            "endsAt": "2026-11-23T15:01:21.000Z",
            "generatorURL": "http://watchdog:8080/",
        }
    ]


async def test_an_edge_is_posted_without_the_whole_level_once_the_level_is_known_there() -> None:
    told = Told()
    await told(MINOR)
    await told(MINOR, alert(), edges=(fired(alert()),))
    assert told.brief() == [["ExecutionWorkloadAboveZero 0 firing"]]


async def test_sev_0_goes_first_and_in_a_request_of_its_own() -> None:
    told = Told()
    await told()
    await told(MINOR, alert(), edges=(fired(MINOR), fired(alert())))
    assert told.brief() == [["ExecutionWorkloadAboveZero 0 firing"], ["MarketDataStale 1 firing"]]


async def test_a_renewal_sends_the_whole_level_with_the_same_start_and_a_new_end() -> None:
    told = Told()
    await told(MINOR, alert())
    first = told.posts
    told.clock.pass_(20)
    await told(MINOR, alert())
    assert [[a["startsAt"] for a in post] for post in told.posts] == [[a["startsAt"] for a in post] for post in first]
    assert told.posts[0][0]["endsAt"] == "2026-11-23T15:01:40.000Z"


async def test_edges_that_come_all_the_time_do_not_starve_the_renewal() -> None:
    told = Told()
    await told(MINOR)
    told.clock.pass_(20)
    await told(MINOR, alert(), edges=(fired(alert(), 20),))
    assert "MarketDataStale 1 firing" in [name for post in told.brief() for name in post]


async def test_a_pending_alert_is_nobodys_business_yet() -> None:
    told = Told()
    await told(alert(state=State.PENDING))
    assert told.posts == []


async def test_a_latched_alert_is_sent_as_firing_for_as_long_as_it_is_latched() -> None:
    told, over = Told(), latched(alert(), 5)
    told.clock.pass_(5)
    await told(over.alert, edges=(over,))
    assert [a["annotations"]["state"] for a in told.posts[0]] == ["latched"]
    told.clock.pass_(3600)
    await told(over.alert)
    assert told.brief() == [["ExecutionWorkloadAboveZero 0 firing"]]


async def test_what_resolved_is_sent_as_ended_at_once_and_for_fifteen_minutes() -> None:
    told = Told()
    await told(MINOR, edges=(fired(MINOR),))
    told.clock.pass_(60)
    await told(edges=(resolved(MINOR, 60),))
    assert told.brief()[0] == ["MarketDataStale 1 ended"]
    told.clock.pass_(15 * 60)
    await told()
    assert [a["endsAt"] for a in told.posts[0]] == ["2026-11-23T15:01:00.000Z"]
    told.clock.pass_(1)
    await told()
    assert told.posts == []


async def test_what_fires_again_is_no_longer_sent_as_ended() -> None:
    told, again = Told(), replace(MINOR, active_since=T0.plus(90), fired_at=T0.plus(90))
    await told(edges=(fired(MINOR), resolved(MINOR, 60)))
    told.clock.pass_(90)
    await told(again, edges=(fired(again, 90),))
    await told(again)
    assert told.brief() == [["MarketDataStale 1 firing"]]
    assert told.posts[0][0]["startsAt"] == "2026-11-23T15:01:30.000Z"


async def test_a_rise_fires_the_new_label_set_first_and_then_ends_the_old_one() -> None:
    told, before = Told(), alert("ExecutionUnverifiable", Sev.SEV1, Subject("safety", ()), Cause.UNVERIFIABLE)
    await told(before, edges=(fired(before),))
    told.clock.pass_(300)
    rise = risen(before, Sev.SEV0, 300)
    await told(rise.alert, edges=(rise,))
    assert told.brief()[:2] == [["ExecutionUnverifiable 0 firing"], ["ExecutionUnverifiable 1 ended"]]


async def test_no_end_is_ever_before_its_start_although_the_wall_clock_jumped_an_hour_back() -> None:
    told = Told()
    await told(alert(), MINOR)
    told.clock.pass_(20)
    told.clock.shift(-3600)
    await told(alert(), edges=(resolved(MINOR, 1),))
    sent = [a for post in told.posts for a in post]
    assert len(sent) == 3
    assert all(a["startsAt"] <= a["endsAt"] for a in sent)


@pytest.mark.parametrize("ahead", [-3600, 3600])
async def test_instants_are_sent_in_the_time_of_a_peer_whose_clock_is_elsewhere(ahead: int) -> None:
    clock = HandClock()

    def answer(url: str, body: bytes) -> Answer:
        theirs = (clock.wall + timedelta(seconds=ahead)).astimezone(UTC)
        return Answer(200, {"date": format_datetime(theirs, usegmt=True)}, b"")

    told = Told(by_host={"am-0:9093": answer}, clock=clock)
    await told(alert(), edges=(fired(alert()),))
    ends = [datetime.fromisoformat(post[0]["endsAt"]) - clock.wall for post in told.posts]
    assert ends[:2] == [timedelta(seconds=80), timedelta(seconds=80 + ahead)]
    clock.pass_(20)
    await told(alert())
    assert len(told.posts) == 1


async def test_one_peer_that_accepts_is_enough_and_each_has_a_receipt() -> None:
    down = Unreachable("ConnectionRefused", "nobody listens there")
    told = Told(urls=("http://am-0:9093", "http://user:pw@am-1:9093/"), by_host={"user:pw@am-1:9093": down})
    assert await told(alert(), edges=(fired(alert()),)) == [
        Receipt("alertmanager/am-0:9093", True),
        Receipt("alertmanager/am-1:9093", False, "ConnectionRefused: nobody listens there"),
    ]


async def test_a_peer_that_was_away_gets_the_whole_level_with_the_next_page() -> None:
    told = Told(by_host={"am-0:9093": Unreachable("ConnectionRefused")})
    await told(MINOR)
    told.http.by_host.clear()
    told.clock.pass_(1)
    await told(MINOR, alert(), edges=(fired(alert()),))
    assert told.brief()[0] == ["ExecutionWorkloadAboveZero 0 firing"]
    assert ["MarketDataStale 1 firing"] in told.brief()


@pytest.mark.parametrize(
    ("reply", "explanation"),
    [
        (Answer(500, {}, b"boom\n"), "Http500: boom"),
        (Answer(302, {"location": "/login"}, b""), "Http302"),
        (Answer(200, {"content-type": "text/html"}, b"<html>"), "NotAlertmanager: it answers 200 with text/html"),
        (Unreachable("Timeout", "no whole answer within 2 s"), "Timeout: no whole answer within 2 s"),
    ],
)
async def test_a_peer_that_does_not_accept_says_why(reply: Reply, explanation: str) -> None:
    told = Told(by_host={"am-0:9093": reply})
    assert await told(alert(), edges=(fired(alert()),)) == [Receipt("alertmanager/am-0:9093", False, explanation)]


async def test_one_alert_that_is_refused_sinks_no_other_and_is_named() -> None:
    def answer(url: str, body: bytes) -> Answer:
        bad = any(a["labels"]["alertname"] == "Bad" for a in json.loads(body))
        return Answer(400, {}, b'"invalid label set"\n') if bad else Answer(200, {}, b"")

    told = Told(by_host={"am-0:9093": answer})
    good, bad = MINOR, alert("Bad", Sev.SEV2)
    (receipt,) = await told(good, bad, alert(), edges=(fired(bad), fired(good), fired(alert())))
    who = "Bad workload agenttrader/Deployment/execution-agent"
    assert receipt == Receipt("alertmanager/am-0:9093", False, f'Refused: {who}: "invalid label set"')
    assert ["MarketDataStale 1 firing"] in told.brief()
    assert told.brief()[0] == ["ExecutionWorkloadAboveZero 0 firing"]


async def test_a_kept_connection_that_turns_out_to_be_dead_costs_one_more_attempt_and_no_page() -> None:
    deaths = [Unreachable("Disconnected")]

    def answer(url: str, body: bytes) -> Answer:
        if deaths:
            raise deaths.pop()
        return Answer(200, {}, b"")

    told = Told(by_host={"am-0:9093": answer})
    (receipt,) = await told(alert(), edges=(fired(alert()),))
    assert receipt.accepted


class HangingHttp(ScriptedHttp):
    """``am-hung`` takes the whole timeout, and then fails; in virtual time."""

    async def post(self, url: str, body: bytes, *, headers: Mapping[str, str], timeout: float, limit: int) -> Answer:
        if "am-hung" in url:
            await asyncio.sleep(timeout)
            raise Unreachable("Timeout", f"no whole answer within {timeout:g} s")
        return await super().post(url, body, headers=headers, timeout=timeout, limit=limit)


def took(*urls: str) -> tuple[float, list[Receipt]]:
    async def main() -> tuple[float, list[Receipt]]:
        outside = Outside(http=HangingHttp())
        outlet = Alertmanager(urls=urls)
        receipts = await outlet.publish(Batch(level(alert()), (fired(alert()),)), outside.ports())
        assert len(asyncio.all_tasks()) == 1
        return asyncio.get_running_loop().time(), list(receipts)

    return in_virtual_time(main())


def test_a_peer_that_hangs_holds_up_the_next_page_to_the_others_for_a_second_at_most() -> None:
    seconds, receipts = took("http://am-hung:1", "http://am-0:1")
    assert seconds == 1.0
    assert [r.accepted for r in receipts] == [False, True]


def test_when_every_peer_hangs_each_still_has_a_receipt_within_the_outlets_timeout() -> None:
    seconds, receipts = took("http://am-hung:1", "http://am-hung:2")
    assert seconds < Alertmanager(urls=("http://x",)).timeout
    assert [r.receiver for r in receipts] == ["alertmanager/am-hung:1", "alertmanager/am-hung:2"]
    assert not any(r.accepted for r in receipts)


async def test_text_that_utf_8_cannot_carry_and_text_without_end_do_not_stop_a_page() -> None:
    told = Told()
    odd = alert(summary="mode \ud800", description="x" * 1_000_000)
    (receipt,) = await told(odd, edges=(fired(odd),))
    assert receipt.accepted
    assert told.posts[0][0]["annotations"]["summary"] == "mode ?"
    assert len(told.posts[0][0]["annotations"]["description"]) == 2_000


async def test_a_large_level_goes_in_bounded_requests_the_worst_first() -> None:
    many = [alert(f"Rule{n:03}", Sev(n % 4)) for n in range(300)]
    told = Told()
    await told(*many)
    assert max(len(post) for post in told.posts) <= 64
    sevs = [a["labels"]["sev"] for post in told.posts for a in post]
    assert sevs == sorted(sevs) and len(sevs) == 300


@pytest.mark.parametrize(
    ("stanza", "sentence"),
    [
        ({"urls": ()}, "urls: expected at least one http"),
        ({"urls": ("am-0:9093",)}, "urls: expected at least one http"),
        ({"urls": ("http://a",), "resend_interval": 61}, "resend_interval: expected 1 to 60 seconds, found 61"),
        ({"urls": ("http://a",), "timeout": 0}, "timeout: expected more than 0"),
    ],
)
def test_a_wrong_stanza_is_refused_in_one_sentence(stanza: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Alertmanager(**stanza)
