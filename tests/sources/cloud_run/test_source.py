"""The source against the simulator's Admin API: what each setting of a service means, and what each fault does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import pytest

from tests.fakes import Outside
from tests.virtual import in_virtual_time
from watchdog.core.facts import CloudRun, Fact, Latent, Mode, Pause, Subject, Unknown, Wiring, Workload
from watchdog.core.observation import Facts
from watchdog.core.safety import zero
from watchdog.core.variables import WatchedVariable
from watchdog.ports import Unreachable
from watchdog.simulator import cloud_run as simulated
from watchdog.simulator.cloud_run import DENIED, ENGINE, EXHAUSTED, EXPIRED, INGEST, refused
from watchdog.simulator.market_data import Endless, Fault, Lie, Silence, Verbatim
from watchdog.simulator.ports import InProcessHttp
from watchdog.simulator.virtual_time import VirtualClock
from watchdog.sources import cloud_run

F = TypeVar("F", bound=Fact)
T = TypeVar("T")
WHERE = f"{simulated.PROJECT}/{simulated.REGION}"
VARIABLES = (
    WatchedVariable("AGENT_MODE", ("EXECUTE", "LIVE"), ("OFF", "OBSERVE", "PAPER"), required_on_execution=True),
    WatchedVariable("EXEC_DRY_RUN", "falsy", execution_only=True),
    WatchedVariable("EXECUTION_HALTED", "not_truthy"),
)
SOURCE = cloud_run.CloudRun(
    "cloud_run",
    simulated.PROJECT,
    simulated.REGION,
    (cloud_run.Service(ENGINE, execution=True, criticality="critical"), cloud_run.Service(INGEST)),
    VARIABLES,
    ("INGEST_ENABLED",),
    ("EXECUTION_HALTED", "EXEC_KILL_SWITCH"),
    ("execution-agent", "execution-engine"),
    credentials="none",
    url="http://run",
)


@dataclass
class Tokens:
    """Google's credentials: each call the next of these; None hangs."""

    tokens: list[str | None] = field(default_factory=lambda: ["ya29.first", "ya29.second"])
    refusals: int = 0
    seconds: float = 0.0

    async def headers(self, timeout: float) -> Mapping[str, str]:
        await asyncio.sleep(self.seconds)
        if self.tokens[min(self.refusals, len(self.tokens) - 1)] is None:
            await asyncio.sleep(timeout)
            raise Unreachable("Timeout", f"no token within {timeout:g} s")
        return {"authorization": f"Bearer {self.tokens[self.refusals]}"}

    def refused(self) -> None:
        self.refusals += 1


@dataclass
class World:
    run: simulated.CloudRun = field(default_factory=simulated.CloudRun)
    source: cloud_run.CloudRun = field(default_factory=lambda: replace(SOURCE))
    tokens: Tokens = field(default_factory=Tokens)
    held: dict[Subject, Fact] = field(default_factory=dict)

    def looks(self, service: str) -> AsyncIterator[Facts]:
        clock = VirtualClock(asyncio.get_running_loop())
        outside = Outside(clock=clock, http=InProcessHttp({"run": self.run})).ports()
        return self.source.streams()[service].looks(replace(outside, google=lambda: self.tokens))

    async def look(self, service: str) -> Facts:
        """The next look of a stream that was just started. Raises ``Unreachable``."""
        looked = await anext(self.looks(service))
        self.held |= {fact.subject: fact for fact in looked.seen}
        for subject in looked.gone:
            del self.held[subject]
        return looked

    def of(self, kind: type[F]) -> list[F]:
        return [fact for fact in self.held.values() if isinstance(fact, kind)]


def seen(change: Callable[[World], object] = lambda world: None, service: str = ENGINE) -> World:
    world = World()
    change(world)
    in_virtual_time(world.look(service))
    return world


def only(found: list[T]) -> T:
    (one,) = found
    return one


# The safe state


def test_manual_scaling_with_no_instance_is_at_zero_and_cannot_start() -> None:
    world = seen()
    assert only(world.of(Workload)) == Workload(
        WHERE, "CloudRunService", ENGINE, True, "name execution-engine", desired=0, reported=0, live=0
    )
    latent = only(world.of(Latent))
    assert (latent.name, latent.could_start, latent.inert) == (ENGINE, False, False)
    assert latent.explanation == "its scaling is manual: requests start nothing"


def test_every_watched_variable_of_its_containers_is_told() -> None:
    modes = {mode.variable: mode for mode in seen().of(Mode)}
    assert list(modes) == ["AGENT_MODE", "EXEC_DRY_RUN", "EXECUTION_HALTED"]
    assert modes["AGENT_MODE"] == Mode(
        WHERE, "CloudRunService", ENGINE, f"{ENGINE}-1", "AGENT_MODE", "OFF", "OFF", False, True, True, True, 0
    )


def test_the_service_is_told_as_it_is_deployed() -> None:
    image = f"{simulated.REGISTRY}/{ENGINE}@{simulated.DIGEST}"
    revision = f"{ENGINE}-00001-sim 100 %"
    assert only(seen().of(CloudRun)) == CloudRun(
        simulated.PROJECT, simulated.REGION, ENGINE, "critical", True, True, True, revision, image, True, "",
        f"requests reach {revision}",
    )  # fmt: skip


def test_of_a_service_that_is_no_execution_service_no_instances_are_counted() -> None:
    world = seen(service=INGEST)
    assert world.of(Workload) == [] == world.of(Latent)
    assert only(world.of(CloudRun)).service == INGEST
    assert {mode.execution for mode in world.of(Mode)} == {False}


# What is kept, and what could start


def keeps(change: Callable[[simulated.CloudRun], object]) -> Workload:
    return only(seen(lambda world: change(world.run)).of(Workload))


@pytest.mark.parametrize(
    "change",
    [
        lambda run: run.set_manual(ENGINE, 1),
        lambda run: run.set_automatic(ENGINE, minimum=1),
        lambda run: of_revision(run, 1),
        lambda run: of_template(run, 1),
        lambda run: of_old_revision(run, 1),
        lambda run: of_tagged_revision(run, 1),
    ],
    ids=["manual", "minimum", "minimum of the revision", "of the next one", "of an old one with traffic", "of a tag's"],
)
def test_an_instance_that_is_kept_is_above_zero(change: Callable[[simulated.CloudRun], object]) -> None:
    workload = keeps(change)
    assert (workload.desired, zero(workload)) == (1, False)


def test_what_is_provisioned_still_is_above_zero_whatever_is_asked_for() -> None:
    def change(world: World) -> None:
        world.run.set_manual(ENGINE, 2)
        world.run.faults["services"] = Lie({"scaling": {"scalingMode": "MANUAL", "manualInstanceCount": 0}})

    workload = only(seen(change).of(Workload))
    assert (workload.desired, workload.reported, workload.live) == (0, 2, 2)


def test_what_is_asked_for_and_not_provisioned_yet_may_run_already() -> None:
    def change(world: World) -> None:
        world.run.faults["services"] = Lie({"scaling": {"scalingMode": "MANUAL", "manualInstanceCount": 2}})

    workload = only(seen(change).of(Workload))
    assert (workload.desired, workload.reported) == (2, 0)
    assert isinstance(workload.live, Unknown)


def of_revision(run: simulated.CloudRun, minimum: int) -> None:
    run.set_automatic(ENGINE)
    run.services[ENGINE].template["scaling"] = {"minInstanceCount": minimum}
    run.services[ENGINE].deploy()


def of_template(run: simulated.CloudRun, minimum: int) -> None:
    """The template's next revision; traffic stays with the one before it."""
    run.set_automatic(ENGINE)
    run.set_traffic(ENGINE, {run.services[ENGINE].newest: 100})
    run.services[ENGINE].template["scaling"] = {"minInstanceCount": minimum}


def of_old_revision(run: simulated.CloudRun, minimum: int) -> None:
    of_revision(run, minimum)
    old = run.services[ENGINE].newest
    run.services[ENGINE].template["scaling"] = {}
    run.set_traffic(ENGINE, {old: 1, run.services[ENGINE].deploy(): 99})


def of_tagged_revision(run: simulated.CloudRun, minimum: int) -> None:
    """Manual scaling does not count what only a tag reaches."""
    of_revision(run, minimum)
    tagged = run.services[ENGINE].newest
    run.services[ENGINE].template["scaling"] = {}
    run.services[ENGINE].deploy()
    run.set_traffic(ENGINE, {}, {"canary": tagged})
    run.set_manual(ENGINE, 0)


def test_a_minimum_of_a_revision_that_requests_reach_is_ignored_by_manual_scaling() -> None:
    def change(run: simulated.CloudRun) -> None:
        of_revision(run, 3)
        run.set_manual(ENGINE, 0)

    assert zero(keeps(change)) is True


def test_a_revision_that_requests_do_not_reach_keeps_nothing() -> None:
    def change(run: simulated.CloudRun) -> None:
        of_revision(run, 3)
        run.services[ENGINE].template["scaling"] = {}
        run.services[ENGINE].deploy()

    assert keeps(change).desired == 0


def test_with_automatic_scaling_a_request_could_start_it_and_whether_it_runs_is_unknown() -> None:
    world = seen(lambda world: world.run.set_automatic(ENGINE))
    latent, workload = only(world.of(Latent)), only(world.of(Workload))
    assert latent.could_start is True
    assert latent.explanation.endswith(f"a request starts an instance of {ENGINE}-00001-sim 100 %")
    assert (workload.desired, workload.reported) == (0, 0)
    assert isinstance(zero(workload), Unknown)


def test_with_manual_scaling_a_request_to_a_tags_url_could_start_it() -> None:
    def change(world: World) -> None:
        old = world.run.services[ENGINE].newest
        world.run.services[ENGINE].deploy()
        world.run.set_traffic(ENGINE, {}, {"canary": old})

    world = seen(change)
    assert only(world.of(Latent)).could_start is True
    assert only(world.of(Latent)).explanation.endswith(f"{ENGINE}-00001-sim by tag canary")
    assert isinstance(only(world.of(Workload)).live, Unknown)


def test_a_tag_on_what_takes_traffic_anyway_changes_nothing() -> None:
    def change(world: World) -> None:
        newest = world.run.services[ENGINE].newest
        world.run.set_traffic(ENGINE, {newest: 100}, {"current": newest})

    assert zero(only(seen(change).of(Workload))) is True


def test_where_no_ingress_is_allowed_no_request_starts_it_but_what_runs_may_go_on() -> None:
    def change(world: World) -> None:
        world.run.set_automatic(ENGINE)
        world.run.services[ENGINE].ingress = "INGRESS_TRAFFIC_NONE"

    world = seen(change)
    assert only(world.of(Latent)).could_start is False
    assert isinstance(only(world.of(Workload)).live, Unknown)


def test_while_a_change_is_under_way_nobody_knows_what_still_runs() -> None:
    def change(world: World) -> None:
        world.run.faults[ENGINE] = Lie({"reconciling": True})

    live = only(seen(change).of(Workload)).live
    assert isinstance(live, Unknown) and live.reason == "NotSettled"


def test_a_change_that_failed_leaves_it_open_what_serves() -> None:
    def change(world: World) -> None:
        world.run.faults[ENGINE] = Lie({"observedGeneration": "0"})

    assert isinstance(zero(only(seen(change).of(Workload))), Unknown)


@pytest.mark.parametrize(
    ("scaling", "desired"),
    [
        ({"scalingMode": "MANUAL"}, "NotStated"),
        ({"scalingMode": "MANUAL", "minInstanceCount": 5}, "NotStated"),
        ({"scalingMode": "SCALING_MODE_UNSPECIFIED"}, 0),
        ({}, 0),
        ({"scalingMode": "BY_LOTTERY"}, 0),
        ({"maxInstanceCount": 0}, 0),
    ],
)
def test_what_is_not_stated_is_not_at_zero(scaling: dict[str, Any], desired: object) -> None:
    workload = keeps(lambda run: run.faults.update({ENGINE: Lie({"scaling": scaling})}))
    assert (workload.desired.reason if isinstance(workload.desired, Unknown) else workload.desired) == desired
    assert isinstance(zero(workload), Unknown)


def test_a_scaling_mode_that_nobody_knows_could_do_anything() -> None:
    world = seen(lambda world: world.run.faults.update({ENGINE: Lie({"scaling": {"scalingMode": "BY_LOTTERY"}})}))
    assert isinstance(only(world.of(Latent)).could_start, Unknown)


def test_a_service_of_which_no_revision_ever_was_ready_runs_nothing() -> None:
    nothing = {"latestReadyRevision": "", "latestCreatedRevision": "", "trafficStatuses": [], "scaling": {}}
    world = seen(lambda world: world.run.faults.update({ENGINE: Lie(nothing)}))
    assert zero(only(world.of(Workload))) is True
    assert only(world.of(Latent)).explanation == "requests reach no revision of it"


# A service that does not exist


def test_an_execution_service_that_does_not_exist_is_at_zero_and_says_so() -> None:
    world = seen(lambda world: world.run.delete(ENGINE))
    assert (zero(only(world.of(Workload))), only(world.of(Latent)).could_start) == (True, False)
    assert only(world.of(CloudRun)).exists is False
    assert world.of(Mode) == []
    assert only(world.of(Latent)).explanation == "the service does not exist"


def test_what_it_was_told_goes_with_it_and_with_the_variable() -> None:
    async def main() -> World:
        world = World()
        await world.look(ENGINE)
        world.run.set_env(ENGINE, "EXEC_DRY_RUN", None)
        assert (await world.look(ENGINE)).gone == (
            Subject("mode", (
                ("namespace", WHERE), ("kind", "CloudRunService"), ("workload", ENGINE),
                ("container", f"{ENGINE}-1"), ("variable", "EXEC_DRY_RUN"),
            )),
        )  # fmt: skip
        world.run.delete(ENGINE)
        await world.look(ENGINE)
        return world

    world = in_virtual_time(main())
    assert sorted(fact.KIND for fact in world.held.values()) == ["cloud_run", "latent", "workload"]


@pytest.mark.parametrize(
    "fault",
    [Verbatim(b"<html>404</html>", 404), Verbatim(b"", 404), Verbatim(b'{"error":{"code":403,"status":"X"}}', 404)],
    ids=["a proxy's page", "nothing", "another error"],
)
def test_only_google_itself_can_say_that_a_service_does_not_exist(fault: Fault) -> None:
    with pytest.raises(Unreachable, match="Http404"):
        seen(lambda world: world.run.faults.update({ENGINE: fault}))


# Its variables


def mode(change: Callable[[simulated.CloudRun], object], variable: str = "AGENT_MODE", service: str = ENGINE) -> Mode:
    world = seen(lambda world: change(world.run), service)
    return only([mode for mode in world.of(Mode) if mode.variable == variable])


def test_a_forbidden_mode_is_unsafe_declared_and_running() -> None:
    found = mode(lambda run: run.set_env(ENGINE, "AGENT_MODE", " live "))
    assert (found.declared, found.running, found.unsafe) == ("live", "live", True)


def test_a_forbidden_mode_is_unsafe_on_any_service() -> None:
    assert mode(lambda run: run.set_env(INGEST, "AGENT_MODE", "EXECUTE"), service=INGEST).unsafe is True


def test_an_old_revision_with_one_percent_of_the_traffic_is_running() -> None:
    def change(run: simulated.CloudRun) -> None:
        old = run.set_env(ENGINE, "AGENT_MODE", "LIVE")
        run.set_traffic(ENGINE, {old: 1, run.set_env(ENGINE, "AGENT_MODE", "OFF"): 99})

    found = mode(change)
    assert (found.declared, found.running, found.unsafe) == ("OFF", "LIVE", True)


def test_an_old_revision_that_only_a_tag_reaches_is_running() -> None:
    def change(run: simulated.CloudRun) -> None:
        old = run.set_env(ENGINE, "AGENT_MODE", "LIVE")
        run.set_env(ENGINE, "AGENT_MODE", "OFF")
        run.set_traffic(ENGINE, {}, {"canary": old})

    assert mode(change).running == "LIVE"


def test_an_old_revision_that_requests_do_not_reach_is_history() -> None:
    def change(run: simulated.CloudRun) -> None:
        run.set_env(ENGINE, "AGENT_MODE", "LIVE")
        run.set_env(ENGINE, "AGENT_MODE", "OFF")

    assert mode(change).unsafe is False


def test_a_share_of_nothing_is_not_reached() -> None:
    def change(run: simulated.CloudRun) -> None:
        old = run.set_env(ENGINE, "AGENT_MODE", "LIVE")
        run.set_traffic(ENGINE, {old: 0, run.set_env(ENGINE, "AGENT_MODE", "OFF"): 100})

    assert mode(change).unsafe is False


@pytest.mark.parametrize("lie", [{"traffic": [], "trafficStatuses": []}, {"trafficStatuses": []}])
def test_traffic_that_is_not_stated_goes_to_the_newest_revision(lie: dict[str, Any]) -> None:
    world = seen(lambda world: world.run.faults.update({"services": Lie(lie)}))
    assert only(world.of(CloudRun)).revision == f"{ENGINE}-00001-sim 100 %"


def test_while_traffic_moves_the_larger_share_counts() -> None:
    def change(world: World) -> None:
        name = f"{ENGINE}-00001-sim"
        targets = {at: [{"revision": name, "percent": share}] for at, share in SHARES.items()}
        world.run.faults["services"] = Lie(targets)

    assert only(seen(change).of(CloudRun)).revision == f"{ENGINE}-00001-sim 90 %"


SHARES = {"traffic": 90, "trafficStatuses": 10}


def test_a_template_that_does_not_serve_yet_is_declared() -> None:
    def change(run: simulated.CloudRun) -> None:
        run.set_traffic(ENGINE, {run.services[ENGINE].newest: 100})
        run.set_env(ENGINE, "AGENT_MODE", "LIVE")

    found = mode(change)
    assert (found.declared, found.running, found.unsafe) == ("LIVE", "OFF", True)


def test_while_traffic_moves_what_it_leaves_is_running_too() -> None:
    async def main() -> World:
        world = World()
        old = world.run.set_env(ENGINE, "AGENT_MODE", "LIVE")
        world.run.set_env(ENGINE, "AGENT_MODE", "OFF")
        still = {"revision": old, "percent": 100, "type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"}
        world.run.faults["services"] = Lie({"trafficStatuses": [still]})
        with suppress(Unreachable):  # the lie is in the answers about revisions too, where nobody reads it
            await world.look(ENGINE)
        return world

    found = [mode for mode in in_virtual_time(main()).of(Mode) if mode.variable == "AGENT_MODE"]
    assert only(found).running == "LIVE"


def test_a_value_from_a_secret_is_unknown_and_names_the_secret() -> None:
    found = mode(lambda run: run.set_env(ENGINE, "AGENT_MODE", None, secret="projects/1/secrets/mode"))
    assert found.unsafe == Unknown("FromSecret", "it comes from Secret mode, and Secrets are never read")


def test_a_value_from_elsewhere_is_unknown() -> None:
    def change(run: simulated.CloudRun) -> None:
        container(run)["env"].append({"name": "AGENT_MODE", "valueSource": {"newKindOfRef": {}}})
        run.services[ENGINE].deploy()

    assert isinstance(mode(change).unsafe, Unknown)


def container(run: simulated.CloudRun) -> dict[str, Any]:
    found: dict[str, Any] = run.services[ENGINE].template["containers"][0]
    return found


def test_references_and_commands_count_as_on_kubernetes() -> None:
    def change(run: simulated.CloudRun) -> None:
        container(run)["env"] += [{"name": "M", "value": "LI"}, {"name": "AGENT_MODE", "value": "$(M)VE"}]
        run.services[ENGINE].deploy()

    assert mode(change).running == "LIVE"

    def flag(run: simulated.CloudRun) -> None:
        container(run)["args"] = ["--agent-mode=LIVE"]
        run.services[ENGINE].deploy()

    assert mode(flag).running == "LIVE"


def test_a_sidecar_counts() -> None:
    def change(run: simulated.CloudRun) -> None:
        side = {"image": "x/side:1", "env": [{"name": "AGENT_MODE", "value": "LIVE"}]}
        run.services[ENGINE].template["containers"].append(side)
        run.services[ENGINE].deploy()

    world = seen(lambda world: change(world.run))
    assert [(m.container, m.unsafe) for m in world.of(Mode) if m.variable == "AGENT_MODE"] == [
        (f"{ENGINE}-1", False),
        (f"{ENGINE}-2", True),
    ]


def test_an_execution_service_must_state_its_mode() -> None:
    assert mode(lambda run: run.set_env(ENGINE, "AGENT_MODE", None)).stated is False


def test_a_kill_switch_in_its_environment_counts_as_on_kubernetes() -> None:
    assert mode(lambda run: run.set_env(ENGINE, "EXECUTION_HALTED", "0"), "EXECUTION_HALTED").unsafe is True


# How it reads the kill switch


def wiring(change: Callable[[simulated.CloudRun], object] = lambda run: None) -> Wiring:
    return only(seen(lambda world: change(world.run)).of(Wiring))


def test_an_execution_service_that_is_told_to_be_halted_is_wired() -> None:
    assert wiring() == Wiring(
        WHERE, "CloudRunService", ENGINE, True, f"container {ENGINE}-1: EXECUTION_HALTED is 1", False
    )


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "EXECUTION_HALTED and EXEC_KILL_SWITCH not set"),
        ("", "EXECUTION_HALTED is empty"),
        ("maybe", "EXECUTION_HALTED is maybe"),
        ("0", "EXECUTION_HALTED is 0"),
    ],
)
def test_an_execution_service_that_is_not_told_to_be_halted_is_not_wired(value: str | None, said: str) -> None:
    found = wiring(lambda run: run.set_env(ENGINE, "EXECUTION_HALTED", value))
    assert (found.sound, found.explanation, found.above_zero) == (False, f"container {ENGINE}-1: {said}", False)


def test_the_switchs_deprecated_name_wires_it_too() -> None:
    def change(run: simulated.CloudRun) -> None:
        run.set_env(ENGINE, "EXECUTION_HALTED", None)
        run.set_env(ENGINE, "EXEC_KILL_SWITCH", " On ")

    assert wiring(change).sound is True


def test_a_switch_from_a_secret_may_or_may_not_halt() -> None:
    assert isinstance(wiring(lambda run: run.set_env(ENGINE, "EXECUTION_HALTED", None, secret="s")).sound, Unknown)


def test_each_revision_that_requests_reach_must_be_wired_and_the_template_too() -> None:
    def old(run: simulated.CloudRun) -> None:
        name = run.set_env(ENGINE, "EXECUTION_HALTED", None)
        run.set_env(ENGINE, "EXECUTION_HALTED", "1")
        run.set_traffic(ENGINE, {}, {"canary": name})

    def template(run: simulated.CloudRun) -> None:
        run.set_traffic(ENGINE, {run.services[ENGINE].newest: 100})
        run.set_env(ENGINE, "EXECUTION_HALTED", None)

    assert wiring(old).sound is wiring(template).sound is False
    assert wiring(old).explanation.startswith(f"revision {ENGINE}-00002-sim: container {ENGINE}-1: ")
    assert not wiring(template).explanation.startswith("revision")


def test_an_unwired_service_that_is_kept_running_is_above_zero() -> None:
    def change(run: simulated.CloudRun) -> None:
        run.set_env(ENGINE, "EXECUTION_HALTED", None)
        run.set_manual(ENGINE, 1)

    assert wiring(change).above_zero is True
    assert isinstance(wiring(lambda run: run.set_automatic(ENGINE)).above_zero, Unknown)


def test_a_revision_that_is_not_read_may_be_unwired() -> None:
    async def main(value: str) -> Wiring:
        world = World()
        world.run.faults[world.run.set_env(ENGINE, "EXECUTION_HALTED", value)] = DENIED
        told = (await anext(world.looks(ENGINE))).seen
        return only([fact for fact in told if isinstance(fact, Wiring)])

    assert isinstance(in_virtual_time(main("1")).sound, Unknown)
    assert in_virtual_time(main("0")).sound is False


def test_without_halt_variables_and_of_other_services_nothing_is_said_of_the_switch() -> None:
    assert seen(lambda world: setattr(world, "source", replace(SOURCE, halt_variables=()))).of(Wiring) == []
    assert seen(service=INGEST).of(Wiring) == []


# An execution image, whatever the service is marked as


def test_a_service_of_an_execution_image_is_execution_though_it_is_not_marked() -> None:
    world = seen(lambda world: world.run.set_image(INGEST, f"ghcr.io/x/Execution-Engine:1@{simulated.DIGEST}"), INGEST)
    workload = only(world.of(Workload))
    assert (workload.selected_by, workload.desired, workload.execution) == ("image execution-engine", 1, True)
    assert (only(world.of(Latent)).could_start, only(world.of(Wiring)).sound) == (True, False)
    assert only(world.of(CloudRun)).execution and {mode.execution for mode in world.of(Mode)} == {True}


def test_an_execution_image_that_an_old_revision_serves_counts() -> None:
    def change(world: World) -> None:
        old = world.run.set_image(INGEST, "x/execution-agent:1")
        world.run.set_image(INGEST, "x/market-ingest:1")
        world.run.set_traffic(INGEST, {}, {"old": old})

    assert only(seen(change, INGEST).of(Workload)).selected_by == "image execution-agent"


# The switch that pauses ingestion


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1", (False, "INGEST_ENABLED is 1")),
        ("0", (True, "INGEST_ENABLED is 0")),
        (" Off ", (True, "INGEST_ENABLED is Off")),
        (None, (False, "INGEST_ENABLED is not set")),
        ("", (False, "INGEST_ENABLED is empty")),
    ],
)
def test_a_paused_ingest_explains_itself(value: str | None, expected: tuple[bool, str]) -> None:
    pause = only(seen(lambda world: world.run.set_env(INGEST, "INGEST_ENABLED", value), INGEST).of(Pause))
    assert (pause.carrier, pause.location) == ("cloud_run", f"{WHERE}/{INGEST}")
    assert (pause.paused, pause.explanation) == expected


def test_what_serves_pauses_and_what_does_not_serve_yet_does_not() -> None:
    def change(run: simulated.CloudRun) -> None:
        paused = run.set_env(INGEST, "INGEST_ENABLED", "0")
        run.set_env(INGEST, "INGEST_ENABLED", "1")
        run.set_traffic(INGEST, {paused: 100})

    assert only(seen(lambda world: change(world.run), INGEST).of(Pause)).paused is True


def test_where_requests_reach_no_revision_the_next_one_counts() -> None:
    nothing = {"latestReadyRevision": "", "latestCreatedRevision": "", "trafficStatuses": []}

    def change(world: World) -> None:
        world.run.set_env(INGEST, "INGEST_ENABLED", "0")
        world.run.faults[INGEST] = Lie(nothing)

    assert only(seen(change, INGEST).of(Pause)).paused is True


def test_whether_a_secret_pauses_it_is_unknown() -> None:
    pause = only(seen(lambda w: w.run.set_env(INGEST, "INGEST_ENABLED", None, secret="x"), INGEST).of(Pause))
    assert isinstance(pause.paused, Unknown)


# As deployed


def deployed(change: Callable[[simulated.CloudRun], object]) -> CloudRun:
    return only(seen(lambda world: change(world.run)).of(CloudRun))


def test_a_split_names_each_revision_with_its_share_and_its_tag() -> None:
    def change(run: simulated.CloudRun) -> None:
        first = run.services[ENGINE].newest
        second, third = run.services[ENGINE].deploy(), run.services[ENGINE].deploy()
        run.set_traffic(ENGINE, {second: 10, third: 90}, {"old": first})

    found = deployed(change)
    old, second, newest = (f"{ENGINE}-0000{n}-sim" for n in (1, 2, 3))
    assert found.revision == f"{newest} 90 %, {second} 10 %, {old} by tag old"
    assert found.drift == "; ".join(
        f"{one} is served, the newest is {newest}" for one in (f"{second} 10 %", f"{old} by tag old")
    )


def test_an_image_that_is_named_by_a_tag_is_not_pinned_and_its_digest_is_told() -> None:
    found = deployed(lambda run: run.set_image(ENGINE, "registry/execution-engine:latest"))
    assert (found.pinned, found.image) == (False, f"registry/execution-engine:latest@{simulated.DIGEST}")


def test_one_container_that_is_named_by_a_tag_is_enough() -> None:
    def change(run: simulated.CloudRun) -> None:
        run.services[ENGINE].template["containers"].append({"name": "side", "image": "x/side:1"})
        run.services[ENGINE].deploy()

    assert deployed(change).pinned is False


def test_a_service_whose_last_change_failed_is_not_ready_and_says_why() -> None:
    found = deployed(lambda run: setattr(run.services[ENGINE], "failure", "no such image; token=ya29.abc"))
    assert (found.ready, found.explanation) == (False, "it is not ready: no such image; token=[redacted]")


# Faults


FAULTS: dict[str, tuple[Fault, str]] = {
    "denied": (DENIED, "PermissionDenied: it answers 403: Permission 'run.services.get' denied"),
    "a token that ended": (EXPIRED, "Unauthenticated"),
    "too many requests": (EXHAUSTED, "ResourceExhausted"),
    "unavailable": (refused(503, "UNAVAILABLE", "The service is currently unavailable."), "Unavailable"),
    "a message with a secret": (refused(400, "INVALID_ARGUMENT", "token=ya29.abc"), r"token=\[redacted\]"),
    "an error that is no JSON": (Verbatim(b"Bad Gateway", 502), "Http502"),
    "a redirect": (Verbatim(b"", 302, {"Location": "http://elsewhere"}), "Http302"),
    "HTML": (Verbatim(b"<html>sign in</html>"), "BadAnswer"),
    "nothing": (Verbatim(b""), "BadAnswer"),
    "an empty object": (Verbatim(b"{}"), "BadAnswer"),
    "half an answer": (Verbatim(b'{"name":"projects/agenttrader/loc'), "BadAnswer"),
    "deep nesting": (Verbatim(b'{"x":' + b"[" * 100_000), "BadAnswer"),
    "no UTF-8": (Verbatim(b'{"name":"\xff"}'), "BadAnswer"),
    "another service": (Lie({"name": "projects/agenttrader/locations/us-central1/services/other"}), "BadAnswer"),
    "no container": (Lie({"template": {}}), "BadAnswer"),
    "a text for a number": (Lie({"scaling": {"scalingMode": "MANUAL", "manualInstanceCount": "0"}}), "BadAnswer"),
    "a count below 0": (Lie({"scaling": {"scalingMode": "MANUAL", "manualInstanceCount": -1}}), "BadAnswer"),
    "a number for a name": (Lie({"scaling": {"scalingMode": 2}}), "BadAnswer"),
    "null": (Lie({"scaling": None}), "BadAnswer"),
    "10 MB": (Verbatim(b'{"name":"' + b"x" * 10_000_000 + b'"}'), "BodyTooLarge"),
    "an endless body": (Endless(), "BodyTooLarge"),
    "silence": (Silence(), "Timeout"),
}


@pytest.mark.parametrize(("fault", "expected"), FAULTS.values(), ids=FAULTS.keys())
def test_what_is_no_answer_about_the_service_is_unknown_within_the_deadline(fault: Fault, expected: str) -> None:
    async def main() -> float:
        world = World()
        world.run.faults[ENGINE] = fault
        with pytest.raises(Unreachable, match=expected):
            await world.look(ENGINE)
        assert world.held == {}
        return asyncio.get_running_loop().time()

    assert in_virtual_time(main()) <= SOURCE.timeout


@pytest.mark.parametrize("fault", [DENIED, simulated.NOT_FOUND, Silence(), Verbatim(b"{}"), Lie({"containers": []})])
def test_a_revision_that_cannot_be_read_hides_nothing_that_is_known_of_the_service(fault: Fault) -> None:
    async def main() -> tuple[World, Facts]:
        world = World()
        world.run.set_manual(ENGINE, 1)
        world.run.faults[f"{ENGINE}-00001-sim"] = fault
        looks = world.looks(ENGINE)
        first = await anext(looks)
        with pytest.raises(Unreachable):
            await anext(looks)
        return world, first

    _, first = in_virtual_time(main())
    assert first.partial
    workload = only([fact for fact in first.seen if isinstance(fact, Workload)])
    assert (workload.desired, zero(workload)) == (1, False)
    assert isinstance(workload.reported, Unknown)
    of = only([fact for fact in first.seen if isinstance(fact, CloudRun)])
    assert all(isinstance(value, Unknown) for value in (of.pinned, of.image, of.drift))


def test_with_a_revision_unread_nothing_is_at_zero_and_no_mode_is_safe() -> None:
    async def main() -> Facts:
        world = World()
        world.run.faults[f"{ENGINE}-00001-sim"] = DENIED
        return await anext(world.looks(ENGINE))

    told = in_virtual_time(main()).seen
    assert isinstance(zero(only([fact for fact in told if isinstance(fact, Workload)])), Unknown)
    assert all(isinstance(fact.unsafe, Unknown) for fact in told if isinstance(fact, Mode))


UNREADABLE: dict[str, tuple[dict[str, Any], str]] = {
    "a hundred tags": ({"traffic": [{"tag": f"t{n}", "revision": f"r{n}"} for n in range(100)]}, "TooManyRevisions"),
    "a name that is a path": ({"latestReadyRevision": "x/..", "trafficStatuses": []}, "BadAnswer: it names a revision"),
    "a target that is no name": ({"traffic": [{"revision": "a b?", "percent": 100}]}, "BadAnswer: it names a revision"),
}


@pytest.mark.parametrize(("lie", "expected"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_revisions_that_are_too_many_or_oddly_named_hide_nothing_of_the_service(
    lie: dict[str, Any], expected: str
) -> None:
    async def main() -> Facts:
        world = World()
        world.run.set_env(ENGINE, "AGENT_MODE", "LIVE")
        world.run.set_manual(ENGINE, 1)
        world.run.faults[ENGINE] = Lie(lie)
        looks = world.looks(ENGINE)
        first = await anext(looks)
        with pytest.raises(Unreachable, match=expected):
            await anext(looks)
        return first

    first = in_virtual_time(main())
    assert first.partial and all(len(repr(fact)) < 3000 for fact in first.seen)
    (workload,) = (fact for fact in first.seen if isinstance(fact, Workload))
    assert zero(workload) is False and isinstance(workload.reported, Unknown)
    (mode,) = (fact for fact in first.seen if isinstance(fact, Mode) and fact.variable == "AGENT_MODE")
    assert (mode.declared, mode.unsafe) == ("LIVE", True) and isinstance(mode.running, Unknown)


# Credentials


GOOGLE = replace(SOURCE, credentials="google", url="https://run")


def test_a_token_that_google_refuses_is_asked_for_anew() -> None:
    async def main() -> World:
        world = World(source=GOOGLE)
        world.run.faults[ENGINE] = EXPIRED
        with pytest.raises(Unreachable, match="Unauthenticated"):
            await world.look(ENGINE)
        del world.run.faults[ENGINE]
        await world.look(ENGINE)
        return world

    assert in_virtual_time(main()).tokens.refusals == 1


def test_each_request_carries_the_token_and_no_message_does() -> None:
    heard: list[Mapping[str, str]] = []

    class Listening(simulated.CloudRun):
        async def answer(self, request: Any) -> Any:
            heard.append(request.headers)
            return await super().answer(request)

    world = World(run=Listening(), source=GOOGLE)
    in_virtual_time(world.look(ENGINE))
    assert [headers["authorization"] for headers in heard] == ["Bearer ya29.first"] * 2
    assert "ya29" not in repr(world.held)


def test_a_slow_token_and_a_slow_answer_share_one_deadline() -> None:
    async def main() -> float:
        world = World(source=GOOGLE, tokens=Tokens(seconds=0.5))
        world.run.faults[ENGINE] = Silence()
        with pytest.raises(Unreachable, match=r"Timeout: no answer within 0\.75 s"):
            await world.look(ENGINE)
        return asyncio.get_running_loop().time()

    assert in_virtual_time(main()) <= SOURCE.timeout


def test_a_metadata_server_that_hangs_is_unknown_within_the_deadline() -> None:
    async def main() -> float:
        with pytest.raises(Unreachable, match="Timeout"):
            await World(source=GOOGLE, tokens=Tokens([None])).look(ENGINE)
        return asyncio.get_running_loop().time()

    assert in_virtual_time(main()) <= SOURCE.timeout


# The stanza


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"url": "run.googleapis.com"}, "url: expected an http"),
        ({"project": "a/b"}, "expected a project and a region, found 'a/b'"),
        ({"credentials": "google"}, "url: expected https, because Google's credentials are sent there"),
        ({"region": ".."}, "expected a project and a region"),
        ({"services": ()}, "services: expected at least one, each once"),
        ({"services": (cloud_run.Service("a"), cloud_run.Service("a"))}, "services: expected at least one, each once"),
        ({"variables": (VARIABLES[0], VARIABLES[0])}, "variables: expected each name once"),
        ({"pause_variables": ("A", "A")}, "pause_variables: expected each name once and none empty"),
        ({"pause_variables": ("",)}, "pause_variables: expected each name once and none empty"),
        ({"url": "https://run.googleapis.com:70000"}, "url: expected an http"),
        ({"poll_interval": 0}, "above 0"),
        ({"stale_after": 2.5}, "stale_after: expected more than"),
    ],
)
def test_a_stanza_that_is_wrong_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(SOURCE, **change)


def test_a_service_that_would_be_another_path_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a Cloud Run service's name"):
        cloud_run.Service("x/../y")


def test_a_service_is_a_stream_that_promises_what_it_tells() -> None:
    promised = {name: stream.coverage.provides for name, stream in SOURCE.streams().items()}
    told = {name: {fact.KIND for fact in seen(service=name).held.values()} for name in (ENGINE, INGEST)}
    execution = {"cloud_run", "mode", "workload", "latent", "wiring"}
    assert told[ENGINE] == promised[ENGINE] == execution
    assert told[INGEST] <= promised[INGEST] == {*execution, "pause"}  # its image may make it execution
    without = replace(SOURCE, images=()).streams()[INGEST].coverage.provides
    assert told[INGEST] == without == {"cloud_run", "mode", "pause"}


def test_a_google_token_goes_to_loopback_in_clear_and_nowhere_else() -> None:
    for host in ("127.0.0.1:1", "[::1]:1", "localhost"):
        assert replace(GOOGLE, url=f"http://{host}").url
    with pytest.raises(ValueError, match="url: expected https"):
        replace(GOOGLE, url="http://localhost.example")
