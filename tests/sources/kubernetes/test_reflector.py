"""List, watch, resume, relist: the reflector's laws, in virtual time, against a script."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import pytest

from tests.sources.kubernetes.scripted import EndOfScript, Script, Scripted, bookmark, config_map, error, line, page
from tests.virtual import in_virtual_time
from watchdog.ports import KubernetesError, Unreachable
from watchdog.sources.kubernetes.listing import LIST_SILENCE, PORTION, End, NotServed, Target, paged
from watchdog.sources.kubernetes.objects import ConfigMap
from watchdog.sources.kubernetes.reflector import (
    MUTE,
    PAUSE,
    SILENCE,
    Alive,
    Break,
    Found,
    Happened,
    LookedOver,
    Lost,
    Opened,
    Reflector,
    Step,
)
from watchdog.sources.kubernetes.resources import CONFIG_MAPS

HALTED, RUNNING = {"EXECUTION_HALTED": "1"}, {"EXECUTION_HALTED": "0"}
ON, OFF = config_map(5, HALTED), config_map(7, RUNNING)
PATH = "/api/v1/namespaces/trading-floor/configmaps"


@contextmanager
def looking() -> Iterator[int]:
    yield 0


class Run:
    """A reflector, the steps that it took, and when (virtual seconds)."""

    def __init__(self, *script: Script, name: str = "") -> None:
        self.kubernetes = Scripted(list(script))
        self.reflector = Reflector[ConfigMap](Target(CONFIG_MAPS, "trading-floor", name), looking)
        self.steps: list[Step[ConfigMap]] = []
        self.at: list[float] = []
        self.ended: Exception | None = None
        self.seconds = 0.0
        self.earlier = 0

    def beginning_at(self, earlier: int) -> Run:
        """Where an earlier life had left off."""
        self.earlier = earlier
        return self

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
                if self.earlier and isinstance(step, LookedOver):
                    self.reflector.begin_at(self.earlier)
                    self.earlier = 0
        except (KubernetesError, Unreachable, EndOfScript) as failure:
            self.ended = failure
        self.seconds = clock() - began

    @property
    def told(self) -> list[str]:
        return [said for step in self.steps if (said := _told(step))]

    @property
    def gaps(self) -> list[Break | None]:
        """What each list said of the history before it."""
        return [step.gap for step in self.steps if isinstance(step, LookedOver)]

    @property
    def watched_from(self) -> list[str]:
        return [query["resourceVersion"] for _, query in self.kubernetes.requests if "resourceVersion" in query]


def _told(step: Step[ConfigMap]) -> str:
    match step:
        case Found():
            return ""
        case LookedOver(found=found, revision=revision):
            return f"listed {len(found)} at {revision}"
        case Happened(object=object_, deleted=deleted):
            return f"{'deleted' if deleted else 'now'} {(object_.data or {}).get('EXECUTION_HALTED')}"
        case Opened():
            return "opened"
        case Alive():
            return "alive"
        case Lost(gap=gap):
            return f"lost {gap.reason}"


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
    assert run.until_it_fails().told == ["listed 1 at 6", "now 0", "opened", "now 1", "opened"]
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
    assert run.watched_from == ["6", "20"] and run.gaps == [None, Break(reason, "because")]


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
    assert run.reflector.revision == "8", "what the server still knows is told"


def test_a_minute_between_bookmarks_is_no_silence() -> None:
    moments = [moment for number in range(10) for moment in (60.8, bookmark(8 + number))]
    assert Run(STREAMED, moments).until_it_fails().told.count("alive") == 10


@pytest.mark.parametrize("reason", ["HalfLine", "Disconnected", "ConnectionRefused"])
def test_a_broken_connection_is_resumed_so_that_what_happened_meanwhile_is_seen(reason: str) -> None:
    run = Run(STREAMED, [bookmark(8), Unreachable(reason)]).until_it_fails()
    assert isinstance(run.ended, Unreachable)
    run.kubernetes.script = [page(12), [line("MODIFIED", OFF), line("MODIFIED", config_map(11, HALTED))]]
    assert run.until_it_fails().told[2:] == ["opened", "now 0", "now 1"]
    assert run.watched_from == ["6", "8"]


@pytest.mark.parametrize(("step", "revision"), [(Found, ""), (LookedOver, ""), (Happened, "6")])
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
    assert [gap and gap.reason for gap in run.gaps] == [None, "LostFuture"]


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
    assert run.told == ["listed 1 at 6"] and run.at == [pytest.approx(LIST_SILENCE)] * 2


def test_a_streaming_list_that_ends_early_is_no_list() -> None:
    run = Run([line("ADDED", ON)], page(6), []).until_it_fails()
    assert run.told == ["listed 0 at 6"]


def test_an_error_in_a_streaming_list_is_a_failure() -> None:
    run = Run([error(504, "Timeout")]).until_it_fails()
    assert isinstance(run.ended, KubernetesError) and run.ended.status == 504


def test_a_server_that_is_away_is_not_taken_for_one_that_cannot_stream() -> None:
    run = Run(Unreachable("ConnectionRefused")).until_it_fails()
    assert isinstance(run.ended, Unreachable) and run.reflector.streaming


def test_silence_is_resumed_after_the_server_has_said_that_its_revision_is_not_behind() -> None:
    run = Run(STREAMED, [bookmark(8), 3600.0]).until_it_fails()
    run.kubernetes.script = [page(9), [line("MODIFIED", OFF)]]
    assert run.until_it_fails().told[2:] == ["opened", "now 0"] and run.gaps == [None]


def test_where_an_earlier_life_left_off_the_watch_begins_and_what_is_older_than_the_list_is_late() -> None:
    lines = [line("MODIFIED", config_map(5, RUNNING)), line("MODIFIED", OFF)]
    run = Run(STREAMED, lines).beginning_at(3).until_it_fails()
    assert run.told == ["listed 1 at 6", "now 0", "now 0"] and run.watched_from == ["3"]
    assert [step.late for step in run.steps if isinstance(step, Happened)] == [True, False]
    assert run.reflector.revision == "7"


def test_after_a_break_what_happened_before_the_watch_was_opened_anew_is_late() -> None:
    lines = [line("MODIFIED", OFF), line("MODIFIED", config_map(9, HALTED))]
    run = Run(STREAMED, [bookmark(6)], page(8), lines).until_it_fails()
    assert [step.late for step in run.steps if isinstance(step, Happened)] == [True, False]


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [
        ([error(410, "Expired")], "Expired"),
        ([2.0, error(500, "InternalError")], "InternalError"),
        (KubernetesError(410, "Gone", "too old"), "Gone"),
        ([b"{"], "Undecodable"),
    ],
)
def test_where_that_is_no_longer_known_the_history_begins_with_the_list_that_is_there(
    refusal: Script, reason: str
) -> None:
    run = Run(STREAMED, refusal, page(6), [line("MODIFIED", OFF)]).beginning_at(3).until_it_fails()
    assert run.told == ["listed 1 at 6", f"lost {reason}", "opened", "now 0"]
    assert run.watched_from == ["3", "6"] and run.gaps == [None]


def test_a_connection_that_breaks_before_its_first_line_has_proven_nothing() -> None:
    run = Run(STREAMED, [Unreachable("Disconnected")]).beginning_at(3).until_it_fails()
    run.kubernetes.script = [page(8), [error(410, "Expired")]]
    assert run.until_it_fails().told == ["listed 1 at 6", "opened", "lost Expired"]
    assert run.watched_from == ["3", "3"] and run.reflector.revision == "6"


def test_after_its_first_line_a_history_that_ends_is_listed_anew() -> None:
    lines = [line("MODIFIED", config_map(5, RUNNING)), error(410, "Expired")]
    run = Run(STREAMED, lines, [bookmark(20, initial=True)]).beginning_at(3).until_it_fails()
    assert [gap and gap.reason for gap in run.gaps] == [None, "Expired"] and "lost Expired" not in run.told


def test_a_server_that_only_opens_watches_is_listed_anew_and_that_is_a_gap() -> None:
    run = Run(STREAMED, *([[], page(6)] * (MUTE - 1)), [], [bookmark(9, initial=True)]).until_it_fails()
    assert [gap and gap.reason for gap in run.gaps] == [None, "Muted"]


def test_a_line_that_cannot_be_read_is_a_gap() -> None:
    run = Run(STREAMED, [b"{"]).until_it_fails()
    run.kubernetes.script = [[bookmark(9, initial=True)], []]
    assert [gap and gap.reason for gap in run.until_it_fails().gaps] == [None, "Undecodable"]


def test_a_gap_is_told_although_the_first_list_after_it_fails() -> None:
    run = Run(STREAMED, [bookmark(8), error(410, "Expired")], Unreachable("ConnectionRefused")).until_it_fails()
    run.kubernetes.script = [[line("ADDED", ON), Unreachable("Disconnected")]]
    assert run.until_it_fails().gaps == [None], "half a list says nothing of what is gone"
    run.kubernetes.script = [[bookmark(20, initial=True)]]
    assert [gap and gap.reason for gap in run.until_it_fails().gaps] == [None, "Expired"]
    run.kubernetes.script = [page(20), [error(410, "Expired")], [bookmark(30, initial=True)]]
    assert [gap and gap.reason for gap in run.until_it_fails().gaps] == [None, "Expired", "Expired"]


def test_a_history_that_somebody_distrusts_ends_with_its_next_line() -> None:
    run = Run(STREAMED, [bookmark(8), bookmark(9), bookmark(10)], [bookmark(20, initial=True)])

    async def distrust_at_the_first_sign() -> None:
        async for step in run.reflector.steps(run.kubernetes):
            run.steps.append(step)
            if isinstance(step, Alive):
                run.reflector.distrust(Break("Missed", "a list shows more"))
            if len(run.gaps) == 2:
                return

    in_virtual_time(distrust_at_the_first_sign())
    assert run.told == ["listed 1 at 6", "alive", "listed 0 at 20"]
    assert run.gaps == [None, Break("Missed", "a list shows more")]


def test_one_object_is_listed_watched_and_probed_by_its_name() -> None:
    run = Run(STREAMED, [], page(9), [], name="agenttrader-kill-switch").until_it_fails()
    assert run.told[0] == "listed 1 at 6"
    selectors = [query.get("fieldSelector") for _, query in run.kubernetes.requests]
    assert selectors == ["metadata.name=agenttrader-kill-switch"] * len(selectors)
    assert [path for path, _ in run.kubernetes.requests] == [PATH] * len(selectors), "the path is the collection's"


def test_a_change_of_an_object_that_was_already_listed_is_handed_on_by_itself() -> None:
    changing = [line("ADDED", ON), line("MODIFIED", OFF), line("MODIFIED", config_map(8, HALTED))]
    run = Run([*changing, bookmark(9, initial=True)]).until_it_fails()
    found = [step.objects[0].metadata.resource_version for step in run.steps if isinstance(step, Found)]
    assert found == ["5", "7", "8"] and run.told == ["listed 1 at 9"]


def test_an_object_that_goes_while_it_is_listed_is_not_in_the_list() -> None:
    other = config_map(4, None, "other")
    run = Run([line("ADDED", ON), line("ADDED", other), line("DELETED", ON), bookmark(9, initial=True)])
    assert run.until_it_fails().told == ["listed 1 at 9"]


def many(count: int) -> list[dict[str, object]]:
    return [config_map(5 + number, HALTED, f"cm-{number}") for number in range(count)]


@pytest.mark.parametrize("streaming", [True, False])
def test_of_a_list_of_ten_thousand_a_portion_is_held_and_others_get_their_turn_between(streaming: bool) -> None:
    objects = many(10_000)
    stream = [*(line("ADDED", one) for one in objects), bookmark(20_000, initial=True)]
    pages = [page(20_000, *objects[n : n + 500], more="" if n == 9_500 else "x") for n in range(0, 10_000, 500)]
    run = Run(stream) if streaming else Run(KubernetesError(422, "Invalid", ""), *pages)
    turns = list[int]()

    async def others() -> None:
        while True:
            turns.append(sum(isinstance(step, Found) for step in run.steps))
            await asyncio.sleep(0)

    async def both() -> None:
        beside = asyncio.create_task(others())
        await run._follow()
        beside.cancel()

    in_virtual_time(both())
    assert run.told == ["listed 10000 at 20000"]
    assert max(len(step.objects) for step in run.steps if isinstance(step, Found)) <= PORTION <= 100
    between = [later - earlier for earlier, later in pairwise(turns)]
    assert max(between) <= 2, "portions that were handled in one go"


def test_a_buffer_full_of_events_does_not_hold_up_the_others() -> None:
    events = [line("MODIFIED", config_map(10 + number, HALTED)) for number in range(1_000)]
    run = Run(STREAMED, [*events, Unreachable("Disconnected")])
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def both() -> None:
        beside = asyncio.create_task(others())
        await run._follow()
        beside.cancel()

    in_virtual_time(both())
    assert turns >= 1_000 / PORTION


async def listed(kubernetes: Scripted, query: dict[str, str]) -> tuple[list[str], str]:
    names, revision = list[str](), ""
    async for portion in paged(kubernetes, Target(CONFIG_MAPS, "trading-floor"), query):
        if isinstance(portion, End):
            revision = portion.revision
        elif isinstance(portion, list):
            names += [item.metadata.name for item in portion]
    return names, revision


def test_pages_are_followed_to_the_last() -> None:
    kubernetes = Scripted([page(6, ON, more="abc"), page(6, config_map(4, None, "other"))])
    names, revision = in_virtual_time(listed(kubernetes, {"labelSelector": "a=b"}))
    assert (names, revision) == (["agenttrader-kill-switch", "other"], "6")
    assert [query for _, query in kubernetes.requests] == [
        {"limit": "500", "labelSelector": "a=b"},
        {"limit": "500", "labelSelector": "a=b", "continue": "abc"},
    ]


def test_a_page_that_is_too_large_is_asked_for_in_smaller_ones() -> None:
    large = Unreachable("BodyTooLarge")
    kubernetes = Scripted([page(6, ON, more="abc"), large, large, page(6, config_map(4, None, "other"))])
    assert len(in_virtual_time(listed(kubernetes, {}))[0]) == 2
    assert [query["limit"] for _, query in kubernetes.requests] == ["500", "500", "50", "5"]
    assert kubernetes.requests[-1][1]["continue"] == "abc", "what was read is not read again"


def test_one_object_that_is_too_large_is_a_failure() -> None:
    kubernetes = Scripted([Unreachable("BodyTooLarge")] * 4)
    with pytest.raises(Unreachable, match="BodyTooLarge"):
        in_virtual_time(listed(kubernetes, {}))
    assert not issubclass(NotServed, Unreachable)
