"""What a kubelet says of the containers of a Pod, and what a test may have it do: restart, finish, add one."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from watchdog.simulator.cluster import Cluster
from watchdog.simulator.fates import Crash
from watchdog.simulator.history import Record
from watchdog.simulator.managed_fields import Author
from watchdog.simulator.resources import PODS

JSON = dict[str, Any]
NODE_ADDRESS = "10.128.0.2"
_CONDITIONS = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
_OF_READINESS = ("Ready", "ContainersReady")
_KUBELET = Author("kubelet", "status")


NEVER: Mapping[str, int] = {}


def running(pod: JSON, time: str, pushes: Mapping[str, int] = NEVER) -> JSON:
    """The status of a Pod all of whose containers run and are ready, and whose init containers are through.
    ``pushes``: how often a tag was given to another image."""
    spec, uid = pod["spec"], pod["metadata"]["uid"]
    init = [_begun(one, uid, time, pushes) for one in spec.get("initContainers") or ()]
    return {
        **pod["status"],
        "phase": "Running",
        "conditions": [condition(type, time) for type in _CONDITIONS],
        "hostIP": NODE_ADDRESS,
        "podIP": _address(uid),
        "startTime": time,
        **({"initContainerStatuses": init} if init else {}),
        "containerStatuses": [_status(one, uid, time, pushes) for one in spec["containers"]],
    }


def pulled_in_vain(pod: JSON, missing: list[JSON], reason: str, time: str) -> JSON:
    """``missing``: the containers whose images cannot be pulled; the others run."""
    names, uid = [one["name"] for one in missing], pod["metadata"]["uid"]
    statuses = [
        _waiting(one, reason) if one["name"] in names else _status(one, uid, time, NEVER)
        for one in pod["spec"]["containers"]
    ]
    conditions = [condition(type, time, str(type not in _OF_READINESS)) for type in _CONDITIONS]
    status = {**pod["status"], "hostIP": NODE_ADDRESS, "startTime": pod["status"].get("startTime", time)}
    return with_conditions({**status, "containerStatuses": statuses}, conditions)


def _waiting(container: JSON, reason: str) -> JSON:
    """It has not been started yet: no id, and no image."""
    image = container.get("image", "")
    says = f'failed to pull and unpack image "{image}": not found' if reason == "ErrImagePull" else (
        f'Back-off pulling image "{image}"'
    )  # fmt: skip
    state = {"waiting": {"reason": reason, "message": says}}
    return {
        "name": container["name"], "state": state, "lastState": {}, "ready": False, "restartCount": 0, "image": image,
        "imageID": "", "started": False,
    }  # fmt: skip


def crashed(pod: JSON, crash: Crash, time: str, message: str) -> JSON:
    """The status while the containers that ended wait to be started again."""
    statuses = [
        _crashed(one, crash, time, message) if crash.container in ("", one["name"]) else one
        for one in pod["status"]["containerStatuses"]
    ]
    conditions = [condition(type, time, "False") for type in _OF_READINESS]
    return with_conditions({**pod["status"], "containerStatuses": statuses}, conditions)


def _crashed(status: JSON, crash: Crash, time: str, message: str) -> JSON:
    ended = _ended(status, time, crash.exit_code, crash.reason)
    waiting = {"reason": "CrashLoopBackOff", "message": message}
    return {**status, "state": {"waiting": waiting}, "lastState": ended, "ready": False, "started": False}


def restarted(status: JSON, now: str) -> JSON:
    """Of a Pod: the status once the containers that waited for it run again."""
    started = [_again(one, now) if "waiting" in one["state"] else one for one in status["containerStatuses"]]
    return with_conditions({**status, "containerStatuses": started}, [condition(type, now) for type in _OF_READINESS])


def _again(status: JSON, now: str) -> JSON:
    count = status["restartCount"] + 1
    return {
        **status,
        "state": {"running": {"startedAt": now}},
        "ready": True,
        "restartCount": count,
        "containerID": f"containerd://{_digest(status['containerID'] + str(count))}",
        "started": True,
    }


def with_conditions(status: JSON, conditions: list[JSON]) -> JSON:
    """With these conditions in place of its own of the same types; those that are as they were keep their times."""
    old = {one["type"]: one for one in status.get("conditions") or ()}
    kept = [
        old[one["type"]] if _is_as_it_was(old.get(one["type"]), one) else _reasoned(one, status) for one in conditions
    ]
    replaced = {one["type"]: one for one in kept}
    others = [replaced.pop(one["type"], one) for one in status.get("conditions") or ()]
    return {**status, "conditions": [*others, *replaced.values()]}


def _is_as_it_was(old: JSON | None, new: JSON) -> bool:
    return old is not None and old["status"] == new["status"]


def _reasoned(condition: JSON, status: JSON) -> JSON:
    if condition["type"] not in _OF_READINESS or condition["status"] == "True":
        return condition
    names = " ".join(one["name"] for one in status["containerStatuses"] if not one["ready"])
    return {**condition, "reason": "ContainersNotReady", "message": f"containers with unready status: [{names}]"}


def condition(type: str, time: str, status: str = "True") -> JSON:
    return {"type": type, "status": status, "lastProbeTime": None, "lastTransitionTime": time}


def restart_container(cluster: Cluster, namespace: str, pod: str, container: str = "", exit_code: int = 1) -> Record:
    """The container ends and starts again, in the same Pod; by default the first. What it reads at its start (an
    environment from a ConfigMap) it then reads anew."""
    record = cluster.get(PODS, namespace, pod)
    statuses = record.object["status"]["containerStatuses"]
    name = container or statuses[0]["name"]
    restarted = [_restarted(one, cluster.now(), exit_code) if one["name"] == name else one for one in statuses]
    return _stored(cluster, record, {"containerStatuses": restarted})


def finish(cluster: Cluster, namespace: str, pod: str, exit_code: int = 0) -> Record:
    """All its containers end, for good: the Pod has Succeeded (exit code 0) or Failed."""
    record = cluster.get(PODS, namespace, pod)
    return _stored(cluster, record, finished(record.object, cluster.now(), exit_code))


def finished(pod: JSON, now: str, exit_code: int, reason: str = "") -> JSON:
    """The status once all containers have ended for good."""
    ended = [
        {**one, "state": _ended(one, now, exit_code, reason), "ready": False, "started": False}
        for one in pod["status"].get("containerStatuses") or ()
    ]
    phase = "Failed" if exit_code else "Succeeded"
    conditions = [condition(type, now, "False") for type in _OF_READINESS]
    return {**pod["status"], "phase": phase, "conditions": conditions, "containerStatuses": ended}


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
    begun = [{**_status(one, uid, time, NEVER), "ready": False} for one in unstarted(pod)]
    return {**status, "ephemeralContainerStatuses": [*(status.get("ephemeralContainerStatuses") or ()), *begun]}


def _stored(cluster: Cluster, record: Record, changes: JSON) -> Record:
    return cluster.update(record, {**record.object, "status": {**record.object["status"], **changes}}, _KUBELET)


def _begun(container: JSON, uid: str, time: str, pushes: Mapping[str, int]) -> JSON:
    """An init container: through, or, with restartPolicy Always (a native sidecar), still running."""
    status = _status(container, uid, time, pushes)
    if container.get("restartPolicy") == "Always":
        return status
    return {**status, "state": _ended(status, time, 0), "started": False}


def _status(container: JSON, uid: str, time: str, pushes: Mapping[str, int]) -> JSON:
    image = container.get("image", "")
    return {
        "name": container["name"],
        "state": {"running": {"startedAt": time}},
        "lastState": {},
        "ready": True,
        "restartCount": 0,
        "image": image,
        "imageID": image if "@" in image else f"{image}@{image_digest(image, pushes.get(image, 0))}",
        "containerID": f"containerd://{_digest(uid + container['name'])}",
        "started": True,
    }


def _restarted(status: JSON, now: str, exit_code: int) -> JSON:
    return {**_again(status, now), "lastState": _ended(status, now, exit_code), "ready": status["ready"]}


def _ended(status: JSON, now: str, exit_code: int, reason: str = "") -> JSON:
    started = (status["state"].get("running") or {}).get("startedAt", now)
    reason = reason or ("Error" if exit_code else "Completed")
    times = {"startedAt": started, "finishedAt": now}
    return {"terminated": {"exitCode": exit_code, "reason": reason, **times, "containerID": status["containerID"]}}


def image_digest(image: str, pushes: int = 0) -> str:
    """Of what a tag names after it was pushed so often again."""
    return f"sha256:{_digest(f'{image} {pushes}' if pushes else image)}"


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _address(uid: str) -> str:
    return f"10.4.{int(uid[:2], 16)}.{int(uid[2:4], 16)}"
