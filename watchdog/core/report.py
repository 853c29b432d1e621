"""What comes back of a page, and what is remembered of one: the shell's reports to ``assess`` on alerts.

Facts say what is with the platform; reports say what became of what we said. They arrive like observations, and the
loop keeps its one direction.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from watchdog.core.alert import Alert, Identity
from watchdog.core.instant import Instant


class Hearing(StrEnum):
    """Whether a human hears of an alert by way of one Alertmanager."""

    HEARD = "heard"  # active, not muted, and on its way to a receiver that tells somebody
    UNHEARD = "unheard"  # silenced, inhibited, muted, or on its way to nobody
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Accepted:
    """A receiver has taken the alert as it was told at ``told_at``. ``peer``: it is an Alertmanager; otherwise it was
    called directly (a webhook, a topic)."""

    identity: Identity
    receiver: str
    told_at: float  # Alert.told_at, monotonic seconds: which of its pages
    sent: Instant  # when the request began
    at: Instant  # when it was accepted
    peer: bool


@dataclass(frozen=True, slots=True)
class ReadBack:
    """What one Alertmanager says has become of an alert that it took."""

    identity: Identity
    peer: str
    hearing: Hearing
    why: str  # 'active, to receivers pager, log' or 'silenced by ops@example until 2026-11-24T10:00:00Z: deploy'
    at: Instant


@dataclass(frozen=True, slots=True)
class Recalled:
    """An alert that was open or pending as of ``as_of``, by the memory of ``origin`` (ledger, memory, peer,
    alertmanager). Its instants are of this process's monotonic clock."""

    alert: Alert
    origin: str
    as_of: Instant
    ended: bool = False  # it was over by then: what is older and says otherwise does not count
    accepted: tuple[Accepted, ...] = ()  # who had taken its newest page
    around: tuple[str, ...] = ()  # as in core.delivery.Delivery
    escalated: int = 0


Report = Accepted | ReadBack | Recalled
