"""What is observed and what is not, as a person reads it on a terminal. From a daemon's document, or from one look."""

from __future__ import annotations

from typing import Any

import msgspec

from watchdog.core.assessment import Assessment
from watchdog.core.coverage import coverage
from watchdog.core.instant import rfc3339
from watchdog.reports import Exit

STATES = {"not_observed": "NOT OBSERVED", "not_served": "not served", "observed": "observed"}


class Row(msgspec.Struct, frozen=True):
    """One row of ``/api/v1/coverage``."""

    area: str
    what: str
    where: str
    state: str
    scopes: list[str]
    reason: str
    explanation: str
    age_seconds: float | None = None


class Coverage(msgspec.Struct, frozen=True):
    """``/api/v1/coverage``, as far as it is read here."""

    as_of: str
    complete: bool
    looked: bool
    rows: list[Row]
    rows_omitted: int = 0


def document(assessment: Assessment) -> dict[str, Any]:
    """What the daemon would answer."""
    return {"as_of": rfc3339(assessment.at.wall), "age_seconds": 0.0, **coverage(assessment.posture).as_json()}


def decoded(body: bytes) -> Coverage:
    """Raises ``ValueError`` when it is not a watchdog that answered."""
    try:
        return msgspec.json.decode(body, type=Coverage)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"expected a watchdog's answer: {error}") from None


def exit_code(told: Coverage) -> Exit:
    if not told.looked:
        return Exit.UNTOLD
    return Exit.FINE if told.complete else Exit.FINDING


def text(told: Coverage) -> str:
    gaps = sum(row.state == "not_observed" for row in told.rows)
    verdict = (
        "COMPLETE" if told.complete else f"NOT COMPLETE: {gaps} not observed" if told.looked else "NOTHING IS SEEN"
    )
    lines = [f"{verdict} as of {told.as_of}"]
    lines += [line for row in told.rows for line in _lines(row)]
    return "\n".join([*lines, *([f"  and {told.rows_omitted} more"] if told.rows_omitted else [])])


def _lines(row: Row) -> list[str]:
    where = row.where or ("everywhere" if row.area in ("kind", "variable", "permission") else "")
    age = "" if row.age_seconds is None else f"{row.age_seconds:.1f} s ago"
    state = STATES.get(row.state, row.state)
    seen = f"  {state:<12}  {row.area:<14}  {row.what:<40}  {where:<16}  {age:>10}".rstrip()
    why = f"{row.reason}: {row.explanation}".rstrip(": ") if row.reason else ""
    return [seen, f"                {why}"] if why else [seen]
