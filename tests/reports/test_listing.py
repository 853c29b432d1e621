"""How somebody names one alert of a running daemon."""

from __future__ import annotations

import json

import pytest

from watchdog.reports.listing import Listed, Listing, decoded, named


def listed(fingerprint: str, name: str = "KillSwitchNotHalted", state: str = "latched") -> Listed:
    return Listed(name, fingerprint, state, 0, {"summary": f"about {fingerprint}"})


def listing(*alerts: Listed, omitted: int = 0) -> Listing:
    return Listing("2026-11-23T15:00:00.000001Z", list(alerts), omitted)


ONE, TWO, OTHER = listed("1" * 16), listed("2" * 16), listed("3" * 16, "ForbiddenAgentMode", "firing")


def test_an_alert_is_named_by_its_fingerprint_or_by_its_name_where_it_is_the_only_one() -> None:
    assert named(listing(ONE, TWO, OTHER), "2" * 16) is TWO
    assert named(listing(ONE, TWO, OTHER), "ForbiddenAgentMode") is OTHER


def test_a_name_that_several_bear_lists_them() -> None:
    with pytest.raises(ValueError, match="KillSwitchNotHalted: 2 open alerts bear that name; ") as raised:
        named(listing(ONE, TWO, OTHER), "KillSwitchNotHalted")
    assert "2222222222222222 (KillSwitchNotHalted, latched: about 2222222222222222)" in str(raised.value)
    assert "ForbiddenAgentMode" not in str(raised.value)


def test_a_name_that_nobody_bears_lists_what_is_open() -> None:
    with pytest.raises(ValueError, match="Typo: no open alert has that name or fingerprint; expected one of 1"):
        named(listing(ONE), "Typo")
    with pytest.raises(ValueError, match="and none is open"):
        named(listing(), "Typo")
    with pytest.raises(ValueError, match=r"\(7 more are not listed there\)"):
        named(listing(ONE, omitted=7), "Typo")


def test_what_is_pending_was_not_told_and_cannot_be_acknowledged() -> None:
    with pytest.raises(ValueError, match="and none is open"):
        named(listing(listed("1" * 16, state="pending")), "1" * 16)


def test_a_long_list_is_cut() -> None:
    with pytest.raises(ValueError, match=r" and 20 more$"):
        named(listing(*(listed(f"{n:016x}") for n in range(30))), "Typo")


def test_the_document_of_something_else_is_refused() -> None:
    for body in (b"", b"[]", b'{"alerts": []}', json.dumps({"as_of": "", "alerts": [{"alertname": "X"}]}).encode()):
        with pytest.raises(ValueError, match="expected a watchdog's answer"):
            decoded(body)
