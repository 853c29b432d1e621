"""An alert as it is told to others: the labels and annotations that every outlet uses (conventions.md)."""

from __future__ import annotations

from collections.abc import Mapping

from watchdog.core.alert import Alert
from watchdog.core.instant import rfc3339
from watchdog.core.severity import Sev

LABEL_LIMIT, TEXT_LIMIT = 256, 2_000
"""Characters of a label's value, and of an annotation."""


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
    return {name: bounded(value, LABEL_LIMIT) for name, value in sorted(stated.items()) if value}


def annotations_of(alert: Alert, runbook_base_url: str) -> dict[str, str]:
    """What tells about it, and may change."""
    told = {name: text for name, text in alert.description.annotations.items() if name != "runbook"}
    if alert.latched:
        told["summary"] = f"Over, latched until acknowledged: {summary_at_onset(alert)}"
    told |= {"state": str(alert.state), "active_since": rfc3339(alert.active_since.wall)}
    told |= {"incident": alert.incident, "runbook_url": runbook_url(alert, runbook_base_url)}
    if alert.onset != alert.description:
        told["evidence"] = f"at {rfc3339(alert.active_since.wall)}: {summary_at_onset(alert)}"
    return {name: bounded(text, TEXT_LIMIT) for name, text in sorted(told.items()) if text}


def summary_at_onset(alert: Alert) -> str:
    """What was seen when it began: of a blip that is over, the only thing that tells what it was."""
    return alert.onset.annotations.get("summary", "") or str(alert.identity)


def runbook_url(alert: Alert, base_url: str) -> str:
    """A link that opens, or the runbook's path where no base URL is configured (domain.md §8)."""
    runbook = alert.description.annotations.get("runbook", "")
    if not runbook or not base_url or "://" in runbook:
        return runbook
    return f"{base_url.rstrip('/')}/{runbook.lstrip('/')}"


def bounded(text: str, limit: int) -> str:
    """At most ``limit`` characters, each of which UTF-8 can carry."""
    sound = text.encode("utf-8", "replace").decode()
    return sound if len(sound) <= limit else sound[: limit - 1] + "…"
