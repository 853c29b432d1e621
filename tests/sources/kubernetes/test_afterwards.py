"""What managedFields exclude, and what is told of a doubt when nothing can be learned."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from tests.core.worlds import START
from tests.fakes import Outside
from tests.virtual import in_virtual_time
from watchdog.core.facts import Fact, UnseenWrite
from watchdog.core.instant import rfc3339
from watchdog.core.observation import Facts
from watchdog.ports import KubernetesError, Unreachable
from watchdog.simulator.virtual_time import VirtualClock
from watchdog.sources.kubernetes import afterwards
from watchdog.sources.kubernetes.afterwards import Afterwards, _object, excluded
from watchdog.sources.kubernetes.resources import CONFIG_MAPS, PODS, Key, Resource
from watchdog.sources.kubernetes.trail import Doubt, Window

WINDOW = Window(START, START + timedelta(seconds=30), 30)
Fields = dict[str, Any]
DATA: Fields = {"f:data": {"f:K": {}}}
LABELS: Fields = {"f:metadata": {"f:labels": {"f:a": {}}}}
NOTE: Fields = {"f:metadata": {"f:annotations": {"f:a": {}}}}
STATUS: Fields = {"f:status": {"f:phase": {}}}
LONG_AGO, MEANWHILE, JUST_BEFORE = -3600.0, 10.0, -30.0


def doubt(name: str = "a", reason: str = "Rewritten", resource: Resource[Any] = CONFIG_MAPS) -> Doubt:
    began, ended = rfc3339(WINDOW.began), rfc3339(WINDOW.ended)
    fact = UnseenWrite("floor", resource.kind, name, began, ended, reason, "it was written to", "")
    return Doubt(fact, resource, Key("floor", name), WINDOW, excludable=True)


def entry(fields: Mapping[str, Any], seconds: float | None, subresource: str = "") -> dict[str, Any]:
    at = {} if seconds is None else {"time": rfc3339(START + timedelta(seconds=seconds))[:19] + "Z"}
    return {"manager": "kubectl-patch", "operation": "Update", "fieldsV1": fields, "subresource": subresource, **at}


def body(*entries: Mapping[str, Any], created: float = LONG_AGO) -> bytes:
    when = rfc3339(START + timedelta(seconds=created))[:19] + "Z"
    return json.dumps({"metadata": {"name": "a", "creationTimestamp": when, "managedFields": entries}}).encode()


@pytest.mark.parametrize(
    ("entries", "excludes"),
    [
        ([entry(DATA, LONG_AGO), entry(NOTE, MEANWHILE)], True),
        ([entry(DATA, LONG_AGO), entry(STATUS, MEANWHILE, "status")], True),
        ([entry(DATA, LONG_AGO), entry(STATUS, None, "status")], True),
        ([entry(DATA, MEANWHILE), entry(NOTE, MEANWHILE)], False),
        ([entry(DATA, JUST_BEFORE), entry(NOTE, MEANWHILE)], False),  # by a clock that differs, perhaps in it
        ([entry(DATA, None), entry(NOTE, MEANWHILE)], False),
        ([entry(DATA, LONG_AGO), entry(LABELS, MEANWHILE)], False),
        ([entry(DATA, LONG_AGO)], False),  # whoever made the new revision left no trace
        ([entry({**DATA, **NOTE}, MEANWHILE)], False),
        ([entry({"f:spec": {}}, MEANWHILE), entry(NOTE, MEANWHILE)], False),
        ([entry({"f:binaryData": {}}, MEANWHILE), entry(NOTE, MEANWHILE)], False),
        ([], False),
    ],
)
def test_only_a_write_that_is_known_to_have_been_of_something_else_is_excluded(
    entries: list[dict[str, Any]], excludes: bool
) -> None:
    assert excluded(doubt(), _object(body(*entries))) is excludes


@pytest.mark.parametrize(("second_write", "excludes"), [(None, True), (12.0, False)])
def test_a_new_pod_whose_state_was_written_once_is_no_doubt(second_write: float | None, excludes: bool) -> None:
    later = [] if second_write is None else [entry(LABELS, second_write)]
    found = _object(body(entry({"f:spec": {}}, 5), entry(STATUS, 8, "status"), *later, created=5))
    assert excluded(doubt(reason="Appeared", resource=PODS), found) is excludes


@dataclass
class Answers:
    """Every read is answered so, after a while."""

    answer: bytes | Exception
    seconds: float = 0.0

    async def read(self, path: str, query: Mapping[str, str], timeout: float) -> bytes:
        await asyncio.sleep(min(self.seconds, timeout))
        if self.seconds > timeout:
            raise Unreachable("Timeout")
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer if "/events" not in path else b'{"items": null}'


def told(answers: Answers, doubts: list[Doubt], seconds: float) -> list[tuple[float, Fact]]:
    async def run() -> list[tuple[float, Fact]]:
        clock = VirtualClock(asyncio.get_running_loop())
        ports, said = Outside(clock=clock).ports(), list[tuple[float, Fact]]()
        looking = Afterwards(lambda ports: answers, 2.0)  # type: ignore[arg-type, return-value]

        async def listen() -> None:
            while True:
                with suppress(TypeError):  # supervision begins it anew
                    async for facts in looking.looks(ports):
                        assert isinstance(facts, Facts)
                        assert len({fact.subject for fact in facts.seen}) == len(facts.seen), "a subject stands twice"
                        said.extend((clock.now().mono, fact) for fact in facts.seen)
                await asyncio.sleep(1)

        listening = asyncio.create_task(listen())
        await asyncio.sleep(1)
        looking.look_into(doubts)
        await asyncio.sleep(seconds)
        if listening.done():
            listening.result()  # nothing but a planted fault may break it off
        listening.cancel()
        return said

    return in_virtual_time(run())


MANY = [doubt(f"cm-{number}") for number in range(50)]


def test_what_is_excluded_is_never_told() -> None:
    assert told(Answers(body(entry(DATA, LONG_AGO), entry(NOTE, MEANWHILE))), MANY, 60) == []


def test_what_stays_in_doubt_is_told_once_with_who_wrote_it() -> None:
    [(_, fact)] = told(Answers(body(entry(DATA, MEANWHILE))), [doubt()], 60)
    assert isinstance(fact, UnseenWrite) and "kubectl-patch wrote it (Update at 2026-11-23T15:00:10Z)" in fact.learned


@pytest.mark.parametrize("answers", [Answers(b"", seconds=60), Answers(Unreachable("ConnectionRefused"))])
def test_where_nothing_is_answered_every_doubt_is_told_within_seconds(answers: Answers) -> None:
    said = told(answers, MANY, 60)
    assert {fact.subject for _, fact in said} == {one.fact.subject for one in MANY}
    first = {fact.subject: when for when, fact in reversed(said)}
    assert max(first.values()) <= 1 + 2 * 2.0 + 0.1


def test_a_fault_of_our_own_hides_no_doubt() -> None:
    said = told(Answers(TypeError("a bug")), MANY, 3)
    assert {fact.subject for _, fact in said} == {one.fact.subject for one in MANY}


def test_a_refusal_is_said_and_the_doubt_stays() -> None:
    [(_, fact)] = told(Answers(KubernetesError(403, "Forbidden", "")), [doubt()], 60)
    assert isinstance(fact, UnseenWrite) and "Forbidden" in fact.learned


def test_what_was_told_already_is_told_again_as_the_same_subject() -> None:
    before = replace(doubt(), excludable=False)
    [(_, fact)] = told(Answers(body(entry(NOTE, MEANWHILE))), [before], 60)
    assert fact.subject == before.fact.subject and fact != before.fact


@pytest.mark.parametrize("seconds", [0.0, 60.0])
def test_an_outage_while_doubts_are_looked_into_is_no_fault_and_what_was_learned_stays(seconds: float) -> None:
    said = told(Answers(Unreachable("ConnectionRefused"), seconds), MANY[:3], 60)
    last = {fact.subject: fact for _, fact in said}
    assert all(isinstance(fact, UnseenWrite) and "could not be learned" in fact.learned for fact in last.values())


def test_what_is_beyond_the_bound_is_told_at_once_and_not_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(afterwards, "BOUND", 10)
    said = told(Answers(body(entry(DATA, LONG_AGO), entry(NOTE, MEANWHILE)), seconds=1.0), MANY, 60)
    assert {fact.subject for _, fact in said} == {one.fact.subject for one in MANY[:40]}
    assert {when for when, _ in said} == {1.0}
