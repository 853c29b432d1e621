"""A running daemon's alerts as somebody names one of them: by its fingerprint, or by the name of its rule."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from watchdog.reports import counted

NAMED = 10
"""Candidates that a refusal names."""


class Record(msgspec.Struct, frozen=True):
    told_at: str | None = None  # of its newest page


class Listed(msgspec.Struct, frozen=True):
    """One alert of ``/api/v1/alerts``, as far as it is read here."""

    alertname: str
    fingerprint: str
    state: str
    sev: int
    annotations: dict[str, str]
    record: Record = Record()

    def __str__(self) -> str:
        return f"{self.fingerprint} ({self.alertname}, {self.state}: {self.annotations.get('summary', '')})"


class Listing(msgspec.Struct, frozen=True):
    as_of: str  # RFC 3339, exact: nothing later is in it
    alerts: list[Listed]
    omitted: int = 0


def decoded(body: bytes) -> Listing:
    """Raises ``ValueError`` when it is not a watchdog that answered."""
    try:
        return msgspec.json.decode(body, type=Listing)
    except msgspec.MsgspecError as error:
        raise ValueError(f"expected a watchdog's answer: {error}") from None


def named(listing: Listing, name: str) -> Listed:
    """The one open alert of this name. Raises ``ValueError`` with a sentence that lists the candidates."""
    opened = [alert for alert in listing.alerts if alert.state != "pending"]
    found = [alert for alert in opened if name in (alert.fingerprint, alert.alertname)]
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(f"{name}: {counted(len(found), 'open alert')} bear that name; {_candidates(found)}")
    if not opened:
        raise ValueError(f"{name}: expected the fingerprint or the name of an open alert, and none is open")
    omitted = f" ({listing.omitted} more are not listed there)" if listing.omitted else ""
    raise ValueError(f"{name}: no open alert has that name or fingerprint{omitted}; {_candidates(opened)}")


def _candidates(alerts: Sequence[Listed]) -> str:
    more = f" and {len(alerts) - NAMED} more" if len(alerts) > NAMED else ""
    return f"expected one of {', '.join(map(str, alerts[:NAMED]))}{more}"
