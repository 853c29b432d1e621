"""The whole path for real: kubectl -> API server -> `watchdog run` -> Alertmanager -> webhook, and Prometheus beside
it.

Against our own API server over HTTP, or any cluster that WATCHDOG_TEST_KUBECONFIG names: in namespaces of its own,
which it creates and deletes, and with nothing above zero that could run.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from watchdog.simulator.http_face import HttpFace
from watchdog.simulator.platform import trading_floor
from watchdog.simulator.scene import kubeconfig, shipped

from .alertmanager import RealAlertmanager, running
from .conftest import real
from .test_cli import RULES, WATCHDOG, free_port, ready

PAUSE = "registry.k8s.io/pause:3.10"


@dataclass
class Cluster:
    """A cluster, by its kubeconfig, and a namespace of our own in it."""

    kubeconfig: str
    namespace: str

    async def kubectl(self, *arguments: str, text: str = "") -> str:
        command = [real("kubectl", package="kubernetes-client"), "--kubeconfig", self.kubeconfig, *arguments]
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate(text.encode())
        assert process.returncode == 0, f"{' '.join(arguments)}: {err.decode()}"
        return out.decode()

    async def apply(self, *manifests: dict[str, Any]) -> None:
        await self.kubectl("apply", "-f", "-", text=yaml.safe_dump_all(manifests))


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    namespace = f"watchdog-test-{uuid.uuid4().hex[:8]}"
    async with contextlib.AsyncExitStack() as stack:
        named = os.environ.get("WATCHDOG_TEST_KUBECONFIG")
        ours = Cluster(named if named else await stack.enter_async_context(simulated(tmp_path)), namespace)
        await ours.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        try:
            await ours.apply(*floor(namespace))
            yield ours
        finally:
            await ours.kubectl("delete", "namespace", namespace, "--wait=false")


@contextlib.asynccontextmanager
async def simulated(folder: Path) -> AsyncIterator[str]:
    stage = trading_floor(lambda: datetime.now(UTC))
    face = HttpFace(stage.server)
    await face.start()
    controllers = asyncio.create_task(stage.run())
    try:
        yield kubeconfig(folder, face.url)
    finally:
        controllers.cancel()
        await face.stop()


def floor(namespace: str) -> list[dict[str, Any]]:
    """A trading floor in one namespace: halted, everything at zero."""
    metadata = {"name": "kill-switch", "namespace": namespace}
    switch = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"EXECUTION_HALTED": "1"}}
    agent = workload(namespace, "Deployment", "execution-agent", AGENT_MODE="OFF")
    return [switch, agent, workload(namespace, "StatefulSet", "gamma-strategy", AGENT_MODE="PAPER")]


def workload(namespace: str, kind: str, name: str, **env: str) -> dict[str, Any]:
    mounts = [{"name": "kill-switch", "mountPath": "/etc/kill-switch"}]
    variables = [{"name": n, "value": v} for n, v in env.items()]
    container = {"name": name, "image": PAUSE, "env": variables, "volumeMounts": mounts}
    made = {"containers": [container], "volumes": [{"name": "kill-switch", "configMap": {"name": "kill-switch"}}]}
    spec: dict[str, Any] = {
        "replicas": 0,
        "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}}, "spec": made},
    }
    if kind == "StatefulSet":
        spec["serviceName"] = name
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec}


async def as_watchdog(cluster: Cluster, folder: Path) -> Path:
    """A kubeconfig with the rights of deploy/k8s/base in our namespace, and with no others."""
    namespace, account = cluster.namespace, {"name": "watchdog", "namespace": cluster.namespace}
    rbac = {"apiVersion": "rbac.authorization.k8s.io/v1"}
    role, _ = yaml.safe_load_all((shipped().parents[1] / "deploy/k8s/base/rbac.yaml").read_text())
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "watchdog"}
    await cluster.apply(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account},
        {**rbac, "kind": "Role", "metadata": account, "rules": role["rules"]},
        {**rbac, "kind": "RoleBinding", "metadata": account, "roleRef": reference,
         "subjects": [{"kind": "ServiceAccount", **account}]},
    )  # fmt: skip
    content = yaml.safe_load(await cluster.kubectl("config", "view", "--raw", "--minify", "-o", "yaml"))
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
    tokens = f"/api/v1/namespaces/{namespace}/serviceaccounts/watchdog/token"  # old kubectls have no "create token"
    answer = await cluster.kubectl("create", "--raw", tokens, "-f", "-", text=json.dumps(asked))
    token = json.loads(answer)["status"]["token"]
    content["users"] = [{**user, "user": {"token": token}} for user in content["users"]]
    path = folder / "watchdog.kubeconfig"
    path.write_text(yaml.safe_dump(content))
    return path


def configuration(cluster: Cluster, kubeconfig: Path, alertmanager: str, port: int, path: Path) -> Path:
    content = yaml.safe_load(shipped().read_text())
    content["server"] = {"host": "127.0.0.1", "port": port}
    content["rules"] = [str(rule) for rule in RULES]
    where = {"kubeconfig": str(kubeconfig), "namespaces": [cluster.namespace], "nodes": False}  # no Role grants nodes
    kubernetes = content["sources"][0] | where
    switch = {"namespace": cluster.namespace, "config_map": "kill-switch", "key": "EXECUTION_HALTED"}
    kubernetes["kill_switches"] = [{"switch": "EXECUTION_HALTED", **switch}]
    named = {"namespace": cluster.namespace, "kind": "Deployment", "name": "execution-agent"}
    kubernetes["execution"]["workloads"] = [named]
    content["sources"] = [kubernetes, {"kind": "market_hours"}]
    content["outlets"] = [
        {"kind": "alertmanager", "urls": [alertmanager]},
        {"kind": "metrics"},
        {"kind": "status_page"},
    ]
    path.write_text(yaml.safe_dump(content))
    return path


@dataclass
class Running:
    url: str
    alertmanager: RealAlertmanager
    process: asyncio.subprocess.Process

    async def state_of(self, alertname: str) -> dict[str, Any]:
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/api/v1/alerts") as response:
            found = [a for a in (await response.json())["alerts"] if a["alertname"] == alertname]
        return found[0] if found else {}

    async def latched(self, alertname: str) -> dict[str, Any]:
        async with asyncio.timeout(30):
            while not (alert := await self.state_of(alertname)).get("latched"):
                await asyncio.sleep(0.05)
        return alert


@pytest.fixture
async def watchdog(cluster: Cluster, alertmanager_binary: str, tmp_path: Path) -> AsyncIterator[Running]:
    port = free_port()
    memory = tmp_path / "alertmanager"
    memory.mkdir()
    async with running(alertmanager_binary, memory) as alertmanager:
        rights = await as_watchdog(cluster, tmp_path)
        config = configuration(cluster, rights, alertmanager.url, port, tmp_path / "watchdog.yaml")
        process = await asyncio.create_subprocess_exec(
            *WATCHDOG, "run", "--config", str(config), stdout=asyncio.subprocess.DEVNULL
        )
        try:
            await ready(f"http://127.0.0.1:{port}")
            yield Running(f"http://127.0.0.1:{port}", alertmanager, process)
        finally:
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0


async def test_a_scale_up_pages_and_scaling_back_shows_it_latched(cluster: Cluster, watchdog: Running) -> None:
    await cluster.kubectl("-n", cluster.namespace, "scale", "deploy/execution-agent", "--replicas=1")
    page = await watchdog.alertmanager.notified("firing", alertname="ExecutionWorkloadAboveZero")
    await cluster.kubectl("-n", cluster.namespace, "scale", "deploy/execution-agent", "--replicas=0")
    alert = await watchdog.latched("ExecutionWorkloadAboveZero")
    assert page["labels"].items() >= {"sev": "0", "severity": "critical", "workload": "execution-agent"}.items()
    assert page["labels"]["namespace"] == cluster.namespace
    assert page["annotations"]["runbook_url"].endswith("ops/PRODUCTION_LOCK.md")
    assert page["annotations"]["incident"] == alert["incident"]
    assert (alert["sev"], alert["state"]) == (0, "latched")


async def test_a_kill_switch_that_is_patched_pages(cluster: Cluster, watchdog: Running) -> None:
    patch = '{"data":{"EXECUTION_HALTED":"0"}}'
    await cluster.kubectl("-n", cluster.namespace, "patch", "configmap", "kill-switch", "--type", "merge", "-p", patch)
    page = await watchdog.alertmanager.notified("firing", alertname="KillSwitchNotHalted")
    assert page["labels"]["location"] == f"{cluster.namespace}/kill-switch"


async def test_a_mode_that_is_set_to_live_pages(cluster: Cluster, watchdog: Running) -> None:
    await cluster.kubectl("-n", cluster.namespace, "set", "env", "statefulset/gamma-strategy", "AGENT_MODE=LIVE")
    page = await watchdog.alertmanager.notified("firing", alertname="ForbiddenAgentMode")
    assert page["labels"].items() >= {"workload": "gamma-strategy", "variable": "AGENT_MODE", "sev": "0"}.items()


async def test_a_kill_switch_that_is_deleted_pages(cluster: Cluster, watchdog: Running) -> None:
    await cluster.kubectl("-n", cluster.namespace, "delete", "configmap", "kill-switch")
    page = await watchdog.alertmanager.notified("firing", alertname="KillSwitchNotHalted")
    assert "does not exist" in page["annotations"]["summary"]


async def test_its_metrics_pass_promtool_and_a_real_prometheus_reads_them(
    cluster: Cluster, watchdog: Running, promtool: str, tmp_path: Path
) -> None:
    await cluster.kubectl("-n", cluster.namespace, "scale", "deploy/execution-agent", "--replicas=2")
    await watchdog.alertmanager.notified("firing", alertname="ExecutionWorkloadAboveZero")
    async with aiohttp.ClientSession() as session, session.get(f"{watchdog.url}/metrics") as response:
        text = await response.read()
    checked = await asyncio.create_subprocess_exec(
        promtool, "check", "metrics", stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    _, complaints = await checked.communicate(text)
    assert (checked.returncode, complaints) == (0, b"")
    async with prometheus(watchdog.url, tmp_path) as url:
        assert await queried(url, 'watchdog_execution_replicas{workload="execution-agent",count="desired"}') == "2"
        assert await queried(url, 'sum(watchdog_alerts{sev="0",alertstate="firing"})') == "1"
        assert await queried(url, 'watchdog_source_up{source="kubernetes"}') == "1"


@contextlib.asynccontextmanager
async def prometheus(target: str, folder: Path) -> AsyncIterator[str]:
    """A real Prometheus that scrapes ``target`` every 200 ms."""
    port = free_port()
    jobs = [{"job_name": "watchdog", "static_configs": [{"targets": [target.partition("//")[2]]}]}]
    config = folder / "prometheus.yaml"
    config.write_text(yaml.safe_dump({"global": {"scrape_interval": "200ms"}, "scrape_configs": jobs}))
    process = await asyncio.create_subprocess_exec(
        real("prometheus", package="prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


async def queried(url: str, query: str) -> str:
    """The one value of a query, once there is one."""
    async with aiohttp.ClientSession() as session, asyncio.timeout(20):
        while True:
            with contextlib.suppress(aiohttp.ClientError, json.JSONDecodeError):  # not ready: 503 in plain text
                async with session.get(f"{url}/api/v1/query", params={"query": query}) as response:
                    found = json.loads(await response.read()).get("data", {}).get("result", [])
                if found:
                    (series,) = found
                    return str(series["value"][1])
            await asyncio.sleep(0.05)
