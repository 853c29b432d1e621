"""Across a gap in seeing: what the two ends of it say of one object. Pure.

``uid``, ``generation`` and ``resourceVersion`` before and after decide between *nothing happened*, *this happened* (one
write, and what it made is what is seen) and *something may have happened that nobody saw*. A flip and back needs two
writes; a ``generation`` counts those of the spec (and, of a Deployment, those of its annotations: a suspicion, no
proof), a ``resourceVersion`` only says that there was one. kube-wire/README.md, points 7, 8 and 16.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import NamedTuple

from watchdog.core.facts import Mark, Subject
from watchdog.core.observation import Scope


class Version(NamedTuple):
    """Which object, and which state of it. ``generation`` is 0 where the kind has none."""

    uid: str
    generation: int
    revision: int


class Finding(Enum):
    NOTHING = "nothing happened"
    SEEN = "this happened, and it is what is seen now"
    UNSEEN = "something may have happened that nobody saw"


@dataclass(frozen=True, slots=True)
class Account:
    finding: Finding
    reason: str = ""  # of UNSEEN: Rewritten, Recreated, Appeared, Vanished, RolledBack
    suspicion: str = ""  # one clause
    excludable: bool = False
    """The kind counts no writes: only who wrote which field, and when (managedFields), can show that it was another."""


NOTHING, SEEN = Account(Finding.NOTHING), Account(Finding.SEEN)


def account(before: Version | None, after: Version | None) -> Account:
    """What may have happened between two looks at one object; ``None``: it was not there."""
    if before is None or after is None:
        return _came_or_went(before, after)
    if before.uid != after.uid:
        return _unseen("Recreated", "it was deleted, and another of its name was created")
    if after.revision < before.revision or after.generation < before.generation:
        return _unseen("RolledBack", f"it went back from {_place(before)} to {_place(after)}: restored from a backup?")
    if before.generation and after.generation:
        return _by_generation(before.generation, after.generation)
    if before.revision == after.revision:
        return NOTHING
    text = f"it was written to ({_place(before)}, then {_place(after)}), and how often its kind does not say"
    return _unseen("Rewritten", text, excludable=True)


def _came_or_went(before: Version | None, after: Version | None) -> Account:
    if after is None:
        return NOTHING if before is None else _unseen("Vanished", f"it was deleted; last seen at {_place(before)}")
    if after.generation == 1:
        return SEEN
    if after.generation == 0:
        text = "it appeared, and whether it was written to since its kind does not say"
        return _unseen("Appeared", text, excludable=True)
    return _unseen("Appeared", f"it appeared with generation {after.generation}; its states before that were not seen")


def _by_generation(before: int, after: int) -> Account:
    """The second write of a pair is the one that a passing state needs."""
    if after == before:
        return NOTHING
    if after == before + 1:
        return SEEN
    return _unseen("Rewritten", f"its generation went from {before} to {after}; the states in between were not seen")


def _unseen(reason: str, suspicion: str, *, excludable: bool = False) -> Account:
    return Account(Finding.UNSEEN, reason, suspicion, excludable)


def _place(version: Version) -> str:
    return f"generation {version.generation}" if version.generation else f"resourceVersion {version.revision}"


@dataclass(frozen=True, slots=True)
class Recollection:
    """What an earlier life of the daemon left behind: how far it had seen."""

    looked: Mapping[Scope, datetime] = field(default_factory=dict)  # the last look of each scope, or its last word
    marks: Mapping[Subject, Mark] = field(default_factory=dict)
    revisions: Mapping[Scope, int] = field(default_factory=dict)  # up to which the history of a scope was complete
