"""References and digests of images, as text. Pure.

The grammar is that of the distribution project: https://pkg.go.dev/github.com/distribution/reference
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from watchdog.core.pod import PodShape, Role
from watchdog.sources.kubernetes.objects import ContainerStatus, PodStatus

Digests = tuple[tuple[str, str], ...]
"""Containers, and the digests of the images that they run: 'sha256:…'."""
SHOWN = len("sha256:") + 12


@lru_cache(4096)
def is_floating(reference: str) -> bool:
    """Whether it may name another image tomorrow by its very nature: tag latest, or none, and no digest. domain.md
    §10."""
    name, _, digest = reference.strip().partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    return not digest and tag in ("", "latest")


def digest_of(reference: str) -> str:
    """Of an image that is named by it, or of a status' imageID; empty where neither says. (An imageID without a
    repository is of an image that was built on the node: other nodes know it by another.)"""
    return reference.partition("@")[2].strip()


def running(status: PodStatus) -> Digests:
    """Of each container that has been started."""
    every = (*(status.container_statuses or ()), *(status.init_container_statuses or ()))
    return tuple(_running(every))


def _running(every: Iterable[ContainerStatus]) -> Iterable[tuple[str, str]]:
    for one in every:
        if digest := digest_of(one.image_id or ""):
            yield one.name, digest


def floating(shape: PodShape) -> str:
    """What is said of the first container that floats; empty if none does. What somebody debugs with is no part of the
    workload."""
    for container in shape.containers:
        if container.role is not Role.EPHEMERAL and is_floating(container.image):
            return f"container {container.name}: image {container.image[:160] or 'without a name'}"
    return ""


def short(digest: str) -> str:
    return digest if len(digest) <= SHOWN else f"{digest[:SHOWN]}…"
