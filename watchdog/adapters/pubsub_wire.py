"""What the messages and errors of Google's Pub/Sub clients are to our port."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from watchdog.core.redaction import redacted_text
from watchdog.ports import Letter, SubscriptionShape, Unreachable

HEAD = 256
"""Bytes of a letter that are kept."""
SHOWN = 200
DEFAULT_ATTEMPTS = 5
"""maxDeliveryAttempts that is 0: REST, DeadLetterPolicy."""
DEFAULT_BACKOFF = 10.0, 600.0
"""Seconds, of a retry policy that does not state them: REST, RetryPolicy."""


def shape(found: Any) -> SubscriptionShape:
    """``found``: a google.pubsub.v1.Subscription."""
    dead, backoff = found.dead_letter_policy, _backoff(found)
    return SubscriptionShape(
        name=found.name,
        topic=found.topic,
        labels=dict(found.labels),
        state=found.state.name,
        detached=found.detached,
        ack_deadline_seconds=found.ack_deadline_seconds,
        retention_seconds=found.message_retention_duration.total_seconds(),
        push_endpoint=found.push_config.push_endpoint,
        dead_letter_topic=dead.dead_letter_topic,
        max_delivery_attempts=(dead.max_delivery_attempts or DEFAULT_ATTEMPTS) if dead.dead_letter_topic else 0,
        minimum_backoff_seconds=backoff[0],
        maximum_backoff_seconds=backoff[1],
        filter=found.filter,
    )


def _backoff(found: Any) -> tuple[float | None, float | None]:
    if "retry_policy" not in found:
        return None, None
    policy, (least, most) = found.retry_policy, DEFAULT_BACKOFF
    return (
        policy.minimum_backoff.total_seconds() if "minimum_backoff" in policy else least,
        policy.maximum_backoff.total_seconds() if "maximum_backoff" in policy else most,
    )


def letter(received: Any) -> Letter:
    """``received``: a google.pubsub.v1.ReceivedMessage."""
    message = received.message
    return Letter(
        ack_id=received.ack_id,
        message_id=message.message_id,
        published=datetime.fromtimestamp(message.publish_time.timestamp(), UTC),
        attributes=dict(message.attributes),
        size=len(message.data),
        head=message.data[:HEAD],
    )


def unreachable(refused: Any, timeout: float) -> Unreachable:
    """``refused``: a GoogleAPICallError."""
    code = "UNKNOWN" if refused.grpc_status_code is None else refused.grpc_status_code.name
    if code == "DEADLINE_EXCEEDED":
        return Unreachable("Timeout", f"no answer within {timeout:g} s")
    said = redacted_text(" ".join(str(refused.message).split()))[:SHOWN]
    return Unreachable("".join(word.capitalize() for word in code.split("_")), said)
