"""LAW: a source says what was seen. It may raise, and it may hang; it never hides a failure.

One module or package a kind, its one ``Source`` class in it: a frozen dataclass whose fields are its YAML stanza.
``supervision`` turns what a source raises, and its silence, into ``Unknown``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass

from watchdog.core.observation import Coverage, Facts
from watchdog.core.report import Recalled
from watchdog.ports import Ports


@dataclass(frozen=True, slots=True)
class Stream:
    """One independent way in which a source looks. ``looks`` is called anew after every failure or end."""

    coverage: Coverage
    looks: Callable[[Ports], AsyncIterator[Facts]]
    deadline: float
    """Seconds that may pass without a look before supervision gives the stream up and starts it again."""


@dataclass(frozen=True, slots=True)
class Look:
    """How long it may take at worst until a change is seen by polling alone. Seconds."""

    poll_interval: float = 0.0
    request_timeout: float = 0.0
    tries: int = 1

    @property
    def seconds(self) -> float:
        return self.poll_interval + self.request_timeout * self.tries


class Source(ABC):
    """One outside system that is looked at."""

    name: str

    @abstractmethod
    def streams(self) -> Mapping[str, Stream]:
        """The parts of this source by name (empty for a source of one part); each is supervised by itself, so that one
        that fails or hangs neither hides nor delays another. Called once."""

    def worst_look(self) -> Look | None:
        """How it keeps the budget of detection (``watchdog.paging``); ``None``: it does not look itself at what enables
        execution, or it is not polled."""
        return None

    async def recalled(self, ports: Ports) -> Sequence[Recalled]:
        """The alerts that it knows of: asked at the start, and again while it raises
        (``supervision.RECALL_WITHIN``)."""
        return ()
