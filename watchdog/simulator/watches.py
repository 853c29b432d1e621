"""WATCH: one event a line, as a real server streams them (kube-wire README, points 1 to 8, 11, 13, 14)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, count, islice, takewhile
from math import inf
from typing import Any

import msgspec

from watchdog.simulator.cluster import Cluster
from watchdog.simulator.errors import (
    ApiError,
    Cause,
    bad_request,
    invalid,
    too_large_resource_version,
    too_old_to_watch,
)
from watchdog.simulator.faults import Faults
from watchdog.simulator.history import Event, Record, TooOld
from watchdog.simulator.outages import Process
from watchdog.simulator.reads import FUTURE_PATIENCE, revision_of, selector
from watchdog.simulator.selectors import Matches
from watchdog.simulator.subscription import Subscription
from watchdog.simulator.views import View
from watchdog.simulator.wire import Request, Response, Target, encoded

JSON = dict[str, Any]

BOOKMARK_SECONDS, LAST_BOOKMARK_SECONDS = 60.0, 1.5
"""A bookmark comes so often, and once more so long before the end (point 4)."""
LONGEST_SECONDS = 2700.0
"""Where the client names no timeoutSeconds; a real server takes 1,800 to 3,600."""
BATCH = 100
"""Initial events that are sent at once."""


@dataclass(frozen=True, slots=True)
class Options:
    """The query of a WATCH. ``revision`` 0: from now, after an ADDED for each object unless ``initial`` is False."""

    revision: int
    initial: bool
    streaming_list: bool
    bookmarks: bool
    seconds: float


def options(request: Request) -> Options:
    """Raises ApiError 422 for a combination that is not allowed, and 500 for a resourceVersion that is no number."""
    query = request.query
    asked, match = query.get("sendInitialEvents", ""), query.get("resourceVersionMatch", "")
    if asked and match != "NotOlderThan":
        raise _forbidden("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan")
    if match and not asked:
        raise _forbidden("resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided")
    revision, seconds = revision_of(query.get("resourceVersion", "")), query.get("timeoutSeconds", "")
    if seconds and not seconds.isdigit():
        raise bad_request(f'strconv.ParseInt: parsing "{seconds}": invalid syntax')
    return Options(
        revision,
        request.flag("sendInitialEvents") or (asked == "" and revision == 0),
        request.flag("sendInitialEvents"),
        request.flag("allowWatchBookmarks"),
        float(seconds or 0) or LONGEST_SECONDS,
    )


def _forbidden(why: str) -> ApiError:
    cause = Cause("resourceVersionMatch", f"Forbidden: {why}", "FieldValueForbidden")
    return invalid("ListOptions", "meta.k8s.io", "", [cause])


def watch(cluster: Cluster, target: Target, request: Request, view: View, faults: Faults, process: Process) -> Response:
    """Raises ApiError for a query that is refused before a stream is opened."""
    stream = _Stream(cluster, target, options(request), selector(target, request.query), view, faults)
    return Response(200, faults.during(request.path, process.carried(stream.chunks())), view.content_type)


class _Stream:
    """One open WATCH. Begins where its first chunk is asked for: what happened before is in the opening."""

    def __init__(
        self, cluster: Cluster, target: Target, options: Options, matches: Matches | None, view: View, faults: Faults
    ) -> None:
        self._cluster, self._target, self._options = cluster, target, options
        self._matches, self._view, self._faults = matches, view, faults
        self._woken, self._seen, self._refused = asyncio.Event(), 0, False

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Whole lines, and an empty chunk when something else may have changed. Ends (a clean EOF) after
        timeoutSeconds, after an ERROR, or when the reader was too slow."""
        wake, resource = self._woken.set, self._target.resource
        subscription = self._cluster.subscribe(resource, wake)
        self._faults.listeners.append(wake)
        try:
            if self._options.streaming_list and self._options.revision > self._cluster.revision:
                await asyncio.sleep(FUTURE_PATIENCE)
            for batch in _batches(self._opening()):
                yield batch
            if not self._refused:
                async for chunk in self._live(subscription):
                    yield chunk
        finally:
            self._faults.listeners.remove(wake)
            self._cluster.unsubscribe(resource, subscription)

    def _opening(self) -> Iterable[bytes]:
        wanted, now = self._options.revision, self._cluster.revision
        if self._options.initial:
            return self._initial() if wanted <= now else self._refusal(too_large_resource_version(wanted, now))
        try:
            events = self._cluster.since(self._target.resource, wanted or now)
        except TooOld as gap:
            return self._refusal(too_old_to_watch(wanted, gap.floor))
        self._seen = wanted or now
        return [line for event in events if (line := self._shown(event))]

    def _initial(self) -> Iterable[bytes]:
        """As of now; the lines are made as they are sent."""
        self._seen = self._cluster.revision
        records = self._cluster.records(self._target.resource, self._target.namespace)
        wanted = (record for record in records if self._matches is None or self._matches(record.object))
        marked = self._options.streaming_list and self._options.bookmarks
        mark = [self._bookmark({"annotations": {"k8s.io/initial-events-end": "true"}})] if marked else []
        return chain((self._view.line("ADDED", record) for record in wanted), mark)

    def _refusal(self, error: ApiError) -> list[bytes]:
        self._refused = True
        return [encoded({"type": "ERROR", "object": error.status})]

    async def _live(self, subscription: Subscription) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        end = loop.time() + self._options.seconds
        bookmarks = _bookmark_times(loop.time(), end)
        bookmark_at = next(bookmarks)
        while (now := loop.time()) < end:
            self._woken.clear()
            lines = self._drained(subscription)
            if now >= bookmark_at:
                bookmark_at = next(bookmarks)
                lines += self._heartbeat()
            yield b"".join(lines)
            if subscription.overflowed:
                return
            await _set_before(self._woken, min(end, bookmark_at))

    def _drained(self, subscription: Subscription) -> list[bytes]:
        return [line for event in subscription.taken() if (line := self._shown(event))]

    def _shown(self, event: Event) -> bytes:
        """The event as this watcher sees it: leaving a selector's set is a DELETED, entering it an ADDED (point 8)."""
        if event.revision <= self._seen or self._target.namespace not in ("", event.after.namespace):
            return b""
        self._seen = event.revision
        if self._matches is None:
            return self._view.event(event)
        was = event.before is not None and self._matches(event.before.object)
        stays = event.type != "DELETED" and self._matches(event.after.object)
        if was and not stays and event.type == "MODIFIED" and event.before is not None:
            return self._view.line("DELETED", _as_of(event.before, event.after))
        if stays and not was:
            return self._view.line("ADDED", event.after)
        return self._view.event(event) if was else b""

    def _heartbeat(self) -> list[bytes]:
        """A bookmark, if they were asked for; none while the revision asked for is still to come (point 3)."""
        wanted = self._options.bookmarks and self._seen <= self._cluster.revision
        return [self._bookmark({})] if wanted else []

    def _bookmark(self, more: JSON) -> bytes:
        resource, metadata = self._target.resource, {"resourceVersion": str(self._cluster.revision), **more}
        object = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": metadata}
        return encoded({"type": "BOOKMARK", "object": object})


async def _set_before(event: asyncio.Event, deadline: float) -> None:
    """A loop may fire a timer a little early: then nothing is due yet, and on a loop whose time only moves while it
    waits that would be so for ever."""
    try:
        async with asyncio.timeout_at(deadline + 1e-6):
            await event.wait()
    except TimeoutError:
        pass


def _bookmark_times(start: float, end: float) -> Iterator[float]:
    times = count(start + BOOKMARK_SECONDS, BOOKMARK_SECONDS)
    last = end - LAST_BOOKMARK_SECONDS
    yield from takewhile(lambda at: at < last, times)
    yield from (last,) if last > start else ()
    yield inf


def _batches(lines: Iterable[bytes]) -> Iterator[bytes]:
    """So that ten thousand initial events are not one block."""
    rest = iter(lines)
    while batch := b"".join(islice(rest, BATCH)):
        yield batch


def _as_of(record: Record, later: Record) -> Record:
    """The state of ``record`` with the resourceVersion of ``later``."""
    version = later.object["metadata"]["resourceVersion"]
    object = {**record.object, "metadata": {**record.object["metadata"], "resourceVersion": version}}
    return Record(record.resource, record.key, object, later.revision, msgspec.json.encode(object))
