"""Receivers that are slow, hang or were away for long: who waits for whom, and for how long; mostly in virtual time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import pytest

from tests.alerts import alert, fired, level
from tests.fakes import Outside
from tests.loopback import hang, serving
from tests.outlets.hooks import (
    RULES,
    Heard,
    Hook,
    execution,
    receiver,
)
from tests.virtual import in_virtual_time
from watchdog.core.alert import Alert
from watchdog.core.report import Accepted
from watchdog.core.severity import Sev
from watchdog.outlets import Batch, Receipt
from watchdog.outlets.webhook import Webhook
from watchdog.outlets.webhook.recipient import Recipient
from watchdog.ports import Answer, Unreachable
from watchdog.supervision import Inbox, Outbox, watch_over_outlet


@dataclass
class Slow:
    """Takes ``seconds`` for each request, of which it is given ``timeout``."""

    seconds: float
    asked: int = 0

    async def post(self, url: str, body: bytes, *, timeout: float, **more: Any) -> Answer:
        self.asked += 1
        await asyncio.sleep(min(self.seconds, timeout))
        if self.seconds > timeout:
            raise Unreachable("Timeout", f"no whole answer within {timeout:g} s")
        return Answer(200, {}, b"")


def in_one_publish(http: Slow, pages: int) -> tuple[Receipt, float]:
    """Its receipt, and how long it took; one attempt may take a second."""

    async def story() -> tuple[Receipt, float]:
        (part,) = Webhook((Recipient("pager", "http://pager/"),), timeout=1.0).parts()
        ports = replace(Outside().ports(), http=http)  # type: ignore[arg-type]
        alerts = [execution(number) for number in range(pages)]
        (receipt,) = await part.publish(Batch(level(*alerts), tuple(map(fired, alerts))), ports)
        return receipt, asyncio.get_running_loop().time()

    return in_virtual_time(story())


def test_who_is_slow_keeps_what_he_took_and_no_page_waits_for_long_behind_others() -> None:
    receipt, took = in_one_publish(Slow(0.6), 40)
    assert not receipt.accepted and len(receipt.reports) == 24 and took < 2
    assert receipt.explanation == "Timeout: it is slower than 2 s; 16 alerts to go"


def test_who_does_not_answer_a_few_is_not_asked_to_take_the_rest() -> None:
    receipt, took = in_one_publish(http := Slow(60), 40)
    assert (http.asked, took) == (8, 1.0)
    assert receipt.explanation == "Timeout: no whole answer within 1 s; 40 alerts to go"


async def test_one_that_hangs_delays_no_other() -> None:
    hook = Hook()
    async with serving(hang) as hanging, serving(hook.answer) as sound, receiver(sound) as told:
        both = Webhook((Recipient("a", hanging), Recipient("b", sound)), timeout=30.0)
        inbox, batch = Inbox(), level(alert())
        tasks = []
        for part in both.parts():
            outbox = Outbox()
            outbox.put(replace(batch, edges=(fired(alert()),)), wake=False)
            tasks.append(asyncio.create_task(watch_over_outlet(part, outbox, told.ports, inbox, RULES)))
        async with asyncio.timeout(5):
            await inbox.something_new_or(5)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert [report.receiver for report in inbox.reports() if isinstance(report, Accepted)] == ["b"]
    assert hook.brief == ["ExecutionWorkloadAboveZero 0 firing"]


def test_after_ten_minutes_away_all_is_told_once_and_the_newest_first() -> None:
    heard: list[str] = []

    class Away:
        until = 600.0

        async def post(self, url: str, body: bytes, **more: Any) -> Answer:
            if asyncio.get_running_loop().time() < self.until:
                raise Unreachable("ConnectionRefused")
            heard.append(Heard({}, body).brief)
            return Answer(200, {}, b"")

    async def story() -> int:
        (part,) = Webhook((Recipient("pager", "http://pager/"),)).parts()
        outbox, inbox = Outbox(), Inbox()
        ports = replace(Outside().ports(), http=Away())  # type: ignore[arg-type]
        running = asyncio.create_task(watch_over_outlet(part, outbox, ports, inbox, RULES))
        pages: list[Alert] = []
        for number in range(30):
            pages.append(execution(number))
            outbox.put(replace(level(*pages), edges=(fired(pages[-1], number),)), wake=False)
            await asyncio.sleep(20)
        await asyncio.sleep(10)
        running.cancel()
        return len([r for r in inbox.reports() if isinstance(r, Accepted)])

    assert in_virtual_time(story()) == 30
    assert heard == [f"Number{number} 0 firing" for number in reversed(range(30))]


def test_what_is_refused_for_good_is_not_tried_for_ever() -> None:
    asked: list[float] = []

    class Refusing:
        async def post(self, url: str, body: bytes, **more: Any) -> Answer:
            asked.append(asyncio.get_running_loop().time())
            return Answer(422, {}, b"")

    async def story() -> tuple[int, bool]:
        (part,) = Webhook((Recipient("pager", "http://pager/"),)).parts()
        outbox, inbox = Outbox(), Inbox()
        ports = replace(Outside().ports(), http=Refusing())  # type: ignore[arg-type]
        running = asyncio.create_task(watch_over_outlet(part, outbox, ports, inbox, RULES))
        outbox.put(replace(level(alert()), edges=(fired(alert()),)), wake=False)
        await asyncio.sleep(60)
        running.cancel()
        return len(asked), outbox.empty

    assert in_virtual_time(story()) == (1, True)


def test_a_sev_0_waits_for_no_other_alerts_retry() -> None:
    heard: list[tuple[float, str]] = []

    class Poisoned:
        async def post(self, url: str, body: bytes, **more: Any) -> Answer:
            said = Heard({}, body).brief
            heard.append((asyncio.get_running_loop().time(), said.split()[0]))
            return Answer(500 if "Number0" in said else 200, {}, b"")

    async def story() -> None:
        (part,) = Webhook((Recipient("pager", "http://pager/", sev=Sev.SEV1),)).parts()
        outbox = Outbox()
        ports = replace(Outside().ports(), http=Poisoned())  # type: ignore[arg-type]
        running = asyncio.create_task(watch_over_outlet(part, outbox, ports, Inbox(), RULES))
        poison, mild, bad = execution(0), execution(1, Sev.SEV1), execution(2)
        outbox.put(replace(level(poison), edges=(fired(poison),)), wake=False)
        await asyncio.sleep(20.5)
        outbox.put(replace(level(poison, mild), edges=(fired(mild, 1),)), wake=False)
        await asyncio.sleep(0.1)
        outbox.put(replace(level(poison, mild, bad), edges=(fired(bad, 2),)), wake=False)
        await asyncio.sleep(30)
        running.cancel()

    in_virtual_time(story())
    assert [at for at, name in heard if name == "Number2"] == [pytest.approx(20.6)]
    tries = [at for at, name in heard if name == "Number0"]
    assert max(later - earlier for earlier, later in pairwise(tries)) <= 2.0
    assert len(tries) < 40
