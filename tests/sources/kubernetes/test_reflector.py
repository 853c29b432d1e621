"""List, watch, resume, relist: the reflector's laws, in virtual time, against a script."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.sources.kubernetes.scripted import EndOfScript, Script, Scripted, bookmark, config_map, error, line, page
from tests.virtual import in_virtual_time
from watchdog.ports import KubernetesError, Unreachable
from watchdog.sources.kubernetes.listing import LIST_SILENCE, NotServed, paged
from watchdog.sources.kubernetes.objects import ConfigMap
from watchdog.sources.kubernetes.reflector import PAUSE, SILENCE, Alive, Happened, Listed, Reflector, Step
from watchdog.sources.kubernetes.resources import CONFIG_MAPS

HALTED, RUNNING = {"EXECUTION_HALTED": "1"}, {"EXECUTION_HALTED": "0"}
ON, OFF = config_map(5, HALTED), config_map(7, RUNNING)
PATH = "/api/v1/namespaces/trading-floor/configmaps"


@contextmanager
def looking() -> Iterator[int]:
    yield 0


class Run:
    """A reflector, the steps that it took, and when (virtual seconds)."""

    def __init__(self, *script: Script) -> None:
        self.kubernetes = Scripted(list(script))
        self.reflector = Reflector[ConfigMap](CONFIG_MAPS, "trading-floor", looking)
        self.steps: list[Step[ConfigMap]] = []
        self.at: list[float] = []
        self.ended: Exception | None = None
        self.seconds = 0.0

    def until_it_fails(self) -> Run:
        in_virtual_time(self._follow())
        return self

    async def _follow(self) -> None:
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            async for step in self.reflector.steps(self.kubernetes):
                self.steps.append(step)
                self.at.append(clock() - began)
        except (KubernetesError, Unreachable, EndOfScript) as failure:
            self.ended = failure
        self.seconds = clock() - began

    @property
    def told(self) -> list[str]:
        return [_told(step) for step in self.steps]

    @property
    def watched_from(self) -> list[str]:
        return [query["resourceVersion"] for _, query in self.kubernetes.requests if "resourceVersion" in query]


def _told(step: Step[ConfigMap]) -> str:
    match step:
        case Listed(listing=listing):
            return f"listed {len(listing.items)} at {listing.revision}"
        case Happened(object=object_, deleted=deleted):
            return f"{'deleted' if deleted else 'now'} {(object_.data or {}).get('EXECUTION_HALTED')}"
        case Alive():
            return "alive"


STREAMED = [line("ADDED", ON), bookmark(6, initial=True)]


def test_it_lists_by_a_stream_and_watches_from_where_the_list_ended() -> None:
    run = Run(STREAMED, [line("MODIFIED", OFF), bookmark(9)]).until_it_fails()
    assert run.told == ["listed 1 at 6", "now 0", "alive"]
    assert run.kubernetes.requests[0] == (
        PATH,
        {
            "watch": "true",
            "sendInitialEvents": "true",
            "resourceVersionMatch": "NotOlderThan",
            "allowWatchBookmarks": "true",
        },
    )
    assert run.kubernetes.requests[1] == (
        PATH,
        {"watch": "true", "allowWatchBookmarks": "true", "resourceVersion": "6"},
    )


def test_an_empty_collection_is_a_list_of_nothing() -> None:
    assert Run([bookmark(6, initial=True)]).until_it_fails().told == ["listed 0 at 6"]


def test_a_bookmark_that_is_not_the_mark_ends_no_list() -> None:
    run = Run([bookmark(3), line("ADDED", ON), bookmark(6, initial=True)], []).until_it_fails()
    assert run.told == ["listed 1 at 6"]


def test_after_a_clean_end_it_resumes_from_the_last_revision() -> None:
    run = Run(STREAMED, [line("MODIFIED", OFF)], page(7), [line("MODIFIED", config_map(8, HALTED))], page(8), [])
    assert run.until_it_fails().told == ["listed 1 at 6", "now 0", "alive", "now 1", "alive"]
    assert run.watched_from == ["6", "7", "8"]


def test_it_resumes_from_a_bookmark_too() -> None:
    assert Run(STREAMED, [bookmark(50)], page(50), []).until_it_fails().watched_from == ["6", "50"]


def test_a_server_that_ends_every_watch_at_once_is_not_hammered() -> None:
    run = Run(STREAMED, [], page(6), [], page(6), []).until_it_fails()
    assert run.seconds == pytest.approx(3 * PAUSE)


@pytest.mark.parametrize(("code", "reason"), [(410, "Expired"), (504, "Timeout"), (500, "InternalError")])
def test_after_an_error_in_the_stream_it_lists_anew(code: int, reason: str) -> None:
    run = Run(STREAMED, [bookmark(8), error(code, reason)], [bookmark(20, initial=True)], []).until_it_fails()
    assert run.told == ["listed 1 at 6", "alive", "listed 0 at 20"]
    assert run.watched_from == ["6", "20"]


def test_a_resumed_watch_that_is_too_old_lists_anew_at_once() -> None:
    run = Run(STREAMED, [bookmark(8)], page(9), [error(410, "Expired")], [bookmark(20, initial=True)]).until_it_fails()
    assert run.told[-1] == "listed 0 at 20"


def test_an_error_right_after_a_list_is_a_failure_and_no_loop() -> None:
    run = Run(STREAMED, [error(410, "Expired")]).until_it_fails()
    assert isinstance(run.ended, KubernetesError) and (run.ended.status, run.ended.reason) == (410, "Expired")
    assert run.reflector.revision == ""


def test_silence_for_longer_than_the_bookmarks_is_a_dead_connection() -> None:
    run = Run(STREAMED, [60.4, bookmark(8), 3600.0]).until_it_fails()
    assert isinstance(run.ended, Unreachable) and run.ended.reason == "Silent"
    assert run.seconds == pytest.approx(60.4 + SILENCE)
    assert run.reflector.revision == "", "the revision may be one from a future that is lost"


def test_a_minute_between_bookmarks_is_no_silence() -> None:
    moments = [moment for number in range(10) for moment in (60.8, bookmark(8 + number))]
    assert Run(STREAMED, moments).until_it_fails().told.count("alive") == 10


@pytest.mark.parametrize("reason", ["HalfLine", "Disconnected", "ConnectionRefused"])
def test_a_broken_connection_is_resumed_so_that_what_happened_meanwhile_is_seen(reason: str) -> None:
    run = Run(STREAMED, [bookmark(8), Unreachable(reason)]).until_it_fails()
    assert isinstance(run.ended, Unreachable)
    run.kubernetes.script = [page(12), [line("MODIFIED", OFF), line("MODIFIED", config_map(11, HALTED))]]
    assert run.until_it_fails().told[2:] == ["alive", "now 0", "now 1"]
    assert run.watched_from == ["6", "8"]


@pytest.mark.parametrize(("step", "revision"), [(Listed, ""), (Happened, "6")])
def test_what_was_not_taken_is_told_again(step: type[object], revision: str) -> None:
    run = Run(STREAMED, [line("MODIFIED", OFF)])

    async def give_up_at_it() -> None:
        steps = run.reflector.steps(run.kubernetes)
        async for taken in steps:
            if isinstance(taken, step):
                break
        await steps.aclose()

    in_virtual_time(give_up_at_it())
    assert run.reflector.revision == revision


def test_a_server_restored_from_a_backup_is_listed_anew_before_its_silence_can_deceive() -> None:
    run = Run(STREAMED, [bookmark(5000)], page(900), [line("ADDED", OFF), bookmark(900, initial=True)]).until_it_fails()
    assert run.told == ["listed 1 at 6", "alive", "listed 1 at 900"]


@pytest.mark.parametrize(
    "bad", [b"{", b'{"type":"ADDED","object":{}}\n', b'{"type":"RENAMED","object":{}}\n', b"\xff\n"]
)
def test_a_line_that_cannot_be_read_is_never_skipped(bad: bytes) -> None:
    run = Run(STREAMED, [bad, line("MODIFIED", OFF)]).until_it_fails()
    assert isinstance(run.ended, Unreachable) and run.ended.reason == "Undecodable"
    assert run.told == ["listed 1 at 6"] and run.reflector.revision == ""


def test_a_refused_watch_keeps_its_place() -> None:
    run = Run(STREAMED, KubernetesError(403, "Forbidden", "not yet")).until_it_fails()
    assert isinstance(run.ended, KubernetesError) and run.reflector.revision == "6"


@pytest.mark.parametrize("status", [400, 422])
def test_where_streaming_lists_are_refused_it_reads_pages_for_good(status: int) -> None:
    refused = KubernetesError(status, "Invalid", "sendInitialEvents is forbidden")
    run = Run(refused, page(6, ON), [bookmark(8), error(410, "Expired")], page(9), []).until_it_fails()
    assert run.told == ["listed 1 at 6", "alive", "listed 0 at 9"]


def test_where_the_end_of_the_initial_events_is_not_marked_it_reads_pages() -> None:
    run = Run([line("ADDED", ON), 3600.0], page(6, ON), []).until_it_fails()
    assert run.told == ["listed 1 at 6"] and run.at == [pytest.approx(LIST_SILENCE)]


def test_a_streaming_list_that_ends_early_is_no_list() -> None:
    run = Run([line("ADDED", ON)], page(6), []).until_it_fails()
    assert run.told == ["listed 0 at 6"]


def test_an_error_in_a_streaming_list_is_a_failure() -> None:
    run = Run([error(504, "Timeout")]).until_it_fails()
    assert isinstance(run.ended, KubernetesError) and run.ended.status == 504


def test_a_server_that_is_away_is_not_taken_for_one_that_cannot_stream() -> None:
    run = Run(Unreachable("ConnectionRefused")).until_it_fails()
    assert isinstance(run.ended, Unreachable) and run.reflector.streaming


def test_pages_are_followed_to_the_last() -> None:
    kubernetes = Scripted([page(6, ON, more="abc"), page(6, config_map(4, None, "other"))])
    listing = in_virtual_time(paged(kubernetes, CONFIG_MAPS, "trading-floor", "a=b"))
    assert [item.metadata.name for item in listing.items] == ["agenttrader-kill-switch", "other"]
    assert [query for _, query in kubernetes.requests] == [
        {"limit": "500", "labelSelector": "a=b"},
        {"limit": "500", "labelSelector": "a=b", "continue": "abc"},
    ]


def test_a_page_that_is_too_large_is_asked_for_in_smaller_ones() -> None:
    kubernetes = Scripted([Unreachable("BodyTooLarge"), Unreachable("BodyTooLarge"), page(6, ON)])
    assert len(in_virtual_time(paged(kubernetes, CONFIG_MAPS, "trading-floor")).items) == 1
    assert [query["limit"] for _, query in kubernetes.requests] == ["500", "50", "5"]


def test_one_object_that_is_too_large_is_a_failure() -> None:
    kubernetes = Scripted([Unreachable("BodyTooLarge")] * 4)
    with pytest.raises(Unreachable, match="BodyTooLarge"):
        in_virtual_time(paged(kubernetes, CONFIG_MAPS, "trading-floor"))
    assert not issubclass(NotServed, Unreachable)
