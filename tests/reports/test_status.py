"""What ``watchdog status`` prints."""

from __future__ import annotations

import pytest

from watchdog.reports import counted
from watchdog.reports.status import Health, text


@pytest.mark.parametrize(("number", "said"), [(0, "0 alerts"), (1, "1 alert"), (2, "2 alerts")])
def test_one_is_not_many(number: int, said: str) -> None:
    assert counted(number, "alert") == said


def test_the_last_line_counts_alerts_and_incidents() -> None:
    said = text(Health("safe", "2026-11-23T15:00:00.000Z", 0.0, {}, {}, 1), ())
    assert said.splitlines()[-1] == "  0 alerts, 1 open incident"
