"""The 25 points of kube-wire/README.md: for each that concerns a client the tests that fail when the client gets it
wrong. What no other test holds is held here; the table names the others, and they exist.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.platform import Guarded, guarded
from tests.simulator.test_floor_access import WATCHDOG, permit
from watchdog.adapters.kubernetes import KubernetesApi
from watchdog.core.accounting import Finding, Version, account
from watchdog.core.facts import KillSwitch, UnseenWrite
from watchdog.ports import KubernetesError
from watchdog.simulator import kubectl
from watchdog.simulator.cluster import Cluster
from watchdog.simulator.faults import Hang, Refuse
from watchdog.simulator.http_face import HttpFace
from watchdog.simulator.outages import DRAIN_SECONDS
from watchdog.simulator.platform import trading_floor
from watchdog.simulator.resources import CONFIG_MAPS as STORED_CONFIG_MAPS
from watchdog.sources.kubernetes import afterwards
from watchdog.sources.kubernetes.reflector import SILENCE
from watchdog.sources.kubernetes.resources import CONFIG_MAPS, DEPLOYMENTS, Key
from watchdog.sources.kubernetes.trail import Doubt, Window

from ...fakes import START
from .scripted import bookmark, config_map, line, page, workload
from .test_reflector import HALTED, OFF, ON, RUNNING, STREAMED, Run
from .worlds import World

JSON = dict[str, Any]
FLOOR, AGENTS, SWITCH = "trading-floor", "agenttrader", "agenttrader-kill-switch"
HERE = "tests.sources.kubernetes.test_kube_wire_points"
REFLECTOR = "tests.sources.kubernetes.test_reflector"
SOURCE = "tests.sources.kubernetes.test_source"
ADAPTER = "tests.adapters.test_kubernetes"

POINTS: Mapping[int, tuple[str, ...]] = {
    1: (f"{REFLECTOR}:test_after_an_error_in_the_stream_it_lists_anew",
        f"{REFLECTOR}:test_a_resumed_watch_that_is_too_old_lists_anew_at_once"),
    2: (f"{HERE}:test_point_02_a_restart_of_the_server_empties_its_cache_and_what_it_forgot_is_told_as_unseen",
        f"{HERE}:test_point_02_a_page_that_has_expired_begins_the_list_anew"),
    3: (f"{REFLECTOR}:test_a_server_restored_from_a_backup_is_listed_anew_before_its_silence_can_deceive",
        f"{HERE}:test_point_03_after_a_restore_a_flip_is_paged",
        f"{REFLECTOR}:test_an_error_in_a_streaming_list_is_a_failure"),
    4: (f"{REFLECTOR}:test_a_minute_between_bookmarks_is_no_silence",
        f"{REFLECTOR}:test_it_resumes_from_a_bookmark_too"),
    5: (f"{REFLECTOR}:test_it_lists_by_a_stream_and_watches_from_where_the_list_ended",
        f"{REFLECTOR}:test_an_empty_collection_is_a_list_of_nothing",
        f"{REFLECTOR}:test_where_the_end_of_the_initial_events_is_not_marked_it_reads_pages",
        f"{REFLECTOR}:test_a_streaming_list_that_ends_early_is_no_list"),
    6: (f"{HERE}:test_point_06_items_of_a_list_carry_no_kind",),
    7: (f"{HERE}:test_point_07_a_write_that_changes_nothing_is_no_event_and_no_doubt",),
    8: (f"{HERE}:test_point_08_a_deletion_has_a_revision_of_its_own",
        f"{HERE}:test_point_08_what_was_deleted_and_made_anew_is_another_object"),
    9: (f"{HERE}:test_point_09_one_scale_up_is_one_page_however_many_events_it_is",
        f"{HERE}:test_point_09_a_status_of_an_older_generation_says_nothing_of_this_one"),
    10: (f"{HERE}:test_point_10_an_answer_that_an_event_has_overtaken_takes_nothing_back",
         f"{HERE}:test_point_10_an_event_that_a_read_has_overtaken_happened_all_the_same"),
    11: (f"{REFLECTOR}:test_after_a_clean_end_it_resumes_from_the_last_revision",
         f"{HERE}:test_point_11_a_clean_end_is_no_proof_that_nothing_more_happened"),
    12: (f"{HERE}:test_point_12_an_open_watch_of_a_server_that_drains_still_pages",
         f"{HERE}:test_point_12_an_open_watch_does_not_hide_that_nobody_answers",
         f"{ADAPTER}:test_a_break_between_lines_is_no_clean_end"),
    13: (f"{HERE}:test_point_13_a_permission_that_is_revoked_under_an_open_watch_is_paged",
         "tests.adapters.test_kubernetes_login:test_in_cluster_the_token_is_read_again_and_its_newline_is_no_part_of_it",
         "tests.adapters.test_kubernetes_login:test_after_a_401_the_plugin_is_asked_anew_and_the_request_repeated"),
    14: (f"{ADAPTER}:test_lines_come_whole_however_they_are_cut",
         f"{ADAPTER}:test_half_a_line_at_the_end_is_told"),
    15: (f"{HERE}:test_point_15_a_config_map_without_any_data_is_not_halted",
         f"{HERE}:test_point_15_replicas_that_are_absent_are_1_and_a_status_that_is_absent_is_0"),
    16: (f"{HERE}:test_point_16_a_generation_counts_writes_of_the_spec_and_a_flip_needs_two",),
    17: (f"{HERE}:test_point_17_a_manager_without_a_time_excludes_nothing",),
    18: (f"{HERE}:test_point_18_no_list_is_asked_for_from_the_cache",
         f"{HERE}:test_point_18_a_namespace_that_is_gone_is_an_answer_and_its_switch_not_halted"),
    19: ("tests.sources.kubernetes.test_served:test_a_group_that_is_unknown_is_not_served",
         f"{HERE}:test_point_19_a_404_of_nobody_is_no_object_that_is_gone"),
    20: (f"{HERE}:test_point_20_a_revision_that_the_server_cannot_read_is_not_asked_for_again",
         f"{ADAPTER}:test_a_refusal_is_told_by_its_status"),
    21: (f"{REFLECTOR}:test_a_refused_watch_keeps_its_place",),
    22: ("tests.sources.kubernetes.test_access:test_a_403_in_the_first_second_of_an_api_server_is_no_lost_permission",
         "tests.sources.kubernetes.test_access:test_a_403_that_stays_is_told",
         f"{HERE}:test_point_22_a_server_that_starts_and_refuses_pages_nobody"),
    23: ("tests.adapters.test_kubernetes_review:test_a_review_is_posted_and_answered_by_201",
         "tests.sources.kubernetes.test_permissions:test_a_denial_is_a_bare_false",
         "tests.sources.kubernetes.test_permissions:test_reading_and_asking_about_oneself_is_not"),
    24: (f"{REFLECTOR}:test_silence_for_longer_than_the_bookmarks_is_a_dead_connection",
         f"{ADAPTER}:test_silence_is_told_before_the_first_byte_and_after",
         f"{HERE}:test_point_24_a_frozen_server_is_noticed_within_seconds_and_what_it_kept_back_is_told"),
    25: (f"{HERE}:test_point_25_a_config_map_of_900_kb_is_watched_through_a_real_socket",),
}  # fmt: skip


@pytest.mark.parametrize("point", POINTS)
def test_the_tests_that_a_point_is_held_by_exist(point: int) -> None:
    for named in POINTS[point]:
        module, _, name = named.partition(":")
        assert inspect.isfunction(getattr(import_module(module), name, None)), named


def test_no_point_is_left_out_and_no_test_of_this_module_is_unlisted() -> None:
    assert list(POINTS) == [*range(1, 26)]
    here = {f"{HERE}:{name}" for name in globals() if name.startswith("test_point_")}
    assert here <= {named for tests in POINTS.values() for named in tests}


def flip(cluster: Cluster, value: str) -> None:
    kubectl.set_data(cluster, FLOOR, SWITCH, EXECUTION_HALTED=value)


def scale(cluster: Cluster, replicas: int) -> None:
    kubectl.scale(cluster, "deploy", AGENTS, "execution-agent", replicas)


def fired(world: Guarded, rule: str) -> list[tuple[Any, str]]:
    return world.fired(rule)


def test_point_02_a_restart_of_the_server_empties_its_cache_and_what_it_forgot_is_told_as_unseen() -> None:
    async def act(world: Guarded) -> list[Any]:
        world.floor.server.outages.sigkill()
        await world.at(2)
        flip(world.floor.cluster, "0")
        flip(world.floor.cluster, "1")
        world.floor.server.outages.start()
        await world.at(20)
        return [k.fact for k in world.daemon.assessment.posture.facts.values() if isinstance(k.fact, UnseenWrite)]

    doubts, world = guarded(act)
    assert [(doubt.kind, doubt.name) for doubt in doubts] == [("ConfigMap", SWITCH)]
    assert [sev for _, sev in fired(world, "UnseenWrite")] == ["Sev-1"]


def test_point_02_a_page_that_has_expired_begins_the_list_anew() -> None:
    """Its 410 offers an inconsistent continuation, which would mix two revisions: half a list is none."""
    unserved = KubernetesError(422, "Invalid", "sendInitialEvents is forbidden")
    run = Run(unserved, page(6, ON, more="token"), KubernetesError(410, "Expired", "too old")).until_it_fails()
    assert run.told == [] and run.reflector.revision == ""
    run.kubernetes.script = [page(9, OFF), []]
    assert run.until_it_fails().told == ["listed 1 at 9"]
    assert "continue" not in run.kubernetes.requests[3][1]


def test_point_03_after_a_restore_a_flip_is_paged() -> None:
    async def act(world: Guarded) -> None:
        cluster = world.floor.cluster
        backup = cluster.backup()
        for value in "abc":
            kubectl.set_data(cluster, FLOOR, "agenttrader-heartbeat-ops-cron", last_seen=value)
        await world.at(5)
        world.floor.server.outages.restore(backup)
        await world.at(15)
        scale(cluster, 1)
        scale(cluster, 0)
        await world.at(20)

    _, world = guarded(act)
    assert fired(world, "ExecutionWorkloadAboveZero") == [(pytest.approx(15, abs=0.1), "Sev-0")]


def test_point_06_items_of_a_list_carry_no_kind() -> None:
    bare = {name: value for name, value in OFF.items() if name not in ("kind", "apiVersion")}
    unserved = KubernetesError(422, "Invalid", "sendInitialEvents is forbidden")
    assert Run(unserved, page(7, bare), []).until_it_fails().told == ["listed 1 at 7"]
    assert CONFIG_MAPS.object(json.dumps(bare).encode()).data == RUNNING


def test_point_07_a_write_that_changes_nothing_is_no_event_and_no_doubt() -> None:
    """A client that waited for the event of its own look, or took an equal revision for a write, would be wrong."""
    same = Version("u", 3, 7)
    assert account(same, same).finding is Finding.NOTHING
    config_map_ = Version("u", 0, 7)
    assert account(config_map_, config_map_).finding is Finding.NOTHING


def test_point_08_a_deletion_has_a_revision_of_its_own() -> None:
    gone = config_map(12, HALTED)  # the last state, and the revision of the deletion
    run = Run(STREAMED, [line("DELETED", gone)], page(12), []).until_it_fails()
    assert run.told[:2] == ["listed 1 at 6", "deleted 1"]
    assert run.watched_from == ["6", "12"]
    world = World()
    world.event(config_map(5, HALTED))
    world.event(config_map(9, HALTED), deleted=True)
    assert world.switch.halted is False


def test_point_08_what_was_deleted_and_made_anew_is_another_object() -> None:
    said = account(Version("a", 0, 7), Version("b", 0, 9))
    assert (said.finding, said.reason) == (Finding.UNSEEN, "Recreated")


def test_point_09_one_scale_up_is_one_page_however_many_events_it_is() -> None:
    async def act(world: Guarded) -> None:
        scale(world.floor.cluster, 1)
        await world.at(5)

    _, world = guarded(act)
    assert len(fired(world, "ExecutionWorkloadAboveZero")) == 1
    assert len([d for d in world.pager.deliveries if d.labels["alertname"] == "ExecutionWorkloadAboveZero"]) == 1


def test_point_09_a_status_of_an_older_generation_says_nothing_of_this_one() -> None:
    template = {"metadata": {"labels": {"app": "execution-engine"}}, "spec": {"containers": []}}
    daemon_set = {
        "kind": "DaemonSet",
        "metadata": {**config_map(7, None)["metadata"], "name": "execution-engine", "generation": 2},
        "spec": {"selector": {"matchLabels": {"app": "execution-engine"}}, "template": template},
        "status": {"desiredNumberScheduled": 0, "currentNumberScheduled": 0, "observedGeneration": 1},
    }
    world = World()
    world.event(daemon_set)
    assert world.workload("execution-engine").desired == 1


def test_point_10_an_answer_that_an_event_has_overtaken_takes_nothing_back() -> None:
    world = World()
    world.event(config_map(5, HALTED))
    with world.telling.inventory.store(CONFIG_MAPS).looking() as began:
        world.event(config_map(7, RUNNING))
        world.read(CONFIG_MAPS, Key(FLOOR, SWITCH), config_map(5, HALTED), began)
    assert world.switch.halted is False


def test_point_10_an_event_that_a_read_has_overtaken_happened_all_the_same() -> None:
    world = World()
    world.event(config_map(5, HALTED))
    with world.telling.inventory.store(CONFIG_MAPS).looking() as began:
        world.read(CONFIG_MAPS, Key(FLOOR, SWITCH), config_map(9, HALTED), began)
    told = world.event(config_map(7, RUNNING))
    said = [fact.halted for facts in told for fact in facts.seen if isinstance(fact, KillSwitch)]
    assert said == [False, True], "it was off in between, and is on"


def test_point_11_a_clean_end_is_no_proof_that_nothing_more_happened() -> None:
    """The server ended the stream because we were slow: what it had not sent comes with the next."""
    missed = [line("MODIFIED", config_map(8, RUNNING)), line("MODIFIED", config_map(9, HALTED))]
    run = Run(STREAMED, [line("MODIFIED", config_map(7, HALTED))], page(9), missed).until_it_fails()
    assert run.told[-2:] == ["now 0", "now 1"] and run.gaps == [None]


def test_point_12_an_open_watch_of_a_server_that_drains_still_pages() -> None:
    async def act(world: Guarded) -> None:
        world.floor.server.outages.sigterm()
        await world.at(DRAIN_SECONDS - 10)
        flip(world.floor.cluster, "0")
        await world.at(DRAIN_SECONDS - 9)

    _, world = guarded(act)
    assert fired(world, "KillSwitchNotHalted") == [(pytest.approx(DRAIN_SECONDS - 10, abs=0.1), "Sev-0")]


def test_point_12_an_open_watch_does_not_hide_that_nobody_answers() -> None:
    async def act(world: Guarded) -> None:
        world.floor.server.outages.sigterm()
        await world.at(20)

    _, world = guarded(act)
    assert fired(world, "SourceUnavailable") == [(pytest.approx(15, abs=1.0), "Sev-1")]


def test_point_13_a_permission_that_is_revoked_under_an_open_watch_is_paged() -> None:
    """The list of StatefulSets is read by nothing but its WATCH, which goes on."""

    async def act(world: Guarded) -> None:
        role = kubectl.get(world.floor.cluster, "clusterrole", "", "watchdog-reader").object
        rules = [{**r, "resources": [n for n in r["resources"] if n != "statefulsets"]} for r in role["rules"]]
        kubectl.patch(world.floor.cluster, "clusterrole", "", "watchdog-reader", {"rules": rules})
        await world.at(90)

    _, world = guarded(act, prepare=lambda world: permit(world.floor.cluster), account=WATCHDOG)
    assert [sev for _, sev in fired(world, "PermissionMissing")] == ["Sev-1"]


def test_point_15_a_config_map_without_any_data_is_not_halted() -> None:
    """Whose last key was removed has no ``data`` at all."""
    world = World()
    world.event(config_map(5, HALTED))
    world.event(config_map(7, None))
    assert world.switch.halted is False


@pytest.mark.parametrize(("replicas", "desired"), [(None, 1), (0, 0), (2, 2)])
def test_point_15_replicas_that_are_absent_are_1_and_a_status_that_is_absent_is_0(
    replicas: int | None, desired: int
) -> None:
    made = workload("execution-engine", 5, replicas)
    del made["status"]
    world = World()
    world.event(made)
    told = world.workload("execution-engine")
    assert (told.desired, told.reported) == (desired, 0)


@pytest.mark.parametrize(
    ("before", "after", "finding"),
    [
        ((3, 7), (3, 9), Finding.NOTHING),  # labels, status: its revision alone moved
        ((3, 7), (4, 9), Finding.SEEN),  # one write: what it made is what is seen
        ((3, 7), (5, 9), Finding.UNSEEN),  # two: there and back, or two annotations
        ((0, 7), (0, 9), Finding.UNSEEN),  # a ConfigMap has none: one write, or two
        ((5, 9), (3, 7), Finding.UNSEEN),  # restored from a backup
    ],
)
def test_point_16_a_generation_counts_writes_of_the_spec_and_a_flip_needs_two(
    before: tuple[int, int], after: tuple[int, int], finding: Finding
) -> None:
    assert account(Version("u", *before), Version("u", *after)).finding is finding


def test_point_17_a_manager_without_a_time_excludes_nothing() -> None:
    """``kubectl scale`` leaves an entry without one: whoever reads it as *long ago* calls a flip excluded."""

    def written(time: str | None) -> afterwards.Written:
        annotated = {"manager": "x", "time": "2026-11-23T15:10:05Z", "fieldsV1": {"f:metadata": {"f:annotations": {}}}}
        scaled = {"manager": "kubectl", "subresource": "scale", "fieldsV1": {"f:spec": {"f:replicas": {}}}}
        entries = [annotated, scaled | ({"time": time} if time else {})]
        found = {"metadata": {"name": "execution-agent", "managedFields": entries}}
        read: afterwards.Written = afterwards._object(json.dumps(found).encode())
        return read

    doubt = a_doubt()
    assert afterwards.excluded(doubt, written("2026-11-23T09:00:00Z"))
    assert not afterwards.excluded(doubt, written(None))
    assert not afterwards.excluded(doubt, written("2026-11-23T15:10:05Z"))


def a_doubt() -> Doubt:
    began, ended = (START.replace(hour=15, minute=10, second=second) for second in (0, 10))
    fact = UnseenWrite(AGENTS, "Deployment", "execution-agent", "", "", "Rewritten", "", "")
    window = Window(began, ended, 10.0)
    return Doubt(fact, DEPLOYMENTS, Key(AGENTS, "execution-agent"), window, excludable=True)


def test_point_18_no_list_is_asked_for_from_the_cache() -> None:
    """``resourceVersion=0`` answers what a cache holds, as old as that may be, and ignores ``limit``."""
    unserved = KubernetesError(422, "Invalid", "sendInitialEvents is forbidden")
    run = Run(unserved, page(6, ON, more="token"), page(6), []).until_it_fails()
    lists = [query for _, query in run.kubernetes.requests if query.get("limit") not in (None, "1")]
    assert len(lists) == 2 and all("resourceVersion" not in query for query in lists)


def test_point_18_a_namespace_that_is_gone_is_an_answer_and_its_switch_not_halted() -> None:
    async def act(world: Guarded) -> None:
        kubectl.delete(world.floor.cluster, "ns", "", FLOOR)
        await world.at(60)

    _, world = guarded(act)
    assert fired(world, "KillSwitchNotHalted")[0] == (pytest.approx(0, abs=0.2), "Sev-0")
    assert fired(world, "SourceUnavailable") == []


def test_point_19_a_404_of_nobody_is_no_object_that_is_gone() -> None:
    """``404 page not found`` comes from whoever does not know the path, or from a proxy: nothing was looked at."""
    path = f"/api/v1/namespaces/{FLOOR}/configmaps/{SWITCH}"

    async def act(world: Guarded) -> None:
        world.floor.server.faults.inject(Refuse(path=path, status=404, reason="NotFound", message="page not found"))
        await world.at(20)

    _, world = guarded(act)
    assert fired(world, "KillSwitchNotHalted") == []
    assert [sev for _, sev in fired(world, "SourceUnavailable")] == ["Sev-1"]


def test_point_20_a_revision_that_the_server_cannot_read_is_not_asked_for_again() -> None:
    run = Run(STREAMED, KubernetesError(500, "InternalError", "strconv.ParseUint")).until_it_fails()
    assert run.reflector.revision == ""
    run.kubernetes.script = [[bookmark(9, initial=True)], []]
    assert [gap and gap.reason for gap in run.until_it_fails().gaps] == [None, "InternalError"]


def test_point_22_a_server_that_starts_and_refuses_pages_nobody() -> None:
    async def act(world: Guarded) -> None:
        world.floor.server.outages.restart()
        await world.at(30)

    _, world = guarded(act, prepare=lambda world: permit(world.floor.cluster), account=WATCHDOG)
    assert [edge for edge in world.edges if " fired " in edge] == []


def test_point_24_a_frozen_server_is_noticed_within_seconds_and_what_it_kept_back_is_told() -> None:
    async def act(world: Guarded) -> None:
        world.floor.server.faults.inject(Hang())
        await world.at(5)
        scale(world.floor.cluster, 1)
        scale(world.floor.cluster, 0)
        await world.at(SILENCE + 10)
        world.floor.server.faults.clear()
        await world.at(SILENCE + 30)

    _, world = guarded(act)
    assert fired(world, "SourceUnavailable")[0] == (pytest.approx(15, abs=1.0), "Sev-1")
    assert [sev for _, sev in fired(world, "ExecutionWorkloadAboveZero")] == ["Sev-0"]


async def test_point_25_a_config_map_of_900_kb_is_watched_through_a_real_socket(tmp_path: Path) -> None:
    floor = trading_floor(lambda: START)
    face = HttpFace(floor.server, 0)
    await face.start()
    cluster = {"name": "x", "cluster": {"server": face.url}}
    context = {"name": "x", "context": {"cluster": "x"}}
    (tmp_path / "kubeconfig").write_text(json.dumps(
        {"current-context": "x", "contexts": [context], "clusters": [cluster]}))  # fmt: skip
    client = KubernetesApi(str(tmp_path / "kubeconfig"))
    revision = str(floor.cluster.revision)
    try:
        query = {"watch": "true", "resourceVersion": revision}
        async with client.watch(STORED_CONFIG_MAPS_PATH, query, 5.0) as lines:
            kubectl.set_data(floor.cluster, FLOOR, SWITCH, note="x" * 900_000)
            event: Any = CONFIG_MAPS.line(await anext(lines))
    finally:
        await client.close()
        await face.stop()
    assert len(event.object.data["note"]) == 900_000


STORED_CONFIG_MAPS_PATH = f"/api/v1/namespaces/{FLOOR}/{STORED_CONFIG_MAPS.plural}"
