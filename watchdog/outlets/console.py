"""Pages as a person reads them on a terminal: the first line is enough for one who was asleep a moment ago."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from watchdog.core.alert import Alert, Cause, Edge, EdgeKind
from watchdog.core.instant import Instant, rfc3339
from watchdog.core.notice import acknowledged, bounded, how_to_acknowledge, runbook_url, what_was
from watchdog.core.severity import Sev
from watchdog.outlets import Batch, Outlet, Receipt
from watchdog.ports import Ports

INDENT = " " * 15
LINE_LIMIT = 400
FLOOD = 100
"""Pages below Sev-0 that are written out at once; the rest is counted. A Sev-0 is never shed."""

COLORS = {Sev.SEV0: "\x1b[1;97;41m", Sev.SEV1: "\x1b[1;31m", Sev.SEV2: "\x1b[33m", Sev.SEV3: "\x1b[36m"}
WAITING = (EdgeKind.LATCHED, EdgeKind.RESTORED, EdgeKind.UNHEARD, EdgeKind.ESCALATED)
"""What asks for somebody's answer. (A page that has just come asks to be looked into first.)"""
DIM, PLAIN = "\x1b[2m", "\x1b[0m"


@dataclass(frozen=True)
class Console(Outlet):
    """``color`` is for a terminal that understands ANSI escapes."""

    name: str = "console"
    color: bool = False
    runbook_base_url: str = ""

    async def publish(self, batch: Batch, ports: Ports) -> Sequence[Receipt]:
        """Writes what happened, in order. Raises ``OSError``: nobody reads the terminal."""
        if not batch.edges:
            return ()
        told, left = _within_bounds(batch.edges)
        text = "".join(self._page(edge, ports.labels) for edge in told)
        ports.terminal.write(text + (f"{INDENT}and {left} more: see the status page\n" if left else ""))
        return (Receipt(self.name, True, at=ports.clock.now()),)

    def _page(self, edge: Edge, common: Mapping[str, str]) -> str:
        head = self._painted(f"{_verb(edge):<8}  {edge.alert.sev}", edge)
        first = f"{_clock(edge.at)}  {head}  {_what(edge)}\n"
        return first + "".join(f"{INDENT}{_printable(line)}\n" for line in self._lines(edge, common))

    def _lines(self, edge: Edge, common: Mapping[str, str]) -> Iterator[str]:
        alert = edge.alert
        yield " · ".join(_where(alert))
        yield f"{_when(edge)} · incident {alert.incident or 'none'}"
        yield from _why(edge)
        if edge.kind in WAITING and (command := how_to_acknowledge(alert, common)):
            yield f"to acknowledge: {command}"
        if link := runbook_url(alert, self.runbook_base_url):
            yield f"runbook {link}"

    def _painted(self, text: str, edge: Edge) -> str:
        if not self.color:
            return text
        over = edge.kind in (EdgeKind.RESOLVED, EdgeKind.ACKNOWLEDGED)
        return f"{DIM if over else COLORS[edge.alert.sev]}{text}{PLAIN}"


def _within_bounds(edges: Sequence[Edge]) -> tuple[list[Edge], int]:
    others = [edge for edge in edges if edge.alert.sev is not Sev.SEV0]
    shed = {id(edge) for edge in others[FLOOD:]}
    return [edge for edge in edges if id(edge) not in shed], len(shed)


def _verb(edge: Edge) -> str:
    if edge.kind is EdgeKind.FIRED:
        return "DRILL" if edge.alert.drill else "PAGE" if edge.alert.sev <= Sev.SEV1 else "NOTICE"
    return {
        EdgeKind.ROSE: "WORSE",
        EdgeKind.REFIRED: "AGAIN",
        EdgeKind.LATCHED: "LATCHED",
        EdgeKind.RESOLVED: "RESOLVED",
        EdgeKind.ACKNOWLEDGED: "ACK",
        EdgeKind.RESTORED: "RESTORED",
        EdgeKind.UNHEARD: "AROUND",
        EdgeKind.ESCALATED: "ESCALATE",
    }[edge.kind]


def _what(edge: Edge) -> str:
    if edge.kind is EdgeKind.ACKNOWLEDGED and edge.alert.acknowledged is not None:
        return _printable(f"{edge.alert.acknowledged.by} (as claimed) knows of it: {_summary(edge)}")
    return _printable(_summary(edge))


def _summary(edge: Edge) -> str:
    if edge.alert.latched or edge.kind is EdgeKind.RESOLVED:
        return f"over: {what_was(edge.alert)}"
    return edge.alert.description.annotations.get("summary", "") or str(edge.alert.identity)


def _where(alert: Alert) -> Iterator[str]:
    yield alert.identity.rule
    where = "/".join(value for _, value in alert.identity.subject.labels if value)
    yield where or alert.identity.subject.kind
    if alert.identity.cause is Cause.UNVERIFIABLE:
        yield "could not be verified"


def _why(edge: Edge) -> Iterator[str]:
    if edge.kind is EdgeKind.ACKNOWLEDGED:
        yield f"acknowledged {acknowledged(edge.alert)}"
    if edge.kind is EdgeKind.UNHEARD:
        yield f"goes around, for by the usual path nobody may hear of it: {edge.why}"
    if edge.kind is EdgeKind.ESCALATED:
        yield f"nobody has acknowledged it: {edge.why}; now told: {', '.join(edge.to) or 'nobody'}"


def _when(edge: Edge) -> str:
    alert, since = edge.alert, _clock(edge.alert.active_since, edge.at)
    if alert.latched or edge.kind is EdgeKind.RESOLVED:
        lasted = (alert.cleared_at or edge.at).since(alert.active_since)
        waits = alert.latched and edge.kind not in (EdgeKind.RESOLVED, EdgeKind.ACKNOWLEDGED)
        stays = "; it stays until acknowledged" if waits else ""
        return f"from {since} for {_duration(lasted)}{stays}"
    return f"since {since}" + (f", was {edge.was}" if edge.was is not None else "")


def _clock(instant: Instant, today: Instant | None = None) -> str:
    """The time of day in UTC; the date too where it is not ``today``'s."""
    date, _, time = rfc3339(instant.wall).partition("T")
    other_day = today is not None and not rfc3339(today.wall).startswith(date)
    return f"{date}T{time}" if other_day else time


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{max(0.0, seconds):.1f} s"
    minutes, hours = int(seconds // 60), int(seconds // 3600)
    return f"{minutes} min {int(seconds % 60)} s" if hours == 0 else f"{hours} h {minutes % 60} min"


def _printable(text: str) -> str:
    """On one line, and without what could command a terminal: values come from the guarded platform."""
    line = " ".join(text.split())
    return bounded(line if line.isprintable() else "".join(c if c.isprintable() else "�" for c in line), LINE_LIMIT)
