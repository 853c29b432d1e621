"""What is kept of dead letters, and what is shown of one: exact, bounded, and nothing sensitive. domain.md §7, §9."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from watchdog.core.dead_letters import BUCKETS, OTHERS, REMEMBERED, SOURCES, Arrival, Tally, sample
from watchdog.core.facts import DeadLetters
from watchdog.core.instant import Instant

START = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
SOURCE = "CloudPubSubDeadLetterSource"


def at(mono: float) -> Instant:
    return Instant(START + timedelta(seconds=mono), mono)


def arrival(message_id: str = "1", subscription: str = "signals-sub", first: float = 0.0, said: str = "") -> Arrival:
    when = START + timedelta(seconds=first)
    return Arrival(message_id, subscription, when, when + timedelta(seconds=60), said)


def tally(window: float = 600.0) -> Tally:
    return Tally("agenttrader", "signals-sub.dlq", window)


def test_nothing_is_told_before_the_first_letter() -> None:
    assert tally().news(at(0)) == ()


def test_a_letter_is_told_whole() -> None:
    letters = tally()
    letters.add([arrival(said="it")], at(0))
    assert letters.news(at(0)) == (
        DeadLetters(
            "agenttrader", "signals-sub.dlq", "signals-sub", 1, 1, 600.0, 0.1,
            "2026-11-23T15:00:00.000Z", "2026-11-23T15:01:00.000Z", "it",
        ),
    )  # fmt: skip
    assert letters.news(at(0)) == ()  # and once


def test_each_source_subscription_has_a_count_of_its_own() -> None:
    letters = tally()
    letters.add([arrival("1", "a"), arrival("2", "b"), arrival("3", "a")], at(0))
    assert [(fact.subscription, fact.count) for fact in letters.news(at(0))] == [("a", 2), ("b", 1)]
    letters.add([arrival("4", "b")], at(1))
    assert [(fact.subscription, fact.count) for fact in letters.news(at(1))] == [("b", 2)]


def test_a_letter_that_comes_again_counts_once() -> None:
    letters = tally()
    letters.add([arrival("1"), arrival("1")], at(0))
    letters.add([arrival("1")], at(5))
    assert [(fact.count, fact.recent) for fact in letters.news(at(5))] == [(1, 1)]


@pytest.mark.parametrize("window", [60.0, 600.0, 7.0])
def test_a_letter_is_recent_for_the_window_and_a_sixtieth_more_at_most(window: float) -> None:
    letters = tally(window)
    letters.add([arrival()], at(1000.3))
    assert letters.news(at(1000.3 + window))[0].recent == 1
    (fact,) = letters.news(at(1000.3 + window * (1 + 1 / BUCKETS) + 0.001))
    assert (fact.recent, fact.count, fact.per_minute, fact.oldest) == (0, 1, 0.0, "")
    assert fact.newest  # when the last one came stays known


def test_the_oldest_is_of_the_window_alone() -> None:
    letters = tally()
    letters.add([arrival("1", first=-5000)], at(0))
    letters.add([arrival("2", first=-3000), arrival("3", first=-4000)], at(400))
    assert letters.news(at(400))[0].oldest == "2026-11-23T13:36:40.000Z"
    (fact,) = letters.news(at(700))
    assert (fact.recent, fact.oldest) == (2, "2026-11-23T13:53:20.000Z")


def test_the_sample_is_of_the_newest_letter_in_whatever_order_they_come() -> None:
    letters = tally()
    letters.add([arrival("1", first=10, said="new"), arrival("2", first=0, said="old")], at(20))
    (fact,) = letters.news(at(20))
    assert (fact.sample, fact.newest) == ("new", "2026-11-23T15:01:10.000Z")


def test_a_flood_is_counted_exactly_and_kept_in_little() -> None:
    letters = tally()
    for second in range(1000):
        letters.add((arrival(f"{second}-{number}") for number in range(100)), at(second))
        letters.news(at(second))
    (fact,) = letters.news(at(1000))
    assert fact.count == 100_000 and 60_000 <= fact.recent <= 61_000
    assert len(letters._ids) == REMEMBERED
    assert len(letters._accounts["signals-sub"].buckets) <= BUCKETS + 2


def test_the_letters_of_more_sources_than_are_told_apart_are_counted_together() -> None:
    letters = tally()
    letters.add((arrival(f"{number}", f"sub-{number:04}") for number in range(SOURCES + 50)), at(0))
    letters.add([arrival("again", "sub-0000")], at(0))
    told = {fact.subscription: fact.count for fact in letters.news(at(0))}
    assert len(told) == SOURCES + 1 and told[OTHERS] == 50 and told["sub-0000"] == 2


def of(**attributes: str) -> Arrival:
    return Arrival.of("agenttrader", "1", START, attributes, 4, b"data")


def test_whose_letter_it_is_is_what_pub_sub_wrote_on_it() -> None:
    seen = of(**{f"{SOURCE}Subscription": "signals-sub", f"{SOURCE}SubscriptionProject": "agenttrader"})
    assert seen.subscription == "signals-sub"


def test_a_subscription_of_another_project_has_its_whole_name() -> None:
    seen = of(**{f"{SOURCE}Subscription": "signals-sub", f"{SOURCE}SubscriptionProject": "another"})
    assert seen.subscription == "projects/another/subscriptions/signals-sub"


@pytest.mark.parametrize("forged", ["", "x" * 10_000, "a/b/c", 'a"} alert{', "line\nbreak", "(others)", "naïve"])
def test_what_is_no_subscriptions_name_names_none(forged: str) -> None:
    assert of(**{f"{SOURCE}Subscription": forged}).subscription == ""
    assert of(**{f"{SOURCE}Subscription": "fine", f"{SOURCE}SubscriptionProject": forged or "?"}).subscription == ""


def test_when_it_was_first_published_is_what_pub_sub_wrote_on_it() -> None:
    assert of(**{f"{SOURCE}TopicPublishTime": "2026-11-23T14:00:00.5Z"}).first_published == START - timedelta(
        seconds=3599.5
    )


@pytest.mark.parametrize(
    "forged",
    ["", "yesterday", "2026-11-23T14:00:00", "9" * 5000, "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"],
)
def test_a_time_that_is_none_is_that_of_the_forwarding(forged: str) -> None:
    assert of(**{f"{SOURCE}TopicPublishTime": forged}).first_published == START


def test_a_sample_shows_attributes_size_and_first_bytes() -> None:
    assert sample({"kind": "order", "attempt": "5"}, 1234, b'{"symbol": "SPY"}') == (
        '1234 bytes that begin \'{"symbol": "SPY"}\'; attributes: attempt=5, kind=order'
    )
    assert sample({}, 0, b"") == "0 bytes that begin ''; attributes: none"


@pytest.mark.parametrize(
    ("attributes", "head"),
    [
        ({"x-api-key": "hunter2hunter2"}, b""),
        ({"Authorization": "hunter2hunter2"}, b""),
        ({"url": "https://user:hunter2hunter2@example.com/"}, b""),
        ({"note": "password=hunter2hunter2"}, b""),
        ({}, b'{"broker": {"password": "hunter2hunter2"}}'),
        ({}, b'{"api_key": "hunter2hunter2'),  # the first bytes end inside it
        ({}, b"token=hunter2hunter2&x=1"),
        ({}, b"Authorization: Bearer hunter2hunter2"),
        ({}, b"x" * 110 + b' "password": "hunter2hunter2"'),  # what is shown ends inside it
        ({}, b"x" * 105 + b" Bearer hunter2hunter2"),
        ({}, b'{"password": {"value": "hunter2hunter2"}}'),
        ({}, b'{"api_keys": ["hunter2hunter2"]}'),
        ({}, b'{"value": "hunter2hunter2", "name": "API_KEY"}'),
        ({}, b'{"inner": "{\\"api_key\\": \\"hunter2hunter2\\"}"}'),
        ({}, b"<password>hunter2hunter2</password>"),
        ({}, b"-----BEGIN PRIVATE KEY-----\nhunter2hunter2"),
        ({}, b"eyJhbGciOiJIUzI1NiJ9.hunter2hunter2.x"),
        ({"auth": "hunter2hunter2"}, b""),
        ({"cookie": "hunter2hunter2"}, b""),
        ({"jwt": "hunter2hunter2"}, b""),
    ],
)
def test_a_sample_shows_nothing_sensitive(attributes: dict[str, str], head: bytes) -> None:
    shown = sample(attributes, 1, head)
    assert "hunter2" not in shown and ("[redacted]" in shown or "…" in shown)


def test_a_sample_looks_at_little_of_a_large_letter() -> None:
    class Counted(dict[str, str]):
        read = 0

        def __getitem__(self, name: str) -> str:
            Counted.read += 1
            return super().__getitem__(name)

    sample(Counted({f"name{number:03}": "v" * 1024 for number in range(100)}), 1, b"")
    assert Counted.read <= 12


def test_a_sample_is_printable_on_one_line_and_short_whatever_comes() -> None:
    attributes = {f"name{number}\n\x1b[31m": "v\x00\r\n" * 500 for number in range(100)}
    shown = sample(attributes, 1, bytes(range(256)))
    assert shown.isprintable() and len(shown) < 3000 and "and 88 more" in shown
