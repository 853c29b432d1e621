"""What one Alertmanager still lists of our alerts, for a daemon that starts and remembers less. Pure.

Labels say which alert it is, as far as they go: the annotation ``subject`` must say the same, or it is none of ours.
Each is read by itself: one that is odd takes no other with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from watchdog.core.alert import Alert, Cause, Description, Identity, Seen, State
from watchdog.core.facts import KINDS, Subject
from watchdog.core.instant import Instant, from_rfc3339, of_our_age
from watchdog.core.record import recent
from watchdog.core.report import Recalled
from watchdog.core.severity import Sev

RESERVED = ("alertname", "severity", "sev", "cause")
OURS = (
    "state", "active_since", "incident", "runbook_url", "evidence", "excursion", "acknowledge", "subject", "told_at",
)  # fmt: skip
"""Annotations that are made anew for each page."""
LATCHED = "Over, latched until acknowledged: "


class Listed(msgspec.Struct):
    """openapi.yaml, gettableAlert."""

    labels: dict[str, str]
    annotations: dict[str, str]
    startsAt: datetime
    updatedAt: datetime


class Odd(ValueError):
    """It may be an alert of ours, and cannot be read: why not."""


def recalled_of(one: msgspec.Raw, origin: str, ahead: float, now: Instant) -> Recalled | None:
    """``ahead``: seconds by which its clock is ahead of ours. ``None``: no alert of ours. Raises ``Odd``."""
    try:
        listed = msgspec.json.decode(one, type=Listed)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Odd(str(error)) from None
    identity, labels, told = _identity(listed.labels, listed.annotations), listed.labels, listed.annotations
    if identity is None or told.get("state") not in (State.FIRING, State.LATCHED):
        return None
    for name, time in (("startsAt", listed.startsAt), ("updatedAt", listed.updatedAt)):
        if time.tzinfo is None or not of_our_age(time):
            raise Odd(f"{identity}: {name}: expected a time of our age with its offset from UTC, found {time}")
    shift = timedelta(seconds=ahead)
    fired_at, state = recent(listed.startsAt - shift, now), State(told["state"])
    said = {name: text for name, text in told.items() if name not in OURS}
    if "summary" in said:
        said["summary"] = said["summary"].removeprefix(LATCHED)
    description = Description({name: text for name, text in labels.items() if name not in RESERVED}, said)
    alert = Alert(
        identity=identity,
        group=told.get("incident", "").partition("-")[2],
        state=state,
        sev=Sev(int(labels["sev"])),
        seen=Seen.UNSEEN,
        active_since=_moment(told, "active_since", now) or fired_at,
        fired_at=fired_at,
        cleared_at=fired_at if state is State.LATCHED else None,
        rising_since=(),
        description=description,
        onset=description,
        incident=told.get("incident", ""),
        told_at=_moment(told, "told_at", now) or fired_at,
    )
    return Recalled(alert, origin, recent(listed.updatedAt - shift, now))


def _identity(labels: Mapping[str, str], told: Mapping[str, str]) -> Identity | None:
    """An empty label is no label (Alertmanager drops it)."""
    kind, sev, cause = told.get("subject", "").partition(" ")[0], labels.get("sev", ""), labels.get("cause", "")
    if kind not in KINDS or sev not in ("0", "1", "2", "3") or cause not in (*Cause,):
        return None
    subject = Subject(kind, tuple((name, labels.get(name, "")) for name in KINDS[kind].IDENTITY))
    identity = Identity(labels.get("alertname", ""), subject, Cause(cause))
    return identity if str(subject) == told["subject"] else None


def _moment(told: Mapping[str, str], name: str, now: Instant) -> Instant | None:
    wall = from_rfc3339(told.get(name, ""))
    return None if wall is None or not of_our_age(wall) else recent(wall, now)
