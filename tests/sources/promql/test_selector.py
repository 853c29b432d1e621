"""Where the time of a sample can be asked for, and where it must be said."""

from __future__ import annotations

import pytest

from watchdog.sources.promql.selector import is_plain, sampling_time


@pytest.mark.parametrize(
    "expr",
    [
        "up",
        " job:requests:rate5m ",
        "up{}",
        'up{job="a"}',
        "up{job='a', instance!=\"b\",}",
        'up { job =~ "a|b" , zone !~ `x"y` }',
        'up{job="a } sum(b) \\" {"}',
        '{__name__="pubsub_googleapis_com:subscription_oldest_unacked_message_age"}',
        '{"pubsub.googleapis.com/x", "label.key"="v"}',
        "infrastructure_up",
    ],
)
def test_a_plain_selector_is_recognised(expr: str) -> None:
    assert is_plain(expr)
    assert sampling_time(expr) == f"timestamp({expr.strip()})"


@pytest.mark.parametrize(
    "expr",
    [
        "",
        "1",
        "NaN",
        "Inf",
        "up[5m]",
        "up offset 5m",
        "up @ 1700000000",
        "-up",
        "up + up",
        "up or vector(0)",
        "sum(up)",
        "sum by (job) (up)",
        "rate(up[5m])",
        "timestamp(up)",
        'up{job="a"} / up',
        'up{job="a"}) or (up{job="b"}',
        'label_replace(up, "a", "b", "c", "d")',
        "up{job=a}",
        'up{job="a"',
        "up\nor down",
    ],
)
def test_whatever_is_computed_is_no_plain_selector(expr: str) -> None:
    assert not is_plain(expr)
