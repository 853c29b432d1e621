"""One named query, as it is configured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from watchdog.sources.promql.selector import is_plain, sampling_time

Criticality = Literal["critical", "important", "optional", "informational"]

EVALUATION = "evaluation"
LONGEST_HISTORY = 86_400.0


@dataclass(frozen=True)
class Query:
    """``metric``: the name that rules know it by. ``by``: the labels whose values, joined with '/', name a series.

    ``sampled``: an expression whose value is the epoch second at which a sample was taken. It is known by itself where
    ``expr`` is a plain selector. ``evaluation`` states that no such time is known, and that the moment of the query
    shall count: of a rate over five minutes that is nearly true, of ``sum(gauge)`` it hides a sample that is old.
    ``expect``: series that must be there. ``max_age``: seconds, of a sample. ``history``: seconds that are asked for at
    the start, so that trends are known at once. ``criticalities``: of series that are not of the query's own.
    ``least``: what is below it (-1 for "I do not know") is unknown. ``absent: nothing`` states that there is a
    point only while something happens (a DELTA metric of Cloud Monitoring): a series that is not there, or stops, is
    then no finding. Else it is unknown.
    """

    metric: str
    expr: str
    sampled: str = ""
    by: tuple[str, ...] = ()
    expect: tuple[str, ...] = ()
    max_age: float = 300.0
    history: float = 0.0
    criticality: Criticality = "important"
    criticalities: Mapping[str, Criticality] = field(default_factory=dict)
    least: float = 0.0
    absent: Literal["unknown", "nothing"] = "unknown"

    def __post_init__(self) -> None:
        if not self.metric.strip() or not self.expr.strip():
            raise ValueError("expected a metric's name, and an expr in PromQL")
        if not self.sampled.strip() and not is_plain(self.expr):
            raise ValueError(
                f"{self.metric}: sampled: expected an expression for when the samples were taken, such as "
                f"'min by (...) (timestamp(...))', or '{EVALUATION}' where the moment of the query shall count"
            )
        if not self.max_age > 0:
            raise ValueError(f"{self.metric}: max_age: expected seconds above 0")
        if not 0 <= self.history <= LONGEST_HISTORY:
            raise ValueError(f"{self.metric}: history: expected 0 to {LONGEST_HISTORY:g} seconds")
        if len(dict.fromkeys(self.by)) != len(self.by) or len(dict.fromkeys(self.expect)) != len(self.expect):
            raise ValueError(f"{self.metric}: by, expect: expected each name once")
        if self.expect and self.absent == "nothing":
            raise ValueError(f"{self.metric}: expect: expected no series where absent is 'nothing'")

    @property
    def stamp(self) -> str:
        """The expression for when samples were taken; empty: the moment of the query counts."""
        if self.sampled.strip() == EVALUATION:
            return ""
        return self.sampled.strip() or sampling_time(self.expr)

    def criticality_of(self, series: str) -> Criticality:
        return self.criticalities.get(series, self.criticality)
