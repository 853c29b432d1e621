"""One rule: when one fact is a breach, what that is worth over time, and what the page says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from watchdog.core.alert import Cause, Description, Policy
from watchdog.core.facts import GLOBALS, Fact, Market, Unknown
from watchdog.core.redaction import redacted_text
from watchdog.core.ruleset import Globals, Judgement
from watchdog.rules.expression import Contexts, Expression
from watchdog.rules.template import EMPTY, LONGEST_VALUE, Template, said

NOT_SEEN = (
    "It was not seen to be unsafe, and it was not seen to be safe: {why}. Unknown is never fine: treat it as unsafe "
    "until it can be seen, and find out why it cannot be read."
)


@dataclass(frozen=True, slots=True)
class Rule:
    """Implements ``core.assessment.Rule``. Pure but for ``contexts``, a memo that the rules of one load share."""

    name: str
    group: str
    each: str
    expr: Expression
    breach: Policy
    unverifiable: Policy
    summary: Template
    whether: Template  # "Cannot verify whether ...": the safe state, which an unknown leaves open
    description: Template = EMPTY
    runbook: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    whens: tuple[Expression, ...] = ()  # for each rise of ``breach``
    market_hours: bool = False
    contexts: Contexts = field(default_factory=Contexts, repr=False, compare=False)
    reads: frozenset[str] = field(init=False)
    """The globals whose change has this rule judge every subject again: to be used sparingly over many subjects."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "reads", self._reads())

    def _reads(self) -> frozenset[str]:
        expressions = [path.name for expression in (self.expr, *self.whens) for path in expression.paths]
        texts = [path.name for text in (self.summary, self.whether, self.description) for path in text.paths]
        hours = {Market.KIND} if self.market_hours else set()
        return frozenset({*expressions, *texts, *hours} & GLOBALS.keys() - {self.each})

    def judge(self, fact: Fact, globals_: Globals) -> Judgement:
        context = self.contexts.of(fact, globals_)
        verdict = self.expr.evaluate(context)
        if verdict is not True:
            return Judgement(verdict, (False,) * len(self.whens))
        # An unknown ``when`` counts as true: whether a breach is worse than it looks is never guessed in its favour.
        return Judgement(True, tuple(when.evaluate(context) is not False for when in self.whens))

    def describe(self, fact: Fact, globals_: Globals, cause: Cause, why: Unknown | None) -> Description:
        labels = {**self.labels, **dict(fact.subject.labels)}
        if cause is Cause.BREACH:
            summary, text = self.summary.filled(fact, globals_), self.description.filled(fact, globals_)
        else:
            reason = _reason(why)
            summary = f"Cannot verify whether {self.whether.filled(fact, globals_)}: {reason}"
            text = NOT_SEEN.format(why=reason)
        annotations = {"summary": summary, "description": text, "runbook": self.runbook}
        return Description(labels, {name: value for name, value in annotations.items() if value})


def _reason(why: Unknown | None) -> str:
    if why is None:
        return "it is unknown"
    message = redacted_text(why.message)
    return f"{why.reason} ({said(message[:LONGEST_VALUE])})" if message else why.reason
