"""Facts about the watchdog's own operation: what operators tell it, its replicas, its clocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from watchdog.core.facts.base import Fact, Unknown


@dataclass(frozen=True, slots=True)
class OperatorEntry(Fact):
    """One entry that an operator wrote for the watchdog to read. Everything in it is as claimed."""

    KIND: ClassVar[str] = "operator_entry"
    IDENTITY: ClassVar[tuple[str, ...]] = ("entry",)

    entry: str  # its key
    verb: str  # ack | note | drill; empty while it cannot be understood
    problem: str  # why it does not count, one clause; empty: it counts
    by: str
    why: str
    at: str  # RFC 3339, when it was written
    alert: str  # of ack: the alert's fingerprint
    through: str  # of ack: RFC 3339, it covers what was told up to then


@dataclass(frozen=True, slots=True)
class Drill(Fact):
    """A page that is practised, because an operator asked for it."""

    KIND: ClassVar[str] = "drill"
    IDENTITY: ClassVar[tuple[str, ...]] = ("entry",)

    entry: str
    running: bool  # it is over once its time is up, or its entry is gone
    sev: int
    by: str
    why: str
    at: str  # RFC 3339, when it was asked for


@dataclass(frozen=True, slots=True)
class Replicas(Fact):
    """How many other replicas of the watchdog live."""

    KIND: ClassVar[str] = "replicas"
    IDENTITY: ClassVar[tuple[str, ...]] = ()

    expected: int  # others than this one
    live: int | Unknown
    explanation: str


@dataclass(frozen=True, slots=True)
class Peer(Fact):
    """One other replica, at one address."""

    KIND: ClassVar[str] = "peer"
    IDENTITY: ClassVar[tuple[str, ...]] = ("peer",)

    peer: str  # host:port
    live: bool
    last_seen_epoch_seconds: float | Unknown  # when it last said that it lives, by our clock
    explanation: str


@dataclass(frozen=True, slots=True)
class ClockSkew(Fact):
    """How far our wall clock is from another."""

    KIND: ClassVar[str] = "clock"
    IDENTITY: ClassVar[tuple[str, ...]] = ("against",)

    against: str  # 'kubernetes', 'alertmanager-0:9093'; 'monotonic': by how much ours stepped lately
    ahead_seconds: float | Unknown  # how far ours is ahead; within tolerance 0
    explanation: str
