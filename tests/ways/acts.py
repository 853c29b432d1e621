"""What somebody does: with kubectl, or with a request of their own."""

from __future__ import annotations

from typing import Any

import msgspec

from watchdog.simulator import kubectl
from watchdog.simulator.wire import Request

from ..platform import Guarded
from .manifests import AGENTS, FLOOR
from .way import Act

JSON = dict[str, Any]
MERGE, STRATEGIC, JSON_PATCH = (
    f"application/{kind}-patch+json" for kind in ("merge", "strategic-merge", "json")
)  # fmt: skip
AGENT = "/apis/apps/v1/namespaces/agenttrader/deployments/execution-agent"
ENGINE = "/apis/apps/v1/namespaces/trading-floor/deployments/execution-engine"


async def request(
    world: Guarded, method: str, path: str, body: Any = None, content_type: str = "application/json", **query: str
) -> JSON:
    """As an administrator; it must be granted."""
    sent = b"" if body is None else msgspec.json.encode(body)
    response = await world.floor.server.answer(Request(method, path, query, {"content-type": content_type}, sent))
    assert response.status in (200, 201), response.body
    assert isinstance(response.body, bytes)
    answered: JSON = msgspec.json.decode(response.body)
    return answered


def asks(method: str, path: str, body: Any = None, content_type: str = "application/json", **query: str) -> Act:
    return lambda world: request(world, method, path, body, content_type, **query)


def creates(*manifests: JSON) -> Act:
    """``kubectl create -f``."""
    return lambda world: kubectl.create(world.floor.cluster, *manifests)


def patches(type: str, namespace: str, name: str, change: JSON) -> Act:
    """``kubectl patch --type merge``."""
    return lambda world: kubectl.patch(world.floor.cluster, type, namespace, name, change)


def scales(type: str, namespace: str, name: str, replicas: int) -> Act:
    return lambda world: kubectl.scale(world.floor.cluster, type, namespace, name, replicas)


def sets_env(type: str, namespace: str, name: str, **variables: str | None) -> Act:
    return lambda world: kubectl.set_env(world.floor.cluster, type, namespace, name, **variables)


def deletes(type: str, namespace: str, name: str, *, force: bool = False) -> Act:
    return lambda world: kubectl.delete(world.floor.cluster, type, namespace, name, force=force)


def in_turn(*acts: Act, every: float = 0.0) -> Act:
    """One after the other, with a pause between two: none is still several revisions, each committed."""

    async def act(world: Guarded) -> None:
        for number, one in enumerate(acts):
            if number and every:
                await world.at(number * every)
            outcome = one(world)
            if hasattr(outcome, "__await__"):
                await outcome

    return act


def the_switch(**data: str | None) -> Act:
    return lambda world: kubectl.set_data(world.floor.cluster, FLOOR, "agenttrader-kill-switch", **data)


def pods_of(world: Guarded, namespace: str, name: str) -> list[str]:
    """The names of its Pods."""
    from watchdog.simulator.resources import PODS

    return [pod.name for pod in world.floor.cluster.records(PODS, namespace) if pod.name.startswith(f"{name}-")]


the_agent = scales("deploy", AGENTS, "execution-agent", 1)
