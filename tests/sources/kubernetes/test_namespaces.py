"""Namespaces by a label, ConfigMaps by their names: what counts, and what is said of the rest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.sources.kubernetes.floors import SOURCE, Sight, facts, looking
from tests.sources.kubernetes.test_gaps import FLOOR, held, on_the_floor
from tests.virtual import in_virtual_time
from watchdog.core.facts import Blindspot, KillSwitch, Mode, Unknown, Workload
from watchdog.simulator import kubectl
from watchdog.simulator.faults import HalfLine, Refuse
from watchdog.simulator.managed_fields import Author
from watchdog.simulator.ports import InProcessKubernetes
from watchdog.simulator.resources import NAMESPACES

ELSEWHERE = "elsewhere"
SELECTED = replace(SOURCE, namespaces=(), namespace_selector="team=trading")
NAMED = replace(SOURCE, namespaces=(), config_maps="named", config_map_names=(f"{FLOOR}/modes",))


def deployment(name: str, namespace: str, image: str, **container: Any) -> dict[str, Any]:
    spec = {"containers": [{"name": "main", "image": image, **container}]}
    template = {"metadata": {"labels": {"app": name}}, "spec": spec}
    selector = {"matchLabels": {"app": name}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"replicas": 0, "selector": selector, "template": template},
    }


def moding(name: str, namespace: str, mode: str) -> dict[str, Any]:
    return deployment(name, namespace, "x/reader:1", env=[{"name": "AGENT_MODE", "value": mode}])


def labelled(sight: Sight, namespace: str, value: str | None) -> None:
    record = sight.floor.cluster.get(NAMESPACES, "", namespace)
    labels = {**(record.object["metadata"].get("labels") or {}), "team": value}
    kept = {name: text for name, text in labels.items() if text is not None}
    changed = {**record.object, "metadata": {**record.object["metadata"], "labels": kept}}
    sight.floor.cluster.update(record, changed, Author("kubectl-label"))


def furnished(sight: Sight) -> None:
    kubectl.create(
        sight.floor.cluster,
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ELSEWHERE}},
        moding("harmless", ELSEWHERE, "PAPER"),
        moding("forbidden", ELSEWHERE, "LIVE"),
        deployment("copy", ELSEWHERE, "x/execution-agent:1"),
    )


def modes(sight: Sight) -> set[str]:
    return {f.workload for f in held(sight, Mode) if f.namespace == ELSEWHERE and f.variable == "AGENT_MODE"}


def every_other(sight: Sight) -> Blindspot:
    [spot] = [spot for spot in held(sight, Blindspot) if spot.area == "namespace"]
    return spot


def test_of_a_namespace_that_is_not_selected_only_what_counts_everywhere_is_told() -> None:
    @on_the_floor(SELECTED)
    async def _(sight: Sight) -> None:
        furnished(sight)
        await sight.after(1)
        assert modes(sight) == {"forbidden", "copy"}
        assert "copy" in {f.workload for f in held(sight, Workload)}
        assert every_other(sight).reason == "NotSelected" and ELSEWHERE in every_other(sight).explanation
        assert [f.halted for f in held(sight, KillSwitch)][:1] == [True]


def test_a_namespace_that_is_labelled_counts_from_then_on_and_one_that_loses_it_no_more() -> None:
    @on_the_floor(SELECTED)
    async def _(sight: Sight) -> None:
        furnished(sight)
        await sight.after(1)
        labelled(sight, ELSEWHERE, "trading")
        await sight.after(1)
        assert modes(sight) == {"harmless", "forbidden", "copy"}
        assert ELSEWHERE not in every_other(sight).explanation
        labelled(sight, ELSEWHERE, None)
        await sight.after(1)
        assert modes(sight) == {"forbidden", "copy"}


def unseen_mode(sight: Sight, workload: str) -> str:
    [known] = [
        k for k in sight.posture.facts.values()
        if isinstance(k.fact, Mode) and (k.fact.workload, k.fact.variable) == (workload, "AGENT_MODE")
    ]  # fmt: skip
    why = sight.posture.unseen(known)
    return why.reason if why is not None else ""


@pytest.mark.parametrize("between", [0.01, 70.0])
def test_a_mode_that_counts_since_its_namespace_does_is_unknown_once_its_own_watch_fails(between: float) -> None:
    @on_the_floor(SELECTED)
    async def _(sight: Sight) -> None:
        furnished(sight)
        await sight.after(1)
        labelled(sight, ELSEWHERE, "trading")
        await sight.after(between)
        assert unseen_mode(sight, "harmless") == ""
        deployments = "/apis/apps/v1/deployments"
        sight.floor.server.faults.inject(Refuse(path=deployments), HalfLine(path=deployments))
        kubectl.create(sight.floor.cluster, deployment("nudge", ELSEWHERE, "x/reader:1"))
        await sight.after(15)
        assert sight.problem("watch deployments everywhere") == "Forbidden"
        assert sight.problem("watch namespaces") == ""
        assert unseen_mode(sight, "harmless") == "Forbidden"


def test_only_what_is_of_a_namespace_whose_labels_decide_otherwise_is_told_again() -> None:
    @on_the_floor(SELECTED)
    async def _(sight: Sight) -> None:
        furnished(sight)
        await sight.after(1)
        for number in range(3):
            record = sight.floor.cluster.get(NAMESPACES, "", FLOOR)
            labels = {**(record.object["metadata"].get("labels") or {}), "other": str(number)}
            changed = {**record.object, "metadata": {**record.object["metadata"], "labels": labels}}
            sight.floor.cluster.update(record, changed, Author("kubectl-label"))
        told = [o for o in await sight.after(1) if o.scope.part == "watch namespaces"]
        assert told and not [fact for fact in facts(told) if isinstance(fact, Mode)]


def test_a_mode_that_turns_forbidden_is_told_although_its_namespace_does_not_count() -> None:
    @on_the_floor(SELECTED)
    async def _(sight: Sight) -> None:
        furnished(sight)
        await sight.after(1)
        kubectl.set_env(sight.floor.cluster, "deploy", ELSEWHERE, "harmless", AGENT_MODE="EXECUTE")
        await sight.after(1)
        assert modes(sight) == {"harmless", "forbidden", "copy"}
        kubectl.set_env(sight.floor.cluster, "deploy", ELSEWHERE, "harmless", AGENT_MODE="PAPER")
        await sight.after(1)
        assert modes(sight) == {"forbidden", "copy"}


@pytest.mark.parametrize("text", ["team", "team=", "=x", "a=b,,c=d"])
def test_a_selector_that_says_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="namespace_selector"):
        replace(SELECTED, namespace_selector=text)
    with pytest.raises(ValueError, match="namespace_selector"):
        replace(SELECTED, namespaces=(FLOOR,))


def test_namespaces_that_are_listed_leave_one_blind_spot() -> None:
    @on_the_floor(SOURCE)
    async def _(sight: Sight) -> None:
        assert every_other(sight).reason == "NotSelected" and FLOOR in every_other(sight).explanation


def by_key(name: str, config_map: str) -> dict[str, Any]:
    reference = {"configMapKeyRef": {"name": config_map, "key": "AGENT_MODE"}}
    return deployment(name, FLOOR, "x/reader:1", env=[{"name": "AGENT_MODE", "valueFrom": reference}])


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": FLOOR}, "data": data}


def test_named_config_maps_are_asked_for_by_their_names_and_no_collection_is() -> None:
    asked: list[tuple[str, str]] = []

    class Noting(InProcessKubernetes):
        async def read(self, path: str, query: Any, timeout: float) -> bytes:
            asked.append((path, query.get("fieldSelector", "")))
            return await super().read(path, query, timeout)

        def watch(self, path: str, query: Any, silence: float) -> Any:
            asked.append((path, query.get("fieldSelector", "")))
            return super().watch(path, query, silence)

    async def run() -> None:
        async with looking(NAMED, lambda floor: Noting(floor.server)) as sight:
            await sight.after(70)
            assert sight.problems == {}

    in_virtual_time(run())
    of_config_maps = {(path, selector) for path, selector in asked if path.endswith("/configmaps")}
    assert of_config_maps == {
        (f"/api/v1/namespaces/{FLOOR}/configmaps", f"metadata.name={name}")
        for name in ("agenttrader-kill-switch", "agenttrader-safety", "modes")
    }


def test_a_reference_to_a_config_map_that_is_not_named_is_a_blind_spot_and_unknown() -> None:
    @on_the_floor(NAMED)
    async def _(sight: Sight) -> None:
        kubectl.create(
            sight.floor.cluster,
            config_map("modes", AGENT_MODE="LIVE"),
            config_map("others", AGENT_MODE="LIVE"),
            by_key("named", "modes"),
            by_key("unnamed", "others"),
        )
        await sight.after(6)
        declared = {f.workload: f.declared for f in held(sight, Mode) if f.variable == "AGENT_MODE"}
        assert declared["named"] == "LIVE"
        other = declared["unnamed"]
        assert isinstance(other, Unknown) and other.reason == "NotNamed"
        spots = {spot.what: spot.reason for spot in held(sight, Blindspot) if spot.area == "config_map"}
        assert spots == {f"{FLOOR}/others": "NotNamed"}
        kubectl.delete(sight.floor.cluster, "deploy", FLOOR, "unnamed")
        await sight.after(6)
        assert [spot for spot in held(sight, Blindspot) if spot.area == "config_map"] == []


def test_the_switch_is_told_at_once_also_where_config_maps_are_named() -> None:
    @on_the_floor(NAMED)
    async def _(sight: Sight) -> None:
        kubectl.set_data(sight.floor.cluster, FLOOR, "agenttrader-kill-switch", EXECUTION_HALTED="0")
        await sight.after(0.01)
        assert sight.safety.halted is False


@pytest.mark.parametrize("name", ["modes", "a/b/c/", "/modes", "floor/"])
def test_a_config_map_is_named_with_its_namespace(name: str) -> None:
    with pytest.raises(ValueError, match="config_map_names"):
        replace(NAMED, config_map_names=(name,))
