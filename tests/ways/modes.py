"""Ways to make a mode unsafe in a container, declared or running. domain.md §4.

They are gone by a Deployment ``pricing`` that trades nothing and says nothing of itself: AGENT_MODE counts anywhere.
"""

from __future__ import annotations

from typing import Any

from watchdog.simulator import kubectl
from watchdog.simulator.controller import settle
from watchdog.simulator.kubelet import add_ephemeral_container, restart_container
from watchdog.simulator.resources import PODS, Resource

from ..platform import Guarded
from .acts import creates, in_turn, patches, pods_of, scales, sets_env
from .manifests import (
    AGENTS,
    ENGINE_IMAGE,
    FLOOR,
    MOUNT,
    SWITCH_FILE,
    VOLUME,
    config_map,
    container,
    deployment,
    env,
    workload,
)
from .way import Act, Page, Way, nothing, page, way

JSON = dict[str, Any]
NAME = "pricing"
SETTINGS = "pricing-settings"


def there(world: Guarded, **fields: Any) -> None:
    """``pricing`` runs, and its ConfigMap is there."""
    settings = {"env": env(AGENT_MODE="OBSERVE")} | fields
    kubectl.create(world.floor.cluster, config_map(SETTINGS, mode="OBSERVE", AGENT_MODE="OBSERVE"))
    kubectl.create(world.floor.cluster, deployment(NAME, container(NAME, **settings)))
    settle(world.floor.cluster)


def is_there(**fields: Any) -> Any:
    return lambda world: there(world, **fields)


def pricing(*, pod: JSON | None = None, metadata: JSON | None = None, **fields: Any) -> Act:
    """Its container is made of these fields, and its Pods of ``pod``; the change rolls out."""
    spec = {"containers": [container(NAME, **fields)], **(pod or {})}
    template = {"spec": spec, **({"metadata": metadata} if metadata else {})}
    return patches("deploy", FLOOR, NAME, {"spec": {"template": template}})


def unsafe(
    says: str, variable: str = "AGENT_MODE", *, kind: str = "Deployment", name: str = NAME, container: str = NAME,
    namespace: str = FLOOR, ends: str = "firing",
) -> Page:  # fmt: skip
    where = {"namespace": namespace, "kind": kind, "workload": name, "container": container, "variable": variable}
    return page("ForbiddenAgentMode", 0, says, ends=ends, cause="breach", **where)


def unverifiable(says: str, variable: str = "AGENT_MODE", **more: str) -> Page:
    where = {"namespace": FLOOR, "kind": "Deployment", "workload": NAME, "container": NAME, **more}
    return page("ForbiddenAgentMode", 1, says, cause="unverifiable", variable=variable, **where)


def rolls(name: str, says: str, act: Act, container: str = NAME) -> Way:
    """A change of ``pricing`` that is declared, and then runs."""
    return way(name, act, unsafe(says, container=container), before=there)


def referring(variable: str = "AGENT_MODE", key: str = "mode", **more: Any) -> JSON:
    return {"name": variable, "valueFrom": {"configMapKeyRef": {"name": SETTINGS, "key": key, **more}}}


def sets_data(**data: str | None) -> Act:
    return lambda world: kubectl.set_data(world.floor.cluster, FLOOR, SETTINGS, **data)


def later(act: Act) -> Act:
    """When what runs has run for longer than the second in which it started: that is all that its status tells."""
    return in_turn(nothing, act, every=5.0)


def from_field(path: str) -> list[JSON]:
    return [{"name": "AGENT_MODE", "valueFrom": {"fieldRef": {"fieldPath": path}}}]


SPELLINGS = {"LIVE": "LIVE", "EXECUTE": "EXECUTE", "live in lower case": "live", "LIVE between blanks": " Live\n"}
ALL_OF_IT = [{"configMapRef": {"name": SETTINGS}}]
PREFIXED = [{"prefix": "AGENT_", "configMapRef": {"name": "prefixed"}}]

VALUES = (
    *(rolls(f"AGENT_MODE is {name}", text.strip(), sets_env("deploy", FLOOR, NAME, AGENT_MODE=text))
      for name, text in SPELLINGS.items()),
    rolls("AGENT_MODE twice, and the later one is LIVE", "LIVE",
          pricing(env=[*env(AGENT_MODE="OFF"), *env(AGENT_MODE="LIVE")])),
    rolls("AGENT_MODE by a variable that is expanded", "LIVE", pricing(env=env(WHICH="LIVE", AGENT_MODE="$(WHICH)"))),
    rolls("AGENT_MODE by a variable in pieces", "LIVE",
          pricing(env=env(A="LI", B="VE", AGENT_MODE="$(A)$(B)"))),
    rolls("AGENT_MODE from a label", "LIVE", pricing(
        env=from_field("metadata.labels['mode']"), metadata={"labels": {"mode": "LIVE"}})),
    rolls("AGENT_MODE from an annotation", "execute", pricing(
        env=from_field("metadata.annotations['x/mode']"), metadata={"annotations": {"x/mode": "execute"}})),
    way("AGENT_MODE from the name of a namespace", creates(
        workload("Pod", "tool", container("tool", env=from_field("metadata.namespace")), namespace="live")),
        unsafe("live", kind="Pod", name="tool", container="tool", namespace="live")),
    rolls("AGENT_MODE of an init container", "LIVE", pricing(env=env(AGENT_MODE="OFF"), pod={
        "initContainers": [container("first", env=env(AGENT_MODE="LIVE"))]}), "first"),
    rolls("AGENT_MODE of a native sidecar", "LIVE", pricing(env=env(AGENT_MODE="OFF"), pod={
        "initContainers": [container("proxy", restartPolicy="Always", env=env(AGENT_MODE="LIVE"))]}), "proxy"),
    rolls("AGENT_MODE of a second container", "LIVE", pricing(env=env(AGENT_MODE="OFF"), pod={"containers": [
        container(NAME, env=env(AGENT_MODE="OFF")), container("other", env=env(AGENT_MODE="LIVE"))]}), "other"),
)  # fmt: skip


def debugging(world: Guarded) -> None:
    (name,) = pods_of(world, FLOOR, NAME)
    add_ephemeral_container(world.floor.cluster, FLOOR, name, container("debugger", env=env(AGENT_MODE="LIVE")))


def by_webhook(world: Guarded) -> None:
    """From now on a mutating webhook sets AGENT_MODE in every Pod of ``pricing``; then one is made."""

    def admitted(resource: Resource, object: JSON) -> JSON:
        if resource is not PODS or not str(object["metadata"].get("generateName")).startswith(NAME):
            return object
        (one,) = object["spec"]["containers"]
        return {**object, "spec": {**object["spec"], "containers": [{**one, "env": env(AGENT_MODE="LIVE")}]}}

    world.floor.cluster.admission.append(admitted)
    (name,) = pods_of(world, FLOOR, NAME)
    kubectl.delete(world.floor.cluster, "pod", FLOOR, name)


async def restarted_between(world: Guarded) -> None:
    """LIVE in the ConfigMap, a container that restarts, and OBSERVE again: it runs LIVE on."""
    await world.at(5)
    kubectl.set_data(world.floor.cluster, FLOOR, SETTINGS, mode="LIVE")
    await world.at(10)
    (name,) = pods_of(world, FLOOR, NAME)
    restart_container(world.floor.cluster, FLOOR, name)
    await world.at(15)
    kubectl.set_data(world.floor.cluster, FLOOR, SETTINGS, mode="OBSERVE")


FROM_CONFIG_MAPS = (
    rolls("AGENT_MODE by a reference to a key", "LIVE", in_turn(sets_data(other="LIVE"), pricing(
        env=[referring(key="other")]))),
    rolls("AGENT_MODE by envFrom", "LIVE", in_turn(
        creates(config_map("bad", AGENT_MODE="LIVE")), pricing(envFrom=[{"configMapRef": {"name": "bad"}}]))),
    rolls("AGENT_MODE by envFrom with a prefix", "LIVE", in_turn(
        creates(config_map("prefixed", MODE="LIVE")), pricing(envFrom=PREFIXED))),
    rolls("AGENT_MODE by the later of two envFrom", "LIVE", in_turn(
        creates(config_map("bad", AGENT_MODE="LIVE")),
        pricing(envFrom=[*ALL_OF_IT, {"configMapRef": {"name": "bad"}}]))),
    way("a ConfigMap that is referenced is edited: the next Pod would run LIVE", later(sets_data(mode="LIVE")),
        unsafe("declared 'LIVE', running 'OBSERVE'"), before=is_there(env=[referring()])),
    way("a ConfigMap that envFrom takes is edited", later(sets_data(AGENT_MODE="EXECUTE")),
        unsafe("declared 'EXECUTE', running 'OBSERVE'"), before=is_there(env=[], envFrom=ALL_OF_IT)),
    way("an optional reference to a ConfigMap that then comes into being",
        creates(config_map("late", mode="LIVE")), unsafe("declared 'LIVE'"), before=is_there(env=[{
            "name": "AGENT_MODE", "valueFrom": {"configMapKeyRef": {"name": "late", "key": "mode", "optional": True}},
        }])),
    way("a ConfigMap says LIVE, a container restarts, and the ConfigMap is set back", restarted_between,
        unsafe("declared 'OBSERVE', running 'LIVE'"), before=is_there(env=[referring()]), lasts=20.0),
    way("a key that a container needs is removed: nobody can say what it would run", sets_data(mode=None),
        unverifiable("Missing"), before=is_there(env=[referring()]), lasts=20.0),
)  # fmt: skip

COMMANDS: dict[str, JSON] = {
    "env in the command": {"command": ["env", "AGENT_MODE=LIVE", "python", "-m", "pricing"]},
    "a shell that exports it": {"command": ["sh", "-c", "export AGENT_MODE=LIVE; exec python -m pricing"]},
    "a shell that sets it for one command": {"command": ["bash", "-ec"], "args": ["AGENT_MODE=live python -m pricing"]},
    "a flag": {"args": ["--agent-mode=live"]},
    "a flag and a word": {"args": ["--agent-mode", "LIVE"]},
    "an argument that a variable fills": {"args": ["--agent-mode=$(WHICH)"]},
}  # fmt: skip

RUNNING = (
    *(rolls(f"AGENT_MODE by {name}", "live" if "live" in str(fields) else "LIVE", pricing(
        env=env(AGENT_MODE="OFF", WHICH="LIVE"), **fields)) for name, fields in COMMANDS.items()),
    way("AGENT_MODE of an ephemeral container", debugging, unsafe("LIVE", container="debugger"), before=there),
    way("an admission webhook makes Pods LIVE, and the template says OBSERVE", by_webhook,
        unsafe("declared 'OBSERVE', running 'LIVE'"), before=there, lasts=12.0),
    way("AGENT_MODE is LIVE for a moment", in_turn(
        sets_env("deploy", FLOOR, NAME, AGENT_MODE="LIVE"), sets_env("deploy", FLOOR, NAME, AGENT_MODE="OBSERVE")),
        unsafe("LIVE", ends="latched"), before=there),
)  # fmt: skip

KINDS = (
    *(way(f"AGENT_MODE of a {kind} in a namespace that nobody listed", creates(workload(
        kind, "tool", container("tool", env=env(AGENT_MODE="LIVE")), namespace="sandbox")),
        unsafe("LIVE", kind=kind, name="tool", container="tool", namespace="sandbox"))
      for kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job", "Pod")),
    way("AGENT_MODE of a CronJob that is suspended", creates(workload(
        "CronJob", "tool", container("tool", env=env(AGENT_MODE="LIVE")), schedule="0 3 * * *", suspend=True)),
        unsafe("LIVE", kind="CronJob", name="tool", container="tool")),
)  # fmt: skip

OTHERS = {"TRADING_MODE": "live", "EXECUTION_AGENT_ENABLED": "true", "BROKER_EXECUTION_ENABLED": "Yes",
          "EXECUTION_HALTED": "0", "EXEC_KILL_SWITCH": "false"}  # fmt: skip
ON_THE_AGENT = {"kind": "Deployment", "name": "execution-agent", "container": "execution-agent", "namespace": AGENTS}
ON_THE_ENGINE = {"kind": "Deployment", "name": "execution-engine", "container": "execution-engine"}

VARIABLES = (
    *(way(f"{name} is {value}", sets_env("deploy", FLOOR, NAME, **{name: value}),
          unsafe(f"{name} is UNSAFE", name), before=there) for name, value in OTHERS.items()),
    way("EXECUTION_AGENT_ENABLED is 1 on execution at zero",
        sets_env("deploy", AGENTS, "execution-agent", EXECUTION_AGENT_ENABLED="1"),
        unsafe("declared '1'", "EXECUTION_AGENT_ENABLED", **ON_THE_AGENT)),
    way("EXEC_DRY_RUN is 0 on execution at zero",
        sets_env("deploy", FLOOR, "execution-engine", EXEC_DRY_RUN="0"),
        unsafe("declared '0'", "EXEC_DRY_RUN", **ON_THE_ENGINE)),
    way("EXEC_DRY_RUN is no on execution at zero",
        sets_env("deploy", FLOOR, "execution-engine", EXEC_DRY_RUN="no"),
        unsafe("declared 'no'", "EXEC_DRY_RUN", **ON_THE_ENGINE)),
    way("AGENT_MODE is LIVE on execution at zero",
        sets_env("deploy", FLOOR, "execution-engine", AGENT_MODE="LIVE"),
        unsafe("declared 'LIVE'", **ON_THE_ENGINE)),
    way("a strategy that says of itself how it runs is set to LIVE",
        sets_env("sts", FLOOR, "gamma-strategy", AGENT_MODE="LIVE"),
        unsafe("LIVE", kind="StatefulSet", name="gamma-strategy", container="gamma-strategy-container"),
        page("UnsafeSelfReport", 0, "LIVE", service="gamma-strategy"), lasts=15.0),
)  # fmt: skip


# What cannot be verified


def secret(variable: str = "AGENT_MODE") -> list[JSON]:
    return [{"name": variable, "valueFrom": {"secretKeyRef": {"name": "settings", "key": "mode"}}}]


def engine(**fields: Any) -> Act:
    one = container("execution-engine", ENGINE_IMAGE, volumeMounts=[MOUNT], **fields)
    return patches("deploy", FLOOR, "execution-engine", {
        "spec": {"template": {"spec": {"containers": [one], "volumes": [VOLUME]}}}})  # fmt: skip


RUNS = page("ExecutionWorkloadAboveZero", 0, "desired 1", namespace=FLOOR, workload="execution-engine")
UNSTATED = {"namespace": FLOOR, "workload": "execution-engine", "container": "execution-engine"}
FROM_A_SECRET = [{"secretRef": {"name": "settings"}}]

UNVERIFIABLE = (
    way("AGENT_MODE from a key of a Secret", pricing(env=secret()), unverifiable("Secret settings"),
        before=there, lasts=20.0),
    way("TRADING_MODE from a key of a Secret", pricing(env=secret("TRADING_MODE")),
        unverifiable("Secret settings", "TRADING_MODE"), before=there, lasts=20.0),
    way("AGENT_MODE by a flag that a Secret fills", pricing(env=secret("WHICH"), args=["--agent-mode=$(WHICH)"]),
        unverifiable("Secret settings"), before=there, lasts=20.0),
    way("execution that runs and takes all of a Secret", in_turn(
        engine(env=[*env(AGENT_MODE="OFF"), SWITCH_FILE], envFrom=FROM_A_SECRET),
        scales("deploy", FLOOR, "execution-engine", 1)), RUNS,
        page("CoverageGap", 1, "FromSecret", area="secret", what="Deployment trading-floor/execution-engine"),
        lasts=20.0),
    way("a mode that nobody knows", sets_env("deploy", FLOOR, NAME, AGENT_MODE="TURBO"),
        page("UnlistedAgentMode", 1, "TURBO", namespace=FLOOR, workload=NAME, container=NAME, variable="AGENT_MODE"),
        before=there),
    way("a mode that a variable which is not there should fill", pricing(env=env(AGENT_MODE="$(NOT_SET)")),
        page("UnlistedAgentMode", 1, "$(NOT_SET)", namespace=FLOOR, workload=NAME, container=NAME), before=there),
    way("a mode that looks like an expansion and is none", pricing(env=env(WHICH="LIVE", AGENT_MODE="$$(WHICH)")),
        page("UnlistedAgentMode", 1, "$(WHICH)", namespace=FLOOR, workload=NAME, container=NAME), before=there),
    way("execution at zero that states no mode", sets_env("deploy", FLOOR, "execution-engine", AGENT_MODE=None),
        page("AgentModeNotStated", 2, "AGENT_MODE", **UNSTATED)),
    way("execution that runs and states no mode", in_turn(
        sets_env("deploy", FLOOR, "execution-engine", AGENT_MODE=None),
        scales("deploy", FLOOR, "execution-engine", 1)), RUNS,
        page("AgentModeNotStated", 2, "AGENT_MODE", **UNSTATED),
        page("AgentModeNotStated", 1, "AGENT_MODE", **UNSTATED), lasts=20.0),
    way("execution at zero with an empty mode", sets_env("deploy", FLOOR, "execution-engine", AGENT_MODE=" "),
        page("AgentModeNotStated", 2, "AGENT_MODE", **UNSTATED)),
)  # fmt: skip

WAYS: tuple[Way, ...] = (*VALUES, *FROM_CONFIG_MAPS, *RUNNING, *KINDS, *VARIABLES, *UNVERIFIABLE)
