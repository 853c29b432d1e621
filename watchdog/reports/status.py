"""What a running daemon says of itself and of the platform, as a person reads it on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from watchdog.reports import Exit, counted

EXITS = {"safe": Exit.FINE, "degraded": Exit.FINDING, "unsafe": Exit.FINDING}


class Health(msgspec.Struct, frozen=True):
    """``/healthz`` of the daemon, as far as it is read here."""

    status: str
    as_of: str
    age_seconds: float
    safety: Any
    sources: dict[str, dict[str, Any]]
    open_incidents: int


class Alert(msgspec.Struct, frozen=True):
    """One alert of ``/api/v1/alerts``, as far as it is read here."""

    alertname: str
    sev: int
    state: str
    annotations: dict[str, str]
    active_since: str
    incident: str


class Alerts(msgspec.Struct, frozen=True):
    alerts: list[Alert]


def decoded(health: bytes, alerts: bytes) -> tuple[Health, tuple[Alert, ...]]:
    """Raises ``ValueError`` when it is not a watchdog that answered."""
    try:
        told = msgspec.json.decode(alerts, type=Alerts).alerts
        return msgspec.json.decode(health, type=Health), tuple(sorted(told, key=lambda alert: alert.sev))
    except msgspec.MsgspecError as error:
        raise ValueError(f"expected a watchdog's answer: {error}") from None


def exit_code(health: Health) -> Exit:
    """Unknown is not fine, and what this program does not know the name of is unknown."""
    return EXITS.get(health.status, Exit.UNTOLD)


def text(health: Health, alerts: tuple[Alert, ...]) -> str:
    lines = [f"{health.status.upper()} as of {health.as_of} ({health.age_seconds:.1f} s ago)"]
    safety = _safety(health.safety)
    width = max(map(len, (*safety, *health.sources)))
    lines += [f"  {name:<{width}} {_known(value)}" for name, value in safety.items()]
    lines += [f"  {name:<{width}} {_seen(source)}" for name, source in health.sources.items()]
    for alert in alerts:
        lines.append(f"  Sev-{alert.sev} {alert.state:<9} {alert.annotations.get('summary', alert.alertname)}")
        lines.append(f"                  since {alert.active_since} · incident {alert.incident or 'none yet'}")
        if command := alert.annotations.get("acknowledge"):
            lines.append(f"                  to acknowledge: {command}")
    return "\n".join([*lines, f"  {counted(len(alerts), 'alert')}, {counted(health.open_incidents, 'open incident')}"])


def _safety(safety: Any) -> Mapping[str, Any]:
    both = isinstance(safety, dict) and {"halted", "at_zero"} <= safety.keys()
    return {"halted": safety["halted"], "at zero": safety["at_zero"]} if both else {"safety": safety}


def _known(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "NO"
    return f"unknown: {value.get('reason', value)}" if isinstance(value, dict) else f"unknown: {value}"


def _seen(source: Mapping[str, Any]) -> str:
    return "sees" if source.get("up") is True else f"does not see: {source.get('explanation', 'no reason given')}"
