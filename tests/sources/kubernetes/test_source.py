"""The source as a whole, in virtual time, on the simulated trading floor."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter, ValidationError

from tests.sources.kubernetes.floors import SOURCE, Sight, facts, failures, looking, states
from tests.sources.kubernetes.scripted import config_map
from tests.sources.kubernetes.worlds import SAFETY, SWITCH
from tests.virtual import in_virtual_time
from watchdog.core.facts import KillSwitch, Unknown, Workload
from watchdog.core.observation import Facts
from watchdog.ports import KubernetesError
from watchdog.simulator import kubectl
from watchdog.simulator.faults import Down, HalfLine, Hang, Html, Oversize, Refuse
from watchdog.simulator.ports import InProcessKubernetes
from watchdog.sources.kubernetes import Kubernetes
from watchdog.sources.kubernetes.resources import EVERY, OPTIONAL
from watchdog.sources.kubernetes.stanza import Execution, Importance, KillSwitchKey

AGENT = "workload agenttrader/Deployment/execution-agent"
HALT = "kill_switch EXECUTION_HALTED/config_map/trading-floor/agenttrader-kill-switch"
READ_SWITCH = "read ConfigMap trading-floor/agenttrader-kill-switch"
READ_AGENT = "read Deployment agenttrader/execution-agent and its Pods"
ASIDE = "list beside the watches"
POLLING = replace(SOURCE, watch=False)


Test = Callable[[Sight], Coroutine[Any, Any, None]]


def on_the_floor(source: Kubernetes = SOURCE) -> Callable[[Test], None]:
    """Runs the decorated test at once: it begins when everything has been seen."""

    async def run(test: Test) -> None:
        async with looking(source) as sight:
            await sight.after(0.5)
            assert sight.problems == {}
            await test(sight)

    return lambda test: in_virtual_time(run(test))


def test_a_person_understands_what_is_looked_at() -> None:
    parts = list(replace(SOURCE, namespaces=()).streams())
    assert parts == [
        "watch ConfigMap trading-floor/agenttrader-kill-switch",
        "watch ConfigMap trading-floor/agenttrader-safety",
        "watch Deployment agenttrader/execution-agent",
        "watch Deployment trading-floor/execution-engine",
        *(f"watch {resource.plural} everywhere" for resource in EVERY),
        READ_SWITCH,
        "read ConfigMap trading-floor/agenttrader-safety",
        READ_AGENT,
        "read Deployment trading-floor/execution-engine and its Pods",
        ASIDE,
        "what is learned of gaps",
        "conditions of workloads",
        "what is not looked at",
        "what the credentials allow",
    ]
    assert "watch pods in agenttrader" in SOURCE.streams()


def test_a_look_at_nodes_sees_nodes_and_claims_no_namespace() -> None:
    assert "watch nodes everywhere" not in SOURCE.streams()
    coverage = replace(SOURCE, nodes=True).streams()["watch nodes everywhere"].coverage
    assert [(sees.area, sees.what, sees.where) for sees in coverage.sees] == [("kind", "nodes", "")]
    assert coverage.provides == frozenset()
    assert "list pods in agenttrader" in POLLING.streams()


def test_what_a_scope_provides_decides_what_is_unknown_without_it() -> None:
    provided = {part: stream.coverage.provides for part, stream in SOURCE.streams().items()}
    assert provided["watch configmaps in trading-floor"] == {"mode"}
    for plural in ("deployments", "statefulsets", "jobs", "pods"):
        assert provided[f"watch {plural} in trading-floor"] >= {"mode", "workload"}
    assert provided[READ_SWITCH] == {"kill_switch"}
    assert provided["watch ConfigMap trading-floor/agenttrader-kill-switch"] == set(), "it only tells sooner"
    assert provided[READ_AGENT] >= {"mode", "workload"}
    assert provided[ASIDE] == set()


def test_the_safe_floor_is_seen_to_be_safe_and_nothing_unknown_stays() -> None:
    @on_the_floor()
    async def _(sight: Sight) -> None:
        assert (sight.safety.halted, sight.safety.at_zero) == (True, True)
        known = [known.fact for known in sight.posture.facts.values()]
        assert "Unknown(" not in str([fact for fact in known if fact.KIND in ("workload", "mode", "kill_switch")])
        assert len([fact for fact in known if fact.KIND == "mode"]) >= 7


def test_the_whole_cluster_is_one_watch_a_kind() -> None:
    @on_the_floor(replace(SOURCE, namespaces=()))
    async def _(sight: Sight) -> None:
        assert (sight.safety.halted, sight.safety.at_zero) == (True, True)
        kubectl.set_env(sight.floor.cluster, "sts", "trading-floor", "gamma-strategy", AGENT_MODE="LIVE")
        assert any(getattr(fact, "unsafe", False) is True for fact in facts(await sight.after(0.1)))


def test_a_scale_up_is_seen_at_once_and_by_its_pods() -> None:
    @on_the_floor()
    async def _(sight: Sight) -> None:
        kubectl.scale(sight.floor.cluster, "deploy", "agenttrader", "execution-agent", 1)
        assert states(await sight.after(0.001), AGENT, "desired") == [1]
        assert sight.safety.at_zero is False
        assert states(await sight.after(0.3), AGENT, "live")[-1:] == [1]


def test_a_flip_and_back_within_no_time_is_told_whole() -> None:
    @on_the_floor()
    async def _(sight: Sight) -> None:
        for value in ("0", "1"):
            kubectl.set_data(sight.floor.cluster, "trading-floor", "agenttrader-kill-switch", EXECUTION_HALTED=value)
        for replicas in (1, 0):
            kubectl.scale(sight.floor.cluster, "deploy", "agenttrader", "execution-agent", replicas)
        seen = await sight.after(0.2)
        assert states(seen, HALT, "halted")[:2] == [False, True]
        assert states(seen, AGENT, "desired")[:2] == [1, 0]


def test_polling_alone_sees_every_kind_of_change_within_its_interval() -> None:
    @on_the_floor(POLLING)
    async def _(sight: Sight) -> None:
        cluster = sight.floor.cluster
        kubectl.scale(cluster, "deploy", "agenttrader", "execution-agent", 1)
        kubectl.set_env(cluster, "sts", "trading-floor", "gamma-strategy", AGENT_MODE="LIVE")
        kubectl.set_data(cluster, "trading-floor", "agenttrader-kill-switch", EXECUTION_HALTED="0")
        seen = await sight.after(1.05)
        assert states(seen, AGENT, "desired")[-1:] == [1] and states(seen, HALT, "halted")[-1:] == [False]
        assert any(getattr(fact, "unsafe", False) is True for fact in facts(seen))


def test_what_happened_while_the_connection_was_away_is_seen_afterwards() -> None:
    @on_the_floor()
    async def _(sight: Sight) -> None:
        sight.floor.server.faults.inject(Down())
        kubectl.scale(sight.floor.cluster, "deploy", "agenttrader", "execution-agent", 1)
        kubectl.scale(sight.floor.cluster, "deploy", "agenttrader", "execution-agent", 0)
        lost = await sight.after(5)
        asked = {part for part in SOURCE.streams() if part.startswith(("watch", "read")) and not _optional(part)}
        assert {part for part, _ in failures(lost)} >= asked
        assert _is_unsure(sight.safety.halted) and _is_unsure(sight.safety.at_zero)
        sight.floor.server.faults.clear()
        assert states(await sight.after(2.5), AGENT, "desired")[:2] == [1, 0]
        assert sight.problems == {} and sight.safety.at_zero is True


def test_where_the_server_has_forgotten_it_lists_anew_and_says_what_is_gone() -> None:
    @on_the_floor()
    async def _(sight: Sight) -> None:
        sight.floor.server.faults.inject(Down())
        await sight.after(1)
        kubectl.delete(sight.floor.cluster, "sts", "trading-floor", "gamma-strategy")
        sight.floor.cluster.forget_history()
        sight.floor.server.faults.clear()
        await sight.after(5)
        assert sight.problems == {}
        left = [known.fact for known in sight.posture.facts.values()]
        assert not [fact for fact in left if getattr(fact, "workload", "").startswith("gamma-strategy")]


def test_a_server_that_hangs_makes_the_reads_unknown_within_their_timeout_and_the_watches_within_75_s() -> None:
    @on_the_floor()
    async def _(sight: Sight) -> None:
        sight.floor.server.faults.inject(Hang())
        await sight.after(3.01)
        assert (sight.problem(READ_SWITCH), sight.problem(READ_AGENT)) == ("Timeout", "Timeout")
        assert sight.problem("watch pods in agenttrader") == ""
        await sight.after(73)
        assert sight.problem("watch pods in agenttrader") != ""
        sight.floor.server.faults.clear()
        await sight.after(10)
        assert sight.problems == {}


def test_one_resource_that_is_forbidden_hides_no_other() -> None:
    @on_the_floor()
    async def _(sight: Sight) -> None:
        sight.floor.server.faults.inject(
            Refuse(path="/api/v1/namespaces/agenttrader/pods"), HalfLine(path="/api/v1/namespaces/agenttrader/pods")
        )
        kubectl.create(sight.floor.cluster, _a_pod("nudge"))
        await sight.after(2)
        assert sight.problem("watch pods in agenttrader") == "Forbidden"
        assert sight.problem(READ_AGENT) == "Forbidden"
        assert sight.problem(READ_SWITCH) == "" and sight.safety.halted is True
        assert _is_unsure(sight.safety.at_zero), "a collection that is unknown is not empty"


def test_a_switch_that_is_read_every_second_is_known_although_its_watch_fails() -> None:
    async def run() -> None:
        async with looking() as sight:
            refused = Refuse(path="/api/v1/namespaces/trading-floor/configmaps", verbs=("list", "watch"))
            sight.floor.server.faults.inject(refused)
            await sight.after(5)
            assert sight.problem("watch configmaps in trading-floor") == "Forbidden"
            assert sight.safety.halted is True

    in_virtual_time(run())


@pytest.mark.parametrize("fault", [Html(), Refuse(status=401, reason="Unauthorized"), Refuse(status=500), HalfLine()])
def test_an_answer_that_is_none_is_unknown_and_heals(fault: Any) -> None:
    @on_the_floor()
    async def _(sight: Sight) -> None:
        sight.floor.server.faults.inject(fault)
        await sight.after(1.5)
        assert sight.problem(READ_SWITCH) and _is_unsure(sight.safety.halted)
        sight.floor.server.faults.clear()
        await sight.after(5)
        assert sight.problems == {} and sight.safety.halted is True


def test_a_20_megabyte_object_is_unknown_and_slows_nothing_else() -> None:
    @on_the_floor()
    async def _(sight: Sight) -> None:
        path = "/api/v1/namespaces/trading-floor/configmaps/agenttrader-kill-switch"
        sight.floor.server.faults.inject(Oversize(path=path))
        await sight.after(1)
        assert sight.problems == {READ_SWITCH: "BodyTooLarge"}
        kubectl.scale(sight.floor.cluster, "deploy", "agenttrader", "execution-agent", 1)
        assert states(await sight.after(0.1), AGENT, "desired") == [1]


def test_a_guarded_workload_that_is_deleted_is_gone_and_its_reads_succeed() -> None:
    @on_the_floor()
    async def _(sight: Sight) -> None:
        kubectl.delete(sight.floor.cluster, "deploy", "agenttrader", "execution-agent")
        await sight.after(3)
        assert sight.problems == {} and sight.safety.at_zero is True
        left = [known.fact for known in sight.posture.facts.values() if isinstance(known.fact, Workload)]
        assert "execution-agent" not in [fact.workload for fact in left]


def test_a_deleted_kill_switch_is_not_halted_by_watch_and_by_read() -> None:
    for source in (SOURCE, POLLING):

        @on_the_floor(source)
        async def _(sight: Sight) -> None:
            kubectl.delete(sight.floor.cluster, "cm", "trading-floor", "agenttrader-kill-switch")
            await sight.after(1.1)
            assert sight.safety.halted is False and sight.problems == {}


@dataclass
class Slow:
    """A server whose reads take a while, and that writes down when they began."""

    inner: InProcessKubernetes
    seconds: float
    began: list[float]

    async def read(self, path: str, query: Mapping[str, str], timeout: float) -> bytes:
        if path.endswith("/agenttrader-kill-switch"):
            self.began.append(asyncio.get_running_loop().time())
            await asyncio.sleep(self.seconds)
        return await self.inner.read(path, query, timeout)

    async def review(self, path: str, body: bytes, timeout: float) -> bytes:
        return await self.inner.review(path, body, timeout)

    async def date(self, timeout: float) -> datetime:
        return await self.inner.date(timeout)

    @asynccontextmanager
    async def watch(self, path: str, query: Mapping[str, str], silence: float) -> AsyncIterator[AsyncIterator[bytes]]:
        async with self.inner.watch(path, query, silence) as lines:
            yield lines


@dataclass
class LateDeployments(Slow):
    """Whoever asks for Deployments waits."""

    @asynccontextmanager
    async def watch(self, path: str, query: Mapping[str, str], silence: float) -> AsyncIterator[AsyncIterator[bytes]]:
        await asyncio.sleep(self.seconds if path.endswith("/deployments") else 0)
        async with self.inner.watch(path, query, silence) as lines:
            yield lines


@pytest.mark.parametrize(("seconds", "told_at"), [(1.0, 1.0), (9.0, SOURCE.request_timeout)])
def test_pods_are_told_after_their_workloads_unless_those_keep_them_waiting(seconds: float, told_at: float) -> None:
    async def run() -> None:
        late = replace(SOURCE, execution=Execution(images=("execution-agent",)))
        async with looking(
            late, lambda floor: LateDeployments(InProcessKubernetes(floor.server), seconds, [])
        ) as sight:
            kubectl.scale(sight.floor.cluster, "deploy", "agenttrader", "execution-agent", 1)
            told = [
                o for o in await sight.after(20) if any(isinstance(f, Workload) and f.execution for f in facts([o]))
            ]
            assert told[0].at.mono == pytest.approx(told_at, abs=0.3)

    in_virtual_time(run())


def test_the_pods_of_a_guarded_workload_are_counted_although_no_pod_can_be_watched() -> None:
    async def run() -> None:
        async with looking() as sight:
            sight.floor.server.faults.inject(Refuse(path="/api/v1/namespaces/agenttrader/pods", verbs=("watch",)))
            kubectl.scale(sight.floor.cluster, "deploy", "agenttrader", "execution-agent", 1)
            assert states(await sight.after(3), AGENT, "live")[-1:] == [1]
            kubectl.scale(sight.floor.cluster, "deploy", "agenttrader", "execution-agent", 0)
            assert states(await sight.after(5), AGENT, "live")[-1:] == [0]

    in_virtual_time(run())


def test_reads_keep_their_pace_and_are_stamped_with_their_beginning() -> None:
    began: list[float] = []

    async def run() -> None:
        async with looking(kubernetes=lambda floor: Slow(InProcessKubernetes(floor.server), 0.7, began)) as sight:
            seen = await sight.after(4.5)
            assert began == [pytest.approx(float(second)) for second in range(5)]
            whole = [o for o in seen if o.scope.part == READ_SWITCH and not getattr(o.facts, "partial", False)]
            stamps = [observation.at.mono for observation in whole]
            assert stamps == [pytest.approx(float(second)) for second in range(4)]

    in_virtual_time(run())


def test_what_a_slow_read_finds_is_so_since_it_was_found_and_not_since_it_was_asked_for() -> None:
    """It may have begun long before the state that it shows."""

    async def run() -> None:
        async with looking(kubernetes=lambda floor: Slow(InProcessKubernetes(floor.server), 0.7, [])) as sight:
            sight.floor.server.faults.inject(Refuse(verbs=("watch",)))
            await sight.after(1.3)  # the second read began at 1.0
            kubectl.set_data(sight.floor.cluster, "trading-floor", "agenttrader-kill-switch", EXECUTION_HALTED="0")
            seen = await sight.after(1)
            at = [o.at.mono for o in seen if any(isinstance(f, KillSwitch) and f.halted is False for f in facts([o]))]
            assert at[0] == pytest.approx(1.7)

    in_virtual_time(run())


@dataclass
class Answering:
    """Every read is answered so; a WATCH hangs."""

    answer: bytes | Exception

    async def read(self, path: str, query: Mapping[str, str], timeout: float) -> bytes:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def review(self, path: str, body: bytes, timeout: float) -> bytes:
        return await self.read(path, {}, timeout)

    async def date(self, timeout: float) -> datetime:
        raise AssertionError("nobody asks for the date here")

    @asynccontextmanager
    async def watch(self, path: str, query: Mapping[str, str], silence: float) -> AsyncIterator[AsyncIterator[bytes]]:
        await asyncio.sleep(3600)
        raise AssertionError
        yield


def _looks(answer: bytes | Exception) -> list[Any]:
    async def run() -> list[Any]:
        async with looking(kubernetes=lambda floor: Answering(answer)) as sight:
            told = [o.facts for o in await sight.after(0.01) if o.scope.part == READ_SWITCH]
            return [facts for facts in told if not getattr(facts, "partial", False)]

    return in_virtual_time(run())


def test_a_404_of_the_object_is_a_look_that_succeeded_and_any_other_404_is_not() -> None:
    [told] = _looks(KubernetesError(404, "NotFound", 'configmaps "agenttrader-kill-switch" not found'))
    assert isinstance(told, Facts) and isinstance(told.seen[0], KillSwitch) and told.seen[0].halted is False
    for other in (
        KubernetesError(404, "NotFound", "the server could not find the requested resource"),
        KubernetesError(404, "NotAStatus", "404 page not found"),
        KubernetesError(404, "NotAStatus", 'configmaps "agenttrader-kill-switch" not found'),
        KubernetesError(404, "NotFound", 'configmaps "agenttrader-kill-switch-2" not found'),
    ):
        assert not isinstance(_looks(other)[0], Facts)


def test_another_object_than_the_one_asked_for_is_no_look() -> None:
    [told] = _looks(json.dumps(config_map(5, {"EXECUTION_HALTED": "1"}, "another")).encode())
    assert not isinstance(told, Facts) and told.reason == "Undecodable"


def _is_unsure(value: object) -> bool:
    return isinstance(value, Unknown)


def _a_pod(name: str) -> dict[str, Any]:
    spec = {"containers": [{"name": "main", "image": "x/y:1"}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "agenttrader"}, "spec": spec}


@pytest.mark.parametrize(
    ("stanza", "sentence"),
    [
        ({"poll_interval": 0}, "poll_interval"),
        ({"poll_interval": 9}, "poll_interval"),
        ({"request_timeout": 9}, "request_timeout"),
        ({"namespaces": ("a", "a")}, "namespaces"),
        ({"namespaces": ("",)}, "namespaces"),
        ({"kill_switches": (SWITCH, replace(SWITCH, key="b"))}, "kill_switches"),
        ({"variables": (SOURCE.variables[0], SOURCE.variables[0])}, "variables"),
        ({"pause_variables": ("A", "A")}, "pause_variables: expected each name once and none empty"),
        ({"pause_variables": ("",)}, "pause_variables: expected each name once and none empty"),
    ],
)
def test_a_wrong_stanza_is_refused_in_a_sentence(stanza: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Kubernetes(**stanza)


STANZA = """
namespaces: [trading-floor, agenttrader]
kill_switches:
  - {switch: KILL_SWITCH, namespace: trading-floor, config_map: agenttrader-safety, key: KILL_SWITCH, required: false}
execution:
  workloads: [{namespace: agenttrader, kind: Deployment, name: execution-agent}]
  labels: {app.kubernetes.io/component: [execution-agent, execution-engine]}
  images: [execution-agent]
variables:
  - {name: AGENT_MODE, unsafe: [EXECUTE, LIVE], safe: ["OFF", PAPER], required_on_execution: true}
  - {name: EXEC_DRY_RUN, unsafe: falsy, execution_only: true}
"""


def stanza(text: str) -> Kubernetes:
    """Read as ``plugins`` reads it: its types are JSON's."""
    return TypeAdapter(Kubernetes).validate_json(json.dumps(yaml.safe_load(text)))


def test_a_stanza_is_what_its_yaml_says() -> None:
    source = stanza(STANZA)
    assert source.kill_switches == (SAFETY,)
    assert source.execution.selection.workloads == (("agenttrader", "Deployment", "execution-agent"),)
    assert [variable.unsafe for variable in source.variables] == [("EXECUTE", "LIVE"), "falsy"]


@pytest.mark.parametrize("kind", ["Deploy", "deployment", "", "Service"])
def test_what_is_worth_something_is_of_a_kind_that_conditions_are_told_of(kind: str) -> None:
    with pytest.raises(ValueError, match=f"^kind: expected one of Deployment, StatefulSet, .*, Node, found '{kind}'$"):
        Importance(kind, "web", "important", "floor")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("kind: Deployment", "kind: DaemonSet"),
        ("unsafe: falsy", "unsafe: sometimes"),
        ('"OFF"', "OFF"),
        ("required: false", "required: perhaps"),
    ],
)
def test_a_stanza_with_a_wrong_value_is_refused(key: str, value: str) -> None:
    with pytest.raises(ValidationError):
        stanza(STANZA.replace(key, value))


def test_two_switches_may_share_a_config_map() -> None:
    second = KillSwitchKey("OTHER", SWITCH.namespace, SWITCH.config_map, "other")
    shared = replace(SOURCE, kill_switches=(SWITCH, second)).streams()
    assert [part for part in shared if "kill-switch" in part] == [
        "watch ConfigMap trading-floor/agenttrader-kill-switch", READ_SWITCH
    ]  # fmt: skip


def _optional(part: str) -> bool:
    return any(resource.plural in part for resource in OPTIONAL)
