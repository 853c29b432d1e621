"""What a kubelet says of the containers of a Pod, and what a test may have it do: restart, finish, add one."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from watchdog.simulator.cluster import Cluster
from watchdog.simulator.history import Record
from watchdog.simulator.managed_fields import Author
from watchdog.simulator.resources import PODS

JSON = dict[str, Any]
NODE_ADDRESS = "10.128.0.2"
_CONDITIONS = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
_KUBELET = Author("kubelet", "status")


def running(pod: JSON, time: str) -> JSON:
    """The status of a Pod all of whose containers run and are ready, and whose init containers are through."""
    spec, uid = pod["spec"], pod["metadata"]["uid"]
    init = [_begun(one, uid, time) for one in spec.get("initContainers") or ()]
    return {
        **pod["status"],
        "phase": "Running",
        "conditions": [condition(type, time) for type in _CONDITIONS],
        "hostIP": NODE_ADDRESS,
        "podIP": _address(uid),
        "startTime": time,
        **({"initContainerStatuses": init} if init else {}),
        "containerStatuses": [_status(one, uid, time) for one in spec["containers"]],
    }


def condition(type: str, time: str, status: str = "True") -> JSON:
    return {"type": type, "status": status, "lastProbeTime": None, "lastTransitionTime": time}


def restart_container(cluster: Cluster, namespace: str, pod: str, container: str = "", exit_code: int = 1) -> Record:
    """The container ends and starts again, in the same Pod; by default the first. What it reads at its start (an
    environment from a ConfigMap) it then reads anew."""
    record = cluster.get(PODS, namespace, pod)
    statuses = record.object["status"]["containerStatuses"]
    name = container or statuses[0]["name"]
    again = [_again(one, cluster.now(), exit_code) if one["name"] == name else one for one in statuses]
    return _stored(cluster, record, {"containerStatuses": again})


def finish(cluster: Cluster, namespace: str, pod: str, exit_code: int = 0) -> Record:
    """All its containers end, for good: the Pod has Succeeded (exit code 0) or Failed."""
    record, now = cluster.get(PODS, namespace, pod), cluster.now()
    ended = [
        {**one, "state": _ended(one, now, exit_code), "ready": False, "started": False}
        for one in record.object["status"].get("containerStatuses") or ()
    ]
    phase = "Failed" if exit_code else "Succeeded"
    unready = [condition(type, now, "False") for type in ("Ready", "ContainersReady")]
    return _stored(cluster, record, {"phase": phase, "conditions": unready, "containerStatuses": ended})


def add_ephemeral_container(cluster: Cluster, namespace: str, pod: str, container: JSON) -> Record:
    """``kubectl debug``: it runs once the kubelet (the Controller) has seen it."""
    record = cluster.get(PODS, namespace, pod)
    spec = record.object["spec"]
    added = [*(spec.get("ephemeralContainers") or ()), container]
    author = Author("kubectl-debug", "ephemeralcontainers")
    return cluster.update(record, {**record.object, "spec": {**spec, "ephemeralContainers": added}}, author)


def unstarted(pod: JSON) -> list[JSON]:
    """Ephemeral containers that do not run yet."""
    known = [one["name"] for one in pod["status"].get("ephemeralContainerStatuses") or ()]
    return [one for one in pod["spec"].get("ephemeralContainers") or () if one["name"] not in known]


def with_ephemeral(pod: JSON, time: str) -> JSON:
    """The status once they all run."""
    status, uid = pod["status"], pod["metadata"]["uid"]
    begun = [{**_status(one, uid, time), "ready": False} for one in unstarted(pod)]
    return {**status, "ephemeralContainerStatuses": [*(status.get("ephemeralContainerStatuses") or ()), *begun]}


def _stored(cluster: Cluster, record: Record, changes: JSON) -> Record:
    return cluster.update(record, {**record.object, "status": {**record.object["status"], **changes}}, _KUBELET)


def _begun(container: JSON, uid: str, time: str) -> JSON:
    """An init container: through, or, with restartPolicy Always (a native sidecar), still running."""
    status = _status(container, uid, time)
    if container.get("restartPolicy") == "Always":
        return status
    return {**status, "state": _ended(status, time, 0), "started": False}


def _status(container: JSON, uid: str, time: str) -> JSON:
    image = container.get("image", "")
    return {
        "name": container["name"],
        "state": {"running": {"startedAt": time}},
        "lastState": {},
        "ready": True,
        "restartCount": 0,
        "image": image,
        "imageID": f"{image.partition('@')[0]}@sha256:{_digest(image)}",
        "containerID": f"containerd://{_digest(uid + container['name'])}",
        "started": True,
    }


def _again(status: JSON, now: str, exit_code: int) -> JSON:
    count = status["restartCount"] + 1
    return {
        **status,
        "state": {"running": {"startedAt": now}},
        "lastState": _ended(status, now, exit_code),
        "restartCount": count,
        "containerID": f"containerd://{_digest(status['containerID'] + str(count))}",
    }


def _ended(status: JSON, now: str, exit_code: int) -> JSON:
    started = (status["state"].get("running") or {}).get("startedAt", now)
    reason = "Error" if exit_code else "Completed"
    times = {"startedAt": started, "finishedAt": now}
    return {"terminated": {"exitCode": exit_code, "reason": reason, **times, "containerID": status["containerID"]}}


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _address(uid: str) -> str:
    return f"10.4.{int(uid[:2], 16)}.{int(uid[2:4], 16)}"
