"""Asks Pub/Sub how subscriptions are configured: those that are declared one by one, all that match in one list.

One that does not exist is known not to, and one that we may not read is unknown. Where none of several may be read it
is our credentials: the source does not see, one finding instead of one for each. A service that is down is neither, but
a source that does not see. What disappears while we look is told as missing for as long as this process lives.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial

from watchdog.core.address import is_endpoint
from watchdog.core.facts import Subscription, Unknown
from watchdog.core.observation import Coverage, Facts, Sees
from watchdog.core.resource import PROJECT, short, whole
from watchdog.ports import Ports, PubSub, SubscriptionShape, Unreachable
from watchdog.sources import Source, Stream
from watchdog.sources.pubsub_subscriptions.judgement import (
    Bounds,
    Declared,
    Who,
    drains,
    drifted,
    is_tap,
    judged,
    missing,
    unseen,
    unsound,
)

MOST = 500
"""Subscriptions that may match, with those that did and have disappeared."""

Look = Callable[[PubSub], Awaitable[tuple[Subscription, ...]]]


@dataclass(frozen=True)
class PubSubSubscriptions(Source):
    """``matching``: patterns (``*``, ``?``, ``[...]``) of names; whatever matches and is not declared is looked at too.
    ``max_delivery_attempts`` and ``backoff_seconds``: the least and the most that is sound."""

    name: str
    project: str
    subscriptions: tuple[Declared, ...] = ()
    matching: tuple[str, ...] = ()
    endpoint: str = ""
    max_delivery_attempts: tuple[int, int] = (5, 10)
    backoff_seconds: tuple[float, float] = (10.0, 600.0)
    poll_interval: float = 15.0
    timeout: float = 5.0
    stale_after: float = 60.0
    _matched: dict[str, None] = field(init=False, repr=False, compare=False, default_factory=dict)  # ever, by name
    _refused: dict[str, None] = field(init=False, repr=False, compare=False, default_factory=dict)  # at the last look

    def __post_init__(self) -> None:
        if not PROJECT.fullmatch(self.project):
            raise ValueError(f"project: expected a project's id, found {self.project!r}")
        if self.endpoint and not is_endpoint(self.endpoint):
            raise ValueError(f"endpoint: expected host:port, found {self.endpoint!r}")
        if not all(like.strip() for like in self.matching):
            raise ValueError("matching: expected patterns of names, none empty")
        names = [whole(self.project, "subscriptions", declared.subscription) for declared in self.subscriptions]
        if not (names or self.matching) or len(dict.fromkeys(names)) != len(names):
            raise ValueError("subscriptions: expected at least one (or a pattern in matching), and none twice")
        if not (self.poll_interval > 0 and self.timeout > 0):
            raise ValueError("expected poll_interval and timeout above 0")
        if not self.stale_after > self.poll_interval + self.timeout:
            raise ValueError("stale_after: expected more than poll_interval and timeout together")
        _ = self._bounds

    @property
    def _bounds(self) -> Bounds:
        return Bounds(self.max_delivery_attempts, self.backoff_seconds)

    def streams(self) -> Mapping[str, Stream]:
        one_by_one = {
            one.subscription: self._stream(partial(self._look, one), self._sees(one)) for one in self.subscriptions
        }
        patterns = f"matching {', '.join(self.matching)}"
        around = Sees("subscription", patterns, self.project)
        return one_by_one | ({patterns: self._stream(self._look_around, around)} if self.matching else {})

    def _stream(self, look: Look, sees: Sees) -> Stream:
        coverage = Coverage(frozenset({Subscription.KIND}), self.stale_after, sees=(sees,))
        return Stream(coverage, partial(self._looks, look), deadline=self.stale_after)

    def _sees(self, declared: Declared) -> Sees:
        subject = missing(Who(self.project, declared.subscription, declared.criticality), "").subject
        return Sees("subscription", declared.subscription, self.project, subject=subject, field="delivering")

    async def _looks(self, look: Look, ports: Ports) -> AsyncIterator[Facts]:
        """Raises ``Unreachable`` where the service does not answer as agreed."""
        while True:
            began = ports.clock.now()
            yield Facts(await look(ports.pubsub(self.endpoint)), at=began)
            await asyncio.sleep(self.poll_interval)

    async def _look(self, declared: Declared, pubsub: PubSub) -> tuple[Subscription, ...]:
        """At one that is declared."""
        who = Who(self.project, declared.subscription, declared.criticality)
        try:
            shape = await pubsub.subscription(self._whole(declared.subscription), self.timeout)
        except Unreachable as error:
            return (self._not_read(who, error),)
        self._refused.pop(declared.subscription, None)
        wrong, drift = [*unsound(shape, self._bounds)], [*drifted(self.project, shape, declared)]
        return (judged(who, shape, wrong, await self._end(pubsub, shape), drift),)

    async def _look_around(self, pubsub: PubSub) -> tuple[Subscription, ...]:
        """At all that match, and at those that did."""
        listed = {shape.name: shape for shape in await pubsub.subscriptions(f"projects/{self.project}", self.timeout)}
        self._remember(listed)
        drained = [shape.topic for shape in listed.values() if drains(shape)]
        ends = [shape.dead_letter_topic for shape in listed.values()]
        return tuple(
            [await self._matching(pubsub, name, listed.get(name), drained, ends) for name in sorted(self._matched)]
        )

    def _remember(self, listed: Mapping[str, SubscriptionShape]) -> None:
        declared = [self._whole(one.subscription) for one in self.subscriptions]
        for name in listed:
            if name not in declared and any(fnmatchcase(short(self.project, name), like) for like in self.matching):
                self._matched[name] = None
        if len(self._matched) > MOST:
            raise Unreachable("TooMany", f"more than {MOST} subscriptions match {', '.join(self.matching)}")

    async def _matching(
        self, pubsub: PubSub, name: str, shape: SubscriptionShape | None, drained: Sequence[str], ends: Sequence[str]
    ) -> Subscription:
        """``drained``: topics that somebody reads; ``ends``: dead-letter topics, whose own readers need no other."""
        who = Who(self.project, short(self.project, name), "important")
        if shape is None:
            return missing(who, "it existed when the watchdog last looked, and exists no more")
        if is_tap(shape) or shape.topic in ends:
            return judged(who, shape, (), "", ())
        end = "" if shape.dead_letter_topic in drained else await self._end(pubsub, shape)
        return judged(who, shape, [*unsound(shape, self._bounds)], end, ())

    async def _end(self, pubsub: PubSub, shape: SubscriptionShape) -> str | Unknown:
        """What is wrong with its dead-letter topic; empty if nothing is, or if it has none."""
        if not shape.dead_letter_topic:
            return ""
        name = short(self.project, shape.dead_letter_topic)
        try:
            if not await pubsub.topic_exists(shape.dead_letter_topic, self.timeout):
                return f"its dead-letter topic {name} does not exist: nothing is forwarded"
            if not await self._drained(pubsub, shape.dead_letter_topic):
                return f"nobody reads its dead-letter topic {name}: dead letters expire there"
        except Unreachable as error:
            return _denied(error)
        return ""

    async def _drained(self, pubsub: PubSub, topic: str) -> bool:
        for name in sorted(await pubsub.topic_subscriptions(topic, self.timeout)):
            if await self._drains(pubsub, name):
                return True
        return False

    async def _drains(self, pubsub: PubSub, name: str) -> bool:
        try:
            return drains(await pubsub.subscription(name, self.timeout))
        except Unreachable as error:
            if error.reason == "NotFound":
                return False
            _denied(error)
            return True  # what we may not read is no tap of ours

    def _not_read(self, who: Who, error: Unreachable) -> Subscription:
        """Of the one that could not be read. Raises what says nothing of one alone, as where all are denied."""
        if error.reason == "NotFound":
            self._refused.pop(who.subscription, None)
            return missing(who, "it does not exist")
        why = _denied(error)
        self._refused[who.subscription] = None
        if 1 < len(self.subscriptions) == len(self._refused):
            raise Unreachable(error.reason, f"no declared subscription may be read: {error.message}")
        return unseen(who, why)

    def _whole(self, subscription: str) -> str:
        return whole(self.project, "subscriptions", subscription)


def _denied(error: Unreachable) -> Unknown:
    if error.reason != "PermissionDenied":
        raise error
    return Unknown(error.reason, error.message)
