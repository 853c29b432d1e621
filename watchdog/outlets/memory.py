"""How far we have seen, in a small file: what an earlier life of the daemon leaves to the next, so that its WATCHes
resume where these ended, or the time between them is known as a gap and what was written in it is found
(``core.accounting``); and which alerts that had raised, so that a position is never remembered without them.

Written whole or not at all, every few seconds, after every edge and at the end, each time of one level. A file that is
missing, damaged or from the future is no memory: the next life then starts as a first one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import structlog

from watchdog.core.accounting import Recollection
from watchdog.core.assessment import Assessment
from watchdog.core.facts import Mark, Subject
from watchdog.core.instant import Instant, rfc3339
from watchdog.core.observation import Scope
from watchdog.core.record import recalled_of_all, recent, record_of
from watchdog.core.report import Recalled
from watchdog.core.table import BUCKETS
from watchdog.outlets import Batch, Outlet, Receipt
from watchdog.ports import Ports

LIMIT = 32 << 20
"""Bytes: room for a hundred thousand marks."""
AHEAD = timedelta(seconds=60)
"""By how much another node's clock may be ahead of ours."""
VERSION = 2
READABLE = (1, 2)  # 1 knew no alerts
SPARED = 60.0
"""Seconds for which a file of an earlier life that cannot be read is not overwritten: what is in it may page."""
UNUSABLE = "what is remembered of an earlier life cannot be used"


class Looked(msgspec.Struct, frozen=True, array_like=True):
    source: str
    part: str
    at: datetime  # of a WATCH: its last word, which an open one without a line does not move
    revision: int = 0  # up to which its history is complete; 0: it follows none


class Written(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The document."""

    version: int
    written: datetime  # as of when everything in it is
    looked: tuple[Looked, ...]
    marks: tuple[tuple[str, str, str, str, int, int], ...]  # namespace, kind, name, uid, generation, revision
    alerts: tuple[dict[str, Any], ...] = ()  # core.record


@dataclass(slots=True)
class Left:
    """What an earlier life left behind, once it was read: nothing, where there is nothing that can be used."""

    read: bool = False
    written: Written | None = None
    at: Instant | None = None  # when it was first asked for
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True)
class Memory(Outlet):
    """``path``: on a volume that outlives the process."""

    path: str
    name: str = "memory"
    renew_every: float | None = field(init=False, default=5.0)
    at_stop: bool = field(init=False, default=True)
    near: bool = field(init=False, default=True)
    keeps: str = field(init=False, default="file")
    _left: Any = field(init=False, repr=False, compare=False, default_factory=Left)  # no part of the stanza

    def __post_init__(self) -> None:
        if not self.path.startswith("/"):
            raise ValueError("path: expected the absolute path of a file")

    async def publish(self, batch: Batch, ports: Ports) -> Sequence[Receipt]:
        """Raises ``OSError``."""
        await self._spare_what_was_not_read(ports)
        looked, marks = _looked(batch.level), await _marks(batch.level)
        if left := _not_looked_at_since(batch.level, ports.recollection, looked):
            looked, marks = {**left, **looked}, {**ports.recollection.marks, **marks}
        at, alerts = batch.level.at.wall.astimezone(UTC), tuple(_alerts(batch.level))
        document = Written(VERSION, at, tuple(looked.values()), tuple(map(_line, marks.values())), alerts)
        await ports.files.replace(self.path, msgspec.json.encode(document))
        return ()

    async def recollection(self, ports: Ports) -> Recollection:
        """Raises ``OSError``."""
        written = await self._written(ports)
        if written is None:
            return Recollection()
        marks = [Mark(*mark) for mark in written.marks]
        looked = {Scope(one.source, one.part): one.at for one in written.looked}
        revisions = {Scope(one.source, one.part): one.revision for one in written.looked if one.revision > 0}
        return Recollection(looked, {mark.subject: mark for mark in marks}, revisions)

    async def recalled(self, ports: Ports) -> Sequence[Recalled]:
        """Raises ``OSError``."""
        written, now = await self._written(ports), ports.clock.now()
        if written is None:
            return ()
        found, problems = recalled_of_all(written.alerts, self.name, recent(written.written, now), now)
        for problem in problems:
            structlog.get_logger().warning("an alert of an earlier life cannot be read", path=self.path, detail=problem)
        return found

    async def _written(self, ports: Ports) -> Written | None:
        """What an earlier life left: read once, before this one writes."""
        left: Left = self._left
        async with left.lock:
            left.at = left.at or ports.clock.now()
            if not left.read:
                left.written, left.read = await _read(self.path, ports), True
        return left.written

    async def _spare_what_was_not_read(self, ports: Ports) -> None:
        try:
            await self._written(ports)
        except OSError:
            if ports.clock.now().since(self._left.at) < SPARED:
                raise


async def _read(path: str, ports: Ports) -> Written | None:
    log = structlog.get_logger().bind(path=path)
    try:
        written = msgspec.json.decode(await ports.files.read(path, LIMIT), type=Written)
    except FileNotFoundError as error:
        log.info("nothing is remembered of an earlier life", detail=str(error))
        return None
    except OSError as error:
        log.warning(UNUSABLE, detail=str(error))
        raise
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        log.warning(UNUSABLE, detail=str(error))
        return None
    if problem := _problem(written, ports.clock.now().wall):
        log.warning(UNUSABLE, detail=problem)
        return None
    return written


def _alerts(level: Assessment) -> Iterator[dict[str, Any]]:
    """Those that are open or pending, those that ended and whose page nobody has taken yet, and the newest ends."""
    deliveries = level.deliveries.of
    for identity, alert in level.alerts.items():
        yield record_of(alert, deliveries.get(identity))
    untaken = {i: d for i, d in deliveries.items() if i not in level.alerts and not d.accepted}
    for delivery in untaken.values():
        yield record_of(delivery.alert, delivery)
    for identity, ended in level.restoration.ended.items():
        if identity not in untaken:  # an end that is as new would win, and nobody would hear of the page
            yield record_of(ended.alert, ended_at=ended.at)


def _problem(written: Written, now: datetime) -> str:
    if written.version not in READABLE:
        return f"expected version {VERSION}, found {written.version}"
    times = [written.written, *(one.at for one in written.looked)]
    if any(time.tzinfo is None for time in times):
        return "expected times with a time zone"
    newest = max(times)
    return f"it was written at {rfc3339(newest)}, which is in the future" if newest > now + AHEAD else ""


def _looked(level: Assessment) -> dict[Scope, Looked]:
    looked: dict[Scope, Looked] = {}
    for scope, sight in level.posture.sights.items():
        if sight.position is not None:
            looked[scope] = Looked(*scope, sight.position.at.astimezone(UTC), sight.position.revision)
        elif sight.last_success is not None:
            looked[scope] = Looked(*scope, sight.last_success.wall.astimezone(UTC))
    return looked


def _not_looked_at_since(
    level: Assessment, before: Recollection, looked: Mapping[Scope, Looked]
) -> dict[Scope, Looked]:
    """A life that ends before it has looked leaves behind what it was left."""
    left = {scope: at for scope, at in before.looked.items() if scope in level.posture.sights and scope not in looked}
    return {scope: Looked(*scope, at, before.revisions.get(scope, 0)) for scope, at in left.items()}


async def _marks(level: Assessment) -> dict[Subject, Mark]:
    """A few facts among many thousands: a portion at a time, so that no page waits for it."""
    marks: dict[Subject, Mark] = {}
    for portion in _portions(level):
        marks |= {known.subject: known for known in portion}
        await asyncio.sleep(0)
    return marks


def _portions(level: Assessment) -> Iterator[Iterable[Mark]]:
    facts = level.posture.facts
    for number in range(0, BUCKETS, 16):
        buckets = (facts.bucket(n).values() for n in range(number, min(number + 16, BUCKETS)))
        yield [known.fact for bucket in buckets for known in bucket if isinstance(known.fact, Mark)]


def _line(mark: Mark) -> tuple[str, str, str, str, int, int]:
    return (mark.namespace, mark.kind, mark.name, mark.uid, mark.generation, mark.revision)
