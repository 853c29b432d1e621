"""Cloud Run's Admin API v2, as far as it is read: services, their revisions, and what an operator does to them.

A change takes effect at once; where the service is ``reconciling`` it says that it is still under way. JSON is as
proto3 has it: a field with its default is left out, an int64 is a text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from watchdog.simulator.market_data import Fault, Verbatim, answered
from watchdog.simulator.wire import Request, Response

JSON = dict[str, Any]
PROJECT, REGION = "agenttrader", "us-central1"
ENGINE, INGEST = "execution-engine", "market-ingest"
REGISTRY = f"{REGION}-docker.pkg.dev/{PROJECT}/services"
DIGEST = "sha256:" + "5e" * 32


def refused(code: int, status: str, message: str) -> Verbatim:
    """What Google answers instead: a fault for ``CloudRun.faults``."""
    return Verbatim(msgspec.json.encode({"error": {"code": code, "message": message, "status": status}}), code)


DENIED = refused(403, "PERMISSION_DENIED", "Permission 'run.services.get' denied on resource (or it may not exist).")
EXPIRED = refused(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
EXHAUSTED = refused(429, "RESOURCE_EXHAUSTED", "Quota exceeded for quota metric 'Read requests'.")
NOT_FOUND = refused(404, "NOT_FOUND", "Resource not found.")


@dataclass
class Deployed:
    """One service. Its template makes a new revision at every change, and the newest takes all traffic unless
    ``traffic`` says otherwise (percent by revision)."""

    name: str
    template: JSON
    scaling: JSON = field(default_factory=dict)
    ingress: str = "INGRESS_TRAFFIC_INTERNAL_ONLY"
    traffic: dict[str, int] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)  # revision by tag
    revisions: dict[str, JSON] = field(default_factory=dict)  # their templates, oldest first
    failure: str = ""
    reconciling: bool = False
    generation: int = 0

    def __post_init__(self) -> None:
        self.deploy()

    @property
    def newest(self) -> str:
        return next(reversed(self.revisions))

    def deploy(self) -> str:
        """A new revision of the template as it is now."""
        self.generation += 1
        name = f"{self.name}-{self.generation:05d}-sim"
        self.revisions[name] = msgspec.json.decode(msgspec.json.encode(self.template))
        return name

    # as JSON

    def as_json(self, parent: str) -> JSON:
        path = f"{parent}/services/{self.name}"
        asked, so = self._targets(), self._targets(resolved=True)
        return _without_defaults({
            "name": path,
            "uid": f"{self.name}-uid",
            "generation": str(self.generation),
            "observedGeneration": str(self.generation - self.reconciling),
            "ingress": self.ingress,
            "launchStage": "GA",
            "template": self.template,
            "scaling": self.scaling,
            "traffic": asked,
            "trafficStatuses": so,
            "latestReadyRevision": f"{path}/revisions/{self.newest}",
            "latestCreatedRevision": f"{path}/revisions/{self.newest}",
            "terminalCondition": self._condition(),
            "reconciling": self.reconciling,
        })  # fmt: skip

    def revision_json(self, parent: str, name: str) -> JSON:
        template = self.revisions[name]
        kept = self._kept(name)
        return {
            "name": f"{parent}/services/{self.name}/revisions/{name}",
            "service": self.name,
            **template,
            "scalingStatus": {"desiredMinInstanceCount": kept} if kept else {},
            "containerStatuses": [
                {"name": c.get("name", ""), "imageDigest": c["image"].partition("@")[0] + f"@{DIGEST}"}
                for c in template["containers"]
            ],
        }

    def _condition(self) -> JSON:
        state = "RECONCILING" if self.reconciling else "FAILED" if self.failure else "SUCCEEDED"
        return {"type": "Ready", "state": f"CONDITION_{state}", "message": self.failure}

    def _targets(self, resolved: bool = False) -> list[JSON]:
        by_name = {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"}
        latest = {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100}
        if resolved:
            latest["revision"] = self.newest
        shares = [{**by_name, "revision": name, "percent": share} for name, share in self.traffic.items()] or [latest]
        return [*shares, *({**by_name, "revision": name, "tag": tag} for tag, name in self.tags.items())]

    def _kept(self, revision: str) -> int:
        """Minimum instances that are provisioned of a revision, as the API tells them."""
        share = self.traffic.get(revision, 0) if self.traffic else 100 * (revision == self.newest)
        own = int(self.revisions[revision].get("scaling", {}).get("minInstanceCount", 0))
        if share and self.scaling.get("scalingMode") == "MANUAL":
            return -(-int(self.scaling["manualInstanceCount"]) * share // 100)
        reachable = share or revision in self.tags.values()
        return max(own, -(-int(self.scaling.get("minInstanceCount", 0)) * share // 100)) if reachable else 0


def _without_defaults(fields: JSON) -> JSON:
    return {name: value for name, value in fields.items() if value not in ("", False, [], {})}


def _service(name: str, env: Mapping[str, str], scaling: JSON) -> Deployed:
    container = {
        "name": f"{name}-1",
        "image": f"{REGISTRY}/{name}@{DIGEST}",
        "env": [{"name": key, "value": value} for key, value in env.items()],
        "resources": {"limits": {"cpu": "1", "memory": "512Mi"}, "startupCpuBoost": True},
    }
    return Deployed(name, {"timeout": "300s", "containers": [container]}, scaling)


class CloudRun:
    """The services of the demo platform. ``faults``: what is wrong with the answers about a service, by its name, or
    with the last part of a path. Both may be changed at any time."""

    def __init__(self) -> None:
        """``execution-engine`` is safe: its scaling is manual with no instance, so that no request starts one."""
        halted = {"AGENT_MODE": "OFF", "EXECUTION_HALTED": "1", "EXEC_DRY_RUN": "1"}
        ingests = {"AGENT_MODE": "OBSERVE", "INGEST_ENABLED": "1"}
        self.services = {
            ENGINE: _service(ENGINE, halted, {"scalingMode": "MANUAL", "manualInstanceCount": 0}),
            INGEST: _service(INGEST, ingests, {"minInstanceCount": 1}),
        }
        self.faults: dict[str, Fault] = {}

    # what an operator does

    def set_env(self, service: str, name: str, value: str | None, *, secret: str = "") -> str:
        """Deploys a new revision, which it names. ``None``: unset; ``secret``: from a Secret of that name."""
        container = self.services[service].template["containers"][0]
        others = [entry for entry in container["env"] if entry["name"] != name]
        source = {"valueSource": {"secretKeyRef": {"secret": secret, "version": "latest"}}}
        entry = {"name": name, **(source if secret else {"value": value} if value else {})}
        container["env"] = others if value is None and not secret else [*others, entry]
        return self.services[service].deploy()

    def set_image(self, service: str, image: str) -> str:
        """Deploys a new revision, which it names."""
        self.services[service].template["containers"][0]["image"] = image
        return self.services[service].deploy()

    def set_manual(self, service: str, instances: int) -> None:
        self._scale(service, {"scalingMode": "MANUAL", "manualInstanceCount": instances})

    def set_automatic(self, service: str, minimum: int = 0) -> None:
        """``minimum``: instances that are kept without a request."""
        self._scale(service, {"minInstanceCount": minimum} if minimum else {})

    def _scale(self, service: str, scaling: JSON) -> None:
        self.services[service].scaling = scaling
        self.services[service].generation += 1

    def set_traffic(self, service: str, shares: Mapping[str, int], tags: Mapping[str, str] | None = None) -> None:
        """Percent by revision (empty: all to the newest), and revisions by tag."""
        of = self.services[service]
        of.traffic, of.tags, of.generation = dict(shares), dict(tags or {}), of.generation + 1

    def delete(self, service: str) -> None:
        del self.services[service]

    # what it answers

    async def answer(self, request: Request) -> Response:
        path = [part for part in request.path.split("/") if part]
        fault = next((fault for part, fault in self.faults.items() if part in path[-3:]), None)
        parent = "/".join(path[1:5])
        found = self._found(path[5:], parent) if request.method == "GET" and path[:1] == ["v2"] else None
        return await answered(fault or (NOT_FOUND if found is None else None), found or {})

    def _found(self, rest: list[str], parent: str) -> JSON | None:
        if parent != f"projects/{PROJECT}/locations/{REGION}":
            return None
        match rest:
            case ["services", name] if name in self.services:
                return self.services[name].as_json(parent)
            case ["services", name, "revisions", revision] if name in self.services:
                of = self.services[name]
                return of.revision_json(parent, revision) if revision in of.revisions else None
        return None
