"""What the API server fills in, and what it leaves out, of a Pod and of a Pod template."""

from __future__ import annotations

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
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")


def pod_template(template: JSON) -> JSON:
    metadata = {key: value for key, value in (template.get("metadata") or {}).items() if value}
    return {"metadata": metadata, "spec": pod_spec(template.get("spec") or {})}


def pod_spec(spec: JSON) -> JSON:
    filled = {**spec, **absent(spec, _POD)}
    if spec.get("serviceAccountName"):
        filled["serviceAccount"] = spec["serviceAccountName"]  # its deprecated name
    for field in _CONTAINERS:
        if spec.get(field):
            filled[field] = [_container(one) for one in spec[field]]
    if spec.get("volumes"):
        filled["volumes"] = [_volume(one) for one in spec["volumes"]]
    return filled


def _container(container: JSON) -> JSON:
    filled = {**container, **absent(container, _CONTAINER | {"imagePullPolicy": _pull_policy(container)})}
    if container.get("env"):
        filled["env"] = [_variable(one) for one in container["env"]]
    if container.get("ports"):
        filled["ports"] = [{**one, "protocol": one.get("protocol", "TCP")} for one in container["ports"]]
    for probe in _PROBES:
        if container.get(probe):
            filled[probe] = _probe(container[probe])
    return filled


def _probe(probe: JSON) -> JSON:
    filled = {**probe, **absent(probe, _PROBE)}
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
            return {**volume, source: {**volume[source], **absent(volume[source], {"defaultMode": 420})}}
    return volume


def absent(object: JSON, defaults: JSON) -> JSON:
    return {key: value for key, value in defaults.items() if key not in object}
