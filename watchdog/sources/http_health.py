"""How fresh services are: the worst of what /healthz says and of what our own clock says. domain.md §6.

Any error is *stale*, and known to be: a look that fails is still a look. Nothing here raises for what a service does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import msgspec

from watchdog.core.address import is_http_url
from watchdog.core.facts import Endpoint, Unknown
from watchdog.core.instant import Instant
from watchdog.core.observation import Coverage, Facts, Sees
from watchdog.ports import Answer, Ports, Unreachable
from watchdog.sources import Source, Stream

BODY_LIMIT = 1 << 16
ACCEPT = {"accept": "application/json"}


@dataclass(frozen=True)
class Service:
    """One endpoint. ``max_age_seconds``: how old its last tick may be (a smaller one that it states itself counts)."""

    service: str
    url: str
    max_age_seconds: float = 60.0

    def __post_init__(self) -> None:
        if not is_http_url(self.url):
            raise ValueError(f"url: expected an http(s) URL, found {self.url!r}")
        if not self.service or not self.max_age_seconds > 0:
            raise ValueError("expected a service's name, and a max_age_seconds above 0")


class Claim(msgspec.Struct):
    """What the service says. The contract has more; only this is relied on."""

    ok: bool
    last_tick_epoch_seconds: float
    age_seconds: float | None = None
    max_age_seconds: float | None = None
    forced_stale: bool = False


_claims = msgspec.json.Decoder(Claim)


@dataclass(frozen=True, slots=True)
class Tick:
    """The last tick that a service named, and since when we have seen that one."""

    epoch_seconds: float
    first_seen: Instant
    age_then: float


@dataclass(frozen=True)
class HttpHealth(Source):
    """``max_skew_seconds``: how far the service's clock and ours may differ before its answer counts as false."""

    name: str
    services: tuple[Service, ...]
    poll_interval: float = 5.0
    timeout: float = 2.0
    stale_after: float = 20.0
    max_skew_seconds: float = 5.0
    _ticks: dict[str, Tick] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        names = [service.service for service in self.services]
        if not names or len(dict.fromkeys(names)) != len(names):
            raise ValueError("services: expected at least one, each with a name of its own")
        if not (self.poll_interval > 0 and self.timeout > 0 and self.max_skew_seconds >= 0):
            raise ValueError("expected poll_interval and timeout above 0, and max_skew_seconds of at least 0")
        if not self.stale_after > self.poll_interval + self.timeout:
            raise ValueError("stale_after: expected more than poll_interval and timeout together")

    def streams(self) -> Mapping[str, Stream]:
        return {s.service: Stream(self._promise(s), partial(self._looks, s), self.stale_after) for s in self.services}

    def _promise(self, service: Service) -> Coverage:
        sees = Sees("service", service.service, every=True)
        return Coverage(frozenset({Endpoint.KIND}), self.stale_after, sees=(sees,))

    async def _looks(self, service: Service, ports: Ports) -> AsyncIterator[Facts]:
        while True:
            yield Facts((await self._look(service, ports),))
            await asyncio.sleep(self.poll_interval)

    async def _look(self, service: Service, ports: Ports) -> Endpoint:
        try:
            answer = await ports.http.get(service.url, headers=ACCEPT, timeout=self.timeout, limit=BODY_LIMIT)
            claim = _claim(answer)
        except Unreachable as error:
            return _stale(service, error)
        return self._judged(service, answer.status, claim, ports.clock.now())

    def _judged(self, service: Service, status: int, claim: Claim, now: Instant) -> Endpoint:
        """The worst of both, and whether the two contradict each other."""
        ours = now.wall.timestamp() - claim.last_tick_epoch_seconds
        tick = self._tick(service.service, Tick(claim.last_tick_epoch_seconds, now, max(ours, 0.0)))
        still = now.since(tick.first_seen)
        age = max(
            ours, claim.age_seconds or 0.0, tick.age_then + still
        )  # a wall clock that steps back makes none young
        limit = min(service.max_age_seconds, claim.max_age_seconds or service.max_age_seconds)
        ahead = max(0.0, -ours)
        says_ok = status == 200 and claim.ok and not claim.forced_stale
        false = age > limit + self.max_skew_seconds or ahead > self.max_skew_seconds or claim.forced_stale
        endpoint = Endpoint(
            service=service.service,
            url=service.url,
            fresh=says_ok and age <= limit and ahead <= self.max_skew_seconds,
            explanation="",
            says_ok=status == 200 and claim.ok,
            age_seconds=round(age, 3),
            max_age_seconds=limit,
            tick_ahead_seconds=round(ahead, 3),
            tick_still_seconds=round(still, 3),
            lying=status == 200 and claim.ok and false,
        )
        return replace(endpoint, explanation=_explanation(endpoint, status, claim, self.max_skew_seconds))

    def _tick(self, service: str, tick: Tick) -> Tick:
        """The tick as it was first seen: by our monotonic clock, and across restarts of the stream."""
        before = self._ticks.get(service)
        if before is None or before.epoch_seconds != tick.epoch_seconds:
            self._ticks[service] = before = tick
        return before


def _claim(answer: Answer) -> Claim:
    """Raises ``Unreachable`` for whatever is not the contract's answer."""
    if 300 <= answer.status < 400:
        raise Unreachable("Redirect", f"it answers {answer.status}, a redirect, which is not followed")
    try:
        claim = _claims.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if answer.status != 200:
            raise Unreachable(f"Http{answer.status}", f"it answers {answer.status}") from None
        raise Unreachable("BadAnswer", f"it answers otherwise than agreed: {error}") from None
    if min(claim.last_tick_epoch_seconds, claim.age_seconds or 0.0, claim.max_age_seconds or 0.0) < 0:
        raise Unreachable("BadAnswer", "it answers otherwise than agreed: a time below 0")
    if answer.status not in (200, 503):
        raise Unreachable(f"Http{answer.status}", f"it answers {answer.status}")
    return claim


def _stale(service: Service, error: Unreachable) -> Endpoint:
    """No answer that can be relied on: stale (domain.md §6). Who claims nothing does not lie."""
    why = Unknown(error.reason, error.message)
    return Endpoint(
        service.service, service.url, False, str(why), why, why, service.max_age_seconds, why, why, lying=False
    )


def _explanation(seen: Endpoint, status: int, claim: Claim, skew: float) -> str:
    """One clause; the worst first."""
    but = "it says ok, but " if seen.says_ok is True else ""
    age = f"its last tick is {seen.age_seconds:g} s old (at most {seen.max_age_seconds:g} s)"
    if isinstance(seen.tick_ahead_seconds, float) and seen.tick_ahead_seconds > skew:
        return f"{but}its last tick lies {seen.tick_ahead_seconds:g} s in the future of our clock"
    if claim.forced_stale:
        return f"{but}it is forced stale"
    if seen.fresh:
        return age
    if seen.says_ok is True:
        return but + age
    return f"it says that it is stale: {age}" if not claim.ok else f"it says ok with status {status}: {age}"
