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

URL = "http://am-0:9093"
MINOR = alert("MarketDataStale", Sev.SEV1, Subject("endpoint", (("service", "marketdata-mcp-server"),)))


@dataclass
class Told:
    """An outlet, its scripted peers, and what they were told."""

    by_host: dict[str, Reply] = field(default_factory=dict)
    clock: HandClock = field(default_factory=HandClock)

    def __post_init__(self) -> None:
        self.http = ScriptedHttp(by_host=self.by_host)
        self.outside = Outside(clock=self.clock, http=self.http, labels={"cluster": "prod", "environment": ""})
        self.outlet = Alertmanager(
            urls=(URL,), runbook_base_url="https://docs.example/", external_url="http://watchdog:8080/"
        )

    async def __call__(self, *alerts: Alert, edges: tuple[Edge, ...] = ()) -> list[Receipt]:
        self.http.requests.clear()
        batch = Batch(level(*alerts, at=self.clock.now()), edges)
        return list(await self.outlet.publish(batch, self.outside.ports()))

    @property
    def posts(self) -> list[list[dict[str, Any]]]:
        """What the last publish sent; empty requests are counted by ``proofs``."""
        return [alerts for _, body in self.http.requests if (alerts := json.loads(body))]

    @property
    def proofs(self) -> int:
        return len(self.http.requests) - len(self.posts)

    def brief(self) -> list[list[str]]:
        """For each request: alertname, sev, and whether it fires at this moment."""
        return [[self._brief(sent) for sent in post] for post in self.posts]

    def _brief(self, sent: Mapping[str, Any]) -> str:
        fires = datetime.fromisoformat(sent["endsAt"]) > self.clock.wall
        return f"{sent['labels']['alertname']} {sent['labels']['sev']} {'firing' if fires else 'ended'}"


async def test_an_alert_is_posted_as_the_conventions_say() -> None:
    told = Told()
    told.clock.pass_(1)
    assert await told(alert(), edges=(fired(alert()),)) == [Receipt("alertmanager", True, at=told.clock.now())]
    assert {url for url, _ in told.http.requests} == {"http://am-0:9093/api/v2/alerts"}
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
                "acknowledge": "watchdog ack e52548bbd063f87e --by NAME --why TEXT",
                "active_since": "2026-11-23T15:00:00.000Z",
                "incident": "20261123T150000Z-execution",
                "runbook_url": "https://docs.example/ops/PRODUCTION_LOCK.md",
                "state": "firing",
                "subject": "workload agenttrader/Deployment/execution-agent",
                "told_at": "2026-11-23T15:00:00.000Z",
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
    assert told.brief() == [["MarketDataStale 1 ended"]]
    told.clock.pass_(15 * 60)
    await told()
    assert [a["endsAt"] for a in told.posts[0]] == ["2026-11-23T15:01:00.000Z"]
    told.clock.pass_(1)
    await told()
    assert told.posts == []


async def test_what_fires_again_is_no_longer_sent_as_ended() -> None:
    told, again = Told(), replace(MINOR, active_since=T0.plus(90), fired_at=T0.plus(90))
    told.clock.pass_(60)
    await told(edges=(fired(MINOR), resolved(MINOR, 60)))
    told.clock.pass_(30)
    await told(again, edges=(fired(again, 90),))
    told.clock.pass_(20)
    await told(again)
    assert told.brief() == [["MarketDataStale 1 firing"]]
    assert told.posts[0][0]["startsAt"] == "2026-11-23T15:01:30.000Z"


async def test_what_the_level_says_is_there_is_never_sent_as_ended_whatever_the_order_of_its_edges() -> None:
    told = Told()
    told.clock.pass_(60)
    await told(MINOR, edges=(fired(MINOR, 60), resolved(MINOR, 60)))
    assert told.brief() == [["MarketDataStale 1 firing"]]


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
    assert len(sent) == 2
    assert all(a["startsAt"] <= a["endsAt"] for a in sent)


def dated(clock: HandClock, ahead: float) -> Reply:
    """Answers as one whose clock is ``ahead`` of ours."""

    def answer(url: str, body: bytes) -> Answer:
        theirs = (clock.wall + timedelta(seconds=ahead)).astimezone(UTC)
        return Answer(200, {"date": format_datetime(theirs, usegmt=True)}, b"")

    return answer


def spans(told: Told) -> list[tuple[datetime, datetime]]:
    sent = [a for post in told.posts for a in post]
    return [(datetime.fromisoformat(a["startsAt"]), datetime.fromisoformat(a["endsAt"])) for a in sent]


@pytest.mark.parametrize("ahead", [-3600, 3600])
async def test_both_instants_are_sent_in_the_time_of_a_peer_whose_clock_is_elsewhere_from_the_first_page_on(
    ahead: int,
) -> None:
    clock, shift = HandClock(), timedelta(seconds=ahead)
    told = Told({"am-0:9093": dated(clock, ahead)}, clock)
    clock.pass_(7)
    await told(alert(), edges=(fired(alert()),))
    assert spans(told) == [(T0.wall + shift, clock.wall + shift + timedelta(seconds=80))]
    clock.pass_(20)
    await told(alert())
    assert spans(told) == [(T0.wall + shift, clock.wall + shift + timedelta(seconds=80))]


async def test_a_start_stays_as_the_peer_knows_it_when_its_clock_is_set_forward() -> None:
    clock = HandClock()
    told = Told({"am-0:9093": dated(clock, 0)}, clock)
    await told(alert(), edges=(fired(alert()),))
    told.http.by_host["am-0:9093"] = dated(clock, 3600)
    clock.pass_(20)
    await told(alert())
    assert [starts for starts, _ in spans(told)] == [T0.wall] * 2
    assert spans(told)[-1][1] - clock.wall == timedelta(seconds=3680)


async def test_a_start_moves_once_and_never_behind_its_end_when_a_peers_clock_is_set_back() -> None:
    clock = HandClock()
    told = Told({"am-0:9093": dated(clock, 0)}, clock)
    await told(alert(), edges=(fired(alert()),))
    told.http.by_host["am-0:9093"] = dated(clock, -3600)
    clock.pass_(20)
    await told(alert())
    (moved, ends) = spans(told)[-1]
    assert moved == clock.wall - timedelta(seconds=3600) < ends
    clock.pass_(20)
    await told(alert())
    assert [starts for starts, _ in spans(told)] == [moved]


async def test_what_fires_again_has_a_start_of_its_own() -> None:
    told, again = Told(), replace(MINOR, active_since=T0.plus(90), fired_at=T0.plus(90))
    await told(MINOR, edges=(fired(MINOR),))
    told.clock.pass_(90)
    await told(again, edges=(resolved(MINOR, 60), fired(again, 90)))
    assert [starts for starts, _ in spans(told)] == [T0.plus(90).wall]


def test_each_peer_is_an_outlet_of_its_own_and_its_name_has_no_credentials() -> None:
    outlet = Alertmanager(name="pagers", urls=("http://am-0:9093", "http://user:pw@am-1:9093/", "http://gate/am/2"))
    parts = [part for part in outlet.parts() if isinstance(part, Alertmanager)]
    names = ["pagers/am-0:9093", "pagers/am-1:9093", "pagers/gate/am/2"]
    assert [part.name for part in parts] == names
    assert [part.name for part in outlet.parts() if part not in parts] == [f"{name}/read-back" for name in names]


async def test_what_one_peer_has_taken_is_not_taken_by_another() -> None:
    told = Told({"am-1": Unreachable("ConnectionRefused")})
    first, _, second, _ = Alertmanager(urls=(URL, "http://am-1")).parts()
    batch = Batch(level(MINOR), (fired(MINOR),))
    await first.publish(batch, told.outside.ports())
    with pytest.raises(Unreachable):
        await second.publish(batch, told.outside.ports())
    told.http.by_host.clear()
    told.http.requests.clear()
    await first.publish(batch, told.outside.ports())
    await second.publish(batch, told.outside.ports())
    assert {url.split("/")[2] for url, body in told.http.requests if body != b"[]"} == {"am-1"}


async def test_a_peer_that_was_away_gets_the_whole_level_with_the_next_page() -> None:
    told = Told({"am-0:9093": Unreachable("ConnectionRefused")})
    with pytest.raises(Unreachable):
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
        (Answer(400, {}, b"no"), "Http400: no"),
        (Answer(302, {"location": "/login"}, b""), "Http302"),
        (Answer(200, {"content-type": "text/html"}, b"<html>"), "NotAlertmanager: it answers 200 with text/html"),
        (Unreachable("Timeout", "no whole answer within 2 s"), "Timeout: no whole answer within 2 s"),
    ],
)
@pytest.mark.parametrize("alerts", [(), (MINOR,)])
async def test_a_peer_that_does_not_accept_says_why_also_when_there_is_nothing_to_tell_it(
    reply: Reply, explanation: str, alerts: tuple[Alert, ...]
) -> None:
    told = Told({"am-0:9093": reply})
    for _ in range(2):
        with pytest.raises(Unreachable) as refusal:
            await told(*alerts)
        assert str(refusal.value) == explanation


def refusing(*names: str) -> Reply:
    """An Alertmanager to which every request with one of these alerts is a 400."""

    def answer(url: str, body: bytes) -> Answer:
        bad = any(a["labels"]["alertname"] in names for a in json.loads(body))
        return Answer(400, {}, b'"invalid label set"\n') if bad else Answer(200, {}, b"")

    return answer


BAD = alert("Bad", Sev.SEV2)


async def test_one_alert_that_is_refused_sinks_no_other_is_named_and_stops_no_page() -> None:
    told = Told({"am-0:9093": refusing("Bad")})
    receipts = await told(MINOR, BAD, alert(), edges=(fired(BAD), fired(MINOR), fired(alert())))
    who = "Bad workload agenttrader/Deployment/execution-agent"
    assert receipts == [
        Receipt("alertmanager", True, at=T0),
        Receipt("alertmanager/refused", False, f'Refused: {who}: "invalid label set"'),
    ]
    assert ["MarketDataStale 1 firing"] in told.brief()
    assert told.brief()[0] == ["ExecutionWorkloadAboveZero 0 firing"]


async def test_an_alert_that_is_refused_alone_does_not_speak_for_its_peer() -> None:
    told = Told({"am-0:9093": refusing("Bad")})
    assert [r.accepted for r in await told(BAD, edges=(fired(BAD),))] == [True, False]


async def test_what_was_refused_goes_last_and_alone_and_costs_one_request_a_renewal() -> None:
    many = [alert(f"Rule{n:02}", Sev.SEV1) for n in range(40)]
    told = Told({"am-0:9093": refusing("Bad")})
    await told(*many, BAD)
    told.clock.pass_(20)
    await told(BAD, *many)
    assert [len(post) for post in told.posts] == [40, 1]
    assert told.brief()[-1] == ["Bad 2 firing"]
    told.clock.pass_(1)
    await told(BAD, *many, alert(), edges=(fired(alert(), 21),))
    assert told.brief() == [["ExecutionWorkloadAboveZero 0 firing"]], "it is not tried again with every page"


async def test_to_find_the_one_that_is_to_blame_takes_a_request_for_each_halving() -> None:
    many = [alert(f"Rule{n:02}", Sev.SEV2) for n in range(63)]
    told = Told({"am-0:9093": refusing("Bad")})
    await told(*many[:30], BAD, *many[30:])
    assert len(told.posts) == 13


async def test_a_peer_that_refuses_everything_is_asked_twice_and_not_once_for_each_alert() -> None:
    many = [alert(f"Rule{n:02}") for n in range(64)]
    told = Told()
    await told()
    told.http.by_host["am-0:9093"] = Answer(400, {}, b"no")
    told.clock.pass_(20)
    with pytest.raises(Unreachable, match="Http400"):
        await told(*many)
    assert (len(told.posts), told.proofs) == (1, 1)


async def test_what_is_refused_no_more_has_a_receipt_that_says_so_once() -> None:
    told = Told({"am-0:9093": refusing("Bad")})
    await told(BAD, edges=(fired(BAD),))
    told.clock.pass_(60)
    assert await told(edges=(resolved(BAD, 60),)) == [
        Receipt("alertmanager", True),
        Receipt("alertmanager/refused", True),
    ]
    assert told.posts == [], "what never began there does not end there"
    assert [r.receiver for r in await told()] == ["alertmanager"]


async def test_a_kept_connection_that_turns_out_to_be_dead_costs_one_more_attempt_and_no_page() -> None:
    deaths = [Unreachable("Disconnected")]

    def answer(url: str, body: bytes) -> Answer:
        if deaths:
            raise deaths.pop()
        return Answer(200, {}, b"")

    told = Told(by_host={"am-0:9093": answer})
    (receipt,) = await told(alert(), edges=(fired(alert()),))
    assert receipt.accepted


class SlowHttp(ScriptedHttp):
    """Takes a while for each alert, in virtual time; then remembers it."""

    def __init__(self, seconds_for_each: float) -> None:
        super().__init__()
        self.seconds, self.took = seconds_for_each, list[str]()

    async def post(self, url: str, body: bytes, *, headers: Mapping[str, str], timeout: float, limit: int) -> Answer:
        names = [a["labels"]["alertname"] for a in json.loads(body)]
        needs = self.seconds * len(names)
        await asyncio.sleep(min(timeout, needs))
        if needs > timeout:
            raise Unreachable("Timeout", f"no whole answer within {timeout:g} s")
        self.took += names
        return await super().post(url, body, headers=headers, timeout=timeout, limit=limit)


@pytest.mark.parametrize("seconds_for_each", [0.02, 0.1, 1.3])
def test_a_batch_that_a_slow_peer_cannot_take_at_once_comes_to_its_end_by_attempts(seconds_for_each: float) -> None:
    many = [alert(f"Rule{n:03}", Sev(n % 4)) for n in range(300)]
    batch = Batch(level(*many), tuple(fired(one) for one in many))

    async def main() -> tuple[int, list[str]]:
        http, failures = SlowHttp(seconds_for_each), 0
        outlet, outside = Alertmanager(urls=(URL,), resend_interval=60.0), Outside(http=http)
        while failures < 1_000:
            began = asyncio.get_running_loop().time()
            try:
                await outlet.publish(batch, outside.ports())
                break
            except Unreachable as error:
                assert error.reason == "Timeout"
                assert asyncio.get_running_loop().time() - began < outlet.timeout
                failures += 1
        return failures, http.took

    failures, took = in_virtual_time(main())
    assert 0 < failures < 1_000
    assert sorted(took) == [one.identity.rule for one in many], "each once"
    assert sorted(took[:75]) == [one.identity.rule for one in many if one.sev is Sev.SEV0]


def test_a_peer_that_hangs_is_given_up_within_the_outlets_timeout() -> None:
    async def main() -> float:
        outside = Outside(http=SlowHttp(1e6))
        with pytest.raises(Unreachable, match="Timeout"):
            await Alertmanager(urls=(URL,)).publish(Batch(level(alert()), (fired(alert()),)), outside.ports())
        return asyncio.get_running_loop().time()

    assert in_virtual_time(main()) < 5.0


async def test_a_page_that_is_due_for_renewal_too_is_sent_once() -> None:
    told = Told()
    await told(MINOR)
    told.clock.pass_(20)
    await told(MINOR, alert(), edges=(fired(alert(), 20),))
    assert told.brief() == [["ExecutionWorkloadAboveZero 0 firing"], ["MarketDataStale 1 firing"]]


async def test_what_happens_to_an_alert_that_was_just_taken_is_told_at_once() -> None:
    told, over = Told(), latched(alert(), 1)
    await told(alert(), edges=(fired(alert()),))
    told.clock.pass_(1)
    await told(over.alert, edges=(fired(alert()), over))
    assert [a["annotations"]["state"] for post in told.posts for a in post] == ["latched"]


async def test_a_receipt_bears_the_instant_at_which_the_news_was_taken_and_not_that_of_a_later_attempt() -> None:
    told = Told()
    told.http.by_host["am-0:9093"] = lambda url, body: Answer(500 if b"MarketDataStale" in body else 200, {}, b"")
    edges = (fired(alert()),)
    with pytest.raises(Unreachable):
        await told(alert(), MINOR, edges=edges)
    told.http.by_host.clear()
    told.clock.pass_(3)
    assert await told(alert(), MINOR, edges=edges) == [Receipt("alertmanager", True, at=T0)]
    assert told.brief() == [["MarketDataStale 1 firing"]]


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
        ({"urls": ("http://am-0:9093?token=x",)}, "urls: expected at least one http"),
        ({"urls": ("http://a", "http://u:p@a/")}, "urls: expected every peer once"),
        ({"urls": ("http://a",), "resend_interval": 61}, "resend_interval: expected 1 to 60 seconds, found 61"),
        ({"urls": ("http://a",), "timeout": 0}, "timeout: expected more than 0"),
    ],
)
def test_a_wrong_stanza_is_refused_in_one_sentence(stanza: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Alertmanager(**stanza)
