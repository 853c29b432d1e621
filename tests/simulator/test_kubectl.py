"""The real kubectl, whatever its version, against the HTTP face."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.simulator.client import config_map, deployment
from watchdog.simulator.http_face import HttpFace
from watchdog.simulator.platform import Floor, trading_floor
from watchdog.simulator.reconcilers.owned import Pace

JSON = dict[str, Any]
AGENT, GAMMA = ("-n", "agenttrader", "deploy/execution-agent"), ("-n", "trading-floor", "statefulset/gamma-strategy")
SWITCH = ("-n", "trading-floor", "configmap/agenttrader-kill-switch")


@dataclass(frozen=True, slots=True)
class Kubectl:
    """Calls kubectl with a home of its own, so that nobody's kubeconfig is read."""

    command: str
    server: str
    home: Path

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        home = {"HOME": str(self.home), "KUBECONFIG": str(self.home / "config"), "PATH": os.environ["PATH"]}
        options = ("-s", self.server, "--cache-dir", str(self.home / "cache"))
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            self.command, *options, *arguments, env=home, stdout=pipe, stderr=pipe
        )

    async def __call__(self, *arguments: str) -> str:
        process = await self.start(*arguments)
        out, err = await asyncio.wait_for(process.communicate(), 20)
        assert process.returncode == 0, (arguments, err.decode())
        return out.decode()

    async def object(self, *arguments: str) -> JSON:
        found: JSON = json.loads(await self("get", *arguments, "-o", "json"))
        return found


@pytest.fixture
def floor() -> Floor:
    return trading_floor(lambda: datetime.now(UTC), pace=Pace(settle=0.002, start=0.02, stop=0.02))


@pytest.fixture
async def kubectl(floor: Floor, kubectl_command: str, tmp_path: Path) -> AsyncIterator[Kubectl]:
    face = HttpFace(floor.server)
    await face.start()
    controllers = asyncio.create_task(floor.run(), name="controllers")
    (tmp_path / "config").write_text("{apiVersion: v1, kind: Config}")
    yield Kubectl(kubectl_command, face.url, tmp_path)
    controllers.cancel()
    await face.stop()


def manifest(folder: Path, *objects: JSON) -> str:
    path = folder / "manifest.yaml"
    path.write_text(yaml.safe_dump_all(objects))
    return str(path)


async def test_get_shows_a_table(kubectl: Kubectl) -> None:
    header, row = (await kubectl("get", *AGENT)).splitlines()
    assert header.split() == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]
    assert row.split()[:4] == ["execution-agent", "0/0", "0", "0"]
    assert "SELECTOR" in await kubectl("get", *AGENT, "-o", "wide")


async def test_get_shows_objects(kubectl: Kubectl) -> None:
    assert (await kubectl.object(*SWITCH))["data"] == {"EXECUTION_HALTED": "1"}
    assert yaml.safe_load(await kubectl("get", *SWITCH, "-o", "yaml"))["kind"] == "ConfigMap"
    names = (await kubectl("get", "cm", "-n", "trading-floor", "-o", "name")).split()
    assert "configmap/agenttrader-kill-switch" in names


async def test_get_all_shows_workloads_and_pods(kubectl: Kubectl) -> None:
    shown = await kubectl("get", "all", "-A")
    for part in ("pod/gamma-strategy-0", "deployment.apps/execution-agent", "statefulset.apps/whale-strategy"):
        assert part in shown
    assert "replicaset.apps/" in shown


async def test_get_selects(kubectl: Kubectl) -> None:
    named = await kubectl("get", "pods", "-A", "-l", "strategy in (gamma, whale)", "-o", "name")
    assert named.split() == ["pod/gamma-strategy-0", "pod/whale-strategy-0"]
    running = await kubectl("get", "pods", "-A", "--field-selector", "status.phase!=Running", "-o", "name")
    assert running == ""


async def test_get_watch_follows(kubectl: Kubectl) -> None:
    process = await kubectl.start("get", *AGENT, "-w", "-o", "jsonpath={.spec.replicas}{'\\n'}")
    assert process.stdout
    assert await asyncio.wait_for(process.stdout.readline(), 20) == b"0\n"
    await kubectl("scale", *AGENT, "--replicas=1")
    assert await asyncio.wait_for(process.stdout.readline(), 20) == b"1\n"
    process.terminate()
    await process.communicate()


async def test_get_watch_follows_as_a_table(kubectl: Kubectl) -> None:
    process = await kubectl.start("get", *AGENT, "-w")
    assert process.stdout
    lines = [await asyncio.wait_for(process.stdout.readline(), 20) for _ in range(2)]
    await kubectl("scale", *AGENT, "--replicas=1")
    lines.append(await asyncio.wait_for(process.stdout.readline(), 20))
    process.terminate()
    await process.communicate()
    assert [line.split()[:2] for line in lines] == [
        [b"NAME", b"READY"],
        [b"execution-agent", b"0/0"],
        [b"execution-agent", b"0/1"],
    ]


async def test_scale_up_and_down(kubectl: Kubectl, floor: Floor) -> None:
    await kubectl("scale", *AGENT, "--replicas=2")
    await kubectl("rollout", "status", *AGENT, "--timeout=10s")
    scaled = await kubectl.object(*AGENT)
    assert scaled["status"]["readyReplicas"] == 2
    pods = await kubectl.object("pods", "-n", "agenttrader")
    assert [pod["status"]["phase"] for pod in pods["items"]] == ["Running", "Running"]
    await kubectl("scale", *AGENT, "--replicas=0")
    async with asyncio.timeout(10):
        while (await kubectl.object("pods", "-n", "agenttrader"))["items"]:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("type", "patch"),
    [
        ("merge", '{"data":{"EXECUTION_HALTED":"0"}}'),
        ("strategic", '{"data":{"EXECUTION_HALTED":"0"}}'),
        ("json", '[{"op":"replace","path":"/data/EXECUTION_HALTED","value":"0"}]'),
    ],
)
async def test_patch(kubectl: Kubectl, type: str, patch: str) -> None:
    assert "patched" in await kubectl("patch", *SWITCH, "--type", type, "-p", patch)
    assert "no change" in await kubectl("patch", *SWITCH, "--type", type, "-p", patch)
    assert (await kubectl.object(*SWITCH))["data"] == {"EXECUTION_HALTED": "0"}


async def test_set_env_rolls_the_pods(kubectl: Kubectl) -> None:
    await kubectl("set", "env", *GAMMA, "AGENT_MODE=LIVE", "SERVICE_NAME-", "NEW=last")
    await kubectl("rollout", "status", *GAMMA, "--timeout=10s")
    pod = await kubectl.object("-n", "trading-floor", "pod/gamma-strategy-0")
    env = [(one["name"], one.get("value")) for one in pod["spec"]["containers"][0]["env"]]
    assert ("AGENT_MODE", "LIVE") in env and env[-1] == ("NEW", "last")
    assert "SERVICE_NAME" not in dict(env) and "EXECUTION_HALTED" in dict(env)


async def test_set_image_and_rollout_undo(kubectl: Kubectl) -> None:
    web = ("-n", "trading-floor", "deployment/mission-control")
    old = (await kubectl.object(*web))["spec"]["template"]["spec"]["containers"][0]["image"]
    await kubectl("set", "image", *web, "mission-control=mission-control:next")
    await kubectl("rollout", "status", *web, "--timeout=10s")
    assert "REVISION" in await kubectl("rollout", "history", *web)
    await kubectl("rollout", "undo", *web)
    await kubectl("rollout", "status", *web, "--timeout=10s")
    assert (await kubectl.object(*web))["spec"]["template"]["spec"]["containers"][0]["image"] == old
    await kubectl("rollout", "restart", *web)
    await kubectl("rollout", "status", *web, "--timeout=10s")


async def test_label_and_annotate(kubectl: Kubectl) -> None:
    await kubectl("label", *AGENT, "team=ops")
    await kubectl("annotate", *AGENT, "why=test")
    metadata = (await kubectl.object(*AGENT))["metadata"]
    assert (metadata["labels"]["team"], metadata["annotations"]["why"]) == ("ops", "test")
    assert metadata["generation"] == 2  # of the two, only the annotation counts
    await kubectl("label", *AGENT, "team-")
    assert "team" not in (await kubectl.object(*AGENT))["metadata"]["labels"]


async def test_apply_creates_and_configures(kubectl: Kubectl, tmp_path: Path) -> None:
    other = deployment("other", 1)
    assert (await kubectl("apply", "-f", manifest(tmp_path, config_map("x", a="1"), other))).count("created") == 2
    assert (await kubectl("apply", "-f", manifest(tmp_path, config_map("x", a="1"), other))).count("unchanged") == 2
    other["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "AGENT_MODE", "value": "LIVE"}]
    assert (await kubectl("apply", "-f", manifest(tmp_path, config_map("x", b="2"), other))).count("configured") == 2
    assert (await kubectl.object("-n", "trading-floor", "cm/x"))["data"] == {"b": "2"}
    env = (await kubectl.object("-n", "agenttrader", "deploy/other"))["spec"]["template"]["spec"]["containers"][0][
        "env"
    ]
    assert env == [{"name": "AGENT_MODE", "value": "LIVE"}]


async def test_create_and_replace_from_a_file(kubectl: Kubectl, tmp_path: Path) -> None:
    assert "created" in await kubectl("create", "-f", manifest(tmp_path, config_map("extra", a="1")))
    assert "replaced" in await kubectl("replace", "-f", manifest(tmp_path, config_map("extra", a="2")))
    assert (await kubectl.object("-n", "trading-floor", "cm/extra"))["data"] == {"a": "2"}


async def test_delete_waits_until_it_is_gone(kubectl: Kubectl, floor: Floor) -> None:
    await kubectl("delete", *SWITCH)
    assert "NotFound" not in await kubectl("get", "cm", "-n", "trading-floor")
    await kubectl("delete", *GAMMA, "--cascade=foreground")
    left = await kubectl("get", "pods,sts", "-n", "trading-floor", "-o", "name")
    assert "gamma" not in left
    await kubectl("delete", "pod", "-n", "trading-floor", "-l", "app=mission-control")
    assert "mission-control" in await kubectl("get", "pods", "-n", "trading-floor", "-o", "name")


async def test_delete_of_a_namespace_takes_all_along(kubectl: Kubectl) -> None:
    await kubectl("delete", "namespace", "trading-floor")
    assert (await kubectl("get", "all,cm", "-A", "-o", "name")).split() == [
        "deployment.apps/execution-agent",
        next(one for one in (await kubectl("get", "rs", "-A", "-o", "name")).split()),
    ]


async def test_what_is_wrong_is_said_as_a_server_says_it(kubectl: Kubectl) -> None:
    process = await kubectl.start("get", "cm", "nope")
    _, err = await process.communicate()
    assert (process.returncode, err.decode().strip()) == (
        1,
        'Error from server (NotFound): configmaps "nope" not found',
    )


async def test_the_resources_are_discovered(kubectl: Kubectl) -> None:
    assert "statefulsets" in await kubectl("api-resources", "-o", "name")
    assert "Pod Template" in await kubectl("describe", *AGENT)
