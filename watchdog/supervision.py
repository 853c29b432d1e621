"""Where the world's faults stop: a source's becomes Unknown, an outlet's is kept and tried again.

Nothing here knows a source or an outlet by name. A bug in the shell itself is not caught: it ends the process,
Kubernetes starts it anew, and the dead man's switch covers the gap.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field, replace

import structlog

from watchdog.core.accounting import Recollection
from watchdog.core.alert import Edge, EdgeKind, Identity
from watchdog.core.assessment import Assessment
from watchdog.core.facts import Receiver, Unknown
from watchdog.core.observation import Facts, Observation, Scope
from watchdog.core.report import Recalled, Report
from watchdog.core.restoration import unusable
from watchdog.core.ruleset import RuleSet
from watchdog.core.severity import Sev
from watchdog.outbox import OrderedOutbox
from watchdog.outlets import Batch, Outlet, Receipt
from watchdog.ports import Clock, KubernetesError, Ports, Unreachable
from watchdog.sources import Source, Stream

FIRST_RETRY, LAST_RETRY = 0.05, 2.0
"""Seconds: back within 2 s of a service's return, and no storm while it is away."""


@dataclass(slots=True)
class Backoff:
    delay: float = FIRST_RETRY

    async def wait(self, unless: asyncio.Event | None = None) -> None:
        """``unless``: what is worth an attempt at once."""
        if unless is None:
            await asyncio.sleep(self.delay)
        elif await _set_within(unless, self.delay):
            return
        self.delay = min(self.delay * 2, LAST_RETRY)

    def reset(self) -> None:
        self.delay = FIRST_RETRY


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


class Inbox:
    """Observations on their way to the next turn, in order, none dropped: a full inbox makes its sources wait."""

    def __init__(self, limit: int = 1_000) -> None:
        self._waiting: deque[Observation] = deque()
        self._reports: list[Report] = []
        self._limit, self._news, self._room = limit, asyncio.Event(), asyncio.Event()
        self._turnstile = asyncio.Lock()  # fair: who comes later, with newer facts, overtakes nobody who waits

    async def put(self, observation: Observation) -> None:
        async with self._turnstile:
            while len(self._waiting) >= self._limit:
                self._room.clear()
                await self._room.wait()
            self._waiting.append(observation)
        self._news.set()

    async def something_new_or(self, delay: float) -> None:
        """Returns when something is in the inbox, or after ``delay`` seconds."""
        try:
            async with asyncio.timeout(delay):
                await self._news.wait()
        except TimeoutError:
            pass

    def report(self, reports: Iterable[Report]) -> None:
        """What became of pages, for the next turn. It has been said, so nobody waits here."""
        before = len(self._reports)
        self._reports.extend(reports)
        if len(self._reports) > before:  # a turn for nothing would make every-turn outlets answer, and so for ever
            self._news.set()

    def reports(self) -> Sequence[Report]:
        reports, self._reports = tuple(self._reports), []
        return reports

    def wake(self) -> None:
        """Starts a turn although nothing is new."""
        self._news.set()

    def drain(self) -> Sequence[Observation]:
        observations = tuple(self._waiting)
        self._waiting.clear()
        self._news.clear()
        self._room.set()
        return observations


Edges = dict[tuple[Identity, EdgeKind, Sev, tuple[str, ...]], list[Edge]]
"""By alert, kind, Sev and addressees: a page at a worse Sev is not merged into milder ones, and each step of an
escalation is another's business."""


TELLING = (EdgeKind.FIRED, EdgeKind.ROSE, EdgeKind.REFIRED, EdgeKind.UNHEARD, EdgeKind.ESCALATED)


@dataclass(slots=True)
class Outbox:
    """What one outlet has not published yet: the newest level, and of each alert its first and its newest edge of a
    kind at a Sev.

    What was taken stays here until it is settled: a shutdown waits for it, and what nobody took comes again.
    """

    level: Assessment | None = None
    edges: Edges = field(default_factory=dict)
    taken: Edges = field(default_factory=dict)
    owed: Assessment | None = None  # the last level, where it is to be published whatever it says
    pace: float | None = None  # seconds from one renewal to the next
    timer: asyncio.TimerHandle | None = None  # of the next: edges that come in between do not put it off
    due: bool = False
    renewing: bool = False  # what was taken is a renewal
    news: asyncio.Event = field(default_factory=asyncio.Event)
    urgent: asyncio.Event = field(default_factory=asyncio.Event)  # a Sev-0 that waits for no other alert's retry

    def put(self, assessment: Assessment, *, wake: bool) -> None:
        self.level = assessment
        _add(self.edges, assessment.edges)
        if any(edge.alert.sev is Sev.SEV0 and edge.kind in TELLING for edge in assessment.edges):
            self.urgent.set()
        if wake or assessment.edges:
            self.news.set()

    def put_last(self, assessment: Assessment) -> None:
        """The end of it: published once more before a shutdown."""
        self.level = self.owed = assessment
        self.news.set()

    async def take(self, renew_every: float | None) -> Batch:
        """The next batch: when there is something new, or when it is time to renew."""
        if renew_every != self.pace:
            self._plan(renew_every)
        await self.news.wait()
        while self.level is None:
            self.news.clear()
            await self.news.wait()
        self.news.clear()
        self.urgent.clear()
        self.taken, self.edges = self.edges, {}
        return Batch(self.level, _in_order(self.taken), self._renews(renew_every))

    def _plan(self, renew_every: float | None) -> None:
        """The next renewal, an interval from now."""
        if self.timer is not None:
            self.timer.cancel()
        self.pace = renew_every
        loop = asyncio.get_running_loop()
        self.timer = None if renew_every is None else loop.call_later(renew_every, self._fall_due)

    def _fall_due(self) -> None:
        self.due = True
        self.news.set()

    def _renews(self, renew_every: float | None) -> bool:
        """Whether what was taken is a renewal."""
        self.renewing = renew_every is not None and (self.due or not self.taken)
        if self.renewing:
            self.due = False
            self._plan(renew_every)
        return self.renewing

    def settle(self, accepted: bool, level: Assessment | None = None) -> None:
        """The end of what was taken (with ``level``): accepted, or to be published again with what has come since."""
        if accepted and level is self.owed:
            self.owed = None
        if not accepted:
            again, newer = self.taken, self.edges
            _add(again, _in_order(newer))
            self.edges = again
            self.due = self.due or self.renewing
            self.news.set()
        self.taken = {}

    @property
    def empty(self) -> bool:
        return not (self.edges or self.taken or self.owed)


def _add(edges: Edges, more: Iterable[Edge]) -> None:
    for edge in more:
        edges.setdefault((edge.alert.identity, edge.kind, edge.alert.sev, edge.to), [])[1:] = [edge]


def _in_order(edges: Edges) -> tuple[Edge, ...]:
    return tuple(
        sorted((edge for kept in edges.values() for edge in kept), key=lambda edge: (edge.at.mono, edge.order))
    )


async def watch_over_stream(scope: Scope, stream: Stream, ports: Ports, inbox: Inbox) -> None:
    """Looks for ever. Whatever the stream raises, its end and its silence become Unknown, and it begins anew."""
    backoff, log = Backoff(), structlog.get_logger().bind(scope=str(scope))
    was: Unknown | None = None
    while True:
        try:
            async with aclosing(_within(stream.deadline, stream.looks(ports), ports.clock)) as looks:
                async for facts in looks:
                    if facts.partial and not (facts.seen or facts.gone or facts.position):
                        continue  # most of a look at a large cluster: it is worth no turn
                    await inbox.put(Observation(scope, facts.at or ports.clock.now(), facts))
                    if facts.partial:
                        continue
                    backoff.reset()
                    if was is not None:
                        log.info("sight regained", after=was.reason)
                    was = None
            problem = Unknown("Ended", "the source stopped looking")
        except Exception as error:  # one of the three places where faults stop
            problem = unknown(error)
        if was is None or was.reason != problem.reason:
            log.warning("sight lost", reason=problem.reason, detail=problem.message)
        was = problem
        await inbox.put(Observation(scope, ports.clock.now(), problem))
        await backoff.wait()


async def _within(deadline: float, looks: AsyncIterator[Facts], clock: Clock) -> AsyncGenerator[Facts, None]:
    """The looks, each within ``deadline`` seconds of the one before."""
    try:
        while True:
            try:
                async with asyncio.timeout(deadline) as limit:
                    with _while_awake(limit, deadline, clock):
                        facts = await anext(looks)
            except StopAsyncIteration:
                return
            except TimeoutError:
                if not limit.expired():  # the source's own
                    raise
                raise Unreachable("Timeout", f"no look within {deadline:g} s") from None
            yield facts
    finally:
        if isinstance(looks, AsyncGenerator):
            await looks.aclose()


FROZEN = 1.0
"""Seconds that a timer is late only if this whole process was stopped (SIGSTOP, a suspended machine)."""
THAWED_WITHIN = 5.0
"""Seconds for a stream to read what came to its socket meanwhile, before its silence counts."""


@contextmanager
def _while_awake(limit: asyncio.Timeout, deadline: float, clock: Clock) -> Iterator[None]:
    """A process that was frozen heard nothing because it did not listen: what waits in its sockets is read first."""
    began = clock.now()

    def about_to_expire() -> None:
        late, expires = clock.now().since(began) - deadline, limit.when()
        if late > FROZEN and expires is not None:
            limit.reschedule(expires + late + THAWED_WITHIN)

    timer = asyncio.get_running_loop().call_later(deadline - 0.001, about_to_expire)  # due timers run in their order
    try:
        yield
    finally:
        timer.cancel()


def unknown(error: Exception) -> Unknown:
    """A fault of the world as a reason and a sentence."""
    if isinstance(error, KubernetesError | Unreachable):
        return Unknown(error.reason, error.message)
    if isinstance(error, TimeoutError):
        return Unknown("Timeout", str(error))
    return Unknown(type(error).__name__, str(error))


async def watch_over_outlet(
    outlet: Outlet, outbox: Outbox | OrderedOutbox, ports: Ports, inbox: Inbox, rules: RuleSet
) -> None:
    """Publishes for ever. What nobody took is kept, merged with what came since, and tried again."""
    backoff, log = Backoff(), structlog.get_logger().bind(outlet=outlet.name)
    refused: set[str] = set()
    while True:
        batch = replace(await outbox.take(outlet.renew_every), report=inbox.report)
        receipts = await _publish(outlet, batch, ports)
        accepted = not receipts or any(receipt.accepted or receipt.final for receipt in receipts)
        if accepted and outlet.name in refused and outlet.name not in (receipt.receiver for receipt in receipts):
            receipts = [*receipts, Receipt(outlet.name, True, "it publishes again")]  # it had raised
        for receipt in receipts:
            ports.vitals.notified(receipt.receiver, "accepted" if receipt.accepted else "failed")
            _log_transition(log, receipt, refused)
        if receipts:
            await inbox.put(_as_observation(receipts, ports))
        inbox.report(report for receipt in receipts for report in receipt.reports)
        if accepted:
            _measure(batch, receipts, ports, rules)
        outbox.settle(accepted, batch.level)
        if accepted:
            backoff.reset()
        else:
            await backoff.wait(outbox.urgent if isinstance(outbox, Outbox) else None)


async def recollected(outlets: Iterable[Outlet], ports: Ports) -> Recollection:
    """What the first outlet that remembers an earlier life says of it; nothing that goes wrong there delays the
    start."""
    for outlet in outlets:
        try:
            async with asyncio.timeout(FIRST_TURN_WITHIN):
                if (found := await outlet.recollection(ports)).looked:
                    return found
        except Exception as error:  # one of the three places where faults stop
            structlog.get_logger().warning("cannot recollect", outlet=outlet.name, detail=str(unknown(error)))
    return Recollection()


FIRST_TURN_WITHIN = 1.0
"""Seconds that the first turn waits for what is remembered on a disk."""
RECALL_WITHIN, RECALL_ATTEMPT = 60.0, 5.0
"""Seconds after the start during which who does not answer is asked what he remembers, and for one attempt."""


async def recall(who: Source | Outlet, ports: Ports, inbox: Inbox, rules: RuleSet) -> None:
    """What it remembers of alerts, as reports for the next turn: an old word is better late than never."""
    log, backoff, problem = structlog.get_logger().bind(of=who.name), Backoff(), ""
    until = ports.clock.now().mono + RECALL_WITHIN
    while ports.clock.now().mono < until:
        try:
            async with asyncio.timeout(RECALL_ATTEMPT):
                return _report_recalled(await who.recalled(ports), inbox, rules, log)
        except Exception as error:  # one of the places where faults stop
            problem = str(unknown(error))
        await backoff.wait()
    log.warning("cannot recall which alerts were open", detail=problem)
    return None


def _report_recalled(
    found: Sequence[Recalled], inbox: Inbox, rules: RuleSet, log: structlog.typing.FilteringBoundLogger
) -> None:
    for recalled in found:
        if why := unusable(recalled, rules):
            log.warning("an alert of an earlier life is dropped", alert=str(recalled.alert.identity), detail=why)
    if opened := sum(recalled.alert.open and not recalled.ended for recalled in found):
        log.info("alerts recalled", open=opened)
    inbox.report(found)


async def watch_over_parts(outlet: Outlet, ports: Ports, inbox: Inbox) -> AsyncIterator[Sequence[Outlet]]:
    """The outlet's parts that come and go, asked for ever. That nobody can say is a finding; those of before stay."""
    log, refused, every = structlog.get_logger().bind(outlet=outlet.name), set[str](), outlet.find_every
    said: bool | None = None
    while every is not None:
        receipt = Receipt(outlet.name, True)
        try:
            async with asyncio.timeout(outlet.timeout):
                found: Sequence[Outlet] | None = await outlet.found(ports)
        except Exception as error:  # one of the places where faults stop
            found, receipt = None, Receipt(outlet.name, False, str(unknown(error)))
        _log_transition(log, receipt, refused)
        if receipt.accepted is not said:
            await inbox.put(_as_observation([receipt], ports))
        said = receipt.accepted
        if found is not None:
            yield found
        await asyncio.sleep(every)


async def _publish(outlet: Outlet, batch: Batch, ports: Ports) -> Sequence[Receipt]:
    try:
        async with asyncio.timeout(outlet.timeout):
            return await outlet.publish(batch, ports)
    except Exception as error:  # one of the three places where faults stop
        return [Receipt(outlet.name, False, str(unknown(error)))]


def _log_transition(log: structlog.typing.FilteringBoundLogger, receipt: Receipt, refused: set[str]) -> None:
    if receipt.accepted and receipt.receiver in refused:
        refused.discard(receipt.receiver)
        log.info("receiver accepts again", receiver=receipt.receiver)
    elif not receipt.accepted and receipt.receiver not in refused:
        refused.add(receipt.receiver)
        log.error("receiver does not accept", receiver=receipt.receiver, detail=receipt.explanation)


RECEIPTS = Scope("outlets", "receipts")


def _as_observation(receipts: Sequence[Receipt], ports: Ports) -> Observation:
    facts = tuple(Receiver(r.receiver, r.accepted, r.explanation) for r in receipts)
    return Observation(RECEIPTS, ports.clock.now(), Facts(seen=facts))


def _measure(batch: Batch, receipts: Sequence[Receipt], ports: Ports, rules: RuleSet) -> None:
    """How late each first page was: from the moment at which the condition had held for its ``for`` until somebody had
    it. An alert counts once, whichever outlet is first."""
    taken = [receipt.at for receipt in receipts if receipt.accepted and receipt.at is not None]
    if not taken:
        return
    first = min(taken, key=lambda instant: instant.mono)
    for edge in batch.edges:
        if edge.kind is EdgeKind.FIRED:
            due = rules.policy(edge.alert.identity).for_seconds
            ports.vitals.detected(edge.alert.identity, edge.at.mono, first.since(edge.alert.active_since) - due)
