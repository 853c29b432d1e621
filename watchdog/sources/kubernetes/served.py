"""Whether a kind whose definition (CRD) a cluster may lack is served, and streams that wait until it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from watchdog.core.observation import Facts
from watchdog.ports import Kubernetes, KubernetesError
from watchdog.sources.kubernetes.objects import Struct
from watchdog.sources.kubernetes.resources import Resource, decoder

PERIOD = 60.0
"""Seconds after which it is asked again: so late at most an installed CRD begins to be watched."""
TIMEOUT = 5.0


class Entry(Struct, frozen=True):
    name: str


class ResourceList(Struct, frozen=True):
    """What a group serves in one version: its resources and subresources."""

    resources: tuple[Entry, ...]


_resources = decoder(ResourceList, "a list of resources")


async def served(kubernetes: Kubernetes, resource: Resource[Any]) -> bool:
    """The group alone does not tell: Argo CD's is the same as Argo Rollouts'. Raises what ``kubernetes.read`` does."""
    try:
        found = _resources(await kubernetes.read(resource.prefix, {}, TIMEOUT))
    except KubernetesError as error:
        if error.status == 404 and _by_the_server_itself(error):
            return False
        raise
    return any(entry.name == resource.plural for entry in found.resources)


def _by_the_server_itself(error: KubernetesError) -> bool:
    """A proxy's 404 says nothing. An unknown group is plain text (kube-wire, point 19)."""
    return error.reason == "NotFound" or error.message == "404 page not found"


async def once_served(
    kubernetes: Kubernetes,
    resource: Resource[Any],
    absent: Callable[[], Facts],
    looks: Callable[[], AsyncGenerator[Facts, None]],
) -> AsyncGenerator[Facts, None]:
    """Until the kind is served ``absent()``, a look that succeeded: there can be no object of it. Then ``looks()``.

    A definition that is removed while it is watched makes the next list a 404, which raises; called anew, this waits.
    """
    while not await served(kubernetes, resource):
        yield absent()
        await asyncio.sleep(PERIOD)
    async with aclosing(looks()) as facts:
        async for seen in facts:
            yield seen
