"""Ways to hide from the watchdog: to blind it, to mislead it about time, to take away what it would look at.

domain.md §1 and §2: what cannot be seen is unknown, and unknown is never fine.
"""

from __future__ import annotations

from typing import Any

from watchdog.simulator import kubectl
from watchdog.simulator.controller import settle
from watchdog.simulator.faults import Down, Fault, Hang, Html, Refuse

from ..platform import Guarded
from .acts import creates, deletes, in_turn, pods_of, scales, the_agent, the_switch
from .manifests import AGENTS, COMPONENT, FLOOR, deployment
from .switches import SWITCH, not_halted
from .way import Act, Page, Way, nothing, page, way
from .workloads import ABOVE, AGENT_RUNS, above

JSON = dict[str, Any]
LABEL = {COMPONENT: "execution-agent"}
BLIND = page("SourceUnavailable", 1, "blind", source="kubernetes")
UNVERIFIABLE = page("ExecutionUnverifiable", 0, "Neither", ends="firing")
PODS, CONFIG_MAPS = "/api/v1/pods", "/api/v1/configmaps"


def faults(*those: Fault) -> Act:
    return lambda world: world.floor.server.faults.inject(*those)


def everywhere(kind: type[Any], plural: str, group: str = "/api/v1", **more: Any) -> tuple[Fault, ...]:
    """In the whole cluster and in each namespace."""
    paths = [f"{group}/{plural}", *(f"{group}/namespaces/{one}/{plural}" for one in (FLOOR, AGENTS))]
    return tuple(kind(path=path, **more) for path in paths)


def blinded(says: str) -> Page:
    return page("SourceUnavailable", 1, says, source="kubernetes", ends="firing")


def revoked(resource: str) -> Act:
    """``kubectl edit clusterrole``: one kind less."""

    def act(world: Guarded) -> None:
        rules = kubectl.get(world.floor.cluster, "clusterrole", "", "watchdog-reader").object["rules"]
        rules = [{**rule, "resources": [r for r in rule["resources"] if r != resource]} for rule in rules]
        kubectl.patch(world.floor.cluster, "clusterrole", "", "watchdog-reader", {"rules": rules})

    return act


def missing(says: str) -> tuple[Page, ...]:
    """In the whole cluster, and where it is read directly."""
    where = ("[*]", FLOOR, AGENTS)
    return tuple(page("PermissionMissing", 1, says, source="kubernetes", namespace=one) for one in where)


async def restored(world: Guarded) -> None:
    """etcd is restored from a backup: what the watchdog holds is from the future. Then the switch is flipped."""
    backup = world.floor.cluster.backup()
    for value in "abc":
        kubectl.set_data(world.floor.cluster, FLOOR, "agenttrader-heartbeat-ops-cron", last_seen=value)
    await world.at(3)
    world.floor.server.outages.restore(backup)
    await world.at(6)
    kubectl.set_data(world.floor.cluster, FLOOR, SWITCH, EXECUTION_HALTED="0")
    kubectl.set_data(world.floor.cluster, FLOOR, SWITCH, EXECUTION_HALTED="1")


async def unseen(world: Guarded) -> None:
    """The server is away, somebody flips the switch and back, etcd is compacted and the server starts anew."""
    world.floor.server.faults.inject(Down())
    await world.at(2)
    the_switch(EXECUTION_HALTED="0")(world)
    the_switch(EXECUTION_HALTED="1")(world)
    await world.at(4)
    world.floor.cluster.forget_history()
    world.floor.server.faults.clear()


async def seen_later(world: Guarded) -> None:
    """The server is away for a while, and still has the history when it is back."""
    world.floor.server.faults.inject(Down())
    await world.at(2)
    scales("deploy", AGENTS, "execution-agent", 1)(world)
    scales("deploy", AGENTS, "execution-agent", 0)(world)
    await world.at(4)
    world.floor.server.faults.clear()


def relabelled(world: Guarded) -> None:
    """A copy that only its label gave away runs on without it."""
    change = {"metadata": {"labels": {COMPONENT: None}}}
    kubectl.patch(world.floor.cluster, "deploy", FLOOR, "helper", change)


async def unlabelled_while_it_runs(world: Guarded) -> None:
    kubectl.create(world.floor.cluster, deployment("helper", labels=LABEL))
    await world.at(4)
    relabelled(world)


def still_up(world: Guarded) -> None:
    the_agent(world)
    settle(world.floor.cluster)
    (name,) = pods_of(world, AGENTS, "execution-agent")
    kubectl.patch(world.floor.cluster, "pod", AGENTS, name, {"metadata": {"finalizers": ["example.com/slow"]}})
    scales("deploy", AGENTS, "execution-agent", 0)(world)


async def breach_and_then_dark(world: Guarded) -> None:
    the_agent(world)
    await world.at(5)
    world.floor.server.faults.inject(Down())


WAYS: tuple[Way, ...] = (
    way("execution ran before the watchdog started", nothing, AGENT_RUNS, before=the_agent),
    way("execution was up and down before the watchdog started, and its Pod still runs", nothing,
        above("execution-agent", namespace=AGENTS, says="", ends="*"), before=still_up),
    way("the API server is away for five minutes", faults(Down()), BLIND, UNVERIFIABLE, lasts=310.0),
    way("the API server is frozen", faults(Hang()), BLIND, UNVERIFIABLE, lasts=310.0),
    way("the API server refuses everybody", faults(Refuse(status=401, reason="Unauthorized")), BLIND, UNVERIFIABLE,
        lasts=310.0),
    way("a portal answers instead of the API server", faults(Html()), BLIND, UNVERIFIABLE, lasts=310.0),
    way("the API server goes away while execution runs", breach_and_then_dark, AGENT_RUNS, BLIND,
        page("ExecutionUnverifiableAfterBreach", 0, "UNSAFE", ends="firing"), lasts=30.0),
    way("the right to read Pods is revoked", revoked("pods"), BLIND, *missing("pods"), lasts=80.0),
    way("the right to read ConfigMaps is revoked", revoked("configmaps"), BLIND, *missing("configmaps"), lasts=80.0),
    way("the right to read Deployments is revoked", revoked("deployments"), BLIND, *missing("deployments"), lasts=80.0),
    way("every right is revoked", deletes("clusterrolebinding", "", "watchdog-reader"), BLIND, UNVERIFIABLE,
        *missing("missing"), lasts=320.0),
    way("every WATCH is mute, and the switch is flipped", in_turn(
        faults(Hang(verbs=("watch",))), the_switch(EXECUTION_HALTED="0")), not_halted('"0"'), lasts=4.0),
    way("every WATCH is mute, and a named workload is scaled", in_turn(
        faults(Hang(verbs=("watch",))), the_agent), AGENT_RUNS, lasts=4.0),
    way("every WATCH is mute for longer than a bookmark takes", faults(Hang(verbs=("watch",))), BLIND, lasts=120.0),
    way("only the WATCH of Pods is mute", faults(*everywhere(Hang, "pods", verbs=("watch",))), BLIND, lasts=120.0),
    way("etcd is restored from a backup, and then the switch is flipped and back", restored,
        not_halted('"0"', ends="latched"), lasts=15.0),
    way("execution is up and down while the API server is away, and it remembers", seen_later,
        above("execution-agent", namespace=AGENTS, ends="latched"), lasts=15.0),
    way("the switch is flipped and back while the API server is away, and it forgets", unseen,
        page("UnseenWrite", 1, "may have been written", namespace=FLOOR, kind="ConfigMap", name=SWITCH, ends="firing"),
        lasts=15.0),
    way("the namespace of the switch is deleted", deletes("ns", "", FLOOR),
        not_halted("does not exist"), lasts=4.0),
    way("a copy's label is taken off while it runs", unlabelled_while_it_runs,
        above("helper", ends="latched")),
    way("a copy with its own CRD-free name in a namespace that is then deleted", in_turn(
        creates(deployment("helper", namespace="sandbox", template_labels=LABEL)),
        deletes("ns", "", "sandbox")), page(ABOVE, 0, "", namespace="sandbox", kind="Deployment", workload="helper")),
)  # fmt: skip
