"""What the platform's own reader concludes from a kill switch's text. domain.md §3."""

from __future__ import annotations

import pytest

from watchdog.core.switch import halted, truthy


@pytest.mark.parametrize("text", ["1", "true", "TRUE", " yes\n", "On", "\t1 \r\n", "1\n0", "1\nanything"])
def test_a_truthy_first_line_is_halted(text: str) -> None:
    assert halted(text)[0] is True


@pytest.mark.parametrize(
    "text", ["", " ", "\n1", "0", "false", "halted", "2", "1 0", "true-ish", "ja", "1\x00", "１", "1" + " " * 100 + "0"]
)
def test_everything_else_is_not_halted(text: str) -> None:
    assert halted(text)[0] is False


def test_it_says_why() -> None:
    assert halted("0\nsecret")[1] == 'the value is "0"'
    assert halted("\n1")[1] == "the value is empty"
    assert len(halted("x" * 1000)[1]) < 100


def test_only_the_four_words_are_truthy() -> None:
    assert not truthy("y") and not truthy("enabled") and truthy(" ON ")
