"""Label selectors: what they match, and how a LIST is asked for it."""

from __future__ import annotations

import pytest

from watchdog.ports import Unreachable
from watchdog.sources.kubernetes.objects import Requirement, Selector
from watchdog.sources.kubernetes.selectors import ByLabel, matches, pair_of, pairs_of, query


def such(operator: str, *values: str) -> Selector:
    return Selector(match_expressions=(Requirement("app", operator, values),))


@pytest.mark.parametrize(
    ("selector", "matching", "other", "asked"),
    [
        (Selector({"app": "x"}), {"app": "x", "b": "c"}, {"app": "y"}, "app=x"),
        (such("In", "x", "y"), {"app": "y"}, {}, "app in (x,y)"),
        (such("NotIn", "x"), {}, {"app": "x"}, "app notin (x)"),
        (such("Exists"), {"app": ""}, {}, "app"),
        (such("DoesNotExist"), {"b": "x"}, {"app": "x"}, "!app"),
        (Selector({"a": "1"}, (Requirement("app", "Exists"),)), {"a": "1", "app": "x"}, {"a": "1"}, "a=1,app"),
    ],
)
def test_a_selector(selector: Selector, matching: dict[str, str], other: dict[str, str], asked: str) -> None:
    assert matches(selector, matching) and not matches(selector, other) and query(selector) == asked


def test_an_operator_that_is_newer_than_we_are_is_not_guessed() -> None:
    with pytest.raises(Unreachable, match="operator"):
        matches(such("Gt", "1"), {"app": "2"})
    with pytest.raises(Unreachable, match="operator"):
        query(such("Gt", "1"))


def test_the_index_finds_who_selects_by_any_label_or_by_none() -> None:
    index = ByLabel[str]()
    index.add("by-app", [pair_of("ns", Selector({"app": "x"}))])
    index.add("by-expression", [pair_of("ns", such("Exists"))])
    assert list(index.under(pairs_of("ns", {"app": "x", "b": "c"}))) == ["by-expression", "by-app"]
    assert list(index.under(pairs_of("other", {"app": "x"}))) == []
    index.discard("by-app", [pair_of("ns", Selector({"app": "x"}))])
    assert list(index.under(pairs_of("ns", {"app": "x"}))) == ["by-expression"]
