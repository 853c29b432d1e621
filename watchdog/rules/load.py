"""Rules as YAML, in Prometheus' shape. All problems are found in one pass, each one sentence.

What is refused goes beyond a wrong shape: a rule that says nothing of *unknown*, a Sev-0 that would sleep outside
market hours or wait, and whatever in an expression could read unknown as fine (``syntax``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from watchdog.core.alert import Policy, Rise
from watchdog.core.facts import KINDS, Drill
from watchdog.core.incident import DRILL_GROUP
from watchdog.core.ruleset import RuleSet
from watchdog.core.severity import Sev
from watchdog.rules.expression import Contexts, Expression, ExpressionError, compiled
from watchdog.rules.rule import Rule
from watchdog.rules.schema import did_you_mean
from watchdog.rules.stanza import LARGEST, Stanza, parsed
from watchdog.rules.template import EMPTY, Template, TemplateError, template

SIGHT = frozenset({"source", "safety"})
"""Kinds that say what can be seen. A rule over them fires because something is *not* seen: it may wait before it is
Sev-0 (the ladder of domain.md §2), and it must not latch."""

WORDS = frozenset({"self_report", "agreement", "drill"})
"""Kinds that hold somebody's word. That nobody answers is a service that is down: the safety facts themselves are seen
elsewhere, and not to see *those* is worth Sev-1."""

DRILL_LABEL = "drill"
RESERVED = frozenset({"alertname", "severity", "sev", "cause", "state", "incident", "cluster", "environment"})
_NAME = re.compile(r"(?=.*[a-z])[A-Z][A-Za-z0-9]*")
_GROUP = re.compile(r"[a-z][a-z0-9_]*")
_LABEL = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*")
_RULE = (
    *("alert", "each", "expr", "for", "keep_firing_for", "severity", "latch", "unknown", "active", "rise"),
    *("labels", "annotations"),
)
_SEVS = tuple(int(sev) for sev in Sev)


class RulesError(ValueError):
    """The rules are refused; ``problems`` says why, a sentence each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def read(paths: Iterable[str | Path]) -> tuple[tuple[str, str], ...]:
    """(path, text) of each file. Raises ``RulesError``."""
    problems: list[str] = []
    texts = [(str(path), _text(Path(path), problems)) for path in paths]
    if problems:
        raise RulesError(problems)
    return tuple(texts)


def _text(path: Path, problems: list[str]) -> str:
    try:
        with path.open("rb") as file:
            return file.read(4 * LARGEST + 1).decode("utf-8")  # at most 4 bytes a character; ``parsed`` counts those
    except OSError as error:
        problems.append(f"{path}: cannot be read: {error.strerror}")
    except UnicodeDecodeError as error:
        problems.append(f"{path}: is not UTF-8 text: byte {error.start}")
    return ""


def load(texts: Sequence[tuple[str, str]], runbooks: frozenset[str] | None = None) -> RuleSet:
    """The rules of these (path, text) pairs. ``runbooks`` are those that the configuration lists (``None``: any).

    Raises ``RulesError`` with every problem of every file.
    """
    problems: list[str] = []
    reading = _Reading(problems, runbooks, Contexts())
    rules = [rule for file, text in texts for rule in reading.rules(file, text)]
    if not rules and not problems:
        problems.append(f"{', '.join(file for file, _ in texts) or 'the configuration'}: has no rule")
    problems += _repeated(rules)
    if problems:
        raise RulesError(problems)
    return RuleSet.of([rule for rule, _ in rules])


def _repeated(rules: Iterable[tuple[Rule, str]]) -> Iterator[str]:
    first: dict[str, str] = {}
    for rule, place in rules:
        if rule.name in first:
            yield f"{place}: group {rule.group}: alert: {rule.name} already exists at {first[rule.name]}"
        first.setdefault(rule.name, place)


class _Reading:
    """The work of one ``load``: makes rules and notes what is wrong with them."""

    def __init__(self, problems: list[str], runbooks: frozenset[str] | None, contexts: Contexts) -> None:
        self.problems, self.runbooks, self.contexts = problems, runbooks, contexts

    def rules(self, file: str, text: str) -> Iterator[tuple[Rule, str]]:
        root = parsed(file, text, self.problems)
        if root is None:
            return
        root.only("groups")
        root.required("groups")
        groups: set[str] = set()
        for group in root.stanzas("groups", "group"):
            name = self._group(group, groups)
            for stanza in group.stanzas("rules", "rule"):
                yield from self._rule(name, stanza)

    def _group(self, group: Stanza, known: set[str]) -> str:
        group.only("name", "rules")
        name = group.text("name") if group.required("name", "rules") else ""
        if group.has("name") and not _GROUP.fullmatch(name):
            group.refuse("name", f"expected lower case such as market_data, got '{name}'")
        if name in known:
            group.refuse("name", f"group '{name}' is given twice")
        known.add(name)
        return name or group.where.removeprefix("group ")

    def _rule(self, group: str, found: Stanza) -> Iterator[tuple[Rule, str]]:
        before = len(self.problems)
        name = found.text("alert")
        stanza = found.named(f"group {group}, {f'rule {name}' if name else found.where.rpartition(', ')[2]}")
        stanza.only(*_RULE)
        if not stanza.has("unknown"):
            stanza.refuse("unknown", "is missing; say what it is worth not to know, as in {severity: 1, for: 15s}")
        if not stanza.required("alert", "each", "expr", "severity", "annotations"):
            return
        if not _NAME.fullmatch(name):
            stanza.refuse("alert", f"expected CamelCase such as KillSwitchNotHalted, got '{name}'")
        each = stanza.choice("each", ("", *KINDS))
        if each not in KINDS:
            return
        rule = self._built(name, group, each, stanza)
        _check_policies(rule, stanza)
        _check_drill(rule, stanza)
        if len(self.problems) == before:
            yield rule, stanza.place

    def _built(self, name: str, group: str, each: str, stanza: Stanza) -> Rule:
        unknown, annotations = stanza.stanza("unknown"), stanza.stanza("annotations")
        rises, whens = self._rises(stanza, each)
        expr = _expression(stanza, "expr", each)
        return Rule(
            name=name,
            group=group,
            each=each,
            expr=expr,
            breach=Policy(
                _sev(stanza),
                stanza.seconds("for"),
                stanza.seconds("keep_firing_for"),
                stanza.flag("latch"),
                rises,
            ),
            unverifiable=_unverifiable(unknown) if unknown else Policy(Sev.SEV1),
            summary=_template(annotations, "summary", each),
            whether=_template(unknown, "whether", each) or template(f"{name} holds", each),
            description=_template(annotations, "description", each),
            runbook=self._runbook(annotations) if annotations else "",
            labels=_labels(stanza, each),
            whens=tuple(when or expr for when in whens),
            market_hours=stanza.choice("active", ("always", "market_hours")) == "market_hours",
            contexts=self.contexts,
        )

    def _rises(self, stanza: Stanza, each: str) -> tuple[tuple[Rise, ...], tuple[Expression | None, ...]]:
        rises, whens = [], []
        for rise in stanza.stanzas("rise", "rise"):
            rise.only("severity", "when", "for")
            rise.required("severity")
            rises.append(Rise(_sev(rise), rise.seconds("for"), conditional=rise.has("when")))
            whens.append(_expression(rise, "when", each) if rise.has("when") else None)
            if not rise.has("when") and not rise.has("for"):
                rise.refuse("", "expected 'when', 'for' or both")
        return tuple(rises), tuple(whens)

    def _runbook(self, annotations: Stanza) -> str:
        annotations.only("summary", "description", "runbook")
        annotations.required("summary")
        runbook = annotations.text("runbook")
        if annotations.has("runbook") and not runbook.strip():
            annotations.refuse("runbook", "is empty")
        elif runbook and self.runbooks is not None and runbook not in self.runbooks:
            hint = did_you_mean(runbook, sorted(self.runbooks))
            annotations.refuse("runbook", f"'{runbook}' is not among the runbooks that the configuration lists{hint}")
        return runbook


def _sev(stanza: Stanza) -> Sev:
    return Sev(stanza.number("severity", _SEVS, default=1))


def _unverifiable(unknown: Stanza) -> Policy:
    unknown.only("severity", "for", "whether")
    unknown.required("severity")
    return Policy(_sev(unknown), unknown.seconds("for"))


def _expression(stanza: Stanza, key: str, each: str) -> Expression:
    """The expression under ``key``; where it is refused, one that is never judged, for then the rule is refused too."""
    text = stanza.text(key)
    try:
        return compiled(text, each)
    except ExpressionError as error:
        for problem in error.problems:
            stanza.refuse(key, problem)
        return Expression(text, (), None)


def _template(stanza: Stanza | None, key: str, each: str) -> Template:
    if stanza is None or not stanza.has(key):
        return EMPTY
    text = stanza.text(key, "?")
    if not text.strip():
        stanza.refuse(key, "is empty")
    try:
        return template(text, each)
    except TemplateError as error:
        stanza.refuse(key, str(error))
        return EMPTY


def _labels(stanza: Stanza, each: str) -> dict[str, str]:
    labels = stanza.stanza("labels")
    if labels is None:
        return {}
    values = {name: labels.text(name, "?") for name in labels.names()}
    labels.only(*values)
    for name, value in values.items():
        if not _LABEL.fullmatch(name):
            labels.refuse(name, "is not a label name; expected letters, digits and _")
        elif name in RESERVED:
            labels.refuse(name, "is a label that the watchdog sets itself")
        elif name in KINDS[each].IDENTITY:
            labels.refuse(name, f"already says which {each} it is")
        elif not value.strip():
            labels.refuse(name, "is empty")
    return values


def _check_drill(rule: Rule, stanza: Stanza) -> None:
    """A drill is marked as one and has a group of its own; what is real is never marked so, nor in that group: who
    passes over drills must not pass over it."""
    if rule.each == Drill.KIND:
        if rule.group != DRILL_GROUP:
            stanza.refuse("each", f"a drill belongs to the group {DRILL_GROUP}")
        if rule.labels.get(DRILL_LABEL) != "true":
            stanza.refuse("labels", f'of a drill: expected {DRILL_LABEL}: "true"')
        if rule.breach.latch:
            stanza.refuse("latch", "a drill leaves nothing behind")
    elif rule.group == DRILL_GROUP:
        stanza.refuse("each", f"the group {DRILL_GROUP} is for drills only")
    elif DRILL_LABEL in rule.labels:
        stanza.refuse("labels", f"{DRILL_LABEL} marks drills only")


def _check_policies(rule: Rule, stanza: Stanza) -> None:
    breach = rule.breach
    worst = min([breach.severity, *(rise.severity for rise in breach.rises)])
    if any(rise.severity >= breach.severity for rise in breach.rises):
        stanza.refuse("rise", f"expected a worse severity than {breach.severity.value}")
    if breach.latch and rule.each in SIGHT:
        stanza.refuse("latch", f"only a breach latches, and a rule over {rule.each} fires for what cannot be seen")
    if breach.latch and breach.keep_firing_for:
        stanza.refuse("keep_firing_for", "says nothing beside latch: true")
    if Sev.SEV0 in (worst, rule.unverifiable.severity) and rule.market_hours:
        stanza.refuse("active", "Sev-0 holds at every hour; expected always")
    if breach.severity is Sev.SEV0 and breach.for_seconds and rule.each not in SIGHT:
        stanza.refuse("for", "a Sev-0 breach that is seen pages at once; expected none")
    if worst is Sev.SEV0 and rule.unverifiable.severity > Sev.SEV1 and rule.each not in WORDS:
        stanza.refuse("unknown", "of a rule that is or becomes Sev-0 is worth 1 or 0 (domain.md §2)")
