"""What ``watchdog status`` prints."""

from __future__ import annotations

import pytest

from watchdog.reports import counted
from watchdog.reports.status import Alert, Health, text


@pytest.mark.parametrize(("number", "said"), [(0, "0 alerts"), (1, "1 alert"), (2, "2 alerts")])
def test_one_is_not_many(number: int, said: str) -> None:
    assert counted(number, "alert") == said


def test_the_last_line_counts_alerts_and_incidents() -> None:
    said = text(Health("safe", "2026-11-23T15:00:00.000Z", 0.0, {}, {}, 1), ())
    assert said.splitlines()[-1] == "  0 alerts, 1 open incident"


def test_a_column_is_as_wide_as_its_longest_name() -> None:
    sources = {"kubernetes": {"up": True}, "pubsub_subscriptions": {"up": True}}
    said = text(Health("safe", "2026-11-23T15:00:00.000Z", 0.0, {"halted": True, "at_zero": True}, sources, 0), ())
    assert said.splitlines()[1:5] == [
        "  halted               yes",
        "  at zero              yes",
        "  kubernetes           sees",
        "  pubsub_subscriptions sees",
    ]


def test_what_waits_for_somebodys_word_says_how_to_give_it() -> None:
    command = "watchdog ack 9f1c5b0e7d2a4c68 --by NAME --why TEXT"
    told = {"summary": "Over, latched", "acknowledge": command}
    waiting = Alert("KillSwitchNotHalted", 0, "latched", told, "2026-11-23T15:00:00Z", "i")
    said = text(Health("unsafe", "now", 0.0, {}, {"kubernetes": {"up": True}}, 1), (waiting,))
    assert f"to acknowledge: {command}" in said
