"""Where Alertmanager's configuration sends an alert, and when it holds it back (dispatch/route.go, timeinterval.go)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from watchdog.outlets.alertmanager.intervals import Underivable, contains
from watchdog.outlets.alertmanager.routing import Destination, Routing, terms

LABELS = {"alertname": "KillSwitchNotHalted", "sev": "0", "team": "safety", "cluster": "prod"}
MONDAY = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
REST = """
receivers:
- {name: root, webhook_configs: [{url: 'http://x'}]}
- {name: a, pagerduty_configs: [{routing_key: <secret>}]}
- {name: b, email_configs: []}
- {name: c}
time_intervals:
- {name: now, time_intervals: [{weekdays: [monday], times: [{start_time: 08:00, end_time: 16:00}]}]}
mute_time_intervals:
- {name: later, time_intervals: [{weekdays: ['tuesday:friday']}]}
- {name: theirs, time_intervals: [{location: Local}]}
"""


def destinations(routes: str, *receivers: str, labels: dict[str, str] = LABELS) -> list[Destination]:
    routing = Routing.parsed(f"route: {{receiver: root, routes: [{routes}]}}\n{REST}")
    return routing.destinations(labels, receivers, MONDAY)


MUTED = "mute_time_intervals: [now]"


@pytest.mark.parametrize(
    ("routes", "found"),
    [
        (f"{{receiver: a, match: {{sev: '0'}}, {MUTED}}}", [("a", "by time interval now")]),
        (f"{{receiver: a, match: {{sev: '1'}}, {MUTED}}}", [("root", "")]),
        (f"{{receiver: a, match_re: {{sev: '0|1'}}, {MUTED}}}", [("a", "by time interval now")]),
        (f"{{receiver: a, match_re: {{alertname: Kill}}, {MUTED}}}", [("root", "")]),
        (f"{{receiver: a, matchers: ['sev = \"0\"', 'team!=x'], {MUTED}}}", [("a", "by time interval now")]),
        (f"{{receiver: a, matchers: ['absent=\"\"', 'absent!~\".+\"'], {MUTED}}}", [("a", "by time interval now")]),
        (f"{{receiver: a, matchers: ['absent=~\".+\"'], {MUTED}}}", [("root", "")]),
        (f"{{receiver: a, continue: true, {MUTED}}}, {{receiver: c}}", [("a", "by time interval now"), ("c", "")]),
        (f"{{receiver: a, {MUTED}}}, {{receiver: c}}", [("a", "by time interval now")]),
        (f"{{receiver: a, {MUTED}, routes: [{{match: {{sev: '0'}}}}]}}", [("a", "")]),
        (f"{{receiver: a, routes: [{{match: {{sev: '0'}}, {MUTED}}}]}}", [("a", "by time interval now")]),
        ("{receiver: a, active_time_intervals: [now]}", [("a", "")]),
        ("{receiver: a, active_time_intervals: [later]}", [("a", "outside of time interval later")]),
        ("{receiver: a, mute_time_intervals: [later]}", [("a", "")]),
    ],
)
def test_the_walk_is_that_of_its_dispatcher(routes: str, found: list[tuple[str, str]]) -> None:
    receivers = [receiver for receiver, _ in found]
    assert [(one.receiver, one.muted) for one in destinations(routes, *receivers)] == found


@pytest.mark.parametrize(
    "routes",
    [
        "{receiver: a, mute_time_intervals: [theirs]}",
        "{receiver: a, mute_time_intervals: [unheard-of]}",
        f"{{receiver: a, matchers: ['sev=~\"[[:digit:]]\"'], {MUTED}}}",
        f"{{receiver: a, matchers: ['team=~\"(s|sa|saf)+\"'], {MUTED}}}",
        f"{{receiver: a, matchers: ['team=~\"(\"'], {MUTED}}}",
        f"{{receiver: a, matchers: ['sev ? 0'], {MUTED}}}",
        f"{{receiver: c, {MUTED}}}",
    ],
)
def test_what_only_alertmanager_can_know_is_not_guessed(routes: str) -> None:
    with pytest.raises(Underivable):
        destinations(routes, "a")


def test_one_matcher_that_does_not_match_decides_whatever_the_others_are() -> None:
    routes = f"{{receiver: a, matchers: ['sev=~\"[[:digit:]]\"', 'team=x'], {MUTED}}}"
    assert [one.receiver for one in destinations(routes, "root")] == ["root"]


def test_without_any_time_interval_its_own_word_on_where_it_goes_is_enough() -> None:
    assert destinations("{receiver: a, matchers: ['sev=~\"[[:digit:]]\"']}", "a") == [Destination("a")]


def test_a_receiver_tells_somebody_if_it_has_an_integration() -> None:
    routing = Routing.parsed(f"route: {{receiver: root}}\n{REST}")
    assert [routing.tells(name) for name in ("root", "a", "b", "c")] == [True, True, False, False]
    with pytest.raises(Underivable):
        routing.tells("unheard-of")


@pytest.mark.parametrize("text", ["", "[]", "route: []", "a: [", "route: \x00", "x" * (2 << 20)])
def test_what_is_no_configuration_is_refused(text: str) -> None:
    with pytest.raises(Underivable):
        Routing.parsed(text)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('sev="0"', [("sev", "=", "0")]),
        ("sev=0", [("sev", "=", "0")]),
        ("sev = 0 ", [("sev", "=", "0")]),
        ('{sev!="0", team=~"a|b",}', [("sev", "!=", "0"), ("team", "=~", "a|b")]),
        ('"a label"!~"x,y"', [("a label", "!~", "x,y")]),
        (r'a="say \"no\"\\\n"', [("a", "=", 'say "no"\\\n')]),
        ('a=""', [("a", "=", "")]),
        ("a=", [("a", "=", "")]),
        ("", []),
    ],
)
def test_matchers_are_read_in_every_form(line: str, found: list[tuple[str, str, str]]) -> None:
    assert list(terms(line)) == found


@pytest.mark.parametrize(
    ("interval", "inside"),
    [
        ({}, True),
        ({"times": [{"start_time": "15:00", "end_time": "15:01"}]}, True),
        ({"times": [{"start_time": "14:00", "end_time": "15:00"}]}, False),
        ({"times": [{"start_time": "00:00", "end_time": "24:00"}]}, True),
        ({"times": [{"start_time": "10:00", "end_time": "10:30"}], "location": "America/New_York"}, True),
        ({"weekdays": ["saturday", "sunday"]}, False),
        ({"weekdays": ["monday:friday"]}, True),
        ({"weekdays": ["sunday:monday"]}, True),
        ({"days_of_month": ["23"]}, True),
        ({"days_of_month": ["-8"]}, True),
        ({"days_of_month": ["-7:-1"]}, False),
        ({"days_of_month": ["31"]}, False),
        ({"days_of_month": ["1:31"]}, True),
        ({"months": ["november"]}, True),
        ({"months": ["1:10", "december"]}, False),
        ({"years": ["2020:2030"]}, True),
        ({"years": ["2025"]}, False),
        ({"weekdays": ["monday"], "months": ["may"]}, False),
    ],
)
def test_a_time_interval_holds_where_each_of_its_fields_does(interval: dict[str, object], inside: bool) -> None:
    assert contains(interval, MONDAY) is inside


@pytest.mark.parametrize(
    "interval",
    [
        {"times": [{"start_time": "noon", "end_time": "24:00"}]},
        {"times": [{}]},
        {"times": "always"},
        {"weekdays": ["someday"]},
        {"location": "Local"},
        {"location": "Atlantis/Centre"},
        {"seasons": ["winter"]},
    ],
)
def test_a_time_interval_that_is_not_understood_is_not_guessed(interval: dict[str, object]) -> None:
    with pytest.raises(Underivable):
        contains(interval, MONDAY)
