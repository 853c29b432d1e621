"""How a drill went: what a running daemon says of its page, as a table of milliseconds. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import msgspec

from watchdog.core.instant import from_rfc3339
from watchdog.reports import Exit

HEADS = ("receiver", "detected", "posted", "accepted", "webhook called", "read back", "")


class Taken(msgspec.Struct, frozen=True):
    receiver: str
    peer: bool  # an Alertmanager; otherwise it was called directly
    posted_ms: float
    accepted_ms: float


class ReadBack(msgspec.Struct, frozen=True):
    peer: str
    hearing: str
    why: str
    at_ms: float


class Page(msgspec.Struct, frozen=True):
    """One page of ``/api/v1/deliveries``, as far as it is read here."""

    labels: dict[str, str]
    drill: bool
    sev: int
    told_at: str
    receivers: list[Taken]
    read_back: list[ReadBack]
    around: list[str]


class Expected(msgspec.Struct, frozen=True):
    """Who is there to hear of pages."""

    receiver: str
    when: str
    sev: int

    def hears(self, page: Page) -> bool:
        called = self.when == "always" or (self.when == "fallback" and bool(page.around))
        return called and page.sev <= self.sev


class Deliveries(msgspec.Struct, frozen=True):
    expected: list[Expected]
    deliveries: list[Page]

    def page(self, entry: str) -> Page | None:
        """Of the drill that was asked for under this key."""
        return next((page for page in self.deliveries if page.drill and page.labels.get("entry") == entry), None)


class _Receiver(msgspec.Struct, frozen=True):
    receiver: str = ""
    accepting: bool = True
    explanation: str = ""


class _Fact(msgspec.Struct, frozen=True):
    kind: str
    fact: msgspec.Raw


class _Posture(msgspec.Struct, frozen=True):
    facts: list[_Fact]


@dataclass(frozen=True, slots=True)
class Row:
    """One receiver. Milliseconds from when the page was decided on (``detected``: until then from when the drill was
    asked for, by two clocks); ``None``: it did not come to that."""

    receiver: str
    detected: float
    posted: float | None = None
    accepted: float | None = None  # by an Alertmanager
    webhook_called: float | None = None
    read_back: float | None = None
    said: str = ""
    arrived: bool | None = True  # None: it cannot be told


@dataclass(frozen=True, slots=True)
class Outcome:
    entry: str
    sev: int
    rows: tuple[Row, ...]

    @property
    def exit(self) -> Exit:
        """A receiver that did not hear of it outweighs one of which that cannot be told."""
        if not self.rows or any(row.arrived is False for row in self.rows):
            return Exit.FINDING
        return Exit.UNTOLD if any(row.arrived is None for row in self.rows) else Exit.FINE

    def as_json(self) -> dict[str, object]:
        verdict = {Exit.FINE: True, Exit.FINDING: False, Exit.UNTOLD: None}[self.exit]
        rows = [{f"{name}_ms" if name in _TIMES else name: v for name, v in asdict(row).items()} for row in self.rows]
        return {"drill": self.entry, "sev": self.sev, "arrived": verdict, "receivers": rows}


_TIMES = ("detected", "posted", "accepted", "webhook_called", "read_back")


def decoded(body: bytes) -> Deliveries:
    """Raises ``ValueError``: no watchdog answered."""
    try:
        return msgspec.json.decode(body, type=Deliveries)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValueError(f"expected a watchdog's deliveries: {error}") from None


def refusing(posture: bytes) -> Mapping[str, str]:
    """The receivers that do not take pages now, each with why. Raises ``ValueError``: no watchdog answered."""
    try:
        facts = [fact.fact for fact in msgspec.json.decode(posture, type=_Posture).facts if fact.kind == "receiver"]
        found = [msgspec.json.decode(fact, type=_Receiver) for fact in facts]
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValueError(f"expected a watchdog's posture: {error}") from None
    return {r.receiver.removesuffix("/refused"): r.explanation for r in found if not r.accepting}


def complete(page: Page) -> bool:
    """Everybody who took it has also said whether it is heard (which only a Sev-0 is asked for)."""
    said = {read.peer for read in page.read_back if read.hearing != "unknown"}
    return bool(page.receivers) and (page.sev > 0 or all(t.receiver in said for t in page.receivers if t.peer))


def outcome(
    page: Page, expected: Sequence[Expected], entry: str, asked: datetime, refused: Mapping[str, str]
) -> Outcome:
    told_at = from_rfc3339(page.told_at) or asked
    detected = max(0.0, round((told_at - asked).total_seconds() * 1_000, 1))
    read = {said.peer: said for said in page.read_back}
    rows = [_row(taken, detected, read.get(taken.receiver), page.sev) for taken in page.receivers]
    took = {taken.receiver for taken in page.receivers}
    left = sorted(refused.items())
    rows += [Row(name, detected, said=f"not taken: {why}", arrived=False) for name, why in left if name not in took]
    named = {row.receiver for row in rows}
    rows += [_uncalled(one, page, detected) for one in expected if one.receiver not in named]
    return Outcome(entry, page.sev, tuple(rows))


def _uncalled(one: Expected, page: Page, detected: float) -> Row:
    if one.hears(page):
        return Row(one.receiver, detected, said="never called", arrived=False)
    why = f"hears of Sev-{one.sev} at the mildest" if page.sev > one.sev else one.when
    return Row(one.receiver, detected, said=f"not needed ({why})")


def _row(taken: Taken, detected: float, read: ReadBack | None, sev: int) -> Row:
    if not taken.peer:
        return Row(taken.receiver, detected, taken.posted_ms, webhook_called=taken.accepted_ms)
    row = Row(taken.receiver, detected, taken.posted_ms, taken.accepted_ms)
    if sev > 0:
        return row
    if read is None:
        return Row(row.receiver, detected, row.posted, row.accepted, said="not read back", arrived=None)
    arrived = {"heard": True, "unheard": False}.get(read.hearing)
    said = f"{read.hearing}: {read.why}" if read.why else read.hearing
    return Row(row.receiver, detected, row.posted, row.accepted, None, read.at_ms, said, arrived)


def text(told: Outcome) -> str:
    """As a person reads it."""
    lines = [HEADS, *(_cells(row) for row in told.rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADS))]
    head = f"Drill of Sev-{told.sev}, {told.entry}: milliseconds to its detection, and from there"
    table = [f"  {_aligned(line, widths)}".rstrip() for line in lines]
    clean = ("".join(c if c.isprintable() else "�" for c in line) for line in (head, *table, f"  {_verdict(told)}"))
    return "\n".join(clean)


def _cells(row: Row) -> tuple[str, ...]:
    times: Iterable[float | None] = (row.detected, row.posted, row.accepted, row.webhook_called, row.read_back)
    return (row.receiver, *("-" if time is None else f"{time:.1f}" for time in times), row.said)


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    (first, *times, last), (width, *others, _) = cells, widths
    return "  ".join((first.ljust(width), *(t.rjust(w) for t, w in zip(times, others, strict=True)), last))


def _verdict(told: Outcome) -> str:
    missing = [row.receiver for row in told.rows if row.arrived is False]
    untold = [row.receiver for row in told.rows if row.arrived is None]
    if missing or not told.rows:
        return f"did not arrive: {', '.join(missing) or 'nobody took it'}"
    return f"could not tell of {', '.join(untold)}" if untold else "arrived at every receiver"
