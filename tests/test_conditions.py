"""What is merely degraded: workloads and nodes that fail on the simulated floor, the whole daemon, virtual time.

The floor's controllers and kubelets report as real ones do; only their fates are told (``floor.kubelet``).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from watchdog.core.coverage import coverage
from watchdog.core.facts import Condition, Fact, Ingest, Pause
from watchdog.simulator import kubectl
from watchdog.simulator.kubelet import add_ephemeral_container, finish, image_digest, restart_container
from watchdog.simulator.resources import PODS

from .platform import Guarded, guarded
from .ways.manifests import FLOOR, config_map, container, deployment, workload

JSON = dict[str, Any]
UI, FEED = "agenttrader-ops-ui", "marketdata-mcp-server"
LKG = "/etc/watchdog/lkg.yaml"


def kubernetes_alone(content: JSON) -> None:
    content["sources"] = [one for one in content["sources"] if one["kind"] in ("kubernetes", "market_hours")]


def comparing(content: JSON) -> None:
    kubernetes_alone(content)
    content["sources"][0]["last_known_good"] = LKG


def played(act: Callable[[Guarded], Awaitable[Any]], change: Any = kubernetes_alone, **more: Any) -> Guarded:
    return guarded(act, change, **more)[1]


def conditions(world: Guarded) -> dict[str, str]:
    """'Deployment x: CrashLoop', and what is said of it, now."""
    facts = [known.fact for known in world.daemon.assessment.posture.facts.values()]
    found = [fact for fact in facts if isinstance(fact, Condition)]
    return {f"{one.kind} {one.workload}: {one.condition}": one.explanation for one in found}


def fact(world: Guarded, workload: str, condition: str) -> Condition:
    facts: list[Fact] = [known.fact for known in world.daemon.assessment.posture.facts.values()]
    (found,) = [f for f in facts if isinstance(f, Condition) and (f.workload, f.condition) == (workload, condition)]
    return found


def pods(world: Guarded, name: str) -> list[str]:
    return [pod.name for pod in world.floor.cluster.records(PODS, FLOOR) if pod.name.startswith(f"{name}-")]


def resolved(world: Guarded, alertname: str) -> list[float]:
    split = [edge.split() for edge in world.edges]
    return [float(when) for when, rule, _, kind, _ in split if rule == alertname and kind == "resolved"]


# crash loops


@pytest.mark.parametrize(("name", "sev"), [(FEED, "Sev-1"), (UI, "Sev-2")])
def test_a_crash_loop_pages_by_what_the_workload_is_worth_and_ends_ten_minutes_after_it_holds(
    name: str, sev: str
) -> None:
    async def act(world: Guarded) -> None:
        world.floor.kubelet.crash(FLOOR, name, after=2.0, exit_code=3)
        await world.at(300)
        said = fact(world, name, "CrashLoop")
        assert (
            said.pods == 1 and "CrashLoopBackOff" in said.explanation and "last exit code 3 (Error)" in said.explanation
        )
        world.floor.kubelet.heal(FLOOR, name)
        await world.at(1300)
        assert conditions(world) == {}

    world = played(act)
    assert [one[1] for one in world.fired("CrashLoop")] == [sev]
    (fired,), (ended,) = [one[0] for one in world.fired("CrashLoop")], resolved(world, "CrashLoop")
    assert 30 < fired < 90 and 900 < ended < 1250


def test_a_pod_that_restarts_once_or_rarely_is_no_crash_loop() -> None:
    async def act(world: Guarded) -> None:
        (pod,) = pods(world, FEED)
        for often in range(5):
            restart_container(world.floor.cluster, FLOOR, pod)
            await world.at(often * 660 + 5)
            assert conditions(world) == {}
            await world.at(often * 660 + 660)

    assert played(act).edges == []


def test_a_crash_loop_is_one_page_although_its_container_runs_in_between() -> None:
    async def act(world: Guarded) -> None:
        world.floor.kubelet.crash(FLOOR, FEED, after=40.0)
        await world.at(1800)

    world = played(act)
    assert len(world.fired("CrashLoop")) == 1 and resolved(world, "CrashLoop") == []


def test_a_crash_loop_is_over_with_its_workload() -> None:
    async def act(world: Guarded) -> None:
        world.floor.kubelet.crash(FLOOR, UI)
        await world.at(120)
        kubectl.scale(world.floor.cluster, "deploy", FLOOR, UI, 0)
        await world.at(130)
        assert conditions(world) == {}

    assert len(resolved(played(act), "CrashLoop")) == 1


# images


def test_an_image_that_cannot_be_pulled_pages_then_the_rollout_fails_and_both_end_with_the_rollback() -> None:
    async def act(world: Guarded) -> None:
        world.floor.kubelet.unpullable("ghcr.io/x/ui:typo")
        was = kubectl.get(world.floor.cluster, "deploy", FLOOR, UI).object["spec"]["template"]["spec"]["containers"][0]
        kubectl.set_image(world.floor.cluster, "deploy", FLOOR, UI, "ghcr.io/x/ui:typo")
        await world.at(400)
        assert "of ghcr.io/x/ui:typo" in conditions(world)[f"Deployment {UI}: ImagePull"]
        assert list(conditions(world)) == [f"Deployment {UI}: ImagePull"]
        await world.at(700)
        assert "ProgressDeadlineExceeded" in conditions(world)[f"Deployment {UI}: RolloutFailed"]
        kubectl.set_image(world.floor.cluster, "deploy", FLOOR, UI, was["image"])
        await world.at(710)
        assert conditions(world) == {}

    world = played(act)
    assert [(int(when) // 10, sev) for when, sev in world.fired("ImagePullFailing")] == [(6, "Sev-2")]
    assert [(int(when) // 10, sev) for when, sev in world.fired("RolloutFailed")] == [(60, "Sev-2")]


def test_a_floating_tag_is_told_of_what_runs_and_is_worth_more_on_what_is_critical() -> None:
    async def act(world: Guarded) -> None:
        kubectl.set_image(world.floor.cluster, "deploy", FLOOR, UI, "ghcr.io:443/x/ui")
        kubectl.set_image(world.floor.cluster, "deploy", FLOOR, FEED, "ghcr.io/x/feed:latest")
        kubectl.set_image(world.floor.cluster, "deploy", FLOOR, "execution-engine", "execution-engine:latest")
        await world.at(120)
        assert sorted(conditions(world)) == [f"Deployment {UI}: FloatingTag", f"Deployment {FEED}: FloatingTag"]
        kubectl.set_image(world.floor.cluster, "deploy", FLOOR, UI, "ghcr.io/x/ui:latest@sha256:" + "a" * 64)
        await world.at(140)
        assert list(conditions(world)) == [f"Deployment {FEED}: FloatingTag"]

    assert sorted(sev for _, sev in played(act).fired("FloatingTag")) == ["Sev-2", "Sev-3"]


def test_one_tag_with_two_images_is_told_of_and_two_templates_in_a_rollout_are_not() -> None:
    async def act(world: Guarded) -> None:
        cluster, image = world.floor.cluster, "ghcr.io/x/ui:1"
        kubectl.set_image(cluster, "deploy", FLOOR, UI, image)
        kubectl.scale(cluster, "deploy", FLOOR, UI, 3)
        await world.at(30)
        assert conditions(world) == {}
        world.floor.kubelet.repush(image)
        kubectl.delete(cluster, "pod", FLOOR, pods(world, UI)[0])
        await world.at(400)
        said = fact(world, UI, "MixedDigests")
        assert said.pods == 1 and image_digest(image)[:19] in said.explanation
        kubectl.set_image(cluster, "deploy", FLOOR, UI, "ghcr.io/x/ui:2")
        await world.at(430)
        assert conditions(world) == {}

    world = played(act)
    assert [sev for _, sev in world.fired("MixedDigests")] == ["Sev-2"]


def manifest(name: str, image: str) -> str:
    spec = f'{{containers: [{{name: ops-ui, image: "{image}", env: [{{name: A, value: "1"}}]}}]}}'
    return (
        f"apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: {FLOOR}}}\n"
        f"spec: {{template: {{spec: {spec}}}}}\n"
    )


def test_another_digest_than_the_last_known_good_is_told_of_until_the_change_is_recorded() -> None:
    good, new = f"ghcr.io/x/ui@sha256:{'a' * 64}", f"ghcr.io/x/ui@sha256:{'b' * 64}"

    def recorded(world: Guarded, image: str) -> None:
        world.files.content[LKG] = manifest(UI, image).encode()

    def prepare(world: Guarded) -> None:
        kubectl.set_image(world.floor.cluster, "deploy", FLOOR, UI, good)
        recorded(world, good)

    async def act(world: Guarded) -> None:
        await world.at(40)
        assert conditions(world) == {}
        kubectl.set_image(world.floor.cluster, "deploy", FLOOR, UI, new)
        await world.at(60)
        said = fact(world, UI, "DigestDrift")
        assert (
            said.pods == 1 and "sha256:bbbb" in said.explanation and "last known good sha256:aaaa" in said.explanation
        )
        await world.at(400)
        recorded(world, new)
        await world.at(440)
        assert conditions(world) == {}

    world = played(act, comparing, prepare=prepare)
    assert [sev for _, sev in world.fired("DigestDrift")] == ["Sev-2"]
    assert world.fired("CoverageGap") == []


@pytest.mark.parametrize("content", [None, b"kind: [", b"a: &x [1]\nb: *x\n", b"", manifest(UI, "ui:1").encode()])
def test_a_last_known_good_that_cannot_be_read_is_a_gap_and_not_silence(content: bytes | None) -> None:
    def prepare(world: Guarded) -> None:
        if content is not None:
            world.files.content[LKG] = content

    async def act(world: Guarded) -> None:
        await world.at(70)
        assert [sev for _, sev in world.fired("CoverageGap")] == ["Sev-3"]
        world.files.content[LKG] = manifest(UI, "ui@sha256:" + "c" * 64).encode()
        await world.at(110)

    world = played(act, comparing, prepare=prepare)
    assert len(resolved(world, "CoverageGap")) == 1 and world.fired("SourceUnavailable") == []


# resources


def test_a_container_killed_for_its_memory_is_told_of_until_it_has_run_for_ten_minutes() -> None:
    async def act(world: Guarded) -> None:
        world.floor.kubelet.out_of_memory(FLOOR, UI, after=100.0)
        await world.at(150)
        world.floor.kubelet.heal(FLOOR, UI)
        assert conditions(world) == {f"Deployment {UI}: OutOfMemory": said(world)}
        await world.at(690)
        assert list(conditions(world)) == [f"Deployment {UI}: OutOfMemory"]
        await world.at(720)
        assert conditions(world) == {}

    def said(world: Guarded) -> str:
        return f"Pod {pods(world, UI)[0]}, container ops-ui: OOMKilled, 1 restart"

    assert [sev for _, sev in played(act).fired("OutOfMemory")] == ["Sev-2"]


def test_a_pod_that_no_node_takes_is_told_of_with_the_schedulers_own_words() -> None:
    async def act(world: Guarded) -> None:
        world.floor.kubelet.unschedulable(FLOOR, UI)
        kubectl.scale(world.floor.cluster, "deploy", FLOOR, UI, 3)
        await world.at(200)
        said = fact(world, UI, "Unschedulable")
        assert said.pods == 2 and "1 Insufficient memory" in said.explanation
        world.floor.kubelet.heal(FLOOR, UI)
        await world.at(215)
        assert conditions(world) == {}

    assert [sev for _, sev in played(act).fired("PodsNotRunning")] == ["Sev-2"]


@pytest.mark.parametrize("condition", ["MemoryPressure", "DiskPressure", "PIDPressure"])
def test_a_node_under_pressure_is_told_of(condition: str) -> None:
    async def act(world: Guarded) -> None:
        world.floor.kubelet.press(condition)
        await world.at(70)
        assert list(conditions(world)) == [f"Node simulated-node-1: {condition}"]
        world.floor.kubelet.relieve(condition)
        await world.at(75)
        assert conditions(world) == {}

    assert [sev for _, sev in played(act).fired("NodeUnderPressure")] == ["Sev-2"]


def test_a_node_that_is_not_heard_of_is_not_ready() -> None:
    async def act(world: Guarded) -> None:
        world.floor.kubelet.press("NotReady")
        await world.at(70)
        assert conditions(world) == {"Node simulated-node-1: NotReady": "Ready is Unknown: NodeStatusUnknown"}
        kubectl.delete(world.floor.cluster, "node", "", "simulated-node-1")
        await world.at(75)
        assert conditions(world) == {}

    assert [sev for _, sev in played(act).fired("NodeNotReady")] == ["Sev-2"]


# Jobs, updates


def test_a_job_that_failed_is_told_of_and_one_that_is_complete_is_not() -> None:
    async def act(world: Guarded) -> None:
        cluster = world.floor.cluster
        kubectl.create(cluster, workload("Job", "good"), workload("Job", "bad", backoffLimit=0))
        await world.at(5)
        finish(cluster, FLOOR, pods(world, "good")[0])
        finish(cluster, FLOOR, pods(world, "bad")[0], exit_code=1)
        await world.at(10)
        assert list(conditions(world)) == ["Job bad: RolloutFailed"]
        kubectl.delete(cluster, "job", FLOOR, "bad")
        await world.at(20)
        assert conditions(world) == {}

    assert [sev for _, sev in played(act).fired("RolloutFailed")] == ["Sev-2"]


def test_a_cron_job_is_as_well_as_the_last_of_its_jobs() -> None:
    async def act(world: Guarded) -> None:
        made = workload("CronJob", "nightly", schedule="* * * * *")
        made["spec"]["jobTemplate"]["spec"]["backoffLimit"] = 0
        kubectl.create(world.floor.cluster, made)
        for minute, code in ((1, 0), (2, 1), (3, 0)):
            await world.at(minute * 60 + 5)
            finish(world.floor.cluster, FLOOR, unfinished(world, "nightly"), exit_code=code)
            await world.at(minute * 60 + 10)
            assert list(conditions(world)) == (["CronJob nightly: RolloutFailed"] if code else [])

    played(act)


def unfinished(world: Guarded, name: str) -> str:
    (pod,) = [
        p.name for p in world.floor.cluster.records(PODS, FLOOR)
        if p.name.startswith(f"{name}-") and p.object["status"]["phase"] == "Running"
    ]  # fmt: skip
    return pod


def test_an_update_of_a_stateful_set_that_takes_no_step_for_ten_minutes_has_failed() -> None:
    async def act(world: Guarded) -> None:
        world.floor.kubelet.unpullable("ghcr.io/x/whale:typo")
        kubectl.set_image(world.floor.cluster, "sts", FLOOR, "whale-strategy", "ghcr.io/x/whale:typo")
        await world.at(590)
        assert list(conditions(world)) == ["StatefulSet whale-strategy: ImagePull"]
        await world.at(620)
        assert "1 of 1 Pods are updated, 0 ready" in conditions(world)["StatefulSet whale-strategy: RolloutFailed"]

    played(act)


# what only looks alike


def restarted(world: Guarded) -> None:
    (pod,) = pods(world, FEED)
    restart_container(world.floor.cluster, FLOOR, pod, exit_code=137)


def rolled(world: Guarded) -> None:
    kubectl.set_image(world.floor.cluster, "deploy", FLOOR, FEED, "ghcr.io/x/feed:2")
    kubectl.set_image(world.floor.cluster, "sts", FLOOR, "gamma-strategy", "ghcr.io/x/gamma:2")


def with_init_containers(world: Guarded) -> None:
    init = [{"name": "migrate", "image": "m:1"}, {"name": "mesh", "image": "p:1", "restartPolicy": "Always"}]
    kubectl.create(world.floor.cluster, deployment("init", container("init"), pod={"initContainers": init}))


def pulled_slowly(world: Guarded) -> None:
    world.floor.kubelet.unpullable("ghcr.io/x/feed:2")
    kubectl.set_image(world.floor.cluster, "deploy", FLOOR, FEED, "ghcr.io/x/feed:2")


def debugged(world: Guarded) -> None:
    add_ephemeral_container(world.floor.cluster, FLOOR, pods(world, FEED)[0], {"name": "sh", "image": "busybox"})


@pytest.mark.parametrize(
    "act", [restarted, rolled, with_init_containers, debugged, pulled_slowly], ids=lambda f: f.__name__
)
def test_what_only_looks_alike_pages_nobody(act: Callable[[Guarded], None]) -> None:
    async def acting(world: Guarded) -> None:
        act(world)
        await world.at(5)
        world.floor.kubelet.pullable("ghcr.io/x/feed:2")
        await world.at(1200)

    assert played(acting).edges == []


# paused on purpose


def told(world: Guarded) -> list[tuple[str, Any, str]]:
    facts = [known.fact for known in world.daemon.assessment.posture.facts.values()]
    return sorted((one.location, one.paused, one.explanation) for one in facts if isinstance(one, Pause))


def test_the_ingest_switch_is_told_of_what_runs_and_only_where_it_is_stated() -> None:
    where = f"{FLOOR}/Deployment/{FEED}"

    async def act(world: Guarded) -> None:
        assert told(world) == []
        kubectl.set_env(world.floor.cluster, "deploy", FLOOR, FEED, INGEST_ENABLED="1")
        await world.at(10)
        assert told(world) == [(where, False, "INGEST_ENABLED is on")]
        kubectl.set_env(world.floor.cluster, "deploy", FLOOR, FEED, INGEST_ENABLED=" Off ")
        await world.at(20)
        assert told(world) == [(where, True, f"INGEST_ENABLED is 'Off' in container {FEED}")]
        ingest = world.daemon.assessment.posture.globally("ingest")
        assert isinstance(ingest, Ingest) and ingest.paused is True
        kubectl.set_env(world.floor.cluster, "deploy", FLOOR, FEED, INGEST_ENABLED=None)
        await world.at(30)
        assert told(world) == []

    played(act)


def test_a_pause_that_a_config_map_states_counts_from_the_next_start() -> None:
    async def act(world: Guarded) -> None:
        cluster = world.floor.cluster
        from_it = [{"name": "INGEST_ENABLED", "valueFrom": {"configMapKeyRef": {"name": "ingest", "key": "ON"}}}]
        kubectl.create(cluster, config_map("ingest", ON="1"), deployment("feed", container("feed", env=from_it)))
        await world.at(10)
        assert [one[1] for one in told(world)] == [False]
        kubectl.set_data(cluster, FLOOR, "ingest", ON="0")
        await world.at(200)
        assert [one[1] for one in told(world)] == [False]
        restart_container(cluster, FLOOR, pods(world, "feed")[0])
        await world.at(210)
        assert [one[1] for one in told(world)] == [True]

    played(act)


def test_a_pause_from_a_secret_is_unknown() -> None:
    async def act(world: Guarded) -> None:
        secret = [{"name": "INGEST_ENABLED", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]
        kubectl.create(world.floor.cluster, deployment("feed", container("feed", env=secret)))
        await world.at(10)
        ((_, paused, _),) = told(world)
        assert paused.reason == "FromSecret"

    played(act)


# what is not seen of nodes


def test_nodes_that_may_not_be_read_are_missed_by_name() -> None:
    def prepare(world: Guarded) -> None:
        role = kubectl.get(world.floor.cluster, "clusterrole", "", "watchdog-reader").object
        rules = [{**rule, "resources": [r for r in rule["resources"] if r != "nodes"]} for rule in role["rules"]]
        kubectl.patch(world.floor.cluster, "clusterrole", "", "watchdog-reader", {"rules": rules})

    async def act(world: Guarded) -> None:
        await world.at(30)
        report = {(row.area, row.what): row for row in coverage(world.daemon.assessment.posture).rows}
        assert report["kind", "nodes"].state == "not_observed"
        missing = report["permission", "list nodes, watch nodes"]
        assert missing.state == "not_observed"

    assert [sev for _, sev in played(act, prepare=prepare, sees=False).fired("PermissionMissing")] == ["Sev-1"]


def test_nodes_that_nobody_asked_for_are_a_known_gap_and_no_permission_is_missed() -> None:
    def without(content: JSON) -> None:
        kubernetes_alone(content)
        content["sources"][0]["nodes"] = False

    async def act(world: Guarded) -> None:
        world.floor.kubelet.press("MemoryPressure")
        await world.at(70)
        assert conditions(world) == {}
        (row,) = [row for row in coverage(world.daemon.assessment.posture).rows if row.what == "nodes"]
        assert (row.state, row.reason) == ("not_observed", "NotSelected")

    assert [edge.split()[1] for edge in played(act, without).edges] == ["CoverageGap"]


def test_a_namespace_that_is_not_selected_has_no_conditions_until_it_is() -> None:
    def selecting(content: JSON) -> None:
        kubernetes_alone(content)
        content["sources"][0]["namespace_selector"] = "team=trading"

    async def act(world: Guarded) -> None:
        world.floor.kubelet.crash(FLOOR, UI)
        await world.at(100)
        assert conditions(world) == {}
        kubectl.patch(world.floor.cluster, "namespace", "", FLOOR, {"metadata": {"labels": {"team": "trading"}}})
        await world.at(106)
        assert list(conditions(world)) == [f"Deployment {UI}: CrashLoop"]

    played(act, selecting)
