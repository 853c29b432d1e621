"""The cells of a table: what ``kubectl get`` prints of an object, as text or number."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from watchdog.simulator.history import Record
from watchdog.simulator.selectors import label_selector_text

JSON = dict[str, Any]


def human_duration(seconds: float) -> str:
    """As kubectl shows an age: two units at most, and only one where the second no longer matters."""
    whole = int(max(seconds, 0))
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if whole < 120:
        return f"{whole}s"
    if minutes < 10:
        return f"{minutes}m{whole % 60}s" if whole % 60 else f"{minutes}m"
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    if hours < 48:
        return f"{hours}h"
    if hours < 192:
        return f"{days}d{hours % 24}h" if hours % 24 else f"{days}d"
    return f"{days}d" if days < 730 else f"{days // 365}y"


def name(record: Record, _: datetime) -> str:
    return record.name


def age(record: Record, now: datetime) -> str:
    born = datetime.fromisoformat(record.object["metadata"]["creationTimestamp"]).astimezone(UTC)
    return human_duration((now - born).total_seconds())


def at(*path: str, default: Any = "") -> Callable[[Record, datetime], Any]:
    def cell(record: Record, _: datetime) -> Any:
        value: Any = record.object
        for field in path:
            value = value.get(field) if isinstance(value, dict) else None
        return default if value is None else value

    return cell


def data_keys(record: Record, _: datetime) -> int:
    return len(record.object.get("data") or {}) + len(record.object.get("binaryData") or {})


def ready_of_desired(record: Record, _: datetime) -> str:
    ready = (record.object.get("status") or {}).get("readyReplicas", 0)
    return f"{ready}/{record.object['spec'].get('replicas', 0)}"


def containers(record: Record) -> list[JSON]:
    spec: JSON = record.object.get("spec") or {}
    return list((spec.get("template") or {}).get("spec", spec).get("containers") or ())


def container_names(record: Record, _: datetime) -> str:
    return ",".join(one["name"] for one in containers(record))


def images(record: Record, _: datetime) -> str:
    return ",".join(one.get("image", "") for one in containers(record))


def selector(record: Record, _: datetime) -> str:
    return label_selector_text(record.object["spec"].get("selector") or {})


def ready_containers(record: Record, _: datetime) -> str:
    statuses = (record.object.get("status") or {}).get("containerStatuses") or ()
    return f"{sum(bool(one.get('ready')) for one in statuses)}/{len(containers(record))}"


def pod_status(record: Record, _: datetime) -> str:
    if "deletionTimestamp" in record.object["metadata"]:
        return "Terminating"
    status = record.object.get("status") or {}
    return str(status.get("reason") or status.get("phase") or "Unknown")


def restarts(record: Record, _: datetime) -> str:
    statuses = (record.object.get("status") or {}).get("containerStatuses") or ()
    return str(sum(one.get("restartCount", 0) for one in statuses))


def since(*path: str) -> Callable[[Record, datetime], str]:
    def cell(record: Record, now: datetime) -> str:
        then = at(*path)(record, now)
        return human_duration((now - datetime.fromisoformat(then)).total_seconds()) if then else "<none>"

    return cell


def job_status(record: Record, _: datetime) -> str:
    if "deletionTimestamp" in record.object["metadata"]:
        return "Terminating"
    holding = [one["type"] for one in (record.object.get("status") or {}).get("conditions") or () if holds(one)]
    return next((type for type in ("Complete", "Failed", "Suspended") if type in holding), "Running")


def holds(condition: JSON) -> bool:
    return bool(condition["status"] == "True")


def completions(record: Record, _: datetime) -> str:
    succeeded, spec = (record.object.get("status") or {}).get("succeeded", 0), record.object["spec"]
    if spec.get("completions") is not None:
        return f"{succeeded}/{spec['completions']}"
    return f"{succeeded}/1 of {spec['parallelism']}" if spec["parallelism"] > 1 else f"{succeeded}/1"


def suspended(record: Record, _: datetime) -> str:
    return str(bool(record.object["spec"].get("suspend")))


def active_jobs(record: Record, _: datetime) -> int:
    return len((record.object.get("status") or {}).get("active") or ())


def node_selector(record: Record, _: datetime) -> str:
    wanted = record.object["spec"]["template"]["spec"].get("nodeSelector") or {}
    return ",".join(f"{key}={value}" for key, value in wanted.items()) or "<none>"


def scale_target(record: Record, _: datetime) -> str:
    target = record.object["spec"]["scaleTargetRef"]
    return f"{target['kind']}/{target['name']}"


def targets(record: Record, _: datetime) -> str:
    metrics = record.object["spec"].get("metrics") or ()
    shown = [one["resource"] for one in metrics if one.get("type") == "Resource"]
    return (
        ", ".join(f"{one['name']}: <unknown>/{one['target'].get('averageUtilization')}%" for one in shown) or "<none>"
    )


def involved(record: Record, _: datetime) -> str:
    involved = record.object.get("involvedObject") or record.object.get("regarding") or {}
    return f"{involved.get('kind', '').lower()}/{involved.get('name', '')}"


def node_status(record: Record, _: datetime) -> str:
    cordoned = (record.object.get("spec") or {}).get("unschedulable")
    return "Ready,SchedulingDisabled" if cordoned else "Ready"


def ports(record: Record, _: datetime) -> str:
    ports = record.object["spec"].get("ports") or ()
    return ",".join(f"{one['port']}/{one.get('protocol', 'TCP')}" for one in ports) or "<none>"
