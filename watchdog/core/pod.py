"""What a Pod, or the template of Pods, says of itself, as far as safety depends on it.

Values, so that ten thousand Pods of a hundred templates share a hundred of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from watchdog.core.environment import Bulk, Variable

Pairs: TypeAlias = tuple[tuple[str, str], ...]
"""Labels or annotations, sorted by name."""


class Role(StrEnum):
    """When a container runs."""

    MAIN = "container"
    INIT = "init container"
    SIDECAR = "sidecar"  # an init container that restarts always
    EPHEMERAL = "ephemeral container"


@dataclass(frozen=True, slots=True)
class Mount:
    volume: str
    path: str
    sub_path: str = ""  # also subPathExpr: either way the file is never updated


@dataclass(frozen=True, slots=True)
class Projection:
    """A ConfigMap in a volume. ``keys``: of which keys files are made, and their paths; ``None``: of all."""

    config_map: str
    optional: bool = False
    keys: Pairs | None = None


@dataclass(frozen=True, slots=True)
class Volume:
    name: str
    projections: tuple[Projection, ...] = ()


@dataclass(frozen=True, slots=True)
class Container:
    name: str
    image: str = ""
    role: Role = Role.MAIN
    variables: tuple[Variable, ...] = ()
    bulk: tuple[Bulk, ...] = ()
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    mounts: tuple[Mount, ...] = ()
    limits: Pairs = ()  # resources, as 'limits.cpu' and 'requests.memory', for resourceFieldRef


@dataclass(frozen=True, slots=True)
class PodShape:
    """A PodSpec without whatever has no bearing on safety."""

    containers: tuple[Container, ...]
    volumes: tuple[Volume, ...] = ()
    service_account: str = ""
