"""LAW: publish is idempotent (at-least-once); it may raise, and it may hang.

One module a kind, its one ``Outlet`` class in it: a frozen dataclass whose fields are its YAML stanza (any state that
it keeps is not a field of the stanza). ``supervision`` keeps what could not be published, coalesces it and tries again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from watchdog.core.accounting import Recollection
from watchdog.core.alert import Edge
from watchdog.core.assessment import Assessment
from watchdog.core.instant import Instant
from watchdog.core.report import Report
from watchdog.ports import Ports


@dataclass(frozen=True, slots=True)
class Batch:
    """What an outlet has not published yet: the newest level and, in order, the edges since the last success.

    For one alert identity at most its first and its newest edge of a kind are kept, so a batch is bounded and no alert
    is lost. ``edges`` may be empty: then it is time to renew (``Outlet.renew_every``).
    """

    level: Assessment
    edges: tuple[Edge, ...] = ()


@dataclass(slots=True)
class Newest:
    """The newest level, behind pages that are hung up once and rendered when somebody asks."""

    level: Assessment | None = None

    def take(self, level: Assessment) -> bool:
        """Whether it is the first."""
        first, self.level = self.level is None, level
        return first


@dataclass(frozen=True, slots=True)
class Receipt:
    """What came of publishing to one receiver; it comes back into the loop as an observation
    (``core.facts.Receiver``)."""

    receiver: str
    accepted: bool
    explanation: str = ""
    at: Instant | None = None  # when it was accepted
    reports: tuple[Report, ...] = ()  # what became of single alerts


class Outlet(ABC):
    """One place that conclusions go to."""

    name: str
    timeout: float = 5.0
    """Seconds that one publish may take."""
    renew_every: float | None = None
    """Seconds after which an unchanged level is published again; ``None`` publishes only what changed."""
    every_turn: bool = False
    """Publish the level after every turn, also without an edge (what shows the posture itself)."""
    at_stop: bool = False
    """Publish the last level before the daemon ends, also without an edge."""

    def parts(self) -> Sequence[Outlet]:
        """The outlets that a stanza stands for: several receivers that must not wait for each other are an outlet each,
        with an outbox of its own. Names are unique."""
        return (self,)

    async def recollection(self, ports: Ports) -> Recollection:
        """What an earlier life of the daemon left behind with this outlet; asked once, at the start."""
        return Recollection()

    @abstractmethod
    async def publish(self, batch: Batch, ports: Ports) -> Sequence[Receipt]:
        """Publishes ``batch``. Raise (or answer a receipt that is not accepted) and the same edges come again."""
