"""Our wall clock against those that it must agree with, and against our own monotonic one.

``startsAt`` and ``endsAt`` are instants of a wall clock that somebody else reads. A ``Date`` has no fraction (RFC 9110
§6.6.1) and was written somewhere within the round trip: so a skew is known within bounds, and the nearer one is told.
The monotonic clock does not step; how far the wall clock has moved against it within ten minutes is how far it stepped.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from urllib.parse import urlsplit

from watchdog.core.address import is_http_url
from watchdog.core.facts import ClockSkew, Unknown
from watchdog.core.instant import Instant, from_http_date
from watchdog.core.observation import Coverage, Facts
from watchdog.ports import Ports, Unreachable
from watchdog.reach import PLAIN, Access, BasicAuth, Reach, Tls
from watchdog.sources import Source, Stream

KUBERNETES, MONOTONIC = "kubernetes", "monotonic"
BODY_LIMIT = 1 << 20
SAMPLED = 1.0
"""Seconds between two samples of our own clocks."""
REMEMBERED = 600.0
"""Seconds for which a step is told."""

Dated = Callable[[Ports], Awaitable[datetime]]


@dataclass(frozen=True)
class Clocks(Source):
    """``urls``: of HTTP servers whose clock counts, such as every Alertmanager; any answer of theirs bears a ``Date``,
    also one that asks who we are. ``tls``, ``basic_auth``, ``bearer_token_file``, ``proxy``: as in the outlet
    ``alertmanager``. ``tolerance``: seconds within which clocks agree."""

    name: str
    kubernetes: bool = True
    urls: tuple[str, ...] = ()
    kubeconfig: str = ""
    context: str = ""
    poll_interval: float = 10.0
    timeout: float = 2.0
    tolerance: float = 2.0
    stale_after: float = 45.0
    tls: Tls = PLAIN
    basic_auth: BasicAuth | None = None
    bearer_token_file: str = ""
    proxy: str = ""
    _access: Access = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not all(map(is_http_url, self.urls)) or len(dict.fromkeys(map(_host, self.urls))) < len(self.urls):
            raise ValueError("urls: expected http(s) URLs, each host once")
        if not (self.poll_interval >= SAMPLED and self.timeout > 0 and self.tolerance > 0):
            raise ValueError("expected a poll_interval of at least 1, and timeout and tolerance above 0")
        if not self.stale_after > self.poll_interval + self.timeout:
            raise ValueError("stale_after: expected more than poll_interval and timeout together")
        access = Access(self.tls, self.basic_auth, self.bearer_token_file, self.proxy)
        object.__setattr__(self, "_access", access)

    def streams(self) -> Mapping[str, Stream]:
        dated: dict[str, Dated] = {KUBERNETES: self._of_kubernetes} if self.kubernetes else {}
        dated |= {_host(url): partial(self._of_server, Reach(url, self._access)) for url in self.urls}
        others = {name: self._stream(partial(self._looks, name, asked)) for name, asked in dated.items()}
        return {MONOTONIC: self._stream(self._steps), **others}

    def _stream(self, looks: Callable[[Ports], AsyncIterator[Facts]]) -> Stream:
        return Stream(Coverage(frozenset({ClockSkew.KIND}), self.stale_after), looks, self.stale_after)

    async def _of_kubernetes(self, ports: Ports) -> datetime:
        return await ports.kubernetes(self.kubeconfig, self.context).date(self.timeout)

    async def _of_server(self, server: Reach, ports: Ports) -> datetime:
        answer = await server.get("", ports, self.timeout, BODY_LIMIT)
        if (date := from_http_date(answer.headers.get("date", ""))) is None:
            raise Unreachable("NoDate", "it answers without a date")
        return date

    async def _looks(self, against: str, dated: Dated, ports: Ports) -> AsyncIterator[Facts]:
        while True:
            yield Facts((await self._against(against, dated, ports),), at=ports.clock.now())
            await asyncio.sleep(self.poll_interval)

    async def _against(self, against: str, dated: Dated, ports: Ports) -> ClockSkew:
        began = ports.clock.now()
        try:
            date = await dated(ports)
        except Unreachable as error:
            return ClockSkew(against, Unknown(error.reason, error.message), f"it tells no time: {error}")
        least, most = bounds(began, ports.clock.now(), date)
        return ClockSkew(against, self._told(_nearer(least, most)), f"ours is {_range(least, most)} ahead")

    async def _steps(self, ports: Ports) -> AsyncIterator[Facts]:
        """A look when something is new, and every ``poll_interval`` seconds."""
        samples, told, due = deque[tuple[float, float]](), float("nan"), float("-inf")
        while True:
            now = ports.clock.now()
            stepped = self._told(_stepped(samples, now))
            if stepped != told or now.mono >= due:
                told, due = stepped, now.mono + self.poll_interval
                yield Facts((ClockSkew(MONOTONIC, stepped, _steps_in_words(stepped)),), at=now)
            await asyncio.sleep(SAMPLED)

    def _told(self, ahead: float) -> float:
        return round(ahead, 1) if abs(ahead) > self.tolerance else 0.0


def bounds(began: Instant, ended: Instant, date: datetime) -> tuple[float, float]:
    """How many seconds our wall clock is ahead of one that said ``date`` meanwhile: at least, and at most. The round
    trip is taken from the monotonic clock, for ours may step in it."""
    least = (began.wall - date).total_seconds() - 1.0
    return least, least + 1.0 + ended.since(began)


def _nearer(least: float, most: float) -> float:
    return max(least, 0.0) or min(most, 0.0)


def _stepped(samples: deque[tuple[float, float]], now: Instant) -> float:
    """By how much the wall clock has moved, against the monotonic one, from where it was farthest from now."""
    offset = now.wall.timestamp() - now.mono
    samples.append((now.mono, offset))
    while now.mono - samples[0][0] > REMEMBERED:
        samples.popleft()
    return max((offset - before for _, before in samples), key=abs)


def _range(least: float, most: float) -> str:
    return f"{least:.1f} to {most:.1f} s"


def _steps_in_words(seconds: float) -> str:
    if seconds == 0.0:
        return "our wall clock did not step within ten minutes"
    return f"our wall clock stepped {'forward' if seconds > 0 else 'back'} by {abs(seconds):g} s within ten minutes"


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]
