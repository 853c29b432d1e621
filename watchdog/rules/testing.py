"""Runs the unit tests of rules: the real posture and the real ``assess``, in virtual time, deadline by deadline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path

from watchdog.core.alert import Alert, Cause
from watchdog.core.assessment import Assessment, assess
from watchdog.core.facts import Fact, Watchdog
from watchdog.core.instant import Instant
from watchdog.core.observation import Facts, Observation, Scope
from watchdog.core.posture import Posture
from watchdog.core.ruleset import RuleSet
from watchdog.rules.cases import COVERAGE, Case, Expected, Step, cases
from watchdog.rules.load import RulesError, load, read
from watchdog.rules.schema import did_you_mean

START = Instant(datetime(2026, 1, 7, 15, 0, tzinfo=UTC), 1000.0)


@dataclass(frozen=True, slots=True)
class Report:
    """``failures`` are sentences; ``fired`` is every rule that fired in some test, and why."""

    tests: int
    failures: tuple[str, ...]
    fired: frozenset[tuple[str, Cause]]

    @property
    def ok(self) -> bool:
        return not self.failures


def run_tests(paths: Iterable[str | Path], runbooks: frozenset[str] | None = None) -> Report:
    """Runs every test of these files. Raises ``RulesError`` where a test file or one of its rule files is malformed."""
    count, failures, fired = 0, list[str](), set[tuple[str, Cause]]()
    for file, text in read(paths):
        problems: list[str] = []
        found = cases(file, text, problems)
        if problems:
            raise RulesError(problems)
        rules = load(read(Path(file).parent / name for name in found.rule_files), runbooks)
        for case in found.cases:
            run = Run(case, rules)
            failures += run.failures()
            fired |= run.fired
        count += len(found.cases)
    return Report(count, tuple(failures), frozenset(fired))


class Run:
    """One test, from its first step to its last."""

    def __init__(self, case: Case, rules: RuleSet) -> None:
        self.case, self.rules = case, rules
        self.assessment = Assessment.initial(Posture.initial(START, COVERAGE))
        self.fired: set[tuple[str, Cause]] = set()

    def failures(self) -> Iterator[str]:
        for number, (at, steps) in enumerate(_turns(self.case.steps)):
            self._wait_until(at)
            self._turn(at, steps, first=number == 0)
            for step in steps[-1:]:
                yield from self._compare(step, step.alerts) if step.alerts is not None else ()

    def _wait_until(self, at: float) -> None:
        """Turns at every deadline before ``at``, as the daemon would."""
        now = self.assessment.at.mono
        while (due := max(self.assessment.next_deadline(), now + 0.001)) < START.mono + at:
            self._turn(due - START.mono, (), False)
            now = due

    def _turn(self, at: float, steps: Sequence[Step], first: bool) -> None:
        now = START.plus(at)
        observed = [*(_first_looks(now) if first else ()), *_observations(now, steps)]
        posture = self.assessment.posture.updated(now, observed)
        for fact in (fact for step in steps for fact in step.seen if isinstance(fact, Watchdog)):
            posture = posture.noting(fact)
        self.assessment = assess(self.assessment, posture, self.rules)
        self.fired |= {(e.alert.identity.rule, e.alert.identity.cause) for e in self.assessment.edges}

    def _compare(self, step: Step, expected: Sequence[Expected]) -> Iterator[str]:
        alerts = sorted(self.assessment.alerts.values(), key=lambda alert: alert.identity)
        where = f"{step.place}: test '{self.case.name}', at {step.at:g}s"
        for one in expected:
            match = next((alert for alert in alerts if _matches(alert, one)), None)
            if match is None:
                yield f"{where}: expected {_wanted(one)}{self._hint(one)}; {_rest(alerts)}"
            else:
                alerts.remove(match)
        for alert in alerts:
            if alert.open:
                yield f"{where}: expected no more, got {_got(alert)}"

    def _hint(self, expected: Expected) -> str:
        if expected.alertname in self.rules.by_name:
            return ""
        return f" (there is no such rule{did_you_mean(expected.alertname, self.rules.by_name)})"


def _turns(steps: Sequence[Step]) -> Iterator[tuple[float, Sequence[Step]]]:
    """The steps of each turn; the first turn is at the start."""
    if not steps or steps[0].at > 0:
        yield 0.0, ()
    together: list[Step] = []
    for step, following in zip_longest(steps, steps[1:]):
        together.append(step)
        if step.alerts is not None or following is None or following.at > step.at:
            yield step.at, together
            together = []


def _first_looks(now: Instant) -> Iterator[Observation]:
    """Every look succeeds at the start; what the first steps say of their sight comes after."""
    yield from (Observation(scope, now, Facts()) for scope in COVERAGE)


def _observations(now: Instant, steps: Sequence[Step]) -> Iterator[Observation]:
    for step in steps:
        for scope, problem in step.sight.items():
            yield Observation(scope, now, Facts())  # what fails from here on succeeded until now
            if problem is not None:
                yield Observation(scope, now, problem)
        for fact in step.seen:
            if not isinstance(fact, Watchdog):
                yield Observation(_scope(fact), now, Facts((fact,)))
        for fact in step.gone:
            yield Observation(_scope(fact), now, Facts((), (fact.subject,)))


def _scope(fact: Fact) -> Scope:
    """The look that shows it: each kind has one (``cases.SOURCES``)."""
    return next(scope for scope in COVERAGE if scope.part == fact.KIND)


def _matches(alert: Alert, expected: Expected) -> bool:
    said = alert.description
    return (
        alert.identity.rule == expected.alertname
        and (alert.state == expected.state if expected.state else alert.open)
        and expected.sev in (None, alert.sev)
        and expected.cause in ("", alert.identity.cause)
        and expected.labels.items() <= said.labels.items()
        and expected.summary in said.annotations.get("summary", "")
    )


def _wanted(expected: Expected) -> str:
    sev = "" if expected.sev is None else str(expected.sev)
    labels = _labels(expected.labels.items()) if expected.labels else ""
    summary = f"'…{expected.summary}…'" if expected.summary else ""
    return " ".join(filter(None, (expected.alertname, sev, expected.state, expected.cause, labels, summary)))


def _got(alert: Alert) -> str:
    said, summary = alert.description, alert.description.annotations.get("summary", "")
    labels = _labels(said.labels.items())
    return f"{alert.identity.rule} {alert.sev} {alert.state} {alert.identity.cause} {labels} '{summary}'"


def _rest(alerts: Sequence[Alert]) -> str:
    return "got " + (" and ".join(_got(alert) for alert in alerts) or "nothing (more)")


def _labels(labels: Iterable[tuple[str, str]]) -> str:
    return "{" + ", ".join(f"{name}: {value}" for name, value in labels) + "}"
