"""A PodSpec on the wire -> the little of it that safety depends on: the variables that are watched and those that they
refer to, the volumes that carry a kill switch, and a command that names a variable."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import replace

from watchdog.core.command import matters
from watchdog.core.environment import (
    Bulk,
    ConfigMapKey,
    FieldPath,
    Origin,
    ResourcePath,
    SecretKey,
    Unread,
    Variable,
    needed,
)
from watchdog.core.pod import Container, Mount, Pairs, PodShape, Projection, Role, Volume
from watchdog.sources.kubernetes import objects


class Shapes:
    """``names``: the variables that count; ``switches``: the names of ConfigMaps that carry a kill switch;
    ``exempt``: Secrets ('namespace/name') that are known to set none of the names."""

    def __init__(self, names: frozenset[str], switches: frozenset[str], exempt: frozenset[str] = frozenset()) -> None:
        self.names, self.switches, self.exempt = names, switches, exempt

    def of(self, spec: objects.PodSpec, namespace: str) -> PodShape:
        volumes = tuple(self._volumes(spec.volumes or ()))
        mounted = frozenset(volume.name for volume in volumes)
        roles = [(c, Role.MAIN) for c in spec.containers]
        roles += [(c, Role.SIDECAR if c.restart_policy == "Always" else Role.INIT) for c in spec.init_containers or ()]
        roles += [(c, Role.EPHEMERAL) for c in spec.ephemeral_containers or ()]
        containers = tuple(self._container(c, role, mounted, namespace) for c, role in roles)
        return PodShape(containers, volumes, spec.service_account_name or "")

    def names_one(self, text: str) -> bool:
        """Whether a text names a watched variable at all."""
        return any(name in text for name in self.names)

    def annotations(self, shape: PodShape) -> frozenset[str]:
        """Those that a variable is taken from."""
        paths = (v.origin.path for c in shape.containers for v in c.variables if isinstance(v.origin, FieldPath))
        return frozenset(path[len(PREFIX) : -len("']")] for path in paths if path.startswith(PREFIX))

    def depends(self, shape: PodShape) -> bool:
        """Whether what runs may be otherwise than what the next start would get: something comes from a ConfigMap."""
        return any(
            c.bulk or any(isinstance(v.origin, ConfigMapKey) for v in c.variables) for c in shape.containers
        )  # fmt: skip

    def _volumes(self, volumes: Iterable[objects.Volume]) -> Iterator[Volume]:
        for volume in volumes:
            projections = tuple(_projections(volume))
            if any(projection.config_map in self.switches for projection in projections):
                yield Volume(volume.name, projections)

    def _container(self, wire: objects.Container, role: Role, mounted: frozenset[str], namespace: str) -> Container:
        mounts = tuple(_mounts(wire.volume_mounts or (), mounted))
        bulk = tuple(b for b in map(_bulk, wire.env_from or ()) if f"{namespace}/{b.secret}" not in self.exempt)
        command, args = wire.command or (), wire.args or ()
        said = bool(command or args) and matters(Container("", command=command, args=args), self.names)
        if not (said or any(entry.name in self.names for entry in wire.env or ())):
            return Container(wire.name, wire.image, role, (), bulk, (), (), mounts)  # most containers
        limits, variables = _limits(wire.resources), tuple(map(_variable, wire.env or ()))
        whole = Container(
            wire.name, wire.image, role, variables, bulk, wire.command or (), wire.args or (), mounts, limits
        )
        return self._without_what_does_not_matter(whole)

    def _without_what_does_not_matter(self, whole: Container) -> Container:
        said = whole if matters(whole, self.names) else replace(whole, command=(), args=())
        wanted = needed(said, self.names)
        variables = tuple(variable for variable in said.variables if variable.name in wanted)
        limited = any(isinstance(variable.origin, ResourcePath) for variable in variables)
        return replace(said, variables=variables, limits=said.limits if limited else ())


def references(shape: PodShape) -> list[str]:
    """The ConfigMaps that any container's environment comes from."""
    keys = {v.origin.config_map for c in shape.containers for v in c.variables if isinstance(v.origin, ConfigMapKey)}
    return sorted(keys | {b.config_map for c in shape.containers for b in c.bulk if b.config_map})


PREFIX = "metadata.annotations['"


def _projections(volume: objects.Volume) -> Iterator[Projection]:
    parts = volume.projected.sources or () if volume.projected is not None else ()
    for source in (volume.config_map,) if volume.config_map is not None else (part.config_map for part in parts):
        if source is None:
            yield Projection("", keys=None)  # a Secret, a token: what it makes is not seen
        else:
            keys = None if source.items is None else tuple((item.key, item.path) for item in source.items)
            yield Projection(source.name, source.optional is True, keys)


def _mounts(mounts: Iterable[objects.VolumeMount], mounted: frozenset[str]) -> Iterator[Mount]:
    """Those that carry a switch, and whatever lies over them."""
    paths = [_absolute(mount.mount_path) for mount in mounts if mount.name in mounted]
    for mount in mounts if paths else ():
        path = _absolute(mount.mount_path)
        if any(posixpath.commonpath((path, carrying)) in (path, carrying) for carrying in paths):
            yield Mount(mount.name, path, mount.sub_path or mount.sub_path_expr or "")


def _absolute(path: str) -> str:
    """A relative path is one below the root of the container."""
    return posixpath.normpath("/" + path.lstrip("/"))


def _limits(resources: objects.ResourceAmounts | None) -> Pairs:
    stated = resources or objects.ResourceAmounts()
    found = {f"limits.{name}": str(amount) for name, amount in (stated.limits or {}).items()}
    found |= {f"requests.{name}": str(amount) for name, amount in (stated.requests or {}).items()}
    return tuple(sorted(found.items()))


def _variable(entry: objects.EnvVar) -> Variable:
    return Variable(entry.name, entry.value or "", None if entry.value_from is None else _origin(entry.value_from))


def _origin(source: objects.ValueFrom) -> Origin:
    """In the kubelet's order, should more than one be set."""
    if source.field_ref is not None:
        return FieldPath(source.field_ref.field_path)
    if (of_container := source.resource_field_ref) is not None:
        divisor = str(of_container.divisor or "")
        return ResourcePath(of_container.resource, of_container.container_name or "", divisor)
    if (of_map := source.config_map_key_ref) is not None:
        return ConfigMapKey(of_map.name, of_map.key, of_map.optional is True)
    if (of_secret := source.secret_key_ref) is not None:
        return SecretKey(of_secret.name, of_secret.key)
    return Unread()


def _bulk(source: objects.EnvFrom) -> Bulk:
    prefix = source.prefix or ""
    if source.config_map_ref is not None:
        return Bulk(source.config_map_ref.name, prefix=prefix, optional=source.config_map_ref.optional is True)
    return Bulk(secret=source.secret_ref.name if source.secret_ref is not None else "?", prefix=prefix)
