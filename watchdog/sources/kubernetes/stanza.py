"""The nested parts of the stanza ``kind: kubernetes``: the platform's names, none of which stands in code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from watchdog.core.selection import Named, Selection
from watchdog.core.switch import FALSY, TRUTHY

Words = Literal["truthy", "falsy", "not_truthy"]


@dataclass(frozen=True, slots=True)
class KillSwitchKey:
    """A key of a ConfigMap that carries the kill switch. One that is not ``required`` may be absent."""

    switch: str
    namespace: str
    config_map: str
    key: str
    required: bool = True

    @property
    def location(self) -> str:
        return f"{self.namespace}/{self.config_map}"


@dataclass(frozen=True, slots=True)
class GuardedWorkload:
    """An execution workload that is known by name, and read directly beside the WATCH."""

    namespace: str
    kind: Literal["Deployment", "StatefulSet"]
    name: str

    @property
    def named(self) -> Named:
        return Named(self.namespace, self.kind, self.name)


@dataclass(frozen=True, slots=True)
class Execution:
    """What counts as an execution workload. domain.md §5."""

    workloads: tuple[GuardedWorkload, ...] = ()
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    images: tuple[str, ...] = ()
    service_accounts: tuple[str, ...] = ()
    switches: bool = False  # whatever mounts or references a kill switch counts too

    def __post_init__(self) -> None:
        if len({w.named for w in self.workloads}) < len(self.workloads):
            raise ValueError("execution.workloads: expected each workload once")

    @property
    def selection(self) -> Selection:
        workloads, images = tuple(w.named for w in self.workloads), tuple(i.lower() for i in self.images)
        return Selection(workloads, self.labels, images, self.service_accounts, self.switches)


@dataclass(frozen=True, slots=True)
class WatchedVariable:
    """An environment variable that can enable execution. domain.md §4.

    ``unsafe`` and ``safe`` are values (white space and letter case do not matter), or a word for ``unsafe``:
    ``truthy``, ``falsy``, ``not_truthy``. With both given as values, whatever is in neither is not *listed*.
    """

    name: str
    unsafe: tuple[str, ...] | Words
    safe: tuple[str, ...] = ()
    execution_only: bool = False
    required_on_execution: bool = False

    def __post_init__(self) -> None:
        if self.safe and isinstance(self.unsafe, str):
            raise ValueError(f"variables: {self.name}: expected no list of safe values beside the word {self.unsafe!r}")
        if both := sorted({_plain(v) for v in self.safe} & {_plain(v) for v in self.unsafe}):
            raise ValueError(f"variables: {self.name}: expected a value to be safe or unsafe, {both[0]!r} is both")

    def is_unsafe(self, value: str) -> bool:
        match self.unsafe:
            case "truthy":
                return _word(value) in TRUTHY
            case "falsy":
                return _word(value) in FALSY
            case "not_truthy":
                return _word(value) not in TRUTHY
        return any(_plain(value) == _plain(unsafe) for unsafe in self.unsafe)

    def is_listed(self, value: str) -> bool:
        """Also an empty value: the platform reads it as unset."""
        listed = not self.safe or not value.strip() or self.is_unsafe(value)
        return listed or any(_plain(value) == _plain(safe) for safe in self.safe)


def _plain(value: str) -> str:
    """The platform strips and upper-cases: a dotless i is a capital I then."""
    return value.strip().upper().lower()


def _word(value: str) -> str:
    return value.strip().lower()
