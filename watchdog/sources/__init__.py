"""LAW: a source says what was seen. It may raise, and it may hang; it never hides a failure.

One module or package a kind, its one ``Source`` class in it: a frozen dataclass whose fields are its YAML stanza.
``supervision`` turns what a source raises, and its silence, into ``Unknown``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass

from watchdog.core.observation import Coverage, Facts
from watchdog.ports import Ports


@dataclass(frozen=True, slots=True)
class Stream:
    """One independent way in which a source looks. ``looks`` is called anew after every failure or end."""

    coverage: Coverage
    looks: Callable[[Ports], AsyncIterator[Facts]]
    deadline: float
    """Seconds that may pass without a look before supervision gives the stream up and starts it again."""


class Source(ABC):
    """One outside system that is looked at."""

    name: str

    @abstractmethod
    def streams(self) -> Mapping[str, Stream]:
        """The parts of this source by name (empty for a source of one part); each is supervised by itself, so that one
        that fails or hangs neither hides nor delays another. Called once."""
