"""Named queries: each series is a metric with the age of its own sample; what cannot be seen is unknown, never zero."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from typing import Any

import pytest

from tests.fakes import MemoryFiles, Outside
from tests.sources.promql.api import BACKLOG, NOW, URL, Api, Desk, answer, matrix, sub, success, vector
from tests.virtual import in_virtual_time
from watchdog.core.facts import Metric, Unknown
from watchdog.core.observation import Point
from watchdog.ports import Answer, Ports, Unreachable
from watchdog.sources.promql import PromQL, readings
from watchdog.sources.promql.answer import over_time
from watchdog.sources.promql.stanza import Query

RATIO = Query("error_ratio_5xx", "sum(a) / sum(b)", sampled="evaluation")


def unknown(metric: Metric) -> str:
    assert isinstance(metric.value, Unknown)
    return metric.value.reason


# Values, and their own ages


async def test_each_series_is_a_metric_with_the_age_of_its_own_sample() -> None:
    desk = Desk()
    desk.says(("bars", "912"), ("ticks", "0.5"))
    desk.sampled(("bars", 62.0), ("ticks", 3.25))
    assert await desk.metrics() == {
        "bars": Metric(
            "oldest_unacked_seconds", "bars", 912.0, NOW - 62, 62.0, "important",
            "oldest_unacked_seconds of bars is 912, sampled 62 s ago",
        ),
        "ticks": Metric(
            "oldest_unacked_seconds", "ticks", 0.5, NOW - 3.25, 3.25, "important",
            "oldest_unacked_seconds of ticks is 0.5, sampled 3 s ago",
        ),
    }  # fmt: skip


async def test_when_the_samples_were_taken_is_asked_first_and_for_the_same_moment() -> None:
    """What arrives in between makes a value seem older than it is, never younger."""
    desk = Desk()
    desk.says(("s", "1"))
    await desk.look()
    assert desk.api.asked == [
        ("/api/v1/query", {"query": "timestamp(backlog_age)", "time": f"{NOW:.3f}"}),
        ("/api/v1/query", {"query": "backlog_age", "time": f"{NOW:.3f}"}),
    ]


async def test_an_expression_of_ones_own_tells_when_the_samples_were_taken() -> None:
    query = Query("backlog", "sum by (topic) (x)", sampled="min by (topic) (timestamp(x))", by=("topic",))
    desk = Desk(query)
    desk.api.replies[query.expr] = vector(({"topic": "bars"}, "5"))
    desk.api.replies[query.sampled] = vector(({"topic": "bars"}, repr(NOW - 40)))
    assert (await desk.one("bars")).age_seconds == 40.0


async def test_where_a_stanza_says_so_the_moment_of_the_evaluation_counts_and_one_question_is_enough() -> None:
    desk = Desk(RATIO)
    desk.api.replies[RATIO.expr] = vector(({}, "0.02"), at=NOW - 7)
    assert await desk.one("") == Metric(
        "error_ratio_5xx", "", 0.02, NOW - 7, 7.0, "important", "error_ratio_5xx is 0.02, sampled 7 s ago"
    )
    assert len(desk.api.asked) == 1


async def test_an_answer_out_of_an_old_cache_is_stale() -> None:
    desk = Desk(RATIO)
    desk.api.replies[RATIO.expr] = vector(({}, "0.02"), at=NOW - 3600)
    assert unknown(await desk.one("")) == "StaleSample"


async def test_a_scalar_is_one_value() -> None:
    query = Query("cycles", "scalar(x)", sampled="evaluation")
    desk = Desk(query)
    desk.api.replies[query.expr] = answer(success("scalar", [NOW, "3"]))
    assert (await desk.one("")).value == 3.0


async def test_a_sample_older_than_allowed_is_unknown_and_its_age_is_told() -> None:
    desk = Desk()
    desk.says(("s", "1"), age=300.0)
    assert (await desk.one()).value == 1.0
    desk.says(("s", "1"), age=300.5)
    seen = await desk.one()
    assert seen.value == Unknown("StaleSample", "it was sampled 300 s ago, and at most 300 s are allowed")
    assert (seen.age_seconds, seen.sampled_at) == (300.5, NOW - 300.5)
    assert seen.explanation.startswith("oldest_unacked_seconds of s is unknown: StaleSample: it was sampled 300 s ago")


async def test_a_sample_from_the_future_of_our_clock_is_unknown_beyond_a_few_seconds_of_skew() -> None:
    desk = Desk()
    desk.says(("s", "1"), age=-4.0)
    seen = await desk.one()
    assert (seen.value, seen.age_seconds) == (1.0, 0.0)
    desk.says(("s", "1"), age=-6.0)
    assert unknown(await desk.one()) == "FutureSample"


async def test_a_clock_of_ours_that_is_behind_makes_no_sample_young() -> None:
    desk = Desk()
    desk.says(("s", "1"), age=1.0)
    fresh = desk.api.replies[BACKLOG.expr]
    assert isinstance(fresh, Answer)
    desk.api.replies[BACKLOG.expr] = Answer(200, {"date": formatdate(NOW + 3600, usegmt=True)}, fresh.body)
    assert unknown(await desk.one()) == "StaleSample"
    desk.api.replies[BACKLOG.expr] = Answer(200, {"date": "a long time ago"}, fresh.body)
    assert (await desk.one()).value == 1.0


async def test_a_value_that_nothing_says_the_age_of_is_unknown() -> None:
    desk = Desk()
    desk.says(("s", "1"), ("t", "2"))
    desk.sampled(("t", 1.0))
    seen = await desk.metrics()
    assert unknown(seen["s"]) == "NoSampleTime"
    assert isinstance(seen["s"].age_seconds, Unknown) and seen["s"].sampled_at == 0.0
    assert seen["t"].value == 2.0


async def test_a_sampling_time_that_is_no_number_is_none() -> None:
    desk = Desk()
    desk.says(("s", "1"))
    desk.api.replies[BACKLOG.stamp] = vector((sub("s"), "NaN"))
    assert unknown(await desk.one()) == "NoSampleTime"


@pytest.mark.parametrize("text", ["NaN", "+Inf", "-Inf", "1e999"])
async def test_what_is_no_number_is_unknown_for_its_series_alone(text: str) -> None:
    desk = Desk()
    desk.says(("s", text), ("t", "2"))
    seen = await desk.metrics()
    assert unknown(seen["s"]) == "NotANumber"
    assert seen["t"].value == 2.0


# Names


async def test_labels_name_a_series_in_the_order_of_the_stanza() -> None:
    query = Query("rate", "x", by=("topic", "zone"))
    desk = Desk(query)
    for expr, text in ((query.expr, "1"), (query.stamp, repr(NOW))):
        desk.api.replies[expr] = vector(({"zone": "z", "topic": "t", "pod": "p"}, text))
    assert list(await desk.metrics()) == ["t/z"]


async def test_two_series_with_one_name_are_unknown_and_others_beside_them_are_not() -> None:
    desk = Desk()
    desk.says(("s", "1"), ("s", "2"), ("t", "3"))
    seen = await desk.metrics()
    assert seen["s"].value == Unknown("Ambiguous", "2 series have this name")
    assert seen["t"].value == 3.0


async def test_of_several_times_for_one_series_the_oldest_counts() -> None:
    desk = Desk()
    desk.says(("s", "1"))
    desk.sampled(("s", 1.0), ("s", 90.0), ("s", 30.0))
    assert (await desk.one()).age_seconds == 90.0


async def test_a_name_is_one_line_of_bounded_length() -> None:
    desk = Desk()
    desk.says(("a\nb\x1b[31m" + "x" * 500, "1"))
    (name,) = await desk.metrics()
    assert name.startswith("a?b?[31mx") and len(name) == 200


async def test_criticality_is_the_querys_or_the_series_own() -> None:
    desk = Desk(
        Query("age", "backlog_age", by=("subscription",), criticality="optional", criticalities={"s": "critical"})
    )
    desk.says(("s", "1"), ("t", "1"))
    assert [(m.series, m.criticality) for m in (await desk.metrics()).values()] == [
        ("s", "critical"),
        ("t", "optional"),
    ]


# Series that are missing


async def test_a_series_that_stops_is_unknown_and_neither_gone_nor_zero() -> None:
    desk = Desk()
    desk.says(("s", "1"), ("t", "1"))
    await desk.look()
    desk.clock.pass_(15)
    desk.says(("t", "1"))
    facts = await desk.look()
    seen = {fact.series: fact for fact in facts.seen if isinstance(fact, Metric)}
    assert seen["s"].value == Unknown(
        "NoSeries", "there is no such series any more; it was there at 2026-11-23T15:00:00.000Z"
    )
    assert not facts.gone
    desk.says(("s", "7"), ("t", "1"))
    assert (await desk.one()).value == 7.0


async def test_the_last_series_that_stops_is_unknown_too() -> None:
    desk = Desk()
    desk.says(("s", "1"))
    await desk.look()
    desk.says()
    assert unknown(await desk.one()) == "NoSeries"


async def test_a_series_is_expected_before_it_was_ever_seen() -> None:
    desk = Desk(Query("age", "backlog_age", by=("subscription",), expect=("s", "t")))
    desk.says()
    assert [unknown(metric) for metric in (await desk.metrics()).values()] == ["NoSeries", "NoSeries"]
    desk.says(("t", "1"))
    seen = await desk.metrics()
    assert unknown(seen["s"]) == "NoSeries" and seen["t"].value == 1.0


LETTERS = Query(
    "dead_letters_arrived", "increase(x[10m])", sampled="evaluation", by=("subscription",), absent="nothing"
)


async def test_where_absence_says_that_nothing_happened_there_is_no_fact_and_nothing_is_unknown() -> None:
    desk = Desk(LETTERS)
    desk.api.replies[LETTERS.expr] = vector()
    facts = await desk.look()
    assert (facts.seen, facts.gone) == ((), ())


async def test_a_series_that_is_over_because_nothing_happens_any_more_is_gone() -> None:
    desk = Desk(LETTERS)
    desk.api.replies[LETTERS.expr] = vector((sub("a"), "12"), (sub("b"), "1"))
    assert (await desk.one("a")).value == 12.0
    desk.clock.pass_(30)
    desk.api.replies[LETTERS.expr] = vector((sub("b"), "1"), at=NOW + 30)
    facts = await desk.look()
    assert [dict(subject.labels)["series"] for subject in facts.gone] == ["a"]
    assert list(await desk.metrics()) == ["b"]


@pytest.mark.parametrize("reply", [Unreachable("Timeout"), answer({"status": "error"}, 503), vector(warnings=["x"])])
async def test_a_failure_is_not_taken_for_the_absence_that_says_that_nothing_happened(reply: Any) -> None:
    desk = Desk(LETTERS)
    desk.api.replies[LETTERS.expr] = reply
    with pytest.raises(Unreachable):
        await desk.look()


async def test_a_value_below_the_least_that_it_can_be_is_unknown_and_no_part_of_the_past() -> None:
    desk = Desk(replace(BACKLOG, history=600))
    desk.says(("a", "-1"), ("b", "0"))
    desk.api.ranges[desk.query.stamp] = matrix((sub("b"), [(NOW - 60, repr(NOW - 60)), (NOW, repr(NOW))]))
    desk.api.ranges[desk.query.expr] = matrix((sub("b"), [(NOW - 60, "-1"), (NOW, "0")]))
    facts = await desk.look()
    assert [list(points) for _, points in facts.past] == [[Point(NOW, 0.0)]]
    metrics = await desk.metrics()
    assert unknown(metrics["a"]) == "OutOfRange" and metrics["b"].value == 0.0
    below = Desk(replace(BACKLOG, least=-10.0))
    below.says(("a", "-1"), ("b", "-10.5"))
    metrics = await below.metrics()
    assert metrics["a"].value == -1.0 and unknown(metrics["b"]) == "OutOfRange"


async def test_all_queries_of_a_source_share_a_bound_and_the_one_that_grows_fails() -> None:
    api, other = Api(), replace(RATIO, by=("subscription",))
    source = PromQL("promql", URL, (LETTERS, other))
    ports, streams = Outside(clock=Desk().clock, http=api).ports(), source.streams()

    async def seen(query: Query, many: int) -> int:
        api.replies[query.expr] = vector(*((sub(str(n)), "0") for n in range(many)))
        facts = await anext(streams[query.metric].looks(ports))
        return sum(not isinstance(fact.value, Unknown) for fact in facts.seen if isinstance(fact, Metric))

    assert await seen(LETTERS, 200) == 200 and await seen(other, 100) == 100
    with pytest.raises(Unreachable, match="TooManySeries: it answers 101 series, and 100 of 300 are left"):
        await seen(other, 101)
    assert await seen(LETTERS, 1) == 1 and await seen(other, 299) == 299


def test_a_series_is_named_once_however_many_points_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, original = list[str](), readings.named

    def counting(query: Query, labels: Mapping[str, str]) -> str:
        asked.append(original(query, labels))
        return asked[-1]

    monkeypatch.setattr(readings, "named", counting)
    history = over_time(matrix(*((sub(name), [(NOW - n, "1") for n in range(100)]) for name in ("a", "b"))))
    assert {name: len(those) for name, those in readings.points(BACKLOG, history, None).items()} == {"a": 100, "b": 100}
    assert asked == ["a", "b"]


async def test_a_series_that_stopped_is_forgotten_after_a_day_unless_it_is_expected() -> None:
    desk = Desk(Query("age", "backlog_age", by=("subscription",), expect=("t",)))
    desk.says(("s", "1"), ("t", "1"), ("u", "1"))
    await desk.look()
    desk.clock.pass_(86_400)
    desk.says(("u", "1"))
    assert {m.series: unknown(m) for m in (await desk.metrics()).values() if m.series != "u"} == {
        "s": "NoSeries",
        "t": "NoSeries",
    }
    desk.clock.pass_(1)
    facts = await desk.look()
    assert [fact.series for fact in facts.seen if isinstance(fact, Metric)] == ["u", "t"]
    assert [str(subject) for subject in facts.gone] == ["metric age/s"]


async def test_names_that_change_all_the_time_do_not_grow_without_end_and_expected_ones_stay() -> None:
    desk = Desk(Query("age", "backlog_age", by=("subscription",), expect=("always",)))
    desk.says(("always", "1"))
    await desk.look()
    for turn in range(5):
        desk.clock.pass_(15)
        desk.says(*((f"{turn}-{number}", "1") for number in range(300)))
        facts = await desk.look()
    names = [fact.series for fact in facts.seen if isinstance(fact, Metric)]
    assert len(names) <= 1_001 and "always" in names
    assert names[:300] == [f"4-{number}" for number in range(300)]
    assert all(subject.labels[1][1].startswith(("0-", "1-")) for subject in facts.gone) and facts.gone


# History


def history(desk: Desk, *values: tuple[float, float, str]) -> None:
    """(seconds ago of the evaluation, of the sample, value)"""
    desk.api.ranges[desk.query.expr] = matrix((sub("s"), [(NOW - at, value) for at, _, value in values]))
    desk.api.ranges[desk.query.stamp] = matrix((sub("s"), [(NOW - at, repr(NOW - taken)) for at, taken, _ in values]))


LONG = Query("oldest_unacked_seconds", "backlog_age", by=("subscription",), history=1190.0)


async def test_the_first_look_brings_the_past_of_each_series_by_the_samples_own_time_each_sample_once() -> None:
    desk = Desk(LONG)
    desk.says(("s", "9"))
    history(desk, (40, 45, "1"), (30, 45, "1"), (20, 25, "NaN"), (10, 15, "3"), (0, 0, "9"))
    facts = await desk.look()
    ((subject, past),) = facts.past
    assert subject == facts.seen[0].subject
    assert past == (Point(NOW - 45, 1.0), Point(NOW - 15, 3.0), Point(NOW, 9.0))
    asked = {"start": f"{NOW - 1190:.3f}", "end": f"{NOW:.3f}", "step": "10.000"}
    assert desk.api.asked[-1] == ("/api/v1/query_range", {"query": "backlog_age", **asked})
    assert desk.api.asked[-2] == ("/api/v1/query_range", {"query": "timestamp(backlog_age)", **asked})


async def test_the_past_is_asked_for_once_and_again_after_an_outage() -> None:
    desk = Desk(LONG)
    desk.says(("s", "9"))
    history(desk, (0, 0, "9"))
    assert (await desk.look()).past
    desk.clock.pass_(60)
    desk.says(("s", "9"))
    assert not (await desk.look()).past
    desk.clock.pass_(60.1)
    desk.says(("s", "9"))
    assert (await desk.look()).past


@pytest.mark.parametrize(
    "reply",
    [
        Unreachable("Timeout"),
        Answer(422, {}, b""),
        vector(),
        matrix(({"topic": "t"}, [(NOW, "1")])),
        matrix((sub("s"), [(NOW, "many")])),
        matrix((sub("s"), [(NOW, "1")]), *((sub(str(n)), []) for n in range(500))),
    ],
)
async def test_a_history_that_fails_costs_nothing_but_the_history(reply: Any) -> None:
    desk = Desk(LONG)
    desk.says(("s", "9"))
    history(desk, (0, 0, "9"))
    desk.api.ranges[LONG.expr] = reply
    facts = await desk.look()
    assert isinstance(facts.seen[0], Metric) and facts.seen[0].value == 9.0
    assert facts.past == ()


async def test_without_a_history_in_the_stanza_none_is_asked_for() -> None:
    desk = Desk()
    desk.says(("s", "9"))
    await desk.look()
    assert not [path for path, _ in desk.api.asked if path.endswith("_range")]


# Who we are


@dataclass
class Google:
    headers_now: dict[str, str] | Unreachable = field(default_factory=lambda: {"authorization": "Bearer first"})
    refusals: int = 0

    async def headers(self, timeout: float) -> dict[str, str]:
        if isinstance(self.headers_now, Unreachable):
            raise self.headers_now
        return self.headers_now

    def refused(self) -> None:
        self.refusals += 1


@dataclass
class GoogleOutside(Outside):
    google: Google = field(default_factory=Google)

    def ports(self) -> Ports:
        return replace(super().ports(), google=lambda: self.google)


def with_google() -> tuple[Google, Desk]:
    google = Google()
    desk = Desk(outside=GoogleOutside(google=google))
    desk.source = PromQL("promql", "https://monitoring.googleapis.com/v1/x", (BACKLOG,), credentials="google")
    desk.says(("s", "1"))
    return google, desk


async def test_no_credentials_are_sent_where_none_are_asked_for() -> None:
    desk = Desk()
    desk.says(("s", "1"))
    await desk.look()
    assert desk.api.headers == [{"accept": "application/json"}] * 2


async def test_googles_credentials_are_sent_and_a_401_asks_for_new_ones() -> None:
    google, desk = with_google()
    await desk.look()
    assert desk.api.headers[-1]["authorization"] == "Bearer first"
    assert google.refusals == 0
    desk.api.replies[BACKLOG.stamp] = Answer(401, {}, b"")
    with pytest.raises(Unreachable, match="Http401"):
        await desk.look()
    assert google.refusals == 1


async def test_without_googles_credentials_nothing_is_asked() -> None:
    google, desk = with_google()
    google.headers_now = Unreachable("Timeout", "no token for Google's APIs within 2 s")
    with pytest.raises(Unreachable, match="no token for Google's APIs"):
        await desk.look()
    assert desk.api.asked == []


def with_file(content: bytes | OSError | list[bytes | OSError]) -> Desk:
    desk = Desk(options={"credentials": "bearer", "bearer_token_file": "/run/token"})
    desk.outside.files = MemoryFiles({"/run/token": content})
    desk.says(("s", "1"))
    return desk


async def test_a_bearer_token_is_read_again_for_each_request_without_its_newline() -> None:
    desk = with_file([b"first\n", b" second\r\n"])
    await desk.look()
    assert [headers["authorization"] for headers in desk.api.headers] == ["Bearer first", "Bearer second"]


@pytest.mark.parametrize("content", [b"", b"\n", b"se cret", b"sec\nret", b"sec\x00ret", "s\u00e9cret".encode()])
async def test_a_token_that_is_none_is_sent_nowhere_and_shown_nowhere(content: bytes) -> None:
    desk = with_file(content)
    with pytest.raises(Unreachable) as raised:
        await desk.look()
    assert str(raised.value) == "NoCredentials: bearer_token_file: expected one token, on one line"
    assert desk.api.asked == []


async def test_a_token_file_that_cannot_be_read_is_unknown() -> None:
    with pytest.raises(Unreachable, match="NoCredentials: cannot read bearer_token_file: Permission denied"):
        await with_file(PermissionError(13, "Permission denied")).look()


# Streams


@dataclass
class SlowApi(Api):
    """``takes``: seconds, by expression, or by 'range' for whatever is asked over time."""

    takes: dict[str, float] = field(default_factory=dict)

    async def get(self, url: str, **options: Any) -> Answer:
        answer = await super().get(url, **options)
        path, parameters = self.asked[-1]
        takes = self.takes.get("range" if path.endswith("_range") else parameters["query"], 0.0)
        await asyncio.sleep(min(takes, options["timeout"]))
        if takes >= options["timeout"]:
            raise Unreachable("Timeout")
        return answer


def test_a_query_that_hangs_delays_no_other() -> None:
    async def seen_within() -> float:
        slow = Query("slow", "rate(x[5m])", sampled="evaluation")
        api = SlowApi(takes={slow.expr: 60.0})
        desk = Desk(api=api)
        desk.source = PromQL("promql", URL, (slow, BACKLOG), timeout=2.0)
        desk.says(("s", "1"))
        api.replies[slow.expr] = vector(({}, "1"))
        ports = Outside(clock=desk.clock, http=api).ports()
        streams = desk.source.streams()
        hanging = asyncio.ensure_future(anext(streams["slow"].looks(ports)))
        began = asyncio.get_running_loop().time()
        await anext(streams["oldest_unacked_seconds"].looks(ports))
        took = asyncio.get_running_loop().time() - began
        with pytest.raises(Unreachable, match="Timeout"):
            await hanging
        return took

    assert in_virtual_time(seen_within()) == 0.0


@pytest.mark.parametrize("takes", [1.5, 60.0])
def test_a_history_that_takes_long_is_given_up_within_one_timeout(takes: float) -> None:
    async def took() -> float:
        desk = Desk(LONG, api=SlowApi(takes={"range": takes}))
        desk.says(("s", "9"))
        history(desk, (0, 0, "9"))
        began = asyncio.get_running_loop().time()
        assert (await desk.one()).value == 9.0
        return asyncio.get_running_loop().time() - began

    assert in_virtual_time(took()) == 2.0


def test_looks_come_at_the_poll_interval() -> None:
    async def moments() -> list[float]:
        desk = Desk()
        desk.says(("s", "1"))
        ports = Outside(clock=desk.clock, http=desk.api).ports()
        loop, found = asyncio.get_running_loop(), list[float]()
        async for _ in desk.source.streams()[BACKLOG.metric].looks(ports):
            found.append(loop.time())
            if len(found) == 3:
                break
        return [moment - found[0] for moment in found]

    assert in_virtual_time(moments()) == [0.0, 15.0, 30.0]


def test_each_query_is_a_stream_of_its_own_that_is_stale_after_the_stanzas_time() -> None:
    streams = PromQL("promql", URL, (BACKLOG, RATIO), stale_after=42.0).streams()
    assert list(streams) == ["oldest_unacked_seconds", "error_ratio_5xx"]
    assert {stream.deadline for stream in streams.values()} == {42.0}
    assert {stream.coverage.stale_after for stream in streams.values()} == {42.0}


# The stanza


@pytest.mark.parametrize(
    ("stanza", "sentence"),
    [
        ({"url": "prometheus:9090"}, r"url: expected an http\(s\) URL without a query, found 'prometheus:9090'"),
        ({"url": "http://p:9090/?dedup=true"}, "without a query"),
        ({"url": "http://p:99999"}, r"url: expected an http\(s\) URL"),
        ({"url": "http://u:p@prometheus"}, "url: expected no user and no password in it"),
        ({"credentials": "google"}, "url: expected https, because Google's credentials are sent there"),
        ({"credentials": "bearer"}, "bearer_token_file: expected with credentials: bearer"),
        ({"bearer_token_file": "/t"}, "bearer_token_file: expected with credentials: bearer"),
        ({"queries": ()}, "queries: expected at least one"),
        ({"queries": (BACKLOG, BACKLOG)}, "each with a metric of its own"),
        ({"timeout": 0}, "poll_interval and timeout above 0"),
        ({"stale_after": 23}, "stale_after: expected more than poll_interval and four timeouts together"),
    ],
)
def test_a_wrong_stanza_is_refused_in_one_sentence(stanza: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        PromQL(**({"name": "promql", "url": URL, "queries": (BACKLOG,)} | stanza))


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"metric": " "}, "expected a metric's name"),
        ({"expr": ""}, "an expr in PromQL"),
        (
            {"expr": "rate(x[5m])"},
            r"m: sampled: expected an expression for when the samples were taken, such as 'min by \(...\) "
            r"\(timestamp\(...\)\)', or 'evaluation' where the moment of the query shall count",
        ),
        ({"max_age": 0}, "m: max_age: expected seconds above 0"),
        ({"history": 90_000}, "m: history: expected 0 to 86400 seconds"),
        ({"by": ("a", "a")}, "m: by, expect: expected each name once"),
        ({"expect": ("a", "a")}, "m: by, expect: expected each name once"),
        ({"expect": ("a",), "absent": "nothing"}, "m: expect: expected no series where absent is 'nothing'"),
    ],
)
def test_a_wrong_query_is_refused_in_one_sentence(query: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Query(**({"metric": "m", "expr": "x"} | query))
