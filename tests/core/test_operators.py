"""What operators write: what counts, what does not and why, and how much of it is told."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import START
from watchdog.core.facts import Drill, OperatorEntry
from watchdog.core.instant import exact, rfc3339
from watchdog.core.operators import BEYOND, KEPT, Judged, Malformed, decoded, facts_of, judge, judged

ALERT = "9f1c5b0e7d2a4c68"


def when(seconds: float = 0.0) -> str:
    return exact(START + timedelta(seconds=seconds))


OWN: dict[str, dict[str, Any]] = {"ack": {"alert": ALERT, "through": when(-1)}, "note": {}, "drill": {"sev": 0}}


def entry(says: str = "ack", **change: Any) -> dict[str, Any]:
    """``...`` takes a field out."""
    fields = {"verb": says, "by": "ann", "why": "a drill", "at": when(), **OWN[says], **change}
    return {name: value for name, value in fields.items() if value is not ...}


def problem(content: object, key: str = "ack-1") -> str:
    return judge(key, content, START).told.problem


def test_an_acknowledgement_is_told_as_it_was_written_from_text_or_from_an_object() -> None:
    told = OperatorEntry("ack-1", "ack", "", "ann", "a drill", when(), ALERT, when(-1))
    assert judge("ack-1", json.dumps(entry()), START).told == judge("ack-1", entry(), START).told == told


@pytest.mark.parametrize("verb", ["ack", "note", "drill"])
def test_each_verb_counts(verb: str) -> None:
    one = judge("k", entry(verb), START)
    assert (one.told.verb, one.told.problem, one.at) == (verb, "", START)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "it is no JSON"),
        ("{", "it is no JSON"),
        ("[]", "it is no JSON object"),
        ("3", "it is no JSON object"),
        (None, "it is no JSON object"),
        (7, "it is no JSON object"),
        ("[" * 8000, "it is no JSON"),
        ('{"sev": ' + "9" * 5000 + "}", "it is no JSON"),
        ('{"by": "ann", "by": "bob"}', "by stands in it twice"),
        ('{"verb": {"a": 1, "a": 2}}', "a stands in it twice"),
        ("x" * 8193, "it is longer than 8192 characters"),
        (entry(verb="ACK"), "verb: expected one of ack, note, drill, found ACK"),
        (entry(verb=...), "verb: expected one of ack, note, drill, found nothing"),
        (entry(verb=["ack"]), "verb: expected one of ack, note, drill, found list"),
        (entry(by=...), "by: missing or empty"),
        (entry(by=" "), "by: missing or empty"),
        (entry(by=3), "by: missing or empty"),
        (entry(why=""), "why: missing or empty"),
        (entry(by="a" * 129), "by: longer than 128 characters"),
        (entry(why="a" * 1001), "why: longer than 1000 characters"),
        (entry(by="ann\0"), "by: has a character that cannot be shown"),
        (entry(why="one\ntwo"), "why: has a character that cannot be shown"),
        (entry(why="\x1b[31m"), "why: has a character that cannot be shown"),
        (entry(why="\u202eevil"), "why: has a character that cannot be shown"),
        (entry(by="\ud800"), "by: has a character that cannot be shown"),
        (entry(at=...), "at: expected a time as in RFC 3339, found nothing"),
        (entry(at="noon"), "at: expected a time as in RFC 3339, found noon"),
        (entry(at="2026-11-23T15:00:00"), "at: expected a time"),
        (entry(at="0001-01-01T00:00:00+23:59"), "at: expected a time"),
        (entry(at=when(61)), "at: lay 61 s in the future of our clock when it was first seen"),
        (entry(at="9999-12-31T23:59:59-23:59"), "at: lay"),
        (entry(alert=...), "alert: expected a fingerprint of 16 hex digits, found nothing"),
        (entry(alert="KillSwitchNotHalted"), "alert: expected a fingerprint"),
        (entry(alert=ALERT.upper()), "alert: expected a fingerprint"),
        (entry(alert=ALERT + "\n"), "alert: expected a fingerprint"),
        (entry(through=...), "through: expected a time as in RFC 3339, found nothing"),
        (entry(through=when(6)), "through: later than the entry itself"),
        (entry(through="0001-01-01T00:00:00+23:59"), "through: expected a time"),
        (entry(thruogh=when()), "thruogh: no part of an entry that says ack"),
        (entry("note", alert=ALERT), "alert: no part of an entry that says note"),
        (entry("drill", sev=4), "sev: expected a number from 0 to 3"),
        (entry("drill", sev="0"), "sev: expected a number from 0 to 3, found 0"),
        (entry("drill", sev=True), "sev: expected a number from 0 to 3, found bool"),
        (entry("drill", sev=...), "sev: expected a number from 0 to 3, found nothing"),
    ],
)  # fmt: skip
def test_what_cannot_be_understood_says_why_in_one_clause_and_does_not_count(content: object, why: str) -> None:
    one = judge("ack-1", content, START)
    assert one.told.problem.startswith(why) and one.at is None
    assert one.told.problem.isprintable() and len(one.told.problem) < 200


@pytest.mark.parametrize("content", [entry(at=when(60)), entry(through=when(5)), entry(by="Zoë 東京", why="x" * 1000)])
def test_two_clocks_that_differ_a_little_are_no_reason(content: dict[str, Any]) -> None:
    assert problem(content) == ""


@pytest.mark.parametrize("key", ["", "a b", "ack/1", "a" * 254, "\0", "ack-1\n"])
def test_a_key_that_no_config_map_could_have_does_not_count(key: str) -> None:
    assert problem(entry(), key).startswith("its key is none of a ConfigMap")


JSON = st.recursive(st.none() | st.text() | st.integers() | st.floats(), st.lists)


@given(st.dictionaries(st.text(), JSON) | st.text())
def test_nothing_that_is_written_raises_and_all_of_it_can_be_shown(content: object) -> None:
    told = judge("k", content, START).told
    assert told.problem
    rfc = told.entry + told.verb + told.by + told.why + told.at + told.alert + told.through + told.problem
    assert rfc.isprintable()


def test_an_entry_of_the_future_does_not_come_to_count_when_its_time_has_come() -> None:
    early = judged({}, {"k": entry(at=when(3600))}, START)
    later = judged(early, {"k": entry(at=when(3600))}, START + timedelta(hours=2))
    assert later["k"] is early["k"] and later["k"].told.problem
    anew = judged(later, {"k": entry(at=when(3601))}, START + timedelta(hours=2))
    assert not anew["k"].told.problem, "written anew it is judged anew"


def test_an_entry_is_judged_once_and_forgotten_when_it_is_gone() -> None:
    first = judged({}, {"a": entry(), "b": "{"}, START)
    again = judged(first, {"a": entry()}, START + timedelta(days=1))
    assert again == {"a": first["a"]} and again["a"] is first["a"]


def drills(seconds: float, *entries: Judged) -> list[bool]:
    told = facts_of({one.told.entry: one for one in entries}, START + timedelta(seconds=seconds))
    return [fact.running for fact in told if isinstance(fact, Drill)]


def test_a_drill_runs_for_a_minute_from_its_instant() -> None:
    one = judge("d", entry("drill", sev=1), START)
    assert [drills(s, one) for s in (-1, 0, 59.9, 60, 9e9)] == [[False], [True], [True], [False], [False]]
    [_, told] = facts_of({"d": one}, START)
    assert told == Drill("d", True, 1, "ann", "a drill", when())


def test_only_a_sound_drill_is_one() -> None:
    others = {"ack": judge("a", entry(), START), "malformed": judge("d", entry("drill", by=""), START)}
    assert [type(fact) for fact in facts_of(others, START)] == [OperatorEntry, OperatorEntry]


def test_beyond_the_newest_five_hundred_nothing_is_told_but_that_there_is_more() -> None:
    contents: dict[str, object] = {f"ack-{n}": entry(at=when(-n), through=when(-n)) for n in range(KEPT + 2)}
    contents |= {f"bad-{n}": "{" for n in range(3)}
    told = facts_of(judged({}, contents, START), START)
    names = [fact.entry for fact in told if isinstance(fact, OperatorEntry)]
    assert len(told) == KEPT + 1 and names[:KEPT] == [f"ack-{n}" for n in range(KEPT)]
    assert isinstance(told[-1], OperatorEntry) and told[-1].entry == BEYOND
    assert told[-1].problem == "5 entries are beyond the newest 500 and count for nothing"


def test_entries_that_do_not_count_push_nobodys_word_out() -> None:
    contents: dict[str, object] = {f"bad-{n}": entry(at=when(3600 + n)) for n in range(KEPT)}
    told = facts_of(judged({}, {**contents, "ack-1": entry(at=when(-86400), through=when(-86400))}, START), START)
    assert "ack-1" in [fact.entry for fact in told if isinstance(fact, OperatorEntry) and not fact.problem]


def test_a_file_is_one_object_in_which_no_key_stands_twice() -> None:
    assert decoded('{"a": "{}", "b": {"verb": "note"}}') == {"a": "{}", "b": {"verb": "note"}}
    for text in ("", "[]", "nul", '{"a": 1, "a": 2}'):
        with pytest.raises(Malformed):
            decoded(text)


def test_a_time_to_the_millisecond_is_one_too() -> None:
    assert problem(entry(at=rfc3339(START), through=rfc3339(START))) == ""
