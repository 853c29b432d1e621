"""The real Pub/Sub emulator on a port of 127.0.0.1, and who uses it: publishers, and consumers that refuse a message.

It is started directly, not through ``gcloud``, whose wrapper leaves it behind; its process group is ended by its id.
Tests speak to it by its HTTP face, so that nothing of the client under test is in what they compare with.
State is in memory: a restart begins with nothing.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

PACKAGE = "google-cloud-cli-pubsub-emulator"
WITHIN_CLOUD_SDK = Path("platform/pubsub-emulator/bin/cloud-pubsub-emulator")
USUAL_ROOTS = (
    "/usr/lib/google-cloud-sdk",
    "/usr/share/google-cloud-sdk",
    "/opt/google-cloud-sdk",
    "/google-cloud-sdk",
    "/snap/google-cloud-sdk/current",
    "/opt/homebrew/share/google-cloud-sdk",
    "/usr/local/share/google-cloud-sdk",
    "~/google-cloud-sdk",
)
STARTS_WITHIN = 60.0
"""Seconds. It takes one to three on a quiet machine."""
JAVA_OPTIONS = "-XX:+UseSerialGC -Xmx256m -Djava.util.logging.config.file=/dev/null"  # it logs a line per request


def found() -> str | None:
    """The emulator beside the Google Cloud CLI, which need not have a command for it on the PATH. None: not here, or
    no Java to run it."""
    gcloud = shutil.which("gcloud")
    beside = [Path(gcloud).resolve().parents[1]] if gcloud else []
    roots = [*beside, *(Path(root).expanduser() for root in USUAL_ROOTS)]
    there = next((str(p) for root in roots if os.access(p := root / WITHIN_CLOUD_SDK, os.X_OK)), None)
    return there if "JAVA_HOME" in os.environ or shutil.which("java") else None


class Emulator:
    """One process of it. ``address`` ('host:port') stays the same over restarts."""

    def __init__(self, program: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        self.address = f"127.0.0.1:{self.port}"
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begins to start; it does not answer yet."""
        self._process = subprocess.Popen(
            [self._program, "--host=127.0.0.1", f"--port={self.port}"],
            env={**os.environ, "JAVA_OPTS": JAVA_OPTIONS},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # a process group of its own, whatever its script starts
        )

    def wait_until_it_answers(self) -> None:
        """Blocks. Raises ``TimeoutError``; ``RuntimeError`` when it ended."""
        until = time.monotonic() + STARTS_WITHIN
        while not self._answers():
            if self._process is None or self._process.poll() is not None:
                raise RuntimeError("the Pub/Sub emulator ended before it answered")
            if time.monotonic() > until:
                raise TimeoutError(f"the Pub/Sub emulator did not answer within {STARTS_WITHIN:.0f} s")
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self.address}/v1/projects/any/topics", timeout=5) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    async def restart(self) -> None:
        """On the same port, with nothing left of its state. Returns once it answers."""
        self.kill()
        self.start()
        await asyncio.to_thread(self.wait_until_it_answers)

    def kill(self) -> None:
        """At once (SIGKILL), with all that it started. Connections are reset, new ones refused. Idempotent."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._process = None

    def stop(self) -> None:
        """Stands still (SIGSTOP): the kernel accepts connections, nobody answers."""
        self._signal(signal.SIGSTOP)

    def cont(self) -> None:
        """Goes on after ``stop``, with its state."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None, "it is not running"
        os.killpg(self._process.pid, number)


@contextlib.contextmanager
def emulating(program: str) -> Any:
    """A running one, which is ended by the id of its group, also when the test fails."""
    emulator = Emulator(program)
    emulator.start()
    try:
        emulator.wait_until_it_answers()
        yield emulator
    finally:
        emulator.kill()


@dataclass(frozen=True)
class Lane:
    """A topic with a consumer's subscription, its dead-letter topic, that one's drain, and our tap. Whole names."""

    project: str  # 'P'
    topic: str
    subscription: str
    dead_letter_topic: str
    drain: str
    tap: str


@dataclass
class World:
    """What publishers, consumers and administrators do, in a project of its own."""

    address: str
    session: aiohttp.ClientSession
    project: str = field(default_factory=lambda: f"test-{uuid.uuid4().hex[:12]}")

    def name(self, kind: str, short: str) -> str:
        return f"projects/{self.project}/{kind}/{short}"

    async def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Raises ``AssertionError`` with what the emulator said when it refuses."""
        async with self.session.request(method, f"http://{self.address}/v1/{path}", json=body or {}) as answer:
            content: dict[str, Any] = await answer.json(content_type=None)
        assert answer.status == 200, f"{method} {path}: {content}"
        return content

    async def topic(self, short: str) -> str:
        name = self.name("topics", short)
        await self.call("PUT", name)
        return name

    async def subscription(self, short: str, topic: str, **more: Any) -> str:
        """``more`` as in the API: ackDeadlineSeconds, deadLetterPolicy, retryPolicy, labels, pushConfig, ..."""
        name = self.name("subscriptions", short)
        await self.call("PUT", name, {"topic": topic, **more})
        return name

    async def delete(self, name: str) -> None:
        """A topic or a subscription."""
        await self.call("DELETE", name)

    async def lane(self, short: str = "trade-signals", attempts: int = 5, *, tap: bool = True, **more: Any) -> Lane:
        """As the shipped configuration names them; ``tap=False``: the tap is missing. ``more``, of the consumer's
        subscription: without a retryPolicy, a message that was refused comes again at once."""
        subscription = f"{short}-sub"
        topic, dead = await self.topic(short), await self.topic(f"{subscription}.dlq")
        policy = {"deadLetterTopic": dead, "maxDeliveryAttempts": attempts}
        consumed = await self.subscription(subscription, topic, deadLetterPolicy=policy, **more)
        drain = await self.subscription(f"{subscription}.dlq-drain", dead)
        ours = f"watchdog-tap.{subscription}.dlq"
        if tap:
            await self.subscription(ours, dead, labels={"watchdog": "tap"})
        return Lane(self.project, topic, consumed, dead, drain, self.name("subscriptions", ours))

    async def publish(self, topic: str, data: bytes = b"poison", **attributes: str) -> str:
        """The message's id."""
        message = {"data": base64.b64encode(data).decode(), "attributes": attributes}
        ids: list[str] = (await self.call("POST", f"{topic}:publish", {"messages": [message]}))["messageIds"]
        return ids[0]

    async def pull(self, subscription: str, most: int = 1, *, waiting: bool = True) -> list[dict[str, Any]]:
        """Received messages as in the API. ``waiting``: as soon as there is one; else what is there now."""
        body = {"maxMessages": most, "returnImmediately": not waiting}
        received: list[dict[str, Any]] = (await self.call("POST", f"{subscription}:pull", body)).get(
            "receivedMessages", []
        )
        return received

    async def nack(self, subscription: str, received: dict[str, Any]) -> None:
        body = {"ackIds": [received["ackId"]], "ackDeadlineSeconds": 0}
        await self.call("POST", f"{subscription}:modifyAckDeadline", body)

    async def acknowledge(self, subscription: str, received: list[dict[str, Any]]) -> None:
        await self.call("POST", f"{subscription}:acknowledge", {"ackIds": [one["ackId"] for one in received]})

    async def poison(self, lane: Lane, data: bytes = b"poison", attempts: int = 5, **attributes: str) -> float:
        """Publishes a message that its consumer refuses until it is dead: ``time.monotonic()`` when the last nack was
        answered. The emulator forwards when the consumer next asks, as a consumer does; so do we."""
        await self.publish(lane.topic, data, **attributes)
        for attempt in range(1, attempts + 1):
            (received,) = await self._pulled(lane.subscription)
            assert received["deliveryAttempt"] == attempt, "somebody else pulled from the consumer's subscription"
            await self.nack(lane.subscription, received)
        dead = time.monotonic()
        assert await self.pull(lane.subscription, waiting=False) == []
        return dead

    async def _pulled(self, subscription: str) -> list[dict[str, Any]]:
        async with asyncio.timeout(20):
            while not (received := await self.pull(subscription)):  # a long poll may end empty
                pass
        return received


@contextlib.asynccontextmanager
async def world(address: str) -> AsyncIterator[World]:
    async with aiohttp.ClientSession() as session:
        yield World(address, session)
