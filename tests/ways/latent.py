"""Ways to let execution start later, without a human: what could scale it up, or run it by a schedule. domain.md §5."""

from __future__ import annotations

from typing import Any

from watchdog.simulator.managed_fields import Author
from watchdog.simulator.resources import HORIZONTAL_POD_AUTOSCALERS

from ..platform import Guarded
from .acts import creates, in_turn, patches
from .manifests import AGENTS, FLOOR, autoscaler, scaled_object, workload
from .way import Page, Way, page, way
from .workloads import LABEL, above, with_custom_resources

JSON = dict[str, Any]


def could_start(name: str, kind: str, says: str, namespace: str = AGENTS) -> Page:
    return page("LatentExecution", 1, says, namespace=namespace, kind=kind, name=name)


SCALED = could_start("by-orders", "ScaledObject", "maxReplicaCount")
KEDA_ANNOTATION = "autoscaling.keda.sh/paused"


def from_zero(world: Guarded) -> None:
    """An HPA that the feature gate HPAScaleToZero lets through."""
    made = autoscaler("execution-agent", minReplicas=1)
    record = world.floor.cluster.create(HORIZONTAL_POD_AUTOSCALERS, AGENTS, made, Author("kubectl-create"))
    stored = {**record.object, "spec": {**record.object["spec"], "minReplicas": 0}}
    world.floor.cluster.put(HORIZONTAL_POD_AUTOSCALERS, stored)


def referring(**spec: Any) -> JSON:
    of = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "execution-engine"}
    made = workload("Rollout", "helper", **{key: value for key, value in spec.items() if key == "replicas"})
    del made["spec"]["template"]
    made["spec"]["workloadRef"] = {**of, **{key: value for key, value in spec.items() if key != "replicas"}}
    return made


WAYS: tuple[Way, ...] = (
    way("a ScaledObject with a minimum of 0", creates(
        scaled_object("execution-agent", minReplicaCount=0, maxReplicaCount=1)), SCALED, before=with_custom_resources),
    way("a ScaledObject without a maximum", creates(scaled_object("execution-agent")), SCALED,
        before=with_custom_resources),
    way("a ScaledObject with a fallback", creates(scaled_object(
        "execution-agent", fallback={"failureThreshold": 1, "replicas": 2})), SCALED, before=with_custom_resources),
    way("a ScaledObject that is no longer paused", in_turn(
        creates(scaled_object("execution-agent", annotations={KEDA_ANNOTATION: "true"})),
        patches("scaledobject", AGENTS, "by-orders", {"metadata": {"annotations": {KEDA_ANNOTATION: None}}})),
        SCALED, before=with_custom_resources),
    way("a ScaledObject that is paused in words only", creates(scaled_object(
        "execution-agent", annotations={KEDA_ANNOTATION: "false"})), SCALED, before=with_custom_resources),
    way("a ScaledObject that is paused at 3", creates(scaled_object(
        "execution-agent", annotations={f"{KEDA_ANNOTATION}-replicas": "3"})),
        could_start("by-orders", "ScaledObject", "paused-replicas"),
        above("execution-agent", namespace=AGENTS, says="desired 3"), before=with_custom_resources),
    way("a ScaledObject for a copy that a label gives away", in_turn(
        creates(workload("StatefulSet", "helper", namespace=AGENTS, template_labels=LABEL, replicas=0)),
        creates(scaled_object("helper", kind="StatefulSet"))), SCALED, before=with_custom_resources),
    way("a ScaledObject, and then its trigger", in_turn(
        lambda w: w.floor.cluster.demand.update({("ScaledObject", AGENTS, "by-orders"): 2}),
        creates(scaled_object("execution-agent"))), SCALED,
        above("execution-agent", namespace=AGENTS, says="desired 2"), before=with_custom_resources, lasts=20.0),
    way("a CronJob that is no longer suspended", in_turn(
        creates(workload("CronJob", "nightly", template_labels=LABEL, schedule="0 3 1 1 *", suspend=True)),
        patches("cronjob", FLOOR, "nightly", {"spec": {"suspend": False}})),
        could_start("nightly", "CronJob", "spec.suspend", FLOOR)),
    way("an autoscaler that may scale from zero", from_zero,
        could_start("by-load", "HorizontalPodAutoscaler", "spec.minReplicas is 0")),
    way("a Rollout of execution's own template", creates(referring(replicas=1)),
        could_start("helper", "Rollout", "workloadRef", FLOOR), above("helper", "Rollout"),
        before=with_custom_resources),
    way("a Rollout at zero that may scale execution back up", creates(referring(replicas=0, scaleDown="progressively")),
        could_start("helper", "Rollout", "progressively", FLOOR), before=with_custom_resources),
)  # fmt: skip
