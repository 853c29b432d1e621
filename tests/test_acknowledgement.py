"""Done when: a 50 ms blip pages, stays latched over a restart, and ends only by acknowledgement, at both replicas.

Two daemons in processes of their own look at one simulated floor over HTTP. The acknowledgement is written by the real
kubectl, by the very command that ``watchdog ack`` printed, with no right but the Role that ``deploy/k8s/base`` has for
those who acknowledge.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shlex
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from watchdog.core.instant import exact, from_rfc3339
from watchdog.simulator import kubectl
from watchdog.simulator.pager import Pager
from watchdog.simulator.platform import Floor, trading_floor
from watchdog.simulator.scene import Addresses, adapted, kubeconfig, served, shipped

from .conftest import real
from .fakes import HandClock
from .test_cli import WATCHDOG, free_port, ready, run, without_pubsub

ALERT, WHY = "ExecutionWorkloadAboveZero", 'it\'s a "drill" of ours; $HOME `true`'
ANN = {"name": "ann", "namespace": "watchdog"}
Document = dict[str, Any]


@dataclass
class Replica:
    """One daemon, in a process of its own."""

    config: Path
    url: str
    process: asyncio.subprocess.Process | None = None

    async def start(self, status: str) -> None:
        command = [*WATCHDOG, "run", "--config", str(self.config)]
        self.process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
        await ready(self.url, status)

    async def stop(self, number: signal.Signals) -> None:
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)
        await self.process.wait()

    async def says(self, what: str) -> Document:
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/api/v1/{what}") as response:
            document: Document = await response.json()
        return document

    async def alerts(self) -> list[Document]:
        """Those that are told of; what was not looked for yet after a start may be pending beside them."""
        listed = (await self.says("alerts"))["alerts"]
        return [alert for alert in listed if alert["alertname"] == ALERT and alert["state"] != "pending"]

    async def acknowledgements(self) -> list[Document]:
        incidents = (await self.says("incidents"))["incidents"]
        return [said for incident in incidents for said in incident["acknowledgements"]]

    async def until(self, what: str, holds: Callable[[Document], object]) -> Document:
        async with asyncio.timeout(15):
            while not holds(document := await self.says(what)):
                await asyncio.sleep(0.05)
        return document


@dataclass
class Watched:
    floor: Floor
    folder: Path
    addresses: Addresses
    replicas: list[Replica] = field(default_factory=list)

    def replica(self, number: int) -> Replica:
        port, memory = free_port(), self.folder / f"memory-{number}.json"
        content = adapted(self.addresses)
        without_pubsub(content)
        content["server"]["port"] = port
        content["outlets"].append({"kind": "memory", "path": str(memory)})
        config = self.folder / f"watchdog-{number}.yaml"
        config.write_text(yaml.safe_dump(content))
        self.replicas.append(Replica(config, f"http://127.0.0.1:{port}"))
        return self.replicas[-1]

    async def blip(self) -> None:
        for replicas in (1, 0):
            kubectl.scale(self.floor.cluster, "deploy", "agenttrader", "execution-agent", replicas)
            await asyncio.sleep(0.05)

    def as_ann(self) -> dict[str, str]:
        """The environment of somebody who may acknowledge and nothing else."""
        rbac = {"apiVersion": "rbac.authorization.k8s.io/v1"}
        _, role = yaml.safe_load_all((shipped().parents[1] / "deploy/k8s/base/operators.yaml").read_text())
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role["metadata"]["name"]}
        client = self.floor.as_service_account(ANN["namespace"], ANN["name"])
        kubectl.create(
            self.floor.cluster,
            {**role, "metadata": {**role["metadata"], "namespace": "watchdog"}},
            {**rbac, "kind": "RoleBinding", "metadata": ANN, "roleRef": reference,
             "subjects": [{"kind": "ServiceAccount", **ANN}]},
        )  # fmt: skip
        server = yaml.safe_load(Path(self.addresses.kubeconfig).read_text())["clusters"][0]["cluster"]["server"]
        home = self.folder / "ann"
        home.mkdir()
        path = Path(real("kubectl", package="kubernetes-client")).parent
        access = kubeconfig(home, server, client.token)
        return {"HOME": str(home), "KUBECONFIG": access, "PATH": f"{path}:{os.environ['PATH']}"}


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    floor = trading_floor(lambda: datetime.now(UTC))
    async with served(floor, Pager(HandClock().now)) as addresses:
        world = Watched(floor, tmp_path, addresses)
        try:
            yield world
        finally:
            for replica in world.replicas:
                await replica.stop(signal.SIGKILL)


async def shell(command: str, environment: dict[str, str]) -> None:
    process = await asyncio.create_subprocess_shell(
        command, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    _, err = await process.communicate()
    assert process.returncode == 0, err.decode()


async def test_a_blip_stays_latched_over_a_restart_and_ends_at_both_replicas_by_the_command_that_ack_printed(
    watched: Watched,
) -> None:
    first, second = watched.replica(1), watched.replica(2)
    await asyncio.gather(first.start("safe"), second.start("safe"))
    await watched.blip()
    latched = [await one.until("alerts", _latched) for one in (first, second)]
    [before] = [alert for alert in latched[1]["alerts"] if alert["alertname"] == ALERT]

    await second.stop(signal.SIGKILL)
    await second.start("unsafe")
    [after] = await second.alerts()
    kept = ("fingerprint", "state", "sev", "fired_at", "incident")
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    assert before["state"] == "latched" and [a["fingerprint"] for a in await first.alerts()] == [after["fingerprint"]]

    told = from_rfc3339(after["fired_at"])
    assert told is not None
    later = exact(told + timedelta(seconds=1))
    await first.until("alerts", lambda document: document["as_of"] > later)
    said = await run("ack", ALERT, "--by", "ann", "--why", WHY, "--url", first.url)
    assert said.code == 0, said.err
    [command] = said.out.splitlines()
    assert command.startswith("kubectl -n watchdog patch configmap watchdog-operator --type=merge -p '{")
    await shell(command, watched.as_ann())

    for one in (first, second):
        await one.until("alerts", lambda document: not document["alerts"])
        [acknowledged] = await one.acknowledgements()
        assert (acknowledged["by"], acknowledged["why"]) == ("ann", WHY)
        assert acknowledged["alert"] == f"{ALERT} workload agenttrader/Deployment/execution-agent"
        written = from_rfc3339(acknowledged["at"])
        assert written is not None and written > told

    await first.stop(signal.SIGKILL)
    await first.start("safe")
    assert await first.alerts() == [], "what was acknowledged does not come back"

    await watched.blip()
    for one in (first, second):
        await one.until("alerts", _latched)
    await asyncio.sleep(2)  # two looks at what operators say
    assert [a["state"] for one in (first, second) for a in await one.alerts()] == ["latched"] * 2, "nothing later"


def _latched(document: Document) -> bool:
    return any(alert["alertname"] == ALERT and alert["state"] == "latched" for alert in document["alerts"])


async def test_an_entry_that_nobody_can_understand_is_a_finding_and_no_crash(watched: Watched) -> None:
    only, environment = watched.replica(1), watched.as_ann()
    await only.start("safe")
    await shell(patched("ack-by-hand", "{verb: ack}"), environment)
    [finding] = (await only.until("alerts", lambda document: document["alerts"]))["alerts"]
    assert (finding["alertname"], finding["sev"]) == ("OperatorEntryMalformed", 2)
    assert finding["labels"]["entry"] == "ack-by-hand" and "it is no JSON" in finding["annotations"]["summary"]
    await shell(patched("ack-by-hand", None), environment)
    await only.until("alerts", lambda document: not document["alerts"])


def patched(key: str, content: str | None) -> str:
    where = ["-n", "watchdog", "patch", "configmap", "watchdog-operator"]
    return shlex.join(["kubectl", *where, "--type=merge", "-p", json.dumps({"data": {key: content}})])
