"""One answer of GET /ops/status, in either form, as far as it can be relied on. Pure. domain.md §4, §6."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from watchdog.core.facts import Unknown
from watchdog.core.instant import from_rfc3339
from watchdog.ports import Answer, Unreachable

BODY_LIMIT = 1 << 16
SHOWN = 80
"""Characters of a word that are kept."""
ANSWERS = (200, 503)
"""A service that says that it is degraded still says its mode."""
PLAIN = ("uptime", "last_heartbeat", "data_freshness_seconds", "build_sha", "agent_mode")
RICH = ("status", "safety")
WELL = ("OK", "MARKET_CLOSED", "HALTED")
"""States that are no illness: halted is the platform's default posture (domain.md §1), and a closed market is expected.
Every other word is one: DEGRADED, OFFLINE, UNKNOWN (who does not know himself is not known to be well), and any word
that is not in domain.md §6."""
OLDEST = 1e10
"""Seconds: 300 years. A larger age is no age."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a service said."""

    agent_mode: str | Unknown
    safe_to_execute: bool | Unknown
    state: str  # in capitals; empty when it does not say
    illness: str  # what it says against its own health, one clause; empty: nothing
    last_heartbeat: datetime | Unknown
    data_age_seconds: float | Unknown


def said(answer: Answer) -> Said:
    """Raises ``Unreachable`` for whatever is neither form."""
    if answer.status not in ANSWERS:
        raise Unreachable(f"Http{answer.status}", f"it answers {answer.status}")
    body = _decoded(answer.body)
    if not any(key in body for key in PLAIN + RICH):
        raise Unreachable("BadAnswer", "it answers otherwise than agreed: neither form of /ops/status")
    state, illness = _state(body.get("status"))
    return Said(
        agent_mode=_mode(body.get("agent_mode")),
        safe_to_execute=_safe(body.get("safety")),
        state=state,
        illness=illness or ("" if answer.status == 200 else f"it answers {answer.status}"),
        last_heartbeat=_time(body, "last_heartbeat"),
        data_age_seconds=_seconds(body, "data_freshness_seconds"),
    )


def _decoded(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Unreachable("BadAnswer", f"it answers otherwise than agreed: {error}") from None


def _state(status: object) -> tuple[str, str]:
    """Its state, and what that says against its health."""
    if status is None:
        return "", ""
    word = status.get("state") if isinstance(status, dict) else None
    if not isinstance(word, str) or not word.strip():
        return "", "its status.state is no text"
    state = word.strip().upper()[:SHOWN]
    return state, "" if state in WELL else f"it says that its state is {state}"


def _mode(value: object) -> str | Unknown:
    if value is None:
        return ""
    return value.strip()[:SHOWN] if isinstance(value, str) else Unknown("BadAnswer", "its agent_mode is no text")


def _safe(safety: object) -> bool | Unknown:
    """It must say so in a word that cannot be misread, or not at all."""
    value = safety.get("safe_to_execute_orders") if isinstance(safety, dict) else None
    if isinstance(value, bool):
        return value
    if value is None and (safety is None or isinstance(safety, dict)):
        return False
    return Unknown("BadAnswer", "its safety.safe_to_execute_orders is neither true nor false")


def _time(body: Mapping[str, Any], key: str) -> datetime | Unknown:
    value = body.get(key)
    time = from_rfc3339(value) if isinstance(value, str) else None
    return time or _unsaid(value, key, "is no time as in RFC 3339")


def _seconds(body: Mapping[str, Any], key: str) -> float | Unknown:
    value = body.get(key)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= OLDEST:
        return float(value)
    return _unsaid(value, key, "is no number of seconds")


def _unsaid(value: object, key: str, wrong: str) -> Unknown:
    return Unknown("NotSaid", f"it says no {key}") if value is None else Unknown("BadAnswer", f"its {key} {wrong}")
