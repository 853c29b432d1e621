"""Ways to take the kill switch off, and to make the workloads not read it. domain.md §3."""

from __future__ import annotations

from typing import Any

from watchdog.simulator import kubectl
from watchdog.simulator.market_data import Lie
from watchdog.simulator.resources import PODS, Resource

from ..platform import Guarded
from .acts import creates, deletes, in_turn, patches, request, scales, the_switch
from .manifests import AGENTS, ENGINE_IMAGE, FLOOR, MOUNT, SWITCH_FILE, VOLUME, config_map, container, env, manifest
from .way import Act, Page, Way, page, way

JSON = dict[str, Any]
SWITCH = "agenttrader-kill-switch"
SWITCH_PATH = f"/api/v1/namespaces/{FLOOR}/configmaps/{SWITCH}"
ENGINE = {"namespace": FLOOR, "kind": "Deployment", "workload": "execution-engine"}


def not_halted(says: str, location: str = f"{FLOOR}/{SWITCH}", ends: str = "firing") -> Page:
    labels = {"switch": "EXECUTION_HALTED", "carrier": "config_map", "location": location}
    return page("KillSwitchNotHalted", 0, says, ends=ends, **labels)


MISSION_CONTROL_SAYS_SO = page(
    "KillSwitchNotHalted", 0, "execution_halted", carrier="api", location="*/mission-control/api/v1/safety"
)
"""Mission-control reads the switch too: what it says is effective, so the statements disagree unsafely."""


def off(name: str, says: str, does: Act) -> Way:
    """The main carrier, which mission-control reads as well."""
    return way(name, does, not_halted(says), MISSION_CONTROL_SAYS_SO)


def replaced(**content: Any) -> Act:
    """``kubectl delete`` and ``kubectl create``."""
    made = manifest("v1", "ConfigMap", SWITCH, FLOOR, **content)
    return in_turn(deletes("configmap", FLOOR, SWITCH), creates(made))


VALUES = {"0": "0", "false": "false", "an empty text": "", "a word that nobody knows": "halted",
          "two words": "1 0", "a full-width digit": "１", "the name of the variable": "EXECUTION_HALTED=1"}  # fmt: skip

OFF = (
    *(off(f"the switch is set to {name}", text or "empty", the_switch(EXECUTION_HALTED=text))
      for name, text in VALUES.items()),
    off("the switch's first line is blank and its second says 1", "empty", the_switch(EXECUTION_HALTED="\n1")),
    off("the switch's first line says 0 and its second 1", '"0"', the_switch(EXECUTION_HALTED="0\n1")),
    off("the switch's key is removed", "key EXECUTION_HALTED is missing", the_switch(EXECUTION_HALTED=None)),
    off("the switch's key is removed and others stay", "key EXECUTION_HALTED is missing",
        the_switch(EXECUTION_HALTED=None, note="in maintenance")),
    off("the switch's key is written in lower case", "key EXECUTION_HALTED is missing",
        the_switch(EXECUTION_HALTED=None, execution_halted="1")),
    off("the switch's key is renamed", "key EXECUTION_HALTED is missing",
        the_switch(EXECUTION_HALTED=None, EXECUTION_HALT="1")),
    off("the switch's ConfigMap is deleted", "does not exist", deletes("configmap", FLOOR, SWITCH)),
    off("the switch's ConfigMap is made anew with 0", '"0"', replaced(data={"EXECUTION_HALTED": "0"})),
    off("the switch's ConfigMap is made anew, immutable, with 0", '"0"',
        replaced(data={"EXECUTION_HALTED": "0"}, immutable=True)),
    off("the switch's value moves to binaryData and says 0", '"0"',
        replaced(binaryData={"EXECUTION_HALTED": "MA=="})),
)  # fmt: skip


async def put_without_the_key(world: Guarded) -> None:
    await request(world, "PUT", SWITCH_PATH, manifest("v1", "ConfigMap", SWITCH, FLOOR, data={}))


async def away_for_a_moment(world: Guarded) -> None:
    kubectl.delete(world.floor.cluster, "configmap", FLOOR, SWITCH)
    kubectl.create(world.floor.cluster, config_map(SWITCH, EXECUTION_HALTED="1"))


BLIPS = (
    way("the switch is 0 for a moment", in_turn(the_switch(EXECUTION_HALTED="0"), the_switch(EXECUTION_HALTED="1")),
        not_halted('"0"', ends="latched")),
    way("the switch is 0 for a hundredth of a second",
        in_turn(the_switch(EXECUTION_HALTED="0"), the_switch(EXECUTION_HALTED="1"), every=0.01),
        not_halted('"0"', ends="latched")),
    way("the switch's ConfigMap is deleted and made anew at once", away_for_a_moment,
        not_halted("does not exist", ends="latched")),
)  # fmt: skip

CARRIERS = (
    off("kubectl replace leaves the switch without its key", "key EXECUTION_HALTED is missing", put_without_the_key),
    way("the second carrier says false", lambda w: kubectl.set_data(
        w.floor.cluster, FLOOR, "agenttrader-safety", KILL_SWITCH="false"),
        not_halted('"false"', f"{FLOOR}/agenttrader-safety")),
    way("the second carrier says nothing that can be read", lambda w: kubectl.set_data(
        w.floor.cluster, FLOOR, "agenttrader-safety", KILL_SWITCH="maybe"),
        not_halted('"maybe"', f"{FLOOR}/agenttrader-safety")),
    way("the copy of the switch beside execution-agent says 0", lambda w: kubectl.set_data(
        w.floor.cluster, AGENTS, SWITCH, EXECUTION_HALTED="0"),
        not_halted('"0"', f"{AGENTS}/{SWITCH}")),
)  # fmt: skip


# What services say


def says(path: str, **fields: Any) -> Act:
    def act(world: Guarded) -> None:
        world.floor.services.faults[path] = Lie(fields, 200)

    return act


REPORTS = (
    way("mission-control says that execution is not halted",
        says("/mission-control/api/v1/safety", kill_switch={"execution_halted": False, "source": "env"}),
        MISSION_CONTROL_SAYS_SO),
    way("mission-control's safety says neither true nor false",
        says("/mission-control/api/v1/safety", kill_switch={"execution_halted": "no"}),
        MISSION_CONTROL_SAYS_SO),
    way("a service says that it runs LIVE", says("/whale-strategy/ops/status", agent_mode="LIVE"),
        page("UnsafeSelfReport", 0, "LIVE", service="whale-strategy", ends="firing")),
    way("a service says that it runs execute", says("/strategy-engine/ops/status", agent_mode=" execute "),
        page("UnsafeSelfReport", 0, "execute", service="strategy-engine", ends="firing")),
    way("a service says that it is safe to execute orders",
        says("/strategy-engine/ops/status", safety={"safe_to_execute_orders": True}),
        page("UnsafeSelfReport", 0, "safe to execute orders", service="strategy-engine", ends="firing")),
    way("a service says that it runs in a mode nobody knows", says("/gamma-strategy/ops/status", agent_mode="TURBO"),
        page("UnlistedSelfReport", 1, "TURBO", service="gamma-strategy")),
)  # fmt: skip


# How execution workloads read it


def engine(*, volumes: list[JSON] | None = None, more: list[JSON] | None = None, **fields: Any) -> Act:
    """execution-engine's container is made of these fields."""
    settings = {"env": [*env(AGENT_MODE="OFF"), SWITCH_FILE], "volumeMounts": [MOUNT]} | fields
    one = container("execution-engine", ENGINE_IMAGE, **settings)
    spec = {"containers": [one, *(more or [])], "volumes": [VOLUME] if volumes is None else volumes}
    return patches("deploy", FLOOR, "execution-engine", {"spec": {"template": {"spec": spec}}})


def projecting(**source: Any) -> list[JSON]:
    return [{"name": "kill-switch", "configMap": {"name": SWITCH, **source}}]


BY_SUBPATH = {**MOUNT, "mountPath": SWITCH_FILE["value"], "subPath": "EXECUTION_HALTED"}
ELSEWHERE = {"name": "EXECUTION_HALTED_FILE", "value": "/tmp/halted"}
LITERAL = {"name": "EXECUTION_HALTED", "value": "1"}
FLAWS: dict[str, tuple[str, Act]] = {
    "does not mention the switch": ("neither mounts nor references",
        engine(env=env(AGENT_MODE="OFF"), volumeMounts=[])),
    "mounts the switch by subPath": ("subPath", engine(volumeMounts=[BY_SUBPATH])),
    "mounts the switch as optional": ("optional", engine(volumes=projecting(optional=True))),
    "overrides the switch with a literal": ("literal env EXECUTION_HALTED",
        engine(env=[*env(AGENT_MODE="OFF"), SWITCH_FILE, LITERAL])),
    "mounts the switch with items that leave its key out": ("items that leave out EXECUTION_HALTED",
        engine(volumes=projecting(items=[{"key": "note", "path": "note"}]))),
    "reads the switch from a file that nothing mounts": ("/tmp/halted",
        engine(env=[*env(AGENT_MODE="OFF"), ELSEWHERE])),
    "leaves the switch to its sidecar": ("container execution-engine",
        engine(env=env(AGENT_MODE="OFF"), volumeMounts=[],
               more=[container("proxy", volumeMounts=[MOUNT], env=[SWITCH_FILE])])),
    "references the switch as optional": ("optional", engine(volumeMounts=[], env=[
        *env(AGENT_MODE="OFF"), {"name": "EXECUTION_HALTED", "valueFrom": {"configMapKeyRef": {
            "name": SWITCH, "key": "EXECUTION_HALTED", "optional": True}}}])),
}  # fmt: skip
RUNS = scales("deploy", FLOOR, "execution-engine", 1)


def stripped_by_webhook(world: Guarded) -> None:
    """A mutating webhook takes the mounts from every Pod, and execution is scaled up."""

    def admitted(resource: Resource, object: Any) -> Any:
        if resource is not PODS:
            return object
        bare = [{**one, "volumeMounts": []} for one in object["spec"]["containers"]]
        return {**object, "spec": {**object["spec"], "containers": bare}}

    world.floor.cluster.admission.append(admitted)
    kubectl.scale(world.floor.cluster, "deploy", FLOOR, "execution-engine", 1)


WIRING = (
    *(way(f"execution at zero {name}", act, page("KillSwitchNotWired", 2, field, **ENGINE))
      for name, (field, act) in FLAWS.items()),
    *(way(f"execution that runs {name}", in_turn(act, RUNS),
          page("KillSwitchNotWired", 2, field, **ENGINE),
          page("KillSwitchNotWired", 0, field, ends="firing", **ENGINE),
          page("ExecutionWorkloadAboveZero", 0, "desired 1", ends="firing", **ENGINE), lasts=25.0)
      for name, (field, act) in FLAWS.items() if name.startswith(("does not", "mounts the switch by"))),
    way("execution whose Pod an admission webhook has robbed of the switch", stripped_by_webhook,
        page("KillSwitchNotWired", 2, "Pod execution-engine", **ENGINE),
        page("KillSwitchNotWired", 0, "Pod execution-engine", ends="firing", **ENGINE),
        page("ExecutionWorkloadAboveZero", 0, "desired 1", ends="firing", **ENGINE), lasts=25.0),
)  # fmt: skip

WAYS: tuple[Way, ...] = (*OFF, *BLIPS, *CARRIERS, *REPORTS, *WIRING)
