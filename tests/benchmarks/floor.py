"""A process of its own: the simulated API server with objects to change. Prints its URL, and serves until its input
ends.

python -m tests.benchmarks.floor SWITCHES REPLICAS MODES [BALLAST]
"""

from __future__ import annotations

import asyncio
import gc
import sys
from datetime import UTC, datetime
from typing import Any

from watchdog.simulator import kubectl
from watchdog.simulator.cluster import Cluster
from watchdog.simulator.http_face import HttpFace
from watchdog.simulator.platform import trading_floor

NAMESPACE = "trading-floor"


def switch(number: int) -> dict[str, Any]:
    metadata = {"name": f"switch-{number}", "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"EXECUTION_HALTED": "1"}}


def deployment(name: str, labels: dict[str, str], env: list[dict[str, str]]) -> dict[str, Any]:
    container = {"name": "main", "image": "registry.example/thing:1", "env": env}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}},
        },
    }


def executor(number: int) -> dict[str, Any]:
    labels = {"app.kubernetes.io/component": "execution-agent"}
    return deployment(f"executor-{number}", labels, [{"name": "AGENT_MODE", "value": "OFF"}])


def strategy(name: str) -> dict[str, Any]:
    return deployment(name, {}, [{"name": "AGENT_MODE", "value": "PAPER"}])


def furnish(cluster: Cluster, switches: int, replicas: int, modes: int, ballast: int) -> None:
    """The objects that will change, and others that stand beside them."""
    kubectl.create(cluster, *(switch(number) for number in range(switches)))
    kubectl.create(cluster, *(executor(number) for number in range(replicas)))
    kubectl.create(cluster, *(strategy(f"strategy-{number}") for number in range(modes)))
    kubectl.create(cluster, *(strategy(f"ballast-{number}") for number in range(ballast)))


async def main() -> None:
    switches, replicas, modes, ballast = (*map(int, sys.argv[1:]), 0)[:4]
    floor = trading_floor(lambda: datetime.now(UTC))
    furnish(floor.cluster, switches, replicas, modes, ballast)
    gc.freeze()
    face = HttpFace(floor.server)
    await face.start()
    print(face.url, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await face.stop()


if __name__ == "__main__":
    asyncio.run(main())
