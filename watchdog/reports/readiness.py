"""GO or NO-GO, with each reason and each unknown (conventions.md, Command line).

GO means: nothing at Sev-0 or Sev-1, and nothing unknown; that the platform is halted and at zero has been seen. What is
at Sev-2 or Sev-3 is listed and does not block. A rule's ``for`` is not waited for: one look is all that there is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from watchdog.core.alert import Cause
from watchdog.core.assessment import Assessment
from watchdog.core.facts import Drill, Safety, Source, Unknown, Watchdog
from watchdog.core.known import Known
from watchdog.core.ruleset import Judgement, Rule, RuleSet, may_begin
from watchdog.core.severity import Sev
from watchdog.reports import Exit


@dataclass(frozen=True, slots=True)
class Finding:
    sev: int
    alertname: str
    subject: str
    summary: str


@dataclass(frozen=True, slots=True)
class Readiness:
    findings: tuple[Finding, ...]  # worst first
    unknowns: tuple[str, ...]  # a sentence each

    @property
    def blocking(self) -> bool:
        return any(finding.sev <= Sev.SEV1 for finding in self.findings)

    @property
    def exit(self) -> Exit:
        """A breach that was seen outweighs what could not be seen."""
        if self.blocking:
            return Exit.FINDING
        return Exit.UNTOLD if self.unknowns else Exit.FINE

    def as_json(self) -> dict[str, object]:
        return {
            "verdict": "GO" if self.exit is Exit.FINE else "NO-GO",
            "findings": [asdict(finding) for finding in self.findings],
            "unknowns": list(self.unknowns),
        }


SIGHT = (Source, Safety, Watchdog)
"""What is said of our own sight is not seen of the platform: it counts as unknown and not as a finding."""
NO_FINDINGS = (*SIGHT, Drill)
"""A drill is practice: it neither blocks a pipeline nor lets one pass."""


def readiness(assessment: Assessment, rules: RuleSet) -> Readiness:
    found = [*_findings(assessment, rules)]
    if not any(finding.sev == Sev.SEV0 for finding in found):
        found += _unruled(assessment)
    findings = sorted(found, key=lambda f: (f.sev, f.alertname, f.subject))
    return Readiness(tuple(findings), tuple(dict.fromkeys(_unknowns(assessment, rules))))


def _findings(assessment: Assessment, rules: RuleSet) -> Iterator[Finding]:
    for known, rule, judgement in _judgements(assessment, rules):
        if judgement.verdict is True and not isinstance(known.fact, NO_FINDINGS) and _in_force(rule, assessment):
            said = rule.describe(known.fact, assessment.posture.globals(), Cause.BREACH, None).annotations
            yield Finding(_worth(rule, judgement), rule.name, str(known.fact.subject), said.get("summary", ""))


def _unruled(assessment: Assessment) -> Iterator[Finding]:
    """That it is not halted or not at zero is Sev-0 (domain.md §2) also where a rule file was forgotten."""
    safety = assessment.posture.globally(Safety.KIND)
    if isinstance(safety, Safety) and (safety.halted is False or safety.at_zero is False):
        yield Finding(int(Sev.SEV0), "Unruled", str(safety.subject).strip(), f"no rule judges it: {safety.explanation}")


def _unknowns(assessment: Assessment, rules: RuleSet) -> Iterator[str]:
    for scope, sight in assessment.posture.sights.items():
        if (problem := sight.unknown(assessment.at)) is not None:
            yield f"{scope}: {problem}"
    for known, rule, judgement in _judgements(assessment, rules):
        if isinstance(judgement.verdict, Unknown) and _in_force(rule, assessment):
            yield f"{rule.name} cannot be judged for {known.fact.subject}: {judgement.verdict}"
    yield from _untold_safety(assessment)


def _untold_safety(assessment: Assessment) -> Iterator[str]:
    """Asked whatever the rules are: who cannot tell that the platform is halted and at zero cannot say GO, just as the
    status page cannot say safe (domain.md §1)."""
    safety = assessment.posture.globally(Safety.KIND)
    halted, at_zero = (safety.halted, safety.at_zero) if isinstance(safety, Safety) else (safety, safety)
    if isinstance(halted, Unknown):
        yield f"whether the platform is halted: {halted}"
    if isinstance(at_zero, Unknown):
        yield f"whether execution is at zero: {at_zero}"


def _worth(rule: Rule, judgement: Judgement) -> int:
    """The Sev that it will have if it stays as it is: a pipeline cannot wait. Time alone makes nothing worse yet."""
    rises = zip(rule.breach.rises, judgement.rises, strict=True)
    due = (rise.severity for rise, holds in rises if holds and (rise.conditional or not rise.for_seconds))
    return int(min([rule.breach.severity, *due]))


def _judgements(assessment: Assessment, rules: RuleSet) -> Iterator[tuple[Known, Rule, Judgement]]:
    for subject, judgements in assessment.judgements.items():
        known = assessment.posture.facts.get(subject)
        if known is not None:
            for rule, judgement in zip(rules.by_kind.get(subject.kind, ()), judgements, strict=True):
                yield known, rule, judgement


def _in_force(rule: Rule, assessment: Assessment) -> bool:
    return may_begin(rule, assessment.posture.globals())


def text(readiness_: Readiness) -> str:
    """As a person reads it."""
    lines = [f"{'GO' if readiness_.exit is Exit.FINE else 'NO-GO'}: {_reason(readiness_)}"]
    lines += [f"  Sev-{f.sev}  {f.alertname}  {f.subject}\n         {f.summary}" for f in readiness_.findings]
    lines += [f"  unknown  {sentence}" for sentence in readiness_.unknowns]
    return "\n".join("".join(c if c.isprintable() or c == "\n" else "�" for c in line) for line in lines)


def _reason(readiness_: Readiness) -> str:
    if readiness_.blocking:
        count = sum(finding.sev <= Sev.SEV1 for finding in readiness_.findings)
        return f"{count} finding{'s' * (count != 1)} at Sev-0 or Sev-1"
    if readiness_.unknowns:
        more = len(readiness_.unknowns) - 1
        return f"could not tell: {readiness_.unknowns[0]}" + (f" (and {more} more)" if more else "")
    return "nothing at Sev-0 or Sev-1, and nothing unknown"
