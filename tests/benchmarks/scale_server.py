"""A process of its own: the simulated API server with a world of many objects. Prints its URL, and serves until its
input ends.

python -m tests.benchmarks.scale_server PODS DEPLOYMENTS CONFIG_MAPS

Besides the API: ``POST /control/relist?seconds=S`` tells every open WATCH of a whole collection that its revision is
too old (410), again as soon as all of them are back; ``POST /control/churn?rate=R&seconds=S`` writes R times a second;
``GET /control/state`` says how far that is.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Iterator
from contextlib import aclosing
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from random import Random
from typing import Any, cast

from watchdog.simulator.cluster import Cluster
from watchdog.simulator.errors import too_old_to_watch
from watchdog.simulator.history import Record
from watchdog.simulator.http_face import HttpFace
from watchdog.simulator.platform import trading_floor
from watchdog.simulator.resources import CONFIG_MAPS, DEPLOYMENTS, NAMESPACES, PODS
from watchdog.simulator.wire import Request, Response, Service, answer, encoded

from . import scale_world as world

JSON = dict[str, Any]

SETTLED = 0.05
"""Seconds for which every collection is followed again before all of them are expired once more."""
TICK = 0.005


@dataclass(eq=False)
class Following:
    """An open WATCH of a whole collection."""

    path: str
    live_since: float | None
    expired: bool = False
    waiting: asyncio.Timeout | None = None

    def expire(self, now: float) -> None:
        self.expired = True
        if self.waiting is not None:
            self.waiting.reschedule(now)


@dataclass
class State:
    relists: int = 0
    written: int = 0
    seconds: float = 0.0
    overflows: int = 0  # streams that the server ended because their reader was too slow
    busy: bool = False


@dataclass
class Bench:
    """The API server, with what a benchmark does to it."""

    server: Service
    cluster: Cluster
    state: State = field(default_factory=State)
    following: list[Following] = field(default_factory=list)
    _work: asyncio.Task[None] | None = None

    async def answer(self, request: Request) -> Response:
        match request.path.removeprefix("/control/"):
            case "relist":
                return self._begin(self._relist(float(request.query["seconds"])))
            case "churn":
                return self._begin(self._churn(float(request.query["rate"]), float(request.query["seconds"])))
            case "state":
                return answer(200, asdict(self.state))
        response = await self.server.answer(request)
        if isinstance(response.body, bytes) or "fieldSelector" in request.query:
            return response
        return replace(response, body=self._followed(request, response.body))

    def _begin(self, work: Coroutine[Any, Any, None]) -> Response:
        self.state.busy = True
        self._work = asyncio.create_task(work)
        self._work.add_done_callback(lambda _: setattr(self.state, "busy", False))
        return answer(202, {})

    async def _followed(self, request: Request, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The stream, until it is expired."""
        now, listing = asyncio.get_running_loop().time, request.flag("sendInitialEvents")
        one, chunks = Following(request.path, None if listing else now()), cast(AsyncGenerator[bytes, None], body)
        self.following.append(one)
        try:
            async with aclosing(chunks):
                while (chunk := await _next(chunks, one)) is not None:
                    if one.live_since is None and b'"k8s.io/initial-events-end"' in chunk[-500:]:
                        one.live_since = now()
                    yield chunk
            if one.expired:
                yield encoded({"type": "ERROR", "object": too_old_to_watch(1, self.cluster.revision).status})
            else:
                self.state.overflows += 1
        finally:
            self.following.remove(one)

    async def _relist(self, seconds: float) -> None:
        now = asyncio.get_running_loop().time
        end, paths = now() + seconds, {one.path for one in self.following}
        while now() < end:
            settled = now() - SETTLED
            if {one.path for one in self.following if one.live_since and one.live_since < settled} == paths:
                self.state.relists += 1
                for one in self.following:
                    one.expire(now())
            await asyncio.sleep(TICK)

    async def _churn(self, rate: float, seconds: float) -> None:
        """As many writes as are due, every few milliseconds; those that the server is late with are made up for."""
        now, writes = asyncio.get_running_loop().time, _writes(self.cluster)
        began, before = now(), self.state.written
        while (passed := now() - began) < seconds:
            for _ in range(min(int(passed * rate) - (self.state.written - before), 200)):
                next(writes)
                self.state.written += 1
            self.state.seconds = passed
            await asyncio.sleep(TICK)


async def _next(chunks: AsyncGenerator[bytes, None], one: Following) -> bytes | None:
    if one.expired:
        return None
    try:
        async with asyncio.timeout(None) as one.waiting:
            return await anext(chunks, None)
    except TimeoutError:
        return None
    finally:
        one.waiting = None


def _writes(cluster: Cluster) -> Iterator[Record]:
    """For ever: what kubelets, controllers and people write to a busy cluster; none of it touches execution."""
    random = Random(7)
    pods = [record.key for record in cluster.records(PODS)]
    deployments = [r.key for r in cluster.records(DEPLOYMENTS) if r.namespace in world.NAMESPACES]
    for number in count():
        change = _CHANGES[number % 10]
        resource, keys = (PODS, pods) if change is _restarted else (DEPLOYMENTS, deployments)
        old = cluster.get(resource, *random.choice(keys).split("/"))
        yield cluster.put(resource, change(old.object, number))


def _restarted(pod: JSON, number: int) -> JSON:
    (container,) = pod["status"]["containerStatuses"]
    container = {**container, "ready": number % 2 == 0, "restartCount": container["restartCount"] + 1}
    return {**pod, "status": {**pod["status"], "containerStatuses": [container]}}


def _labelled(deployment: JSON, number: int) -> JSON:
    metadata = deployment["metadata"]
    return {**deployment, "metadata": {**metadata, "labels": {**metadata["labels"], "touched": str(number)}}}


def _scaled(deployment: JSON, number: int) -> JSON:
    metadata = {**deployment["metadata"], "generation": deployment["metadata"]["generation"] + 1}
    return {**deployment, "metadata": metadata, "spec": {**deployment["spec"], "replicas": number % 5}}


def _reported(deployment: JSON, number: int) -> JSON:
    status = {
        **deployment["status"],
        "observedGeneration": deployment["metadata"]["generation"],
        "replicas": number % 5,
    }
    return {**deployment, "status": status}


_CHANGES = (_restarted,) * 6 + (_reported, _reported, _labelled, _scaled)


def furnish(cluster: Cluster, size: world.Size) -> None:
    """The world beside the trading floor, stored past the controllers."""
    for name in world.NAMESPACES:
        cluster.put(NAMESPACES, {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": name, "uid": name}})
    for resource, objects in (
        (CONFIG_MAPS, (world.switches(), world.config_maps(size))),
        (DEPLOYMENTS, (world.executors(), world.deployments(size))),
        (PODS, (world.pods(size),)),
    ):
        for some in objects:
            for object in some:
                cluster.put(resource, object)


async def main() -> None:
    gc.disable()
    floor = trading_floor(lambda: datetime.now(UTC))
    furnish(floor.cluster, world.Size(*map(int, sys.argv[1:])))
    gc.freeze()
    gc.enable()
    face = HttpFace(Bench(floor.server, floor.cluster))
    await face.start()
    print(face.url, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await face.stop()


if __name__ == "__main__":
    asyncio.run(main())
