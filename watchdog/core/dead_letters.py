"""What is kept of dead letters: how many and how recent, for each source subscription; never the letters themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from watchdog.core.facts import DeadLetters
from watchdog.core.instant import Instant, rfc3339
from watchdog.core.redaction import REDACTED, may_be_sensitive, redacted_text
from watchdog.core.resource import is_name, short, whole

SOURCES = 100
"""Source subscriptions with a fact of their own; the letters of all further ones are counted together."""
OTHERS = "(others)"
REMEMBERED = 10_000
"""Message ids, so that a letter that comes again counts once."""
BUCKETS = 60
"""Parts of the window that are counted together: exact however many letters come, and late by a part at most."""
SHOWN_ATTRIBUTES, SHOWN_VALUE, SHOWN_HEAD = 12, 80, 120
EXAMINED = 256
"""Characters of a value, and bytes of a payload, that are looked at at all."""

_SOURCE = "CloudPubSubDeadLetterSource"
"""Attributes that Pub/Sub puts on what it forwards: https://cloud.google.com/pubsub/docs/handling-failures."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One letter, as far as it is kept."""

    message_id: str
    subscription: str  # whose letter it is: short in its own project; empty where it does not say
    first_published: datetime
    forwarded: datetime
    sample: str

    @classmethod
    def of(
        cls, project: str, message_id: str, forwarded: datetime, attributes: Mapping[str, str], size: int, head: bytes
    ) -> Arrival:
        """``attributes`` are anybody's words: whoever may publish to the topic writes them."""
        return cls(
            message_id,
            _subscription(project, attributes),
            _instant(attributes.get(f"{_SOURCE}TopicPublishTime", ""), forwarded),
            forwarded,
            sample(attributes, size, head),
        )


def _subscription(project: str, attributes: Mapping[str, str]) -> str:
    name = attributes.get(f"{_SOURCE}Subscription", "")
    full = whole(attributes.get(f"{_SOURCE}SubscriptionProject") or project, "subscriptions", name)
    return short(project, full) if is_name(full) else ""


def _instant(text: str, otherwise: datetime) -> datetime:
    """Anybody's word: what is no time, or one that no calendar has in UTC, is none."""
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo is not None else otherwise
    except (ValueError, OverflowError):
        return otherwise


def sample(attributes: Mapping[str, str], size: int, head: bytes) -> str:
    """Some attributes, the size and the first bytes on one line. Costs the same however much a letter carries: a look
    at a flood of them must not keep the loop from a kill switch."""
    names = sorted(attributes)[:SHOWN_ATTRIBUTES]
    shown = [f"{_plain(name)}={_value(name, attributes[name][:EXAMINED])}" for name in names]
    more = [f"and {len(attributes) - SHOWN_ATTRIBUTES} more"] if len(attributes) > SHOWN_ATTRIBUTES else []
    text = _unless_sensitive(head[:EXAMINED].decode(errors="replace"), SHOWN_HEAD)
    return f"{size} bytes that begin {text!r}; attributes: {', '.join(shown + more) or 'none'}"


def _value(name: str, value: str) -> str:
    return REDACTED if may_be_sensitive(name) else _unless_sensitive(value, SHOWN_VALUE)


def _unless_sensitive(text: str, most: int) -> str:
    """A payload has any form, so what is secret in it cannot be cut out: one that mentions a secret is not shown."""
    return REDACTED if may_be_sensitive(text) else _plain(redacted_text(text), most)


def _plain(text: str, most: int = SHOWN_VALUE) -> str:
    """Printable, on one line, and not at length."""
    plain = "".join(character if character.isprintable() else "." for character in text[: most + 1])
    return plain if len(plain) <= most else plain[:most] + "…"


@dataclass(slots=True)
class _Account:
    """The letters of one source subscription."""

    count: int = 0
    newest: Arrival | None = None
    buckets: dict[int, tuple[int, datetime]] = field(default_factory=dict)  # letters, and the oldest one's first time

    def add(self, arrival: Arrival, bucket: int) -> None:
        self.count += 1
        number, oldest = self.buckets.get(bucket, (0, arrival.first_published))
        self.buckets[bucket] = number + 1, min(oldest, arrival.first_published)
        if self.newest is None or arrival.forwarded >= self.newest.forwarded:
            self.newest = arrival

    def forget(self, before: int) -> None:
        self.buckets = {bucket: kept for bucket, kept in self.buckets.items() if bucket >= before}


@dataclass(slots=True)
class Tally:
    """All letters of one dead-letter topic that this process saw, by the moment at which it saw them: one that waited
    for us while we were away is news. It is bounded whatever comes."""

    project: str
    topic: str
    window_seconds: float
    _accounts: dict[str, _Account] = field(default_factory=dict)
    _ids: dict[str, None] = field(default_factory=dict)
    _told: dict[str, DeadLetters] = field(default_factory=dict)

    def add(self, arrivals: Iterable[Arrival], at: Instant) -> None:
        for arrival in arrivals:
            if arrival.message_id not in self._ids:
                self._remember(arrival.message_id)
                self._account(arrival.subscription).add(arrival, self._bucket(at.mono))

    def _remember(self, message_id: str) -> None:
        self._ids[message_id] = None
        if len(self._ids) > REMEMBERED:
            del self._ids[next(iter(self._ids))]

    def _account(self, subscription: str) -> _Account:
        if subscription not in self._accounts and len(self._accounts) >= SOURCES:
            subscription = OTHERS
        return self._accounts.setdefault(subscription, _Account())

    def _bucket(self, mono: float) -> int:
        return int(mono // (self.window_seconds / BUCKETS))

    def news(self, at: Instant) -> tuple[DeadLetters, ...]:
        """What is otherwise than it was last told."""
        facts = [self._fact(subscription, account, at) for subscription, account in self._accounts.items()]
        news = tuple(fact for fact in facts if self._told.get(fact.subscription) != fact)
        self._told.update((fact.subscription, fact) for fact in news)
        return news

    def _fact(self, subscription: str, account: _Account, at: Instant) -> DeadLetters:
        account.forget(self._bucket(at.mono - self.window_seconds))
        recent = sum(number for number, _ in account.buckets.values())
        oldest = min((first for _, first in account.buckets.values()), default=None)
        return DeadLetters(
            project=self.project,
            topic=self.topic,
            subscription=subscription,
            count=account.count,
            recent=recent,
            window_seconds=self.window_seconds,
            per_minute=round(recent * 60 / self.window_seconds, 3),
            oldest=rfc3339(oldest) if oldest else "",
            newest=rfc3339(account.newest.forwarded) if account.newest else "",
            sample=account.newest.sample if account.newest else "",
        )
