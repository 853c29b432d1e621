"""One receiver as an outlet of its own: tells it what it is owed, and reports what it took."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from watchdog.core.alert import Edge, Identity
from watchdog.core.assessment import Assessment
from watchdog.core.delivery import Expected, When
from watchdog.core.instant import Instant
from watchdog.core.notice import ODD
from watchdog.core.payload import Links, Message, attributes, payload
from watchdog.core.redaction import hosts_only
from watchdog.core.report import Accepted
from watchdog.outlets import Batch, Outlet, Receipt
from watchdog.outlets.webhook.channel import Channel, Later, opened
from watchdog.outlets.webhook.recipient import Recipient
from watchdog.outlets.webhook.told import Story, Told, mark
from watchdog.ports import Ports, Unreachable

AT_ONCE = 8
"""Alerts that one receiver is told of beside each other, each in a request of its own."""
ATTEMPTS = 2
"""Of one publish: so long, at most, does a page wait for those that were there before it."""

CHECK_EVERY = 30.0
"""Seconds: a secret that cannot be read, or a topic that is not there, is found before the first page."""


@dataclass(frozen=True)
class Direct(Outlet):
    """``attempt``: seconds that one request may take."""

    name: str
    recipient: Recipient
    attempt: float
    runbook_base_url: str = ""
    external_url: str = ""
    timeout: float = field(init=False)
    renew_every: float | None = field(init=False, default=CHECK_EVERY)
    awaited: bool = field(init=False)
    called: bool = field(init=False, default=True)
    _told: Told = field(init=False, repr=False, compare=False, default_factory=Told)

    def __post_init__(self) -> None:
        object.__setattr__(self, "timeout", self.attempt * ATTEMPTS)
        object.__setattr__(self, "awaited", self.recipient.when == "fallback")

    def worst_post(self) -> float | None:
        return None if self.recipient.when == "escalation" else self.attempt

    def expected(self) -> Expected:
        return Expected(self.name, When(self.recipient.when), self.recipient.mildest)

    async def publish(self, batch: Batch, ports: Ports) -> Sequence[Receipt]:
        """Raises ``Unreachable`` while the receiver is not to be called; otherwise its receipt says what it took."""
        stories = self._told.stories(batch, self.recipient)
        if not stories:
            if batch.renew:
                await (await opened(self.recipient, self.attempt, ports)).check()
            return [*self._refusals(settled=True)]
        if (left := self._told.quiet_until - ports.clock.now().mono) > 0:
            raise Unreachable("AskedToWait", f"it asks for {left:.0f} s without a request")
        attempt = Attempt(self, self._told, batch.level, ports)
        try:
            async with asyncio.timeout(self.timeout * 0.95):
                await attempt.tell(stories, await opened(self.recipient, self.attempt, ports))
        except TimeoutError:
            attempt.problem = attempt.problem or Unreachable("Timeout", f"it is slower than {self.timeout:g} s")
        left_over = [story for story in stories if story.identity not in attempt.finished]
        return [*self._receipts(attempt, batch, left_over)]

    def _receipts(self, attempt: Attempt, batch: Batch, left: Sequence[Story]) -> Iterator[Receipt]:
        at, reports = self._told.had_news_at(batch), tuple(attempt.reports)
        if left:
            alerts = "1 alert" if len(left) == 1 else f"{len(left)} alerts"
            why = f"{attempt.problem or 'it has not come to all'}; {alerts} to go"
            yield Receipt(self.name, False, why, reports=reports)
        elif attempt.took:
            yield Receipt(self.name, True, at=at, reports=reports)
        self._told.left(left)
        yield from self._refusals(settled=not left)

    def _refusals(self, *, settled: bool) -> Iterator[Receipt]:
        """What it refuses has a receipt of its own: it is a finding, and stops nobody else's page."""
        refused, before = list(self._told.refused.values()), self._told.complained
        if refused or (before and settled):
            self._told.complained = bool(refused)
            more = f" (and {len(refused) - 3} more)" if len(refused) > 3 else ""
            yield Receipt(f"{self.name}/refused", not refused, "; ".join(refused[:3]) + more, final=settled)


class Attempt:
    """The work of one publish; it lives no longer than the call."""

    def __init__(self, outlet: Direct, told: Told, level: Assessment, ports: Ports) -> None:
        self.recipient, self.told, self.level, self.ports = outlet.recipient, told, level, ports
        self.links = Links(ports.labels, outlet.runbook_base_url, outlet.external_url)
        self.reports: list[Accepted] = []
        self.finished: dict[Identity, None] = {}
        self.problem: Unreachable | None = None
        self.took = self.answered = False

    async def tell(self, stories: Sequence[Story], channel: Channel) -> None:
        """Several beside each other. Where none of these so much as answers, the rest waits for the next publish."""
        while stories:
            wave, stories = stories[:AT_ONCE], stories[AT_ONCE:]
            self.answered = False
            telling = (self._tell(story, channel) for story in wave)
            for fault in await asyncio.gather(*telling, return_exceptions=True):
                if isinstance(fault, Exception):  # nothing that the receiver did: the story comes again
                    self.answered = True
                    self.problem = self.problem or Unreachable(type(fault).__name__, hosts_only(str(fault)))
            if not self.answered or self.told.quiet_until > self.ports.clock.now().mono:
                return

    async def _tell(self, story: Story, channel: Channel) -> None:
        try:
            for edge in story.edges:
                await self._tell_edge(edge, channel)
            for message in self.told.endings_of_what_is_over(story, self.level):
                await self._send(message, channel)
        except Unreachable as error:
            self.problem = self.problem or error
            if isinstance(error, Later):
                self.answered = True
                self.told.quiet_until = max(self.told.quiet_until, self.ports.clock.now().mono + error.seconds)
        else:
            self.answered = True
            self.finished[story.identity] = None

    async def _tell_edge(self, edge: Edge, channel: Channel) -> None:
        at: Instant | None = None
        for message in self.told.messages(edge, self.recipient, self.level):
            taken = await self._send(message, channel)
            at = taken if message.ended is None else at
        self.told.done[mark(edge)] = at

    async def _send(self, message: Message, channel: Channel) -> Instant | None:
        """When it was taken; ``None``: it is refused for good."""
        sent = self.ports.clock.now()
        try:
            body, said = self._encoded(message, sent)
        except ODD as error:
            self.told.refuses(message, f"it cannot be encoded: {type(error).__name__}: {error}")
            return None
        why = await channel.send(body, said)
        at = self.ports.clock.now()
        if why:
            self.told.refuses(message, why)
            return None
        self.took = True
        self.told.took(message)
        if message.ended is None:
            identity, told_at = message.alert.identity, message.told_at.mono
            self.reports.append(Accepted(identity, self.recipient.name, told_at, sent, at, peer=False))
        return at

    def _encoded(self, message: Message, now: Instant) -> tuple[bytes, Mapping[str, str]]:
        """Whole, or bare where that cannot be. Raises what is in ``ODD``."""
        try:
            return self._whole(message)
        except ODD as error:
            return self._whole(message.bare(now, f"{type(error).__name__}: {error}"))

    def _whole(self, message: Message) -> tuple[bytes, Mapping[str, str]]:
        body = msgspec.json.encode(payload(message, self.recipient.name, self.links))
        return body, attributes(message, self.links.labels)
