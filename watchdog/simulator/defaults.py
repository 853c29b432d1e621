"""What the API server fills in, and what it leaves out, before it stores an object.

Learnt from the recordings (``get-deployment-execution-agent``, ``list-statefulsets``): a reader then meets the same
shape as on a real cluster, above all ``spec.replicas: 1`` where a manifest names none, and no ``value`` where it
is empty.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any

from watchdog.simulator.pod_defaults import absent, pod_spec, pod_template
from watchdog.simulator.resources import Resource

JSON = dict[str, Any]

_ROLLING: JSON = {"maxUnavailable": "25%", "maxSurge": "25%"}
_DAEMONS_ROLLING: JSON = {"maxUnavailable": 1, "maxSurge": 0}
_RETENTION: JSON = {"whenDeleted": "Retain", "whenScaled": "Retain"}
_JOB: JSON = {
    "backoffLimit": 6, "completionMode": "NonIndexed", "suspend": False, "podReplacementPolicy": "TerminatingOrFailed",
}  # fmt: skip
_CRON_JOB: JSON = {
    "concurrencyPolicy": "Allow", "suspend": False, "successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 1,
}  # fmt: skip
_UTILIZATION: JSON = {"type": "Utilization", "averageUtilization": 80}
_METRICS: list[JSON] = [{"type": "Resource", "resource": {"name": "cpu", "target": _UTILIZATION}}]


def stored_form(resource: Resource, object: JSON) -> JSON:
    """``object`` with the defaults of its kind, and without the empty maps that are never stored (point 15)."""
    fill = None if resource.custom else _BY_KIND.get(resource.kind)
    object = {**object, "metadata": _without_empty(object["metadata"], ("labels", "annotations", "finalizers"))}
    return fill(object) if fill else object


def _without_empty(object: JSON, fields: tuple[str, ...]) -> JSON:
    return {key: value for key, value in object.items() if value is not None and (value or key not in fields)}


def _config_map(object: JSON) -> JSON:
    return _without_empty(object, ("data", "binaryData"))


def _secret(object: JSON) -> JSON:
    """stringData is only ever written: it becomes data."""
    given = {key: b64encode(text.encode()).decode() for key, text in (object.get("stringData") or {}).items()}
    rest = {name: value for name, value in object.items() if name != "stringData"}
    data = {**(object.get("data") or {}), **given}
    return _without_empty({**rest, "data": data, "type": object.get("type") or "Opaque"}, ("data",))


def _templated(object: JSON, defaults: JSON) -> JSON:
    """The spec of a workload, with the defaults of its kind and those of its Pods."""
    spec = {key: value for key, value in (object.get("spec") or {}).items() if value is not None}
    return {**defaults, **spec, "template": pod_template(spec.get("template") or {})}


def _deployment(object: JSON) -> JSON:
    spec = _templated(object, {"replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600})
    return {**object, "spec": {**spec, "strategy": _rolling(spec.get("strategy") or {}, _ROLLING)}}


def _stateful_set(object: JSON) -> JSON:
    defaults = {"podManagementPolicy": "OrderedReady", "revisionHistoryLimit": 10}
    spec = _templated(object, {"replicas": 1, **defaults, "persistentVolumeClaimRetentionPolicy": _RETENTION})
    return {**object, "spec": {**spec, "updateStrategy": _rolling(spec.get("updateStrategy") or {}, {"partition": 0})}}


def _rolling(strategy: JSON, defaults: JSON) -> JSON:
    filled = {"type": "RollingUpdate", **strategy}
    if filled["type"] == "RollingUpdate":
        filled["rollingUpdate"] = {**defaults, **(filled.get("rollingUpdate") or {})}
    return filled


def _replica_set(object: JSON) -> JSON:
    return {**object, "spec": _templated(object, {"replicas": 1})}


def _daemon_set(object: JSON) -> JSON:
    spec = _templated(object, {"revisionHistoryLimit": 10})
    return {**object, "spec": {**spec, "updateStrategy": _rolling(spec.get("updateStrategy") or {}, _DAEMONS_ROLLING)}}


def _replication_controller(object: JSON) -> JSON:
    spec = _templated(object, {"replicas": 1})
    return {**object, "spec": {**spec, "selector": spec.get("selector") or spec["template"]["metadata"].get("labels")}}


def _job(object: JSON) -> JSON:
    """Its Pods carry its uid and name as labels, and its selector is the uid: nobody chooses them."""
    metadata, spec = object["metadata"], _templated(object, _JOB | {"parallelism": 1})
    if (object.get("spec") or {}).get("parallelism") is None:
        spec = {"completions": 1, **spec}
    uid, name = metadata["uid"], metadata["name"]
    prefixed = {"batch.kubernetes.io/controller-uid": uid, "batch.kubernetes.io/job-name": name}
    labels = {**prefixed, "controller-uid": uid, "job-name": name}
    template = {**spec["template"], "metadata": _labelled(spec["template"]["metadata"], labels)}
    selector = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    own = metadata if metadata.get("labels") else {**metadata, "labels": template["metadata"]["labels"]}
    return {**object, "metadata": own, "spec": {**spec, "selector": selector, "template": template}}


def _labelled(metadata: JSON, labels: JSON) -> JSON:
    return {**metadata, "labels": {**(metadata.get("labels") or {}), **labels}}


def _cron_job(object: JSON) -> JSON:
    spec = {**(object.get("spec") or {})}
    job_template = {"metadata": {}, **(spec.get("jobTemplate") or {})}
    job = {**(job_template.get("spec") or {})}
    job["template"] = pod_template(job.get("template") or {})
    return {**object, "spec": {**spec, **absent(spec, _CRON_JOB), "jobTemplate": {**job_template, "spec": job}}}


def _autoscaler(object: JSON) -> JSON:
    spec = object.get("spec") or {}
    return {
        **object,
        "spec": {**spec, "minReplicas": spec.get("minReplicas") or 1, **absent(spec, {"metrics": _METRICS})},
    }


def _definition(object: JSON) -> JSON:
    """Served at once here; a real server takes some milliseconds."""
    spec, names = object["spec"], object["spec"]["names"]
    names = {"singular": names["kind"].lower(), "listKind": f"{names['kind']}List", **names}
    since = object["metadata"]["creationTimestamp"]
    stored = [one["name"] for one in spec["versions"] if one.get("storage")]
    status = {"conditions": [_accepted(since), _established(since)], "acceptedNames": names, "storedVersions": stored}
    return {**object, "spec": {"conversion": {"strategy": "None"}, **spec, "names": names}, "status": status}


def _accepted(since: str) -> JSON:
    why = {"reason": "NoConflicts", "message": "no conflicts found"}
    return {"type": "NamesAccepted", "status": "True", "lastTransitionTime": since, **why}


def _established(since: str) -> JSON:
    why = {"reason": "InitialNamesAccepted", "message": "the initial names have been accepted"}
    return {"type": "Established", "status": "True", "lastTransitionTime": since, **why}


def _pod(object: JSON) -> JSON:
    more = {"serviceAccountName": "default", "serviceAccount": "default", "enableServiceLinks": True, "priority": 0}
    return {**object, "spec": pod_spec({**more, **object["spec"]})}


def _namespace(object: JSON) -> JSON:
    name = object["metadata"]["name"]
    labels = {**(object["metadata"].get("labels") or {}), "kubernetes.io/metadata.name": name}
    spec, status = object.get("spec") or {"finalizers": ["kubernetes"]}, object.get("status") or {"phase": "Active"}
    return {**object, "metadata": {**object["metadata"], "labels": labels}, "spec": spec, "status": status}


_BY_KIND: Mapping[str, Callable[[JSON], JSON]] = {
    "ConfigMap": _config_map, "Secret": _secret, "Deployment": _deployment, "StatefulSet": _stateful_set,
    "ReplicaSet": _replica_set, "ReplicationController": _replication_controller, "DaemonSet": _daemon_set,
    "Pod": _pod, "Namespace": _namespace, "Job": _job, "CronJob": _cron_job, "HorizontalPodAutoscaler": _autoscaler,
    "CustomResourceDefinition": _definition,
}  # fmt: skip
