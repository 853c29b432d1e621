"""Texts with fields in them: what a person reads at three in the morning."""

from __future__ import annotations

import pytest

from tests.rules.known import FORBIDDEN, GLOBALS, mode, switch, workload
from watchdog.core.facts import Fact, Metric, Unknown
from watchdog.core.redaction import REDACTED
from watchdog.rules.template import LONGEST_VALUE, TemplateError, template


def filled(text: str, fact: Fact) -> str:
    return template(text, fact.KIND).filled(fact, {**GLOBALS, "market": Unknown("Stale")})


def test_a_field_is_filled_in_as_a_person_reads_it() -> None:
    assert filled("{{ workload.workload }} runs {{workload.live}}", workload(live=2)) == "execution-agent runs 2"
    assert filled("{{ workload.execution }} {{ safety.blind }}", workload()) == "yes no"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (912.0, "912"),
        (2.06, "2.1"),
        (0.0, "0"),
        (0.031, "0.031"),
        (0.00114, "0.00114"),
        (-0.5, "-0.5"),
        (1e6, "1000000"),
    ],
)
def test_a_number_is_as_long_as_it_must_be_and_a_small_one_is_not_nothing(value: float, shown: str) -> None:
    fact = Metric("error_ratio_5xx", "x", value, 0.0, 0.0, "critical", "")
    assert filled("{{ metric.value }}", fact) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        *((0.0, "0 s"), (45.0, "45 s"), (60.5, "60.5 s"), (119.9, "119.9 s"), (120.0, "2 min"), (181.4, "3 min 1 s")),
        *((900.0, "15 min"), (3_599.9, "59 min 59 s"), (3_629.6, "1 h 0 min"), (86_399.0, "23 h 59 min")),
        *((183_600.0, "2 d 3 h"), (-3_700.0, "-1 h 1 min"), (-5.0, "-5 s")),
    ],
)
def test_a_duration_is_told_in_its_two_largest_units(seconds: float, shown: str) -> None:
    fact = Metric("oldest_unacked_seconds", "x", seconds, 0.0, 0.0, "critical", "")
    assert filled("{{ metric.value | duration }} old", fact) == f"{shown} old"
    assert filled("{{metric.value|duration}}", fact) == shown


@pytest.mark.parametrize(
    ("ratio", "shown"),
    [(0.08, "8 %"), (0.07, "7 %"), (0.0011, "0.11 %"), (1.0, "100 %"), (0.0, "0 %"), (1 / 15, "6.7 %")],
)
def test_a_ratio_is_told_in_percent(ratio: float, shown: str) -> None:
    fact = Metric("error_ratio_5xx", "x", ratio, 0.0, 0.0, "critical", "")
    assert filled("{{ metric.value | percent }}", fact) == shown


def test_an_unknown_number_has_no_form_and_says_why() -> None:
    fact = Metric("error_ratio_5xx", "x", FORBIDDEN, 0.0, 0.0, "critical", "")
    assert filled("{{ metric.value | percent }}", fact) == "unknown (Forbidden)"
    assert filled("{{ workload.live | duration }}", workload(live=3_600)) == "1 h 0 min", "a whole number has one too"


def test_a_form_is_one_that_there_is_and_of_a_number() -> None:
    with pytest.raises(TemplateError, match=r"^there is no form 'percnt'; expected duration or percent; did you mean"):
        template("{{ metric.value | percnt }}", "metric")
    with pytest.raises(TemplateError, match=r"^metric.series is no number, and 'duration' is a form of numbers$"):
        template("{{ metric.series | duration }}", "metric")
    with pytest.raises(TemplateError, match=r"^kill_switch.halted is no number"):
        template("{{ kill_switch.halted | percent }}", "kill_switch")


def test_an_unknown_field_says_why() -> None:
    assert filled("live {{ workload.live }}", workload(live=FORBIDDEN)) == "live unknown (Forbidden)"
    assert filled("open {{ market.open }}", workload()) == "open unknown (Stale)"


def test_white_space_is_one_space() -> None:
    assert filled("a\n   b {{ workload.live\n }}", workload()) == "a b 0"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{{ workload.lve }}", "did you mean 'live'?"),
        ("{{ endpoint.url }}", "'endpoint' is not declared"),
        ("{{ $labels.workload }}", "expected as in"),
        ("{{ workload }}", "expected as in"),
        ("{{ }}", "expected as in"),
        ("{{ workload.live | }}", "expected as in"),
        ("{{ workload.live | duration | percent }}", "expected as in"),
        ("{{ workload.live", "do not match"),
        ("workload.live }}", "do not match"),
    ],
)
def test_what_is_no_field_is_refused(text: str, why: str) -> None:
    with pytest.raises(TemplateError, match=why.replace("?", r"\?")):
        template(text, "workload")


def test_a_value_cannot_move_the_cursor_of_a_terminal() -> None:
    assert filled("{{ kill_switch.explanation }}", switch(explanation="\x1b[2J\rsafe\x00")) == "�[2J�safe�"


def test_a_value_is_cut_to_what_a_page_can_hold() -> None:
    assert (
        filled("{{ kill_switch.explanation }}", switch(explanation="x" * (LONGEST_VALUE + 1)))
        == "x" * LONGEST_VALUE + "…"
    )


def test_a_value_is_redacted() -> None:
    assert filled("{{ mode.variable }}={{ mode.declared }}", mode("hunter2", "MY_API_KEY")) == f"MY_API_KEY={REDACTED}"
    assert filled("{{ kill_switch.explanation }}", switch(explanation="password=hunter2")) == f"password={REDACTED}"
