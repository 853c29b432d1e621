"""What read-back asks, when, and what it makes of the answers; the peer is scripted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from structlog.testing import capture_logs

from tests.alerts import T0, alert, fired, level, resolved
from tests.fakes import HandClock, Outside, ScriptedHttp
from watchdog.core.alert import Alert, Edge
from watchdog.core.assessment import Assessment
from watchdog.core.delivery import Deliveries, Paging
from watchdog.core.notice import fingerprint, labels_of
from watchdog.core.report import Accepted, Hearing, ReadBack, Report
from watchdog.outlets import Batch, Receipt
from watchdog.outlets.alertmanager import Alertmanager
from watchdog.outlets.alertmanager.read_back import AT_REST, FIRST, PACE, Reader
from watchdog.ports import Answer, Unreachable

CONFIG = "route: {receiver: page}\nreceivers: [{name: page, webhook_configs: [{url: x}]}, {name: nobody}]"
PAGE = replace(alert(), told_at=T0)
COMMON = {"cluster": "prod"}


def listed(state: str = "active", receiver: str = "page", one: Alert = PAGE, **status: Any) -> dict[str, Any]:
    labels = labels_of(one, COMMON)
    status = {"state": state, "silencedBy": [], "inhibitedBy": [], **status}
    return {"labels": labels, "status": status, "receivers": [{"name": receiver}], "fingerprint": fingerprint(labels)}


@dataclass
class Peer:
    """An Alertmanager by its answers: a document, a status, or why there is none."""

    alerts: Any = field(default_factory=lambda: [listed()])
    status: Any = field(default_factory=lambda: {"config": {"original": CONFIG}})
    silences: dict[str, Any] = field(default_factory=dict)
    posts: Answer | Unreachable = field(default_factory=lambda: Answer(200, {}, b""))
    clock: HandClock = field(default_factory=HandClock)

    def __post_init__(self) -> None:
        self.http = ScriptedHttp(self.answer)
        self.outside = Outside(clock=self.clock, http=self.http, labels=dict(COMMON))
        self.told, reader = Alertmanager(urls=("http://am-0:9093",)).parts()
        assert isinstance(reader, Reader)
        self.reader = reader

    def answer(self, url: str, body: bytes) -> Answer:
        path = urlsplit(url).path.removeprefix("/api/v2/")
        if body:
            said: Any = self.posts
        elif path.startswith("silence/"):
            said = self.silences.get(path.removeprefix("silence/"), Answer(404, {}, b""))
        else:
            said = self.alerts if path == "alerts" else self.status
        if isinstance(said, Unreachable):
            raise said
        return said if isinstance(said, Answer) else Answer(200, {}, json.dumps(said).encode())

    async def tell(self, *alerts: Alert) -> None:
        batch = Batch(level(*(alerts or (PAGE,)), at=self.clock.now()), (fired(PAGE),))
        await self.told.publish(batch, self.outside.ports())

    async def ask(self, *alerts: Alert, paged: bool = False, renew: bool = True) -> list[Receipt]:
        self.http.requests.clear()
        batch = Batch(level(*(alerts or (PAGE,)), at=self.clock.now()), (fired(PAGE),) if paged else (), renew)
        return list(await self.reader.publish(batch, self.outside.ports()))

    async def hears(self, *alerts: Alert) -> list[tuple[Hearing, str]]:
        reports = [report for receipt in await self.ask(*alerts) for report in receipt.reports]
        return [(report.hearing, report.why) for report in reports if isinstance(report, ReadBack)]


@pytest.mark.parametrize(
    ("status", "receiver", "hearing", "why"),
    [
        ({}, "page", Hearing.HEARD, "active, to receiver page"),
        ({}, "nobody", Hearing.UNHEARD, "no integration: receiver nobody tells nobody"),
        (
            {"state": "suppressed", "silencedBy": ["s1"]},
            "page",
            Hearing.UNHEARD,
            "silenced by ops until 2026-11-24T10:00:00.000Z: deploy",
        ),
        (
            {"state": "suppressed", "silencedBy": ["lost"]},
            "page",
            Hearing.UNHEARD,
            "silenced by lost, which cannot be read",
        ),
        ({"state": "suppressed", "inhibitedBy": ["ff"]}, "page", Hearing.UNHEARD, "inhibited by an alert (ff)"),
        ({"state": "suppressed", "mutedBy": ["nights"]}, "page", Hearing.UNHEARD, "muted by time interval nights"),
        ({"state": "suppressed"}, "page", Hearing.UNKNOWN, "it says suppressed, and not by what"),
        (
            {},
            "other",
            Hearing.UNKNOWN,
            "active, to receiver other, and it cannot be told further: its configuration has no receiver 'other'",
        ),
    ],
)
async def test_what_it_says_of_an_alert_is_whether_somebody_hears_of_it(
    status: dict[str, Any], receiver: str, hearing: Hearing, why: str
) -> None:
    silence = {"endsAt": "2026-11-24T10:00:00Z", "createdBy": "ops", "comment": "deploy"}
    peer = Peer([listed(**{"receiver": receiver, **status})], silences={"s1": silence})
    await peer.tell()
    assert await peer.hears() == [(hearing, why)]


async def test_nothing_is_said_of_what_it_has_not_got_to_yet() -> None:
    peer = Peer([listed("unprocessed")])
    await peer.tell()
    assert await peer.hears() == []
    peer.alerts = [listed()]
    assert [hearing for hearing, _ in await peer.hears()] == [Hearing.HEARD]


async def test_only_changes_are_reported_and_a_new_page_is_one() -> None:
    peer, again = Peer(), replace(PAGE, told_at=T0.plus(60))
    await peer.tell()
    assert len(await peer.hears()) == 1
    assert await peer.hears() == []
    assert len(await peer.hears(again)) == 1


async def test_what_it_took_and_does_not_list_is_unknown_and_what_it_has_not_taken_is_not_asked_for() -> None:
    peer = Peer([])
    assert await peer.hears() == []
    await peer.tell()
    assert await peer.hears() == [(Hearing.UNKNOWN, "it took it, and does not list it")]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Unreachable("Timeout", "no whole answer"), "it cannot be asked: Timeout: no whole answer"),
        (Answer(403, {}, b"Forbidden\n"), "it cannot be asked: Http403: Forbidden"),
        ([{"labels": 1}], "it cannot be asked: NotAlertmanager: /api/v2/alerts: Expected"),
        (Answer(200, {}, b"\xff"), "it cannot be asked: NotAlertmanager: /api/v2/alerts: "),
    ],
)
async def test_an_answer_that_is_none_is_unknown(answer: Any, why: str) -> None:
    peer = Peer(answer)
    await peer.tell()
    ((hearing, said),) = await peer.hears()
    assert (hearing, said[: len(why)]) == (Hearing.UNKNOWN, why)


async def test_it_asks_quickly_after_a_page_and_then_at_its_pace_and_rarely_at_rest() -> None:
    peer, paces = Peer(), list[float | None]()
    await peer.tell()
    await peer.ask(paged=True, renew=False)
    for _ in range(9):
        paces.append(peer.reader.renew_every)
        await peer.ask()
    assert paces == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert (FIRST, PACE) == (0.05, 5.0)
    batch = Batch(level(at=T0), (), renew=True)
    await peer.reader.publish(batch, peer.outside.ports())
    assert peer.reader.renew_every == AT_REST


async def test_a_page_that_is_taken_late_is_asked_for_quickly_too() -> None:
    peer = Peer()
    for _ in range(12):
        await peer.ask()
    assert peer.reader.renew_every == PACE
    await peer.tell()
    await peer.ask()
    assert peer.reader.renew_every == FIRST


async def test_it_asks_for_our_sev_0_alerts_only_and_for_the_configuration_now_and_then() -> None:
    peer = Peer()
    await peer.tell()
    await peer.ask()
    paths = [urlsplit(url) for url, _ in peer.http.requests]
    assert [path.path for path in paths] == ["/api/v2/alerts", "/api/v2/status"]
    assert parse_qsl(paths[0].query) == [("filter", 'cluster="prod"'), ("filter", 'sev="0"')]
    await peer.ask()
    assert len(peer.http.requests) == 1
    peer.clock.pass_(5)
    await peer.ask()
    assert len(peer.http.requests) == 2


async def test_other_peoples_edges_start_no_question() -> None:
    peer = Peer()
    await peer.tell()
    assert await peer.ask(renew=False) == []
    assert peer.http.requests == []


async def test_that_it_cannot_be_read_where_pages_are_taken_is_a_finding_until_it_can() -> None:
    peer = Peer(Answer(403, {}, b""), Answer(403, {}, b""))
    await peer.tell()
    receipts = [[receipt.accepted for receipt in await peer.ask()] for _ in range(4)]
    assert receipts == [[True], [], [False], [False]], "the first bears the report"
    peer.alerts, peer.status = [listed()], {"config": {"original": CONFIG}}
    assert [receipt.accepted for receipt in await peer.ask()] == [True]
    assert await peer.ask() == []


async def test_a_peer_that_takes_nothing_either_is_one_finding_and_not_two() -> None:
    away = Unreachable("ConnectionRefused")
    peer = Peer(away, away, posts=away)
    with pytest.raises(Unreachable):
        await peer.tell()
    assert [await peer.ask() for _ in range(5)] == [[]] * 5


async def test_at_rest_it_is_tried_whether_it_would_answer() -> None:
    peer = Peer(status=Answer(403, {}, b""))
    await peer.told.publish(Batch(level(at=T0)), peer.outside.ports())
    nothing = Batch(level(at=T0), (), renew=True)
    receipts = [list(await peer.reader.publish(nothing, peer.outside.ports())) for _ in range(3)]
    assert receipts[:2] == [[], []] and [r.accepted for r in receipts[2]] == [False]


@pytest.mark.parametrize(
    "change",
    [{"subject": "workload elsewhere/Deployment/execution-agent"}, {"subject": "nothing x"}, {"state": "pending"}, {}],
)
async def test_only_what_says_itself_which_alert_it_is_is_recalled(change: dict[str, str]) -> None:
    told = {"subject": str(PAGE.identity.subject), "state": "firing", "incident": PAGE.incident} | change
    times = {"startsAt": "2026-11-23T14:59:00Z", "updatedAt": "2026-11-23T14:59:30Z"}
    peer = Peer([{**listed(), **times, "annotations": told}])
    recalled = await peer.reader.recalled(peer.outside.ports())
    assert [one.alert.identity for one in recalled] == ([] if change else [PAGE.identity])


TOLD = {"subject": str(PAGE.identity.subject), "state": "firing", "incident": PAGE.incident}
TIMES = {"startsAt": "2026-11-23T14:59:00Z", "updatedAt": "2026-11-23T14:59:30Z"}
ODD_TIMES: Sequence[Any] = [
    "2026-11-23T14:59:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00",
    "10000-01-01T00:00:00Z", "soon", "", None, 1, {}, [],
]  # fmt: skip


@pytest.mark.parametrize("field", [*TIMES, "labels", "annotations"])
@pytest.mark.parametrize("odd", ODD_TIMES)
async def test_one_that_is_odd_is_not_recalled_with_a_reason_and_takes_no_other_with_it(field: str, odd: Any) -> None:
    whole = {**listed(), **TIMES, "annotations": TOLD}
    peer = Peer([{**whole, field: odd}, whole, "odd", None, {**whole, field: odd}])
    with capture_logs() as lines:
        recalled = await peer.reader.recalled(peer.outside.ports())
    others = field in ("labels", "annotations") and odd == {}  # they say nothing of us
    assert [one.alert.identity for one in recalled] == [PAGE.identity]
    assert len(lines) == (2 if others else 4)
    assert {(line["event"], line["log_level"]) for line in lines} == {("an alert is not recalled", "warning")}
    assert all(line["detail"] for line in lines)


@pytest.mark.parametrize("odd", [text for text in ODD_TIMES if isinstance(text, str)])
async def test_an_annotation_that_is_no_time_of_our_age_is_not_reckoned_with(odd: str) -> None:
    peer = Peer([{**listed(), **TIMES, "endsAt": odd, "annotations": {**TOLD, "active_since": odd, "told_at": odd}}])
    (recalled,) = await peer.reader.recalled(peer.outside.ports())
    assert recalled.alert.active_since == recalled.alert.told_at == recalled.alert.fired_at == T0.plus(-60)


@pytest.mark.parametrize("ends", [text for text in ODD_TIMES if isinstance(text, str)])
async def test_a_silence_whose_end_is_odd_is_still_one(ends: str) -> None:
    peer = Peer([listed(state="suppressed", silencedBy=["s1"])], silences={"s1": {"endsAt": ends, "createdBy": "ops"}})
    await peer.tell()
    assert await peer.hears() == [(Hearing.UNHEARD, f"silenced by ops until {ends}")]


def ended(one: Alert = PAGE) -> Assessment:
    """It was taken, and ended before anybody asked."""
    taken = Accepted(one.identity, "am", 0.0, T0, T0, peer=True)
    turns: tuple[tuple[Sequence[Edge], Sequence[Report]], ...] = (([fired(one)], [taken]), ([resolved(one, 0.05)], []))
    deliveries = Deliveries()
    for edges, reports in turns:
        deliveries, _ = deliveries.after(edges, reports, {}, Paging(peers=True), T0)
    return replace(level(at=T0.plus(0.05)), deliveries=deliveries)


async def test_what_ended_before_it_was_read_back_is_asked_for_and_is_ended_there_only_then() -> None:
    peer, over = Peer([listed("suppressed", silencedBy=["s1"])]), ended()
    await peer.tell()
    peer.http.requests.clear()
    await peer.told.publish(Batch(over, (resolved(PAGE, 0.05),)), peer.outside.ports())
    peer.clock.pass_(20)
    await peer.told.publish(Batch(over, renew=True), peer.outside.ports())
    assert all(body == b"[]" or b"Watchdog" in body for _, body in peer.http.requests), "it would not be listed"
    (receipt,) = await peer.reader.publish(Batch(over, renew=True), peer.outside.ports())
    (report,) = receipt.reports
    assert isinstance(report, ReadBack)
    assert (report.identity, report.hearing) == (PAGE.identity, Hearing.UNHEARD)
    peer.http.requests.clear()
    await peer.told.publish(Batch(level(at=peer.clock.now()), renew=True), peer.outside.ports())
    (told,) = (sent for _, body in peer.http.requests for sent in json.loads(body) if sent["labels"].get("sev"))
    assert told["endsAt"] == "2026-11-23T15:00:00.050Z"
