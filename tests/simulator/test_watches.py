"""WATCH, in virtual time (kube-wire README, points 1 to 8, 11)."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from tests.simulator.client import NOW, SWITCHES, Api, config_map, deployment, types
from tests.virtual import in_virtual_time
from watchdog.simulator import kubectl
from watchdog.simulator.apiserver import ApiServer
from watchdog.simulator.cluster import Cluster

SWITCH = ("trading-floor", "agenttrader-kill-switch")


def flip(cluster: Cluster, value: str) -> None:
    kubectl.set_data(cluster, *SWITCH, EXECUTION_HALTED=value)


def now() -> float:
    return asyncio.get_running_loop().time()


def test_a_write_is_an_event_and_a_no_op_is_none(api: Api, cluster: Cluster) -> None:
    async def main() -> None:
        events: list[dict[str, object]] = []
        task = await api.collect(events, SWITCHES, resourceVersion=str(cluster.revision), timeoutSeconds="1")
        flip(cluster, "0")
        flip(cluster, "0")
        flip(cluster, "1")
        kubectl.create(cluster, config_map("temp"), config_map("elsewhere", "agenttrader"))
        kubectl.delete(cluster, "cm", "trading-floor", "temp")
        await task
        assert types(events) == ["MODIFIED", "MODIFIED", "ADDED", "DELETED"]
        assert [event["object"]["data"] for event in events[:2]] == [  # type: ignore[index]
            {"EXECUTION_HALTED": "0"},
            {"EXECUTION_HALTED": "1"},
        ]
        assert events[0]["object"]["kind"] == "ConfigMap"  # type: ignore[index]

    in_virtual_time(main())


@pytest.mark.parametrize("version", ["", "0"])
def test_without_a_revision_what_exists_is_added_first_and_nothing_marks_the_end(api: Api, version: str) -> None:
    async def main() -> None:
        query = {"resourceVersion": version} if version else {}
        events = await api.events(SWITCHES, timeoutSeconds="1", **query)
        assert types(events) == ["ADDED"]
        assert now() == pytest.approx(1.0)

    in_virtual_time(main())


def test_a_streaming_list_ends_with_a_bookmark_that_says_so(api: Api, cluster: Cluster) -> None:
    async def main() -> None:
        query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "timeoutSeconds": "1"}
        events = await api.events(SWITCHES, allowWatchBookmarks="true", **query)
        assert types(events) == ["ADDED", "BOOKMARK"]
        mark = {"resourceVersion": str(cluster.revision), "annotations": {"k8s.io/initial-events-end": "true"}}
        assert events[1]["object"] == {"kind": "ConfigMap", "apiVersion": "v1", "metadata": mark}
        empty = await api.events("/api/v1/namespaces/none/configmaps", allowWatchBookmarks="true", **query)
        assert types(empty) == ["BOOKMARK"]

    in_virtual_time(main())


@pytest.mark.parametrize("yes", ["1", "t", "true", "True"])
async def test_a_watch_is_asked_for_in_every_spelling_of_yes(api: Api, yes: str) -> None:
    response = await api.send("GET", SWITCHES, {"watch": yes})
    assert not isinstance(response.body, bytes)
    assert (await api.get(SWITCHES, watch="0"))[1]["kind"] == "ConfigMapList"


def test_sending_no_initial_events_starts_from_now(api: Api, cluster: Cluster) -> None:
    async def main() -> None:
        events: list[dict[str, object]] = []
        query = {"sendInitialEvents": "false", "resourceVersionMatch": "NotOlderThan", "timeoutSeconds": "1"}
        task = await api.collect(events, SWITCHES, **query)
        flip(cluster, "0")
        await task
        assert types(events) == ["MODIFIED"]

    in_virtual_time(main())


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"sendInitialEvents": "true"}, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"),
        (
            {"resourceVersionMatch": "NotOlderThan"},
            "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
        ),
    ],
)
async def test_a_streaming_list_needs_both_of_its_options(api: Api, query: dict[str, str], message: str) -> None:
    status, body = await api.get(SWITCHES, watch="true", **query)
    assert (status, body["reason"]) == (422, "Invalid")
    assert body["message"].endswith(f"resourceVersionMatch: Forbidden: {message}")


def test_a_revision_in_the_window_is_replayed(api: Api, cluster: Cluster) -> None:
    async def main() -> None:
        start = str(cluster.revision)
        flip(cluster, "0")
        flip(cluster, "1")
        events = await api.events(SWITCHES, resourceVersion=start, timeoutSeconds="1")
        assert [event["object"]["data"]["EXECUTION_HALTED"] for event in events] == ["0", "1"]

    in_virtual_time(main())


def test_a_revision_that_is_too_old_is_one_error_in_the_stream_and_its_end(api: Api, cluster: Cluster) -> None:
    async def main() -> None:
        old = cluster.revision
        flip(cluster, "0")
        cluster.forget_history()
        (event,) = await api.events(SWITCHES, resourceVersion=str(old))
        assert now() == 0.0
        assert event["type"] == "ERROR"
        assert (event["object"]["code"], event["object"]["reason"]) == (410, "Expired")
        assert event["object"]["message"] == f"too old resource version: {old} ({old + 1})"

    in_virtual_time(main())


def test_a_revision_from_the_future_is_silence(api: Api, cluster: Cluster) -> None:
    async def main() -> None:
        events: list[dict[str, object]] = []
        query = {"resourceVersion": "1005285", "timeoutSeconds": "100", "allowWatchBookmarks": "true"}
        task = await api.collect(events, SWITCHES, **query)
        flip(cluster, "0")
        flip(cluster, "1")
        await task
        assert events == [] and now() == pytest.approx(100.0)

    in_virtual_time(main())


def test_a_streaming_list_from_the_future_is_a_504_in_the_stream(api: Api, cluster: Cluster) -> None:
    async def main() -> None:
        query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "resourceVersion": "1005285"}
        (event,) = await api.events(SWITCHES, allowWatchBookmarks="true", timeoutSeconds="6", **query)
        assert now() == pytest.approx(3.0)
        assert (event["type"], event["object"]["code"]) == ("ERROR", 504)

    in_virtual_time(main())


async def test_a_revision_that_is_no_number_is_500(api: Api) -> None:
    status, body = await api.get(SWITCHES, watch="true", resourceVersion="abc")
    assert status == 500
    assert body["message"] == (
        'resourceVersion: Invalid value: "abc": strconv.ParseUint: parsing "abc": invalid syntax'
    )


def test_bookmarks_come_every_minute_and_shortly_before_the_end(api: Api, cluster: Cluster) -> None:
    async def main() -> None:
        times: list[float] = []
        query = {"resourceVersion": str(cluster.revision), "allowWatchBookmarks": "true", "timeoutSeconds": "200"}
        async with aclosing(await api.stream(SWITCHES, **query)) as stream:
            kubectl.create(cluster, deployment())  # another type: the revision advances all the same
            async for chunk in stream:
                times.append(now())
                assert f'"resourceVersion":"{cluster.revision}"'.encode() in chunk
        assert times == pytest.approx([60.0, 120.0, 180.0, 198.5])
        assert now() == pytest.approx(200.0)

    in_virtual_time(main())


def test_a_watch_without_bookmarks_and_without_a_timeout_ends_within_the_hour(api: Api, cluster: Cluster) -> None:
    async def main() -> None:
        assert await api.events(SWITCHES, resourceVersion=str(cluster.revision)) == []
        assert 1800 <= now() <= 3600

    in_virtual_time(main())


def test_leaving_a_selectors_set_is_a_deletion_though_the_object_lives(api: Api, cluster: Cluster) -> None:
    async def main() -> None:
        events: list[dict[str, object]] = []
        query = {"resourceVersion": str(cluster.revision), "labelSelector": "fixture=in", "timeoutSeconds": "1"}
        task = await api.collect(events, SWITCHES, **query)
        for label in ("in", "in", "out"):
            kubectl.patch(cluster, "cm", *SWITCH, {"metadata": {"labels": {"fixture": label}}})
        flip(cluster, "0")
        await task
        assert types(events) == ["ADDED", "DELETED"]
        left = events[1]["object"]["metadata"]  # type: ignore[index]
        assert left["labels"] == {"fixture": "in"}  # its last state in the set,
        assert int(left["resourceVersion"]) == cluster.revision - 1  # with the revision of the change

    in_virtual_time(main())


def test_one_object_is_watched_by_a_field_selector_or_by_the_old_path(api: Api, cluster: Cluster) -> None:
    async def main() -> None:
        kubectl.create(cluster, config_map("other"))
        by_name = await api.events(SWITCHES, fieldSelector=f"metadata.name={SWITCH[1]}", timeoutSeconds="1")
        path = f"/api/v1/watch/namespaces/trading-floor/configmaps/{SWITCH[1]}"
        old_path = await api.events(path, timeoutSeconds="1")
        assert [event["object"]["metadata"]["name"] for event in by_name + old_path] == [SWITCH[1], SWITCH[1]]

    in_virtual_time(main())


def test_a_reader_that_is_too_slow_gets_a_clean_end(cluster: Cluster) -> None:
    small = Cluster(lambda: NOW, watch_buffer=3)
    kubectl.create(small, config_map("x", n="0"))

    async def main() -> None:
        async with aclosing(await Api(ApiServer(small)).stream(SWITCHES)) as stream:
            await anext(stream)
            for number in range(1, 100):
                kubectl.set_data(small, "trading-floor", "x", n=str(number))
            rest = b"".join([chunk async for chunk in stream])
        assert rest.count(b"MODIFIED") == 3 and b"ERROR" not in rest
        assert now() == 0.0

    in_virtual_time(main())


def test_a_reader_may_lag_behind_by_so_many_bytes() -> None:
    async def main() -> None:
        cluster = Cluster(lambda: NOW, watch_room=50_000)
        kubectl.create(cluster, config_map("x", filler="y" * 10_000))
        async with aclosing(await Api(ApiServer(cluster)).stream(SWITCHES)) as stream:
            await anext(stream)
            for first in (0, 4):
                for number in range(first, first + 4):
                    kubectl.set_data(cluster, "trading-floor", "x", n=str(number))
                assert (await anext(stream)).count(b"MODIFIED") == 4
            for number in range(8, 20):
                kubectl.set_data(cluster, "trading-floor", "x", n=str(number))
            rest = b"".join([chunk async for chunk in stream])  # a clean end
        assert rest.count(b"MODIFIED") <= 4
        assert now() == 0.0

    in_virtual_time(main())


def test_a_stream_that_is_closed_leaves_nothing_behind(cluster: Cluster) -> None:
    server = ApiServer(cluster)

    async def main() -> None:
        async with aclosing(await Api(server).stream(SWITCHES)) as stream:
            await anext(stream)
            assert (cluster.watchers, len(server.faults.listeners)) == (1, 1)
        assert (cluster.watchers, len(server.faults.listeners)) == (0, 0)

    in_virtual_time(main())


def test_a_thousand_initial_events_are_all_sent(cluster: Cluster) -> None:
    async def main() -> None:
        kubectl.create(cluster, *(config_map(f"map-{number}", "bulk") for number in range(1_000)))
        events = await Api(ApiServer(cluster)).events("/api/v1/configmaps", timeoutSeconds="1")
        assert types(events) == ["ADDED"] * 1_001

    in_virtual_time(main())
