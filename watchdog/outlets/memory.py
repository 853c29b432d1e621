"""How far we have seen, in a small file: what an earlier life of the daemon leaves to the next, so that its WATCHes
resume where these ended, or the time between them is known as a gap and what was written in it is found
(``core.accounting``).

Written whole or not at all, every few seconds and at the end. A file that is missing, damaged or from the future is no
memory: the next life then starts as a first one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec
import structlog

from watchdog.core.accounting import Recollection
from watchdog.core.assessment import Assessment
from watchdog.core.facts import Mark, Subject
from watchdog.core.instant import rfc3339
from watchdog.core.observation import Scope
from watchdog.core.table import BUCKETS
from watchdog.outlets import Batch, Outlet, Receipt
from watchdog.ports import Ports

LIMIT = 32 << 20
"""Bytes: room for a hundred thousand marks."""
AHEAD = timedelta(seconds=60)
"""By how much another node's clock may be ahead of ours."""
VERSION = 1
UNUSABLE = "what is remembered of an earlier life cannot be used"


class Looked(msgspec.Struct, frozen=True, array_like=True):
    source: str
    part: str
    at: datetime  # of a WATCH: its last word, which an open one without a line does not move
    revision: int = 0  # up to which its history is complete; 0: it follows none


class Written(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The document."""

    version: int
    written: datetime
    looked: tuple[Looked, ...]
    marks: tuple[tuple[str, str, str, str, int, int], ...]  # namespace, kind, name, uid, generation, revision


@dataclass(frozen=True)
class Memory(Outlet):
    """``path``: on a volume that outlives the process."""

    path: str
    name: str = "memory"
    renew_every: float | None = field(init=False, default=5.0)
    at_stop: bool = field(init=False, default=True)

    def __post_init__(self) -> None:
        if not self.path:
            raise ValueError("path: expected the path of a file, found none")

    async def publish(self, batch: Batch, ports: Ports) -> Sequence[Receipt]:
        """Raises ``OSError``."""
        looked, marks = _looked(batch.level), await _marks(batch.level)
        if left := _not_looked_at_since(batch.level, ports.recollection, looked):
            looked, marks = {**left, **looked}, {**ports.recollection.marks, **marks}
        document = Written(VERSION, ports.clock.now().wall, tuple(looked.values()), tuple(map(_line, marks.values())))
        await ports.files.replace(self.path, msgspec.json.encode(document))
        return ()

    async def recollection(self, ports: Ports) -> Recollection:
        log = structlog.get_logger().bind(path=self.path)
        try:
            written = msgspec.json.decode(await ports.files.read(self.path, LIMIT), type=Written)
        except FileNotFoundError as error:
            log.info("nothing is remembered of an earlier life", detail=str(error))
            return Recollection()
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            log.warning(UNUSABLE, detail=str(error))
            return Recollection()
        if problem := _problem(written, ports.clock.now().wall):
            log.warning(UNUSABLE, detail=problem)
            return Recollection()
        marks = [Mark(*mark) for mark in written.marks]
        looked = {Scope(one.source, one.part): one.at for one in written.looked}
        revisions = {Scope(one.source, one.part): one.revision for one in written.looked if one.revision > 0}
        return Recollection(looked, {mark.subject: mark for mark in marks}, revisions)


def _problem(written: Written, now: datetime) -> str:
    if written.version != VERSION:
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
