"""What the API server fills in, and what it leaves out, before it stores an object.

Learnt from the recordings (``get-deployment-execution-agent``, ``list-statefulsets``): a reader then meets the same
shape as on a real cluster, above all ``spec.replicas: 1`` where a manifest names none, and no ``value`` where it
is empty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

JSON = dict[str, Any]

_POD: JSON = {
    "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst", "securityContext": {},
    "schedulerName": "default-scheduler",
}  # fmt: skip
_CONTAINER: JSON = {
    "resources": {}, "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
}  # fmt: skip
_PROBE: JSON = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
_ROLLING: JSON = {"maxUnavailable": "25%", "maxSurge": "25%"}
_RETENTION: JSON = {"whenDeleted": "Retain", "whenScaled": "Retain"}
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")


def stored_form(kind: str, object: JSON) -> JSON:
    """``object`` with the defaults of its kind, and without the empty maps that are never stored (point 15)."""
    fill = _BY_KIND.get(kind)
    object = {**object, "metadata": _without_empty(object["metadata"], ("labels", "annotations", "finalizers"))}
    return fill(object) if fill else object


def _without_empty(object: JSON, fields: tuple[str, ...]) -> JSON:
    return {key: value for key, value in object.items() if value is not None and (value or key not in fields)}


def _config_map(object: JSON) -> JSON:
    return _without_empty(object, ("data", "binaryData"))


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
    return {**object, "spec": _templated(object, {})}


def _pod(object: JSON) -> JSON:
    more = {"serviceAccountName": "default", "serviceAccount": "default", "enableServiceLinks": True, "priority": 0}
    return {**object, "spec": pod_spec({**more, **object["spec"]})}


def _namespace(object: JSON) -> JSON:
    name = object["metadata"]["name"]
    labels = {**(object["metadata"].get("labels") or {}), "kubernetes.io/metadata.name": name}
    spec, status = object.get("spec") or {"finalizers": ["kubernetes"]}, object.get("status") or {"phase": "Active"}
    return {**object, "metadata": {**object["metadata"], "labels": labels}, "spec": spec, "status": status}


def pod_template(template: JSON) -> JSON:
    metadata = {key: value for key, value in (template.get("metadata") or {}).items() if value}
    return {"metadata": metadata, "spec": pod_spec(template.get("spec") or {})}


def pod_spec(spec: JSON) -> JSON:
    filled = {**spec, **_absent(spec, _POD)}
    for field in _CONTAINERS:
        if spec.get(field):
            filled[field] = [_container(one) for one in spec[field]]
    if spec.get("volumes"):
        filled["volumes"] = [_volume(one) for one in spec["volumes"]]
    return filled


def _container(container: JSON) -> JSON:
    filled = {**container, **_absent(container, _CONTAINER | {"imagePullPolicy": _pull_policy(container)})}
    if container.get("env"):
        filled["env"] = [_variable(one) for one in container["env"]]
    if container.get("ports"):
        filled["ports"] = [{**one, "protocol": one.get("protocol", "TCP")} for one in container["ports"]]
    for probe in _PROBES:
        if container.get(probe):
            filled[probe] = _probe(container[probe])
    return filled


def _probe(probe: JSON) -> JSON:
    filled = {**probe, **_absent(probe, _PROBE)}
    if probe.get("httpGet"):
        filled["httpGet"] = {**probe["httpGet"], "scheme": probe["httpGet"].get("scheme", "HTTP")}
    return filled


def _pull_policy(container: JSON) -> str:
    image = str(container.get("image", ""))
    tag = image.rpartition("/")[2].partition("@")[0].partition(":")[2]
    return "Always" if tag == "latest" or (not tag and "@" not in image) else "IfNotPresent"


def _variable(variable: JSON) -> JSON:
    if variable.get("value") == "":
        return {key: value for key, value in variable.items() if key != "value"}
    reference = (variable.get("valueFrom") or {}).get("fieldRef")
    if reference and "apiVersion" not in reference:
        return {**variable, "valueFrom": {"fieldRef": {"apiVersion": "v1", **reference}}}
    return variable


def _volume(volume: JSON) -> JSON:
    for source in ("configMap", "secret", "projected", "downwardAPI"):
        if source in volume:
            return {**volume, source: {**volume[source], **_absent(volume[source], {"defaultMode": 420})}}
    return volume


def _absent(object: JSON, defaults: JSON) -> JSON:
    return {key: value for key, value in defaults.items() if key not in object}


_BY_KIND: Mapping[str, Callable[[JSON], JSON]] = {
    "ConfigMap": _config_map, "Secret": _config_map, "Deployment": _deployment, "StatefulSet": _stateful_set,
    "ReplicaSet": _replica_set, "DaemonSet": _daemon_set, "Pod": _pod, "Namespace": _namespace,
}  # fmt: skip
