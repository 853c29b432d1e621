"""Pub/Sub by Google's asynchronous clients over gRPC: each call with a deadline, none retried behind our back.

Their library costs 30 MB and 160 ms beyond aiohttp (``google.cloud.pubsub_v1``, with threads and telemetry, is neither
needed nor imported). It is imported at the first call, by a thread: the loop, and so every other source, goes on.
"""

from __future__ import annotations

import asyncio
import importlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any

from watchdog.adapters.pubsub_wire import letter, shape, unreachable
from watchdog.ports import Credentials, Letter, PubSub, SubscriptionShape, Unreachable

PAGE, MOST = 1_000, 10_000
"""Items in one page of a list, and in all of its pages."""
SNAPSHOTS_LIVE = timedelta(days=7)
"""A snapshot expires so long after its oldest unacked message was published: REST, projects.snapshots, expireTime."""
SNAPSHOT_PREFIX = "watchdog-backlog-"
LEFT_OVER = 600.0
"""Seconds after which a snapshot of ours is nobody's: its process died between making and deleting it."""


class PubSubClients:
    """A client for each endpoint, with a connection of its own; all are closed together. ``takes``: False for who only
    looks (``watchdog check``): letters that it took would never be told by the daemon."""

    def __init__(self, credentials: Callable[[], Credentials], *, takes: bool = True) -> None:
        self._credentials, self._takes = credentials, takes
        self._clients: dict[str, GrpcPubSub] = {}

    def __call__(self, endpoint: str) -> PubSub:
        if endpoint not in self._clients:
            self._clients[endpoint] = GrpcPubSub(endpoint, None if endpoint else self._credentials(), takes=self._takes)
        return self._clients[endpoint]

    async def close(self) -> None:
        for client in self._clients.values():
            await client.close()


class GrpcPubSub:
    """``endpoint``: 'host:port' of an emulator, without encryption; empty: Google's. ``credentials``: who we are there.

    Called and closed inside one running event loop.
    """

    def __init__(self, endpoint: str, credentials: Credentials | None, *, takes: bool = True) -> None:
        self._endpoint, self._credentials, self._takes = endpoint, credentials, takes
        self._opening: asyncio.Task[Any] | None = None
        self._swept: dict[str, float] = {}  # loop time of the last sweep of a project

    async def subscription(self, name: str, timeout: float) -> SubscriptionShape:
        return shape(await self._ask("subscriber.get_subscription", {"subscription": name}, timeout))

    async def subscriptions(self, project: str, timeout: float) -> Sequence[SubscriptionShape]:
        found = await self._all("subscriber.list_subscriptions", {"project": project}, "subscriptions", timeout)
        return [shape(subscription) for subscription in found]

    async def topic_exists(self, name: str, timeout: float) -> bool:
        try:
            await self._ask("publisher.get_topic", {"topic": name}, timeout)
        except Unreachable as error:
            if error.reason == "NotFound":
                return False
            raise
        return True

    async def topic_subscriptions(self, topic: str, timeout: float) -> Sequence[str]:
        return await self._all("publisher.list_topic_subscriptions", {"topic": topic}, "subscriptions", timeout)

    async def pull(self, tap: str, most: int, timeout: float) -> Sequence[Letter]:
        """A service that is quiet and one that died without a word end a long poll alike: at the deadline. It counts
        as quiet while the connection stands, which takes 15 s to be found dead: who must know sooner asks."""
        if not self._takes:
            await asyncio.sleep(timeout)
            return ()
        try:
            answer = await self._ask("subscriber.pull", {"subscription": tap, "max_messages": most}, timeout)
        except Unreachable as error:
            if error.reason == "Timeout" and self._connected():
                return ()
            raise
        return [letter(received) for received in answer.received_messages]

    async def acknowledge(self, tap: str, ack_ids: Sequence[str], timeout: float) -> None:
        await self._ask("subscriber.acknowledge", {"subscription": tap, "ack_ids": list(ack_ids)}, timeout)

    async def publish(self, topic: str, data: bytes, attributes: Mapping[str, str], timeout: float) -> None:
        """One message, alone and at once: nothing is batched that somebody waits for."""
        message = {"data": data, "attributes": dict(attributes)}
        await self._ask("publisher.publish", {"topic": topic, "messages": [message]}, timeout)

    async def oldest_unacked_seconds(self, subscription: str, timeout: float) -> float:
        """Makes a snapshot, and deletes it. One that outlives that (a crash, a call that failed) is deleted by a
        measurement after ten minutes, of this process or of the next; after seven days Pub/Sub does so by itself."""
        share, project = timeout / 3, "/".join(subscription.split("/")[:2])
        await self._sweep(project, share)
        name = f"{project}/snapshots/{SNAPSHOT_PREFIX}{int(_now().timestamp())}-{secrets.token_hex(6)}"
        request = {"name": name, "subscription": subscription, "labels": {"watchdog": "backlog"}}
        try:
            made = await self._ask("subscriber.create_snapshot", request, share)
            age: timedelta = _now() + SNAPSHOTS_LIVE - made.expire_time
            return max(0.0, age.total_seconds())
        finally:  # also when it is not known whether it was made
            await self._delete((name,), share)

    async def close(self) -> None:
        if self._opening is None:
            return
        self._opening.cancel()
        for api in await asyncio.gather(self._opening, return_exceptions=True):
            if not isinstance(api, BaseException):
                await api.channel.close()

    async def _sweep(self, project: str, timeout: float) -> None:
        """Deletes what is left over: of our prefix, and old by its own name. That it cannot is no reason not to
        measure."""
        if _time() - self._swept.get(project, -LEFT_OVER) < LEFT_OVER:
            return
        self._swept[project] = _time()
        try:
            found = await self._all("subscriber.list_snapshots", {"project": project}, "snapshots", timeout / 2)
        except Unreachable:
            return
        await self._delete([snapshot.name for snapshot in found if _left_over(snapshot.name)], timeout / 2)

    async def _delete(self, snapshots: Sequence[str], timeout: float) -> None:
        """As many as it can in that time; what remains is left over, and swept later."""
        until = _time() + timeout
        for name in snapshots:
            try:
                await self._ask("subscriber.delete_snapshot", {"snapshot": name}, until - _time())
            except Unreachable as error:
                if error.reason != "NotFound":
                    return

    async def _all(self, rpc: str, request: Mapping[str, Any], field: str, timeout: float) -> list[Any]:
        """Every page of a list."""
        until, found, token = _time() + timeout, list[Any](), ""
        while True:
            page = await self._ask(rpc, {**request, "page_size": PAGE, "page_token": token}, until - _time())
            found.extend(getattr(page, field))
            token = page.next_page_token
            if len(found) > MOST:
                raise Unreachable("TooMany", f"there are more than {MOST} {field}, too many to look at each")
            if not token:
                return found

    async def _ask(self, rpc: str, request: Mapping[str, Any], timeout: float) -> Any:
        """``rpc``: the client and its method, as 'subscriber.pull'."""
        until = _time() + timeout
        try:
            async with asyncio.timeout_at(until):
                api, who = await self._opened(), await self._who(timeout)
        except TimeoutError:
            raise Unreachable("Timeout", f"not ready to ask within {timeout:g} s") from None
        try:
            # max: the remainder may be used up, and none at all would be no deadline
            method, left = attrgetter(rpc)(api), max(until - _time(), 0.001)
            return await method(request=request, retry=None, timeout=left, metadata=who)
        except api.refusal as error:
            problem = unreachable(error, timeout)
            if problem.reason == "Unauthenticated" and self._credentials is not None:
                self._credentials.refused()
            raise problem from None

    async def _who(self, timeout: float) -> Sequence[tuple[str, str]]:
        if self._credentials is None:
            return ()
        return [(name.lower(), value) for name, value in (await self._credentials.headers(timeout)).items()]

    async def _opened(self) -> Any:
        """The clients, opened by the first who asks. Who gives up waiting leaves the opening to the others."""
        if self._opening is None:
            self._opening = asyncio.create_task(self._open(), name="pubsub clients")
        return await asyncio.shield(self._opening)

    async def _open(self) -> Any:
        library: Any = await asyncio.to_thread(importlib.import_module, "watchdog.adapters.pubsub_grpc")
        return library.clients(self._endpoint)

    def _connected(self) -> bool:
        return self._opening is not None and self._opening.done() and bool(self._opening.result().connected)


def _left_over(snapshot: str) -> bool:
    prefix, _, rest = snapshot.rpartition("/")[2].partition(SNAPSHOT_PREFIX)
    made = rest.partition("-")[0]
    return not prefix and made.isdecimal() and _now().timestamp() - int(made) > LEFT_OVER


def _now() -> datetime:
    return datetime.now(UTC)


def _time() -> float:
    return asyncio.get_running_loop().time()
