"""Random operations on the trading floor, with faults between them, against an oracle that reads domain.md and the
cluster's committed history, and knows nothing of the code.

The seeds are fixed, so a failure comes again; `run(seed)` replays one, and its `story` tells what happened when.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

import pytest

from watchdog.core.assessment import Assessment
from watchdog.core.facts import KillSwitch, Mode, Safety, Watchdog, Workload
from watchdog.core.notice import labels_of
from watchdog.simulator import kubectl
from watchdog.simulator.cluster import Cluster
from watchdog.simulator.errors import ApiError
from watchdog.simulator.faults import Down, Fault, HalfLine, Hang, Html, Refuse
from watchdog.simulator.history import Record
from watchdog.simulator.resources import CONFIG_MAPS, DEPLOYMENTS, PODS, REPLICA_SETS, STATEFUL_SETS

from .platform import Guarded, cluster_alone, guarded

JSON = dict[str, Any]
FLOOR, AGENTS = "trading-floor", "agenttrader"
NAMED = ((AGENTS, "execution-agent"), (FLOOR, "execution-engine"))
RECOVERY = 4.0
"""Seconds after the last fault within which every stream looks again: 2 s of backoff, a poll, and some room."""
BOUND = 3.0
"""domain.md §2 and the poll_interval of 1 s: what lasts longer than this is paged although no WATCH tells of it."""


class Key(NamedTuple):
    """What is paged: a rule, and where."""

    rule: str
    where: tuple[str, ...]


# The oracle: what is unsafe now, by domain.md §3-5


TRUTHY = ("1", "true", "yes", "on")


def is_truthy(text: str) -> bool:
    return text.strip().lower() in TRUTHY


UNSAFE: dict[str, Callable[[str], bool]] = {
    "AGENT_MODE": lambda text: text.strip().upper() in ("EXECUTE", "LIVE"),
    "TRADING_MODE": lambda text: text.strip().lower() == "live",
    "EXECUTION_AGENT_ENABLED": is_truthy,
    "BROKER_EXECUTION_ENABLED": is_truthy,
    "EXECUTION_HALTED": lambda text: not is_truthy(text),
}


def unsafe_now(cluster: Cluster) -> Iterator[Key]:
    yield from _unsafe_switches(cluster)
    pods = [r.object for r in cluster.records(PODS) if _phase(r.object) not in ("Succeeded", "Failed")]
    workloads = [record.object for kind in (DEPLOYMENTS, STATEFUL_SETS) for record in cluster.records(kind)]
    sets = [record.object for record in cluster.records(REPLICA_SETS)]
    left = [one for one in sets if not _speaks_for(cluster.find(DEPLOYMENTS, *_made_by(one)), one)]
    for workload in [*workloads, *left]:
        yield from _unsafe_workload(cluster, workload, [pod for pod in pods if _selects(workload, pod)])
    for pod in pods:
        yield from _unsafe_pod(cluster, pod, [workload for workload in [*workloads, *sets] if _selects(workload, pod)])


def _speaks_for(deployment: Record | None, made: JSON) -> bool:
    """One that is gone speaks for no ReplicaSet, nor does one that does not execute for one that does."""
    return deployment is not None and (_is_execution(deployment.object) or not _is_execution(made))


def _made_by(object_: JSON) -> tuple[str, str]:
    """Namespace and name of the Deployment behind a ReplicaSet or a Pod of one; '' where there was none."""
    owner = next(iter(object_["metadata"].get("ownerReferences") or ()), {"kind": "", "name": ""})
    name = {"Deployment": owner["name"], "ReplicaSet": owner["name"].rpartition("-")[0]}.get(owner["kind"], "")
    return object_["metadata"]["namespace"], name


def _told_as(cluster: Cluster, object_: JSON) -> tuple[str, ...]:
    """What is left of a Deployment that is gone is told as that Deployment."""
    namespace, name = _made_by(object_)
    gone = name and not cluster.find(DEPLOYMENTS, namespace, name)
    return (namespace, "Deployment", name) if gone else _where(object_)


def _unsafe_switches(cluster: Cluster) -> Iterator[Key]:
    switches = [("agenttrader-kill-switch", "EXECUTION_HALTED", True), ("agenttrader-safety", "KILL_SWITCH", False)]
    for name, key, required in switches:
        found = cluster.find(CONFIG_MAPS, FLOOR, name)
        text = ((found.object.get("data") if found else None) or {}).get(key)
        if not is_truthy(text.partition("\n")[0]) if text is not None else required:
            yield Key("KillSwitchNotHalted", (f"{FLOOR}/{name}",))


def _unsafe_workload(cluster: Cluster, workload: JSON, pods: list[JSON]) -> Iterator[Key]:
    where, template = _told_as(cluster, workload), workload["spec"]["template"]
    if _is_execution(workload) and (workload["spec"].get("replicas", 1) or _reported(workload) or pods):
        yield Key("ExecutionWorkloadAboveZero", where)
    for spec in [template["spec"], *(pod["spec"] for pod in pods)]:
        yield from _unsafe_modes(cluster, where, spec)


def _unsafe_pod(cluster: Cluster, pod: JSON, owners: list[JSON]) -> Iterator[Key]:
    if _is_execution(pod) and not any(map(_is_execution, owners)):
        yield Key("ExecutionWorkloadAboveZero", _told_as(cluster, pod))
    if not owners:
        yield from _unsafe_modes(cluster, _told_as(cluster, pod), pod["spec"])


def _unsafe_modes(cluster: Cluster, where: tuple[str, ...], spec: JSON) -> Iterator[Key]:
    for container in spec["containers"]:
        for name, value in _environment(cluster, where[0], container).items():
            if name in UNSAFE and UNSAFE[name](value):
                yield Key("ForbiddenAgentMode", (*where, name))


def _environment(cluster: Cluster, namespace: str, container: JSON) -> dict[str, str]:
    """Without what comes from the kill switch, which is a finding of the switch's own."""

    def data(name: str) -> dict[str, str]:
        found = cluster.find(CONFIG_MAPS, namespace, name)
        return (found.object.get("data") if found else None) or {}

    values: dict[str, str] = {}
    for bulk in container.get("envFrom") or ():
        values |= data(bulk["configMapRef"]["name"])
    for entry in container.get("env") or ():
        reference = (entry.get("valueFrom") or {}).get("configMapKeyRef")
        if "valueFrom" not in entry or entry.get("value"):
            values[entry["name"]] = entry.get("value", "")
        elif reference and reference["name"] != "agenttrader-kill-switch":
            found = data(reference["name"])
            if reference["key"] in found:
                values[entry["name"]] = found[reference["key"]]
    return values


def _where(object_: JSON) -> tuple[str, ...]:
    return object_["metadata"]["namespace"], object_["kind"], object_["metadata"]["name"]


def _phase(pod: JSON) -> str:
    return str((pod.get("status") or {}).get("phase"))


def _reported(workload: JSON) -> int:
    return int((workload.get("status") or {}).get("replicas", 0))


def _selects(workload: JSON, pod: JSON) -> bool:
    wanted, labels = workload["spec"]["selector"]["matchLabels"], pod["metadata"].get("labels") or {}
    return bool(_where(workload)[0] == _where(pod)[0] and wanted.items() <= labels.items())


def _is_execution(object_: JSON) -> bool:
    namespace, kind, name = _where(object_)
    template = object_ if kind == "Pod" else object_["spec"]["template"]
    labels = [(one["metadata"].get("labels") or {}).get("app.kubernetes.io/component") for one in (object_, template)]
    images = [c["image"].rpartition("/")[2].partition(":")[0] for c in template["spec"]["containers"]]
    owners = [owner["name"] for owner in object_["metadata"].get("ownerReferences") or ()]
    named = kind == "Deployment" and (namespace, name) in NAMED
    owned = any(namespace == ns and n in (owner, owner.rpartition("-")[0]) for owner in owners for ns, n in NAMED)
    return named or owned or "execution-agent" in labels or bool({*images} & {"execution-agent", "execution-engine"})


# What happened


@dataclass
class Span:
    """From when to when something was so (virtual seconds; still so: infinity)."""

    began: float
    ended: float = float("inf")


@dataclass
class Witness:
    """Notes every commit of the cluster, every fault and every edge of the daemon."""

    world: Guarded
    unsafe: dict[Key, list[Span]] = field(default_factory=dict)
    firing: dict[Key, list[Span]] = field(default_factory=dict)
    faults: list[tuple[Fault, Span]] = field(default_factory=list)
    edges: list[tuple[float, str, Any]] = field(default_factory=list)
    story: list[str] = field(default_factory=list)
    turns: tuple[float, int] = (0.0, 0)  # at this instant, so many

    def __post_init__(self) -> None:
        for resource in (CONFIG_MAPS, DEPLOYMENTS, REPLICA_SETS, STATEFUL_SETS, PODS):
            self.world.floor.cluster.subscribe(resource, self.look, limit=1_000_000)
        self.world.daemon.on_turn = self.turned
        self.look()

    @property
    def now(self) -> float:
        return self.world.clock.now().mono

    def look(self) -> None:
        _now_is(self.unsafe, set(unsafe_now(self.world.floor.cluster)), self.now)

    def turned(self, assessment: Assessment) -> None:
        self.turns = (self.now, self.turns[1] + 1 if self.turns[0] == self.now else 1)
        assert self.turns[1] < 1_000, "it turns for ever while no time passes"
        self._no_claim_against_what_was_seen(assessment)
        for edge in assessment.edges:
            kind = str(edge.kind)
            self.edges.append((self.now, kind, edge.alert))
            key, firing = _key(edge.alert), kind in ("fired", "refired", "rose")
            spans = self.firing.setdefault(key, [])
            if firing and (not spans or spans[-1].ended < float("inf")):
                spans.append(Span(self.now))
            elif kind in ("latched", "resolved") and spans:
                spans[-1].ended = self.now

    def _no_claim_against_what_was_seen(self, assessment: Assessment) -> None:
        safety = assessment.posture.globally("safety")
        if isinstance(safety, Safety) and safety.at_zero is True:
            facts = [known.fact for known in assessment.posture.facts.values()]
            above = [
                f for f in facts if isinstance(f, Workload) and f.execution and (f.desired or f.reported or f.live)
            ]
            assert not above, (safety, above, self.story)

    def inject(self, fault: Fault) -> None:
        self.faults.append((fault, Span(self.now)))
        self.story.append(f"{self.now:.2f} {fault}")
        self.world.floor.server.faults.inject(fault)

    def clear(self) -> None:
        for _, span in self.faults:
            span.ended = min(span.ended, self.now)
        self.story.append(f"{self.now:.2f} no fault")
        self.world.floor.server.faults.clear()

    def undisturbed(self, began: float, ended: float, *paths: str) -> bool:
        """No fault (of the direct reads of ``paths``, if any are named) in that time."""
        met = (s for f, s in self.faults if not paths or any(f.meets(v, p) for p in paths for v in ("get", "list")))
        return not any(span.began <= ended and began <= span.ended for span in met)

    def fires_within(self, key: Key, began: float, ended: float) -> bool:
        return any(span.began <= ended and began <= span.ended for span in self.firing.get(key, ()))


def _now_is(spans: dict[Key, list[Span]], keys: set[Key], now: float) -> None:
    for key in sorted(keys):
        known = spans.setdefault(key, [])
        if not known or known[-1].ended < float("inf"):
            known.append(Span(now))
    for key, known in spans.items():
        if key not in keys and known[-1].ended == float("inf"):
            known[-1].ended = now


def _key(alert: Any) -> Key:
    labels = dict(alert.identity.subject.labels)
    names = {"kill_switch": ("location",), "mode": ("namespace", "kind", "workload", "variable")}
    asked = names.get(alert.identity.subject.kind, ("namespace", "kind", "workload"))
    rule = alert.identity.rule if str(alert.identity.cause) == "breach" else f"{alert.identity.rule} unverifiable"
    return Key(rule, tuple(labels[name] for name in asked if name in labels))


# What is done


IMAGE = "registry.example/trader/{}:1"
VALUES = ("0", "1", "", " TRUE ", "off", "yes\n0", "0\n1", "nonsense", None)
MODES = ("LIVE", " execute ", "PAPER", "EVAL", "OFF", "WEIRD", "")


def deployment(name: str, image: str, replicas: int, **container: Any) -> JSON:
    spec = {"containers": [{"name": "main", "image": IMAGE.format(image), **container}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": FLOOR},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": spec},
        },
    }


def config_map(name: str, **data: str) -> JSON:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": FLOOR}, "data": data}


def pod(name: str, image: str, mode: str) -> JSON:
    container = {"name": "main", "image": IMAGE.format(image), "env": [{"name": "AGENT_MODE", "value": mode}]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": FLOOR},
        "spec": {"containers": [container]},
    }


def furnished(world: Guarded) -> None:
    """Two workloads whose modes come from a ConfigMap, as a whole and by key."""
    by_key = {"name": "AGENT_MODE", "valueFrom": {"configMapKeyRef": {"name": "modes", "key": "AGENT_MODE"}}}
    kubectl.create(
        world.floor.cluster,
        config_map("modes", AGENT_MODE="EVAL"),
        deployment("bulk", "reader", 1, envFrom=[{"configMapRef": {"name": "modes"}}]),
        deployment("by-key", "reader", 1, env=[by_key]),
    )


def operations(random: Random, cluster: Cluster) -> list[Callable[[], object]]:
    """One of each kind, its details drawn. The same object may be changed twice at once: a flip and back."""
    value, mode, number = random.choice(VALUES), random.choice(MODES), random.choice((0, 0, 1, 2))
    namespace, named = random.choice(NAMED)
    strategy, variable = random.choice(("gamma-strategy", "whale-strategy")), random.choice([*UNSAFE])
    text = {"AGENT_MODE": mode, "TRADING_MODE": random.choice(("live", "paper"))}.get(variable, random.choice("01"))
    one_pod = random.choice([record.name for record in cluster.records(PODS, FLOOR)] or ["none"])
    component = {"app.kubernetes.io/component": random.choice(("execution-agent", None))}
    image = {"name": "main", "image": IMAGE.format(random.choice(("execution-engine", "reader")))}
    switch, safety = "agenttrader-kill-switch", "agenttrader-safety"

    def flip(*values: str | None) -> None:
        for one in values:
            kubectl.set_data(cluster, FLOOR, switch, EXECUTION_HALTED=one)

    def scale(*numbers: int) -> None:
        for one in numbers:
            kubectl.scale(cluster, "deploy", namespace, named, one)

    def of_template(change: JSON) -> JSON:
        old = kubectl.get(cluster, "deploy", FLOOR, "bulk").object["spec"]["template"]["spec"]["containers"][0]
        return {"spec": {"template": {"spec": {"containers": [{**old, **change}]}}}}

    return [
        lambda: flip(value),
        lambda: flip("0", "1"),
        lambda: flip("1"),
        lambda: kubectl.delete(cluster, "configmap", FLOOR, switch),
        lambda: kubectl.create(cluster, config_map(switch, EXECUTION_HALTED=value or "1")),
        lambda: kubectl.set_data(cluster, FLOOR, safety, KILL_SWITCH=value),
        lambda: scale(number),
        lambda: scale(1, 0),
        lambda: kubectl.scale(cluster, "sts", FLOOR, strategy, number),
        lambda: kubectl.set_env(cluster, "sts", FLOOR, strategy, **{variable: text}),
        lambda: kubectl.set_env(cluster, "deploy", namespace, named, **{variable: text}),
        lambda: kubectl.set_data(cluster, FLOOR, "modes", AGENT_MODE=mode),
        lambda: kubectl.delete(cluster, "configmap", FLOOR, "modes"),
        lambda: kubectl.create(cluster, config_map("modes", AGENT_MODE=mode)),
        lambda: kubectl.patch(cluster, "deploy", FLOOR, "agenttrader-ops-ui", {"metadata": {"labels": component}}),
        lambda: kubectl.patch(cluster, "deploy", FLOOR, "bulk", of_template(image)),
        lambda: kubectl.create(cluster, deployment("copy", "execution-agent", number)),
        lambda: kubectl.delete(cluster, "deploy", FLOOR, random.choice(("copy", "by-key"))),
        lambda: kubectl.delete(cluster, "pod", FLOOR, one_pod, force=random.random() < 0.5),
        lambda: kubectl.create(cluster, pod("bare", random.choice(("execution-engine", "reader")), mode)),
        lambda: kubectl.delete(cluster, "pod", FLOOR, "bare", force=True),
    ]


PATHS = (
    "/",
    "/",
    "/api/v1/configmaps",
    "/api/v1/pods",
    "/apis/apps/v1/deployments",
    "/apis/apps/v1/statefulsets",
    f"/api/v1/namespaces/{FLOOR}/configmaps/agenttrader-kill-switch",
    f"/apis/apps/v1/namespaces/{AGENTS}",
)


def fault(random: Random) -> Fault:
    kind = random.choice((Down, Hang, Refuse, HalfLine, Html))
    return kind(path=random.choice(PATHS))


async def act(witness: Witness, random: Random, steps: int) -> None:
    cluster = witness.world.floor.cluster
    for _ in range(steps):
        chance = random.random()
        if chance < 0.12:
            witness.inject(fault(random))
        elif chance < 0.24:
            witness.clear()
        elif chance < 0.27:
            witness.story.append(f"{witness.now:.2f} the history is forgotten")
            cluster.forget_history()
        elif chance < 0.30:
            await _cut(witness)
        else:
            number, operation = random.choice([*enumerate(operations(random, cluster))])
            witness.story.append(f"{witness.now:.2f} operation {number}, revision {cluster.revision}")
            _done(operation)
        await asyncio.sleep(random.choice((0.05, 0.3, 1.0, 1.0, 4.0, 9.0, 20.0)))


async def _cut(witness: Witness) -> None:
    witness.inject(Down(verbs=("watch",)))
    await asyncio.sleep(0.05)
    witness.clear()


def _done(operation: Callable[[], object]) -> None:
    with suppress(ApiError):  # it is already so, or there is no such object
        operation()


async def made_safe(witness: Witness) -> None:
    cluster = witness.world.floor.cluster
    _done(lambda: kubectl.create(cluster, config_map("agenttrader-kill-switch")))
    _done(lambda: kubectl.create(cluster, config_map("modes")))
    kubectl.set_data(cluster, FLOOR, "agenttrader-kill-switch", EXECUTION_HALTED="1")
    kubectl.set_data(cluster, FLOOR, "agenttrader-safety", KILL_SWITCH="true")
    kubectl.set_data(cluster, FLOOR, "modes", AGENT_MODE="EVAL")
    for name in ("copy", "bulk"):
        _done(lambda name=name: kubectl.delete(cluster, "deploy", FLOOR, name))  # type: ignore[misc]
    _done(lambda: kubectl.delete(cluster, "pod", FLOOR, "bare", force=True))
    kubectl.patch(
        cluster, "deploy", FLOOR, "agenttrader-ops-ui", {"metadata": {"labels": {"app.kubernetes.io/component": None}}}
    )
    safe = {"AGENT_MODE": "OFF", "TRADING_MODE": "paper", "EXECUTION_HALTED": "1"}
    safe |= {"EXECUTION_AGENT_ENABLED": "0", "BROKER_EXECUTION_ENABLED": "0"}
    for namespace, name in NAMED:
        kubectl.scale(cluster, "deploy", namespace, name, 0)
        kubectl.set_env(cluster, "deploy", namespace, name, **safe)
    for name in ("gamma-strategy", "whale-strategy"):
        kubectl.set_env(cluster, "sts", FLOOR, name, **safe)


def run(seed: int, steps: int = 45) -> Witness:
    async def play(world: Guarded) -> Witness:
        witness = Witness(world)
        await asyncio.sleep(1)
        await act(witness, Random(seed), steps)
        witness.clear()
        if seed % 3 == 0:
            witness.inject(Down())
            await asyncio.sleep(310)
            witness.clear()
        await asyncio.sleep(RECOVERY)
        check_truth(witness)
        await made_safe(witness)
        await asyncio.sleep(60)
        check_truth(witness)
        assert not set(unsafe_now(world.floor.cluster)), "the floor was not made safe"
        check_pager(witness)
        return witness

    return guarded(play, cluster_alone, prepare=furnished)[0]


# The laws


def check_truth(witness: Witness) -> None:
    """What is held is what is: every replica count, and what is unsafe."""
    posture, cluster = witness.world.daemon.assessment.posture, witness.world.floor.cluster
    facts = [known.fact for known in posture.facts.values()]
    assert {_where_of(f) for f in facts if isinstance(f, Workload) and f.kind in KINDS} == set(_counts(cluster))
    held = {Key("KillSwitchNotHalted", (f.location,)) for f in facts if isinstance(f, KillSwitch) and f.halted is False}
    counts = [f for f in facts if isinstance(f, Workload) and f.execution]
    held |= {
        Key("ExecutionWorkloadAboveZero", (f.namespace, f.kind, f.workload))
        for f in counts
        if f.desired or f.reported or f.live
    }
    modes = [f for f in facts if isinstance(f, Mode) and f.variable in UNSAFE and _is_unsafe(f)]
    held |= {Key("ForbiddenAgentMode", (f.namespace, f.kind, f.workload, f.variable)) for f in modes}
    unsafe, safety = set(unsafe_now(cluster)), posture.globally("safety")
    assert held == unsafe
    assert isinstance(safety, Safety)
    assert safety.halted is not any(key.rule == "KillSwitchNotHalted" for key in unsafe)
    assert safety.at_zero is not any(key.rule == "ExecutionWorkloadAboveZero" for key in unsafe)
    own = posture.globally("watchdog")
    assert isinstance(own, Watchdog)
    assert own.disagreements == 0, own.explanation


def _is_unsafe(mode: Mode) -> bool:
    """What comes from a ConfigMap: as declared. What was started with it is in tests/sources/kubernetes/."""
    if mode.variable == "EXECUTION_HALTED" and mode.declared == "":
        return False
    if mode.workload in ("bulk", "by-key"):
        return isinstance(mode.declared, str) and mode.declared != "" and UNSAFE[mode.variable](mode.declared)
    return mode.unsafe is True


KINDS = ("Deployment", "StatefulSet")


def _where_of(fact: Workload) -> tuple[object, ...]:
    return (fact.namespace, fact.kind, fact.workload, fact.desired, fact.reported, fact.live)


def _counts(cluster: Cluster) -> Iterator[tuple[object, ...]]:
    pods = [r.object for r in cluster.records(PODS) if _phase(r.object) not in ("Succeeded", "Failed")]
    workloads = [record.object for kind in (DEPLOYMENTS, STATEFUL_SETS) for record in cluster.records(kind)]
    for workload in filter(_is_execution, workloads):
        live = sum(_selects(workload, one) for one in pods)
        yield (*_where(workload), workload["spec"].get("replicas", 1), _reported(workload), live)


def check_pager(witness: Witness) -> None:
    """What is open is open at the pager, and nothing else is; every page was delivered at once."""
    world = witness.world
    alerts = [alert for alert in world.daemon.assessment.alerts.values() if alert.open]
    expected = {tuple(sorted(labels_of(a, world.daemon.ports.labels).items())) for a in alerts}
    canary = {("alertname", "Watchdog"), ("severity", "none"), *world.daemon.ports.labels.items()}
    assert set(world.pager._open) == expected | {tuple(sorted(canary))}
    assert all(posted.endsAt > world.clock.now().wall for posted in world.pager._open.values()), "it was not renewed"
    assert "unheard" not in [kind for _, kind, _ in witness.edges], "the pager takes and tells everything"
    for when, kind, alert in witness.edges:
        if kind == "fired" and not _over_within(witness, alert, when, 0.5):
            labels = labels_of(alert, world.daemon.ports.labels)
            assert any(d.labels == labels and 0 <= d.at.mono - when < 0.5 for d in world.pager.deliveries), alert


def _over_within(witness: Witness, alert: Any, began: float, seconds: float) -> bool:
    return any(
        kind == "resolved" and began <= when <= began + seconds and other.identity == alert.identity
        for when, kind, other in witness.edges
    )


def check_breaches(witness: Witness) -> None:
    for key, spans in witness.unsafe.items():
        for span in spans:
            _check_breach(witness, key, span)


def _check_breach(witness: Witness, key: Key, span: Span) -> None:
    """However short where every WATCH is up; else where it lasts and can be read."""
    if witness.undisturbed(span.began - RECOVERY, span.began + 0.5) and (span.ended > span.began or _guarded(key)):
        assert witness.fires_within(key, span.began, span.began + 0.5), (key, span, witness.story)
    recovered = max([span.began, *(s.ended for _, s in witness.faults if s.began <= span.ended)])
    if span.ended > recovered + RECOVERY and witness.undisturbed(recovered + 0.01, recovered + RECOVERY):
        assert witness.fires_within(key, recovered, recovered + RECOVERY), (key, span, witness.story)
    paths, lasts = _guarded(key), span.ended > span.began + BOUND
    if paths and lasts and witness.undisturbed(span.began - 2.0, span.began + BOUND, *paths):
        assert witness.fires_within(key, span.began, span.began + BOUND), (key, span, witness.story)


def _guarded(key: Key) -> list[str]:
    """The direct reads that show it."""
    if key.rule == "KillSwitchNotHalted":
        namespace, _, name = key.where[0].partition("/")
        return [f"/api/v1/namespaces/{namespace}/configmaps/{name}"]
    namespace, _, name = key.where[:3]
    if key.rule != "ExecutionWorkloadAboveZero" or (namespace, name) not in NAMED:
        return []
    return [f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}", f"/api/v1/namespaces/{namespace}/pods"]


def check_no_false_page(witness: Witness) -> None:
    """A page has its breach. What is put together of two objects is as good as the older look at either: a mode of a
    ConfigMap that somebody changed may be paged where each of the two was once seen so."""
    for when, kind, alert in witness.edges:
        key = _key(alert)
        if kind == "fired" and int(alert.sev) == 0 and key.rule in RULES:
            known = [other for other in witness.unsafe if other == key or _of_the_same(key, other)]
            if key.where[3:] == ("EXECUTION_HALTED",):  # what it was started with, while the switch was not halted
                known += [other for other in witness.unsafe if other.rule == "KillSwitchNotHalted"]
            was = [span for other in known for span in witness.unsafe[other] if span.began <= when]
            assert was or _is_put_together(key), (key, when, witness.story)


def _of_the_same(pod: Key, workload: Key) -> bool:
    """A Pod speaks for itself until its workload is in sight."""
    ours = pod.rule == workload.rule and pod.where[1:2] == ("Pod",) and pod.where[0] == workload.where[0]
    return ours and pod.where[2].startswith(f"{workload.where[2]}-") and pod.where[3:] == workload.where[3:]


RULES = ("KillSwitchNotHalted", "ExecutionWorkloadAboveZero", "ForbiddenAgentMode")
PUT_TOGETHER = {(FLOOR, "Deployment", name) for name in ("bulk", "by-key", "agenttrader-ops-ui")}


def _is_put_together(key: Key) -> bool:
    namespace, kind, name = key.where[:3]
    made_by = name.rpartition("-")[0] if kind == "ReplicaSet" else name
    return (namespace, "Deployment", made_by) in PUT_TOGETHER


def check_blindness(witness: Witness) -> None:
    for one, span in witness.faults:
        if one.path != "/" or one.verbs:
            continue
        closed = isinstance(one, Down | Hang)  # the others leave an open WATCH open
        for when, kind, alert in witness.edges:
            over = closed and kind in ("resolved", "latched") and alert.group == "execution"
            assert not (over and span.began + 5.1 < when < span.ended), (alert, when, witness.story)
        if span.ended > span.began + 17:
            key = Key("SourceUnavailable", ())
            assert witness.fires_within(key, span.began + 16, span.began + 17), (span, witness.story)
        if span.ended > span.began + 302:
            rules = ("ExecutionUnverifiable", "ExecutionUnverifiableAfterBreach")
            assert any(witness.fires_within(Key(rule, ()), span.began + 302, span.ended) for rule in rules)


@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_done_to_the_floor_what_had_to_be_paged_is_paged_and_nothing_else(seed: int) -> None:
    witness = run(seed)
    check_breaches(witness)
    check_no_false_page(witness)
    check_blindness(witness)
