"""Twenty thousand objects as a busy cluster has them: JSON as an API server stores it, the same in every run.

Of the Pods, three in five belong to 200 workloads with replicas, the others to a workload each. A tenth of the
Deployments states AGENT_MODE, in the literal or through a ConfigMap; each has a ConfigMap of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from random import Random
from typing import Any
from uuid import UUID

JSON = dict[str, Any]

WRITTEN, BORN = "2026-11-01T10:00:00Z", "2026-11-02T08:15:00Z"
"""The ConfigMaps, and later what reads them: no Pod runs with what has been overwritten since."""
REGISTRY = "us-east4-docker.pkg.dev/agenttrader-prod/trader-repo"
FLOOR = "trading-floor"
SWITCHES, KEYS = 20, 20
"""ConfigMaps that carry kill switches, and how many each: many can be flipped, and few need a direct read."""
EXECUTORS = 100
NAMESPACES = tuple(f"team-{number:02d}" for number in range(40))
MODES = ("OBSERVE", "PAPER", "OFF", "EVAL")


@dataclass(frozen=True)
class Size:
    pods: int = 10_000
    deployments: int = 5_000
    config_maps: int = 5_000

    @classmethod
    def of(cls, objects: int) -> Size:
        return cls(objects // 2, objects // 4, objects // 4)


def config_maps(size: Size) -> Iterator[JSON]:
    """0.5 to 20 KB each, small ones more often."""
    random = Random(1)
    text = "".join(f"line.{n}=a value of no interest, {random.random()}\n" for n in range(800))
    for number in range(size.config_maps):
        begin, length = random.randrange(len(text) // 3), int(400 * 50 ** random.random())
        data = {f"OPTION_{n}": f"value-{random.randrange(10**6)}" for n in range(4)}
        data |= {"AGENT_MODE": MODES[number % 4]} if number % 40 == 0 else {}
        data["application.properties"] = text[begin : begin + length]
        yield _config_map(_namespace(number), f"settings-{number:05d}", data)


def deployments(size: Size) -> Iterator[JSON]:
    replicas = _replicas(size)
    for number in range(size.deployments):
        yield _deployment(_namespace(number), _name(number), replicas[number], _template(number), {})


def pods(size: Size) -> Iterator[JSON]:
    replicas = _replicas(size)
    for number in range(size.deployments):
        template = _template(number)
        fields = _fields(template)
        yield from (_pod(number, ordinal, template, fields) for ordinal in range(replicas[number]))


def switches() -> Iterator[JSON]:
    for number in range(SWITCHES):
        data = {switch_key(number * KEYS + key): "1" for key in range(KEYS)}
        yield _config_map(FLOOR, f"switch-{number}", data)


def switch_key(number: int) -> str:
    return f"SWITCH_{number:03d}"


def executors() -> Iterator[JSON]:
    """Execution workloads at zero, wired to the kill switch as they should be."""
    for number in range(EXECUTORS):
        labels = {"app.kubernetes.io/component": "execution-agent"}
        container = _container(f"{REGISTRY}/executor:54afffe", [{"name": "AGENT_MODE", "value": "OFF"}])
        mount = {"name": "kill-switch", "mountPath": "/etc/agenttrader/kill-switch", "readOnly": True}
        volume = {"name": "kill-switch", "configMap": {"name": "agenttrader-kill-switch", "defaultMode": 420}}
        template = _templated(f"executor-{number}", labels, container | {"volumeMounts": [mount]}, [volume])
        yield _deployment(FLOOR, f"executor-{number}", 0, template, labels)


def rogue_pod() -> JSON:
    """A Pod of nobody's, which may trade."""
    container = _container(f"{REGISTRY}/rogue:1", [{"name": "AGENT_MODE", "value": "LIVE"}])
    return _object("Pod", FLOOR, "rogue", {"app": "rogue"}) | {"spec": {"containers": [container]}}


def _replicas(size: Size) -> list[int]:
    """Of each Deployment: 4 % have thirty or so, most of the rest one, the last are at zero."""
    many = max(1, size.deployments // 25)
    singles = min(size.deployments - many, size.pods * 2 // 5)
    each, more = divmod(size.pods - singles, many)
    return [each + (n < more) for n in range(many)] + [1] * singles + [0] * (size.deployments - many - singles)


def _namespace(number: int) -> str:
    return NAMESPACES[number % len(NAMESPACES)]


def _name(number: int) -> str:
    return f"service-{number:05d}"


def _template(number: int) -> JSON:
    """The Pod template of a Deployment: 10 to 25 variables, and the ConfigMap of the same number."""
    random = Random(number)
    env: list[JSON] = [
        {"name": f"SETTING_{n:02d}", "value": f"https://host-{random.randrange(10**4)}.{_namespace(number)}.svc:8443/"}
        for n in range(random.randrange(8, 24))
    ]
    env.append({"name": "POD_NAME", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}})
    env.append({"name": "NODE", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "spec.nodeName"}}})
    settings = f"settings-{number:05d}"
    if number % 40 == 0:
        key = {"name": settings, "key": "AGENT_MODE"}
        env.append({"name": "AGENT_MODE", "valueFrom": {"configMapKeyRef": key}})
    elif number % 10 == 0:
        env.append({"name": "AGENT_MODE", "value": MODES[number // 10 % 4]})
    container = _container(f"{REGISTRY}/service-{number % 300}:{random.randrange(16**7):07x}", env)
    container["volumeMounts"] = [{"name": "settings", "mountPath": "/etc/service", "readOnly": True}]
    if number % 4 == 1:
        container["envFrom"] = [{"configMapRef": {"name": settings}}]
    volume = {"name": "settings", "configMap": {"name": settings, "defaultMode": 420}}
    return _templated(_name(number), {"app.kubernetes.io/version": f"v{number % 7}"}, container, [volume])


def _templated(app: str, labels: dict[str, str], container: JSON, volumes: list[JSON]) -> JSON:
    spec = {
        "volumes": volumes,
        "containers": [container],
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "serviceAccountName": "default",
        "serviceAccount": "default",
        "securityContext": {"runAsNonRoot": True},
        "schedulerName": "default-scheduler",
    }
    return {"metadata": {"labels": {"app": app, **labels}, "annotations": {"checksum/config": "3f" * 20}}, "spec": spec}


def _container(image: str, env: list[JSON]) -> JSON:
    probe = {"httpGet": {"path": "/healthz", "port": "http", "scheme": "HTTP"}, "periodSeconds": 10}
    return {
        "name": "main",
        "image": image,
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "env": env,
        "resources": {"limits": {"cpu": "1", "memory": "512Mi"}, "requests": {"cpu": "100m", "memory": "256Mi"}},
        "livenessProbe": probe,
        "readinessProbe": probe,
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
    }


def _deployment(namespace: str, name: str, replicas: int, template: JSON, labels: dict[str, str]) -> JSON:
    status: JSON = {"observedGeneration": 1, "conditions": [_condition("Available"), _condition("Progressing")]}
    status |= {"replicas": replicas, "readyReplicas": replicas, "availableReplicas": replicas} if replicas else {}
    made = _object("Deployment", namespace, name, {"app": name, **labels}, _fields(template))
    spec = {
        "replicas": replicas,
        "selector": {"matchLabels": {"app": name}},
        "template": template,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}},
        "revisionHistoryLimit": 10,
        "progressDeadlineSeconds": 600,
    }
    return made | {"spec": spec, "status": status}


def _pod(number: int, ordinal: int, template: JSON, fields: JSON) -> JSON:
    owner = f"{_name(number)}-{number * 2654435761 % 16**9:09x}"
    name = f"{owner}-{ordinal:05d}"
    labels = {**template["metadata"]["labels"], "pod-template-hash": owner[-9:]}
    made = _object("Pod", _namespace(number), name, labels, fields)
    made["metadata"] |= {
        "annotations": template["metadata"]["annotations"],
        "ownerReferences": [
            {
                "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": owner, "uid": _uid(owner),
                "controller": True, "blockOwnerDeletion": True,
            }
        ],
    }  # fmt: skip
    conditions = [_condition(type) for type in ("Initialized", "Ready", "ContainersReady", "PodScheduled")]
    container = template["spec"]["containers"][0]
    running = {
        "name": "main", "state": {"running": {"startedAt": BORN}}, "lastState": {}, "ready": True, "restartCount": 0,
        "image": container["image"], "imageID": f"{REGISTRY}@sha256:{'ab' * 32}", "started": True,
        "containerID": f"containerd://{'cd' * 32}",
    }  # fmt: skip
    address = f"10.{number % 200}.{ordinal % 250}.7"
    status = {
        "phase": "Running", "conditions": conditions, "hostIP": "10.1.0.4", "podIP": address,
        "podIPs": [{"ip": address}], "startTime": BORN, "containerStatuses": [running], "qosClass": "Burstable",
    }  # fmt: skip
    spec = {**template["spec"], "nodeName": f"node-{number % 300:03d}", "priority": 0, "enableServiceLinks": True}
    return made | {"spec": spec, "status": status}


def _config_map(namespace: str, name: str, data: JSON) -> JSON:
    made = _object("ConfigMap", namespace, name, {})
    fields: JSON = {"f:data": {".": {}} | {f"f:{key}": {} for key in data}}
    managed = _managed("kubectl-client-side-apply", fields) | {"time": WRITTEN}
    made["metadata"] |= {"creationTimestamp": WRITTEN, "managedFields": [managed]}
    return made | {"data": data}


def _condition(type: str) -> JSON:
    return {"type": type, "status": "True", "lastUpdateTime": BORN, "lastTransitionTime": BORN, "reason": "AsExpected"}


def _object(kind: str, namespace: str, name: str, labels: dict[str, str], fields: JSON | None = None) -> JSON:
    metadata: JSON = {
        "name": name, "namespace": namespace, "uid": _uid(f"{kind}/{namespace}/{name}"), "creationTimestamp": BORN,
    }  # fmt: skip
    metadata |= {"labels": labels} if labels else {}
    metadata |= {"generation": 1} if kind == "Deployment" else {}
    if fields is not None:
        manager = "kube-controller-manager" if kind == "Pod" else "kubectl-client-side-apply"
        metadata["managedFields"] = [_managed(manager, fields), _managed("kubelet", {"f:status": {"f:conditions": {}}})]
    return {"kind": kind, "apiVersion": "apps/v1" if kind == "Deployment" else "v1", "metadata": metadata}


def _managed(manager: str, fields: JSON) -> JSON:
    return {
        "manager": manager, "operation": "Update", "apiVersion": "v1", "time": BORN, "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }  # fmt: skip


def _fields(template: JSON) -> JSON:
    """As managedFields repeat a container: one entry a variable."""
    container = template["spec"]["containers"][0]
    env: JSON = {
        f"k:{json.dumps({'name': e['name']})}": {".": {}, "f:name": {}, "f:value": {}} for e in container["env"]
    }
    others: JSON = {f"f:{name}": {} for name in container if name != "env"}
    return {"f:spec": {"f:containers": {'k:{"name":"main"}': {".": {}, "f:env": {".": {}, **env}, **others}}}}


def _uid(text: str) -> str:
    return str(UUID(bytes=blake2b(text.encode(), digest_size=16).digest(), version=4))
