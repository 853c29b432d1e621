"""The real kubectl against the HTTP face: what it shows, follows and changes. Creating and applying are beside."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import yaml

from tests.simulator.client import config_map
from tests.simulator.manifests import (
    autoscaler,
    cron_job,
    daemon_set,
    job,
    node,
    pod,
    replica_set,
    replication_controller,
    rollout,
    scaled_object,
)
from tests.simulator.real_kubectl import AGENT, GAMMA, SWITCH, Kubectl
from watchdog.simulator import custom
from watchdog.simulator.platform import Floor


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


async def test_delete_waits_until_it_is_gone(kubectl: Kubectl, floor: Floor) -> None:
    await kubectl("delete", *SWITCH)
    assert "NotFound" not in await kubectl("get", "cm", "-n", "trading-floor")
    await kubectl("delete", *GAMMA, "--cascade=foreground")
    left = await kubectl("get", "pods,sts", "-n", "trading-floor", "-o", "name")
    assert "gamma" not in left
    await kubectl("delete", "pod", "-n", "trading-floor", "-l", "app=mission-control")
    assert "mission-control" in await kubectl("get", "pods", "-n", "trading-floor", "-o", "name")


async def test_delete_of_a_namespace_takes_all_along(kubectl: Kubectl) -> None:
    assert "namespace/trading-floor" in await kubectl("get", "ns", "-o", "name")
    await kubectl("delete", "namespace", "trading-floor")
    everything = "all,cm,secrets,sa,roles,rolebindings,events,hpa,cronjobs,pdb"
    assert await kubectl("get", everything, "-n", "trading-floor", "-o", "name") == ""
    assert "namespace/trading-floor" not in await kubectl("get", "ns", "-o", "name")
    assert "deployment.apps/execution-agent" in await kubectl("get", "deploy", "-A", "-o", "name")


async def test_nothing_new_is_made_in_a_namespace_that_goes(kubectl: Kubectl) -> None:
    await kubectl("patch", *SWITCH, "-p", '{"metadata":{"finalizers":["example.com/hold"]}}')
    await kubectl("delete", "ns", "trading-floor", "--wait=false")
    assert "Terminating" in await kubectl("get", "ns", "trading-floor")
    said = await kubectl.refused("create", "-f", kubectl.manifest(config_map("late", a="1")))
    assert "unable to create new content in namespace trading-floor because it is being terminated" in said
    await kubectl("patch", *SWITCH, "-p", '{"metadata":{"finalizers":null}}')
    await kubectl("wait", "--for=delete", "ns/trading-floor", "--timeout=10s")


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


async def test_the_events_of_a_scaling_are_described(kubectl: Kubectl) -> None:
    await kubectl("scale", *AGENT, "--replicas=1")
    await kubectl("rollout", "status", *AGENT, "--timeout=10s")
    described = await kubectl("describe", *AGENT)
    assert "ScalingReplicaSet" in described and "from 0 to 1" in described
    shown = await kubectl("get", "events", "-n", "agenttrader")
    assert shown.split()[:5] == ["LAST", "SEEN", "TYPE", "REASON", "OBJECT"] and "SuccessfulCreate" in shown
    assert "SuccessfulCreate" in await kubectl("get", "events.events.k8s.io", "-n", "agenttrader")


COLUMNS = {
    "ds": "NAME DESIRED CURRENT READY UP-TO-DATE AVAILABLE NODE SELECTOR AGE",
    "rs": "NAME DESIRED CURRENT READY AGE",
    "rc": "NAME DESIRED CURRENT READY AGE",
    "job": "NAME STATUS COMPLETIONS DURATION AGE",
    "cronjob": "NAME SCHEDULE TIMEZONE SUSPEND ACTIVE LAST SCHEDULE AGE",
    "hpa": "NAME REFERENCE TARGETS MINPODS MAXPODS REPLICAS AGE",
    "rollout": "NAME DESIRED CURRENT UP-TO-DATE AVAILABLE AGE",
    "scaledobject": "NAME SCALETARGETKIND SCALETARGETNAME MIN MAX AGE",
    "pod": "NAME READY STATUS RESTARTS AGE",
    "node": "NAME STATUS ROLES AGE",
    "crd": "NAME CREATED AT",
}


async def test_each_kind_has_its_table(kubectl: Kubectl) -> None:
    made = [daemon_set("ds"), replica_set("rs"), replication_controller("rc"), job("job"), cron_job("cj")]
    made += [autoscaler(), rollout("ro"), scaled_object(), pod("pod"), node("node")]
    definitions = Path(custom.__file__).parent / "crds"
    await kubectl("apply", "-f", str(definitions))
    await kubectl("create", "-f", kubectl.manifest(*made))
    for kind, header in COLUMNS.items():
        first, *rows = (await kubectl("get", kind, "-n", "agenttrader")).splitlines()
        assert (" ".join(first.split()), len(rows) > 0) == (header, True)
