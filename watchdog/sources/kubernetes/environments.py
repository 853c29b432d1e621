"""A container on the wire -> its effective environment (``core.environment``)."""

from __future__ import annotations

from collections.abc import Set

from watchdog.core.environment import (
    Bearer,
    Bulk,
    ConfigMapKey,
    ConfigMaps,
    Environment,
    FieldPath,
    Origin,
    SecretKey,
    Unread,
    Variable,
    environment,
)
from watchdog.sources.kubernetes.objects import Container, EnvFrom, EnvVar, PodSpec, ValueFrom


def effective(container: Container, names: Set[str], bearer: Bearer, config_maps: ConfigMaps) -> Environment:
    """As far as ``names`` depend on it: a container has dozens of variables, and few refer to others."""
    entries = container.env or ()
    wanted = [entry for entry in entries if entry.name in names]
    if any("$(" in (entry.value or "") for entry in wanted):
        wanted = [*entries]
    bulks = tuple(map(_bulk, container.env_from or ()))
    return environment(tuple(map(_variable, wanted)), bulks, bearer, config_maps)


def referenced(spec: PodSpec) -> frozenset[str]:
    """The ConfigMaps that any container's environment comes from."""
    entries = (v.value_from for c in spec.all() for v in c.env or () if v.value_from is not None)
    keys = {e.config_map_key_ref.name for e in entries if e.config_map_key_ref is not None}
    bulks = {b.config_map_ref.name for c in spec.all() for b in c.env_from or () if b.config_map_ref is not None}
    return frozenset(keys | bulks)


def _variable(entry: EnvVar) -> Variable:
    return Variable(entry.name, entry.value or "", None if entry.value_from is None else _origin(entry.value_from))


def _origin(source: ValueFrom) -> Origin:
    """In the kubelet's order, should more than one be set."""
    if source.field_ref is not None:
        return FieldPath(source.field_ref.field_path)
    if (of_map := source.config_map_key_ref) is not None:
        return ConfigMapKey(of_map.name, of_map.key, of_map.optional is True)
    if (of_secret := source.secret_key_ref) is not None:
        return SecretKey(of_secret.name, of_secret.key)
    return Unread()


def _bulk(source: EnvFrom) -> Bulk:
    prefix = source.prefix or ""
    if source.config_map_ref is not None:
        return Bulk(source.config_map_ref.name, prefix=prefix, optional=source.config_map_ref.optional is True)
    return Bulk(secret=source.secret_ref.name if source.secret_ref is not None else "?", prefix=prefix)
