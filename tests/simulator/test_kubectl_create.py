"""``kubectl create``, ``run``, ``autoscale`` and ``replace``, in each version: newer ones send protobuf bodies."""

from __future__ import annotations

import json

from tests.simulator.client import config_map
from tests.simulator.manifests import cron_job
from tests.simulator.real_kubectl import AGENT, Kubectl, eventually

IN = ("-n", "agenttrader")


async def test_create_of_what_is_named_on_the_command_line(each_kubectl: Kubectl) -> None:
    create = each_kubectl
    assert "created" in await create("create", "namespace", "extra")
    await create(*IN, "create", "configmap", "cm", "--from-literal=EXECUTION_HALTED=0")
    await create(*IN, "create", "secret", "generic", "key", "--from-literal=token=s3")
    assert (await create.object(*IN, "cm/cm"))["data"] == {"EXECUTION_HALTED": "0"}
    secret = await create.object(*IN, "secret/key")
    assert (secret["type"], secret["data"]) == ("Opaque", {"token": "czM="})
    await create(*IN, "create", "deployment", "copy", "--image=execution-agent:1", "--replicas=0", "--port=8080")
    copy = await create.object(*IN, "deploy/copy")
    (container,) = copy["spec"]["template"]["spec"]["containers"]
    assert (copy["spec"]["replicas"], copy["spec"]["selector"]) == (0, {"matchLabels": {"app": "copy"}})
    assert (container["image"], container["ports"]) == (
        "execution-agent:1",
        [{"containerPort": 8080, "protocol": "TCP"}],
    )


async def test_create_of_jobs_that_run(each_kubectl: Kubectl) -> None:
    kubectl = each_kubectl
    await kubectl(*IN, "create", "job", "once", "--image=execution-agent:1", "--", "env", "AGENT_MODE=LIVE", "agent")
    (pod,) = (await kubectl.object(*IN, "pods", "-l", "job-name=once"))["items"]
    assert pod["spec"]["containers"][0]["command"] == ["env", "AGENT_MODE=LIVE", "agent"]
    assert pod["spec"]["restartPolicy"] == "Never"
    await kubectl(*IN, "create", "cronjob", "often", "--image=execution-agent:1", "--schedule=*/5 * * * *")
    assert (await kubectl.object(*IN, "cronjob/often"))["spec"]["schedule"] == "*/5 * * * *"
    await kubectl(*IN, "create", "job", "manual", "--from=cronjob/often")
    manual = await kubectl.object(*IN, "job/manual")
    assert manual["metadata"]["annotations"] == {"cronjob.kubernetes.io/instantiate": "manual"}
    assert manual["metadata"]["ownerReferences"][0]["name"] == "often"


async def test_run_makes_a_bare_pod(each_kubectl: Kubectl) -> None:
    kubectl = each_kubectl
    await kubectl(*IN, "run", "bare", "--image=execution-agent:1", "--env=AGENT_MODE=LIVE", "--labels=app=bare")
    await kubectl(*IN, "wait", "--for=condition=Ready", "pod/bare", "--timeout=10s")
    bare = await kubectl.object(*IN, "pod/bare")
    assert bare["spec"]["containers"][0]["env"] == [{"name": "AGENT_MODE", "value": "LIVE"}]
    assert "ownerReferences" not in bare["metadata"]
    await kubectl(*IN, "delete", "pod", "bare", "--now")


async def test_autoscale_makes_an_autoscaler_that_takes_effect(each_kubectl: Kubectl) -> None:
    kubectl = each_kubectl
    assert "autoscaled" in await kubectl("autoscale", *AGENT, "--min=2", "--max=4", "--cpu-percent=70")
    made = await kubectl.object(*IN, "hpa/execution-agent")
    bounds = {name: made["spec"][name] for name in ("minReplicas", "maxReplicas")}
    assert (made["apiVersion"], bounds) == ("autoscaling/v2", {"minReplicas": 2, "maxReplicas": 4})
    assert made["spec"]["metrics"][0]["resource"]["target"] == {"type": "Utilization", "averageUtilization": 70}
    older = await kubectl.object(*IN, "horizontalpodautoscalers.v1.autoscaling/execution-agent")
    assert (older["apiVersion"], older["spec"]["targetCPUUtilizationPercentage"]) == ("autoscaling/v1", 70)
    assert (await kubectl.object(*AGENT))["spec"]["replicas"] == 0  # it never takes up from zero
    await kubectl("scale", *AGENT, "--replicas=1")

    async def scaled() -> bool:
        return bool((await kubectl.object(*AGENT))["spec"]["replicas"] == 2)

    await eventually(scaled)


async def test_create_and_replace_from_a_file(each_kubectl: Kubectl) -> None:
    kubectl = each_kubectl
    assert "created" in await kubectl("create", "-f", kubectl.manifest(config_map("extra", a="1")))
    assert "replaced" in await kubectl("replace", "-f", kubectl.manifest(config_map("extra", a="2")))
    assert (await kubectl.object("-n", "trading-floor", "cm/extra"))["data"] == {"a": "2"}
    again = await kubectl.refused("create", "-f", kubectl.manifest(config_map("extra", a="1")))
    assert "(AlreadyExists): error when creating" in again and 'configmaps "extra" already exists' in again


async def test_what_is_misspelt_in_a_file_is_refused(kubectl: Kubectl) -> None:
    wrong = {**config_map("extra"), "dta": {"a": "1"}}
    said = await kubectl.refused("create", "-f", kubectl.manifest(wrong))
    assert 'strict decoding error: unknown field "dta"' in said
    deep = cron_job()
    deep["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["imagee"] = "x"
    said = await kubectl.refused("create", "-f", kubectl.manifest(deep))
    assert 'unknown field "spec.jobTemplate.spec.template.spec.containers[0].imagee"' in said
    assert "created" in await kubectl("create", "--validate=false", "-f", kubectl.manifest(deep))
    assert "imagee" not in json.dumps(await kubectl.object(*IN, "cj/execution-agent"))


async def test_debug_adds_a_container_to_a_pod_that_runs(kubectl: Kubectl) -> None:
    await kubectl(*IN, "run", "bare", "--image=execution-agent:1")
    await kubectl(*IN, "wait", "--for=condition=Ready", "pod/bare", "--timeout=10s")
    await kubectl(*IN, "debug", "pod/bare", "--image=busybox", "--container=extra", "--env=AGENT_MODE=LIVE")
    (added,) = (await kubectl.object(*IN, "pod/bare"))["spec"]["ephemeralContainers"]
    assert (added["name"], added["env"]) == ("extra", [{"name": "AGENT_MODE", "value": "LIVE"}])
