"""The section ``paging`` of the configuration: how pages are to arrive, and whether they can in time.

At worst a page takes ``poll_interval + request_timeout x tries + turn + post_timeout + fallback_after``: until a change
is seen by polling alone, is judged, and has gone around Alertmanagers that do not answer. That must be at most
``detection_budget`` (MiFID II RTS 6 Art. 16(5): five seconds).

It holds for every source that looks itself at what enables execution (``Source.worst_look``): carriers of the switch,
workloads, their environment. What services say of themselves (``ops_status``, ``safety_api``, ``heartbeats``) is a
second word on what such a source sees, and is told in its own time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from watchdog.core import delivery
from watchdog.outlets import Outlet
from watchdog.refusal import ConfigError
from watchdog.sources import Source


def _no_truth_value(value: object) -> object:
    """``true`` is 1 to Python."""
    if isinstance(value, bool):
        raise ValueError("expected a number")
    return value


NotTruth = BeforeValidator(_no_truth_value)
Seconds = Annotated[float, NotTruth, Field(gt=0, le=86_400)]


class Step(BaseModel):
    """Who is told of a Sev-0 that nobody has acknowledged so many seconds after its page: outlets by name."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    after: Seconds
    to: tuple[str, ...]


class Paging(BaseModel):
    """Seconds. ``turn``: what a turn may take. ``over_budget``: what becomes of a configuration that cannot keep
    ``detection_budget``."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    detection_budget: Seconds = 5.0
    over_budget: Literal["refuse", "warn"] = "refuse"
    fallback_after: Seconds = 1.0
    readback_within: Seconds = 10.0
    escalation: tuple[Step, ...] = ()
    turn: Seconds = 0.1

    @field_validator("escalation")
    @classmethod
    def _by_rising_delay(cls, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        delays = [step.after for step in steps]
        if sorted(set(delays)) != delays:
            raise ValueError("expected each step after the one before it")
        if not all(step.to for step in steps):
            raise ValueError("expected somebody to tell at each step, found nobody")
        return steps


def planned(path: Path, stated: Paging, outlets: Sequence[Outlet]) -> delivery.Paging:
    """The terms of delivery. Raises ``ConfigError``: an escalation to somebody whom nothing calls."""
    called = sorted(part.name for part in _whole(outlets) if part.called)
    for name in (name for step in stated.escalation for name in step.to):
        if name not in called:
            expected = f"one of {', '.join(called)}" if called else "a receiver of a webhook among the outlets"
            raise ConfigError(f"{path}: paging.escalation: expected {expected}, found {name!r}")
    return delivery.Paging(
        peers=any(part.awaited for part in _whole(outlets)),
        fallback_after=stated.fallback_after,
        readback_within=stated.readback_within,
        escalation=tuple(delivery.Step(step.after, step.to) for step in stated.escalation),
    )


def within_budget(path: Path, stated: Paging, sources: Sequence[Source], outlets: Sequence[Outlet]) -> str:
    """Why a page may be later than ``detection_budget``, where that is allowed; empty: it cannot be. Raises
    ``ConfigError`` where it may and is not allowed."""
    terms = [*_looking(sources), ("turn", stated.turn), *_posting(stated, outlets)]
    total = round(sum(seconds for _, seconds in terms), 6)
    if total <= stated.detection_budget:
        return ""
    said = " + ".join(name if name.startswith("poll_interval") else f"{name} {seconds:g}" for name, seconds in terms)
    late = f"{path}: paging.detection_budget: expected at least {said} = {total:g} s, found {stated.detection_budget:g}"
    if stated.over_budget == "refuse":
        raise ConfigError(f"{late} (with paging.over_budget: warn it starts all the same)")
    return late


Term = tuple[str, float]


def _looking(sources: Sequence[Source]) -> Iterator[Term]:
    looks = [(look, source.name) for source in sources if (look := source.worst_look()) is not None]
    if looks:
        look, who = max(looks, key=lambda told: told[0].seconds)
        figures = f"poll_interval {look.poll_interval:g} + request_timeout {look.request_timeout:g} x {look.tries}"
        yield f"{figures} ({who})", look.seconds


def _posting(stated: Paging, outlets: Sequence[Outlet]) -> Iterator[Term]:
    posts = [(post, part.name) for part in _whole(outlets) if (post := part.worst_post()) is not None]
    if posts:
        post, who = max(posts, key=lambda told: told[0])
        yield f"post_timeout ({who})", post
        yield "fallback_after", stated.fallback_after


def _whole(outlets: Sequence[Outlet]) -> Iterator[Outlet]:
    """Stanzas and their parts: of some the parts are found later."""
    for outlet in outlets:
        yield outlet
        yield from (part for part in outlet.parts() if part is not outlet)
