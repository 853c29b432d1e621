"""The source through the real adapter and a real socket, against the simulator's API server."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from tests.sources.kubernetes.floors import SOURCE, Sight, facts, looking, states
from watchdog.adapters.kubernetes import KubernetesApi
from watchdog.core.instant import Instant
from watchdog.simulator import kubectl
from watchdog.simulator.http_face import HttpFace
from watchdog.simulator.platform import Floor

AGENT = "workload agenttrader/Deployment/execution-agent"


class RealClock:
    def now(self) -> Instant:
        return Instant(datetime.now(UTC), time.monotonic())


@asynccontextmanager
async def over_http(folder: Path) -> AsyncIterator[tuple[Sight, HttpFace]]:
    path, faces = folder / "kubeconfig", list[HttpFace]()
    client = KubernetesApi(str(path))

    def connect(floor: Floor) -> KubernetesApi:
        faces.append(HttpFace(floor.server, port=0))
        return client

    async with looking(SOURCE, connect, RealClock()) as sight:
        [face] = faces
        await face.start()
        path.write_text(json.dumps(_kubeconfig(face.url)))
        try:
            await sight.until(5, lambda posture: not sight.problems)
            yield sight, face
        finally:
            await client.close()
            await face.stop()


def _kubeconfig(server: str) -> dict[str, object]:
    return {
        "current-context": "x",
        "contexts": [{"name": "x", "context": {"cluster": "x"}}],
        "clusters": [{"name": "x", "cluster": {"server": server}}],
    }


async def test_every_kind_of_change_is_seen_through_a_real_socket(tmp_path: Path) -> None:
    async with over_http(tmp_path) as (sight, _):
        assert (sight.safety.halted, sight.safety.at_zero) == (True, True)
        cluster = sight.floor.cluster
        kubectl.scale(cluster, "deploy", "agenttrader", "execution-agent", 1)
        await sight.until(5, lambda posture: sight.safety.at_zero is False)
        kubectl.set_data(cluster, "trading-floor", "agenttrader-kill-switch", EXECUTION_HALTED="0")
        await sight.until(5, lambda posture: sight.safety.halted is False)
        kubectl.set_env(cluster, "sts", "trading-floor", "gamma-strategy", AGENT_MODE="LIVE")
        await sight.until(5, lambda _: any(getattr(f, "unsafe", False) is True for f in facts(sight.observations)))


async def test_a_flip_and_back_is_told_whole_through_a_real_socket(tmp_path: Path) -> None:
    async with over_http(tmp_path) as (sight, _):
        began = len(sight.observations)
        for replicas in (1, 0, 2, 0):
            kubectl.scale(sight.floor.cluster, "deploy", "agenttrader", "execution-agent", replicas)
        await sight.until(5, lambda _: len(states(sight.observations[began:], AGENT, "desired")) >= 4)
        assert states(sight.observations[began:], AGENT, "desired")[:4] == [1, 0, 2, 0]


async def test_a_server_that_goes_away_and_comes_back_is_found_again_and_what_it_missed_is_told(tmp_path: Path) -> None:
    async with over_http(tmp_path) as (sight, face):
        await face.stop()
        looked = {part for part in SOURCE.streams() if part.startswith("read")}
        await sight.until(5, lambda posture: looked <= set(sight.problems))
        began = len(sight.observations)
        for replicas in (1, 0):
            kubectl.scale(sight.floor.cluster, "deploy", "agenttrader", "execution-agent", replicas)
        await face.start()
        await sight.until(8, lambda posture: not sight.problems)
        await sight.after(0.1)
        told = states(sight.observations[began:], AGENT, "desired")
        assert 1 in told and told[-1] == 0, "a read may say what is before the WATCH says what was"
