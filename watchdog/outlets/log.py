"""One structured line for everything that happens to an alert: the record of pages that needs no receiver.

It is the daemon's own and has no stanza. What it writes is formatted, and never waited for, by ``adapters.logs``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from watchdog.core.alert import Edge, EdgeKind
from watchdog.outlets import Batch, Outlet, Receipt
from watchdog.ports import Ports


@dataclass(frozen=True)
class Log(Outlet):
    name: str = "log"

    async def publish(self, batch: Batch, ports: Ports) -> Sequence[Receipt]:
        """Writes a line for each edge, in order. Nobody says that he has read it, so there is no receipt."""
        for edge in batch.edges:
            _write(edge)
        return ()


CALM = (EdgeKind.RESOLVED, EdgeKind.LATCHED, EdgeKind.ACKNOWLEDGED)
"""Nothing new that somebody must be woken for; all others are written at the level of their Sev."""


def _write(edge: Edge) -> None:
    """``sev`` and ``incident`` become the line's severity and operation."""
    alert, log = edge.alert, structlog.get_logger()
    say = log.info if edge.kind in CALM else log.error
    say(
        f"alert {edge.kind}",
        alertname=alert.identity.rule,
        subject=str(alert.identity.subject),
        sev=int(alert.sev),
        cause=str(alert.identity.cause),
        incident=alert.incident,
        summary=alert.description.annotations.get("summary", ""),
        **{name: text for name, text in _told_by(edge).items() if text},
    )


def _told_by(edge: Edge) -> dict[str, str]:
    """What only some edges have to say."""
    said = edge.alert.acknowledged if edge.kind is EdgeKind.ACKNOWLEDGED else None
    claimed = {"by": said.by, "reason": said.why} if said is not None else {"reason": edge.why}
    return {**claimed, "to": ", ".join(edge.to), "drill": "true" if edge.alert.drill else ""}
