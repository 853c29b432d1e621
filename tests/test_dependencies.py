"""Whatever fails of all that the watchdog depends on, a flip of the kill switch pages in its bound; what failed is
Unknown, with a reason, within its deadline, and is seen again within five seconds of its return; nothing else suffers.

By the daemon's own clock; it runs on a thread of its own, so that what blocks it does not stop who takes the time. What
a flip takes is compared with what it takes in the same run while all is well, and with how long answers are waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from watchdog.simulator.faults import Down, HalfLine, Hang
from watchdog.simulator.faults import Fault as ApiFault

from .dependencies import STALE, TIMEOUT, Components, Stage, lay, staged
from .emulator import Emulator, world
from .proxy import Mode

RETURN = 5.0
"""Seconds from a service's return until it is seen again: the contract's own figure."""
SLACK = 1.0
"""Seconds for a busy machine, where a deadline is checked."""
LEASE = 10.0
"""Seconds: Pub/Sub's default ackDeadlineSeconds, of a tap too."""
LASTS = 1.0
"""Seconds that a failure lasts after it is known, and that all is well before the first."""
TIMES = 3.0
"""How many times longer than the slowest usual flip one may take while something fails, where that is more than half
of what the daemon waits for an answer: if a flip had to wait for one, another would have to wait for most of one."""

Act = Callable[[Stage], Awaitable[None]]


@dataclass(frozen=True)
class Fault:
    """Something that stops working (``breaks``) and works again (``mends`` returns when it does)."""

    breaks: Act
    mends: Act


def through(proxy: str, mode: Mode) -> Fault:
    async def breaks(stage: Stage) -> None:
        await stage.proxies[proxy].to(mode)

    async def mends(stage: Stage) -> None:
        await stage.proxies[proxy].to(Mode.PASS)

    return Fault(breaks, mends)


def of_the_api_server(fault: ApiFault) -> Fault:
    async def breaks(stage: Stage) -> None:
        stage.floor.server.faults.inject(fault)

    async def mends(stage: Stage) -> None:
        stage.floor.server.faults.clear()

    return Fault(breaks, mends)


async def kill_pubsub(stage: Stage) -> None:
    stage.emulator.kill()


async def restart_pubsub(stage: Stage) -> None:
    await stage.emulator.restart()
    await lay(stage.pubsub)


async def stop_pubsub(stage: Stage) -> None:
    stage.emulator.stop()


async def continue_pubsub(stage: Stage) -> None:
    stage.emulator.cont()


async def kill_prometheus(stage: Stage) -> None:
    await stage.prometheus.kill()


async def restart_prometheus(stage: Stage) -> None:
    await stage.prometheus.restart()


HEARTBEATS = "/api/v1/namespaces/trading-floor/configmaps/agenttrader-heartbeat"
PODS = "/api/v1/pods"
SERVICES = ("ops_status", "safety_api", "http_up")
DEPENDENCIES = {
    "Pub/Sub": (
        ("pubsub_subscriptions", "pubsub_dead_letters"),
        (
            Fault(kill_pubsub, restart_pubsub),
            Fault(stop_pubsub, continue_pubsub),
            through("pubsub", Mode.BLACK_HOLE),
        ),
    ),
    "Prometheus": (
        ("promql",),
        (Fault(kill_prometheus, restart_prometheus), through("prometheus", Mode.BLACK_HOLE)),
    ),
    "the metadata server": (
        ("promql",),
        (through("metadata", Mode.REFUSE), through("metadata", Mode.BLACK_HOLE)),
    ),
    "the services": (
        SERVICES,
        (through("services", Mode.REFUSE), through("services", Mode.RESET), through("services", Mode.BLACK_HOLE)),
    ),
    "market data": (
        ("http_health",),
        (through("market data", Mode.REFUSE), through("market data", Mode.BLACK_HOLE)),
    ),
    "Cloud Run": (
        ("cloud_run",),
        (through("cloud run", Mode.REFUSE), through("cloud run", Mode.BLACK_HOLE)),
    ),
    "the heartbeats in the cluster": (
        ("heartbeats",),
        (of_the_api_server(Down(HEARTBEATS)), of_the_api_server(Hang(HEARTBEATS))),
    ),
    "the Pods in the cluster": (
        ("kubernetes",),
        (of_the_api_server(Down(PODS)), of_the_api_server(HalfLine(PODS))),
    ),
    "one of two Alertmanagers": (
        (),
        (through("alertmanager", Mode.REFUSE), through("alertmanager", Mode.BLACK_HOLE)),
    ),
}


@pytest.fixture
def components(alertmanager_binary: str, prometheus_binary: str, promtool: str) -> Components:
    return Components(alertmanager_binary, prometheus_binary, promtool)


@asynccontextmanager
async def stage_with(components: Components, emulator: Emulator, folder: Path) -> AsyncIterator[Stage]:
    async with world(emulator.address) as pubsub, staged(components, folder, emulator, pubsub) as stage:
        yield stage


@pytest.mark.parametrize("dependency", DEPENDENCIES)
async def test_a_flip_pages_in_its_bound_and_nothing_else_suffers_while_there_fails(
    dependency: str, components: Components, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    sources, faults = DEPENDENCIES[dependency]
    emulator = request.getfixturevalue("own_emulator" if dependency == "Pub/Sub" else "pubsub_emulator")
    async with stage_with(components, emulator, tmp_path) as stage:
        began = stage.now()
        async with stage.flipping() as well:
            await asyncio.sleep(LASTS)
        async with stage.flipping() as ill:
            for fault in faults:
                await suffered(stage, sources, fault)
        assert [turned for turned in stage.noted if turned.source not in sources and turned.at >= began] == []
    bound = max(TIMES * max(flip.took for flip in well), TIMEOUT / 2)
    assert [flip for flip in ill if flip.took > bound] == []


async def suffered(stage: Stage, sources: tuple[str, ...], fault: Fault) -> None:
    """It is known, it lasts, it is over, and that is known."""
    broke = stage.now()
    await fault.breaks(stage)
    for source in sources:
        lost = await stage.turned(source, lost=True, since=broke)
        assert lost.at - broke <= STALE + SLACK, f"{lost} is known late, {lost.at - broke:.2f} s after"
    await asyncio.sleep(LASTS)
    mending = stage.now()
    await fault.mends(stage)
    returned = stage.now()
    for source in sources:
        seen = await stage.turned(source, lost=False, since=mending)
        assert seen.at - returned <= RETURN, f"{source} is seen again late, {seen.at - returned:.2f} s after"


@pytest.mark.parametrize("mode", [Mode.REFUSE, Mode.BLACK_HOLE])
async def test_a_flip_while_every_alertmanager_is_away_pages_when_one_is_back(
    mode: Mode, components: Components, pubsub_emulator: Emulator, tmp_path: Path
) -> None:
    async with stage_with(components, pubsub_emulator, tmp_path) as stage:
        await stage.flip()
        for name in ("alertmanager", "its peer"):
            await stage.proxies[name].to(mode)
        flipped = asyncio.create_task(stage.flip())
        await stage.refused()
        assert not flipped.done()
        await stage.proxies["its peer"].to(Mode.PASS)
        returned = stage.now()
        await flipped
        assert stage.now() - returned <= RETURN
        assert [turned for turned in stage.noted if turned.at >= returned] == []
        await stage.proxies["alertmanager"].to(Mode.PASS)  # a daemon that ends tells each peer


async def test_a_poison_message_pages_with_topic_source_and_count_and_its_consumer_is_left_alone(
    components: Components, pubsub_emulator: Emulator, tmp_path: Path
) -> None:
    async with stage_with(components, pubsub_emulator, tmp_path) as stage:
        lane, pubsub = stage.lane, stage.pubsub
        await pubsub.poison(lane)  # each of its five attempts is asserted there
        page = await stage.alertmanager.notified("firing", alertname="DeadLettersArriving")
        await pubsub.publish(lane.topic, b"live")
        (received,) = await pubsub.pull(lane.subscription)
        drained = await pubsub.pull(lane.drain, 10, waiting=False)
    named = {"topic": "trade-signals-sub.dlq", "subscription": "trade-signals-sub", "project": lane.project}
    assert page["labels"].items() >= named.items()
    assert "(1 since the start of the watchdog)" in page["annotations"]["summary"]
    assert page["annotations"]["runbook_url"].endswith("docs/dlq_and_retries.md")
    assert received["deliveryAttempt"] == 1
    assert len(drained) == 1


async def test_a_message_that_died_while_pubsub_was_out_of_reach_pages_once_it_is_back(
    components: Components, pubsub_emulator: Emulator, tmp_path: Path
) -> None:
    async with stage_with(components, pubsub_emulator, tmp_path) as stage:
        broke = stage.now()
        await stage.proxies["pubsub"].to(Mode.BLACK_HOLE)
        await stage.turned("pubsub_dead_letters", lost=True, since=broke)
        await stage.pubsub.poison(stage.lane)
        await stage.proxies["pubsub"].to(Mode.PASS)
        # A pull that was open when the black hole came may have the letter: it comes again after the ack deadline.
        stage.alertmanager.patience = LEASE + RETURN
        page = await stage.alertmanager.notified("firing", alertname="DeadLettersArriving", cause="breach")
    assert "Dead letters arrive: 1 in" in page["annotations"]["summary"]
