"""What the other tests rely on: the emulator, Prometheus and the proxy do what their modules say."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import aiohttp
import pytest

from .emulator import Emulator, World, world
from .loopback import serving, whole
from .prometheus import Series, exporting, prepared, running, scraping
from .proxy import Mode, Proxy, proxied


async def test_a_message_that_is_refused_five_times_is_forwarded_to_drain_and_tap(pubsub: World) -> None:
    lane = await pubsub.lane()
    await pubsub.poison(lane, b"bad", reason="schema")
    for subscription in (lane.tap, lane.drain):
        (received,) = await pubsub.pull(subscription)
        attributes = received["message"]["attributes"]
        assert attributes["CloudPubSubDeadLetterSourceSubscription"] == "trade-signals-sub"
        assert attributes["CloudPubSubDeadLetterSourceDeliveryCount"] == "5"


async def test_an_emulator_is_killed_restarted_empty_and_stands_still(own_emulator: Emulator) -> None:
    async with world(own_emulator.address) as mine:
        topic = await mine.topic("before")
        own_emulator.stop()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(mine.call("GET", topic), 0.3)
        own_emulator.cont()
        assert await mine.call("GET", topic) == {"name": topic}
        own_emulator.kill()
        with pytest.raises(aiohttp.ClientConnectionError):
            await mine.call("GET", topic)
        await own_emulator.restart()
        with pytest.raises(AssertionError, match="NOT_FOUND"):
            await mine.call("GET", topic)


async def test_prometheus_has_what_was_recorded_scrapes_what_is_exported_and_keeps_both_over_a_kill(
    prometheus_binary: str, promtool: str, tmp_path: Path
) -> None:
    now = time.time()
    recorded = Series("age", {"subscription": 'a"b'}, [(now - 600 + 30 * n, float(n)) for n in range(20)])
    async with (
        exporting(depth=3.5) as exporter,
        prepared(prometheus_binary, tmp_path, scraping(exporter.target)) as prometheus,
    ):
        await prometheus.backfill(promtool, [recorded])
        await prometheus.start()
        url = prometheus.url
        assert (await prometheus.has("depth"))[0]["value"][1] == "3.5"
        exporter.values.clear()
        async with asyncio.timeout(10):
            while await prometheus.query("depth"):
                await asyncio.sleep(0.05)
        await prometheus.restart()
        assert prometheus.url == url
        (series,) = await prometheus.query("age[20m]")
        assert len(series["values"]) == 20


async def test_a_lookback_can_be_chosen(prometheus_binary: str, tmp_path: Path) -> None:
    flags = ("--query.lookback-delta=2s",)
    async with (
        exporting(depth=1.0) as exporter,
        running(prometheus_binary, tmp_path, scraping(exporter.target), flags=flags) as prometheus,
    ):
        await prometheus.has("depth")
        async with aiohttp.ClientSession(prometheus.url) as session, session.get("/api/v1/status/flags") as answer:
            assert (await answer.json())["data"]["query.lookback-delta"] == "2s"


async def asked(session: aiohttp.ClientSession, proxy: Proxy, within: float = 5.0) -> bytes:
    async with asyncio.timeout(within), session.post(proxy.url) as answer:  # a GET would be tried again, unseen
        return await answer.read()


@pytest.mark.parametrize("mode", [Mode.REFUSE, Mode.RESET])
async def test_what_is_refused_or_reset_breaks_at_once_and_then_passes_again(mode: Mode) -> None:
    async with serving(whole(b"yes")) as url, proxied(url) as proxy, aiohttp.ClientSession() as session:
        assert await asked(session, proxy) == b"yes"
        await proxy.to(mode)
        with pytest.raises(aiohttp.ClientConnectionError):
            await asked(session, proxy)
        await proxy.to(Mode.PASS)
        assert await asked(session, proxy) == b"yes"


async def test_a_black_hole_swallows_on_open_and_on_new_connections_and_then_passes_again() -> None:
    async with serving(whole(b"yes")) as url, proxied(url) as proxy, aiohttp.ClientSession() as session:
        assert await asked(session, proxy) == b"yes"
        await proxy.to(Mode.BLACK_HOLE)
        waiting = asyncio.create_task(asked(session, proxy))
        for _ in range(2):  # the first might have gone over the open connection
            with pytest.raises(TimeoutError):
                await asked(session, proxy, within=0.2)
        assert not waiting.done()
        await proxy.to(Mode.PASS)
        with pytest.raises(aiohttp.ClientConnectionError):
            await waiting
        assert await asked(session, proxy) == b"yes"


async def test_a_connection_that_was_forgotten_stays_silent_and_a_new_one_passes() -> None:
    async with serving(whole(b"yes")) as url, proxied(url, forgets=True) as proxy, aiohttp.ClientSession() as session:
        await proxy.to(Mode.BLACK_HOLE)
        waiting = asyncio.create_task(asked(session, proxy, within=1.0))
        await asyncio.sleep(0.2)
        await proxy.to(Mode.PASS)
        assert await asked(session, proxy) == b"yes"
        with pytest.raises(TimeoutError):
            await waiting


async def test_what_is_slow_arrives_late() -> None:
    async with serving(whole(b"yes")) as url, proxied(url, delay=0.5) as proxy, aiohttp.ClientSession() as session:
        await proxy.to(Mode.SLOW)
        with pytest.raises(TimeoutError):
            await asked(session, proxy, within=0.2)
        assert await asked(session, proxy) == b"yes"


async def test_nobody_behind_a_proxy_is_a_connection_that_breaks() -> None:
    async with proxied("127.0.0.1:1") as proxy, aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectionError):
            await asked(session, proxy)
