"""What looks like enablement and is none: it must page nobody. domain.md §2-5."""

from __future__ import annotations

from typing import Any

from watchdog.simulator import kubectl
from watchdog.simulator.controller import settle
from watchdog.simulator.custom import ARGO, KEDA, install
from watchdog.simulator.kubelet import finish

from ..platform import Guarded
from .acts import ENGINE, MERGE, asks, creates, in_turn, patches, pods_of, request, scales, sets_env, the_switch
from .latent import KEDA_ANNOTATION, referring
from .manifests import (
    AGENTS,
    COMPONENT,
    FLOOR,
    autoscaler,
    config_map,
    container,
    deployment,
    env,
    scaled_object,
    workload,
)
from .modes import FROM_A_SECRET, NAME, pricing, there
from .way import Page, Way, nothing, page, way
from .workloads import LABEL, TO_1, with_custom_resources

JSON = dict[str, Any]
TRUTHY = {"TRUE between blanks": " TRUE ", "on": "on", "Yes": "Yes", "1 and a line's end": "1\n",
          "1 and a second line that says 0": "1\n0", "true, and a comment below": "true\n# since Monday"}  # fmt: skip


def with_a_past(world: Guarded) -> None:
    """A Deployment that once said LIVE: its old ReplicaSet, at zero, still does."""
    kubectl.create(world.floor.cluster, deployment(NAME, container(NAME, env=env(AGENT_MODE="LIVE"))))
    settle(world.floor.cluster)
    kubectl.set_env(world.floor.cluster, "deploy", FLOOR, NAME, AGENT_MODE="OBSERVE")
    settle(world.floor.cluster)
    for name in pods_of(world, FLOOR, NAME):
        found = kubectl.get(world.floor.cluster, "pod", FLOOR, name)
        if "deletionTimestamp" in found.object["metadata"]:
            kubectl.delete(world.floor.cluster, "pod", FLOOR, name, force=True)


def done(world: Guarded) -> None:
    """A Pod of execution that has succeeded, and a Job that is finished, both before the watchdog came."""
    kubectl.create(world.floor.cluster, workload("Pod", "yesterday", template_labels=LABEL))
    kubectl.create(world.floor.cluster, workload("Job", "batch", template_labels=LABEL))
    settle(world.floor.cluster)
    for name in ("yesterday", *pods_of(world, FLOOR, "batch")):
        finish(world.floor.cluster, FLOOR, name)
    settle(world.floor.cluster)


async def dry_runs(world: Guarded) -> None:
    """``--dry-run=server`` of all that would page."""
    await request(world, "PATCH", ENGINE, TO_1, MERGE, dryRun="All")
    await request(world, "PATCH", f"{ENGINE}/scale", TO_1, MERGE, dryRun="All")
    path = f"/api/v1/namespaces/{FLOOR}/configmaps/agenttrader-kill-switch"
    await request(world, "PATCH", path, {"data": {"EXECUTION_HALTED": "0"}}, MERGE, dryRun="All")
    await request(world, "DELETE", path, dryRun="All")
    made = deployment("helper", labels=LABEL)
    await request(world, "POST", f"/apis/apps/v1/namespaces/{FLOOR}/deployments", made, dryRun="All")


async def no_op(world: Guarded) -> None:
    found = await request(world, "GET", ENGINE)
    await request(world, "PUT", ENGINE, found)


def exempting(secret: str) -> Any:
    def change(content: JSON) -> None:
        (stanza,) = [stanza for stanza in content["sources"] if stanza["kind"] == "kubernetes"]
        stanza["exempt_secrets"] = [secret]

    return change


def restarted(type: str, name: str) -> Any:
    """``kubectl rollout restart``."""
    stamp = {"kubectl.kubernetes.io/restartedAt": "2026-11-23T15:00:00Z"}
    return patches(type, FLOOR, name, {"spec": {"template": {"metadata": {"annotations": stamp}}}})


def unread(kind: str, name: str) -> Page:
    return page("CoverageGap", 3, "Secret", area="secret", what=f"{kind} {FLOOR}/{name}")


def inert(kind: str) -> Page:
    return page("LatentExecutionInert", 3, "minReplicas", namespace=AGENTS, kind=kind, name="by-load")


NAMES = ("execution-agent-docs", "execution-engine-ui", "my-execution-agent")
PAUSED = {KEDA_ANNOTATION: "true"}

LOOKALIKES: tuple[Way, ...] = (
    way("nothing at all", nothing, lasts=130.0),
    *(way(f"the switch says {name}", the_switch(EXECUTION_HALTED=text)) for name, text in TRUTHY.items()),
    way("a comment in the switch's ConfigMap", the_switch(comment="set EXECUTION_HALTED: 0 to trade")),
    way("a label and an annotation on the switch", patches("configmap", FLOOR, "agenttrader-kill-switch", {
        "metadata": {"labels": {"mode": "LIVE"}, "annotations": {"agenttrader.dev/note": "EXECUTION_HALTED=0"}}})),
    way("an unrelated key in the second carrier", patches("configmap", FLOOR, "agenttrader-safety", {
        "data": {"MAX_ORDER_SIZE": "0"}})),
    way("a switch of the same name elsewhere", creates(
        config_map("agenttrader-kill-switch", namespace="sandbox", EXECUTION_HALTED="0"))),
    way("a carrier that need not be is removed", lambda w: kubectl.delete(
        w.floor.cluster, "configmap", FLOOR, "agenttrader-safety")),
    way("a strategy is scaled", scales("sts", FLOOR, "whale-strategy", 3), lasts=15.0),
    way("a strategy is restarted", restarted("sts", "gamma-strategy"), lasts=20.0),
    way("labels and annotations on execution at zero", in_turn(*(
        patches("deploy", FLOOR, "execution-engine", {"metadata": {field: {"owner": "live"}}})
        for field in ("labels", "annotations")))),
    way("everything, but dry-run", dry_runs),
    way("execution is written back as it is", no_op),
    way("execution is scaled to 0, where it is", scales("deploy", AGENTS, "execution-agent", 0)),
    way("execution at zero gets another image", sets_env("deploy", FLOOR, "execution-engine", LOG_LEVEL="debug")),
    way("AGENT_MODE is OBSERVE, in lower case", sets_env("deploy", FLOOR, NAME, AGENT_MODE=" observe "), before=there),
    way("AGENT_MODE goes from OBSERVE to PAPER and rolls out", sets_env("deploy", FLOOR, NAME, AGENT_MODE="PAPER"),
        before=there, lasts=20.0),
    way("AGENT_MODE twice, and the later one is OFF", pricing(
        env=[*env(AGENT_MODE="LIVE"), *env(AGENT_MODE="OFF")]), before=there),
    way("AGENT_MODE is not set where nothing executes", sets_env("deploy", FLOOR, NAME, AGENT_MODE=None), before=there),
    way("env beats what envFrom says", in_turn(creates(config_map("bad", AGENT_MODE="LIVE")), pricing(
        env=env(AGENT_MODE="OFF"), envFrom=[{"configMapRef": {"name": "bad"}}])), before=there),
    way("a prefix makes another name of it", in_turn(creates(config_map("bad", AGENT_MODE="LIVE")), pricing(
        env=env(AGENT_MODE="OFF"), envFrom=[{"prefix": "MY_", "configMapRef": {"name": "bad"}}])), before=there),
    way("a variable with a longer name", sets_env("deploy", FLOOR, NAME, AGENT_MODE_DOC="LIVE", MY_AGENT_MODE="LIVE"),
        before=there),
    way("LIVE in a ConfigMap that nobody mounts", creates(config_map("notes", AGENT_MODE="LIVE"))),
    way("LIVE in an argument that is only printed", pricing(
        env=env(AGENT_MODE="OFF"), command=["echo", "AGENT_MODE=LIVE"]), before=there),
    way("TRADING_MODE is paper", sets_env("deploy", FLOOR, NAME, TRADING_MODE="paper"), before=there),
    way("EXEC_DRY_RUN is 0 where nothing executes", sets_env("deploy", FLOOR, NAME, EXEC_DRY_RUN="0"), before=there),
    way("an old ReplicaSet at zero that said LIVE", nothing, before=with_a_past),
    way("execution that is done: a Pod that succeeded, a Job that is finished", nothing, before=done),
    *(way(f"a workload named {name}", creates(deployment(name, container(NAME, f"ghcr.io/x/{name}:1"))))
      for name in NAMES),
    way("execution's name in another namespace", creates(deployment("execution-engine", namespace="sandbox"))),
    way("another value of the component's label", creates(deployment("ui", labels={COMPONENT: "execution-agent-ui"}))),
    way("a copy at zero", creates(deployment("helper", labels=LABEL, replicas=0))),
    way("a CronJob of execution that is suspended", creates(
        workload("CronJob", "nightly", template_labels=LABEL, schedule="* * * * *", suspend=True)), lasts=70.0),
    way("a CronJob of something else", creates(workload("CronJob", "report", schedule="* * * * *")), lasts=70.0),
    way("a Job of execution that is suspended", creates(
        workload("Job", "later", template_labels=LABEL, suspend=True))),
    way("a ScaledObject of execution that is paused", creates(
        scaled_object("execution-agent", annotations=PAUSED)), before=with_custom_resources, lasts=35.0),
    way("a ScaledObject of execution that is paused at 0", creates(
        scaled_object("execution-agent", annotations={f"{KEDA_ANNOTATION}-replicas": "0"})),
        before=with_custom_resources, lasts=35.0),
    way("a ScaledObject of execution with a maximum of 0", creates(
        scaled_object("execution-agent", maxReplicaCount=0)), before=with_custom_resources, lasts=35.0),
    way("a ScaledObject of a strategy", creates(
        scaled_object("whale-strategy", FLOOR, kind="StatefulSet", minReplicaCount=1)), before=with_custom_resources),
    way("an autoscaler of a strategy", creates(
        autoscaler("whale-strategy", FLOOR, kind="StatefulSet", minReplicas=1))),
    way("an autoscaler of execution at zero, which does nothing there", creates(
        autoscaler("execution-agent", minReplicas=1)), inert("HorizontalPodAutoscaler"), lasts=35.0),
    way("a Rollout at zero that refers to execution", creates(referring(replicas=0)), before=with_custom_resources),
    way("Rollouts and ScaledObjects begin to be served", lambda w: install(w.floor.cluster, ARGO, KEDA), lasts=130.0),
    way("all of a Secret where nothing executes", pricing(env=env(AGENT_MODE="OFF"), envFrom=FROM_A_SECRET),
        unread("Deployment", NAME), before=there, lasts=75.0),
    way("all of a Secret that is exempted", pricing(env=env(AGENT_MODE="OFF"), envFrom=FROM_A_SECRET),
        before=there, change=exempting(f"{FLOOR}/settings"), lasts=75.0),
    way("a Secret that is mounted as a file", pricing(env=env(AGENT_MODE="OFF"), pod={
        "volumes": [{"name": "s", "secret": {"secretName": "settings"}}]}), before=there, lasts=75.0),
    way("the switch's ConfigMap is written anew as it was", asks(
        "PUT", f"/api/v1/namespaces/{FLOOR}/configmaps/agenttrader-kill-switch",
        config_map("agenttrader-kill-switch", EXECUTION_HALTED="1"))),
    way("a service says what its Pod was made with", nothing, lasts=30.0),
    way("a Pod of a strategy is deleted and comes again", lambda w: kubectl.delete(
        w.floor.cluster, "pod", FLOOR, "whale-strategy-0"), lasts=20.0),
    way("the API server is restarted, and refuses everybody for its first second",
        lambda w: w.floor.server.outages.restart(), lasts=30.0),
    way("mission-control is away", scales("deploy", FLOOR, "mission-control", 0), lasts=10.0),
)  # fmt: skip
