"""WATCH and the controllers against the recordings of a real API server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import pytest

from tests.simulator.client import AGENT, NOW, SWITCH
from tests.simulator.stage import JSON, Recordings, Stage, blotted, staged
from tests.virtual import in_virtual_time
from watchdog.simulator import kubectl
from watchdog.simulator.cluster import DeleteOptions
from watchdog.simulator.controller import Controller, settle
from watchdog.simulator.managed_fields import Author
from watchdog.simulator.reconcilers.owned import Pace
from watchdog.simulator.resources import CONFIG_MAPS, DEPLOYMENTS, STATEFUL_SETS


def streamed(recording: JSON) -> list[JSON]:
    return [one["event"] for one in recording["response"]["stream"] if isinstance(one, dict)]


def watched(
    recordings: Recordings, name: str, act: Callable[[Stage], Coroutine[Any, Any, None]] | None = None, **query: str
) -> list[JSON]:
    """Replays a recorded WATCH from now, with ``act`` going on beside it, and gives its events."""
    events: list[JSON] = []
    recording = recordings(name)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        stage = staged(recordings, lambda: NOW + timedelta(seconds=loop.time()))
        asked = {name: value for name, value in recording["request"]["query"].items() if name != "watch"}
        asked |= {"resourceVersion": str(stage.cluster.revision)} if asked.get("resourceVersion", "0") != "0" else {}
        asked |= query
        task = await stage.api.collect(events, recording["request"]["path"], **{"timeoutSeconds": "10", **asked})
        if act:
            await act(stage)
        await task

    in_virtual_time(main())
    return events


def flow(events: list[JSON], *fields: str) -> list[tuple[Any, ...]]:
    """(type, fields…) of each event, runs of equal ones folded: how often a controller writes is its own affair."""
    told: list[tuple[Any, ...]] = []
    for event in events:
        one = (event["type"], *(_field(event["object"], field) for field in fields))
        if not told or told[-1] != one:
            told.append(one)
    return told


def _field(object: JSON, path: str) -> Any:
    if path in object:  # some recordings are trimmed to "spec.replicas"
        return object[path]
    value: Any = object
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def test_config_maps_are_watched_as_recorded(recordings: Recordings) -> None:
    async def act(stage: Stage) -> None:
        await asyncio.sleep(1)  # an entry of managedFields that is younger comes later
        for value in ("0", "0", "1"):
            await stage.api.patch(SWITCH, {"data": {"EXECUTION_HALTED": value}})
        path, temporary = SWITCH.rpartition("/")[0], {"metadata": {"name": "fixture-temp"}, "data": {"a": "b"}}
        await stage.api.call("POST", path, {}, temporary)
        await stage.api.call("DELETE", f"{path}/fixture-temp")

    events = watched(recordings, "watch-configmaps-added-modified-deleted", act)
    recorded = streamed(recordings("watch-configmaps-added-modified-deleted"))
    # One of its two bookmarks comes in the middle there: the first of a young watch.
    without_first = [
        one for index, one in enumerate(recorded) if one["type"] != "BOOKMARK" or index == len(recorded) - 1
    ]
    assert blotted(events) == blotted(without_first)


def test_a_key_that_goes_and_a_config_map_that_comes_back_are_watched_as_recorded(recordings: Recordings) -> None:
    async def act(stage: Stage) -> None:
        cluster, identity = stage.cluster, {"name": "fixture-ks"}
        author = Author("Python")
        cluster.create(CONFIG_MAPS, "trading-floor", {"metadata": identity, "data": {"EXECUTION_HALTED": "1"}}, author)
        path = SWITCH.replace("agenttrader-kill-switch", "fixture-ks")
        for patch in ({"data": {"EXECUTION_HALTED": None}}, {"data": None}):
            await stage.api.patch(path, patch)
        await stage.api.patch(path, {"data": {"EXECUTION_HALTED": "1"}, "immutable": True})
        await stage.api.call("DELETE", path)
        cluster.create(CONFIG_MAPS, "trading-floor", {"metadata": identity, "data": {"EXECUTION_HALTED": "0"}}, author)
        await stage.api.call("DELETE", path)

    name = "watch-configmap-key-removed-immutable-recreated"
    events = watched(recordings, name, act)
    recorded = streamed(recordings(name))
    assert flow(events, "data", "immutable")[1:] == flow(recorded, "data", "immutable")
    assert list(events[1]["object"]) == list(recorded[0]["object"])
    assert len({event["object"]["metadata"]["uid"] for event in events}) == 2


def test_leaving_a_selectors_set_is_watched_as_recorded(recordings: Recordings) -> None:
    async def act(stage: Stage) -> None:
        for label in ("in", None):
            await stage.api.patch(SWITCH, {"metadata": {"labels": {"fixture": label}}})

    name = "watch-labelselector-leaving-is-DELETED"
    fields = ("metadata.labels", "data")
    assert flow(watched(recordings, name, act), *fields) == flow(streamed(recordings(name)), *fields)


@pytest.mark.parametrize("name", ["watch-no-resourceversion", "watch-rv0"])
def test_what_exists_is_added_first_as_recorded(recordings: Recordings, name: str) -> None:
    events = watched(recordings, name)
    (recorded,) = (
        one for one in streamed(recordings(name)) if _field(one["object"], "metadata.name") == SWITCH.rpartition("/")[2]
    )
    assert [blotted(_without_managers(event)) for event in events] == [blotted(_without_managers(recorded))]


def _without_managers(event: JSON) -> JSON:
    metadata = {name: value for name, value in event["object"]["metadata"].items() if name != "managedFields"}
    return {**event, "object": {**event["object"], "metadata": metadata}}


@pytest.mark.parametrize("name", ["watch-sendinitialevents", "watch-sendinitialevents-empty"])
def test_a_streaming_list_ends_as_recorded(recordings: Recordings, name: str) -> None:
    events, recorded = watched(recordings, name), streamed(recordings(name))
    assert blotted(_marks(events)) == blotted(_marks(recorded))


def _marks(events: list[JSON]) -> list[JSON]:
    return [one for one in events if one["type"] == "BOOKMARK" and "annotations" in one["object"]["metadata"]]


@pytest.mark.parametrize("name", ["watch-too-old-rv", "watch-old-rv-after-apiserver-restart"])
def test_a_watch_that_is_too_old_ends_as_recorded(recordings: Recordings, name: str) -> None:
    events: list[JSON] = []

    async def main() -> None:
        stage = staged(recordings)
        stage.cluster.revision = 99_999
        stage.cluster.forget_history()
        request = recordings(name)["request"]
        events.extend(await stage.api.events(request["path"], **request["query"]))
        assert asyncio.get_running_loop().time() == 0.0

    in_virtual_time(main())
    assert blotted(events) == blotted(streamed(recordings(name)))


def test_a_watch_from_the_future_is_silent_as_recorded(recordings: Recordings) -> None:
    async def act(stage: Stage) -> None:
        for value in ("0", "1"):
            await stage.api.patch(SWITCH, {"data": {"EXECUTION_HALTED": value}})

    assert watched(recordings, "watch-future-rv", act, resourceVersion="1005285") == []
    recorded = recordings("watch-list-future-rv-sendinitial")["response"]["body"]
    (event,) = watched(recordings, "watch-list-future-rv-sendinitial", resourceVersion="1005285")
    assert blotted(event) == blotted(recorded)


def test_bookmarks_come_as_often_as_recorded(recordings: Recordings) -> None:
    async def main() -> None:
        stage = staged(recordings)
        times: list[float] = []
        request = recordings("watch-bookmark-cadence")["request"]
        query = {**request["query"], "resourceVersion": str(stage.cluster.revision), "timeoutSeconds": "330"}
        async for chunk in await stage.api.stream(request["path"], **{k: v for k, v in query.items() if k != "watch"}):
            assert list(json.loads(chunk)["object"]) == ["kind", "apiVersion", "metadata"]
            times.append(asyncio.get_running_loop().time())
        recorded = [one["t_ms"] / 1e3 for one in recordings("watch-bookmark-cadence")["response"]["stream"]]
        assert times[:-1] == pytest.approx(recorded, abs=1.5)

    in_virtual_time(main())


def controlled(act: Callable[[Stage], Coroutine[Any, Any, None]]) -> Callable[[Stage], Coroutine[Any, Any, None]]:
    """With controllers, and Pods that never start, as when it was recorded."""

    async def run(stage: Stage) -> None:
        controllers = asyncio.create_task(
            Controller(stage.cluster, Pace(start=1e9, stop=0.0)).run(), name="controllers"
        )
        await asyncio.sleep(0.1)
        await act(stage)
        controllers.cancel()

    return run


async def scale_up_and_down(stage: Stage) -> None:
    for replicas in (1, 0):
        await stage.api.patch(f"{AGENT}/scale", {"spec": {"replicas": replicas}})
        await asyncio.sleep(1)


def test_scaling_is_watched_as_recorded(recordings: Recordings) -> None:
    name = "watch-deployment-scale-up-down"
    fields = ("metadata.generation", "spec.replicas", "status.observedGeneration")
    events, recorded = watched(recordings, name, controlled(scale_up_and_down)), streamed(recordings(name))
    assert flow(events, *fields) == flow(recorded, *fields)
    assert blotted(events[0]["object"]["status"]) == blotted(recorded[0]["object"]["status"])
    assert _settled(events, 2) == _settled(recorded, 2)
    assert _settled(events, 3) == _settled(recorded, 3)


def _settled(events: list[JSON], generation: int) -> Any:
    """The last status of a generation."""
    last = [one for one in events if one["object"]["metadata"]["generation"] == generation][-1]
    return blotted(last["object"]["status"])


def test_a_pods_life_is_watched_as_recorded(recordings: Recordings) -> None:
    name = "watch-pods-during-scale-1-0"
    fields = ("metadata.generation", "status.phase")
    events = watched(recordings, name, controlled(scale_up_and_down))
    placed = ("MODIFIED", 1, "Pending")  # there was no scheduler when it was recorded
    assert [one for one in flow(events, *fields) if one != placed] == flow(streamed(recordings(name)), *fields)


def test_a_stateful_set_is_watched_as_recorded(recordings: Recordings) -> None:
    name = "watch-statefulset-scale"
    recorded = streamed(recordings(name))
    fields = ("metadata.generation", "spec.replicas", "status.observedGeneration", "status.replicas")

    async def act(stage: Stage) -> None:
        manifest = recordings("list-statefulsets")["response"]["body"]["items"][0]
        stage.apply(manifest)
        for number in range(2):  # up to generation 3, where the recording begins
            note = {"spec": {"template": {"metadata": {"annotations": {"note": str(number)}}}}}
            kubectl.patch(stage.cluster, "sts", "trading-floor", "gamma-strategy", note)
        settle(stage.cluster)
        before = stage.cluster.get(STATEFUL_SETS, "trading-floor", "gamma-strategy").revision
        for replicas in (0, 1):
            kubectl.scale(stage.cluster, "sts", "trading-floor", "gamma-strategy", replicas)
            await asyncio.sleep(2)
        since.append(before)

    since: list[int] = []
    events = watched(recordings, name, controlled(act))
    events = [one for one in events if int(one["object"]["metadata"]["resourceVersion"]) > since[0]]
    assert flow(events, *fields) == flow(recorded, *fields)
    kept = ("collisionCount", "availableReplicas", "currentReplicas", "updatedReplicas")
    for generation in (4, 5):
        ours, theirs = _settled(events, generation), _settled(recorded, generation)
        assert {field: ours.get(field) for field in kept} == {field: theirs.get(field) for field in kept}


def test_a_foreground_deletion_is_watched_as_recorded(recordings: Recordings) -> None:
    name = "watch-deployment-foreground-delete-and-recreate"
    fields = ("metadata.generation", "metadata.finalizers", "spec.replicas", "status.observedGeneration")

    async def act(stage: Stage) -> None:
        record = stage.cluster.get(DEPLOYMENTS, "agenttrader", "execution-agent")
        stage.cluster.delete(record, DeleteOptions(propagation="Foreground"))
        await asyncio.sleep(1)
        stage.apply(recordings("get-deployment-execution-agent")["response"]["body"])
        await asyncio.sleep(1)

    events, recorded = watched(recordings, name, controlled(act)), streamed(recordings(name))
    progressing = ("MODIFIED", 1, None, 0, None)  # the real controller says so before it has looked at the generation
    assert flow(events, *fields) == [one for one in flow(recorded, *fields) if one != progressing]
