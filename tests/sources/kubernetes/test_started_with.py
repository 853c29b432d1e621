"""What a running container was started with, and what its next start would get, are two facts."""

from __future__ import annotations

import json
from typing import Any

from tests.sources.kubernetes.scripted import config_map, container, pod, workload
from tests.sources.kubernetes.worlds import CONFIG_MAPS, DEPLOYMENTS, PODS, World
from watchdog.core.facts import Unknown

MODES = "modes"
FROM_MAP = container(env=[{"name": "AGENT_MODE", "valueFrom": {"configMapKeyRef": {"name": MODES, "key": "mode"}}}])


def stamp(second: int) -> str:
    return f"1970-01-01T00:{second // 60:02d}:{second % 60:02d}Z"


def modes(value: str, revision: int, written: int) -> dict[str, Any]:
    made = config_map(revision, {"mode": value}, MODES)
    owner = {"manager": "kubectl", "time": stamp(written), "fieldsV1": {"f:data": {"f:mode": {}}}}
    made["metadata"] |= {"creationTimestamp": stamp(0), "managedFields": [owner]}
    return made


def running(revision: int, started: int, restarts: int = 0, created: int = 0) -> dict[str, Any]:
    made = pod("gamma-1", revision, "gamma", FROM_MAP, creationTimestamp=stamp(created or started))
    state = {"running": {"startedAt": stamp(started)}}
    status = {"name": "main", "state": state, "containerID": f"id-{restarts}", "restartCount": restarts}
    made["status"]["containerStatuses"] = [status]
    return made


def floor(value: str = "LIVE", written: int = 10) -> World:
    world = World()
    world.now = 600.0
    world.listing(CONFIG_MAPS, [modes(value, 1, written)])
    world.listing(DEPLOYMENTS, [workload("gamma", 2, 1, FROM_MAP)])
    return world


def test_a_running_pod_keeps_what_it_was_started_with() -> None:
    world = floor()
    world.listing(PODS, [running(3, 300)])
    world.now = 700.0
    world.event(modes("OBSERVE", 4, 700))
    mode = world.mode()
    assert (mode.declared, mode.running, mode.unsafe) == ("OBSERVE", "LIVE", True)


def test_a_restarted_container_reads_anew() -> None:
    world = floor()
    world.listing(PODS, [running(3, 300)])
    world.now = 700.0
    world.event(modes("OBSERVE", 4, 700))
    world.now = 1_000.0
    world.event(running(5, 1_000, restarts=1))
    assert (world.mode().running, world.mode().unsafe) == ("OBSERVE", False)


def test_a_container_that_starts_while_a_change_arrives_may_have_read_either() -> None:
    world = floor()
    world.listing(PODS, [])
    world.now = 700.0
    world.event(modes("OBSERVE", 4, 700))
    world.now = 710.0
    world.event(running(5, 710, created=650))
    assert (world.mode().running, world.mode().unsafe) == ("LIVE", True)


def test_what_was_written_since_the_start_and_before_our_first_look_is_unknown() -> None:
    world = floor("OBSERVE", written=500)
    world.listing(PODS, [running(3, 300)])
    mode = world.mode()
    assert mode.declared == "OBSERVE"
    assert isinstance(mode.running, Unknown) and mode.running.reason == "ChangedSinceStart"
    assert isinstance(mode.unsafe, Unknown)


def test_what_was_written_long_before_the_start_is_what_it_was_started_with() -> None:
    world = floor("OBSERVE", written=10)
    world.listing(PODS, [running(3, 300)])
    assert (world.mode().running, world.mode().unsafe) == ("OBSERVE", False)


def test_a_container_that_waits_for_its_start_would_get_what_is_there_now() -> None:
    world = floor("OBSERVE")
    waiting = pod("gamma-1", 3, "gamma", FROM_MAP, phase="Pending")
    world.listing(PODS, [waiting])
    world.event(modes("LIVE", 4, 600))
    assert (world.mode().declared, world.mode().running) == ("LIVE", "LIVE")


def sibling(made: dict[str, Any], name: str, **labels: str) -> dict[str, Any]:
    """Of one shape with it."""
    labels = made["metadata"]["labels"] | labels
    return made | {"metadata": made["metadata"] | {"name": name, "uid": f"uid-{name}", "labels": labels}}


def test_of_two_pods_of_one_shape_the_older_is_told_by_its_own_start() -> None:
    world = floor("OBSERVE", written=500)
    younger, older = running(3, 550), sibling(running(4, 300), "gamma-2")
    world.listing(PODS, [younger])
    assert world.mode().running == "OBSERVE"
    world.event(older)
    running_now = world.mode().running
    assert isinstance(running_now, Unknown) and running_now.reason == "ChangedSinceStart"


def test_two_pods_of_one_shape_that_take_a_variable_from_a_label_are_told_apart() -> None:
    of_label = container(
        env=[{"name": "AGENT_MODE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['mode']"}}}]
    )
    world = floor()
    world.event(workload("gamma", 5, 1, of_label))
    safe = sibling(pod("gamma-1", 6, "gamma", of_label), "gamma-1", mode="OBSERVE")
    world.listing(PODS, [safe, sibling(safe, "gamma-2", mode="LIVE")])
    assert (world.mode().running, world.mode().unsafe) == ("LIVE", True)


def test_a_literal_needs_no_history() -> None:
    world = floor()
    literal = container(env=[{"name": "AGENT_MODE", "value": "PAPER"}])
    world.event(workload("gamma", 5, 1, literal))
    world.listing(PODS, [pod("gamma-1", 6, "gamma", literal)])
    assert (world.mode().declared, world.mode().running) == ("PAPER", "PAPER")


def test_a_gap_in_which_the_map_was_rewritten_hides_what_was_read_in_it() -> None:
    world = floor("OBSERVE", written=10)
    world.listing(PODS, [])
    world.now = 900.0
    found = [CONFIG_MAPS.object(json.dumps(modes("OBSERVE", 9, 850)).encode())]
    world._take(world.telling.found(CONFIG_MAPS, found, 10**6, blind_since=800.0))
    world.event(running(10, 860, created=820))
    assert isinstance(world.mode().running, Unknown)
