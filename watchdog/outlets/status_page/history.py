"""What is over, and when nobody looked: each subject's newest excursion, and the gaps in seeing of the last hour."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from watchdog.core.assessment import Assessment
from watchdog.core.excursion import excursion_of
from watchdog.core.facts import Gap, UnseenWrite
from watchdog.core.instant import Instant, rfc3339
from watchdog.core.known import Known
from watchdog.core.posture import Posture
from watchdog.core.redaction import redacted_fact

LIMIT = 2_000
"""Excursions, gaps and unseen writes that a document names at most."""

Labels = Mapping[str, str]


def excursions(level: Assessment, now: Instant, base_url: str, common: Labels) -> dict[str, Any]:
    """``begun`` counts all of them since the start, by the kind of fact."""
    found = newest_excursions(level.posture)
    return {
        "as_of": rfc3339(level.at.wall),
        "begun": dict(sorted(level.posture.totals.excursions.items())),
        "excursions": [told(known, now) for known in found[:LIMIT]],
        "omitted": max(0, len(found) - LIMIT),
    }


def newest_excursions(posture: Posture) -> list[Known]:
    """Those that go on first, then the one that began last."""
    subjects = (*posture.excursions.ongoing, *posture.excursions.over)
    found = [known for s in subjects if (known := posture.facts.get(excursion_of(s))) is not None]
    return sorted(found, key=lambda known: (getattr(known.fact, "over", True), -known.since.mono))


def told(known: Known, now: Instant) -> dict[str, object]:
    """An excursion as it may be shown; of one that goes on, how long it has by now."""
    fact = redacted_fact(known.fact)
    return fact if fact["over"] else {**fact, "seconds": round(max(0.0, now.since(known.since)), 3)}


def gaps(level: Assessment, now: Instant, base_url: str, common: Labels) -> dict[str, Any]:
    """Newest first. ``gap_seconds`` and ``unseen_writes_total`` count all of them since the start."""
    totals, windows, writes = level.posture.totals, *newest_gaps(level.posture)
    return {
        "as_of": rfc3339(level.at.wall),
        "gap_seconds": {source: round(s, 3) for source, s in sorted(totals.gap_seconds.items())},
        "unseen_writes_total": totals.unseen_writes,
        "gaps": [redacted_fact(gap) for gap in windows[:LIMIT]],
        "unseen_writes": [redacted_fact(write) for write in writes[:LIMIT]],
        "omitted": max(0, len(windows) - LIMIT) + max(0, len(writes) - LIMIT),
    }


def newest_gaps(posture: Posture) -> tuple[list[Gap], list[UnseenWrite]]:
    facts = [known.fact for known in posture.facts.values()]
    windows = [fact for fact in facts if isinstance(fact, Gap)]
    writes = [fact for fact in facts if isinstance(fact, UnseenWrite)]
    return sorted(windows, key=_newest_last)[::-1], sorted(writes, key=_newest_last)[::-1]


def _newest_last(fact: Gap | UnseenWrite) -> tuple[str, str]:
    return fact.ended, str(fact.subject)
