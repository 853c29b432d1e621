"""A simulated cluster that stands where the recorded one stood, and a way to compare the two.

What differs from run to run (uids, times, resourceVersions, the hash in a ReplicaSet's name) is blotted out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.simulator.client import NOW, Api
from watchdog.simulator.apiserver import ApiServer
from watchdog.simulator.cluster import Cluster
from watchdog.simulator.controller import settle
from watchdog.simulator.managed_fields import Author
from watchdog.simulator.resources import BY_KIND, NAMESPACES
from watchdog.simulator.wire import Request

JSON = dict[str, Any]
Recordings = Callable[[str], JSON]

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
VOLATILE = ("uid", "resourceVersion", "creationTimestamp", "time", "lastUpdateTime", "lastTransitionTime")
BLOTS = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22,}"), "UID"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "TIME"),
    (re.compile(r'resourceVersion\\*":\\*"\d+'), "resourceVersion"),
    (re.compile(r"current: \d+|version: \d+ \(\d+\)"), "N"),
    (re.compile(r'ReplicaSet "execution-agent-\w+"'), "ReplicaSet"),
)


def blotted(value: Any) -> Any:
    if isinstance(value, list):
        return [blotted(one) for one in value]
    if isinstance(value, dict):
        return {name: "~" if name in VOLATILE else blotted(one) for name, one in value.items()}
    if isinstance(value, str):
        for pattern, instead in BLOTS:
            value = pattern.sub(instead, value)
    return value


@dataclass(frozen=True, slots=True)
class Stage:
    """A cluster that holds what the recorded one held, as far as the recordings are about it."""

    cluster: Cluster
    api: Api
    server: ApiServer

    def apply(self, recorded: JSON) -> None:
        """``kubectl apply`` of what was applied when ``recorded`` was."""
        text = recorded["metadata"]["annotations"][LAST_APPLIED]
        manifest = json.loads(text)
        resource = BY_KIND[manifest["apiVersion"], manifest["kind"]]
        manifest["metadata"]["annotations"] = {LAST_APPLIED: text}
        author = Author("kubectl-client-side-apply")
        self.cluster.create(resource, manifest["metadata"]["namespace"], manifest, author)

    async def replay(self, recording: JSON, **more: str) -> tuple[int, Any, str]:
        """Status, body and content type of the recorded request, sent to the simulator."""
        asked = recording["request"]
        headers = {name.lower(): value for name, value in asked.get("headers", {}).items()} | more
        body = json.dumps(asked["body"]).encode() if "body" in asked else b""
        request = Request(asked["method"], asked["path"], asked.get("query", {}), headers, body)
        response = await self.api.server.answer(request)
        assert isinstance(response.body, bytes)
        is_json = response.content_type.startswith("application/json")
        answered = json.loads(response.body) if is_json else response.body.decode()
        return response.status, answered, response.content_type


def staged(recordings: Recordings, now: Any = lambda: NOW) -> Stage:
    cluster = Cluster(now)
    for name in ("agenttrader", "trading-floor"):
        cluster.create(NAMESPACES, "", {"metadata": {"name": name}}, Author("test"))
    server = ApiServer(cluster)
    stage = Stage(cluster, Api(server, "Python/3.11 aiohttp/3.14.5"), server)
    stage.apply(recordings("get-configmap-kill-switch")["response"]["body"])
    stage.apply(recordings("get-deployment-execution-agent")["response"]["body"])
    settle(cluster)
    return stage
