"""What a person (or an intruder) does with kubectl, as plain calls for scenarios and tests.

Each goes through the store as the request of the real command would: the same field manager, the same no-ops.
"""

from __future__ import annotations

from typing import Any

from watchdog.simulator.cluster import Cluster, DeleteOptions, Deletion
from watchdog.simulator.history import Record
from watchdog.simulator.managed_fields import Author
from watchdog.simulator.patches import merged
from watchdog.simulator.resources import NAMESPACES
from watchdog.simulator.scale import scale_of, scaled
from watchdog.simulator.strategic import strategically_merged

JSON = dict[str, Any]


def get(cluster: Cluster, type: str, namespace: str, name: str) -> Record:
    """``type`` as kubectl spells it: ``deploy``, ``configmaps``, ``sts``."""
    return cluster.get(cluster.catalog.by_name[type], namespace, name)


def create(cluster: Cluster, *manifests: JSON) -> None:
    """``kubectl create -f``; a namespace that is named and missing is made, for convenience."""
    for manifest in manifests:
        resource = cluster.catalog.by_kind[manifest["apiVersion"], manifest["kind"]]
        namespace = manifest["metadata"].get("namespace", "default") if resource.namespaced else ""
        if namespace and cluster.find(NAMESPACES, "", namespace) is None:
            cluster.create(NAMESPACES, "", {"metadata": {"name": namespace}}, Author("kubectl-create"))
        cluster.create(resource, namespace, manifest, Author("kubectl-create"))


def patch(cluster: Cluster, type: str, namespace: str, name: str, patch: JSON) -> Record:
    """``kubectl patch --type merge``."""
    record = get(cluster, type, namespace, name)
    return cluster.update(record, merged(record.object, patch), Author("kubectl-patch"))


def set_data(cluster: Cluster, namespace: str, name: str, **data: str | None) -> Record:
    """``kubectl patch configmap``; None removes a key."""
    return patch(cluster, "configmap", namespace, name, {"data": data})


def scale(cluster: Cluster, type: str, namespace: str, name: str, replicas: int) -> Record:
    """``kubectl scale``."""
    record = get(cluster, type, namespace, name)
    wanted = merged(scale_of(record), {"spec": {"replicas": replicas}})
    return cluster.update(record, scaled(record, wanted), Author("kubectl", "scale"))


def set_env(cluster: Cluster, type: str, namespace: str, name: str, **variables: str | None) -> Record:
    """``kubectl set env`` for every container of the template; None removes a variable."""
    record = get(cluster, type, namespace, name)
    containers = record.object["spec"]["template"]["spec"]["containers"]
    listed = [_with_variables(container, variables) for container in containers]
    change = {"spec": {"template": {"spec": {"containers": listed}}}}
    return cluster.update(record, strategically_merged(record.object, change), Author("kubectl-set"))


def set_image(cluster: Cluster, type: str, namespace: str, name: str, image: str) -> Record:
    """``kubectl set image`` for every container of the template."""
    record = get(cluster, type, namespace, name)
    containers = record.object["spec"]["template"]["spec"]["containers"]
    listed = [{"name": container["name"], "image": image} for container in containers]
    change = {"spec": {"template": {"spec": {"containers": listed}}}}
    return cluster.update(record, strategically_merged(record.object, change), Author("kubectl-set"))


def _with_variables(container: JSON, variables: dict[str, str | None]) -> JSON:
    """The order is sent along, as set env does: without it a new variable would come first."""
    names = dict.fromkeys([*(one["name"] for one in container.get("env") or ()), *variables])
    order = [{"name": name} for name in names if variables.get(name, "") is not None]
    env = [_variable(name, value) for name, value in variables.items()]
    return {"name": container["name"], "env": env, "$setElementOrder/env": order}


def _variable(name: str, value: str | None) -> JSON:
    return {"name": name, "$patch": "delete"} if value is None else {"name": name, "value": value}


def delete(cluster: Cluster, type: str, namespace: str, name: str, *, force: bool = False) -> Deletion:
    """``kubectl delete``; ``force``: with no grace period."""
    return cluster.delete(get(cluster, type, namespace, name), DeleteOptions(grace_seconds=0 if force else None))
