"""What a running container was started with: environment that comes from a ConfigMap is read once, at the start.

How to use it (all times are wall seconds since the epoch; those of the API server, whole seconds, where it states them,
so that a clock of ours that is wrong cannot hide a change):

* for each ConfigMap key that a container depends on (``asked``) keep a ``History``: ``history = remembered(history,
  Sight(...), needed_since)`` at each event and look that shows it otherwise than before;
* ``possible(history, config_map, key, Start(...))`` are the values that the kubelet may have read (with ``None``
  instead of a start, for a container that does not run: the value as it is now);
* ``views(container, names, now, held)`` are the ConfigMaps as they may have been, nearly always one:
  ``environment(container, bearer, view)`` for each of them, and the worst counts. A container that takes nothing from
  a ConfigMap has one view and needs no history.

A value that may have been read and that nobody saw is ``Unknown``. ``envFrom`` of a whole ConfigMap is the same as a
reference to each key that could make a name that counts (its prefix removed), so that an absent key, which may have
been there at the start, has a history too: where nobody can say when it was last written (``managedFields`` names the
owners of keys that exist), the last write of the whole object has to do for ``Sight.written``; what remains is a
doubt (``Perhaps``), like that about an ``envFrom`` Secret, and not an unknown value.

**The window.** A container's first start in its Pod reads no value that was gone when the Pod was created: a kubelet
begins to watch (or fetches anew) what a Pod refers to when the Pod is assigned to it
(``pkg/kubelet/util/manager/watch_based_manager.go``, ``cache_based_manager.go``). A later start, in the same Pod, may
read the kubelet's cache: as for a mounted file, ``PROPAGATION_GRACE`` is allowed for. No start reads what was written
after the second that follows ``startedAt``, which is cut to whole seconds. (``startedAt`` is by the node's clock.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from itertools import product
from math import inf, prod
from typing import NamedTuple, TypeAlias

from watchdog.core.environment import ConfigMapKey, ConfigMaps, Perhaps, Variable, needed
from watchdog.core.facts import Unknown
from watchdog.core.pod import Container

PROPAGATION_GRACE = 90.0
"""Seconds in which a change may not yet have reached a kubelet. domain.md §3."""
SECOND = 1.0
SKEW = 2.0
"""Seconds that our clock may be ahead of the API server's, where only ours tells when something changed."""
KEPT = 16
"""Values of one key that are remembered; of what lay before them it is not known what it was."""
VIEWS = 16
"""Combinations of possible values that are worth telling apart."""
FIRST_LOOK = -inf


class Sight(NamedTuple):
    """A key of a ConfigMap, as seen from some instant on. ``value`` is None where the key or the ConfigMap is not."""

    value: str | None
    seen: float  # by our clock
    written: float | None = None  # by the API's: the key was last written then or before
    created: float | None = None  # the ConfigMap's creationTimestamp
    blind_since: float | None = None  # from when on nobody looked until now; None: nothing was missed


History: TypeAlias = tuple[Sight, ...]
"""Sights of one key, the newest last."""
Value: TypeAlias = str | Unknown | None


class Start(NamedTuple):
    """A start of one container: its ``state.running.startedAt``, and its Pod's ``creationTimestamp``."""

    at: float
    pod_created: float
    restarted: bool = False  # restartCount is above 0

    @property
    def earliest(self) -> float:
        """Values that were gone by then it cannot have read."""
        early = self.at - PROPAGATION_GRACE
        return early if self.restarted else max(early, min(self.pod_created, self.at))

    @property
    def latest(self) -> float:
        return self.at + SECOND


def remembered(history: History, sight: Sight, needed_since: float) -> History:
    """With ``sight``, unless it shows what was there already, and without what was gone before ``needed_since`` (the
    ``earliest`` of the oldest container that runs and depends on it; ``inf`` without any) and by
    ``PROPAGATION_GRACE`` ago, for those that are about to start. The first sight of all is a first look, whatever it
    says."""
    if not history:
        return (sight._replace(blind_since=FIRST_LOOK),)
    if history[-1].value == sight.value and not _missed(sight):
        return history
    longer = (*history, _credible(history[-1], sight))
    since = min(needed_since, sight.seen - PROPAGATION_GRACE - SKEW)
    kept = [s for s, end in zip(longer, _ends(longer), strict=True) if end >= since][-KEPT:]
    if len(kept) < len(longer):
        kept[0] = kept[0]._replace(blind_since=FIRST_LOOK)
    return tuple(kept)


def possible(history: History, config_map: str, key: str, start: Start | None) -> tuple[Value, ...]:
    """Every value that may have been read at a start, the newest first; no history: nothing is known."""
    if not history:
        return (Unknown("NotYetSeen", f"ConfigMap {config_map} has not been looked at yet"),)
    if start is None:
        return (history[-1].value,)
    found: dict[Value, None] = {}
    for sight, end in reversed([*zip(history, _ends(history), strict=True)]):
        if _began(sight) <= start.latest and end > start.earliest:
            found[sight.value] = None
        if _hides(sight, start):
            found[_changed(sight, config_map, key, start)] = None
    return tuple(found)


def newest_from(history: History) -> float:
    """Who starts at this instant (by ``Start.earliest``) or later can have read the newest value only."""
    return max((max(_began(sight), _settled(sight)) for sight in history), default=inf)


def _credible(before: Sight, sight: Sight) -> Sight:
    """A change that claims to be older than a sight of what was before: the claim is wrong (managedFields can be
    reset), the sight is not."""
    latest = max(before.seen - SKEW, FIRST_LOOK if sight.blind_since is None else sight.blind_since)
    if sight.value == before.value or sight.written is None or sight.written + SECOND >= latest:
        return sight
    return sight._replace(written=None)


def _missed(sight: Sight) -> bool:
    """Whether the key may have been written while nobody looked."""
    return sight.blind_since is not None and (sight.written is None or sight.written + SECOND >= sight.blind_since)


def _began(sight: Sight) -> float:
    """It held at no time before."""
    if sight.blind_since is not None:
        return sight.blind_since
    return sight.seen - SKEW if sight.written is None else sight.written


def _settled(sight: Sight) -> float:
    """It held at all times after, until the next."""
    return sight.seen + SKEW if sight.written is None else sight.written + SECOND


def _ends(history: History) -> list[float]:
    """By when each had ceased to hold."""
    return [*map(_settled, history[1:]), inf]


def _hides(sight: Sight, start: Start) -> bool:
    """Whether something else than is remembered may have been read before this sight. What has not been written since
    its ConfigMap was created was there with it, and nothing starts with a ConfigMap that is not there."""
    if sight.blind_since is None:
        return False
    if sight.blind_since == FIRST_LOOK and sight.created is not None and sight.written == sight.created:
        return start.latest < sight.created
    return sight.blind_since <= start.latest and start.earliest < _settled(sight)


def _changed(sight: Sight, config_map: str, key: str, start: Start) -> Unknown:
    when = f"first seen at {_text(sight.seen)}" if sight.written is None else f"last written at {_text(sight.written)}"
    what = f"key {key} of ConfigMap {config_map} was {when}"
    doubt = Perhaps if sight.value is None else Unknown
    return doubt("ChangedSinceStart", f"the container started at {_text(start.at)}, and {what}")


def _text(instant: float) -> str:
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# What a container depends on


@lru_cache(4096)
def asked(container: Container, names: frozenset[str]) -> tuple[tuple[str, str], ...]:
    """The ConfigMap keys that ``names`` may come from, each once and in the order of the container's entries."""
    wanted = dict.fromkeys(sorted(needed(container, names)))
    found: dict[tuple[str, str], None] = {}
    for source in container.bulk:
        if source.config_map:
            keys = (name[len(source.prefix) :] for name in wanted if name.startswith(source.prefix))
            found |= dict.fromkeys((source.config_map, key) for key in keys if key)
    for variable in container.variables:
        if isinstance(variable.origin, ConfigMapKey) and variable.name in wanted:
            found[variable.origin.config_map, variable.origin.key] = None
    return tuple(found)


Held: TypeAlias = Callable[[str, str], tuple[Value, ...]]
"""What a key of a ConfigMap may have been at the start (``possible``)."""


Place: TypeAlias = tuple[str, str]
"""A ConfigMap and a key of it."""


def views(container: Container, names: frozenset[str], now: ConfigMaps, held: Held) -> tuple[ConfigMaps, ...]:
    """The ConfigMaps as the kubelet may have read them for a container that runs. Those that are not in sight now stay
    so; whatever it could not have started without was there. Every value that a name may have stands in one of them;
    which values of different names go together matters only where one refers to another."""
    required = {(o.config_map, o.key) for o in map(_origin, container.variables) if o is not None and not o.optional}
    keys = [place for place in asked(container, names) if not isinstance(now(place[0]), Unknown)]
    values = {place: _present(held(*place)) if place in required else held(*place) for place in keys}
    ways = [_ways(group, values) for group in _that_go_together(container, keys)]
    number = max(map(len, ways), default=1)
    chosen = ({k: v for way in ways for k, v in way[min(i, len(way) - 1)].items()} for i in range(number))
    return tuple(_view(now, choice) for choice in chosen)


def _ways(group: list[Place], values: Mapping[Place, tuple[Value, ...]]) -> list[dict[Place, Value]]:
    if prod(len(values[place]) for place in group) > VIEWS:
        many = Unknown("ManyChanges", "the ConfigMaps that it was started with changed too often to tell")
        return [{place: many if len(values[place]) > 1 else values[place][0] for place in group}]
    return [dict(zip(group, way, strict=True)) for way in product(*(values[place] for place in group))]


def _that_go_together(container: Container, keys: list[Place]) -> list[list[Place]]:
    """The keys that one name may come from; all of them, where any value may refer to another."""
    texts = (*(variable.value for variable in container.variables), *container.command, *container.args)
    if any("$" in text for text in texts):
        return [keys]
    groups: list[list[Place]] = []
    for places in _by_name(container, keys):
        touched = [group for group in groups if not set(group).isdisjoint(places)]
        groups = [group for group in groups if group not in touched]
        groups.append(list(dict.fromkeys((*(place for group in touched for place in group), *places))))
    return groups


def _by_name(container: Container, keys: list[Place]) -> Iterable[list[Place]]:
    found: dict[str, list[Place]] = {}
    for config_map, key in keys:
        for source in container.bulk:
            if source.config_map == config_map:
                found.setdefault(source.prefix + key, []).append((config_map, key))
        for variable in container.variables:
            if (origin := _origin(variable)) is not None and (origin.config_map, origin.key) == (config_map, key):
                found.setdefault(variable.name, []).append((config_map, key))
    return found.values()


def _origin(variable: Variable) -> ConfigMapKey | None:
    return variable.origin if isinstance(variable.origin, ConfigMapKey) else None


def _present(values: tuple[Value, ...]) -> tuple[Value, ...]:
    return tuple(value for value in values if value is not None) or values


def _view(now: ConfigMaps, chosen: Mapping[tuple[str, str], Value]) -> ConfigMaps:
    changed: dict[str, dict[str, Value]] = {}
    for (config_map, key), value in chosen.items():
        changed.setdefault(config_map, {})[key] = value

    def view(name: str) -> Mapping[str, str | Unknown] | Unknown | None:
        data = now(name)
        if name not in changed or isinstance(data, Unknown):
            return data
        merged = {**(data or {}), **changed[name]}
        return {key: value for key, value in merged.items() if value is not None}

    return view
