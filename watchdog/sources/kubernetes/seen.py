"""What each look sees, as the coverage report names it. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from watchdog.core.facts import KillSwitch, Subject
from watchdog.core.observation import Sees
from watchdog.sources.kubernetes.permissions import title
from watchdog.sources.kubernetes.resources import Resource
from watchdog.sources.kubernetes.stanza import KillSwitchKey


def seen_by(resource: Resource[Any], namespace: str, variables: Iterable[str]) -> tuple[Sees, ...]:
    """What a look at a collection sees. A namespace is seen while every kind in it is, and a variable while everything
    that bears environments (or is referred to by them: pass no ``variables`` for the others) is."""
    return tuple(_seen_by(resource, namespace, variables))


def _seen_by(resource: Resource[Any], namespace: str, variables: Iterable[str]) -> Iterator[Sees]:
    yield Sees("kind", title(resource.group, resource.plural), namespace)
    yield Sees("namespace", namespace or "every namespace", namespace, every=True)
    yield from (Sees("variable", variable, namespace, every=True) for variable in variables)


def named_seen(resource: Resource[Any], namespace: str, name: str) -> tuple[Sees, ...]:
    """What a look at one object sees."""
    return (Sees("object", f"{resource.kind} {name}", namespace),)


def keys_seen(carriers: Iterable[KillSwitchKey]) -> tuple[Sees, ...]:
    """What a look at the ConfigMaps that carry kill switches sees."""
    return tuple(Sees("config_map_key", f"{c.config_map}: {c.key}", c.namespace, subject=_subject(c)) for c in carriers)


def _subject(carrier: KillSwitchKey) -> Subject:
    return KillSwitch(carrier.switch, "config_map", carrier.location, False, "", "").subject
