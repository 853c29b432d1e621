"""CEL, three-valued: what is refused before anything runs, and what an unknown is worth when it does."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rules.known import FORBIDDEN, GLOBALS, mode, switch, workload
from watchdog.core.facts import KINDS, Fact, Market, Safety, Unknown, Workload
from watchdog.rules.expression import LONGEST, Contexts, ExpressionError, compiled
from watchdog.rules.schema import LONGEST_TEXT, field_types


def verdict(text: str, fact: Fact, **unknown: Unknown) -> bool | Unknown:
    return compiled(text, fact.KIND).evaluate(Contexts().of(fact, {**GLOBALS, **unknown}))


def refusal(text: str, each: str = "workload") -> str:
    with pytest.raises(ExpressionError) as refused:
        compiled(text, each)
    return str(refused.value)


# What an unknown is worth


def test_an_unknown_that_is_touched_is_unknown_with_its_reason_and_its_field() -> None:
    said = verdict("workload.live > 0", workload(live=FORBIDDEN))
    assert said == Unknown("Forbidden", "workload.live: pods is forbidden")


def test_an_unknown_that_the_other_operand_decides_is_not_unknown() -> None:
    fact = workload(desired=1, live=FORBIDDEN)
    assert verdict("workload.live > 0 || workload.desired > 0", fact) is True
    assert verdict("workload.live > 0 && workload.desired == 0", fact) is False


@pytest.mark.parametrize(
    "text",
    [
        "!(workload.live == 0)",
        "workload.live != 0",
        "workload.live == workload.live",
        "workload.live > 0 ? false : false",
        "workload.execution && !(workload.live > 0)",
        "workload.live * 0 == 0",
    ],
)
def test_no_way_to_write_it_reads_an_unknown_as_a_value(text: str) -> None:
    assert isinstance(verdict(text, workload(live=FORBIDDEN)), Unknown)


def test_an_unknown_global_is_absent_as_a_whole() -> None:
    stale = Unknown("Stale", "no look for 5 s")
    assert verdict("market.open && workload.execution", workload(), market=stale) == Unknown(
        "Stale", "market.open: no look for 5 s"
    )
    assert verdict("market.open && !workload.execution", workload(), market=stale) is False


def test_every_unknown_that_was_touched_is_named() -> None:
    fact = workload(reported=Unknown("Timeout"), live=FORBIDDEN)
    said = verdict("workload.reported > 0 || workload.live > 0", fact)
    assert said == Unknown("Timeout", "workload.reported: Timeout; workload.live: pods is forbidden")


def test_a_rule_over_a_global_reads_the_fact_that_it_judges() -> None:
    assert verdict("safety.blind", Safety(FORBIDDEN, FORBIDDEN, True, False, "")) is True


def test_an_error_of_arithmetic_is_unknown() -> None:
    said = verdict("9223372036854775807 + workload.live > 0", workload(live=1))
    assert isinstance(said, Unknown)
    assert said.reason == "ExpressionFailed"
    assert "overflow" in said.message


@pytest.mark.parametrize("held", [True, "1", 2**63, -(2**63) - 1, None, 1.0])
def test_a_value_of_another_type_than_the_facts_is_unknown(held: object) -> None:
    assert isinstance(verdict("workload.live > 0", replace(workload(), live=held)), Unknown)  # type: ignore[arg-type]


@pytest.mark.parametrize("held", [float("nan"), float("inf"), float("-inf"), 1e300, "61"])
def test_a_number_that_is_none_is_unknown(held: object) -> None:
    fact = KINDS["endpoint"]("s", "u", True, "", True, held, 60.0, 0.0, 0.0, False)  # type: ignore[call-arg]
    assert isinstance(verdict("endpoint.age_seconds > 60.0", fact), Unknown)
    assert isinstance(verdict("endpoint.age_seconds <= 60.0", fact), Unknown)


def test_a_text_that_is_too_long_to_judge_is_unknown() -> None:
    assert isinstance(verdict('mode.declared == "LIVE"', mode("x" * (LONGEST_TEXT + 1))), Unknown)
    assert verdict('mode.declared == "LIVE"', mode("x" * LONGEST_TEXT)) is False


@pytest.mark.parametrize("held", ["LIVE\x00", "LIVE\ud800", "\x00LIVE"])
def test_a_text_with_a_nul_or_a_lone_surrogate_is_judged_as_another_text(held: str) -> None:
    assert verdict('mode.declared == "LIVE"', mode(held)) is False
    assert verdict('mode.declared.contains("LIVE")', mode(held)) is True


def test_a_text_is_a_text_whatever_is_in_it() -> None:
    assert verdict('mode.declared == "Ä 交易 🚨"', mode("Ä 交易 🚨")) is True


# Soundness: a verdict holds however the unknowns turn out

LEAVES = ["workload.execution", "workload.desired > 0", "workload.reported > 1", "workload.live == 0", "market.open"]
EXPRESSIONS = st.recursive(
    st.sampled_from(LEAVES),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]} && {pair[1]})"),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]} || {pair[1]})"),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]}) == ({pair[1]})"),
        st.tuples(inner, inner, inner).map(lambda three: f"(({three[0]}) ? ({three[1]}) : ({three[2]}))"),
        inner.map(lambda one: f"!({one})"),
    ),
    max_leaves=6,
)
COUNT = st.one_of(st.just(FORBIDDEN), st.sampled_from([0, 1, 2]))


def completions(fact: Workload) -> Iterator[Workload]:
    """Every way in which the unknowns could turn out."""
    ways = [(0, 1, 2) if isinstance(value, Unknown) else (value,) for value in (fact.desired, fact.reported, fact.live)]
    for desired, reported, live in itertools.product(*ways):
        yield replace(fact, desired=desired, reported=reported, live=live)


@settings(max_examples=200, deadline=None)
@given(EXPRESSIONS, COUNT, COUNT, COUNT, st.booleans())
def test_a_verdict_holds_for_every_completion_of_the_unknowns(
    text: str, desired: int | Unknown, reported: int | Unknown, live: int | Unknown, execution: bool
) -> None:
    fact = workload(desired, reported, live, execution)
    try:
        expression = compiled(text, "workload")
    except ExpressionError as refused:
        assert "nested" in str(refused) or "recursion" in str(refused)
        return
    contexts = Contexts()
    said = expression.evaluate(contexts.of(fact, GLOBALS))
    if not isinstance(said, Unknown):
        assert {expression.evaluate(contexts.of(whole, GLOBALS)) for whole in completions(fact)} == {said}


@settings(max_examples=200, deadline=None)
@given(st.data(), st.sampled_from(sorted(KINDS)))
def test_judging_never_raises_whatever_a_fact_holds(data: st.DataObject, kind: str) -> None:
    anything = st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.just(FORBIDDEN), st.binary()
    )
    held = {name: data.draw(anything) for name in field_types(kind)}
    fact = KINDS[kind](**held)
    for name, of in field_types(kind).items():
        text = {bool: "{} == true", int: "{} > 0", float: "{} > 0.5", str: '{}.startsWith("a")'}[of]
        said = compiled(text.format(f"{kind}.{name}"), kind).evaluate(Contexts().of(fact, GLOBALS))
        assert isinstance(said, (bool, Unknown))


# What is refused


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("has(workload.live) && workload.live > 0", "has() is refused"),
        ("!has(workload.live)", "has() is refused"),
        ("workload.kind in ['Deployment']", "'in' is refused"),
        ("'live' in workload", "'in' is refused"),
        ("workload.?live.orValue(0) > 0", "'?.' is refused"),
        ("workload[?'live'].orValue(0) > 0", "is refused"),
        ("workload['live'] > 0", "an index is refused"),
        ("[workload.live].all(x, x == 0)", "a macro over a collection is refused"),
        ("[workload.live].exists(x, x > 0)", "a macro over a collection is refused"),
        ("workload.map(x, x).size() == 0", "a macro over a collection is refused"),
        ("workload == workload", "'workload' stands alone"),
        ("workload.live == null", "not null"),
        ("dyn(workload.live) == 1", "dyn() is refused"),
        ("type(workload.live) == int", "type() is refused"),
        ("endpoint.fresh", "'endpoint' is not declared; expected workload, safety, market, core, ingest or watchdog"),
        ("workload.desird > 0", "workload has no field 'desird'; did you mean 'desired'?"),
        ("wrkload.desired > 0", "did you mean 'workload'?"),
        ("market.opn", "did you mean 'open'?"),
        ("workload.live", "it is of type int; expected a boolean"),
        ("workload.live > 1.5", "a float is compared with a float"),
        ("workload.live > '1'", "no matching overload"),
        ("workload.kind == 1", "no matching overload"),
        ("!workload.live", "no matching overload"),
        ("workload.live.count > 0", "'.count' is a field of something that has none"),
        ("workload.kind.startsWth('D')", "did you mean 'startsWith'?"),
        ("workload.kind.matches(workload.workload)", "takes a literal pattern only"),
        ("workload.kind.matches('(')", "'(' is not a regular expression"),
        ("workload.live / 2 > 0", "'/' is refused"),
        ("true", "it reads no fact"),
        ("1 == 1", "it reads no fact"),
        ("workload.live > 0 || true", "it is always true"),
        ("workload.execution && false", "it is always false"),
        ("cel.bind(x, 1, workload.live > x)", "is not allowed"),
        ("size([workload.live]) > 0", "a list, map or message is refused"),
        ("size({'a': workload.live}) > 0", "a list, map or message is refused"),
        ("fact.workload{live: 1}.live > 0", "is a field of something that has none"),
        ("workload.live > 1u", "a constant is"),
        ("b'a' == b'a'", "a constant is"),
        ("workload.execution &&", "column 22: syntax error"),
        ("", "syntax error"),
        ("@", "syntax error"),
        ("!" * 3000 + "(" * 100 + "workload.execution" + ")" * 100, "recursion"),
        ("workload.live > " + "1 + " * 90 + "1", "recursion"),
        ("workload.execution" + " " * LONGEST, "longer than"),
    ],
)
def test_what_could_read_an_unknown_as_fine_is_refused(text: str, why: str) -> None:
    assert why in refusal(text)


def test_every_problem_of_an_expression_is_named() -> None:
    said = refusal("has(workload.live) || workload.desird > 0")
    assert "has()" in said
    assert "desird" in said


def test_every_field_of_every_kind_can_be_named() -> None:
    for kind in KINDS:
        for name in field_types(kind):
            assert compiled(f"{kind}.{name} == {kind}.{name}", kind).paths == ((kind, name),)


def test_rules_of_one_subject_share_one_activation() -> None:
    contexts, fact = Contexts(), switch()
    first = contexts.of(fact, GLOBALS)
    assert contexts.of(fact, GLOBALS) is first
    assert contexts.of(switch(), GLOBALS) is not first


def test_a_shared_activation_is_of_the_newest_fact_and_the_newest_globals() -> None:
    contexts, fact = Contexts(), workload(live=1)
    closed = {**GLOBALS, "market": Market("NYSE", False, "closed", False, 3650)}
    expression = compiled("market.open && workload.live > 0", "workload")
    assert expression.evaluate(contexts.of(fact, GLOBALS)) is True
    assert expression.evaluate(contexts.of(fact, closed)) is False
    assert expression.evaluate(contexts.of(fact, GLOBALS)) is True
    assert expression.evaluate(contexts.of(workload(live=0), GLOBALS)) is False
