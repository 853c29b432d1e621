"""What claims to be a time and is none that can be reckoned with: nobody's clock, and no reason to fall over."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from watchdog.core.instant import Instant, from_http_date, from_rfc3339
from watchdog.outlets.alertmanager.peer_clock import PeerClock
from watchdog.ports import Answer

FAR = ["Fri, 31 Dec 9999 23:59:59 GMT", "Fri, 31 Dec 2026 23:59:59 +99999999999999999999"]
NOW = Instant(datetime(2026, 11, 24, tzinfo=UTC), 100.0)


@pytest.mark.parametrize("date", FAR)
def test_a_date_that_is_no_clocks_is_none(date: str) -> None:
    assert from_http_date(date) is None


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00+00:01"])
def test_a_time_that_utc_has_not_is_none(text: str) -> None:
    assert from_rfc3339(text) is None


@pytest.mark.parametrize("date", FAR)
def test_a_peer_that_tells_such_a_date_is_told_pages_all_the_same(date: str) -> None:
    clock = PeerClock()
    assert not clock.learn(Answer(200, {"date": date}, b""), NOW)
    assert clock.there(NOW.plus(60)) == NOW.plus(60).wall
