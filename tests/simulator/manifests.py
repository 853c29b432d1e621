"""Manifests of each kind that can start Pods, all with the same container."""

from __future__ import annotations

from typing import Any

JSON = dict[str, Any]
NAMESPACE = "agenttrader"


def template(name: str, **spec: Any) -> JSON:
    container = {"name": name, "image": f"{name}:1", "env": [{"name": "AGENT_MODE", "value": "OFF"}]}
    return {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container], **spec}}


def workload(api_version: str, kind: str, name: str, **spec: Any) -> JSON:
    """With a template and a selector, unless ``spec`` says otherwise."""
    made = {"selector": {"matchLabels": {"app": name}}, "template": template(name)} | spec
    return manifest(api_version, kind, name, {key: value for key, value in made.items() if value is not None})


def manifest(api_version: str, kind: str, name: str, spec: JSON) -> JSON:
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}


def daemon_set(name: str = "execution-agent", node_selector: JSON | None = None) -> JSON:
    return workload("apps/v1", "DaemonSet", name, template=template(name, nodeSelector=node_selector or {}))


def replica_set(name: str = "execution-agent", replicas: int = 0) -> JSON:
    return workload("apps/v1", "ReplicaSet", name, replicas=replicas)


def replication_controller(name: str = "execution-agent", replicas: int = 0) -> JSON:
    return workload("v1", "ReplicationController", name, replicas=replicas, selector={"app": name})


def job(name: str = "execution-agent", **spec: Any) -> JSON:
    return workload("batch/v1", "Job", name, selector=None, template=template(name, restartPolicy="Never"), **spec)


def cron_job(name: str = "execution-agent", schedule: str = "*/5 * * * *", **spec: Any) -> JSON:
    job_template = {"spec": {"template": template(name, restartPolicy="Never")}}
    return manifest("batch/v1", "CronJob", name, {"schedule": schedule, "jobTemplate": job_template, **spec})


def autoscaler(target: str = "execution-agent", least: int = 1, most: int = 3, kind: str = "Deployment") -> JSON:
    reference = {"apiVersion": "apps/v1", "kind": kind, "name": target}
    bounds = {"scaleTargetRef": reference, "minReplicas": least, "maxReplicas": most}
    return manifest("autoscaling/v2", "HorizontalPodAutoscaler", target, bounds)


def scaled_object(target: str = "execution-agent", **spec: Any) -> JSON:
    trigger = {"type": "gcp-pubsub", "metadata": {"subscriptionName": "orders"}}
    made = {"scaleTargetRef": {"name": target}, "triggers": [trigger], **spec}
    return manifest("keda.sh/v1alpha1", "ScaledObject", target, made)


def rollout(name: str = "execution-agent", **spec: Any) -> JSON:
    return workload("argoproj.io/v1alpha1", "Rollout", name, **spec)


def pod(name: str = "execution-agent", **spec: Any) -> JSON:
    made = {"containers": template(name)["spec"]["containers"], **spec}
    return manifest("v1", "Pod", name, made) | {"metadata": {"name": name, "namespace": NAMESPACE}}


def node(name: str, **labels: str) -> JSON:
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}}
