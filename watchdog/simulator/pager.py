"""Who is paged in a demo: it takes Alertmanager's POST /api/v2/alerts, and remembers when it heard of what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from watchdog.core.instant import Instant
from watchdog.simulator.wire import Request, Response, answer


class _Posted(msgspec.Struct):
    """One alert of the API v2 (openapi.yaml: postableAlert)."""

    labels: dict[str, str]
    startsAt: datetime
    endsAt: datetime
    annotations: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Delivery:
    """An alert that was firing when the pager first heard of it."""

    labels: dict[str, str]
    annotations: dict[str, str]
    at: Instant


@dataclass(slots=True)
class Pager:
    """A service of the simulator: ``answer`` takes a request from a socket or from within the process."""

    now: Callable[[], Instant]
    deliveries: list[Delivery] = field(default_factory=list)
    _open: set[tuple[tuple[str, str], ...]] = field(default_factory=set)

    async def answer(self, request: Request) -> Response:
        if (request.method, request.path) != ("POST", "/api/v2/alerts"):
            return answer(404, {"code": 404, "message": "only POST /api/v2/alerts is served"})
        try:
            posted = msgspec.json.decode(request.body, type=list[_Posted])
        except msgspec.DecodeError as error:
            return answer(400, {"code": 400, "message": str(error)})
        for alert in posted:
            self._take(alert)
        return answer(200, {})

    def _take(self, alert: _Posted) -> None:
        at, key = self.now(), tuple(sorted(alert.labels.items()))
        if alert.endsAt <= at.wall:
            self._open.discard(key)
        elif key not in self._open:
            self._open.add(key)
            self.deliveries.append(Delivery(alert.labels, alert.annotations, at))
