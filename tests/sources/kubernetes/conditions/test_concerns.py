"""Whose a condition is, what it is worth, and that judging costs what changed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.fakes import Outside
from tests.sources.kubernetes.worlds import GUARDED, World
from tests.virtual import in_virtual_time
from watchdog.core.facts import Condition, Fact, Pause, Subject, Unknown
from watchdog.core.selection import Named
from watchdog.simulator.virtual_time import VirtualClock
from watchdog.sources.kubernetes.conditions.concerns import PORTION, Concerns
from watchdog.sources.kubernetes.conditions.telling import PAUSE, conditions
from watchdog.sources.kubernetes.resources import NODES

JSON = dict[str, Any]
A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
NOW = 1_795_446_000.0
GUARDED_HERE = replace(
    GUARDED, pause_variables=("INGEST_ENABLED",), criticality={Named("n", "Deployment", "web"): "important"}
)
CRASHES: JSON = {
    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
    "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}},
    "restartCount": 4,
}
RUNS: JSON = {"state": {"running": {"startedAt": "2026-11-23T14:00:00Z"}}, "restartCount": 0}


class Clinic:
    """What the objects that it is shown add up to."""

    def __init__(self) -> None:
        self.world = World(guarded=GUARDED_HERE)
        self.known: dict[Subject, Fact] = {}
        self.judged: list[Named] = []
        self._revision = 0

    @property
    def concerns(self) -> Concerns:
        return self.world.telling.concerns

    def see(self, *objects: Mapping[str, Any], deleted: bool = False) -> None:
        for one in objects:
            self._revision += 1
            metadata = {"uid": one["metadata"]["name"], **one["metadata"], "resourceVersion": str(self._revision)}
            self.world.event({**one, "metadata": metadata}, deleted)

    def told(self, now: float = NOW) -> list[tuple[str, int]]:
        self.judged = []
        for some in self.concerns.taken(now):
            self.judged += some
            facts = self.concerns.tell(some, now)
            self.known = {s: f for s, f in self.known.items() if s not in facts.gone}
            self.known |= {fact.subject: fact for fact in facts.seen}
        return [(f"{f.kind} {f.workload} {f.condition}", f.pods) for f in self.conditions]

    @property
    def conditions(self) -> list[Condition]:
        return [fact for fact in self.known.values() if isinstance(fact, Condition)]


@pytest.fixture
def clinic() -> Clinic:
    return Clinic()


def owned(kind: str, name: str) -> JSON:
    return {"ownerReferences": [{"kind": kind, "name": name, "controller": True}]}


def pod(name: str, status: JSON = RUNS, image: str = "x:1", digest: str = A, **more: Any) -> JSON:
    labels = {"app": more.pop("app", "web"), **more.pop("labels", {})}
    one = {"name": "app", "image": image, "imageID": f"x@{digest}", **status}
    return {
        "kind": "Pod", "metadata": {"name": name, "namespace": "n", "labels": labels, **more},
        "spec": {"containers": [{"name": "app", "image": image}]},
        "status": {"phase": "Running", "containerStatuses": [one]},
    }  # fmt: skip


def made(kind: str, name: str, **more: Any) -> JSON:
    labels = {"app": more.pop("app", "web")}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": "x:1"}]}}
    spec = {"selector": {"matchLabels": labels}, "template": template, "replicas": 1}
    return {"kind": kind, "metadata": {"name": name, "namespace": "n", **more}, "spec": spec, "status": {}}


def a_deployment(clinic: Clinic) -> JSON:
    clinic.see(made("Deployment", "web"), made("ReplicaSet", "web-1", **owned("Deployment", "web")))
    return owned("ReplicaSet", "web-1")


def test_a_pod_is_told_as_the_workload_above_it(clinic: Clinic) -> None:
    above = a_deployment(clinic)
    clinic.see(pod("web-1-a", CRASHES, **above), pod("web-1-b", CRASHES, **above), pod("web-1-c", **above))
    assert clinic.told() == [("Deployment web CrashLoop", 2)]
    assert clinic.conditions[0].explanation.startswith("Pod web-1-a, container app: CrashLoopBackOff, 4 restarts")
    assert clinic.conditions[0].criticality == "important"


def test_a_pod_of_a_strange_controller_is_told_as_its(clinic: Clinic) -> None:
    clinic.see(pod("kafka-0", CRASHES, **owned("StrimziPodSet", "kafka")))
    assert clinic.told() == [("StrimziPodSet kafka CrashLoop", 1)]
    clinic.see(pod("kafka-0", **owned("StrimziPodSet", "kafka")))
    assert clinic.told() == []


@pytest.mark.parametrize("above", [{}, owned("Node", "node-1")])
def test_a_pod_of_nobody_and_one_of_its_node_speak_for_themselves(clinic: Clinic, above: JSON) -> None:
    clinic.see(pod("alone", CRASHES, **above))
    assert clinic.told() == [("Pod alone CrashLoop", 1)]
    assert clinic.conditions[0].explanation.startswith("container app: ")
    clinic.see(pod("alone", CRASHES, **above), deleted=True)
    assert clinic.told() == []


def test_a_pod_that_is_adopted_speaks_for_itself_no_more(clinic: Clinic) -> None:
    clinic.see(pod("web-1-a", CRASHES))
    assert clinic.told() == [("Pod web-1-a CrashLoop", 1)]
    clinic.see(pod("web-1-a", CRASHES, **a_deployment(clinic)))
    assert clinic.told() == [("Deployment web CrashLoop", 1)]


def test_pods_that_share_labels_are_told_as_their_own_workloads_alone(clinic: Clinic) -> None:
    above = a_deployment(clinic)
    clinic.see(made("StatefulSet", "other"), pod("other-0", CRASHES, **owned("StatefulSet", "other")))
    clinic.see(pod("web-1-a", **above))
    assert clinic.told() == [("StatefulSet other CrashLoop", 1)]


def test_pods_that_outlive_their_workload_are_told_of_as_before(clinic: Clinic) -> None:
    above = a_deployment(clinic)
    crashing = pod("web-1-a", CRASHES, labels={"pod-template-hash": "1"}, **above)
    clinic.see(crashing)
    clinic.see(made("ReplicaSet", "web-1"), made("Deployment", "web"), deleted=True)
    assert clinic.told() == [("Deployment web CrashLoop", 1)]
    clinic.see(crashing, deleted=True)
    assert clinic.told() == []


def test_pods_that_came_before_their_workload_are_told_as_its_own(clinic: Clinic) -> None:
    clinic.see(pod("web-1-a", CRASHES, labels={"pod-template-hash": "1"}, **owned("ReplicaSet", "web-1")))
    assert clinic.told() == [("Deployment web CrashLoop", 1)]
    a_deployment(clinic)
    clinic.told()
    assert not clinic.concerns.members._alone
    clinic.see(pod("web-1-a", labels={"pod-template-hash": "1"}, **owned("ReplicaSet", "web-1")))
    assert clinic.told() == []


def test_a_replica_set_that_comes_late_says_whose_its_pods_are(clinic: Clinic) -> None:
    clinic.see(pod("web-1-a", CRASHES, **owned("ReplicaSet", "web-1")))
    assert clinic.told() == [("Deployment web CrashLoop", 1)]
    clinic.see(made("Deployment", "shop"), made("ReplicaSet", "web-1", **owned("Deployment", "shop")))
    assert clinic.told() == [("Deployment shop CrashLoop", 1)]


def test_a_replica_set_that_is_adopted_speaks_for_itself_no_more(clinic: Clinic) -> None:
    clinic.see(made("Deployment", "web", app="nobody"), made("ReplicaSet", "web-1"))
    clinic.see(pod("web-1-a", CRASHES, **owned("ReplicaSet", "web-1")))
    assert clinic.told() == [("ReplicaSet web-1 CrashLoop", 1)]
    clinic.see(made("Deployment", "web"), made("ReplicaSet", "web-1", **owned("Deployment", "web")))
    assert clinic.told() == [("Deployment web CrashLoop", 1)]


def test_execution_is_critical_whatever_is_configured(clinic: Clinic) -> None:
    clinic.see(pod("trader", CRASHES, labels={"app.kubernetes.io/component": "execution-agent"}))
    clinic.told()
    assert clinic.conditions[0].criticality == "critical"


def test_what_is_healthy_is_not_judged_and_nothing_is_kept_of_its_pods(clinic: Clinic) -> None:
    above = a_deployment(clinic)
    clinic.told()
    clinic.see(*(pod(f"web-1-{n}", **above) for n in range(50)))
    assert clinic.told() == [] and clinic.judged == []
    clinic.see(*(pod(f"web-1-{n}", {**RUNS, "restartCount": 1, "ready": True}, **above) for n in range(50)))
    assert clinic.told() == [] and clinic.judged == []
    assert not clinic.concerns.members._alone and len(clinic.concerns._digests) == 1
    clinic.see(*(pod(f"web-1-{n}", **above) for n in range(50)), deleted=True)
    clinic.see(made("ReplicaSet", "web-1"), deleted=True)
    assert not clinic.concerns._digests


def test_a_change_has_its_own_workload_judged_and_no_other(clinic: Clinic) -> None:
    for n in range(PORTION * 2):
        clinic.see(pod(f"alone-{n}", CRASHES))
    clinic.told()
    clinic.see(pod("alone-7"))
    clinic.told()
    assert clinic.judged == [Named("n", "Pod", "alone-7")]


def test_a_condition_ends_by_time_alone(clinic: Clinic) -> None:
    clinic.see(pod("a", {**RUNS, **{k: CRASHES[k] for k in ("lastState", "restartCount")}}))
    started = 1_795_442_400.0
    assert clinic.told(started + 1) == [("Pod a CrashLoop", 1)]
    assert clinic.told(started + 599) and clinic.judged == []
    assert clinic.told(started + 600) == []
    assert clinic.told(started + 10_000) == [] and clinic.judged == []


def test_a_node_is_told_of_and_forgotten(clinic: Clinic) -> None:
    def node(status: str) -> JSON:
        ready = {"type": "Ready", "status": status, "reason": "KubeletReady"}
        return {"kind": "Node", "metadata": {"name": "node-1"}, "status": {"conditions": [ready]}}

    def see(node: JSON, *, deleted: bool = False) -> None:
        clinic._revision += 1
        metadata = {**node["metadata"], "uid": "u", "resourceVersion": str(clinic._revision)}
        wire = NODES.object(json.dumps({**node, "metadata": metadata}).encode())
        clinic.world.telling.happened(NODES, wire, deleted)

    see(node("True"))
    assert clinic.told() == []
    see(node("Unknown"))
    assert clinic.told() == [("Node node-1 NotReady", 0)]
    see(node("Unknown"), deleted=True)
    assert clinic.told() == []


def test_a_namespace_that_does_not_count_has_no_conditions_until_it_does(clinic: Clinic) -> None:
    counts = {"n": False}
    clinic.concerns.counts = lambda namespace: counts[namespace]
    clinic.see(pod("alone", CRASHES))
    assert clinic.told() == []
    counts["n"] = True
    clinic.concerns.reconsider("n")
    assert clinic.told() == [("Pod alone CrashLoop", 1)]


def test_digests_are_compared_among_pods_of_one_template(clinic: Clinic) -> None:
    above = owned("StatefulSet", "db")
    clinic.see(made("StatefulSet", "db", app="db"))
    one, two = ({"controller-revision-hash": "1"}, {"controller-revision-hash": "2"})
    clinic.see(pod("db-0", app="db", labels=one, **above), pod("db-1", app="db", labels=two, digest=B, **above))
    assert clinic.told() == []
    clinic.see(pod("db-2", app="db", labels=one, digest=B, **above))
    assert clinic.told() == [("StatefulSet db MixedDigests", 1)]
    clinic.see(pod("db-0", app="db", labels=one, **above), deleted=True)
    assert clinic.told() == []


def test_a_restart_that_brings_another_image_is_told_of(clinic: Clinic) -> None:
    above = a_deployment(clinic)
    clinic.see(pod("web-1-a", **above), pod("web-1-b", **above))
    assert clinic.told() == []
    clinic.see(pod("web-1-a", digest=B, **above))
    assert clinic.told() == [("Deployment web MixedDigests", 1)]


def test_what_has_finished_runs_no_image(clinic: Clinic) -> None:
    above = a_deployment(clinic)
    evicted = pod("web-1-a", image="x:latest", digest=B, **above)
    evicted["status"]["phase"] = "Failed"
    clinic.see(evicted, pod("web-1-b", **above))
    assert clinic.told() == []


def updating(updated: int, strategy: JSON | None = None, revision: str = "2", kind: str = "StatefulSet") -> JSON:
    set_ = made(kind, "db", app="db")
    set_["spec"] |= {"replicas": 3, "updateStrategy": strategy or {"type": "RollingUpdate"}}
    set_["status"] = {
        "currentRevision": "1", "updateRevision": revision, "updatedReplicas": updated, "readyReplicas": 2,
        "desiredNumberScheduled": 3, "updatedNumberScheduled": updated, "numberReady": 2, "observedGeneration": 1,
    }  # fmt: skip
    return set_


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
def test_an_update_has_failed_ten_minutes_after_its_last_step(clinic: Clinic, kind: str) -> None:
    clinic.see(updating(0, kind=kind))
    assert clinic.told(NOW) == []
    clinic.see(updating(1, kind=kind))
    assert clinic.told(NOW + 500) == [] and clinic.told(NOW + 1099) == []
    assert clinic.told(NOW + 1100) == [(f"{kind} db RolloutFailed", 0)]
    assert clinic.conditions[0].explanation == "no step for 600 s: 1 of 3 Pods are updated, 2 ready"
    clinic.see(updating(2, kind=kind))
    assert clinic.told(NOW + 1200) == []


@pytest.mark.parametrize(
    "held",
    [
        updating(1, {"type": "OnDelete"}),
        updating(1, {"type": "OnDelete"}, kind="DaemonSet"),
        updating(1, {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}),
        updating(1, revision="1"),
        updating(3, kind="DaemonSet"),
    ],
)
def test_an_update_that_is_held_back_on_purpose_or_over_has_not_failed(clinic: Clinic, held: JSON) -> None:
    clinic.see(held)
    assert clinic.told(NOW) == [] and clinic.told(NOW + 10_000) == []


@pytest.mark.parametrize(("phase", "told"), [("Degraded", [("Rollout web RolloutFailed", 0)]), ("Progressing", [])])
def test_a_rollout_of_argos_says_itself_that_it_failed(clinic: Clinic, phase: str, told: list[Any]) -> None:
    rollout = made("Rollout", "web") | {"status": {"phase": phase, "message": "aborted", "observedGeneration": "4"}}
    clinic.see(rollout)
    assert clinic.told() == told


@pytest.mark.parametrize(("type", "status"), [("Progressing", "False"), ("ReplicaFailure", "True")])
def test_a_deployment_says_itself_that_it_failed(clinic: Clinic, type: str, status: str) -> None:
    said = {"type": type, "status": status, "reason": "Reason", "message": "why"}
    well = {"type": "Available", "status": "True"}
    clinic.see(made("Deployment", "web") | {"status": {"conditions": [well, said]}})
    assert clinic.told() == [("Deployment web RolloutFailed", 0)]
    assert clinic.conditions[0].explanation == "Reason: why"
    clinic.see(
        made("Deployment", "web") | {"status": {"conditions": [well, {"type": "Progressing", "status": "True"}]}}
    )
    assert clinic.told() == []


def test_a_pause_is_known_once_its_config_map_is(clinic: Clinic) -> None:
    waits = pod("feed", {"state": {"waiting": {"reason": "CreateContainerConfigError"}}})
    key = {"configMapKeyRef": {"name": "ingest", "key": "ON"}}
    waits["spec"]["containers"][0]["env"] = [{"name": "INGEST_ENABLED", "valueFrom": key}]
    clinic.see(waits)
    clinic.told()
    (before,) = [fact for fact in clinic.known.values() if isinstance(fact, Pause)]
    assert isinstance(before.paused, Unknown)
    clinic.see({"kind": "ConfigMap", "metadata": {"name": "ingest", "namespace": "n"}, "data": {"ON": "0"}})
    clinic.told()
    (after,) = [fact for fact in clinic.known.values() if isinstance(fact, Pause)]
    assert after.paused is True


def test_what_changes_while_facts_are_being_taken_is_told_a_moment_later(clinic: Clinic) -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        _, stream = conditions(clinic.concerns)
        looks = aiter(stream.looks(Outside(clock=VirtualClock(loop)).ports()))
        for _ in range(2):
            await anext(looks)
        clinic.see(pod("alone", CRASHES))
        began = loop.time()
        while not (await anext(looks)).seen:
            pass
        return loop.time() - began

    assert in_virtual_time(main()) <= PAUSE


def test_a_template_at_zero_is_compared_with_the_last_known_good(clinic: Clinic) -> None:
    at_zero = made("Deployment", "web")
    at_zero["spec"]["template"]["spec"]["containers"][0]["image"] = f"x@{B}"
    clinic.see(at_zero)
    clinic.concerns.compare_with({Named("n", "Deployment", "web"): {"app": A}})
    assert clinic.told() == [("Deployment web DigestDrift", 0)]
    assert clinic.conditions[0].explanation.startswith("container app is declared as sha256:bbbbbbbbbbbb…, last known")
    clinic.concerns.compare_with({})
    assert clinic.told() == []


def test_a_workload_that_is_not_recorded_is_not_judged(clinic: Clinic) -> None:
    clinic.concerns.compare_with({Named("n", "Deployment", "other"): {"app": A}})
    clinic.see(pod("web", digest=B))
    assert clinic.told() == []


def test_no_mode_is_told_of_what_only_pauses(clinic: Clinic) -> None:
    stated = pod("feed")
    stated["spec"]["containers"][0]["env"] = [{"name": "INGEST_ENABLED", "value": "false"}]
    clinic.see(stated)
    assert [type(fact).__name__ for fact in clinic.world.known.values()] == []
    clinic.told()
    assert [(f.location, f.paused) for f in clinic.known.values() if isinstance(f, Pause)] == [("n/Pod/feed", True)]
