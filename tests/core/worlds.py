"""Small worlds for the core's tests: instants, scopes, facts, and rules whose judgement is a Python function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from watchdog.core.alert import Cause, Description, Policy
from watchdog.core.assessment import Assessment, assess
from watchdog.core.facts import Fact, KillSwitch, Unknown, Workload
from watchdog.core.instant import Instant
from watchdog.core.observation import Coverage, Facts, Observation, Scope
from watchdog.core.posture import Posture
from watchdog.core.ruleset import Globals, Judgement, RuleSet
from watchdog.core.severity import Sev

START = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
SWITCHES, WORKLOADS = Scope("kubernetes", "switches"), Scope("kubernetes", "workloads")


def at(seconds: float) -> Instant:
    return Instant(START + timedelta(seconds=seconds), seconds)


def switch(halted: bool | Unknown = True, location: str = "floor/kill-switch") -> KillSwitch:
    return KillSwitch("EXECUTION_HALTED", "config_map", location, halted, "1" if halted is True else "0", "")


def workload(desired: int | Unknown = 0, name: str = "execution-agent", execution: bool = True) -> Workload:
    return Workload("floor", "Deployment", name, execution, "", desired, 0, 0)


LATCHED, AFTER_15_SECONDS = Policy(Sev.SEV0, latch=True), Policy(Sev.SEV1, for_seconds=15)


@dataclass(frozen=True)
class PlainRule:
    """A rule for tests: ``breached(fact, globals)`` answers True, False or Unknown, and may raise."""

    name: str
    each: str
    breached: Callable[[Fact, Globals], bool | Unknown]
    breach: Policy = LATCHED
    unverifiable: Policy = AFTER_15_SECONDS
    group: str = "execution"
    reads: frozenset[str] = field(default_factory=frozenset)
    market_hours: bool = False
    rises: Callable[[Fact], tuple[bool, ...]] = lambda fact: ()

    def judge(self, fact: Fact, globals_: Globals) -> Judgement:
        return Judgement(self.breached(fact, globals_), self.rises(fact))

    def describe(self, fact: Fact, globals_: Globals, cause: Cause, why: Unknown | None) -> Description:
        return Description(dict(fact.subject.labels), {"summary": f"{self.name} {cause}"})


def not_halted(fact: Fact, globals_: Globals) -> bool | Unknown:
    assert isinstance(fact, KillSwitch)
    return fact.halted if isinstance(fact.halted, Unknown) else not fact.halted


def above_zero(fact: Fact, globals_: Globals) -> bool | Unknown:
    assert isinstance(fact, Workload)
    return fact.desired if isinstance(fact.desired, Unknown) else fact.execution and fact.desired > 0


KILL_SWITCH = PlainRule("KillSwitchNotHalted", "kill_switch", not_halted)
ABOVE_ZERO = PlainRule("ExecutionAboveZero", "workload", above_zero)


class World:
    """Drives ``assess`` by hand: looks in, time on, alerts out."""

    def __init__(self, *rules: PlainRule, coverage: dict[Scope, Coverage] | None = None) -> None:
        self.rules = RuleSet.of(rules)
        promised = coverage or {
            SWITCHES: Coverage(frozenset({"kill_switch"}), 5.0),
            WORKLOADS: Coverage(frozenset({"workload"}), 5.0),
        }
        self.assessment = Assessment.initial(Posture.initial(at(0), promised))

    def turn(self, seconds: float, *observations: Observation) -> Assessment:
        return self.assess(at(seconds), *observations)

    def assess(self, now: Instant, *observations: Observation) -> Assessment:
        posture = self.assessment.posture.updated(now, observations)
        self.assessment = assess(self.assessment, posture, self.rules)
        return self.assessment

    def edges(self) -> list[str]:
        return [
            f"{e.alert.identity.rule} {e.alert.identity.cause} {e.kind} {e.alert.sev}" for e in self.assessment.edges
        ]

    def states(self) -> dict[str, str]:
        return {f"{i.rule} {i.cause}": str(alert.state) for i, alert in self.assessment.alerts.items()}


def saw(seconds: float, scope: Scope, *facts: Fact, gone: Sequence[Fact] = ()) -> Observation:
    return Observation(scope, at(seconds), Facts(seen=facts, gone=tuple(fact.subject for fact in gone)))


def failed(seconds: float, scope: Scope, reason: str = "Forbidden") -> Observation:
    return Observation(scope, at(seconds), Unknown(reason, "by the test"))
