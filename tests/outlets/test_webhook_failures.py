"""Receivers that fail, refuse, hang or were away: what is tried again, in which order, and what is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from tests.alerts import T0, alert, fired, latched, level, resolved
from tests.loopback import hang, not_http, serving
from tests.outlets.hooks import (
    Hook,
    called,
    escalated,
    execution,
    receiver,
    unheard,
)
from watchdog.core.alert import Description
from watchdog.core.instant import Instant
from watchdog.core.severity import Sev
from watchdog.outlets import Batch
from watchdog.outlets.webhook.channel import Call, asked_to_wait
from watchdog.ports import Answer, Unreachable


@pytest.mark.parametrize("status", ["500 Internal Server Error", "503 Service Unavailable", "429 Too Many Requests"])
async def test_a_passing_failure_is_tried_again_with_the_same_key(status: str) -> None:
    hook = Hook(lambda body: status)
    async with called(hook) as told:
        (receipt,) = await told(alert(), edges=[fired(alert())])
        assert not receipt.accepted and not receipt.final and receipt.reports == ()
        assert receipt.explanation == f"Http{status[:3]}: no; 1 alert to go"
        hook.status = lambda body: "202 Accepted"
        (receipt,) = await told(alert(), edges=[fired(alert())])
        assert receipt.accepted and len(receipt.reports) == 1
    first, second = hook.heard
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"] and first.raw == second.raw


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden", "404 Not Found", "302 Found", "408 Timeout"])
async def test_what_may_pass_is_tried_again(status: str) -> None:
    """A token that is renewed, a route that is deployed anew: a page is worth another attempt."""
    hook = Hook(lambda body: status)
    async with called(hook) as told:
        (receipt,) = await told(alert(), edges=[fired(alert())])
        assert not receipt.accepted and not receipt.final
        hook.status = lambda body: "200 OK"
        (receipt,) = await told(alert(), edges=[fired(alert())])
        assert receipt.accepted and len(receipt.reports) == 1


@pytest.mark.parametrize("status", ["400 Bad Request", "413 Too Large", "415 Unsupported", "422 Unprocessable"])
async def test_a_refusal_is_final_and_a_finding_until_its_alert_is_over(status: str) -> None:
    hook = Hook(lambda body: status)
    async with called(hook) as told:
        (receipt,) = await told(alert(), edges=[fired(alert())])
        assert (receipt.receiver, receipt.accepted, receipt.final) == ("pager/refused", False, True)
        assert receipt.explanation == f"Refused: {alert().identity}: Http{status[:3]}: no"
        hook.status = lambda body: "200 OK"
        other, still = await told(alert(), execution(1), edges=[fired(execution(1))])
        assert other.accepted and not still.accepted
        (over,) = await told(execution(1), edges=[resolved(alert(), 9)])
        assert (over.receiver, over.accepted) == ("pager/refused", True)
        assert await told(execution(1), edges=[latched(execution(1), 9)]) == []
    assert [brief.split()[0] for brief in hook.brief] == ["ExecutionWorkloadAboveZero", "Number1"]


async def test_a_refusal_beside_what_is_to_come_again_does_not_settle_it() -> None:
    hook = Hook(lambda body: "400 Bad" if "Number1" in str(body["commonLabels"]) else "500 Down")
    pages = [execution(1), execution(2)]
    async with called(hook) as told:
        receipts = await told(*pages, edges=[fired(page) for page in pages])
        assert [(r.receiver, r.accepted, r.final) for r in receipts] == [
            ("pager", False, False),
            ("pager/refused", False, False),
        ]
        hook.status = lambda body: "200 OK"
        receipts = await told(*pages, edges=[fired(page) for page in pages])
    assert [r.receiver for r in receipts] == ["pager", "pager/refused"] and receipts[0].accepted and receipts[1].final
    assert [brief.split()[0] for brief in hook.brief].count("Number1") == 1


async def test_a_refusal_that_is_over_settles_nothing_that_failed() -> None:
    hook = Hook(lambda body: "400 Bad")
    async with called(hook) as told:
        await told(alert(), edges=[fired(alert())])
        hook.status = lambda body: "500 Down"
        edges = [resolved(alert(), 9), fired(execution(1), 9)]
        receipts = await told(execution(1), edges=edges)
        assert [(r.receiver, r.accepted, r.final) for r in receipts] == [("pager", False, False)]
        hook.status = lambda body: "200 OK"
        receipts = await told(execution(1), edges=edges)
    assert [(r.receiver, r.accepted) for r in receipts] == [("pager", True), ("pager/refused", True)]


async def test_a_kept_connection_that_was_closed_costs_no_attempt() -> None:
    hook = Hook()
    async with called(hook) as told:
        await told(alert(), edges=[fired(alert())])
        hook.hang_ups = 1
        (receipt,) = await told(execution(1), edges=[fired(execution(1))])
    assert receipt.accepted


async def test_the_path_of_a_url_is_a_secret_and_is_not_shown() -> None:
    page = [fired(alert())]
    echoing = Hook(lambda body: "500 Down")
    async with serving(not_http) as url, receiver(f"{url}/services/T0/s3cr3t?a=s3cr3t") as told:
        (receipt,) = await told(alert(), edges=page)
    assert receipt.explanation.startswith("NotHttp") and "s3cr3t" not in receipt.explanation
    async with serving(echoing.answer) as url, receiver(f"{url}/s3cr3t") as told:
        echoing.says = f"cannot POST {url}/s3cr3t with password=s3cr3t"
        (receipt,) = await told(alert(), edges=page)
    assert receipt.explanation.startswith("Http500: cannot POST") and "s3cr3t" not in receipt.explanation


async def test_one_that_fails_blocks_no_other_and_what_was_taken_is_not_sent_again() -> None:
    pages = [execution(number) for number in range(20)]
    hook = Hook(lambda body: "500 Down" if "Number3" in str(body["commonLabels"]) else "200 OK")
    edges = [fired(page, number) for number, page in enumerate(pages)]
    async with called(hook) as told:
        (receipt,) = await told(*pages, edges=edges)
        assert not receipt.accepted and len(receipt.reports) == 19
        (receipt,) = await told(*pages, edges=edges)
        assert not receipt.accepted and receipt.reports == ()
    assert hook.brief[20:] == ["Number3 0 firing"]
    assert hook.most <= 8


async def test_an_end_that_was_not_taken_comes_again_and_the_page_does_not() -> None:
    hook = Hook(lambda body: "500 Down" if body["status"] == "resolved" else "200 OK")
    edges = [fired(alert()), resolved(alert(), 0.2), unheard(alert())]
    async with called(hook, when="fallback") as told:
        await told(edges=edges)
        hook.status = lambda body: "200 OK"
        (receipt,) = await told(edges=edges)
        assert receipt.accepted
    assert [brief.split()[-1] for brief in hook.brief] == ["firing", "resolved", "resolved"]


async def test_a_page_that_was_taken_is_not_ended_by_an_older_end_that_comes_again() -> None:
    hook = Hook(lambda body: "500 Down" if "around" in str(body) else "200 OK")
    again = replace(alert(since=T0.plus(60)), told_at=T0.plus(60))
    edges = [fired(alert()), resolved(alert(), 5), fired(again, 60), escalated(again, "pager")]
    async with called(hook) as told:
        await told(again, edges=edges)
        hook.status = lambda body: "200 OK"
        await told(again, edges=edges)
    assert [brief.split()[-1] for brief in hook.brief] == ["firing", "resolved", "firing", "firing", "firing"]


async def test_after_an_outage_the_worst_comes_first_and_within_a_sev_the_newest() -> None:
    pages = [execution(1), execution(2, Sev.SEV1), execution(3), execution(4, Sev.SEV1)]
    gone = [resolved(execution(5), 9)]
    hook = Hook()
    edges = [fired(page, number) for number, page in enumerate(pages)]
    async with called(hook, sev=Sev.SEV1) as told:
        await told(execution(5), edges=[fired(execution(5))])
        hook.down = True
        (receipt,) = await told(*pages, edges=[*edges, *gone])
        assert not receipt.accepted and receipt.explanation.endswith("; 5 alerts to go")
        hook.heard.clear()
        hook.down = False
        await told(*pages, edges=[*edges, *gone])
    assert hook.brief == ["Number3 0 firing", "Number1 0 firing", "Number4 1 firing", "Number2 1 firing",
                          "Number5 0 resolved"]  # fmt: skip


async def test_what_is_new_goes_before_what_failed_within_its_sev() -> None:
    hook = Hook(lambda body: "500 Down")
    old, new, mild = execution(9), execution(1), execution(5, Sev.SEV1)
    async with called(hook, sev=Sev.SEV1) as told:
        await told(old, edges=[fired(old, 9)])
        await told(old, new, mild, edges=[fired(mild, 5), fired(new, 1), fired(old, 9)])
    assert [brief.split()[0] for brief in hook.brief] == ["Number9", "Number1", "Number9", "Number5"]


async def test_who_asks_to_be_left_alone_is_and_not_for_long() -> None:
    hook = Hook(lambda body: "429 Too Many Requests", headers=("Retry-After: 3600",))
    pages = [execution(number) for number in range(20)]
    edges = [fired(page) for page in pages]
    async with called(hook) as told:
        await told(*pages, edges=edges)
        assert len(hook.heard) == 8
        told.clock.pass_(4.9)
        with pytest.raises(Unreachable, match="AskedToWait"):
            await told(*pages, edges=edges)
        assert len(hook.heard) == 8
        told.clock.pass_(0.2)
        hook.status, hook.headers = lambda body: "200 OK", ()
        (receipt,) = await told(*pages, edges=edges)
        assert receipt.accepted and len(receipt.reports) == 20


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [("", 0), ("2", 2), ("600", 5), ("Mon, 23 Nov 2026 15:00:03 GMT", 3), ("Mon, 23 Nov 2020 15:00:03 GMT", 0),
     ("soon", 0), ("-1", 0), ("²", 0), ("9" * 5000, 5)],
)  # fmt: skip
def test_a_request_to_wait_is_a_number_or_a_date_and_bounded(retry_after: str, seconds: float) -> None:
    assert asked_to_wait(Answer(429, {"retry-after": retry_after}, b""), T0) == seconds


async def test_who_hangs_costs_an_attempt_and_is_told_so() -> None:
    pages = [execution(number) for number in range(40)]
    async with serving(hang) as url, receiver(url, timeout=0.1) as told:
        (receipt,) = await told(*pages, edges=[fired(page) for page in pages])
    assert receipt.explanation == "Timeout: no whole answer within 0.1 s; 40 alerts to go"


@pytest.mark.parametrize(
    "stanza",
    [{"hmac_key_file": "/none"}, {"hmac_key_file": "/empty"}, {"bearer_token_file": "/none"},
     {"bearer_token_file": "/two"}],
)  # fmt: skip
async def test_without_its_secret_nothing_is_sent_and_it_says_why(stanza: dict[str, Any]) -> None:
    hook = Hook()
    async with called(hook, **stanza) as told:
        with pytest.raises(Unreachable, match="NoCredentials") as refused:
            await told(alert(), edges=[fired(alert())])
        assert "a b" not in str(refused.value)
    assert hook.heard == []


async def test_a_secret_that_is_missing_is_found_before_the_first_page() -> None:
    hook = Hook()
    async with called(hook, hmac_key_file="/none") as told:
        with pytest.raises(Unreachable, match="NoCredentials"):
            await told.part.publish(Batch(level(), (), True), told.ports)
    async with called(hook, hmac_key_file="/key") as told:
        assert await told.part.publish(Batch(level(), (), True), told.ports) == []
    assert told.part.renew_every == 30.0 and hook.heard == []


FAR = datetime.max.replace(tzinfo=timezone(timedelta(hours=-14)))
"""A time that has no name in UTC."""


async def test_an_alert_that_cannot_be_told_whole_is_told_bare_and_takes_no_other_with_it() -> None:
    odd = replace(execution(1), active_since=Instant(FAR, -5.0))
    pages = [odd, *(execution(number) for number in range(2, 20))]
    hook = Hook()
    async with called(hook) as told:
        (receipt,) = await told(*pages, edges=[fired(page) for page in pages])
        assert receipt.accepted and len(receipt.reports) == 19
        await told(*pages[1:], edges=[resolved(odd, 9)])
    (bare,) = (heard.body["alerts"][0] for heard in hook.heard if heard.brief == "Number1 0 firing")
    assert bare["annotations"]["summary"].startswith(f"{odd.identity} (the rest cannot be told: OverflowError: ")
    assert bare["startsAt"] == "2026-11-23T15:00:00.000Z" and len(hook.heard) == 20


async def test_one_that_cannot_be_told_at_all_is_a_finding_and_takes_no_other_with_it() -> None:
    odd = replace(execution(1), description=Description({"name\ud800": "x"}, {}))
    pages = [odd, *(execution(number) for number in range(2, 20))]
    hook = Hook()
    async with called(hook) as told:
        receipt, refused = await told(*pages, edges=[fired(page) for page in pages])
    assert receipt.accepted and len(receipt.reports) == len(hook.heard) == 18
    assert (refused.receiver, refused.accepted, refused.final) == ("pager/refused", False, True)
    assert refused.explanation.startswith(f"Refused: {odd.identity}: it cannot be encoded: UnicodeEncodeError: ")


async def test_what_nobody_foresaw_of_one_page_takes_no_other_with_it_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    send = Call.send

    async def fails(call: Call, body: bytes, attributes: Mapping[str, str]) -> str:
        if b"Number1" in body:
            raise LookupError("cannot call https://x/secret")
        return await send(call, body, attributes)

    monkeypatch.setattr(Call, "send", fails)
    pages = [execution(number) for number in (*range(10, 20), 2, 3, 4)]  # ten of them fail, more than go at once
    edges = [fired(page, number) for number, page in enumerate(reversed(pages))]
    hook = Hook()
    async with called(hook) as told:
        (receipt,) = await told(*pages, edges=edges)
        assert not receipt.accepted and len(receipt.reports) == 3
        assert receipt.explanation == "LookupError: cannot call https://x/…; 10 alerts to go"
        monkeypatch.undo()
        (receipt,) = await told(*pages, edges=edges)
    assert receipt.accepted and len(receipt.reports) == 10 and len(hook.heard) == 13
