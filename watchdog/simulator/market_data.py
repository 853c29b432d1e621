"""The market-data service of domain.md §6: ``/healthz`` with a tick that advances by itself until it is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from watchdog.simulator.wire import JSON_TYPE, TEXT_TYPE, Request, Response

JSON = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Lie:
    """What a faulty service says instead of the truth: fields of the body, and the status (None: as the body's ok)."""

    fields: Mapping[str, Any]
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Verbatim:
    """These bytes as the body: HTML, ``NaN``, half a JSON."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Silence:
    """Never an answer."""


@dataclass(frozen=True, slots=True)
class Endless:
    """A body that does not end."""


Fault = Lie | Verbatim | Silence | Endless
ALWAYS_OK = Lie({"ok": True}, 200)
FUTURE_TICK = Lie({"last_tick_epoch_seconds": 4102444800, "age_seconds": 0, "ok": True}, 200)
STRING_FOR_NUMBER = Lie({"last_tick_epoch_seconds": "recently"})
NO_TICK = Lie({"last_tick_epoch_seconds": None})
NOT_A_NUMBER = Verbatim(
    b'{"service":"marketdata-mcp-server","last_tick_epoch_seconds":NaN,"age_seconds":NaN,"ok":true}'
)
REDIRECT = Verbatim(b"", 302, {"Location": "http://127.0.0.1:1/elsewhere"})


class MarketData:
    """A tick each second while it runs. ``fault`` may be set and cleared at any time."""

    def __init__(self, now: Callable[[], datetime], *, max_age_seconds: int = 60) -> None:
        self._now, self._max_age = now, max_age_seconds
        self._stopped_at: int | None = None
        self.fault: Fault | None = None

    def stop(self) -> None:
        """No further tick from now on."""
        self._stopped_at = self.last_tick

    def last_ticked(self, at: datetime) -> None:
        """No further tick since then."""
        self._stopped_at = int(at.timestamp())

    def start(self) -> None:
        self._stopped_at = None

    @property
    def last_tick(self) -> int:
        """Epoch seconds."""
        return int(self._now().timestamp()) if self._stopped_at is None else self._stopped_at

    @property
    def health(self) -> JSON:
        """The body, as domain.md §6 has it."""
        age = max(self._now().timestamp() - self.last_tick, 0.0)
        return {
            "service": "marketdata-mcp-server",
            "last_tick_epoch_seconds": self.last_tick,
            "age_seconds": round(age, 3),
            "max_age_seconds": self._max_age,
            "ok": age <= self._max_age,
            "forced_stale": False,
        }

    async def answer(self, request: Request) -> Response:
        """GET /healthz is 200 when ok and 503 when stale; /livez and /readyz are 200."""
        if request.path in ("/livez", "/readyz"):
            return Response(200, b"ok", TEXT_TYPE)
        if request.path != "/healthz" or request.method != "GET":
            return Response(404, b"not found\n", TEXT_TYPE)
        return await answered(self.fault, self.health, lambda health: 200 if health["ok"] else 503)


async def answered(fault: Fault | None, truth: JSON, status: Callable[[JSON], int] = lambda body: 200) -> Response:
    """What a service says, instead of the ``truth`` if something is wrong with it."""
    match fault:
        case Silence():
            await asyncio.Event().wait()
        case Endless():
            return Response(200, _endless())
        case Verbatim(body, lied, headers):
            return Response(lied, body, headers=headers or {})
        case Lie(fields, lied):
            lie = {**truth, **fields}
            return Response(lied or status(lie), msgspec.json.encode(lie), JSON_TYPE)
    return Response(status(truth), msgspec.json.encode(truth), JSON_TYPE)


async def _endless() -> AsyncIterator[bytes]:
    yield b'{"service":"'
    while True:
        yield b"x" * 65536
        await asyncio.sleep(0)
