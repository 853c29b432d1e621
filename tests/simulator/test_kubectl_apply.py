"""``kubectl apply``, client-side and server-side."""

from __future__ import annotations

from typing import Any

from tests.simulator.client import config_map, deployment
from tests.simulator.manifests import rollout, scaled_object
from tests.simulator.real_kubectl import AGENT, SWITCH, Kubectl
from watchdog.simulator.custom import ARGO, KEDA, definition

JSON = dict[str, Any]
OTHER = ("-n", "agenttrader", "deploy/other")
SERVER_SIDE = ("apply", "--server-side")


def owners(object: JSON) -> list[tuple[str, str]]:
    return [(one["manager"], one["operation"]) for one in object["metadata"]["managedFields"] if not _status(one)]


def _status(entry: JSON) -> bool:
    return entry.get("subresource") == "status"


async def test_apply_creates_and_configures(each_kubectl: Kubectl) -> None:
    kubectl, other = each_kubectl, deployment("other", 1)
    for said, data in (("created", {"a": "1"}), ("unchanged", {"a": "1"})):
        assert (await kubectl("apply", "-f", kubectl.manifest(config_map("x", **data), other))).count(said) == 2
    other["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "AGENT_MODE", "value": "LIVE"}]
    assert (await kubectl("apply", "-f", kubectl.manifest(config_map("x", b="2"), other))).count("configured") == 2
    assert (await kubectl.object("-n", "trading-floor", "cm/x"))["data"] == {"b": "2"}
    (container,) = (await kubectl.object(*OTHER))["spec"]["template"]["spec"]["containers"]
    assert container["env"] == [{"name": "AGENT_MODE", "value": "LIVE"}]


async def test_server_side_apply_defends_what_others_own(each_kubectl: Kubectl) -> None:
    kubectl, made = each_kubectl, deployment("other", 0)
    assert "serverside-applied" in await kubectl(*SERVER_SIDE, "-f", kubectl.manifest(made))
    before = await kubectl.object(*OTHER)
    await kubectl(*SERVER_SIDE, "-f", kubectl.manifest(made))
    assert (await kubectl.object(*OTHER))["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
    await kubectl("scale", *OTHER, "--replicas=1")
    said = await kubectl.refused(*SERVER_SIDE, "-f", kubectl.manifest(made))
    assert "Apply failed with 1 conflict: conflict with " in said
    assert 'with subresource "scale" using apps/v1: .spec.replicas' in said
    await kubectl(*SERVER_SIDE, "--force-conflicts", "-f", kubectl.manifest(made))
    assert (await kubectl.object(*OTHER))["spec"]["replicas"] == 0


async def test_what_is_no_longer_applied_goes(kubectl: Kubectl) -> None:
    await kubectl(*SERVER_SIDE, "-f", kubectl.manifest(config_map("x", a="1", b="2")))
    await kubectl("patch", "cm", "x", "-n", "trading-floor", "--type=merge", "-p", '{"data":{"c":"3"}}')
    await kubectl(*SERVER_SIDE, "-f", kubectl.manifest(config_map("x", a="1")))
    assert (await kubectl.object("-n", "trading-floor", "cm/x"))["data"] == {"a": "1", "c": "3"}


async def test_server_side_apply_takes_over_from_client_side(kubectl: Kubectl) -> None:
    await kubectl("apply", "-f", kubectl.manifest(deployment("other", 0)))
    code, _, warned = await kubectl.tried(*SERVER_SIDE, "-f", kubectl.manifest(deployment("other", 0)))
    assert (code, warned) == (0, "")
    found = await kubectl.object(*OTHER, "--show-managed-fields")
    assert owners(found) == [("kubectl", "Apply"), ("kubectl-last-applied", "Apply")]
    assert found["spec"]["selector"] == {"matchLabels": {"app": "other"}}


async def test_a_dry_run_on_the_server_changes_nothing(kubectl: Kubectl) -> None:
    before = await kubectl.object(*AGENT)
    for arguments in (("scale", *AGENT, "--replicas=1"), ("set", "env", *AGENT, "AGENT_MODE=LIVE")):
        assert "dry run" in await kubectl(*arguments, "--dry-run=server")
    switch = config_map("agenttrader-kill-switch", EXECUTION_HALTED="0")
    for apply in (("apply",), (*SERVER_SIDE, "--force-conflicts")):
        assert "dry run" in await kubectl(*apply, "--dry-run=server", "-f", kubectl.manifest(switch))
    assert "dry run" in await kubectl("delete", *SWITCH, "--dry-run=server")
    assert await kubectl.object(*AGENT) == before
    assert (await kubectl.object(*SWITCH))["data"] == {"EXECUTION_HALTED": "1"}
    code, difference, _ = await kubectl.tried("diff", "-f", kubectl.manifest(switch))
    assert code == 1 and '+  EXECUTION_HALTED: "0"' in difference


async def test_a_misspelt_field_is_refused_however_it_is_applied(kubectl: Kubectl) -> None:
    wrong = deployment("other", 0)
    wrong["spec"]["template"]["spec"]["containers"][0]["envv"] = []
    for apply in (("apply",), SERVER_SIDE):
        said = await kubectl.refused(*apply, "-f", kubectl.manifest(wrong))
        assert 'strict decoding error: unknown field "spec.template.spec.containers[0].envv"' in said


async def test_a_custom_resource_is_unknown_until_its_definition_is_applied(kubectl: Kubectl) -> None:
    def manifest() -> str:
        return kubectl.manifest(rollout(replicas=0), scaled_object(minReplicaCount=0))

    assert 'no matches for kind "Rollout" in version "argoproj.io/v1alpha1"' in await kubectl.refused(
        "apply", "-f", manifest()
    )
    await kubectl("apply", "-f", kubectl.manifest(definition(ARGO), definition(KEDA)))
    await kubectl("wait", "--for=condition=Established", "crd/rollouts.argoproj.io", "--timeout=10s")
    assert (await kubectl("apply", "-f", manifest())).count("created") == 2
    await kubectl("scale", "-n", "agenttrader", "rollout/execution-agent", "--replicas=1")
    pause = "autoscaling.keda.sh/paused=true"
    await kubectl("annotate", "-n", "agenttrader", "scaledobject/execution-agent", pause)
    assert (await kubectl.object("-n", "agenttrader", "ro/execution-agent"))["spec"]["replicas"] == 1
    await kubectl("delete", "crd", "rollouts.argoproj.io")
    assert "could not find the requested resource" in await kubectl.refused("get", "rollouts")  # it was discovered
