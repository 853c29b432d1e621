"""Texts with fields in them: what a person reads at three in the morning."""

from __future__ import annotations

import pytest

from tests.rules.known import FORBIDDEN, GLOBALS, mode, switch, workload
from watchdog.core.facts import Fact, Unknown
from watchdog.core.redaction import REDACTED
from watchdog.rules.template import LONGEST_VALUE, TemplateError, template


def filled(text: str, fact: Fact) -> str:
    return template(text, fact.KIND).filled(fact, {**GLOBALS, "market": Unknown("Stale")})


def test_a_field_is_filled_in_as_a_person_reads_it() -> None:
    assert filled("{{ workload.workload }} runs {{workload.live}}", workload(live=2)) == "execution-agent runs 2"
    assert filled("{{ workload.execution }} {{ safety.blind }}", workload()) == "yes no"


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
    assert filled("{{ kill_switch.explanation }}", switch(explanation="x" * 500)) == "x" * LONGEST_VALUE + "…"


def test_a_value_is_redacted() -> None:
    assert filled("{{ mode.variable }}={{ mode.declared }}", mode("hunter2", "MY_API_KEY")) == f"MY_API_KEY={REDACTED}"
    assert filled("{{ kill_switch.explanation }}", switch(explanation="password=hunter2")) == f"password={REDACTED}"
