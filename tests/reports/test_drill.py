"""The table of a drill, word for word, and what its exit code means."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from watchdog.reports import Exit
from watchdog.reports.drill import Expected, Outcome, Page, complete, decoded, outcome, refusing, text

ASKED = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
PEER = {"receiver": "alertmanager/am-0:9093", "peer": True, "posted_ms": 3.1, "accepted_ms": 12.4}
DIRECT = {"receiver": "telephone", "peer": False, "posted_ms": 2.0, "accepted_ms": 40.0}
HEARD = {"peer": "alertmanager/am-0:9093", "hearing": "heard", "why": "to receiver page", "at_ms": 80.5}


def page(receivers: list[dict[str, Any]], *read_back: dict[str, Any], sev: int = 0, around: Sequence[str] = ()) -> Page:
    told = {"labels": {"entry": "drill-1"}, "drill": True, "sev": sev, "told_at": "2026-11-23T15:00:00.412Z"}
    other = {**told, "labels": {"entry": "drill-0"}, "receivers": [], "read_back": [], "around": []}
    shown = {**other, **told, "receivers": receivers, "read_back": list(read_back), "around": around}
    found = decoded(json.dumps({"expected": [], "deliveries": [other, shown]}).encode()).page("drill-1")
    assert found is not None
    return found


def told(of: Page, *expected: Expected, **refused: str) -> Outcome:
    return outcome(of, expected, "drill-1", ASKED, refused)


def test_the_table_has_each_part_of_the_path_in_milliseconds() -> None:
    assert text(told(page([DIRECT, PEER], HEARD))) == (
        "Drill of Sev-0, drill-1: milliseconds to its detection, and from there\n"
        "  receiver                detected  posted  accepted  webhook called  read back\n"
        "  telephone                  412.0     2.0         -            40.0          -\n"
        "  alertmanager/am-0:9093     412.0     3.1      12.4               -       80.5  heard: to receiver page\n"
        "  arrived at every receiver"
    )


@pytest.mark.parametrize(
    ("of", "refused", "exit_", "verdict"),
    [
        (page([PEER, DIRECT], HEARD), {}, Exit.FINE, "arrived at every receiver"),
        (page([PEER], HEARD), {"telephone": "Http500"}, Exit.FINDING, "did not arrive: telephone"),
        (page([PEER], {**HEARD, "hearing": "unheard"}), {}, Exit.FINDING, "did not arrive: alertmanager/am-0:9093"),
        (page([PEER]), {}, Exit.UNTOLD, "could not tell of alertmanager/am-0:9093"),
        (page([PEER], {**HEARD, "hearing": "unknown"}), {}, Exit.UNTOLD, "could not tell of alertmanager/am-0:9093"),
        (page([PEER]), {"telephone": "Http500"}, Exit.FINDING, "did not arrive: telephone"),
        (page([]), {}, Exit.FINDING, "did not arrive: nobody took it"),
        (page([PEER], sev=1), {}, Exit.FINE, "arrived at every receiver"),
    ],
)
def test_a_receiver_that_did_not_hear_outweighs_one_of_which_it_cannot_be_told(
    of: Page, refused: dict[str, str], exit_: Exit, verdict: str
) -> None:
    assert told(of, **refused).exit is exit_
    assert text(told(of, **refused)).splitlines()[-1].strip() == verdict
    assert told(of).as_json()["arrived"] in (True, False, None)


PHONE, SPARE = Expected("telephone", "always", 0), Expected("spare", "fallback", 3)
LEAD = Expected("lead", "escalation", 3)


@pytest.mark.parametrize(
    ("of", "expected", "said"),
    [
        (page([PEER], HEARD), PHONE, "never called"),
        (page([PEER], sev=1), PHONE, "not needed (hears of Sev-0 at the mildest)"),
        (page([PEER], HEARD), SPARE, "not needed (fallback)"),
        (page([PEER], HEARD, around=["silenced"]), SPARE, "never called"),
        (page([PEER], HEARD), LEAD, "not needed (escalation)"),
    ],
)
def test_who_was_expected_and_got_nothing_is_shown_as_such(of: Page, expected: Expected, said: str) -> None:
    outcome = told(of, Expected("alertmanager/am-0:9093", "always", 3), expected)
    assert [row.receiver for row in outcome.rows] == ["alertmanager/am-0:9093", expected.receiver]
    assert outcome.rows[1].said == said
    assert outcome.exit is (Exit.FINDING if said == "never called" else Exit.FINE)
    assert f"{expected.receiver}  " in text(outcome) and said in text(outcome)


def test_why_one_did_not_take_it_is_said_rather_than_that_it_was_never_called() -> None:
    (row,) = told(page([]), PHONE, telephone="Http500").rows
    assert row.said == "not taken: Http500"


def test_it_is_complete_once_everybody_who_took_a_sev_0_has_said_whether_it_is_heard() -> None:
    assert complete(page([PEER, DIRECT], HEARD)) and complete(page([PEER], sev=1)) and complete(page([DIRECT]))
    assert not complete(page([PEER])) and not complete(page([]))
    assert not complete(page([PEER], {**HEARD, "hearing": "unknown"}))


def test_a_receiver_that_refuses_alerts_is_one_that_does_not_take_them() -> None:
    facts = [
        {"kind": "receiver", "fact": {"receiver": name, "accepting": accepting, "explanation": "why"}}
        for name, accepting in (("telephone", False), ("am/refused", False), ("am", True))
    ]
    posture = {"facts": [*facts, {"kind": "safety", "fact": {"halted": {"reason": "x"}}}]}
    assert refusing(json.dumps(posture).encode()) == {"telephone": "why", "am": "why"}


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"deliveries": 1}', b'{"facts": 1}', b"\xff"])
def test_what_is_no_watchdogs_answer_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(ValueError, match="expected a watchdog"):
        decoded(body)
    with pytest.raises(ValueError, match="expected a watchdog"):
        refusing(body)
