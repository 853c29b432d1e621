"""Ways to run execution: what is known by name, and copies of it. domain.md §5."""

from __future__ import annotations

from typing import Any

from watchdog.simulator import kubectl
from watchdog.simulator.cluster import DeleteOptions
from watchdog.simulator.custom import ARGO, KEDA, install
from watchdog.simulator.kubelet import add_ephemeral_container
from watchdog.simulator.managed_fields import Author
from watchdog.simulator.resources import PODS, REPLICA_SETS

from ..platform import Guarded
from .acts import (
    AGENT,
    ENGINE,
    JSON_PATCH,
    MERGE,
    STRATEGIC,
    asks,
    creates,
    in_turn,
    patches,
    pods_of,
    request,
    scales,
    the_agent,
)
from .manifests import (
    AGENTS,
    COMPONENT,
    ENGINE_IMAGE,
    FLOOR,
    autoscaler,
    container,
    deployment,
    wired,
    workload,
)
from .way import Page, Way, page, way

JSON = dict[str, Any]
LABEL = {COMPONENT: "execution-agent"}
ABOVE = "ExecutionWorkloadAboveZero"


def above(name: str, kind: str = "Deployment", namespace: str = FLOOR, says: str = "desired 1",
          ends: str = "firing") -> Page:  # fmt: skip
    return page(ABOVE, 0, says, ends=ends, namespace=namespace, kind=kind, workload=name)


AGENT_RUNS, ENGINE_RUNS = above("execution-agent", namespace=AGENTS), above("execution-engine")
TO_1: JSON = {"spec": {"replicas": 1}}
SCALE_TO_1 = {"kind": "Scale", "apiVersion": "autoscaling/v1", **TO_1}


# The named ones


async def replaced_without_replicas(world: Guarded) -> None:
    found = await request(world, "GET", ENGINE)
    del found["spec"]["replicas"], found["metadata"]["resourceVersion"]
    await request(world, "PUT", ENGINE, found)


async def made_anew_without_replicas(world: Guarded) -> None:
    found = kubectl.get(world.floor.cluster, "deploy", AGENTS, "execution-agent")
    spec = {name: value for name, value in found.object["spec"].items() if name != "replicas"}
    world.floor.cluster.delete(found)
    made = {**found.object, "spec": spec, "metadata": {"name": "execution-agent", "namespace": AGENTS}}
    kubectl.create(world.floor.cluster, made)


def status_says_one(world: Guarded) -> None:
    """An old controller, or a forged status: the spec says 0."""
    found = kubectl.get(world.floor.cluster, "deploy", AGENTS, "execution-agent")
    changed = {**found.object, "status": {**found.object.get("status", {}), "replicas": 1}}
    world.floor.cluster.update(found, changed, Author("somebody", "status"))


def behind_its_deployment(world: Guarded) -> None:
    (owned,) = [r for r in world.floor.cluster.records(REPLICA_SETS, FLOOR) if r.name.startswith("execution-engine-")]
    kubectl.scale(world.floor.cluster, "rs", FLOOR, owned.name, 1)


async def left_behind(world: Guarded) -> None:
    """``kubectl delete deploy --cascade=orphan`` of one that runs."""
    the_agent(world)
    await world.at(5)
    found = kubectl.get(world.floor.cluster, "deploy", AGENTS, "execution-agent")
    world.floor.cluster.delete(found, DeleteOptions(propagation="Orphan"))


async def terminating(world: Guarded) -> None:
    """Scaled to zero again, but its Pod does not go."""
    the_agent(world)
    await world.at(3)
    (name,) = pods_of(world, AGENTS, "execution-agent")
    kubectl.patch(world.floor.cluster, "pod", AGENTS, name, {"metadata": {"finalizers": ["example.com/slow"]}})
    scales("deploy", AGENTS, "execution-agent", 0)(world)


async def out_of_its_selector(world: Guarded) -> None:
    """The Pod's labels go while it runs, and then its Deployment is at zero again."""
    the_agent(world)
    await world.at(3)
    (name,) = pods_of(world, AGENTS, "execution-agent")
    found = kubectl.get(world.floor.cluster, "pod", AGENTS, name)
    shed = ("labels", "ownerReferences")
    metadata = {key: value for key, value in found.object["metadata"].items() if key not in shed}
    world.floor.cluster.update(found, {**found.object, "metadata": metadata}, Author("kubectl-label"))
    scales("deploy", AGENTS, "execution-agent", 0)(world)


NAMED = (
    way("kubectl scales execution-agent to 1", the_agent, AGENT_RUNS),
    way("kubectl scales execution-engine to 3", scales("deploy", FLOOR, "execution-engine", 3),
        above("execution-engine", says="desired 3")),
    way("a PUT of /scale", asks("PUT", f"{ENGINE}/scale", SCALE_TO_1 | {
        "metadata": {"name": "execution-engine", "namespace": FLOOR}}), ENGINE_RUNS),
    way("a PATCH of /scale", asks("PATCH", f"{AGENT}/scale", TO_1, MERGE), AGENT_RUNS),
    way("kubectl patches the replicas", patches("deploy", FLOOR, "execution-engine", TO_1), ENGINE_RUNS),
    way("a JSON patch of the replicas", asks("PATCH", AGENT, [
        {"op": "replace", "path": "/spec/replicas", "value": 1}], JSON_PATCH), AGENT_RUNS),
    way("a JSON patch that removes the replicas", asks("PATCH", AGENT, [
        {"op": "remove", "path": "/spec/replicas"}], JSON_PATCH), AGENT_RUNS),
    way("kubectl applies the manifest with a replica", asks("PATCH", ENGINE, TO_1, STRATEGIC,
        fieldManager="kubectl-client-side-apply"), ENGINE_RUNS),
    way("kubectl applies the manifest with a replica on the server's side", asks("PATCH", AGENT, {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "execution-agent"}, **TO_1},
        "application/apply-patch+yaml", fieldManager="kubectl", force="true"), AGENT_RUNS),
    way("kubectl replaces the manifest by one without replicas", replaced_without_replicas, ENGINE_RUNS),
    way("the workload is made anew without replicas", made_anew_without_replicas, AGENT_RUNS),
    way("replicas of null, which is 1", patches("deploy", AGENTS, "execution-agent", {"spec": {"replicas": None}}),
        AGENT_RUNS),
    way("up and down within a moment", in_turn(the_agent, scales("deploy", AGENTS, "execution-agent", 0)),
        above("execution-agent", namespace=AGENTS, ends="latched")),
    way("up and down within a thousandth of a second",
        in_turn(the_agent, scales("deploy", AGENTS, "execution-agent", 0), every=0.001),
        above("execution-agent", namespace=AGENTS, ends="latched")),
    way("a status that says 1 while the spec says 0", status_says_one,
        above("execution-agent", namespace=AGENTS, says="reported 1", ends="*")),
    way("a ReplicaSet is scaled behind its Deployment's back", behind_its_deployment,
        above("execution-engine*", kind="*", says="1", ends="*"), lasts=1.0),
    way("the Deployment is deleted, and its ReplicaSet and Pod stay", left_behind,
        above("execution-agent", namespace=AGENTS, ends=""),
        above("execution-agent-*", "ReplicaSet", AGENTS), lasts=12.0),
    way("it is scaled to zero, and its Pod goes on terminating", terminating, AGENT_RUNS, lasts=90.0),
    way("the Pod loses its labels and its owner while it runs", out_of_its_selector,
        above("execution-agent", namespace=AGENTS, ends="latched"),
        above("execution-agent-*", "Pod", AGENTS), lasts=20.0),
    way("an autoscaler holds at 3 what somebody scaled to 1",
        in_turn(creates(autoscaler("execution-agent", minReplicas=3)), the_agent), AGENT_RUNS, lasts=20.0),
    way("a paused Deployment is scaled", in_turn(
        patches("deploy", FLOOR, "execution-engine", {"spec": {"paused": True}}),
        scales("deploy", FLOOR, "execution-engine", 1)), ENGINE_RUNS),
)  # fmt: skip


# Copies


def by_image(image: str) -> JSON:
    return wired(image=image)


def with_custom_resources(world: Guarded) -> None:
    install(world.floor.cluster, ARGO, KEDA)


async def by_its_schedule(world: Guarded) -> None:
    kubectl.create(world.floor.cluster, workload(
        "CronJob", "nightly", template_labels=LABEL, schedule="* * * * *"))  # fmt: skip


async def debugging(world: Guarded) -> None:
    """``kubectl debug`` with execution's image in a strategy's Pod."""
    add_ephemeral_container(world.floor.cluster, FLOOR, "whale-strategy-0", wired("debugger", ENGINE_IMAGE))


async def owned_by_it(world: Guarded) -> None:
    """A Pod that execution-engine's ReplicaSet owns, with neither its labels nor its image."""
    (owner,) = [r for r in world.floor.cluster.records(REPLICA_SETS, FLOOR) if r.name.startswith("execution-engine-")]
    made = workload("Pod", "guest")
    made["metadata"]["ownerReferences"] = [{
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": owner.name, "uid": owner.uid, "controller": True,
    }]  # fmt: skip
    world.floor.cluster.create(PODS, FLOOR, made, Author("kubectl-create"))


async def custom_resources_come_later(world: Guarded) -> None:
    install(world.floor.cluster, ARGO)
    await world.at(70)
    kubectl.create(world.floor.cluster, workload("Rollout", "helper", template_labels=LABEL, replicas=1))


def serves_as(name: str) -> Any:
    def change(content: JSON) -> None:
        (stanza,) = [stanza for stanza in content["sources"] if stanza["kind"] == "kubernetes"]
        stanza["execution"] = {**stanza["execution"], "service_accounts": [name]}

    return change


KINDS = ("StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job", "Pod")
IMAGES = {
    "from another registry": "ghcr.io:443/somebody/execution-agent:1",
    "without a tag": "execution-engine",
    "by its digest": "docker.io/x/execution-engine@sha256:" + "0123456789abcdef" * 4,
    "by tag and digest": "docker.io/x/execution-agent:2@sha256:" + "0123456789abcdef" * 4,
    "in upper case": "GHCR.IO/X/EXECUTION-AGENT:1",
}

COPIES = (
    *(way(f"a {kind} under another name, with execution's label", creates(
        workload(kind, "helper", template_labels=LABEL)), above("helper", kind)) for kind in KINDS),
    *(way(f"a {kind} with execution's own name", creates(
        workload(kind, "execution-engine", namespace=FLOOR)), above("execution-engine", kind))
      for kind in ("StatefulSet", "DaemonSet", "Job", "Pod")),
    *(way(f"execution's image under another name, {how}", creates(
        deployment("helper", by_image(image))), above("helper")) for how, image in IMAGES.items()),
    way("a label on the workload, and none on its Pods", creates(deployment("helper", labels=LABEL)), above("helper")),
    way("a CronJob starts a Job by its schedule", by_its_schedule,
        page("LatentExecution", 1, "spec.suspend", namespace=FLOOR, kind="CronJob", name="nightly"),
        above("nightly-*", "Job"), lasts=70.0),
    way("a Job by hand from a CronJob that is suspended", in_turn(
        creates(workload("CronJob", "nightly", template_labels=LABEL, schedule="0 3 * * *", suspend=True)),
        creates(workload("Job", "by-hand", template_labels=LABEL))), above("by-hand", "Job")),
    way("a Job that was suspended is resumed", in_turn(
        creates(workload("Job", "later", template_labels=LABEL, suspend=True)),
        patches("job", FLOOR, "later", {"spec": {"suspend": False}})), above("later", "Job")),
    way("a Rollout under another name", creates(
        workload("Rollout", "helper", template_labels=LABEL, replicas=1)), above("helper", "Rollout"),
        before=with_custom_resources),
    way("a Rollout without replicas, which is 1", creates(
        workload("Rollout", "execution-engine")), above("execution-engine", "Rollout"), before=with_custom_resources),
    way("a Rollout, where Rollouts were not even served when the watchdog started", custom_resources_come_later,
        above("helper", "Rollout"), lasts=80.0),
    way("execution in a sidecar of a strategy", patches("sts", FLOOR, "whale-strategy", {
        "spec": {"template": {"spec": {"containers": [wired("whale-strategy-container"), wired("e", ENGINE_IMAGE)]}}}}),
        above("whale-strategy", "StatefulSet")),
    way("execution in an init container", creates(deployment("helper", pod={
        "initContainers": [wired("first", ENGINE_IMAGE)]})), above("helper")),
    way("execution in an ephemeral container of a strategy's Pod", debugging,
        above("whale-strategy-0", "Pod")),
    way("kubectl set image turns a strategy into execution", asks(
        "PATCH", f"/apis/apps/v1/namespaces/{FLOOR}/statefulsets/strategy-engine", {"spec": {"template": {"spec": {
            "containers": [{"name": "strategy-engine", "image": ENGINE_IMAGE}]}}}}, STRATEGIC),
        above("strategy-engine", "StatefulSet")),
    way("a workload with execution's service account", creates(
        deployment("helper", pod={"serviceAccountName": "execution"})), above("helper"), change=serves_as("execution")),
    way("a Pod that execution's ReplicaSet owns, in other clothes", owned_by_it,
        above("guest", "Pod", ends="latched"),
        above("execution-engine", says="reported 1", ends="latched")),
    way("a copy in a namespace that nobody listed", creates(
        deployment("helper", namespace="sandbox", template_labels=LABEL)),
        above("helper", namespace="sandbox"),
        page("KillSwitchNotWired", 2, "kill switch", namespace="sandbox", workload="helper"),
        page("KillSwitchNotWired", 0, "kill switch", namespace="sandbox", workload="helper"), lasts=20.0),
    way("kubectl run with execution's image in a namespace that is made for it", creates(
        workload("Pod", "shell", container("shell", ENGINE_IMAGE), namespace="elsewhere")),
        above("shell", "Pod", "elsewhere"),
        page("AgentModeNotStated", 1, "AGENT_MODE", namespace="elsewhere", workload="shell", container="shell"),
        page("KillSwitchNotWired", 2, "neither mounts", namespace="elsewhere", workload="shell"),
        page("KillSwitchNotWired", 0, "neither mounts", namespace="elsewhere", workload="shell"),
        lasts=20.0),
)  # fmt: skip


WAYS: tuple[Way, ...] = (*NAMED, *COPIES)
