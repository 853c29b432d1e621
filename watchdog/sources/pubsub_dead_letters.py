"""Dead letters, each within milliseconds: a tap, our own subscription on a dead-letter topic, is long-polled and acked.

Only our own copies are pulled and acknowledged. That a tap is one is read from its configuration before the first pull,
and again and again: it carries the label ``watchdog=tap``, and its topic is the dead-letter topic. Anything else is
refused, since a pull from a consumer's subscription would count as a delivery attempt, and an ack eat its message.

Two replicas on one tap see some letters each. Either's letter raises the alert; ``count`` is what *this* process saw,
what both saw is the sum of their metrics. A letter is told before it is acknowledged (at least once): one that comes
again is known by its message id (of the last 10,000), and counts once. Of source subscriptions beyond the first 100 of
a topic, the letters are counted together, as '(others)'. domain.md §7.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from watchdog.core.address import is_endpoint
from watchdog.core.dead_letters import Arrival, Tally
from watchdog.core.facts import DeadLetters
from watchdog.core.instant import Instant
from watchdog.core.observation import Coverage, Facts, Sees
from watchdog.core.resource import PROJECT, is_name, short, whole
from watchdog.ports import Letter, Ports, PubSub, SubscriptionShape, Unreachable
from watchdog.sources import Source, Stream

MOST = 100
"""Letters in one pull."""
EARLY, PAUSE = 1.0, 0.2
"""Seconds: a pull that ends empty so soon is not followed by the next at once, or the two would spin."""
LONGEST_WINDOW = 86_400.0
"""Seconds."""
DELETED_TOPIC = "_deleted-topic_"


@dataclass(frozen=True)
class Tap:
    """``tap``: our own subscription on the dead-letter topic ``topic``. Names are short, or whole."""

    topic: str
    tap: str

    def __post_init__(self) -> None:
        if not (is_name(self.topic) and is_name(self.tap)):
            raise ValueError(f"expected a topic's and a subscription's name, found {self.topic!r} and {self.tap!r}")


@dataclass(frozen=True)
class PubSubDeadLetters(Source):
    """``poll_seconds``: how long one pull waits for a letter, and so how often a quiet tap is looked at anew."""

    name: str
    project: str
    taps: tuple[Tap, ...]
    endpoint: str = ""
    window_seconds: float = 600.0
    poll_seconds: float = 10.0
    timeout: float = 5.0
    check_interval: float = 30.0
    stale_after: float = 40.0
    _tallies: dict[str, Tally] = field(init=False, repr=False, compare=False, default_factory=dict)  # outlive a stream

    def __post_init__(self) -> None:
        if not PROJECT.fullmatch(self.project):
            raise ValueError(f"project: expected a project's id, found {self.project!r}")
        if self.endpoint and not is_endpoint(self.endpoint):
            raise ValueError(f"endpoint: expected host:port, found {self.endpoint!r}")
        for what, names in (("topic", [tap.topic for tap in self.taps]), ("tap", [tap.tap for tap in self.taps])):
            if not names or len(dict.fromkeys(names)) != len(names):
                raise ValueError(f"taps: expected at least one, each with a {what} of its own")
        if not (self.window_seconds > 0 and self.poll_seconds > 0 and self.timeout > 0 and self.check_interval > 0):
            raise ValueError("expected window_seconds, poll_seconds, timeout and check_interval above 0")
        if self.window_seconds > LONGEST_WINDOW:
            raise ValueError(f"window_seconds: expected at most a day ({LONGEST_WINDOW:g})")
        if not self.stale_after > self.poll_seconds + 2 * self.timeout:
            raise ValueError("stale_after: expected more than poll_seconds and twice the timeout together")

    def streams(self) -> Mapping[str, Stream]:
        return {t.topic: Stream(self._promise(t), partial(self._looks, t), self.stale_after) for t in self.taps}

    def _promise(self, tap: Tap) -> Coverage:
        sees = Sees("dead_letters", short(self.project, tap.topic), self.project)
        return Coverage(frozenset({DeadLetters.KIND}), self.stale_after, sees=(sees,))

    async def _looks(self, tap: Tap, ports: Ports) -> AsyncIterator[Facts]:
        """Raises ``Unreachable``; with the command that creates the tap where there is none."""
        pubsub, tally = ports.pubsub(self.endpoint), self._tally(tap)
        name, checked = whole(self.project, "subscriptions", tap.tap), await self._checked(pubsub, tap, ports)
        yield Facts(tally.news(checked), at=checked)
        while True:
            began = ports.clock.now()
            letters = await self._pulled(pubsub, tap)
            now = ports.clock.now()
            if letters:
                tally.add((self._arrival(letter) for letter in letters), now)
                yield Facts(tally.news(now), at=now)
                await pubsub.acknowledge(name, [letter.ack_id for letter in letters], self.timeout)
            if not letters or now.since(checked) >= self.check_interval:
                checked = await self._checked(pubsub, tap, ports)  # an empty pull alone proves no life
                yield Facts(tally.news(checked), at=checked)
            if not letters and now.since(began) < EARLY:
                await asyncio.sleep(PAUSE)

    def _tally(self, tap: Tap) -> Tally:
        return self._tallies.setdefault(tap.topic, Tally(self.project, tap.topic, self.window_seconds))

    def _arrival(self, letter: Letter) -> Arrival:
        return Arrival.of(
            self.project, letter.message_id, letter.published, letter.attributes, letter.size, letter.head
        )

    async def _pulled(self, pubsub: PubSub, tap: Tap) -> Sequence[Letter]:
        try:
            return await pubsub.pull(whole(self.project, "subscriptions", tap.tap), MOST, self.poll_seconds)
        except Unreachable as error:
            raise self._explained(error, tap) from None

    async def _checked(self, pubsub: PubSub, tap: Tap, ports: Ports) -> Instant:
        """When it was found to be our tap. Raises ``Unreachable`` if it is none: then it must not be pulled from."""
        now = ports.clock.now()
        try:
            shape = await pubsub.subscription(whole(self.project, "subscriptions", tap.tap), self.timeout)
        except Unreachable as error:
            raise self._explained(error, tap) from None
        if wrong := self._wrong(shape, tap):
            raise Unreachable("NotATap", f"{tap.tap} {wrong}: it is not pulled from")
        return now

    def _wrong(self, shape: SubscriptionShape, tap: Tap) -> str:
        """Empty for a tap."""
        if shape.topic == DELETED_TOPIC:
            return "has lost its topic, which was deleted"
        if shape.topic != whole(self.project, "topics", tap.topic):
            return f"is a subscription on {shape.topic}, not on the dead-letter topic {tap.topic}"
        if shape.labels.get("watchdog") != "tap":
            return "does not carry the label watchdog=tap, so that it may be a consumer's"
        if shape.detached or shape.push_endpoint:
            return "is detached" if shape.detached else "is pushed elsewhere"
        return f"has a filter ({shape.filter}), so that it does not get each letter" if shape.filter else ""

    def _explained(self, error: Unreachable, tap: Tap) -> Unreachable:
        return Unreachable("NotFound", self._missing(tap)) if error.reason == "NotFound" else error

    def _missing(self, tap: Tap) -> str:
        """With the whole command: the watchdog itself creates nothing."""
        return (
            "there is no tap, so that dead letters are not seen; create it with: gcloud pubsub subscriptions create "
            f"{whole(self.project, 'subscriptions', tap.tap)} --topic={whole(self.project, 'topics', tap.topic)} "
            "--labels=watchdog=tap --ack-deadline=10 --message-retention-duration=7d --expiration-period=never"
        )
