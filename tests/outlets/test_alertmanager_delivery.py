"""What an Alertmanager peer reports of pages, in which order it is told after an outage, and what keeps it company:
the leases that lapse where there are replicas, and the Watchdog alert."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest

from tests.alerts import T0, alert, fired, level, resolved, risen
from tests.fakes import HandClock, Outside, ScriptedHttp
from tests.outlets.levels import safe
from watchdog.core.alert import Alert, Description, Edge, EdgeKind
from watchdog.core.assessment import Assessment
from watchdog.core.instant import Instant
from watchdog.core.notice import labels_of
from watchdog.core.report import Accepted, Report
from watchdog.core.severity import Sev
from watchdog.outlets import Batch, Receipt
from watchdog.outlets.alertmanager import Alertmanager
from watchdog.ports import Answer, Unreachable

URL, PEER = "http://am-0:9093", "alertmanager"


def page(rule: str = "ExecutionWorkloadAboveZero", sev: Sev = Sev.SEV0, seconds: float = 0.0) -> Alert:
    return replace(alert(rule, sev, since=T0.plus(seconds)), told_at=T0.plus(seconds))


@dataclass
class Telling:
    outlet: Alertmanager = field(default_factory=lambda: Alertmanager(urls=(URL,)))
    clock: HandClock = field(default_factory=HandClock)
    http: ScriptedHttp = field(default_factory=ScriptedHttp)
    reports: list[Report] = field(default_factory=list)  # of the last publish

    async def __call__(self, level: Assessment, *edges: Edge, renew: bool = False) -> list[Receipt]:
        self.http.requests.clear()
        self.reports.clear()
        outside = Outside(clock=self.clock, http=self.http, labels={"cluster": "prod"})
        batch = Batch(level, edges, renew, report=self.reports.extend)
        return list(await self.outlet.publish(batch, outside.ports()))

    async def about(self, *alerts: Alert, edges: Sequence[Edge] = ()) -> list[Receipt]:
        return await self(level(*alerts, at=self.clock.now()), *edges)

    def sent(self) -> list[dict[str, Any]]:
        return [one for _, body in self.http.requests for one in json.loads(body)]

    def names(self) -> list[str]:
        return [one["labels"]["alertname"] for one in self.sent()]


async def test_each_page_that_is_taken_is_reported_once_however_often_it_is_renewed() -> None:
    tell, one = Telling(), page()
    tell.clock.pass_(1)
    taken = Accepted(one.identity, PEER, 0.0, T0.plus(1), T0.plus(1), peer=True)
    await tell.about(one, edges=[fired(one)])
    assert tell.reports == [taken]
    tell.clock.pass_(20)
    await tell.about(one)
    assert tell.reports == []
    assert tell.names() == ["ExecutionWorkloadAboveZero"]


async def test_a_page_that_fires_again_or_rises_is_another_one() -> None:
    tell, one = Telling(), page(sev=Sev.SEV1)
    await tell.about(one, edges=[fired(one)])
    tell.clock.pass_(60)
    rise = risen(replace(one, told_at=T0.plus(60)), Sev.SEV0, 60)
    await tell.about(rise.alert, edges=[rise])
    (report,) = tell.reports
    assert isinstance(report, Accepted) and report.told_at == 60.0


async def test_what_it_took_before_it_failed_is_reported() -> None:
    tell, one, minor = Telling(), page(), page("Minor", Sev.SEV2)
    tell.http.reply = lambda url, body: Answer(500 if b"Minor" in body else 200, {}, b"")
    for newly_taken in ([one.identity], []):
        with pytest.raises(Unreachable, match="Http500"):
            await tell.about(one, minor, edges=[fired(one), fired(minor)])
        assert [report.identity for report in tell.reports if isinstance(report, Accepted)] == newly_taken


async def test_a_page_that_is_taken_is_reported_before_what_follows_is_answered() -> None:
    tell, one, minor = Telling(), page(), page("Minor", Sev.SEV2)
    before = list[bool]()

    def answer(url: str, body: bytes) -> Answer:
        if b"Minor" in body:
            before.append(bool(tell.reports))
        return Answer(200, {}, b"")

    tell.http.reply = answer
    await tell.about(one, minor, edges=[fired(one), fired(minor)])
    assert before == [True]


async def test_a_restored_alert_is_told_at_once() -> None:
    tell, one = Telling(), page()
    await tell.about()
    await tell.about(one, edges=[Edge(EdgeKind.RESTORED, one, T0)])
    assert len(tell.reports) == 1
    assert tell.names() == ["ExecutionWorkloadAboveZero"]


@pytest.mark.parametrize("kind", [EdgeKind.UNHEARD, EdgeKind.ESCALATED])
async def test_that_a_page_goes_around_is_not_told_here(kind: EdgeKind) -> None:
    tell, one = Telling(), page()
    await tell.about(one, edges=[fired(one)])
    assert await tell.about(one, edges=[Edge(kind, one, T0.plus(1))]) == []
    assert tell.http.requests == []


async def test_that_a_page_went_around_does_not_take_its_end_away() -> None:
    tell, one = Telling(), page()
    await tell.about(one, edges=[fired(one)])
    tell.clock.pass_(1)
    await tell.about(edges=[resolved(one, 1), Edge(EdgeKind.UNHEARD, one, T0.plus(1))])
    assert [sent["endsAt"] for sent in tell.sent()] == ["2026-11-23T15:00:01.000Z"]


async def test_after_an_outage_the_worst_goes_first_and_of_one_sev_the_newest_page() -> None:
    tell = Telling(http=ScriptedHttp(Unreachable("ConnectionRefused")))
    pages = [page(f"At{n}", Sev(n % 2), n) for n in range(6)]
    with pytest.raises(Unreachable):
        await tell.about(*pages, edges=[fired(one) for one in pages])
    tell.http.reply = Answer(200, {}, b"")
    tell.clock.pass_(600)
    await tell.about(*pages, edges=[fired(one) for one in pages])
    assert tell.names() == ["At4", "At2", "At0", "At5", "At3", "At1"]


async def test_where_another_replica_tells_too_nothing_is_ever_sent_as_ended() -> None:
    tell, one = Telling(Alertmanager(urls=(URL,), replicated=True)), page(sev=Sev.SEV1)
    await tell.about(one, edges=[fired(one)])
    rise = risen(one, Sev.SEV0, 5)
    for seconds in (0, 5, 5, 20):
        tell.clock.pass_(seconds)
        await tell.about(rise.alert, edges=[rise] if seconds == 5 else [])
        assert all(datetime.fromisoformat(sent["endsAt"]) > tell.clock.wall for sent in tell.sent())
        assert {sent["labels"]["sev"] for sent in tell.sent()} <= {"0"}
    await tell.about(edges=[resolved(rise.alert, 30)])
    tell.clock.pass_(20)
    await tell.about()
    assert tell.sent() == []


async def test_the_watchdog_alert_fires_with_every_renewal_and_is_no_page() -> None:
    tell = Telling()
    tell.clock.pass_(1)
    await tell(safe())
    (first,) = tell.sent()
    assert first["labels"] == {"alertname": "Watchdog", "cluster": "prod", "severity": "none"}
    assert (first["startsAt"], first["endsAt"]) == ("2026-11-23T15:00:01.000Z", "2026-11-23T15:01:21.000Z")
    tell.clock.pass_(10)
    await tell(safe())
    (second,) = tell.sent()
    assert (second["startsAt"], second["endsAt"]) == ("2026-11-23T15:00:01.000Z", "2026-11-23T15:01:31.000Z")


async def test_the_watchdog_alert_lapses_while_the_daemon_is_stuck_and_can_be_left_out() -> None:
    tell = Telling()
    tell.clock.pass_(17)
    await tell(safe())  # its level is of one second
    assert tell.sent() == [] and len(tell.http.requests) == 1, "an empty request proves that it takes any"
    other = Telling(Alertmanager(urls=(URL,), canary=False))
    await other(safe())
    assert other.sent() == []


async def test_the_watchdog_alert_comes_after_every_page() -> None:
    tell, one = Telling(), page()
    tell.clock.pass_(1)
    there = replace(safe(), alerts=level(one).alerts)
    await tell(there, fired(one), renew=True)
    assert tell.names() == ["ExecutionWorkloadAboveZero", "Watchdog"]


@pytest.mark.parametrize("ahead", [0, 3600])
@pytest.mark.parametrize("renewal", [5.0, 20.0])
async def test_the_watchdog_alert_is_a_lease_of_four_renewals_on_the_peers_clock(renewal: float, ahead: float) -> None:
    tell = Telling(Alertmanager(urls=(URL,), resend_interval=renewal))
    date = {"date": format_datetime((tell.clock.wall + timedelta(seconds=ahead)), usegmt=True)}
    tell.http.reply = Answer(200, date, b"")
    await tell(safe())
    (sent,) = tell.sent()
    starts, ends = (datetime.fromisoformat(sent[name]) for name in ("startsAt", "endsAt"))
    assert starts == tell.clock.wall + timedelta(seconds=ahead)
    assert ends == starts + timedelta(seconds=4 * renewal)


FAR = datetime.max.replace(tzinfo=timezone(timedelta(hours=-14)))
"""A time that has no name in UTC."""


async def test_an_alert_that_cannot_be_told_whole_is_told_bare_and_takes_no_other_with_it() -> None:
    tell = Telling()
    odd = replace(page("Odd"), active_since=Instant(FAR, -5.0))
    others = [page(f"At{n}") for n in range(49)]
    (receipt,) = await tell.about(odd, *others, edges=[fired(one) for one in (odd, *others)])
    assert receipt.accepted and len(tell.reports) == len(tell.sent()) == 50
    (told,) = (sent for sent in tell.sent() if sent["labels"]["alertname"] == "Odd")
    assert told["labels"] == labels_of(odd, {"cluster": "prod"})
    assert told["annotations"]["summary"].startswith(f"{odd.identity} (the rest cannot be told: OverflowError: ")
    await tell.about(*others, edges=[resolved(odd, 9)])
    assert [sent["labels"]["alertname"] for sent in tell.sent()] == ["Odd"]


async def test_one_that_cannot_be_told_at_all_is_a_finding_until_it_is_over_and_takes_no_other_with_it() -> None:
    tell, others = Telling(), [page(f"At{n}") for n in range(49)]
    odd = replace(page("Odd"), description=Description({"name\ud800": "x"}, {}))
    for _ in range(2):
        receipt, refused = await tell.about(odd, *others, edges=[fired(one) for one in (odd, *others)])
        assert receipt.accepted and not refused.accepted
        assert refused.explanation.startswith(f"Refused: {odd.identity}: it cannot be encoded: UnicodeEncodeError: ")
        assert len(tell.names()) == 49
        tell.clock.pass_(20)
    _, over = await tell.about(*others, edges=[resolved(odd, 40)])
    assert (over.receiver, over.accepted) == (f"{PEER}/refused", True)


async def test_one_that_cannot_be_told_beside_one_that_is_refused_takes_no_other_with_it() -> None:
    tell, one, other = Telling(), page(), page("Refused")
    tell.http.reply = lambda url, body: Answer(400 if b"Refused" in body else 200, {}, b"")
    odd = replace(page("Odd"), description=Description({"name\ud800": "x"}, {}))
    pages = (odd, other, one)
    _, refused = await tell.about(*pages, edges=[fired(page) for page in pages])
    assert [report.identity for report in tell.reports if isinstance(report, Accepted)] == [one.identity]
    assert refused.explanation.count("Refused: ") == 2
