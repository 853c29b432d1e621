"""The freshness of services (domain.md §6): the worst of what they say and what our clock says."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.fakes import START, HandClock, Outside, ScriptedHttp
from tests.loopback import Answering, endless, half, hang, serving, whole
from watchdog.adapters.clock import SystemClock
from watchdog.adapters.http import AioHttp
from watchdog.core.facts import Endpoint, Unknown
from watchdog.ports import Answer, Unreachable
from watchdog.sources.http_health import HttpHealth, Service

NOW = START.timestamp()
URL = "http://marketdata/healthz"
CONTRACT = {
    "service": "marketdata-mcp-server",
    "last_tick_epoch_seconds": NOW - 3,
    "age_seconds": 3.0,
    "max_age_seconds": 60,
    "ok": True,
    "forced_stale": False,
}


@dataclass
class Floor:
    """One market-data service, and a source that looks at it."""

    clock: HandClock = field(default_factory=HandClock)
    http: ScriptedHttp = field(default_factory=ScriptedHttp)
    source: HttpHealth = field(default_factory=lambda: HttpHealth("health", (Service("marketdata", URL),)))

    async def look(self, status: int = 200, **said: Any) -> Endpoint:
        body = {name: value for name, value in (CONTRACT | said).items() if value is not ...}
        return await self.answered(Answer(status, {}, json.dumps(body).encode()))

    async def answered(self, reply: Answer | Unreachable) -> Endpoint:
        """One look of a stream that was just started (again)."""
        self.http.reply = reply
        ports = Outside(clock=self.clock, http=self.http).ports()
        (fact,) = (await anext(self.source.streams()["marketdata"].looks(ports))).seen
        assert isinstance(fact, Endpoint)
        return fact


async def test_a_service_with_a_young_tick_is_fresh() -> None:
    assert await Floor().look() == Endpoint(
        "marketdata", URL, True, "its last tick is 3 s old (at most 60 s)", True, 3.0, 60.0, 0.0, 0.0, False
    )


async def test_it_is_stale_when_it_says_so_although_our_clock_sees_a_young_tick() -> None:
    seen = await Floor().look(503, ok=False)
    assert (seen.fresh, seen.says_ok, seen.lying) == (False, False, False)
    assert seen.explanation == "it says that it is stale: its last tick is 3 s old (at most 60 s)"


async def test_it_is_stale_when_our_clock_says_so_although_it_says_ok_and_then_it_lies() -> None:
    seen = await Floor().look(last_tick_epoch_seconds=NOW - 300)
    assert (seen.fresh, seen.says_ok, seen.lying, seen.age_seconds) == (False, True, True, 300.0)
    assert seen.explanation == "it says ok, but its last tick is 300 s old (at most 60 s)"


async def test_its_own_age_counts_where_it_is_the_worse_one() -> None:
    seen = await Floor().look(age_seconds=120.0)
    assert (seen.fresh, seen.lying, seen.age_seconds) == (False, True, 120.0)


async def test_the_stricter_of_both_maximum_ages_counts() -> None:
    assert (await Floor().look(max_age_seconds=3600, last_tick_epoch_seconds=NOW - 100)).fresh is False
    seen = await Floor().look(max_age_seconds=2)
    assert (seen.fresh, seen.max_age_seconds) == (False, 2.0)


async def test_at_the_border_two_clocks_that_differ_a_little_make_it_stale_but_no_liar() -> None:
    seen = await Floor().look(last_tick_epoch_seconds=NOW - 61, age_seconds=59.5)
    assert (seen.fresh, seen.lying) == (False, False)


async def test_a_tick_from_the_future_is_a_lying_gate() -> None:
    seen = await Floor().look(last_tick_epoch_seconds=NOW + 30, age_seconds=0)
    assert (seen.fresh, seen.lying, seen.tick_ahead_seconds) == (False, True, 30.0)
    assert seen.explanation == "it says ok, but its last tick lies 30 s in the future of our clock"


async def test_a_clock_skew_of_a_few_seconds_is_no_lie() -> None:
    seen = await Floor().look(last_tick_epoch_seconds=NOW + 4, age_seconds=0)
    assert (seen.fresh, seen.lying, seen.tick_ahead_seconds) == (True, False, 4.0)


async def test_forced_stale_beside_ok_is_a_lie_and_without_ok_it_is_stale() -> None:
    assert (await Floor().look(forced_stale=True)).lying is True
    seen = await Floor().look(503, forced_stale=True, ok=False)
    assert (seen.fresh, seen.lying, seen.explanation) == (False, False, "it is forced stale")


async def test_ok_with_a_status_that_is_not_200_is_stale() -> None:
    seen = await Floor().look(503)
    assert (seen.fresh, seen.says_ok, seen.lying) == (False, False, False)
    assert seen.explanation.startswith("it says ok with status 503")


async def test_how_long_a_tick_stands_still_is_our_own_observation_across_restarts_of_the_stream() -> None:
    floor = Floor()
    await floor.look()
    floor.clock.pass_(40)
    floor.clock.shift(-3600)
    assert (await floor.look()).tick_still_seconds == 40.0
    await floor.answered(Unreachable("Timeout"))
    floor.clock.pass_(5)
    assert (await floor.look()).tick_still_seconds == 45.0
    assert (await floor.look(last_tick_epoch_seconds=NOW - 1)).tick_still_seconds == 0.0


async def test_a_wall_clock_that_steps_back_does_not_make_a_stale_tick_fresh() -> None:
    floor = Floor()
    assert (await floor.look(last_tick_epoch_seconds=NOW - 3630, age_seconds=0)).fresh is False
    floor.clock.shift(-3600)
    seen = await floor.look(last_tick_epoch_seconds=NOW - 3630, age_seconds=0)
    assert (seen.fresh, seen.age_seconds) == (False, 3630.0)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"last_tick_epoch_seconds": ...}, "BadAnswer: it answers otherwise than agreed: Object missing required field"),
    ({"last_tick_epoch_seconds": None}, "BadAnswer: it answers otherwise than agreed: Expected `float`, got `null`"),
    (
        {"last_tick_epoch_seconds": "1700000000"},
        "BadAnswer: it answers otherwise than agreed: Expected `float`, got `str`",
    ),
    ({"last_tick_epoch_seconds": True}, "BadAnswer: it answers otherwise than agreed: Expected `float`, got `bool`"),
    ({"last_tick_epoch_seconds": float("nan")}, "BadAnswer: it answers otherwise than agreed: JSON is malformed"),
    ({"age_seconds": float("inf")}, "BadAnswer: it answers otherwise than agreed: JSON is malformed"),
    ({"age_seconds": -1}, "BadAnswer: it answers otherwise than agreed: a time below 0"),
    ({"max_age_seconds": "60"}, "BadAnswer: it answers otherwise than agreed: Expected `float | null`, got `str`"),
    ({"ok": "true"}, "BadAnswer: it answers otherwise than agreed: Expected `bool`, got `str`"),
    ({"ok": 1}, "BadAnswer: it answers otherwise than agreed: Expected `bool`, got `int`"),
    ({"ok": ...}, "BadAnswer: it answers otherwise than agreed: Object missing required field `ok`"),
]


@pytest.mark.parametrize(("said", "explanation"), BAD)
async def test_an_answer_that_is_not_the_contracts_is_stale_and_says_why(
    said: dict[str, Any], explanation: str
) -> None:
    seen = await Floor().look(**said)
    assert (seen.fresh, seen.lying) == (False, False)
    assert seen.explanation.startswith(explanation)
    assert isinstance(seen.says_ok, Unknown) and isinstance(seen.age_seconds, Unknown)


@pytest.mark.parametrize(
    ("reply", "explanation"),
    [
        (Unreachable("Timeout", "no whole answer within 2 s"), "Timeout: no whole answer within 2 s"),
        (Answer(302, {"location": "/other"}, b""), "Redirect: it answers 302, a redirect, which is not followed"),
        (Answer(500, {}, b"<html>oops"), "Http500: it answers 500"),
        (Answer(404, {}, json.dumps(CONTRACT).encode()), "Http404: it answers 404"),
        (Answer(200, {}, b""), "BadAnswer: it answers otherwise than agreed: Input data was truncated"),
        (Answer(200, {}, b"\xff\xfe"), "BadAnswer: it answers otherwise than agreed: "),
        (Answer(200, {}, b"[" * 60_000), "BadAnswer: it answers otherwise than agreed: "),
        (
            Answer(200, {}, b'{"ok":true,"last_tick_epoch_seconds":1e999}'),
            "BadAnswer: it answers otherwise than agreed: ",
        ),
    ],
)
async def test_any_error_is_stale_and_says_why(reply: Answer | Unreachable, explanation: str) -> None:
    seen = await Floor().answered(reply)
    assert (seen.fresh, seen.lying) == (False, False)
    assert seen.explanation.startswith(explanation)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (hang, "Timeout"),
        (endless, "BodyTooLarge"),
        (half, "HalfAnswer"),
        (whole(b"", "301 Moved Permanently", "Location: http://169.254.169.254/"), "Redirect"),
        (whole(b"x" * 70_000), "BodyTooLarge"),
    ],
)
async def test_a_real_server_that_misbehaves_is_stale_with_its_reason(answer: Answering, reason: str) -> None:
    async with serving(answer) as url, AioHttp() as http:
        source = HttpHealth("health", (Service("marketdata", url),), timeout=0.2)
        ports = Outside(clock=SystemClock(), http=http).ports()
        (fact,) = (await anext(source.streams()["marketdata"].looks(ports))).seen
    assert isinstance(fact, Endpoint) and not fact.fresh
    assert fact.explanation.startswith(f"{reason}: ")


def test_each_service_is_a_stream_of_its_own() -> None:
    source = HttpHealth("health", (Service("a", "http://a/"), Service("b", "http://b/")))
    assert list(source.streams()) == ["a", "b"]


@pytest.mark.parametrize(
    ("stanza", "sentence"),
    [
        ({"services": ()}, "services: expected at least one"),
        ({"services": (Service("a", URL), Service("a", URL))}, "each with a name of its own"),
        ({"timeout": 0}, "poll_interval and timeout above 0"),
        ({"stale_after": 7}, "stale_after: expected more than poll_interval and timeout together"),
    ],
)
def test_a_wrong_stanza_is_refused_in_one_sentence(stanza: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        HttpHealth(**({"name": "health", "services": (Service("a", URL),)} | stanza))


def test_a_service_without_an_http_url_or_an_age_is_refused() -> None:
    with pytest.raises(ValueError, match=r"url: expected an http\(s\) URL, found 'marketdata'"):
        Service("a", "marketdata")
    with pytest.raises(ValueError, match="max_age_seconds above 0"):
        Service("a", URL, 0)
