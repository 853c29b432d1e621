"""Rules as YAML: what loads, and one clear sentence for everything that does not."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rules.known import ABOVE_ZERO, rules_of
from watchdog.core.alert import Policy, Rise
from watchdog.core.severity import Sev
from watchdog.rules.load import RulesError, load, read
from watchdog.rules.rule import Rule
from watchdog.rules.stanza import LARGEST, seconds


def problems(text: str, runbooks: frozenset[str] | None = None) -> tuple[str, ...]:
    with pytest.raises(RulesError) as refused:
        rules_of(text, runbooks)
    return refused.value.problems


def changed(old: str, new: str) -> str:
    assert old in ABOVE_ZERO
    return ABOVE_ZERO.replace(old, new)


def only_rule(text: str) -> Rule:
    (rule,) = rules_of(text).rules
    assert isinstance(rule, Rule)
    return rule


DRILL = """
groups:
  - name: drill
    rules:
      - alert: SomeDrill
        each: drill
        expr: drill.running
        severity: 3
        unknown: {severity: 3}
        labels: {drill: "true"}
        annotations: {summary: "DRILL"}
"""


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("name: drill", "name: execution", "a drill belongs to the group drill"),
        ('labels: {drill: "true"}', 'labels: {drill: "no"}', 'labels: of a drill: expected drill: "true"'),
        (
            "severity: 3\n        unknown",
            "severity: 3\n        latch: true\n        unknown",
            "a drill leaves nothing behind",
        ),
        (
            "each: drill\n        expr: drill.running",
            "each: receiver\n        expr: receiver.accepting",
            "is for drills only",
        ),
    ],
)
def test_what_is_real_is_never_among_drills_nor_a_drill_among_what_is_real(old: str, new: str, says: str) -> None:
    assert only_rule(DRILL).labels == {"drill": "true"}
    assert old in DRILL
    (problem,) = problems(DRILL.replace(old, new))
    assert says in problem


def test_no_real_rule_is_labelled_as_a_drill() -> None:
    real = DRILL.replace("name: drill", "name: sight").replace("each: drill\n", "each: receiver\n")
    (problem,) = problems(real.replace("drill.running", "receiver.accepting"))
    assert problem.endswith("labels: drill marks drills only")


def test_a_rule_in_prometheus_shape_loads() -> None:
    rule = only_rule("""
groups:
  - name: market_data
    rules:
      - alert: Stale
        each: endpoint
        expr: "!endpoint.fresh && !safety.blind"
        for: 1h30m
        keep_firing_for: 15s
        severity: 2
        unknown: {severity: 1, for: 1m, whether: "it is fresh"}
        active: market_hours
        rise:
          - {severity: 1, for: 5m}
          - {severity: 1, when: watchdog.disagreements > 0}
        labels: {team: data}
        annotations: {summary: stale, description: why, runbook: RUNBOOK.md}
""")
    rises = (Rise(Sev.SEV1, 300.0, conditional=False), Rise(Sev.SEV1, 0.0))
    assert rule.breach == Policy(Sev.SEV2, 5400.0, 15.0, False, rises)
    assert rule.unverifiable == Policy(Sev.SEV1, 60.0)
    assert (rule.name, rule.group, rule.each, rule.market_hours) == ("Stale", "market_data", "endpoint", True)
    assert rule.reads == {"safety", "market", "watchdog"}
    assert rule.whens[0] == rule.expr
    assert rule.labels == {"team": "data"}
    assert rule.runbook == "RUNBOOK.md"


def test_a_rule_over_a_global_is_judged_when_it_changes_and_not_twice() -> None:
    text = changed("each: workload", "each: safety").replace("workload.execution && workload.live > 0", "safety.blind")
    assert only_rule(text.replace("{{ workload.workload }} runs {{ workload.live }}", "blind")).reads == frozenset()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("severity: 0\n", "severty: 0\n", "unknown key 'severty'; did you mean 'severity'?"),
        ("        severity: 0\n", "", "severity: is missing"),
        ("severity: 0\n", "severity: 4\n", "severity: expected 0, 1, 2 or 3, got 4"),
        ("severity: 0\n", "severity: '0'\n", "severity: expected 0, 1, 2 or 3, got text ('0')"),
        ("severity: 0\n", "severity: true\n", "severity: expected 0, 1, 2 or 3, got yes or no ('true')"),
        ("severity: 0\n", "severity: 0\n        severity: 1\n", "severity: is given twice"),
        ("        unknown: {severity: 1, for: 15s}\n", "", "unknown: is missing"),
        ("unknown: {severity: 1, for: 15s}", "unknown: 1", "unknown: expected a mapping"),
        ("unknown: {severity: 1, for: 15s}", "unknown: {for: 15s}", "unknown: severity: is missing"),
        ("unknown: {severity: 1, for: 15s}", "unknown: {severity: 1, latch: true}", "unknown key 'latch'"),
        ("unknown: {severity: 1", "unknown: {severity: 2", "is worth 1 or 0 (domain.md §2)"),
        ("alert: AboveZero", "alert: above_zero", "expected CamelCase"),
        ("alert: AboveZero", "alert: ABOVE", "expected CamelCase"),
        ("      - alert: AboveZero\n        each", "      - each", "alert: is missing"),
        ("each: workload", "each: workloads", "each: expected"),
        ("each: workload", "each: [workload]", "each: expected text, got a list"),
        ("workload.live > 0", "workload.lve > 0", "expr: workload has no field 'lve'; did you mean 'live'?"),
        ("expr: workload.execution && workload.live > 0", "expr: true", "expr: expected text, got yes or no"),
        ("severity: 0\n", "severity: 0\n        for: 15s\n", "for: a Sev-0 breach that is seen pages at once"),
        ("severity: 0\n", "severity: 1\n        for: 15\n", "for: expected a duration such as 15s"),
        ("severity: 0\n", "severity: 1\n        for: -15s\n", "for: expected a duration"),
        ("severity: 0\n", "severity: 0\n        active: market_hours\n", "active: Sev-0 holds at every hour"),
        ("severity: 0\n", "severity: 1\n        active: sometimes\n", "active: expected always or market_hours"),
        ("severity: 0\n", "severity: 0\n        latch: 1\n", "latch: expected true or false"),
        (
            "severity: 0\n",
            "severity: 0\n        latch: true\n        keep_firing_for: 1m\n",
            "keep_firing_for: says nothing",
        ),
        ("severity: 0\n", "severity: 1\n        rise: [{severity: 1, for: 5m}]\n", "rise: expected a worse severity"),
        ("severity: 0\n", "severity: 1\n        rise: [{severity: 0}]\n", "rise 1: expected 'when', 'for' or both"),
        (
            "severity: 0\n",
            "severity: 1\n        rise: [{severity: 0, when: workload.liv > 1}]\n",
            "when: workload has no",
        ),
        ("severity: 0\n", "severity: 1\n        rise: [5]\n", "rise 1: expected a mapping"),
        (
            "severity: 0\n",
            "severity: 1\n        active: market_hours\n        rise: [{severity: 0, for: 5m}]\n",
            "active: Sev-0 holds at every hour",
        ),
        ("severity: 0\n", "severity: 0\n        labels: {sev: x}\n", "sev: is a label that the watchdog sets itself"),
        ("severity: 0\n", "severity: 0\n        labels: {workload: x}\n", "workload: already says which workload"),
        ("severity: 0\n", "severity: 0\n        labels: {a-b: x}\n", "a-b: is not a label name"),
        ("severity: 0\n", "severity: 0\n        labels: {__a: x}\n", "__a: is not a label name"),
        ("severity: 0\n", "severity: 0\n        labels: {team: 5}\n", "team: expected text, got a number ('5')"),
        ("severity: 0\n", "severity: 0\n        labels: {team: ''}\n", "team: is empty"),
        ("severity: 0\n", "severity: 0\n        labels: {team: a, team: b}\n", "team: is given twice"),
        ('{summary: "{{', '{sumary: "{{', "unknown key 'sumary'; did you mean 'summary'?"),
        ("{{ workload.live }}", "{{ workload.lives }}", "summary: workload has no field 'lives'"),
        ("{{ workload.workload }} runs {{ workload.live }}", " ", "summary: is empty"),
        ("name: execution", "name: Execution Rules", "name: expected lower case"),
        ("  - name: execution\n    rules", "  - rules", "name: is missing"),
        ("groups:", "group:", "unknown key 'group'; did you mean 'groups'?"),
    ],
)
def test_a_malformed_rule_is_one_clear_sentence(old: str, new: str, said: str) -> None:
    (*_, last) = found = problems(changed(old, new))
    assert any(said in problem for problem in found), found
    assert all(problem.startswith("rules.yaml:") for problem in found)
    assert "\n" not in last


def test_a_sentence_names_file_line_group_rule_and_key() -> None:
    (said,) = problems(changed("workload.live > 0", "workload.lve > 0"))
    assert said.startswith("rules.yaml:7: group execution, rule AboveZero: expr: workload has no field 'lve'")


def test_all_problems_of_all_files_are_told() -> None:
    with pytest.raises(RulesError) as refused:
        load([("a.yaml", changed("severity: 0", "severity: 9")), ("b.yaml", "groups: {"), ("c.yaml", "")])
    assert [problem.partition(":")[0] for problem in refused.value.problems] == ["a.yaml", "b.yaml", "c.yaml"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("groups: {", "is not YAML"),
        ("groups:\n  - name: a\n rules: []", "rules.yaml:3: is not YAML"),
        ("groups: \x07", "rules.yaml: is not YAML"),
        ("a: 1\n---\nb: 2\n", "is not YAML: but found another document"),
        ("", "expected a mapping, got an empty file"),
        ("- a", "expected a mapping, got a list"),
        ("groups: 5", "groups: expected a list, got a number ('5')"),
        ("groups: [5]", "group 1: expected a mapping"),
        ("groups: []", "has no rule"),
        ("groups: &a\n  - name: x\n    rules: *a", "an alias (*a) is not read here"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]", "an alias (*a) is not read here"),
        ("[" * 100_000, "nested more than"),
        ("x: " + "y" * LARGEST, "is larger than"),
        ("groups: !!python/object:os.system x", "expected a list"),
        ("? [a, b]\n: c", "unknown key"),
    ],
)
def test_a_file_that_is_no_file_of_rules_is_one_clear_sentence(text: str, said: str) -> None:
    assert said in problems(text)[0]


def test_a_yaml_library_without_libyaml_reads_and_refuses_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watchdog.rules.stanza._Loader", yaml.SafeLoader)
    assert only_rule(ABOVE_ZERO).name == "AboveZero"
    assert "rules.yaml:3: is not YAML" in problems("groups:\n  - name: a\n rules: []")[0]
    assert "nested more than" in problems("[" * 100_000)[0]


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, len(ABOVE_ZERO)),
    st.integers(0, 30),
    st.text(alphabet="{}[]:,-&*!|>'\"% \n#ax0é\x00\ud800", max_size=5),
)
def test_no_damage_to_a_file_raises_anything_but_a_rules_error(start: int, length: int, put: str) -> None:
    try:
        rules_of(ABOVE_ZERO[:start] + put + ABOVE_ZERO[start + length :])
    except RulesError as refused:
        assert refused.problems


def test_a_name_is_given_once_over_all_files() -> None:
    with pytest.raises(RulesError) as refused:
        load([("a.yaml", ABOVE_ZERO), ("b.yaml", ABOVE_ZERO)])
    assert refused.value.problems == ("b.yaml:5: group execution: alert: AboveZero already exists at a.yaml:5",)


def test_a_group_is_given_once_in_a_file() -> None:
    assert (
        "given twice" in problems(ABOVE_ZERO + ABOVE_ZERO.replace("\ngroups:\n", "").replace("AboveZero", "Other"))[0]
    )


def test_a_runbook_that_the_configuration_does_not_list_is_refused() -> None:
    text = changed("annotations: {", "annotations: {runbook: docs/KILL_SWICH.md, ")
    (said,) = problems(text, frozenset({"docs/KILL_SWITCH.md"}))
    assert "not among the runbooks" in said
    assert "did you mean 'docs/KILL_SWITCH.md'?" in said
    assert only_rule(text).runbook == "docs/KILL_SWICH.md"


def test_what_cannot_be_seen_does_not_latch_and_may_wait_before_it_is_sev_0() -> None:
    blind = changed("each: workload", "each: safety").replace("workload.execution && workload.live > 0", "safety.blind")
    blind = blind.replace("{{ workload.workload }} runs {{ workload.live }}", "blind")
    waits = blind.replace("severity: 0\n", "severity: 0\n        for: 5m\n")
    assert only_rule(waits).breach.for_seconds == 300
    (said,) = problems(waits.replace("for: 5m", "latch: true"))
    assert "latch: only a breach latches" in said


def test_that_a_service_does_not_answer_may_be_worth_less_than_not_to_see_a_safety_fact() -> None:
    word = changed("each: workload", "each: self_report").replace("severity: 1, for: 15s", "severity: 2, for: 1m")
    word = word.replace("workload.execution && workload.live > 0", "self_report.unsafe")
    word = word.replace("{{ workload.workload }} runs {{ workload.live }}", "it says so")
    assert only_rule(word).unverifiable == Policy(Sev.SEV2, for_seconds=60)


def test_files_are_read_from_disk_and_what_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    good, binary, large = tmp_path / "good.yaml", tmp_path / "binary.yaml", tmp_path / "large.yaml"
    good.write_text(ABOVE_ZERO)
    binary.write_bytes(b"\xff\xfe\x00")
    large.write_text("#" * (LARGEST + 1))
    assert load(read([good])).by_name.keys() == {"AboveZero"}
    with pytest.raises(RulesError) as refused:
        read([tmp_path / "missing.yaml", tmp_path, binary, good])
    assert [problem.removeprefix(str(tmp_path)) for problem in refused.value.problems] == [
        "/missing.yaml: cannot be read: No such file or directory",
        ": cannot be read: Is a directory",
        "/binary.yaml: is not UTF-8 text: byte 0",
    ]
    with pytest.raises(RulesError, match="larger than 1024 KiB"):
        load(read([large]))


@pytest.mark.parametrize(
    ("text", "value"),
    [("15s", 15.0), ("5m", 300.0), ("1h30m", 5400.0), ("1d", 86400.0), ("500ms", 0.5), ("0", 0.0), ("0s", 0.0)],
)
def test_durations_are_prometheus(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "15", "5 m", "1m1h", "-5s", "1.5h", "5min", "s", "١s"])
def test_what_is_no_duration_is_none(text: str) -> None:
    assert seconds(text) is None
