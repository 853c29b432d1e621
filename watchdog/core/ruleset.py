"""What a turn needs of rules: to judge one fact, to say how a verdict behaves over time, and what a page says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from watchdog.core.alert import Cause, Description, Identity, Policy
from watchdog.core.facts import Fact, Market, Unknown


@dataclass(frozen=True, slots=True)
class Judgement:
    """One rule's word on one subject: True is a breach, False is clear. ``rises`` are the conditions of its policy's
    rises."""

    verdict: bool | Unknown
    rises: tuple[bool, ...] = ()


Globals = Mapping[str, Fact | Unknown]
"""The facts of which there is one, by name: what every rule may read beside its own subject."""


class Rule(Protocol):
    """What ``assess`` needs of a rule; ``rules.rule`` implements it."""

    @property
    def name(self) -> str: ...
    @property
    def group(self) -> str: ...
    @property
    def each(self) -> str: ...
    @property
    def reads(self) -> frozenset[str]:
        """The globals that it reads, the market included if it begins in market hours only."""
        ...

    @property
    def breach(self) -> Policy: ...
    @property
    def unverifiable(self) -> Policy: ...
    @property
    def market_hours(self) -> bool:
        """It begins only while the market is trading: open, and past the grace after the bell (unknown is trading)."""
        ...

    def judge(self, fact: Fact, globals_: Globals) -> Judgement:
        """May raise: that is Unknown for this rule alone."""
        ...

    def describe(self, fact: Fact, globals_: Globals, cause: Cause, why: Unknown | None) -> Description:
        """What a page says. Must not raise: its templates were checked when the rule was loaded."""
        ...


@dataclass(frozen=True, slots=True)
class RuleSet:
    rules: tuple[Rule, ...]
    by_kind: Mapping[str, tuple[Rule, ...]]
    by_name: Mapping[str, Rule]

    @classmethod
    def of(cls, rules: Sequence[Rule]) -> RuleSet:
        by_kind: dict[str, tuple[Rule, ...]] = {}
        for rule in rules:
            by_kind[rule.each] = (*by_kind.get(rule.each, ()), rule)
        return cls(tuple(rules), by_kind, {rule.name: rule for rule in rules})

    def policy(self, identity: Identity) -> Policy:
        rule = self.by_name[identity.rule]
        return rule.breach if identity.cause is Cause.BREACH else rule.unverifiable


def may_begin(rule: Rule, globals_: Globals) -> bool:
    """What holds in market hours only begins only then, once what must flow by then is late; unknown hours count."""
    market = globals_[Market.KIND]
    return not (rule.market_hours and isinstance(market, Market) and not market.trading)
