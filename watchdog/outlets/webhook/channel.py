"""How one message gets to a receiver: by HTTP, or by a topic. Each call is one attempt."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from watchdog.core.instant import Instant, from_http_date
from watchdog.core.redaction import hosts_only
from watchdog.outlets.webhook.recipient import Recipient
from watchdog.ports import Answer, Ports, PubSub, Unreachable

SECRET_LIMIT, ANSWER_LIMIT, SHOWN = 1 << 16, 1 << 20, 200
LONGEST_WAIT = 5.0
"""Seconds of a ``Retry-After`` that are respected: a page does not wait for longer than it may take."""
TO_BLAME = (400, 413, 415, 422)
"""What a receiver answers to a message that no later attempt can make better."""
MALFORMED = "InvalidArgument"
"""Pub/Sub's one refusal that no later attempt can change."""


class Later(Unreachable):
    """The receiver asks to be left alone for ``seconds``."""

    def __init__(self, reason: str, message: str, seconds: float) -> None:
        super().__init__(reason, message)
        self.seconds = seconds


class Channel(Protocol):
    async def send(self, body: bytes, attributes: Mapping[str, str]) -> str:
        """Empty: it was taken; else why it is refused for good. Raises ``Unreachable``: to be tried again."""
        ...

    async def check(self) -> None:
        """As far as can be told without sending anything. Raises ``Unreachable``: no page would arrive."""
        ...


async def opened(recipient: Recipient, attempt: float, ports: Ports) -> Channel:
    """With the secrets that its files hold now. Raises ``Unreachable``, which says nothing of what is in them."""
    if recipient.topic:
        return Topic(ports.pubsub(recipient.endpoint), recipient.topic, attempt)
    headers = {"Content-Type": "application/json", **recipient.headers}
    if recipient.bearer_token_file:
        token = await _secret("bearer_token_file", recipient.bearer_token_file, ports)
        headers["Authorization"] = f"Bearer {_one_word(token)}"
    key = await _secret("hmac_key_file", recipient.hmac_key_file, ports) if recipient.hmac_key_file else b""
    return Call(recipient.url, headers, key, attempt, ports)


@dataclass(frozen=True, slots=True)
class Call:
    url: str
    headers: Mapping[str, str]
    key: bytes
    attempt: float
    ports: Ports

    async def send(self, body: bytes, attributes: Mapping[str, str]) -> str:
        """2xx takes it. What blames the message itself is a refusal for good; anything else may pass (a token that is
        renewed, a route that is deployed anew), and is tried again. Redirects are not followed."""
        headers = {**self.headers, "Idempotency-Key": attributes["idempotency_key"]}
        if self.key:
            headers["X-Watchdog-Signature"] = f"sha256={hmac.new(self.key, body, hashlib.sha256).hexdigest()}"
        try:
            answer = await self._post(body, headers)
        except Unreachable as error:
            raise Unreachable(error.reason, hosts_only(error.message)) from None
        if 200 <= answer.status < 300:
            return ""
        if answer.status not in TO_BLAME:
            raise Later(f"Http{answer.status}", _excerpt(answer), asked_to_wait(answer, self.ports.clock.now()))
        return f"Http{answer.status}: {_excerpt(answer)}".rstrip(": ")

    async def check(self) -> None:
        """Its secrets could be read; what has no page for it is not called."""

    async def _post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """A kept connection may have been closed meanwhile: then once more, over a new one."""
        try:
            return await self.ports.http.post(self.url, body, headers=headers, timeout=self.attempt, limit=ANSWER_LIMIT)
        except Unreachable as error:
            if error.reason != "Disconnected":
                raise
        return await self.ports.http.post(self.url, body, headers=headers, timeout=self.attempt, limit=ANSWER_LIMIT)


@dataclass(frozen=True, slots=True)
class Topic:
    pubsub: PubSub
    name: str
    attempt: float

    async def send(self, body: bytes, attributes: Mapping[str, str]) -> str:
        try:
            await self.pubsub.publish(self.name, body, attributes, self.attempt)
        except Unreachable as error:
            if error.reason != MALFORMED:
                raise
            return str(error)
        return ""

    async def check(self) -> None:
        """Also opens the connection, and imports its library. To look at a topic needs a right that to publish does
        not."""
        try:
            there = await self.pubsub.topic_exists(self.name, self.attempt)
        except Unreachable as error:
            if error.reason != "PermissionDenied":
                raise
        else:
            if not there:
                raise Unreachable("NotFound", f"{self.name} does not exist")


def asked_to_wait(answer: Answer, now: Instant) -> float:
    """Seconds of ``Retry-After`` (RFC 9110, 10.2.3: a number of them, or a date), bounded."""
    said = answer.headers.get("retry-after", "").strip()
    if said.isascii() and said.isdigit():
        return min(float(said[:9]), LONGEST_WAIT)
    date = from_http_date(said)
    return 0.0 if date is None else min(max((date - now.wall).total_seconds(), 0.0), LONGEST_WAIT)


async def _secret(field: str, path: str, ports: Ports) -> bytes:
    try:
        secret = (await ports.files.read(path, SECRET_LIMIT)).strip()
    except OSError as error:
        raise Unreachable("NoCredentials", f"cannot read {field}: {error.strerror}") from None
    if not secret:
        raise Unreachable("NoCredentials", f"{field}: expected a secret, found an empty file")
    return secret


def _one_word(token: bytes) -> str:
    if token.isascii() and (text := token.decode("ascii")).isprintable() and " " not in text:
        return text
    raise Unreachable("NoCredentials", "bearer_token_file: expected one token, on one line")


def _excerpt(answer: Answer) -> str:
    return hosts_only(" ".join(answer.body[:SHOWN].decode("utf-8", "replace").split()))
