"""What a fact's value looks like as a sample."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from watchdog.core.facts import (
    Fact,
    Heartbeat,
    Latent,
    Mode,
    SelfReport,
    Service,
    Subscription,
    Unknown,
    Workload,
)
from watchdog.core.facts import Metric as Measured
from watchdog.core.known import Known
from watchdog.core.notice import bounded
from watchdog.core.posture import Posture
from watchdog.core.redaction import redacted_field

LIMIT = 500
SHOWN = 80

Kinds = tuple[type[Fact], ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """The facts of each kind that have series, the bad ones first, and how many have none."""

    posture: Posture
    facts: Mapping[str, list[Known]]
    omitted: Mapping[str, int]

    @classmethod
    def of(cls, posture: Posture, kinds: Kinds) -> Shown:
        first: dict[str, list[Known]] = {kind.KIND: [] for kind in kinds}
        then: dict[str, list[Known]] = {kind.KIND: [] for kind in kinds}
        for known in posture.facts.values():
            if known.fact.KIND in first and not (isinstance(known.fact, Workload) and not known.fact.execution):
                (first if _is_bad(known.fact) else then)[known.fact.KIND].append(known)
        every = {kind: first[kind] + then[kind] for kind in first}
        omitted = {kind: max(0, len(those) - LIMIT) for kind, those in every.items()}
        return cls(posture, {kind: those[:LIMIT] for kind, those in every.items()}, omitted)

    def gauge(self, kind: type[Fact], name: str, of: str, text: str) -> Metric:
        """One field of each fact of a kind: a number, or 1 for true and 0 for false."""
        family = Metric(f"watchdog_{name}", text, "gauge")
        for known in self.facts[kind.KIND]:
            if isinstance(number := value(self.posture, known, of), float):
                family.add_sample(family.name, labels(known.fact), number)
        return family

    def known(self, kinds: Kinds) -> Metric:
        family = Metric("watchdog_fact_known", "1: every part of the fact is known now.", "gauge")
        for known in (known for kind in kinds for known in self.facts[kind.KIND]):
            said = {"fact": known.fact.KIND, **labels(known.fact)}
            family.add_sample(family.name, said, float(_whole(self.posture, known)))
        return family


def _is_bad(fact: Fact) -> bool:
    match fact:
        case Mode() | SelfReport():
            return fact.unsafe is not False
        case Latent():
            return fact.could_start is not False
        case Service():
            return not fact.healthy
        case Heartbeat():
            return fact.beating is fact.execution
        case Subscription():
            return fact.delivering is not True
        case Measured():
            return isinstance(fact.value, Unknown)
    return False


def value(posture: Posture, known: Known, name: str) -> str | float | None:
    """What holds now, as it may be shown; ``None``: it is unknown."""
    held = redacted_field(known.fact, name)
    unknown = isinstance(held, Unknown) or posture.unseen(known) is not None
    if unknown or not isinstance(held, str | int | float):
        return None
    return bounded(held, SHOWN) if isinstance(held, str) else float(held)


def labels(fact: Fact) -> dict[str, str]:
    return {name: bounded(text, SHOWN * 2) for name, text in fact.subject.labels}


def _whole(posture: Posture, known: Known) -> bool:
    parts = (getattr(known.fact, part.name) for part in fields(known.fact))
    return posture.unseen(known) is None and not any(isinstance(part, Unknown) for part in parts)


def labelled(
    name: str, text: str, names: Sequence[str], values: Iterable[tuple[str | Sequence[str], float | None]]
) -> Metric:
    """A gauge; a value of ``None`` is unknown and has no sample."""
    family = GaugeMetricFamily(f"watchdog_{name}", text, labels=names)
    for value_of, number in values:
        if number is not None:
            family.add_metric([value_of] if isinstance(value_of, str) else value_of, float(number))
    return family
