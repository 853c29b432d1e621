"""An alert as it is told to others: the labels and annotations that every outlet uses (conventions.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from hashlib import sha256

from watchdog.core.alert import Alert, Description
from watchdog.core.facts import Excursion
from watchdog.core.instant import Instant, rfc3339
from watchdog.core.severity import Sev

OFFSET, PRIME = 0xCBF29CE484222325, 0x100000001B3
LABEL_LIMIT, TEXT_LIMIT = 256, 2_000
"""Characters of a label's value, and of an annotation."""
DIGEST = 12
"""Hexadecimal digits of SHA-256 at the end of a label's value that is not told whole."""
ODD = (ArithmeticError, AttributeError, TypeError, ValueError)
"""What data that nobody foresaw raises where it is encoded: one alert's must not take another's page with it."""


def labels_of(alert: Alert, common: Mapping[str, str], sev: Sev | None = None) -> dict[str, str]:
    """What identifies it, the same from every replica, and the same for its whole life at one Sev (``sev``: at another
    one than now). An empty value is no label (Alertmanager drops it)."""
    worth = alert.sev if sev is None else sev
    reserved = {
        "alertname": alert.identity.rule,
        "severity": worth.alertmanager,
        "sev": str(int(worth)),
        "cause": str(alert.identity.cause),
    }
    stated = {**common, **alert.description.labels, **dict(alert.identity.subject.labels), **reserved}
    return {name: distinct(value) for name, value in sorted(stated.items()) if value}


def fingerprint(labels: Mapping[str, str]) -> str:
    """Which alert it is, as Alertmanager names it: FNV-1a (64 bits) over the sorted labels, 0xFF after each part
    (github.com/prometheus/common, model.LabelsToSignature)."""
    return _fingerprint(tuple(sorted(labels.items())))


@lru_cache(maxsize=8_192)  # it is asked for with every renewal, and costs a tenth of a millisecond
def _fingerprint(labels: tuple[tuple[str, str], ...]) -> str:
    total = OFFSET
    for part in (text for pair in labels for text in pair):
        for byte in (*part.encode(), 0xFF):
            total = ((total ^ byte) * PRIME) & 0xFFFFFFFFFFFFFFFF
    return f"{total:016x}"


def annotations_of(alert: Alert, runbook_base_url: str, common: Mapping[str, str] | None = None) -> dict[str, str]:
    """What tells about it, and may change. ``common``: the labels that every alert carries; who knows them tells also
    how to acknowledge."""
    told = {name: text for name, text in alert.description.annotations.items() if name != "runbook"}
    if alert.latched:
        told["summary"] = f"Over, latched until acknowledged: {what_was(alert)}"
        told["excursion"] = "" if alert.excursion is None else _course(alert.excursion)
    told |= {"state": str(alert.state), "active_since": rfc3339(alert.active_since.wall)}
    told |= {"incident": alert.incident, "runbook_url": runbook_url(alert, runbook_base_url)}
    told |= {"acknowledged": acknowledged(alert)}
    told |= {"acknowledge": "" if common is None else how_to_acknowledge(alert, common)}
    if alert.onset != alert.description:
        told["evidence"] = f"at {rfc3339(alert.active_since.wall)}: {summary_at_onset(alert)}"
    return {name: bounded(text, TEXT_LIMIT) for name, text in sorted(told.items()) if text}


def acknowledged(alert: Alert) -> str:
    """Who says that he knows, and why: as claimed. Empty where nobody has said so of its newest page."""
    if (said := alert.acknowledged) is None:
        return ""
    return f"by {said.by} (as claimed) at {rfc3339(said.at)}: {said.why}"


def how_to_acknowledge(alert: Alert, common: Mapping[str, str]) -> str:
    """The command, of what waits for somebody's word: a latched alert ends by it, and a Sev-0 escalates without."""
    if not alert.open or alert.acknowledged is not None or not (alert.latched or alert.sev is Sev.SEV0):
        return ""
    return f"watchdog ack {fingerprint(labels_of(alert, common))} --by NAME --why TEXT"


def summary_at_onset(alert: Alert) -> str:
    """What was seen when it began: of a blip that is over, the only thing that tells what it was."""
    return alert.onset.annotations.get("summary", "") or str(alert.identity)


def what_was(alert: Alert) -> str:
    """Of one that is over: what it was, and as far as that was seen, for how long, how far it went and how often."""
    if alert.excursion is None:
        return summary_at_onset(alert)
    was = alert.excursion
    again = f", {was.count} times since the start of the watchdog" if was.count > 1 else ""
    return f"{summary_at_onset(alert)}; lasted {_seconds(was.seconds)} (peak {was.peak}){again}"


def _course(was: Excursion) -> str:
    """When it began and ended, as we saw it, and by which write where a source says so."""
    began, ended = was.began_by and f" by {was.began_by}", was.ended_by and f" by {was.ended_by}"
    return f"number {was.count}: began {was.began}{began}, ended {was.ended}{ended}, lasted {was.seconds:g} s"


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds < 60 else f"{seconds / 60:.1f} min"


def runbook_url(alert: Alert, base_url: str) -> str:
    """A link that opens, or the runbook's path where no base URL is configured (domain.md §8)."""
    runbook = alert.description.annotations.get("runbook", "")
    if not runbook or not base_url or "://" in runbook:
        return runbook
    return f"{base_url.rstrip('/')}/{runbook.lstrip('/')}"


def bare(alert: Alert, now: Instant, why: str) -> Alert:
    """Which alert it is and how bad, where the rest cannot be told: the same to Alertmanager and to who acknowledges it
    (equal labels). Of its instants what counts is kept: their wall clock may be what is odd."""
    told = Description(alert.description.labels, {"summary": f"{alert.identity} (the rest cannot be told: {why})"})
    return replace(
        alert,
        description=told,
        onset=told,
        active_since=Instant(now.wall, alert.active_since.mono),
        fired_at=alert.fired_at and Instant(now.wall, alert.fired_at.mono),
        told_at=alert.told_at and Instant(now.wall, alert.told_at.mono),
        excursion=None,
        acknowledged=None,
    )


def distinct(value: str) -> str:
    """A label's value, bounded; two that differ stay two. One that is cut, or that UTF-8 cannot carry, ends with a
    digest of the whole: the same for ever, for it is part of the fingerprint."""
    told = bounded(value, LABEL_LIMIT)
    if told == value:
        return value
    digest = sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:DIGEST]
    return f"{told.removesuffix('…')[: LABEL_LIMIT - DIGEST - 1]}…{digest}"


def bounded(text: str, limit: int) -> str:
    """At most ``limit`` characters, each of which UTF-8 can carry."""
    sound = text.encode("utf-8", "replace").decode()
    return sound if len(sound) <= limit else sound[: limit - 1] + "…"
