"""Workloads and Pods -> replicas. domain.md §5."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sources.kubernetes.scripted import container, pod, workload
from tests.sources.kubernetes.worlds import DEPLOYMENTS, PODS, World
from watchdog.core.facts import Blindspot, Unknown, Workload

ENGINE = "execution-engine"
OWNED = [{"kind": "ReplicaSet", "name": "execution-engine-8fbb5474c", "controller": True}]


FOREIGN = {"kind": "TradingJob", "name": "nightly", "controller": True}
OF_DEPLOYMENT = [{"kind": "Deployment", "name": ENGINE, "controller": True}]


def replica_set(name: str, revision: int, replicas: int) -> dict[str, Any]:
    made = workload(name, revision, replicas, container(image="x/execution-engine"))
    made["metadata"]["ownerReferences"] = OF_DEPLOYMENT
    made["spec"]["template"]["metadata"]["labels"] = {"app": ENGINE, "pod-template-hash": "6f"}
    return made | {"kind": "ReplicaSet"}


def counts(fact: Workload) -> tuple[object, object, object]:
    return fact.desired, fact.reported, fact.live


def test_absent_replicas_are_one() -> None:
    world = World()
    world.event(workload(ENGINE, 5, None))
    assert counts(world.workload(ENGINE)) == (1, 0, 0)


def test_null_is_absent() -> None:
    world = World()
    world.event(workload(ENGINE, 5, 0) | {"status": None})
    assert counts(world.workload(ENGINE)) == (0, 0, 0)


def test_replicas_that_are_reported_count_even_where_none_is_desired() -> None:
    world = World()
    world.event(workload(ENGINE, 5, 0, reported=2))
    assert counts(world.workload(ENGINE)) == (0, 2, 0)


def test_live_pods_are_those_that_the_selector_matches_and_that_are_not_finished() -> None:
    world = World()
    world.event(workload(ENGINE, 5))
    world.event(pod("a", 6, ENGINE))
    world.event(pod("b", 7, ENGINE, phase="Pending"))
    world.event(pod("c", 8, ENGINE, deletionTimestamp="2026-11-23T15:48:51Z"))
    world.event(pod("d", 9, ENGINE, phase="Succeeded"))
    world.event(pod("e", 10, ENGINE, phase="Failed"))
    world.event(pod("f", 11, "something-else"))
    assert world.workload(ENGINE).live == 3, "a terminating Pod still runs"


def test_a_pod_that_ends_is_no_longer_live() -> None:
    world = World()
    world.event(workload(ENGINE, 5))
    world.event(pod("a", 6, ENGINE))
    world.event(pod("a", 7, ENGINE, phase="Succeeded"))
    assert world.workload(ENGINE).live == 0
    world.event(pod("b", 8, ENGINE))
    world.event(pod("b", 9, ENGINE), deleted=True)
    assert world.workload(ENGINE).live == 0


def test_expressions_select_too() -> None:
    world = World()
    chosen = {
        "matchExpressions": [
            {"key": "app", "operator": "In", "values": ["x", "y"]},
            {"key": "no", "operator": "DoesNotExist"},
        ]
    }
    world.event(workload(ENGINE, 5, selector=chosen))
    for name in ("x", "y", "z"):
        world.event(pod(name, 6, name))
    assert world.workload(ENGINE).live == 2


def test_live_is_unknown_until_the_pods_have_been_listed() -> None:
    world = World(listed=False)
    world.event(workload(ENGINE, 5))
    live = world.workload(ENGINE).live
    assert isinstance(live, Unknown) and live.reason == "NotYetListed"
    world.listing(PODS, [])
    assert world.workload(ENGINE).live == 0


def test_scaling_up_and_back_is_told_in_two_events() -> None:
    world = World()
    world.event(workload(ENGINE, 5, 0))
    told = world.event(workload(ENGINE, 6, 1)) + world.event(workload(ENGINE, 7, 0))
    assert [fact.desired for facts in told for fact in facts.seen if isinstance(fact, Workload)] == [1, 0]


@pytest.mark.parametrize(
    ("object_", "reason"),
    [
        (workload(ENGINE, 5), "name execution-engine"),
        (workload("copy", 5, 1, container(image="ghcr.io/a/execution-engine:2")), "image execution-engine"),
        (
            workload("copy", 5, 1, labels={"app.kubernetes.io/component": "execution-agent"}),
            "label app.kubernetes.io/component",
        ),
    ],
)
def test_a_copy_under_another_name_is_execution_too(object_: dict[str, object], reason: str) -> None:
    world = World()
    world.event(object_)
    [fact] = world.of(Workload)
    assert (fact.selected_by, fact.execution) == (reason, True)


def test_what_is_not_execution_is_not_told_of() -> None:
    world = World()
    world.event(workload("market-data", 5, 1))
    world.event(pod("market-data-1", 6, "market-data"))
    assert not world.known


@pytest.mark.parametrize(
    "made",
    [
        pod("stray", 6, "stray", container(image="x/execution-agent")),
        pod("stray", 6, "stray", container(image="x/execution-agent"), ownerReferences=[FOREIGN]),
    ],
)
def test_an_execution_pod_that_nothing_accounts_for_is_told_by_itself(made: dict[str, object]) -> None:
    world = World()
    world.event(made)
    [fact] = world.of(Workload)
    assert (fact.kind, fact.workload, fact.execution) == ("Pod", "stray", True) and counts(fact) == (1, 1, 1)


def test_a_finished_execution_pod_is_none() -> None:
    world = World()
    world.event(pod("stray", 6, "stray", container(image="x/execution-agent")))
    world.event(pod("stray", 7, "stray", container(image="x/execution-agent"), phase="Failed"))
    assert world.of(Workload) == []


def test_a_workload_that_is_not_execution_does_not_account_for_an_execution_pod() -> None:
    world = World()
    world.event(workload("harmless", 5, 1))
    world.event(pod("injected", 6, "harmless", container(image="x/execution-agent")))
    assert [(fact.kind, fact.workload) for fact in world.of(Workload) if fact.execution] == [("Pod", "injected")]


def test_a_pod_is_accounted_for_once_its_workload_is_seen() -> None:
    world = World()
    world.event(pod("a", 6, ENGINE, ownerReferences=OWNED))
    world.event(workload(ENGINE, 7, 1))
    assert [(fact.kind, fact.live) for fact in world.of(Workload)] == [("Deployment", 1)]


def test_the_pods_of_a_deleted_workload_keep_it_visible_as_one_subject() -> None:
    world = World()
    world.event(workload(ENGINE, 5, 1))
    for name in ("a", "b"):
        world.event(pod(name, 6, ENGINE, ownerReferences=OWNED))
    world.event(workload(ENGINE, 7, 1), deleted=True)
    [left] = world.of(Workload)
    assert (left.kind, left.workload, counts(left)) == ("Deployment", ENGINE, (0, 0, 2))
    world.event(pod("a", 8, ENGINE, ownerReferences=OWNED), deleted=True)
    world.event(pod("b", 9, ENGINE, ownerReferences=OWNED), deleted=True)
    assert world.of(Workload) == []


def test_a_replica_set_whose_deployment_is_gone_is_told_as_what_is_left_of_it() -> None:
    world, made = World(), replica_set("execution-engine-6f", 6, 2)
    world.event(workload(ENGINE, 5, 2))
    world.event(made)
    world.event(workload(ENGINE, 7, 2), deleted=True)
    [left] = world.of(Workload)
    assert (left.kind, left.workload, counts(left)) == ("Deployment", ENGINE, (2, 0, 0))
    world.event(workload(ENGINE, 8, 0))
    assert [(f.kind, f.desired) for f in world.of(Workload)] == [("Deployment", 0), ("ReplicaSet", 2)]


def test_a_replica_set_speaks_for_itself_only_where_it_wants_what_its_deployment_does_not() -> None:
    world = World()
    world.event(workload(ENGINE, 5, 0))
    world.event(replica_set("execution-engine-6f", 6, 0))
    assert [f.kind for f in world.of(Workload)] == ["Deployment"]
    world.event(replica_set("execution-engine-6f", 7, 1))
    assert [(f.kind, f.desired) for f in world.of(Workload)] == [("Deployment", 0), ("ReplicaSet", 1)]
    world.event(workload(ENGINE, 8, 1))
    assert [f.kind for f in world.of(Workload)] == ["Deployment"]


def test_a_pod_that_slips_out_of_its_selector_is_seen_still() -> None:
    world = World()
    world.event(workload(ENGINE, 5, 0))
    world.event(pod("a", 6, ENGINE, ownerReferences=OWNED))
    world.event(pod("a", 7, "hidden", ownerReferences=OWNED))
    assert counts(world.workload(ENGINE)) == (0, 0, 0) and counts(world.workload("a")) == (1, 1, 1)


def test_a_list_says_which_workloads_are_gone() -> None:
    world = World()
    world.event(workload(ENGINE, 5, 1))
    other = workload("other", 6, 1, container(image="x/execution-agent"))
    world.event(other)
    world.listing(DEPLOYMENTS, [other])
    assert [fact.workload for fact in world.of(Workload)] == ["other"]


def test_one_event_touches_only_its_own_facts() -> None:
    world = World()
    for number in range(200):
        world.event(workload(f"w{number}", number, 1, container(image="x/execution-agent")))
        world.event(pod(f"p{number}", number, f"w{number}", container(image="x/execution-agent")))
    [told] = world.event(pod("p7", 1000, "w7", container(image="x/execution-agent"), phase="Failed"))
    assert {fact.subject.labels[2][1] for fact in told.seen} == {"w7"}
    [scaled] = world.event(workload("w8", 2000, 9, container(image="x/execution-agent")))
    assert {fact.subject.labels[2][1] for fact in scaled.seen} == {"w8"}


def test_a_replica_set_speaks_through_nobody_but_the_deployment_that_selects_it() -> None:
    world = World()
    world.event(workload("whale", 5, 2))
    for number, kind in enumerate(("StatefulSet", "Deployment")):
        made = replica_set(f"helper-{number}", 6, 3)
        made["metadata"]["ownerReferences"] = [{"kind": kind, "name": "whale", "controller": True}]
        world.event(workload("whale", 5, 2) | {"kind": kind})
        world.event(made)
    assert [(f.kind, f.workload, f.desired) for f in world.of(Workload)] == [
        ("ReplicaSet", "helper-0", 3),
        ("ReplicaSet", "helper-1", 3),
    ]


def test_what_nothing_can_be_made_of_is_a_finding_and_hides_nothing_else() -> None:
    world = World()
    world.event(workload(ENGINE, 5, 0))
    strange = workload(ENGINE, 6, 1)
    strange["spec"]["selector"] = {"matchExpressions": [{"key": "app", "operator": "Foo"}]}
    world.event(strange)
    [spot] = world.of(Blindspot)
    assert (spot.area, spot.reason, spot.executing) == ("object", "Unreadable", True) and ENGINE in spot.what
    assert world.workload(ENGINE).desired == 0, "what was last seen stands"
    world.event(workload("copy", 7, 1, container(image="x/execution-agent")))
    assert world.workload("copy").desired == 1
    world.event(workload(ENGINE, 8, 1))
    assert not world.of(Blindspot) and world.workload(ENGINE).desired == 1
