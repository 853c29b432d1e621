"""Kubernetes manifests as YAML -> the digests that their workloads' images are pinned by. Pure, a slice at a time.

The text may be megabytes of what ``kubectl get -o yaml`` writes: it is read as a stream of events, of which only the
few fields that count are built. Aliases are refused: no tool writes them, and a few lines of them are a billion values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import yaml

from watchdog.core.selection import Named
from watchdog.sources.kubernetes.conditions.images import digest_of
from watchdog.sources.kubernetes.resources import WORKLOADS

Pinned: TypeAlias = Mapping[Named, Mapping[str, str]]
"""By workload: the digest of each container whose image is pinned."""

SLICE = 200
"""Events of the parser between two of its pauses: less than a millisecond."""
DEEPEST = 64
_KEYS = frozenset({
    "kind", "items", "metadata", "name", "namespace", "spec", "jobTemplate", "template", "containers",
    "initContainers", "image",
})  # fmt: skip
"""What is built; all else is passed over."""
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class NoManifests(ValueError):
    """The text is no YAML, or holds no workload with a pinned image."""


class Reading:
    """``slices()`` reads a little at each step; then ``pinned`` is whole."""

    def __init__(self, text: bytes) -> None:
        self.pinned: dict[Named, dict[str, str]] = {}
        self._events = yaml.parse(text, Loader=_LOADER)
        self._seen = 0

    def slices(self) -> Iterator[None]:
        """Raises ``NoManifests``."""
        try:
            for event in self._events:
                if isinstance(event, yaml.DocumentStartEvent):
                    yield from self._document()
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise NoManifests(f"it is no YAML: {' '.join(str(error).split())[:160]}") from None
        if not self.pinned:
            raise NoManifests("it holds no workload whose images are pinned by digest")

    def _document(self) -> Iterator[None]:
        found = yield from self._node(next(self._events), 0)
        for item in _items(found):
            self._take(item)

    def _node(self, event: Any, depth: int) -> Any:
        """Generator: the value of the node that begins with ``event``."""
        if depth > DEEPEST or isinstance(event, yaml.AliasEvent):
            raise NoManifests("it nests deeper than any manifest, or uses an alias")
        self._seen += 1
        if self._seen % SLICE == 0:
            yield
        if isinstance(event, yaml.SequenceStartEvent):
            return (yield from self._sequence(depth))
        if isinstance(event, yaml.MappingStartEvent):
            return (yield from self._mapping(depth))
        return event.value

    def _sequence(self, depth: int) -> Any:
        found: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            found.append((yield from self._node(event, depth + 1)))
        return found

    def _mapping(self, depth: int) -> Any:
        found: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = yield from self._node(event, depth + 1)
            value = yield from self._node(next(self._events), depth + 1)
            if isinstance(key, str) and key in _KEYS:
                found[key] = value
        return found

    def _take(self, manifest: Mapping[str, Any]) -> None:
        metadata, kind = _map(manifest, "metadata"), manifest.get("kind")
        if kind not in WORKLOADS or not isinstance(metadata.get("name"), str):
            return
        spec = _map(manifest, "spec")
        pod = _map(_map(_map(_map(spec, "jobTemplate"), "spec") or spec, "template"), "spec")
        digests = dict(_pinned([*_list(pod, "containers"), *_list(pod, "initContainers")]))
        if digests:
            self.pinned[Named(str(metadata.get("namespace") or "default"), str(kind), metadata["name"])] = digests


def _items(found: Any) -> Iterator[Mapping[str, Any]]:
    """Of a List, its items; else the object itself."""
    if isinstance(found, dict):
        yield from (one for one in _list(found, "items") or [found] if isinstance(one, dict))


def _pinned(containers: list[Any]) -> Iterator[tuple[str, str]]:
    for one in containers:
        if isinstance(one, dict) and isinstance(image := one.get("image"), str) and (digest := digest_of(image)):
            yield str(one.get("name")), digest


def _map(of: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = of.get(key)
    return found if isinstance(found, dict) else {}


def _list(of: Mapping[str, Any], key: str) -> list[Any]:
    found = of.get(key)
    return found if isinstance(found, list) else []
