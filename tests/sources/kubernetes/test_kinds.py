"""Every kind that makes Pods or scales what does -> facts. domain.md §5."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sources.kubernetes.scripted import container, meta, pod, workload
from tests.sources.kubernetes.worlds import World
from watchdog.core.facts import Blindspot, Latent, Mark, Unknown, Wiring, Workload

ENGINE = "execution-engine"
IMAGE = container(image="registry.example:5000/a/execution-engine@sha256:0")
OWNED_BY_CRON = [{"kind": "CronJob", "name": "nightly", "controller": True}]
TEMPLATE = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [IMAGE]}}
SELECTOR = {"selector": {"matchLabels": {"app": "x"}}}


def made(kind: str, spec: dict[str, Any], status: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "metadata": meta("copy", 5, generation=2, **more), "spec": spec, "status": status or {}}


def target(name: str = ENGINE, kind: str | None = "Deployment") -> dict[str, Any]:
    return {"scaleTargetRef": {"name": name} | ({"kind": kind} if kind else {})}


@pytest.mark.parametrize(
    ("object_", "desired", "reported"),
    [
        (made("StatefulSet", {**SELECTOR, "template": TEMPLATE, "replicas": 2}, {"replicas": 1}), 2, 1),
        (made("ReplicaSet", {**SELECTOR, "template": TEMPLATE}, {"replicas": 1}), 1, 1),
        (made("ReplicationController", {"selector": {"app": "x"}, "template": TEMPLATE, "replicas": 3}), 3, 0),
        (made("ReplicationController", {"template": TEMPLATE}), 1, 0),
        (made("Rollout", {**SELECTOR, "template": TEMPLATE, "replicas": 2}, {"replicas": 2}), 2, 2),
        (made("Rollout", {**SELECTOR, "template": TEMPLATE}), 1, 0),
        (made("DaemonSet", {**SELECTOR, "template": TEMPLATE}), 1, 0),  # its controller has not looked at it yet
        (made("DaemonSet", {**SELECTOR, "template": TEMPLATE}, {"observedGeneration": 1}), 1, 0),
        (made("DaemonSet", {**SELECTOR, "template": TEMPLATE}, {"observedGeneration": 2}), 0, 0),
        (
            made(
                "DaemonSet",
                {**SELECTOR, "template": TEMPLATE},
                {"observedGeneration": 2, "desiredNumberScheduled": 3, "currentNumberScheduled": 2},
            ),
            3,
            2,
        ),
        (
            made("DaemonSet", {**SELECTOR, "template": TEMPLATE}, {"observedGeneration": 2, "numberMisscheduled": 1}),
            0,
            1,
        ),
        (made("Job", {**SELECTOR, "template": TEMPLATE}), 1, 0),
        (made("Job", {**SELECTOR, "template": TEMPLATE, "parallelism": 4}, {"active": 3}), 4, 3),
        (made("Job", {**SELECTOR, "template": TEMPLATE, "parallelism": 0}), 0, 0),
        (made("Job", {**SELECTOR, "template": TEMPLATE, "suspend": True}), 0, 0),
        (made("Job", {**SELECTOR, "template": TEMPLATE, "suspend": True}, {"active": 1}), 0, 1),
        (
            made("Job", {**SELECTOR, "template": TEMPLATE}, {"conditions": [{"type": "Complete", "status": "True"}]}),
            0,
            0,
        ),
        (
            made("Job", {**SELECTOR, "template": TEMPLATE}, {"conditions": [{"type": "Failed", "status": "False"}]}),
            1,
            0,
        ),
        (made("CronJob", {"jobTemplate": {"spec": {"template": TEMPLATE}}, "suspend": True}), 0, 0),
    ],
)
def test_what_each_kind_wants_and_reports(object_: dict[str, Any], desired: int, reported: int) -> None:
    world = World()
    world.event(object_)
    [fact] = world.of(Workload)
    assert (fact.kind, fact.desired, fact.reported) == (object_["kind"], desired, reported)
    assert fact.selected_by == "image execution-engine"


def test_a_job_of_an_execution_cron_job_is_execution_by_its_owner() -> None:
    world = World()
    world.event(made("CronJob", {"jobTemplate": {"spec": {"template": TEMPLATE}}, "suspend": True}))
    plain = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [container()]}}
    job = made("Job", {**SELECTOR, "template": plain}, ownerReferences=OWNED_BY_CRON)
    job["metadata"]["name"] = "nightly-29000000"
    world.event(job)
    assert [f.kind for f in world.of(Workload)] == ["CronJob"]  # 'nightly' is not named; 'copy' is by image
    owner = [{"kind": "CronJob", "name": ENGINE, "controller": True}]
    world.event(job | {"metadata": {**job["metadata"], "resourceVersion": "9", "ownerReferences": owner}})
    assert [f.kind for f in world.of(Workload)] == ["CronJob", "Job"]


@pytest.mark.parametrize(
    ("object_", "could_start", "inert"),
    [
        (made("ScaledObject", target()), True, False),
        (made("ScaledObject", target(kind=None)), True, False),
        (made("ScaledObject", {**target(), "minReplicaCount": 0, "maxReplicaCount": 0}), False, False),
        (made("ScaledObject", target(), annotations={"autoscaling.keda.sh/paused": "true"}), False, False),
        (made("HorizontalPodAutoscaler", {**target(), "minReplicas": 0, "maxReplicas": 3}), True, False),
        (made("HorizontalPodAutoscaler", {**target(), "maxReplicas": 3}), False, True),
        (made("CronJob", {"jobTemplate": {"spec": {"template": TEMPLATE}}}), True, False),
        (made("CronJob", {"jobTemplate": {"spec": {"template": TEMPLATE}}, "suspend": True}), False, False),
    ],
)
def test_what_could_start_execution_later(object_: dict[str, Any], could_start: bool, inert: bool) -> None:
    world = World()
    world.event(workload(ENGINE, 4))
    world.event(object_)
    [fact] = world.of(Latent)
    assert (fact.kind, fact.name, fact.could_start, fact.inert) == (object_["kind"], "copy", could_start, inert)


def test_a_rollout_that_refers_to_an_execution_workload_could_start_it() -> None:
    world = World()
    world.event(workload(ENGINE, 4))
    referring = {"workloadRef": {"kind": "Deployment", "name": ENGINE}, "replicas": 0}
    world.event(made("Rollout", referring))
    assert [(fact.kind, fact.target) for fact in world.of(Latent)] == [("Rollout", f"Deployment {ENGINE}")]


def test_what_scales_anything_else_is_nobodys_business() -> None:
    world = World()
    world.event(workload("gamma", 4))
    world.event(made("ScaledObject", target("gamma")))
    assert not world.known


def test_a_scaler_is_judged_anew_when_its_target_becomes_execution() -> None:
    world = World()
    world.event(made("ScaledObject", target("gamma")))
    world.event(workload("gamma", 6, 0, IMAGE))
    assert len(world.of(Latent)) == 1
    world.event(workload("gamma", 7, 0))
    assert not world.of(Latent)


def test_each_guarded_object_leaves_a_mark() -> None:
    world = World()
    world.event(workload(ENGINE, 5))
    world.event(pod("a", 6, ENGINE, IMAGE))
    world.event(made("ScaledObject", target()))
    world.event({"kind": "ConfigMap", "metadata": meta("agenttrader-kill-switch", 8), "data": {}})
    world.event({"kind": "ConfigMap", "metadata": meta("other", 9), "data": {}})
    marks = {(mark.kind, mark.name): (mark.uid, mark.generation, mark.revision) for mark in world.of(Mark)}
    assert marks == {
        ("Deployment", ENGINE): (f"uid-{ENGINE}", 0, 5),
        ("Pod", "a"): ("uid-a", 0, 6),
        ("ScaledObject", "copy"): ("uid-copy", 2, 5),
        ("ConfigMap", "agenttrader-kill-switch"): ("uid-agenttrader-kill-switch", 0, 8),
    }


def test_an_execution_workload_without_the_switch_is_wired_wrongly_and_says_whether_it_runs() -> None:
    world = World()
    world.event(workload(ENGINE, 5))
    [fact] = world.of(Wiring)
    assert (fact.sound, fact.above_zero) == (False, False)
    world.event(workload(ENGINE, 6, 1))
    [fact] = world.of(Wiring)
    assert fact.above_zero is True


def test_whether_it_runs_is_unknown_until_its_pods_were_listed() -> None:
    world = World(listed=False)
    world.event(workload(ENGINE, 5))
    [fact] = world.of(Wiring)
    assert isinstance(fact.above_zero, Unknown)


def switch_mounted(name: str, path: str = "/etc/kill-switch", **of_map: Any) -> dict[str, Any]:
    one = {
        **container(image="x/execution-engine"),
        "volumeMounts": [{"name": "switch", "mountPath": path}, {"name": "token-4711", "mountPath": "/var/run"}],
    }
    deployment = workload(name, 5, 0, one)
    volumes = [{"name": "switch", "configMap": {"name": "agenttrader-kill-switch", **of_map}}]
    deployment["spec"]["template"]["spec"]["volumes"] = volumes
    return deployment


def test_a_mounted_switch_is_sound_and_an_optional_one_is_not() -> None:
    world = World()
    world.event(
        {"kind": "ConfigMap", "metadata": meta("agenttrader-kill-switch", 1), "data": {"EXECUTION_HALTED": "1"}}
    )
    world.event(switch_mounted(ENGINE))
    assert [fact.sound for fact in world.of(Wiring)] == [True]
    world.event(switch_mounted(ENGINE, optional=True) | {"metadata": meta(ENGINE, 6)})
    assert [fact.sound for fact in world.of(Wiring)] == [False]


def test_a_secret_that_could_set_a_watched_variable_is_one_blind_spot_unless_it_is_exempt() -> None:
    world = World()
    bulk = container(env_from=[{"secretRef": {"name": "keys"}}])
    world.event(workload("gamma", 5, 1, bulk))
    [spot] = world.of(Blindspot)
    assert (spot.area, spot.what, spot.reason) == ("secret", "Deployment trading-floor/gamma", "FromSecret")
    assert "keys" in spot.explanation
    world.event(workload("gamma", 6, 1, container(env_from=[{"secretRef": {"name": "known-secret"}}])))
    assert not world.of(Blindspot)
