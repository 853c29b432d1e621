"""Who is paged in a demo: an Alertmanager as far as its API v2 is used (alerts, their state, its configuration), which
remembers when it heard of what, and beside it a telephone that webhooks call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from watchdog.core.instant import Instant
from watchdog.simulator.wire import Request, Response, answer

CONFIG = "route: {receiver: pager}\nreceivers: [{name: pager, webhook_configs: [{url: 'http://phone.simulator/'}]}]\n"
RECEIVERS = [{"name": "pager"}]


class _Posted(msgspec.Struct):
    """One alert of the API v2 (openapi.yaml: postableAlert)."""

    labels: dict[str, str]
    startsAt: datetime
    endsAt: datetime
    annotations: dict[str, str] = {}


class _CalledFor(msgspec.Struct):
    status: str
    labels: dict[str, str]
    annotations: dict[str, str] = {}


class _Called(msgspec.Struct):
    alerts: list[_CalledFor]


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
    calls: list[Delivery] = field(default_factory=list)  # by webhooks, past Alertmanager
    _open: dict[tuple[tuple[str, str], ...], _Posted] = field(default_factory=dict)

    async def answer(self, request: Request) -> Response:
        match request.method, request.path:
            case "POST", "/api/v2/alerts":
                return self._post(request)
            case "GET", "/api/v2/alerts":
                return answer(200, [_listed(alert) for alert in self._open.values() if alert.endsAt > self.now().wall])
            case "POST", "/call":
                return self._call(request)
            case "GET", "/api/v2/status":
                return answer(200, {"config": {"original": CONFIG}})
        return answer(404, {"code": 404, "message": "only /api/v2/alerts, /api/v2/status and /call are served"})

    def _post(self, request: Request) -> Response:
        try:
            posted = msgspec.json.decode(request.body, type=list[_Posted])
        except msgspec.DecodeError as error:
            return answer(400, {"code": 400, "message": str(error)})
        for alert in posted:
            self._take(alert)
        return answer(200, {})

    def _call(self, request: Request) -> Response:
        """Alertmanager's webhook, version 4."""
        try:
            called = msgspec.json.decode(request.body, type=_Called)
        except msgspec.DecodeError as error:
            return answer(400, {"message": str(error)})
        firing = (alert for alert in called.alerts if alert.status == "firing")
        self.calls += [Delivery(alert.labels, alert.annotations, self.now()) for alert in firing]
        return answer(200, {})

    def _take(self, alert: _Posted) -> None:
        at, key = self.now(), tuple(sorted(alert.labels.items()))
        if alert.endsAt <= at.wall:
            self._open.pop(key, None)
            return
        if key not in self._open and alert.labels.get("severity") != "none":  # the Watchdog alert is nobody's page
            self.deliveries.append(Delivery(alert.labels, alert.annotations, at))
        self._open[key] = alert


def _listed(alert: _Posted) -> dict[str, Any]:
    """openapi.yaml, gettableAlert."""
    status = {"state": "active", "silencedBy": [], "inhibitedBy": []}
    return {"labels": alert.labels, "annotations": alert.annotations, "status": status, "receivers": RECEIVERS}
