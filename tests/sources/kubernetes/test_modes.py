"""The watched variables, declared and running. domain.md §4."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sources.kubernetes.scripted import config_map, container, env, pod, workload
from tests.sources.kubernetes.worlds import AGENT_MODE, CONFIG_MAPS, PODS, World
from watchdog.core.facts import Blindspot, Mode, Unknown
from watchdog.core.variables import WatchedVariable

ENGINE = "execution-engine"


def ref(name: str = "AGENT_MODE", **source: Any) -> dict[str, Any]:
    return {"name": name, "valueFrom": source}


def of(*entries: dict[str, Any], name: str = "gamma", running: Any = None, env_from: Any = ()) -> World:
    """A workload with one container, and a Pod of it if ``running`` is given."""
    world = World()
    world.event(config_map(2, {"AGENT_MODE": "LIVE", "mode": "PAPER"}, "modes"))
    world.event(workload(name, 5, 1, container(env=entries, env_from=env_from)))
    if running is not None:
        world.event(pod("p", 6, name, container(env=running, env_from=env_from)))
    return world


@pytest.mark.parametrize("value", ["LIVE", "live", " Execute\n"])
def test_a_forbidden_mode_is_unsafe_however_it_is_written(value: str) -> None:
    mode = of(*env(AGENT_MODE=value)).mode()
    assert mode.unsafe is True and mode.listed is True and mode.stated is True


def test_a_safe_mode_is_safe_and_a_strange_one_is_not_listed() -> None:
    assert (of(*env(AGENT_MODE="observe")).mode().unsafe, of(*env(AGENT_MODE="OBSERVE")).mode().listed) == (False, True)
    assert (of(*env(AGENT_MODE="YOLO")).mode().unsafe, of(*env(AGENT_MODE="YOLO")).mode().listed) == (False, False)


def test_what_is_not_stated_has_no_fact() -> None:
    assert of(*env(OTHER="x")).of(Mode) == []


def test_an_execution_workload_has_to_state_it() -> None:
    [mode] = of(*env(OTHER="x"), name=ENGINE).of(Mode)
    assert (mode.variable, mode.stated, mode.unsafe, mode.declared, mode.execution) == (
        "AGENT_MODE",
        False,
        False,
        "",
        True,
    )


def test_a_sidecar_need_not_state_it_for_the_container_that_executes() -> None:
    world = World()
    containers = [container("mesh"), container("main", image="r/execution-engine:1")]
    world.event(workload("copy", 5, 1, *containers))
    assert [(mode.container, mode.stated) for mode in world.of(Mode)] == [("main", False)]


@pytest.mark.parametrize("where", ["containers", "initContainers", "ephemeralContainers"])
def test_every_container_of_a_pod_counts(where: str) -> None:
    world = World()
    made = pod("p", 6, "nobody")
    made["spec"][where] = [*made["spec"].get(where, []), container("side", env=env(AGENT_MODE="LIVE"))]
    world.event(made)
    mode = world.mode(container="side")
    assert (mode.kind, mode.workload, mode.unsafe, mode.live) == ("Pod", "p", True, 1)


def test_the_running_pod_can_differ_from_its_template() -> None:
    mode = of(*env(AGENT_MODE="OFF"), running=env(AGENT_MODE="LIVE")).mode()
    assert (mode.declared, mode.running, mode.unsafe, mode.live) == ("OFF", "LIVE", True, 1)


def test_a_template_that_is_unsafe_is_unsafe_before_any_pod_runs() -> None:
    mode = of(*env(AGENT_MODE="LIVE"), running=env(AGENT_MODE="OFF")).mode()
    assert (mode.declared, mode.running, mode.unsafe) == ("LIVE", "OFF", True)


def test_the_worst_of_all_live_pods_is_told() -> None:
    world = of(*env(AGENT_MODE="OFF"))
    for number, value in enumerate(["OFF", "ZZZ", "LIVE", "EVAL"]):
        world.event(pod(f"p{number}", 10 + number, "gamma", container(env=env(AGENT_MODE=value))))
    assert (world.mode().running, world.mode().live) == ("LIVE", 4)
    world.event(pod("p2", 20, "gamma", container(env=env(AGENT_MODE="LIVE"))), deleted=True)
    assert (world.mode().running, world.mode().unsafe, world.mode().listed) == ("ZZZ", False, False)


def test_an_unsafe_pod_is_worse_than_an_unknown_one() -> None:
    world = of(*env(AGENT_MODE="OFF"))
    secret = ref(secretKeyRef={"name": "s", "key": "k"})
    for number, entries in enumerate([[secret], env(AGENT_MODE="LIVE"), [secret]]):
        world.event(pod(f"p{number}", 10 + number, "gamma", container(env=entries)))
    assert world.mode().running == "LIVE"


def test_a_pod_that_a_workload_accounts_for_has_no_mode_of_its_own() -> None:
    world = of(*env(AGENT_MODE="OFF"), running=env(AGENT_MODE="OFF"))
    assert [mode.kind for mode in world.of(Mode)] == ["Deployment"]


def test_a_mode_of_execution_is_unknown_until_the_pods_have_been_listed() -> None:
    world = World(listed=False)
    world.event(workload(ENGINE, 5, 1, container(env=env(AGENT_MODE="OFF"))))
    assert isinstance(world.mode().running, Unknown) and isinstance(world.mode().unsafe, Unknown)


@pytest.mark.parametrize(("mode", "told"), [("OFF", False), ("LIVE", True), ("WEIRD", True)])
def test_a_mode_of_another_waits_for_its_pods_where_nothing_is_wrong_yet(mode: str, told: bool) -> None:
    world = World(listed=False)
    world.event(workload("gamma", 5, 1, container(env=env(AGENT_MODE=mode))))
    assert bool(world.of(Mode)) is told
    world.listing(PODS, [])
    assert [fact.declared for fact in world.of(Mode)] == [mode]


def test_a_config_map_that_only_the_running_pod_refers_to_counts() -> None:
    world = of(*env(OTHER="x"), running=[ref(configMapKeyRef={"name": "modes", "key": "mode"})])
    assert world.mode().running == "PAPER"
    world.event(config_map(9, {"mode": "LIVE"}, "modes"))
    assert (world.mode().running, world.mode().unsafe) == ("LIVE", True)


def test_a_config_map_that_is_not_there_is_known_to_be_missing_once_all_are_listed() -> None:
    world = World(listed=False)
    world.listing(PODS, [])
    world.event(workload("gamma", 5, 1, container(env=[ref(configMapKeyRef={"name": "no", "key": "mode"})])))
    world.listing(CONFIG_MAPS, [])
    declared = world.mode().declared
    assert isinstance(declared, Unknown) and declared.reason == "Missing"


def test_a_finished_pod_runs_nothing() -> None:
    world = of(*env(AGENT_MODE="OFF"))
    world.event(pod("p", 6, "gamma", container(env=env(AGENT_MODE="LIVE")), phase="Succeeded"))
    assert world.mode().unsafe is False


def test_a_key_of_a_config_map_counts_and_changes_with_it() -> None:
    world = of(ref(configMapKeyRef={"name": "modes", "key": "mode"}))
    assert world.mode().declared == "PAPER"
    world.event(config_map(9, {"mode": "LIVE"}, "modes"))
    assert world.mode().unsafe is True


def test_env_from_a_config_map_counts_in_pods_too() -> None:
    world = of(env_from=[{"configMapRef": {"name": "modes"}}], running=[])
    assert (world.mode().declared, world.mode().running) == ("LIVE", "LIVE")
    world.event(config_map(9, {}, "modes"))
    assert world.of(Mode) == []


def test_a_label_that_is_named_by_a_field_counts() -> None:
    world = World()
    entry = ref(fieldRef={"fieldPath": "metadata.labels['mode']"})
    world.event(workload("gamma", 5, 1, container(env=[entry]), labels={"mode": "LIVE"}))
    assert world.mode().unsafe is True


def test_a_name_set_from_a_secret_is_unknown() -> None:
    mode = of(ref(secretKeyRef={"name": "s", "key": "k"})).mode()
    assert isinstance(mode.unsafe, Unknown) and mode.unsafe.reason == "FromSecret"


def test_unknown_beside_unsafe_is_unsafe() -> None:
    secret = ref(secretKeyRef={"name": "s", "key": "k"})
    assert of(secret, running=env(AGENT_MODE="LIVE")).mode().unsafe is True
    assert isinstance(of(secret, running=env(AGENT_MODE="OFF")).mode().unsafe, Unknown)
    assert isinstance(of(secret, running=env(AGENT_MODE="OFF")).mode().listed, Unknown)
    assert of(secret, running=env(AGENT_MODE="ZZZ")).mode().listed is False


def test_a_secret_that_could_set_anything_is_one_finding_a_workload_and_grave_where_execution_runs() -> None:
    blind = [{"secretRef": {"name": "s"}}]
    other, runs, rests = (
        of(env_from=blind, running=[]),
        of(env_from=blind, running=[], name=ENGINE),
        of(env_from=blind, name=ENGINE),
    )
    assert [spot.executing for spot in other.of(Blindspot)] == [False] and other.of(Mode) == []
    assert [spot.executing for spot in runs.of(Blindspot)] == [True] and runs.mode().unsafe is False
    assert [spot.executing for spot in rests.of(Blindspot)] == [False]


def test_a_config_map_that_was_not_listed_yet_is_unknown_until_it_is() -> None:
    world = World(listed=False)
    world.listing(PODS, [])
    world.event(workload("gamma", 5, 1, container(env=[ref(configMapKeyRef={"name": "modes", "key": "mode"})])))
    assert isinstance(world.mode().unsafe, Unknown)
    world.listing(CONFIG_MAPS, [config_map(2, {"mode": "PAPER"}, "modes")])
    assert world.mode().unsafe is False


def test_an_unlisted_config_map_of_an_env_from_raises_no_storm() -> None:
    world = World(listed=False)
    world.event(workload("gamma", 5, 1, container(env_from=[{"configMapRef": {"name": "modes"}}])))
    assert world.of(Mode) == []


def test_the_other_switches_are_unsafe_by_words() -> None:
    assert of(*env(BROKER_EXECUTION_ENABLED="Yes")).mode("BROKER_EXECUTION_ENABLED").unsafe is True
    assert of(*env(BROKER_EXECUTION_ENABLED="false")).mode("BROKER_EXECUTION_ENABLED").unsafe is False
    assert of(*env(TRADING_MODE="Live")).mode("TRADING_MODE").unsafe is True
    assert of(*env(TRADING_MODE="paper")).mode("TRADING_MODE").listed is True
    assert of(*env(EXEC_DRY_RUN="0"), name=ENGINE).mode("EXEC_DRY_RUN").unsafe is True
    assert of(*env(EXEC_DRY_RUN="0")).of(Mode) == []


def test_a_literal_switch_in_a_pod_overrides_what_the_config_map_shows() -> None:
    assert of(*env(EXECUTION_HALTED="0")).mode("EXECUTION_HALTED").unsafe is True
    assert of(*env(EXECUTION_HALTED="")).mode("EXECUTION_HALTED").unsafe is True
    assert of(*env(EXECUTION_HALTED="1")).mode("EXECUTION_HALTED").unsafe is False


def test_a_variable_that_comes_from_the_guarded_switch_is_told_by_the_switch_alone() -> None:
    world = World()
    world.event(config_map(2, {"EXECUTION_HALTED": "0"}))
    key = {"name": "agenttrader-kill-switch", "key": "EXECUTION_HALTED"}
    world.event(workload("gamma", 5, 1, container(env=[ref("EXECUTION_HALTED", configMapKeyRef=key)])))
    assert world.of(Mode) == [] and world.switch.halted is False


def test_a_container_that_is_gone_has_no_mode() -> None:
    world = of(*env(AGENT_MODE="LIVE"))
    world.event(workload("gamma", 6, 1, container("renamed", env=env(AGENT_MODE="OFF"))))
    assert [(mode.container, mode.unsafe) for mode in world.of(Mode)] == [("renamed", False)]


def test_a_variable_cannot_be_safe_and_unsafe() -> None:
    with pytest.raises(ValueError, match="is both"):
        WatchedVariable("X", ("LIVE",), ("live",))
    with pytest.raises(ValueError, match="no list of safe values"):
        WatchedVariable("X", "truthy", ("a",))
    assert AGENT_MODE.is_listed("") and not AGENT_MODE.is_listed("?")


def test_a_long_script_in_a_config_map_counts_to_its_end() -> None:
    world = World()
    script = "echo " + "x" * 300 + "; AGENT_MODE=LIVE exec agent"
    world.event(config_map(2, {"script": script}, "modes"))
    one = container(env=[{"name": "S", "valueFrom": {"configMapKeyRef": {"name": "modes", "key": "script"}}}])
    world.event(workload("gamma", 5, 1, {**one, "command": ["sh", "-c", "$(S)"]}))
    assert world.mode().unsafe is True


def test_a_value_that_is_too_long_to_be_kept_is_unknown() -> None:
    world = World()
    world.event(config_map(2, {"mode": "PAPER" + "x" * 300}, "modes"))
    world.event(workload("gamma", 5, 1, container(env=[ref(configMapKeyRef={"name": "modes", "key": "mode"})])))
    assert isinstance(world.mode().unsafe, Unknown)


def test_what_enables_is_never_taken_for_the_switch_that_it_is_read_from() -> None:
    world = World()
    world.event(config_map(2, {"EXECUTION_HALTED": "1"}, "agenttrader-kill-switch"))
    taken = {"configMapKeyRef": {"name": "agenttrader-kill-switch", "key": "EXECUTION_HALTED"}}
    world.event(workload("gamma", 5, 1, container(env=[{"name": "BROKER_EXECUTION_ENABLED", "valueFrom": taken}])))
    assert world.mode("BROKER_EXECUTION_ENABLED").unsafe is True


@pytest.mark.parametrize("args", [["--agent.mode=LIVE"], ["sh", "-c", "export AGENT_'MODE'=LIVE; exec x"]])
def test_a_command_counts_however_it_spells_the_name(args: list[str]) -> None:
    world = World()
    world.event(workload("gamma", 5, 1, {**container(), "command": args}))
    assert world.mode().unsafe is True


def test_letter_case_is_the_platforms() -> None:
    assert of(*env(AGENT_MODE="lıve")).mode().unsafe is True


def test_expansions_that_explode_are_unknown() -> None:
    bomb = {"V0": "x" * 10} | {f"V{n}": f"$(V{n - 1})" * 10 for n in range(1, 9)}
    assert isinstance(of(*env(**bomb, AGENT_MODE="$(V8)")).mode().unsafe, Unknown)
