"""Receivers that are called directly: what they hear, and when; a real server, and the real Pub/Sub emulator."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.alertmanager import running
from tests.alerts import T0, alert, fired, latched, level, resolved, risen
from tests.outlets.hooks import (
    KEY,
    MINOR,
    Hook,
    called,
    escalated,
    execution,
    said,
    unheard,
)
from watchdog.adapters.clock import SystemClock
from watchdog.core.alert import Acknowledgement, Alert, EdgeKind, Identity
from watchdog.core.assessment import Assessment
from watchdog.core.delivery import Deliveries, Delivery
from watchdog.core.report import Accepted
from watchdog.core.severity import Sev
from watchdog.core.table import Table
from watchdog.outlets.webhook import Webhook
from watchdog.outlets.webhook.recipient import Recipient

# What is sent


async def test_a_page_is_called_with_its_signature_and_its_key() -> None:
    hook = Hook()
    async with called(hook, hmac_key_file="/key", bearer_token_file="/token", headers={"X-Team": "floor"}) as told:
        (receipt,) = await told(alert(), edges=[fired(alert())])
    (heard,) = hook.heard
    assert heard.headers["x-watchdog-signature"] == f"sha256={hmac.new(KEY, heard.raw, hashlib.sha256).hexdigest()}"
    assert (heard.headers["authorization"], heard.headers["x-team"]) == ("Bearer t0ken", "floor")
    assert heard.headers["content-type"] == "application/json" and len(heard.headers["idempotency-key"]) == 64
    assert heard.body["externalURL"] == "http://watchdog:8080" and heard.body["receiver"] == "pager"
    assert receipt.accepted and receipt.at == told.clock.now()
    (report,) = receipt.reports
    assert report == Accepted(alert().identity, "pager", 0.0, told.clock.now(), told.clock.now(), peer=False)


async def test_a_body_is_what_a_real_alertmanager_posts_of_the_same_alert(
    alertmanager_binary: str, tmp_path: Path
) -> None:
    """But for its own names and its address nothing differs, the order of the keys included."""
    hook, page = Hook(), alert(since=SystemClock().now())
    page = replace(page, description=replace(page.description, labels={"odd": 'a "b" \\ é'}))
    async with running(alertmanager_binary, tmp_path) as real, called(hook) as told:
        await told(page, edges=[fired(page)])
        (sent,) = hook.heard[0].body["alerts"]
        posted = {name: sent[name] for name in ("labels", "annotations", "startsAt", "generatorURL")}
        headers = {"content-type": "application/json"}
        url, request = f"{real.url}/api/v2/alerts", json.dumps([posted]).encode()
        assert (await told.ports.http.post(url, request, headers=headers, timeout=5, limit=1 << 16)).status == 200
        await real.notified("firing", sev="0")
    theirs, ours = real.called[0], hook.heard[0].body
    assert list(ours) == list(theirs) and list(ours["alerts"][0]) == list(theirs["alerts"][0])
    for body in (theirs, ours):
        body["alerts"][0]["startsAt"] = datetime.fromisoformat(body["alerts"][0]["startsAt"])
        del body["receiver"], body["externalURL"]
    assert ours == theirs


async def test_it_counts_as_heard_once_all_of_what_fired_was_taken() -> None:
    """Who hears of a part says nothing of how late the rest is."""
    async with called(Hook()) as told:
        (receipt,) = await told(alert(), MINOR, edges=[fired(alert()), fired(MINOR)])
    assert receipt.accepted and receipt.at is None


async def test_both_lives_send_one_key_for_one_page() -> None:
    hook = Hook()
    for _ in range(2):
        async with called(hook) as told:
            await told(alert(), edges=[fired(alert())])
    assert len({heard.headers["idempotency-key"] for heard in hook.heard}) == 1


# To whom


ALWAYS, FALLBACK, ESCALATION = ({"when": when} for when in ("always", "fallback", "escalation"))


@pytest.mark.parametrize(
    ("stanza", "heard"),
    [
        (ALWAYS, ["fired", "rose", "refired", "restored"]),
        (FALLBACK, ["unheard"]),
        (ESCALATION, []),
    ],
)
async def test_each_hears_of_the_edges_that_are_for_it(stanza: dict[str, Any], heard: list[str]) -> None:
    found = []
    for kind in EdgeKind:
        hook = Hook()
        async with called(hook, **stanza) as told:
            await told(alert(), edges=[said(kind, alert())])
        found += [str(kind)] if hook.heard else []
    assert found == heard


@pytest.mark.parametrize("stanza", [ALWAYS, FALLBACK, ESCALATION])
async def test_what_escalates_goes_to_whom_it_names_and_to_nobody_else(stanza: dict[str, Any]) -> None:
    hook = Hook()
    async with called(hook, **stanza) as told:
        await told(MINOR, edges=[escalated(MINOR, "boss")])
        assert hook.brief == []
        await told(MINOR, edges=[escalated(MINOR, "boss", "pager")])
    assert hook.brief == ["MarketDataStale 1 firing"]
    assert hook.heard[0].body["alerts"][0]["annotations"]["around"] == "nobody has acknowledged it within 300 s"


@pytest.mark.parametrize(
    ("stanza", "heard"),
    [({}, 1), ({"sev": Sev.SEV1}, 2), ({"sev": Sev.SEV0}, 1), ({"sev": Sev.SEV2}, 3)],
)
async def test_always_hears_of_a_page_that_is_bad_enough(stanza: dict[str, Any], heard: int) -> None:
    pages = [execution(sev, Sev(sev)) for sev in range(3)]
    hook = Hook()
    async with called(hook, **stanza) as told:
        await told(*pages, edges=[fired(page) for page in pages])
    assert len(hook.heard) == heard


async def test_the_other_path_is_not_closed_to_what_is_milder() -> None:
    hook = Hook()
    async with called(hook, when="fallback") as told:
        await told(MINOR, edges=[unheard(MINOR)])
    assert hook.brief == ["MarketDataStale 1 firing"]


# Ends


async def test_an_end_is_told_to_who_was_told_of_its_beginning() -> None:
    hook = Hook()
    async with called(hook, when="fallback") as told:
        await told(alert(), MINOR, edges=[fired(alert()), fired(MINOR), unheard(alert())])
        await told(edges=[resolved(alert(), 9), resolved(MINOR, 9)])
        await told(edges=[resolved(alert(), 10)])
    assert hook.brief == ["ExecutionWorkloadAboveZero 0 firing", "ExecutionWorkloadAboveZero 0 resolved"]


async def test_what_is_known_to_be_over_is_paged_and_ends_at_once() -> None:
    """It went around after its end: nothing else would ever end it there."""
    hook = Hook()
    async with called(hook, when="fallback") as told:
        await told(edges=[fired(alert()), resolved(alert(), 0.2), unheard(alert())])
    assert [brief.split()[-1] for brief in hook.brief] == ["firing", "resolved"]


async def test_a_latch_and_an_acknowledgement_of_what_goes_on_are_no_end() -> None:
    hook = Hook()
    known = Acknowledgement("e", "ana", "on it", T0.wall, T0.wall)
    over = latched(alert(), 3)
    async with called(hook) as told:
        await told(alert(), edges=[fired(alert())])
        await told(over.alert, edges=[over])
        still = replace(alert(), acknowledged=known)
        await told(still, edges=[said(EdgeKind.ACKNOWLEDGED, still, 4)])
        assert len(hook.heard) == 1
        gone = replace(over.alert, acknowledged=known)
        await told(edges=[said(EdgeKind.ACKNOWLEDGED, gone, 5), resolved(gone, 5)])
    assert [brief.split()[-1] for brief in hook.brief] == ["firing", "resolved"]
    assert "ana" in hook.heard[1].body["alerts"][0]["annotations"]["acknowledged"]


async def test_a_rise_is_a_new_page_before_the_milder_one_ends() -> None:
    hook = Hook()
    worse = risen(MINOR, Sev.SEV0, 5)
    async with called(hook, sev=Sev.SEV1) as told:
        await told(MINOR, edges=[fired(MINOR)])
        await told(worse.alert, edges=[worse])
        await told(edges=[resolved(worse.alert, 9)])
    assert [brief.partition(" ")[2] for brief in hook.brief] == ["1 firing", "0 firing", "1 resolved", "0 resolved"]
    assert hook.heard[2].body["alerts"][0]["fingerprint"] == hook.heard[0].body["alerts"][0]["fingerprint"]


async def test_what_came_and_went_and_came_again_is_told_in_its_order() -> None:
    hook = Hook()
    again = replace(alert(since=T0.plus(60)), told_at=T0.plus(60))
    async with called(hook) as told:
        await told(again, edges=[fired(alert()), resolved(alert(), 5), fired(again, 60)])
    assert [brief.split()[-1] for brief in hook.brief] == ["firing", "resolved", "firing"]


# A restored alert


def restored(told: Alert, taken_by: str, told_at: float = 0.0) -> Assessment:
    accepted = {taken_by: Accepted(told.identity, taken_by, told_at, T0, T0, peer=False)}
    delivery = Delivery(told, T0, accepted)
    of = Table[Identity, Delivery]().with_({told.identity: delivery})
    return replace(level(told), deliveries=Deliveries(of))


@pytest.mark.parametrize(
    ("taken_by", "told_at", "heard"), [("pager", 0.0, []), ("other", 0.0, ["firing"]), ("pager", -60.0, ["firing"])]
)
async def test_a_restored_alert_is_told_unless_its_newest_page_was_taken(
    taken_by: str, told_at: float, heard: list[str]
) -> None:
    hook = Hook()
    page = replace(alert(), told_at=T0)
    async with called(hook) as told:
        await told(of=restored(page, taken_by, told_at), edges=[said(EdgeKind.RESTORED, page)])
        assert [brief.split()[-1] for brief in hook.brief] == heard
        await told(edges=[resolved(page, 9)])
    assert [brief.split()[-1] for brief in hook.brief] == [*heard, "resolved"]


async def test_a_restored_alert_that_somebody_has_acknowledged_wakes_nobody() -> None:
    hook = Hook()
    known = replace(alert(), acknowledged=Acknowledgement("e", "ana", "on it", T0.wall, T0.wall))
    async with called(hook) as told:
        await told(known, edges=[said(EdgeKind.RESTORED, known)])
    assert hook.brief == []


# The stanza


@pytest.mark.parametrize(
    ("stanza", "problem"),
    [
        ({"url": "pager"}, "url: expected an http"),
        ({"url": "http://a:b@pager/"}, "url: expected an http"),
        ({"url": "http://pager/#x"}, "url: expected an http"),
        ({}, "either a url or a topic"),
        ({"url": "http://pager/", "topic": "projects/agents/topics/pages"}, "either a url or a topic"),
        ({"topic": "pages"}, "topic: expected projects/"),
        ({"topic": "projects/agents/topics/pages", "endpoint": "x"}, "endpoint: expected host:port"),
        ({"topic": "projects/agents/topics/pages", "headers": {"a": "b"}}, "expected with a url"),
        ({"url": "http://pager/", "endpoint": "localhost:1"}, "endpoint: expected with a topic"),
        ({"url": "http://pager/", "headers": {"Idempotency-Key": "b"}}, "headers: expected"),
        ({"url": "http://pager/", "headers": {"a": "b\r\nc: d"}}, "headers: expected"),
        ({"url": "http://pager/", "headers": {"a b": "c"}}, "headers: expected"),
        ({"url": "http://pager/", "name": "a b"}, "name: expected"),
    ],
)
def test_a_receiver_that_cannot_be_is_refused(stanza: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Recipient(**{"name": "pager", **stanza})


def test_two_receivers_of_one_name_are_refused() -> None:
    one = Recipient("pager", "http://pager/")
    with pytest.raises(ValueError, match="'pager' stands twice"):
        Webhook((one, one))
    with pytest.raises(ValueError, match="at least one"):
        Webhook(())
