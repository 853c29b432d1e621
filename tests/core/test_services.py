"""What follows from services and from the carriers of the ingest switch (domain.md §2, §6)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from watchdog.core.facts import Fact, Pause, Service, Unknown
from watchdog.core.instant import Instant, from_rfc3339
from watchdog.core.known import Change, Gone, Known
from watchdog.core.observation import Scope
from watchdog.core.services import Few, Unseen, core, ingest
from watchdog.core.switch import paused

AT = Instant(datetime(2026, 11, 23, 15, 0, tzinfo=UTC), 0.0)
DARK = Unknown("Timeout", "no look within 20 s")


def service(name: str, healthy: bool = True, criticality: str = "important") -> Service:
    return Service(name, f"http://{name}", criticality, healthy, healthy, "", 1.0, 1.0, "it answers")


def pause(says: bool | Unknown, path: str = "/ingest") -> Pause:
    return Pause("INGEST_ENABLED", "file", path, says, "INGEST_ENABLED is 0")


def few(*facts: Fact) -> Few:
    seen = (Change(f.subject, (Known(f, AT, Scope(f.KIND, f.subject.labels[-1][1])),)) for f in facts)
    return Few().after(seen)


def sees(scope: Scope) -> Unknown | None:
    return None


def blind_to(part: str) -> Unseen:
    return lambda scope: DARK if scope.part == part else None


def test_the_core_is_healthy_if_every_core_service_is() -> None:
    assert core(few(service("a"), service("b", criticality="critical")), sees).healthy is True


def test_one_core_service_that_is_not_healthy_decides_whatever_is_out_of_sight() -> None:
    seen = core(few(service("a"), service("b", healthy=False)), blind_to("a"))
    assert (seen.healthy, seen.explanation) == (False, "not healthy: b")


def test_a_core_service_out_of_sight_leaves_it_open_even_if_it_was_not_healthy() -> None:
    for healthy in (True, False):
        facts = few(service("a", healthy), service("b"))
        assert core(facts, blind_to("a")).healthy == DARK


@pytest.mark.parametrize("criticality", ["optional", "informational"])
def test_a_service_that_is_not_core_has_no_bearing_and_alone_proves_nothing(criticality: str) -> None:
    page = service("page", healthy=False, criticality=criticality)
    assert core(few(service("a"), page), sees).healthy is True
    assert isinstance(core(few(page), sees).healthy, Unknown)


def test_a_core_service_that_is_no_longer_looked_at_has_no_bearing() -> None:
    facts = few(service("a"), service("b", healthy=False))
    after = facts.after([Change(service("b").subject, (Gone(AT),))])
    assert core(after, sees).healthy is True


def test_ingestion_is_paused_if_one_carrier_says_so_and_it_says_which() -> None:
    seen = ingest(few(pause(Unknown("Missing"), "/a"), pause(True, "/b")), sees)
    assert seen.paused is True
    assert seen.explanation == "ingestion is paused on purpose (file /b: INGEST_ENABLED is 0)"


def test_it_is_not_only_if_every_carrier_is_seen_and_none_does() -> None:
    assert ingest(few(pause(False, "/a"), pause(False, "/b")), sees).paused is False
    assert isinstance(ingest(few(pause(False, "/a"), pause(Unknown("Missing"), "/b")), sees).paused, Unknown)
    assert ingest(few(pause(True, "/a"), pause(False, "/b")), blind_to("/a")).paused == DARK


def test_what_nobody_looks_at_pauses_nothing_and_is_said_to_be_looked_at_by_nobody() -> None:
    seen = ingest(Few(), sees)
    assert (seen.paused, seen.explanation) == (False, "nothing pauses ingestion that is looked at")


@pytest.mark.parametrize(
    ("text", "expected"), [("0", True), (" Off\n1", True), ("no", True), ("", False), ("\n0", False), ("halt", False)]
)
def test_only_a_switch_that_is_plainly_off_pauses(text: str, expected: bool) -> None:
    assert paused(text) is expected


@pytest.mark.parametrize("text", ["2026-11-23T15:00:00Z", "2026-11-23t15:00:00z", " 2026-11-23T10:00:00-05:00\n"])
def test_a_time_with_its_offset_is_read(text: str) -> None:
    assert from_rfc3339(text) == AT.wall


@pytest.mark.parametrize("text", ["", "now", "2026-11-23", "2026-11-23T15:00:00", "2026-11-23T15:00:00+24:00", "1e9"])
def test_a_time_without_one_is_none(text: str) -> None:
    assert from_rfc3339(text) is None
