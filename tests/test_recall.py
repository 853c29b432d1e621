"""Who remembers alerts is asked at the start: nobody waits for who does not answer, and who fails is asked again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from watchdog.core.alert import Alert
from watchdog.core.assessment import Assessment
from watchdog.core.observation import Coverage, Facts
from watchdog.core.report import Recalled
from watchdog.core.ruleset import RuleSet
from watchdog.daemon import Daemon, Plan
from watchdog.outlets import Batch, Outlet, Receipt
from watchdog.ports import Ports
from watchdog.simulator.virtual_time import VirtualClock
from watchdog.sources import Source, Stream
from watchdog.supervision import FIRST_TURN_WITHIN, RECALL_WITHIN

from .alerts import alert
from .core.worlds import ABOVE_ZERO
from .fakes import Outside
from .virtual import in_virtual_time

RULES = RuleSet.of([ABOVE_ZERO])


@dataclass
class Remembers(Outlet):
    """Answers after some seconds, and fails a few times before."""

    name: str = "remembers"
    near: bool = False
    takes: float = 0.0
    fails: int = 0
    alert: Alert = field(default_factory=lambda: alert("ExecutionAboveZero"))
    asked: int = 0

    async def recalled(self, ports: Ports) -> Sequence[Recalled]:
        self.asked += 1
        await asyncio.sleep(self.takes)
        if self.asked <= self.fails:
            raise OSError(5, "Input/output error")
        return [Recalled(self.alert, self.name, ports.clock.now())]

    async def publish(self, batch: Batch, ports: Ports) -> Sequence[Receipt]:
        return ()


class Looks(Source):
    name = "looks"

    async def _looks(self, ports: Ports) -> AsyncIterator[Facts]:
        yield Facts()
        await asyncio.sleep(1e9)

    def streams(self) -> Mapping[str, Stream]:
        return {"": Stream(Coverage(frozenset({"mode"}), 1e9), self._looks, 1e9)}


@dataclass
class Replica(Looks):
    name: str = "replicas"

    async def recalled(self, ports: Ports) -> Sequence[Recalled]:
        return [Recalled(alert("ExecutionAboveZero"), "peer", ports.clock.now())]


def lived(seconds: float, *outlets: Outlet, source: Source | None = None) -> tuple[float, float | None]:
    """When the first turn was, and when the alert was known."""

    async def main() -> tuple[float, float | None]:
        clock = VirtualClock(asyncio.get_running_loop())
        began = clock.now()
        daemon = Daemon(Plan((source or Looks(),), outlets, RULES, drain_seconds=1), Outside(clock=clock).ports())
        turns: list[float] = []
        known: list[float] = []

        def turned(level: Assessment) -> None:
            turns.append(clock.now().since(began))
            if level.alerts:
                known.append(turns[-1])

        daemon.on_turn = turned
        running = asyncio.create_task(daemon.run())
        await asyncio.sleep(seconds)
        daemon.stop.set()
        await running
        return turns[0], known[0] if known else None

    return in_virtual_time(main())


def test_the_first_turn_knows_what_was_remembered_on_a_disk() -> None:
    first, known = lived(10, Remembers(near=True, takes=0.4))
    assert first == known == pytest.approx(0.4, abs=0.01)


def test_no_disk_delays_the_first_turn_by_more_than_about_a_second() -> None:
    first, known = lived(10, Remembers(near=True, takes=3.0))
    assert first <= FIRST_TURN_WITHIN + 0.01 and known == pytest.approx(3.0, abs=0.01), "late, and not never"


def test_for_what_others_remember_no_turn_waits() -> None:
    first, known = lived(10, Remembers(takes=3.0))
    assert known == pytest.approx(3.0, abs=0.01)
    assert first < 0.1


def test_who_fails_is_asked_again_for_a_minute_and_then_no_more() -> None:
    _, known = lived(30, Remembers(fails=5))
    assert known is not None
    hopeless = Remembers(fails=10**6)
    with capture_logs() as lines:
        assert lived(RECALL_WITHIN + 10, hopeless)[1] is None
    asked = hopeless.asked
    assert 20 < asked < 60
    assert [line["event"] for line in lines].count("cannot recall which alerts were open") == 1


def test_who_hangs_is_asked_again_and_stops_nobody() -> None:
    assert lived(20, Remembers(takes=1e6))[1] is None


def test_a_source_may_remember_too() -> None:
    assert lived(5, source=Replica())[1] is not None


def test_an_alert_of_a_rule_that_is_no_more_is_dropped_with_a_word() -> None:
    with capture_logs() as lines:
        assert lived(5, Remembers(alert=alert("NoSuchRule")))[1] is None
    [line] = [line for line in lines if line["event"] == "an alert of an earlier life is dropped"]
    assert line["detail"] == "there is no rule NoSuchRule any more"
