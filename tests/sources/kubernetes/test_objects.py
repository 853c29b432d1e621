"""Decoding: strict where a shape matters, tolerant of the rest; held against a real API server's recordings."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.sources.kubernetes.scripted import config_map, pod, workload
from watchdog.ports import Unreachable
from watchdog.sources.kubernetes.lines import Added, Bookmark, Deleted, Error, Modified
from watchdog.sources.kubernetes.resources import CONFIG_MAPS, DEPLOYMENTS, PODS, STATEFUL_SETS, revision

Recording = Callable[[str], dict[str, Any]]
DEEP = "[" * 100_000


def lines(recording: dict[str, Any]) -> Iterator[bytes]:
    """The stream's lines. What the recording trimmed (a Pod's spec) is filled in."""
    for entry in recording["response"]["stream"]:
        object_ = entry["event"]["object"]
        if object_["kind"] == "Pod":
            object_.setdefault("spec", {"containers": []})
        yield json.dumps(entry["event"]).encode()


def body(recording: dict[str, Any]) -> bytes:
    return json.dumps(recording["response"]["body"]).encode()


def test_a_real_scale_up_and_down(kube_wire: Recording) -> None:
    recording = kube_wire("watch-deployment-scale-up-down")
    whole = [e for e in recording["response"]["stream"] if "selector" in e["event"]["object"].get("spec", {})]
    recording["response"]["stream"] = whole
    events = [DEPLOYMENTS.line(line) for line in lines(recording)]
    assert events and all(isinstance(event, Modified) for event in events)
    assert {event.object.metadata.name for event in events if isinstance(event, Modified)} == {"execution-agent"}
    first = events[0]
    assert isinstance(first, Modified) and first.object.spec.replicas == 1


def test_a_real_pod_that_comes_and_goes(kube_wire: Recording) -> None:
    events = [PODS.line(line) for line in lines(kube_wire("watch-pods-during-scale-1-0"))]
    assert [type(event) for event in events] == [Added, Modified, Deleted]
    assert isinstance(events[2], Deleted) and events[2].object.status is not None


def test_a_real_streaming_list(kube_wire: Recording) -> None:
    events = [CONFIG_MAPS.line(line) for line in lines(kube_wire("watch-sendinitialevents"))]
    ends = [isinstance(event, Bookmark) and event.ends_initial_events for event in events]
    assert ends.count(True) == 1 and isinstance(events[0], Added)


def test_real_bookmarks_and_errors(kube_wire: Recording) -> None:
    beats = [CONFIG_MAPS.line(line) for line in lines(kube_wire("watch-bookmark-cadence"))]
    assert all(isinstance(beat, Bookmark) and not beat.ends_initial_events for beat in beats)
    [too_old] = [CONFIG_MAPS.line(line) for line in lines(kube_wire("watch-too-old-rv"))]
    assert isinstance(too_old, Error) and (too_old.object.code, too_old.object.reason) == (410, "Expired")
    future = CONFIG_MAPS.line(body(kube_wire("watch-list-future-rv-sendinitial")))
    assert isinstance(future, Error) and future.object.code == 504


def test_real_lists(kube_wire: Recording) -> None:
    deployments = DEPLOYMENTS.page(body(kube_wire("list-deployments-all")))
    agent = next(d for d in deployments.items or () if d.metadata.name == "execution-agent")
    assert agent.spec.replicas == 0 and agent.status is not None and agent.status.replicas is None
    assert (PODS.page(body(kube_wire("list-pods"))).items or ())[0].metadata.owner_references
    assert STATEFUL_SETS.page(body(kube_wire("list-statefulsets"))).items
    assert PODS.page(body(kube_wire("list-pods-empty-namespace"))).items == ()
    assert CONFIG_MAPS.page(body(kube_wire("list-limit-page1"))).metadata.continue_
    assert CONFIG_MAPS.page(body(kube_wire("list-limit-page2"))).items


def test_a_real_kill_switch(kube_wire: Recording) -> None:
    switch = CONFIG_MAPS.object(body(kube_wire("get-configmap-kill-switch")))
    assert switch.data == {"EXECUTION_HALTED": "1"}


def broken(made: dict[str, Any], *path: str, value: Any) -> bytes:
    at: Any = made
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    return json.dumps(made).encode()


@pytest.mark.parametrize(
    "data",
    [
        broken(workload("x", 1), "spec", "replicas", value="0"),
        broken(workload("x", 1), "spec", "replicas", value=0.5),
        broken(workload("x", 1), "spec", value=None),
        broken(workload("x", 1), "metadata", "name", value=None),
        broken(workload("x", 1), "status", value=[]),
        b'{"kind":"Status","metadata":{},"code":200}',
        b"[]",
        b"",
        b"<html>",
        b"{}",
        b'{"metadata":NaN}',
        b'{"metadata":' + DEEP.encode(),
    ],
)
def test_a_shape_that_matters_is_never_guessed(data: bytes) -> None:
    with pytest.raises(Unreachable, match="Undecodable"):
        DEPLOYMENTS.object(data)


def test_null_is_absent_and_what_is_newer_than_we_are_is_passed_over() -> None:
    made = workload("x", 1) | {"status": None, "news": {"a": [1, 2, {"b": None}]}}
    made["spec"]["replicas"] = None
    assert DEPLOYMENTS.object(json.dumps(made).encode()).spec.replicas is None
    held = CONFIG_MAPS.object(json.dumps(config_map(1, None) | {"data": None}).encode())
    assert held.data is None
    assert PODS.object(json.dumps(pod("p", 1, "a") | {"status": None}).encode()).status is None


@pytest.mark.parametrize("text", ["", "abc", "-1", "1.5", "１２"])
def test_a_revision_is_a_number(text: str) -> None:
    with pytest.raises(Unreachable, match="resourceVersion"):
        revision(text)
    assert revision("98021") == 98021
