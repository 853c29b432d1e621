"""LAW: publish is idempotent (at-least-once); it may raise, and it may hang.

One module a kind, its one ``Outlet`` class in it: a frozen dataclass whose fields are its YAML stanza (any state that
it keeps is not a field of the stanza). ``supervision`` keeps what could not be published, coalesces it and tries again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from watchdog.core.accounting import Recollection
from watchdog.core.alert import Edge
from watchdog.core.assessment import Assessment
from watchdog.core.delivery import Expected
from watchdog.core.instant import Instant
from watchdog.core.report import Recalled, Report
from watchdog.ports import Ports


@dataclass(frozen=True, slots=True)
class Missed:
    """Edges that an ordered outbox had no room for: how many, and when the first and the last of them were."""

    count: int
    first: Instant
    last: Instant


@dataclass(frozen=True, slots=True)
class Batch:
    """What an outlet has not published yet: the newest level and, in order, the edges since the last success.

    For one alert identity at most its first and its newest edge of a kind are kept, so a batch is bounded and no alert
    is lost. ``renew``: it is time to renew (``Outlet.renew_every``), whether or not there are edges. ``last``: the
    daemon ends.

    An ordered outlet (``Outlet.ordered``) gets every edge, and then those that it ``missed``; after a failure the same
    edges come first again.
    """

    level: Assessment
    edges: tuple[Edge, ...] = ()
    renew: bool = False
    missed: Missed | None = None
    last: bool = False
    report: Callable[[Sequence[Report]], None] = field(default=lambda reports: None, repr=False, compare=False)
    """What became of a page, told at once: a receipt comes when all of it is published."""


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
    final: bool = False  # not accepted, and never will be: the same edges need not come again


class Outlet(ABC):
    """One place that conclusions go to."""

    name: str
    timeout: float = 5.0
    """Seconds that one publish may take."""
    renew_every: float | None = None
    """Seconds after which an unchanged level is published again; ``None`` publishes only what changed."""
    every_turn: bool = False
    """Publish the level after every turn, also without an edge (what shows the posture itself)."""
    near: bool = False
    """What it recalls comes from a disk of ours: the first turn waits for it (``supervision.FIRST_TURN_WITHIN``)."""
    ordered: bool = False
    """Every edge counts, in its order, and none stands for another; of ``buffer`` at most."""
    buffer: int = 10_000
    find_every: float | None = None
    """Seconds after which ``found`` is asked again; ``None``: all of its parts are known."""
    at_stop: bool = False
    """Publish the last level before the daemon ends, also without an edge."""
    waited_for: bool = True
    """A shutdown waits for what it has not published; not for what only asks."""

    keeps: str = ""
    """What it writes at its ``path``: a ``file`` or a ``folder``, where nothing else may be."""
    awaited: bool = False
    """A page is to arrive here, or goes around: it is an Alertmanager, or stands in for one that is silent."""
    called: bool = False
    """It calls somebody directly: an escalation may name it."""

    def worst_post(self) -> float | None:
        """Seconds that one attempt to tell somebody of a page may take; ``None``: pages do not go this way."""
        return None

    def expected(self) -> Expected | None:
        """Of which pages it is to hear; ``None``: it carries none."""
        return None

    def parts(self) -> Sequence[Outlet]:
        """The outlets that a stanza stands for: several receivers that must not wait for each other are an outlet each,
        with an outbox of its own. Names are unique."""
        return (self,)

    async def found(self, ports: Ports) -> Sequence[Outlet]:
        """Its parts that come and go, as of now; those with the name of one that is there already are that one. Raises
        what the world raises: then those of before stay."""
        return ()

    async def recollection(self, ports: Ports) -> Recollection:
        """What an earlier life of the daemon left behind with this outlet; asked once, at the start."""
        return Recollection()

    async def recalled(self, ports: Ports) -> Sequence[Recalled]:
        """The alerts that it remembers of an earlier life, or knows of another replica; asked at the start, and again
        while it raises (``supervision.RECALL_WITHIN``)."""
        return ()

    @abstractmethod
    async def publish(self, batch: Batch, ports: Ports) -> Sequence[Receipt]:
        """Publishes ``batch``. Raise (or answer a receipt that is not accepted) and the same edges come again."""
