"""How an execution workload reads the kill switch, and whether a change of the switch reaches it. domain.md §3.

Sound is: a mount of the whole volume, in which the switch's key is a file, and which cannot be absent; or a reference
by ``env`` or ``envFrom`` to a key that cannot be absent (read at each start only). A flaw: a mount by ``subPath``
(never updated), one that is ``optional``, an ``items`` that leaves the key out, a file that another mount or projection
hides, a variable of the switch that is set otherwise than from the switch, and a path that names no file of it.
An ``optional`` reference to a switch that need not be is no flaw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from posixpath import join, normpath
from typing import NamedTuple

from watchdog.core.command import settings
from watchdog.core.environment import Bearer, ConfigMapKey, ConfigMaps, Environment, environment
from watchdog.core.facts import Unknown
from watchdog.core.pod import Container, Mount, PodShape, Projection, Role, Volume


class SwitchKey(NamedTuple):
    """A key of a ConfigMap that carries the switch. One that is not ``required`` may be absent."""

    config_map: str
    key: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class Reader:
    """What the platform's own reader of the switch looks at, in one namespace."""

    keys: tuple[SwitchKey, ...]
    variables: tuple[str, ...] = ()  # EXECUTION_HALTED, EXEC_KILL_SWITCH
    file_variables: tuple[str, ...] = ()  # EXECUTION_HALTED_FILE, EXEC_KILL_SWITCH_FILE

    def key(self, config_map: str, key: str) -> SwitchKey | None:
        return next((k for k in self.keys if (k.config_map, k.key) == (config_map, key)), None)

    def names(self) -> tuple[str, ...]:
        """The variables that a switch may be read from: a key may be taken under its own name too."""
        return tuple(dict.fromkeys((*self.variables, *(k.key for k in self.keys))))


def wired(
    shape: PodShape, reader: Reader, executes: Callable[[str], bool], bearer: Bearer, config_maps: ConfigMaps
) -> tuple[bool | Unknown, str]:
    """Whether every container that executes reads the switch soundly, and the container and field that say so.
    ``executes``: whether an image is an execution image."""
    judged = [_container(c, shape, reader, bearer, config_maps) for c in executing(shape, executes)]
    flaws = [flaw for found in judged for flaw in found.flaws]
    if not judged:
        return False, "it has no container that could read the kill switch"
    if flaws:
        return False, "; ".join(flaws)
    for found in judged:
        if found.unknown is not None:
            return found.unknown, str(found.unknown)
    return True, "; ".join(found.reads[0] for found in judged if found.reads)


def executing(shape: PodShape, executes: Callable[[str], bool]) -> tuple[Container, ...]:
    """The containers that have to read the switch: those of an execution image; without any, the first (a mesh's
    sidecar need not)."""
    running = [c for c in shape.containers if c.role in (Role.MAIN, Role.SIDECAR)]
    of_image = tuple(c for c in running if executes(c.image))
    return of_image or tuple(c for c in running if c.role is Role.MAIN)[:1]


def read_by(shape: PodShape, reader: Reader) -> str:
    """The ConfigMap of a switch that any container mounts or references, soundly or not; empty if none does."""
    found = (name for container in shape.containers for name in _touched(container, shape) if name)
    return next((name for name in found if any(name == key.config_map for key in reader.keys)), "")


def _touched(container: Container, shape: PodShape) -> Iterator[str]:
    mounted = {mount.volume for mount in container.mounts}
    yield from (p.config_map for v in shape.volumes if v.name in mounted for p in v.projections)
    yield from (source.config_map for source in container.bulk)
    yield from (v.origin.config_map for v in container.variables if isinstance(v.origin, ConfigMapKey))


class _Judged(NamedTuple):
    flaws: list[str]
    reads: list[str]
    unknown: Unknown | None


class _File(NamedTuple):
    """A file of a switch, as one container sees it."""

    path: str
    flaw: str = ""
    unknown: Unknown | None = None  # why it may not be the switch's


def _container(
    container: Container, shape: PodShape, reader: Reader, bearer: Bearer, config_maps: ConfigMaps
) -> _Judged:
    named = f"container {container.name}"
    files = [*_files(container, shape, reader, config_maps)]
    being = environment(container, bearer, config_maps)
    references = [*_references(container, reader)]
    flaws = [file.flaw for file in files if file.flaw]
    flaws += [flaw for flaw in references if flaw]
    flaws += [*_overrides(container, reader, being)]
    pointers, unknown = _pointers(container, reader, being, [_absolute(file.path) for file in files if not file.flaw])
    flaws += pointers
    unknown = next((file.unknown for file in files if file.unknown), unknown)
    reads = [f"mounts it at {file.path}" for file in files if not file.flaw]
    reads += ["references it in env, which is read at a start only" for flaw in references if not flaw]
    if not reads and not flaws:
        flaws = ["neither mounts nor references the kill switch"]
    return _Judged([f"{named} {flaw}" for flaw in flaws], [f"{named} {read}" for read in reads], unknown)


# Files


def _files(container: Container, shape: PodShape, reader: Reader, config_maps: ConfigMaps) -> Iterator[_File]:
    volumes = {volume.name: volume for volume in shape.volumes}
    for mount in container.mounts:
        if volume := volumes.get(mount.volume):
            for number, projection in enumerate(volume.projections):
                for key in reader.keys:
                    if key.config_map == projection.config_map:
                        yield _file(container, mount, volume, number, key, config_maps)


def _file(
    container: Container, mount: Mount, volume: Volume, number: int, key: SwitchKey, config_maps: ConfigMaps
) -> _File:
    projection = volume.projections[number]
    inside = _path(projection, key.key)
    path = join(mount.path, inside or key.key)
    what = f"ConfigMap {key.config_map} (volume {volume.name})"
    if inside is None:
        return _File(path, f"mounts {what} with items that leave out {key.key}")
    if mount.sub_path:
        return _File(mount.path, f"mounts {what} by subPath {mount.sub_path}, which is never updated")
    if projection.optional and key.required:
        return _File(path, f"mounts {what} as optional: it starts without it")
    shadows = [_shadows(later, inside, config_maps) for later in volume.projections[number + 1 :]]
    if True in shadows:
        return _File(path, f"mounts {what}, but a later source of the volume makes the file {inside}")
    if hiding := next((m for m in container.mounts if m != mount and _hides(m, mount, path)), None):
        return _File(path, f"mounts {what}, but its mount of volume {hiding.volume} at {hiding.path} hides it")
    return _File(path, unknown=next((shadow for shadow in shadows if isinstance(shadow, Unknown)), None))


def _path(projection: Projection, key: str) -> str | None:
    """Where a key's file is in the volume; without ``items`` each key makes one."""
    return key if projection.keys is None else dict(projection.keys).get(key)


def _shadows(projection: Projection, path: str, config_maps: ConfigMaps) -> bool | Unknown:
    if projection.keys is not None:
        return path in dict(projection.keys).values()
    if not projection.config_map:
        return Unknown("NotSeen", f"a later source of the volume, which is no ConfigMap, may make the file {path}")
    data = config_maps(projection.config_map)
    return data if isinstance(data, Unknown) else data is not None and path in data


def _hides(other: Mount, mount: Mount, path: str) -> bool:
    """A mount further down, at the file or on the way to it, or another volume's at the same place; one further up is
    made before."""
    over, at, own = _absolute(other.path), _absolute(path), _absolute(mount.path)
    if over == own:
        return other.volume != mount.volume
    return len(over) > len(own) and (at == over or at.startswith(over + "/"))


def _absolute(path: str) -> str:
    """A relative ``mountPath`` is one below the root of the container."""
    return normpath("/" + path.lstrip("/"))


# Environment


def _references(container: Container, reader: Reader) -> Iterator[str]:
    """For each reference to a switch its flaw, empty if it has none."""
    names = reader.names()
    for variable in container.variables:
        origin = variable.origin
        if not isinstance(origin, ConfigMapKey) or variable.value or variable.name not in names:
            continue
        if key := reader.key(origin.config_map, origin.key):
            where = f"references ConfigMap {key.config_map} in env {variable.name}"
            yield f"{where} as optional: it starts without it" if origin.optional and key.required else ""
    for source in container.bulk:
        for key in (k for k in reader.keys if k.config_map == source.config_map and source.prefix + k.key in names):
            where = f"references ConfigMap {key.config_map} in envFrom"
            yield f"{where} as optional: it starts without it" if source.optional and key.required else ""


def _overrides(container: Container, reader: Reader, being: Environment) -> Iterator[str]:
    """Where a variable of the switch says something that the switch does not."""
    for variable in container.variables:
        if variable.name not in reader.variables:
            continue
        if variable.value or variable.origin is None:
            yield f'overrides the kill switch with the literal env {variable.name} "{variable.value}"'
        elif not isinstance(variable.origin, ConfigMapKey) or not reader.key(
            variable.origin.config_map, variable.origin.key
        ):
            yield f"sets env {variable.name} from something else than the kill switch"
    for name in reader.variables:
        place = being.taken_from.get(name)
        if place is not None and reader.key(*place) is None and not any(v.name == name for v in container.variables):
            yield f"sets env {name} from ConfigMap {place[0]} (envFrom), which is not the kill switch"
    for setting in settings(container, reader.variables, being, reader.variables):
        yield f"sets {setting.name} in {setting.where}, whatever the kill switch says"


def _pointers(
    container: Container, reader: Reader, being: Environment, files: Iterable[str]
) -> tuple[list[str], Unknown | None]:
    """Variables that name a file which is none of the switch's."""
    sound = dict.fromkeys(files)
    flaws: list[str] = []
    unknown: Unknown | None = None
    named = [(being.get(name), f"env {name}") for name in reader.file_variables]
    named += [(s.value, f"{s.name} in {s.where}") for s in settings(container, reader.file_variables, being)]
    for value, where in named:
        if isinstance(value, Unknown):
            unknown = unknown or value
        elif value and _spelt(value.strip()) not in sound:
            flaws.append(f"reads the file {value.strip()} ({where}), which no sound mount of the kill switch makes")
    return flaws, unknown


def _spelt(path: str) -> str:
    """A relative path stays one: which file it is depends on where the program runs."""
    return _absolute(path) if path.startswith("/") else path
