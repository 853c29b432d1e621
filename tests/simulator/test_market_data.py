"""The market-data service of domain.md §6."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from tests.simulator.client import NOW
from watchdog.simulator import market_data
from watchdog.simulator.market_data import Endless, Lie, MarketData, Silence
from watchdog.simulator.wire import Request


class Watch:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> Any:
        return NOW + timedelta(seconds=self.seconds)


async def health(service: MarketData) -> tuple[int, dict[str, Any]]:
    response = await service.answer(Request("GET", "/healthz"))
    assert isinstance(response.body, bytes)
    return response.status, json.loads(response.body)


async def test_the_tick_advances_by_itself() -> None:
    now = Watch()
    service = MarketData(now)
    now.seconds = 100.25
    assert await health(service) == (
        200,
        {
            "service": "marketdata-mcp-server",
            "last_tick_epoch_seconds": int(NOW.timestamp()) + 100,
            "age_seconds": 0.25,
            "max_age_seconds": 60,
            "ok": True,
            "forced_stale": False,
        },
    )


async def test_a_stopped_tick_is_stale_after_its_maximum_age_and_starts_again() -> None:
    now = Watch()
    service = MarketData(now)
    service.stop()
    now.seconds = 60.0
    assert (await health(service))[0] == 200
    now.seconds = 61.0
    status, body = await health(service)
    assert (status, body["ok"], body["age_seconds"]) == (503, False, 61.0)
    service.start()
    assert (await health(service))[0] == 200


async def test_a_service_can_lie() -> None:
    now = Watch()
    service = MarketData(now)
    service.stop()
    now.seconds = 600.0
    service.fault = market_data.ALWAYS_OK
    status, body = await health(service)
    assert (status, body["ok"], body["age_seconds"]) == (200, True, 600.0)
    service.fault = market_data.FUTURE_TICK
    assert (await health(service))[1]["last_tick_epoch_seconds"] > NOW.timestamp() + 1e6
    service.fault = market_data.STRING_FOR_NUMBER
    assert isinstance((await health(service))[1]["last_tick_epoch_seconds"], str)
    service.fault = Lie({"last_tick_epoch_seconds": None}, 200)
    assert (await health(service)) == (200, (await health(service))[1])
    service.fault = None
    assert (await health(service))[0] == 503


async def test_a_service_can_say_what_is_no_json_and_send_one_elsewhere() -> None:
    service = MarketData(Watch())
    service.fault = market_data.NOT_A_NUMBER
    response = await service.answer(Request("GET", "/healthz"))
    assert response.status == 200 and isinstance(response.body, bytes) and b"NaN" in response.body
    service.fault = market_data.REDIRECT
    response = await service.answer(Request("GET", "/healthz"))
    assert (response.status, list(response.headers)) == (302, ["Location"])


async def test_a_service_can_hang_or_never_end() -> None:
    service = MarketData(Watch())
    service.fault = Silence()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await service.answer(Request("GET", "/healthz"))
    service.fault = Endless()
    response = await service.answer(Request("GET", "/healthz"))
    assert not isinstance(response.body, bytes)
    read = 0
    async for chunk in response.body:
        read += len(chunk)
        if read > 1_000_000:
            break
    assert read > 1_000_000


async def test_other_paths() -> None:
    service = MarketData(Watch())
    statuses = [(await service.answer(Request("GET", path))).status for path in ("/livez", "/readyz", "/nosuch")]
    assert statuses == [200, 200, 404]
    assert (await service.answer(Request("POST", "/healthz"))).status == 404
