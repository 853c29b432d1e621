"""Facts about messages on their way: subscriptions, dead letters, measured values. domain.md §7."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from watchdog.core.facts.base import Fact, Unknown


@dataclass(frozen=True, slots=True)
class Subscription(Fact):
    """One Pub/Sub subscription as it is configured. Names are short where they are of its own project. domain.md §7."""

    KIND: ClassVar[str] = "subscription"
    IDENTITY: ClassVar[tuple[str, ...]] = ("project", "subscription")

    project: str
    subscription: str
    criticality: str
    topic: str | Unknown
    delivering: bool | Unknown  # it exists, is attached and active, and its topic exists
    dead_letter_topic: str | Unknown  # empty: it has no dead-letter policy
    dead_letters_sound: bool | Unknown  # policy, topic, a subscription on it, attempts and backoff are as they must be
    drift: str | Unknown  # 'ackDeadlineSeconds is 10, declared 60'; empty if all is as declared
    explanation: str  # what is wrong, one clause each; else what it is


@dataclass(frozen=True, slots=True)
class DeadLetters(Fact):
    """The dead letters of one source subscription, as our own tap on the dead-letter topic saw them. domain.md §7."""

    KIND: ClassVar[str] = "dead_letters"
    IDENTITY: ClassVar[tuple[str, ...]] = ("project", "topic", "subscription")

    project: str
    topic: str  # the dead-letter topic
    subscription: str  # whose letters they are; empty where a letter does not say
    count: int  # since the daemon started
    recent: int  # within the last window_seconds
    window_seconds: float
    per_minute: float  # within the window
    oldest: str  # RFC 3339: when the oldest letter of the window was first published; empty if there is none
    newest: str  # RFC 3339: when the newest was forwarded
    sample: str  # of the newest: its attributes, size and first bytes, redacted


@dataclass(frozen=True, slots=True)
class Metric(Fact):
    """One value of one named query or measurement. No series, NaN or an old sample is Unknown, never zero."""

    KIND: ClassVar[str] = "metric"
    IDENTITY: ClassVar[tuple[str, ...]] = ("metric", "series")

    metric: str  # the query's name: oldest_unacked_seconds
    series: str  # the values of its labels: 'trade-signals'; empty for a query of one value
    value: float | Unknown
    sampled_at: float  # epoch seconds of the sample itself, by whoever measured; 0 where it is unknown
    age_seconds: float | Unknown  # of the sample at the look
    criticality: str
    explanation: str  # 'oldest_unacked_seconds of trade-signals is 912.0', or why it is unknown
