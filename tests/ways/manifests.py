"""Manifests as a user would write them."""

from __future__ import annotations

from typing import Any

JSON = dict[str, Any]
FLOOR, AGENTS = "trading-floor", "agenttrader"
COMPONENT = "app.kubernetes.io/component"
PLAIN_IMAGE = "ghcr.io/agenttrader/worker:1"
ENGINE_IMAGE = "us-east4-docker.pkg.dev/agenttrader-prod/trader-repo/execution-engine:54afffe"
SWITCH_FILE = {"name": "EXECUTION_HALTED_FILE", "value": "/etc/agenttrader/kill-switch/EXECUTION_HALTED"}
MOUNT = {"name": "kill-switch", "mountPath": "/etc/agenttrader/kill-switch", "readOnly": True}
VOLUME = {"name": "kill-switch", "configMap": {"name": "agenttrader-kill-switch"}}


def env(**values: str) -> list[JSON]:
    return [{"name": name, "value": value} for name, value in values.items()]


def container(name: str = "worker", image: str = PLAIN_IMAGE, **fields: Any) -> JSON:
    return {"name": name, "image": image, **fields}


def wired(name: str = "worker", image: str = PLAIN_IMAGE, **fields: Any) -> JSON:
    """A container that states a safe mode and mounts the kill switch."""
    return container(name, image, env=[*env(AGENT_MODE="OFF"), SWITCH_FILE], volumeMounts=[MOUNT], **fields)


def pods(*containers: JSON, labels: JSON | None = None, annotations: JSON | None = None, **spec: Any) -> JSON:
    """A template. Its volume is the kill switch."""
    metadata = {"labels": labels or {}, **({"annotations": annotations} if annotations else {})}
    return {"metadata": metadata, "spec": {"containers": list(containers), "volumes": [VOLUME], **spec}}


def manifest(api_version: str, kind: str, name: str, namespace: str, labels: JSON | None = None, **body: Any) -> JSON:
    metadata = {"name": name, "namespace": namespace, **({"labels": labels} if labels else {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **body}


API_VERSIONS = {
    "Deployment": "apps/v1", "StatefulSet": "apps/v1", "DaemonSet": "apps/v1", "ReplicaSet": "apps/v1",
    "ReplicationController": "v1", "Job": "batch/v1", "CronJob": "batch/v1", "Pod": "v1",
    "Rollout": "argoproj.io/v1alpha1",
}  # fmt: skip


def workload(
    kind: str, name: str, *containers: JSON, namespace: str = FLOOR, labels: JSON | None = None,
    template_labels: JSON | None = None, annotations: JSON | None = None, pod: JSON | None = None, **spec: Any,
) -> JSON:  # fmt: skip
    """Any kind that makes Pods. ``pod``: more of the Pod's spec; ``annotations``: of the Pods."""
    chosen = {"run": name}
    made = pods(*(containers or (wired(),)), labels=chosen | (template_labels or {}), annotations=annotations)
    made["spec"] |= pod or {}
    head = (API_VERSIONS[kind], kind, name, namespace)
    if kind == "Pod":
        return manifest(*head, labels=made["metadata"]["labels"] | (labels or {}), spec=made["spec"])
    if kind in ("Job", "CronJob"):
        made["spec"]["restartPolicy"] = "Never"
    if kind == "CronJob":
        return manifest(*head, labels=labels, spec={"jobTemplate": {"spec": {"template": made}}, **spec})
    selectors = {"Job": {}, "ReplicationController": {"selector": chosen}}
    selector = selectors.get(kind, {"selector": {"matchLabels": chosen}})
    return manifest(*head, labels=labels, spec={**selector, "template": made, **spec})


def deployment(name: str, *containers: JSON, **more: Any) -> JSON:
    return workload("Deployment", name, *containers, **more)


def config_map(name: str, namespace: str = FLOOR, **data: str) -> JSON:
    return manifest("v1", "ConfigMap", name, namespace, data=data)


def scaled_object(target: str, namespace: str = AGENTS, *, kind: str = "", annotations: JSON | None = None,
                  **spec: Any) -> JSON:  # fmt: skip
    trigger = {"type": "gcp-pubsub", "metadata": {"subscriptionName": "orders"}}
    of = {"name": target, **({"kind": kind} if kind else {})}
    made = manifest("keda.sh/v1alpha1", "ScaledObject", "by-orders", namespace, spec={
        "scaleTargetRef": of, "triggers": [trigger], **spec
    })  # fmt: skip
    made["metadata"] |= {"annotations": annotations} if annotations else {}
    return made


def autoscaler(target: str, namespace: str = AGENTS, *, kind: str = "Deployment", **spec: Any) -> JSON:
    of = {"apiVersion": "apps/v1", "kind": kind, "name": target}
    return manifest("autoscaling/v2", "HorizontalPodAutoscaler", "by-load", namespace, spec={
        "scaleTargetRef": of, "maxReplicas": 3, **spec
    })  # fmt: skip
