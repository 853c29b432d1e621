"""What is asked, how often, and as whom."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal
from urllib.parse import urlencode, urlsplit

from watchdog.core.address import is_http_url
from watchdog.core.facts import Metric, Subject
from watchdog.core.instant import Instant
from watchdog.core.observation import Coverage, Facts, Point, Sees
from watchdog.ports import Answer, Ports, Unreachable
from watchdog.sources import Source, Stream
from watchdog.sources.promql.answer import instant, over_time
from watchdog.sources.promql.readings import Stamps, points, readings, stamped
from watchdog.sources.promql.series import Series
from watchdog.sources.promql.stanza import Query

BODY_LIMIT = 1 << 20
HISTORY_LIMIT = 1 << 22
TOKEN_LIMIT = 1 << 14
MOST_OF_SOURCE = 300
"""Series of all queries together: each costs every turn of the daemon. A query that answers more than are left
fails."""
HISTORY_POINTS = 120
"""Of one series at most."""

Past = tuple[tuple[Subject, tuple[Point, ...]], ...]


@dataclass(slots=True)
class Sight:
    """What one query's stream remembers over its lives."""

    series: Series
    last_look: Instant | None = None
    seen: int = 0


@dataclass(frozen=True)
class PromQL(Source):
    """``url`` is the API's base, in front of ``/api/v1/query``.

    ``credentials``: ``google`` are the application's default ones; ``bearer`` is the content of ``bearer_token_file``,
    read anew for every request. ``timeout``: seconds, each request.
    """

    name: str
    url: str
    queries: tuple[Query, ...]
    credentials: Literal["none", "google", "bearer"] = "none"
    bearer_token_file: str = ""
    poll_interval: float = 15.0
    timeout: float = 2.0
    stale_after: float = 60.0
    _sights: dict[str, Sight] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        _check_url(self.url, self.credentials)
        metrics = [query.metric for query in self.queries]
        if not metrics or len(dict.fromkeys(metrics)) != len(metrics):
            raise ValueError("queries: expected at least one, each with a metric of its own")
        if (self.credentials == "bearer") != bool(self.bearer_token_file):
            raise ValueError("bearer_token_file: expected with credentials: bearer, and only there")
        if not (self.poll_interval > 0 and self.timeout > 0):
            raise ValueError("expected poll_interval and timeout above 0")
        if not self.stale_after > self.poll_interval + 4 * self.timeout:  # token, two requests, the history
            raise ValueError("stale_after: expected more than poll_interval and four timeouts together")
        self._sights.update({query.metric: Sight(Series(query)) for query in self.queries})

    def streams(self) -> Mapping[str, Stream]:
        return {q.metric: Stream(self._promise(q), partial(self._looks, q), self.stale_after) for q in self.queries}

    def _promise(self, query: Query) -> Coverage:
        """A series that is expected is looked at too; others may come and go."""
        expected = [
            Sees("metric", f"{query.metric} of {name}", subject=_subject(query.metric, name), field="value")
            for name in query.expect
        ]
        return Coverage(frozenset({Metric.KIND}), self.stale_after, sees=(Sees("metric", query.metric), *expected))

    async def _looks(self, query: Query, ports: Ports) -> AsyncIterator[Facts]:
        sight = self._sights[query.metric]
        while True:
            began = ports.clock.now()
            found = await self._look(query, began, ports)
            self._check_room(sight, len(found))
            facts = sight.series.told(found, began)
            if sight.last_look is None or began.since(sight.last_look) > self.stale_after:
                facts = replace(facts, past=await self._past(query, began, ports))
            sight.last_look = began
            yield facts
            await asyncio.sleep(self.poll_interval)

    def _check_room(self, sight: Sight, found: int) -> None:
        """Raises ``Unreachable`` where the other queries leave too little."""
        sight.seen = 0
        left = MOST_OF_SOURCE - sum(other.seen for other in self._sights.values())
        if found > left:
            raise Unreachable("TooManySeries", f"it answers {found} series, and {left} of {MOST_OF_SOURCE} are left")
        sight.seen = found

    async def _look(self, query: Query, at: Instant, ports: Ports) -> dict[str, Metric]:
        """When the samples were taken is asked first: one that arrives in between can only seem older than it is. An
        age counts to the later of two clocks, ours and the server's: one that is behind makes none young."""
        epoch, stamps = at.wall.timestamp(), None
        if query.stamp:
            taken = instant(await self._ask(ports, "query", BODY_LIMIT, query=query.stamp, time=epoch))
            stamps = stamped(query, taken.samples)
        reply = instant(await self._ask(ports, "query", BODY_LIMIT, query=query.expr, time=epoch))
        return readings(query, reply.samples, stamps, max(epoch, reply.server_time))

    async def _past(self, query: Query, at: Instant, ports: Ports) -> Past:
        """What came before, as far as it can be had: a failure costs the history and nothing else."""
        try:
            async with asyncio.timeout(self.timeout):
                found = await self._history(query, at.wall.timestamp(), ports) if query.history else {}
        except (Unreachable, TimeoutError):
            return ()
        return tuple((_subject(query.metric, name), those) for name, those in found.items())

    async def _history(self, query: Query, end: float, ports: Ports) -> Mapping[str, tuple[Point, ...]]:
        asked = {"start": end - query.history, "end": end, "step": max(1.0, query.history / (HISTORY_POINTS - 1))}
        stamps: Stamps | None = None
        if query.stamp:
            taken = await self._ask(ports, "query_range", HISTORY_LIMIT, query=query.stamp, **asked)
            stamps = stamped(query, over_time(taken))
        answer = await self._ask(ports, "query_range", HISTORY_LIMIT, query=query.expr, **asked)
        return points(query, over_time(answer), stamps)

    async def _ask(self, ports: Ports, path: str, limit: int, *, query: str, **moments: float) -> Answer:
        parameters = {"query": query, **{name: f"{value:.3f}" for name, value in moments.items()}}
        url = f"{self.url.rstrip('/')}/api/v1/{path}?{urlencode(parameters)}"
        headers = {"accept": "application/json", **await self._authorization(ports)}
        answer = await ports.http.get(url, headers=headers, timeout=self.timeout, limit=limit)
        if answer.status == 401 and self.credentials == "google":
            ports.google().refused()
        return answer

    async def _authorization(self, ports: Ports) -> Mapping[str, str]:
        if self.credentials == "google":
            return await ports.google().headers(self.timeout)
        if self.credentials == "bearer":
            return {"authorization": f"Bearer {await _token(self.bearer_token_file, ports)}"}
        return {}


async def _token(path: str, ports: Ports) -> str:
    """Raises ``Unreachable``, which says nothing of what is in the file."""
    try:
        token = (await ports.files.read(path, TOKEN_LIMIT)).strip().decode("ascii")
    except OSError as error:
        raise Unreachable("NoCredentials", f"cannot read bearer_token_file: {error.strerror}") from None
    except UnicodeDecodeError:
        token = ""
    if not token or not token.isprintable() or " " in token:
        raise Unreachable("NoCredentials", "bearer_token_file: expected one token, on one line")
    return token


def _check_url(url: str, credentials: str) -> None:
    if not is_http_url(url) or (parts := urlsplit(url)).query or parts.fragment:
        raise ValueError(f"url: expected an http(s) URL without a query, found {url!r}")
    if parts.username is not None:
        raise ValueError("url: expected no user and no password in it")
    if credentials == "google" and parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "::1", "localhost"):
        raise ValueError("url: expected https, because Google's credentials are sent there")


def _subject(metric: str, series: str) -> Subject:
    return Subject(Metric.KIND, (("metric", metric), ("series", series)))
