"""The ``Watchdog`` alert, which always fires: a dead man's receiver behind Alertmanager hears when it no longer does.

It is the same from every replica: while one of them keeps watch, somebody does.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from watchdog.core.instant import Instant, rfc3339

NAME = "Watchdog"
SUMMARY = "The watchdog keeps watch and reaches this Alertmanager. Who misses this alert is not told of any other."


def wire(common: Mapping[str, str], since: Instant, there: datetime, now: Instant, lease: float) -> dict[str, Any]:
    """``there``: what the peer's clock shows now. It ends a lease after that (openapi.yaml, postableAlert)."""
    labels = {**common, "alertname": NAME, "severity": "none"}
    return {
        "labels": {name: value for name, value in sorted(labels.items()) if value},
        "annotations": {"summary": SUMMARY},
        "startsAt": rfc3339(there - timedelta(seconds=now.since(since))),
        "endsAt": rfc3339(there + timedelta(seconds=lease)),
    }
