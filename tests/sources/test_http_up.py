"""Services that only answer (domain.md §6): what is up, and every way not to be."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes import HandClock, Outside, ScriptedHttp
from tests.loopback import Answering as Server
from tests.loopback import endless, half, hang, hang_up, not_http, serving, whole
from watchdog.adapters.http import AioHttp
from watchdog.core.facts import Service, Unknown
from watchdog.ports import Answer, Unreachable
from watchdog.sources.http_up import Answering, HttpUp

URL = "http://ops-ui/"
OPS_UI = Answering("agenttrader-ops-ui", URL, "informational")


async def answered(reply: Answer | Unreachable, service: Answering = OPS_UI) -> Service:
    ports = Outside(clock=HandClock(), http=ScriptedHttp(reply)).ports()
    facts = await anext(HttpUp("up", (service,)).streams()[service.service].looks(ports))
    (fact,) = facts.seen
    assert isinstance(fact, Service) and facts.at is not None
    return fact


@pytest.mark.parametrize("status", [200, 204, 299])
async def test_whoever_answers_2xx_is_up_and_healthy_and_says_nothing_of_itself(status: int) -> None:
    seen = await answered(Answer(status, {}, b"<!doctype html>"))
    assert (seen.up, seen.healthy, seen.state, seen.reports) == (True, True, "", False)
    assert (seen.service, seen.url, seen.criticality) == ("agenttrader-ops-ui", URL, "informational")
    assert seen.explanation == f"it answers {status}"
    assert isinstance(seen.heartbeat_age_seconds, Unknown) and isinstance(seen.data_age_seconds, Unknown)


@pytest.mark.parametrize("status", [199, 304, 400, 401, 403, 404, 429, 500, 502, 503])
async def test_every_other_status_is_down(status: int) -> None:
    seen = await answered(Answer(status, {}, b""))
    assert (seen.up, seen.healthy) == (False, False) and seen.explanation.startswith(f"it answers {status}")


async def test_a_redirect_to_a_login_page_is_the_proxys_answer_and_down_unless_it_is_expected() -> None:
    login = Answer(302, {"location": "https://login.example/"}, b"")
    seen = await answered(login)
    assert (seen.up, seen.explanation) == (False, "it answers 302, a redirect, which is not followed")
    behind = Answering("agenttrader-ops-ui", URL, statuses=(302,))
    assert (await answered(login, behind)).up is True
    assert (await answered(Answer(200, {}, b""), behind)).up is False


async def test_a_page_that_needs_a_login_can_be_expected_to_say_so() -> None:
    assert (await answered(Answer(401, {}, b""), Answering("a", URL, statuses=(200, 401)))).up is True


async def test_who_is_not_there_is_down_and_the_fact_says_why() -> None:
    seen = await answered(Unreachable("ConnectionRefused", "nobody listens there"))
    assert (seen.up, seen.explanation) == (False, "ConnectionRefused: nobody listens there")


SERVERS: dict[str, tuple[Server, str]] = {
    "hangs": (hang, "Timeout"),
    "hangs up": (hang_up, "Disconnected"),
    "never ends": (endless, "BodyTooLarge"),
    "breaks off": (half, "HalfAnswer"),
    "speaks no HTTP": (not_http, "NotHttp"),
    "redirects": (whole(b"", "302 Found", "Location: http://169.254.169.254/"), "it answers 302"),
}


@pytest.mark.parametrize("answer, reason", SERVERS.values(), ids=SERVERS.keys())
async def test_over_a_socket_too(answer: Server, reason: str) -> None:
    async with serving(answer) as url, AioHttp() as http:
        source = HttpUp("up", (Answering("x", url),), timeout=0.2 if reason == "Timeout" else 5.0)
        (fact,) = (await anext(source.streams()["x"].looks(Outside(http=http).ports()))).seen
    assert isinstance(fact, Service) and not fact.up and fact.explanation.startswith(reason)


def test_each_service_is_a_stream_of_its_own() -> None:
    streams = HttpUp("up", (Answering("a", "http://a"), Answering("b", "http://b"))).streams()
    assert list(streams) == ["a", "b"] and streams["a"].coverage.provides == {"service"}


REFUSED: list[Any] = [
    lambda: HttpUp("up", ()),
    lambda: HttpUp("up", (Answering("a", "http://a"), Answering("a", "http://b"))),
    lambda: HttpUp("up", (Answering("a", "http://a"),), poll_interval=0),
    lambda: HttpUp("up", (Answering("a", "http://a"),), timeout=0),
    lambda: HttpUp("up", (Answering("a", "http://a"),), stale_after=7),
    lambda: Answering("a", "ftp://a"),
    lambda: Answering("", "http://a"),
    lambda: Answering("a", "http://a", statuses=(99,)),
]


@pytest.mark.parametrize("made", REFUSED)
def test_a_stanza_that_cannot_be_is_refused(made: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        made()
