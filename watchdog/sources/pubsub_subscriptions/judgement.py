"""What is wrong with a subscription, clause by clause: as it is, as it must be, and as it was declared. domain.md §7.

Fields are named as in the API (REST, projects.subscriptions), so that a reader finds them there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from watchdog.core.address import is_http_url
from watchdog.core.facts import Subscription, Unknown
from watchdog.core.resource import is_name, short, whole
from watchdog.core.services import Criticality
from watchdog.ports import SubscriptionShape

DELETED_TOPIC = "_deleted-topic_"
AT_WORK = ("ACTIVE", "STATE_UNSPECIFIED")
"""States that are no error. The emulator states none."""
ACK_DEADLINES = range(10, 601)
"""Seconds: those that Pub/Sub takes (REST, projects.subscriptions: ackDeadlineSeconds)."""


@dataclass(frozen=True)
class Declared:
    """A subscription as it must be. What is not declared (``None``, or no dead-letter topic) is not compared; an empty
    ``push_endpoint`` declares that it is pulled, an empty ``filter`` that it drops nothing."""

    subscription: str
    topic: str
    criticality: Criticality = "important"
    dead_letter_topic: str = ""
    ack_deadline_seconds: int | None = None
    retention_seconds: float | None = None
    push_endpoint: str | None = None
    filter: str | None = None

    def __post_init__(self) -> None:
        for name in (self.subscription, self.topic, self.dead_letter_topic or self.topic):
            if not is_name(name):
                raise ValueError(f"expected the name of a subscription or of a topic, found {name!r}")
        deadline, retention = self.ack_deadline_seconds, self.retention_seconds
        if deadline is not None and deadline not in ACK_DEADLINES:
            raise ValueError(f"ack_deadline_seconds: expected a whole number, 10 to 600, found {deadline!r}")
        if self.push_endpoint and not is_http_url(self.push_endpoint):
            raise ValueError("push_endpoint: expected an http(s) URL, or an empty text where it is pulled")
        if retention is not None and not retention > 0:
            raise ValueError(f"retention_seconds: expected seconds above 0, found {retention!r}")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What every dead-letter policy must keep: least and most, both allowed. Backoff is in seconds."""

    attempts: tuple[int, int]
    backoff: tuple[float, float]

    def __post_init__(self) -> None:
        for key, (least, most) in (("max_delivery_attempts", self.attempts), ("backoff_seconds", self.backoff)):
            if not 0 < least <= most:
                raise ValueError(f"{key}: expected a least and a most, both above 0, found {least:g} and {most:g}")


@dataclass(frozen=True, slots=True)
class Who:
    """Which subscription a fact is about."""

    project: str
    subscription: str
    criticality: Criticality


def is_tap(shape: SubscriptionShape) -> bool:
    return shape.labels.get("watchdog") == "tap"


def drains(shape: SubscriptionShape) -> bool:
    """Whether somebody could read its topic by it: a tap is a copy, which nobody mends."""
    return not is_tap(shape) and not shape.detached


def judged(
    who: Who, shape: SubscriptionShape, unsound: Sequence[str], end: str | Unknown, drift: Sequence[str]
) -> Subscription:
    """``unsound``: what is wrong with its policy; ``end``: with its dead-letter topic, empty if nothing is."""
    stopped, wrong = _stopped(shape), [*unsound, *([end] if isinstance(end, str) and end else [])]
    return Subscription(
        project=who.project,
        subscription=who.subscription,
        criticality=who.criticality,
        topic=short(who.project, shape.topic),
        delivering=not stopped,
        dead_letter_topic=short(who.project, shape.dead_letter_topic),
        dead_letters_sound=False if wrong else end if isinstance(end, Unknown) else True,
        drift="; ".join(drift),
        explanation="; ".join([*stopped, *wrong, *drift]) or _as_it_is(who.project, shape),
    )


def _stopped(shape: SubscriptionShape) -> list[str]:
    """Why nothing is delivered."""
    return [
        clause
        for clause, holds in (
            ("its topic was deleted: nothing arrives any more", shape.topic == DELETED_TOPIC),
            ("it is detached from its topic", shape.detached),
            (f"its state is {shape.state}", shape.state not in AT_WORK),
        )
        if holds
    ]


def unsound(shape: SubscriptionShape, bounds: Bounds) -> Iterator[str]:
    """What is wrong with its dead-letter and retry policies."""
    if not shape.dead_letter_topic:
        yield "it has no dead-letter policy: poison is redelivered for ever"
        return
    (least, most), (shortest, longest) = bounds.attempts, bounds.backoff
    if not least <= shape.max_delivery_attempts <= most:
        yield f"maxDeliveryAttempts is {shape.max_delivery_attempts}, expected {least} to {most}"
    if shape.minimum_backoff_seconds is None or shape.maximum_backoff_seconds is None:
        yield "it has no retry policy: what is refused is redelivered at once"
        return
    if shape.minimum_backoff_seconds < shortest:
        yield f"minimumBackoff is {shape.minimum_backoff_seconds:g} s, expected at least {shortest:g} s"
    if shape.maximum_backoff_seconds > longest:
        yield f"maximumBackoff is {shape.maximum_backoff_seconds:g} s, expected at most {longest:g} s"


def drifted(project: str, shape: SubscriptionShape, declared: Declared) -> Iterator[str]:
    """What is otherwise than it was declared."""
    wanted = whole(project, "topics", declared.dead_letter_topic) if declared.dead_letter_topic else None
    for field, found, expected in (
        ("topic", shape.topic, whole(project, "topics", declared.topic)),
        ("deadLetterTopic", shape.dead_letter_topic, wanted),
        ("ackDeadlineSeconds", shape.ack_deadline_seconds, declared.ack_deadline_seconds),
        ("messageRetentionDuration", shape.retention_seconds, declared.retention_seconds),
        ("pushEndpoint", shape.push_endpoint, declared.push_endpoint),
        ("filter", shape.filter, declared.filter),
    ):
        if expected is not None and found != expected:
            yield f"{field} is {_shown(project, found)}, declared {_shown(project, expected)}"


def _shown(project: str, value: str | float) -> str:
    return (short(project, value) or "empty") if isinstance(value, str) else f"{value:g}"


def _as_it_is(project: str, shape: SubscriptionShape) -> str:
    way = "pushed" if shape.push_endpoint else "pulled"
    where = short(project, shape.dead_letter_topic)
    dead = (
        f"dead letters go to {where} after {shape.max_delivery_attempts} attempts" if where else "without dead letters"
    )
    return f"it is {way} from {short(project, shape.topic)}; {dead}"


def missing(who: Who, why: str) -> Subscription:
    """It is known not to exist: nothing is delivered, and there is no policy that could be sound or not."""
    none = Unknown("NotFound", "the subscription does not exist")
    return Subscription(who.project, who.subscription, who.criticality, "", False, none, none, "", why)


def unseen(who: Who, why: Unknown) -> Subscription:
    return Subscription(who.project, who.subscription, who.criticality, why, why, why, why, why, str(why))
