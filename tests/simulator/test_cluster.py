from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.client import NOW, config_map, deployment
from watchdog.simulator import kubectl
from watchdog.simulator.cluster import Cluster, DeleteOptions
from watchdog.simulator.errors import ApiError
from watchdog.simulator.history import TooOld
from watchdog.simulator.managed_fields import Author
from watchdog.simulator.resources import ALL, CONFIG_MAPS, DEPLOYMENTS, PODS
from watchdog.simulator.strategy import Preconditions

SWITCH = ("trading-floor", "agenttrader-kill-switch")


def flip(cluster: Cluster, value: str | None) -> int:
    return kubectl.set_data(cluster, *SWITCH, EXECUTION_HALTED=value).revision


def test_one_counter_numbers_all_writes(cluster: Cluster) -> None:
    before = cluster.revision
    assert flip(cluster, "0") == before + 1
    kubectl.create(cluster, deployment())
    assert cluster.get(DEPLOYMENTS, "agenttrader", "execution-agent").revision == before + 2 == cluster.revision


def test_a_write_that_changes_nothing_makes_no_revision_and_no_event(cluster: Cluster) -> None:
    woken: list[bool] = []
    subscription = cluster.subscribe(CONFIG_MAPS, lambda: woken.append(True))
    before = cluster.revision
    assert flip(cluster, "1") < before + 1
    assert cluster.revision == before and not woken and not subscription.events


def test_what_is_stored_is_never_changed_in_place(cluster: Cluster) -> None:
    old = cluster.get(CONFIG_MAPS, *SWITCH)
    text = old.json
    flip(cluster, "0")
    assert old.object["data"] == {"EXECUTION_HALTED": "1"} and old.json == text


def test_a_deletion_is_an_event_with_the_last_state_and_a_revision_of_its_own(cluster: Cluster) -> None:
    subscription = cluster.subscribe(CONFIG_MAPS, lambda: None)
    kubectl.delete(cluster, "cm", *SWITCH)
    (event,) = subscription.events
    assert (event.type, event.after.object["data"]) == ("DELETED", {"EXECUTION_HALTED": "1"})
    assert event.after.object["metadata"]["resourceVersion"] == str(cluster.revision) == str(event.revision)


def test_what_is_made_again_has_another_uid(cluster: Cluster) -> None:
    old = cluster.get(CONFIG_MAPS, *SWITCH)
    kubectl.delete(cluster, "cm", *SWITCH)
    kubectl.create(cluster, config_map(SWITCH[1], EXECUTION_HALTED="1"))
    assert cluster.get(CONFIG_MAPS, *SWITCH).uid != old.uid


def test_a_config_map_whose_last_key_goes_has_no_data_at_all(cluster: Cluster) -> None:
    flip(cluster, None)
    assert "data" not in cluster.get(CONFIG_MAPS, *SWITCH).object


@pytest.mark.parametrize(
    ("change", "bump"),
    [
        ({"spec": {"replicas": 1}}, 1),
        ({"spec": {"template": {"spec": {"dnsPolicy": "Default"}}}}, 1),
        ({"metadata": {"annotations": {"a": "b"}}}, 1),
        ({"metadata": {"labels": {"a": "b"}}}, 0),
        ({"spec": {"replicas": 0}}, 0),
        ({"status": {"replicas": 7}}, 0),
    ],
)
def test_a_deployments_generation_counts_spec_and_annotations(
    cluster: Cluster, change: dict[str, Any], bump: int
) -> None:
    kubectl.create(cluster, deployment())
    after = kubectl.patch(cluster, "deploy", "agenttrader", "execution-agent", change)
    assert after.object["metadata"]["generation"] == 1 + bump


def test_a_write_of_the_object_keeps_the_status_and_the_other_way_round(cluster: Cluster) -> None:
    kubectl.create(cluster, deployment())
    record = cluster.get(DEPLOYMENTS, "agenttrader", "execution-agent")
    both = {**record.object, "spec": {**record.object["spec"], "replicas": 3}, "status": {"replicas": 2}}
    record = cluster.update(record, both, Author("test"))
    assert (record.object["spec"]["replicas"], record.object["status"]) == (3, {})
    other = {**record.object, "spec": {**record.object["spec"], "replicas": 9}, "status": {"replicas": 2}}
    record = cluster.update(record, other, Author("test", "status"))
    assert (record.object["spec"]["replicas"], record.object["status"]) == (3, {"replicas": 2})
    assert record.object["metadata"]["generation"] == 2


def test_a_config_map_has_no_generation(cluster: Cluster) -> None:
    assert "generation" not in cluster.get(CONFIG_MAPS, *SWITCH).object["metadata"]


def test_a_dry_run_shows_the_next_generation_and_stores_nothing(cluster: Cluster) -> None:
    kubectl.create(cluster, deployment())
    record = cluster.get(DEPLOYMENTS, "agenttrader", "execution-agent")
    changed = {**record.object, "spec": {**record.object["spec"], "replicas": 1}}
    shown = cluster.update(record, changed, Author("test"), dry_run=True)
    assert shown.object["metadata"]["generation"] == 2
    assert shown.object["metadata"]["resourceVersion"] == str(record.revision)
    assert cluster.get(DEPLOYMENTS, "agenttrader", "execution-agent") is record


def test_an_outdated_resource_version_is_a_conflict(cluster: Cluster) -> None:
    old = cluster.get(CONFIG_MAPS, *SWITCH)
    flip(cluster, "0")
    with pytest.raises(ApiError, match="the object has been modified"):
        cluster.update(cluster.get(CONFIG_MAPS, *SWITCH), old.object, Author("test"))


def test_a_deletion_with_another_uid_is_a_conflict(cluster: Cluster) -> None:
    with pytest.raises(ApiError, match="UID in the precondition"):
        cluster.delete(cluster.get(CONFIG_MAPS, *SWITCH), DeleteOptions(preconditions=Preconditions(uid="another")))


def test_an_immutable_config_map_can_only_be_deleted(cluster: Cluster) -> None:
    kubectl.patch(cluster, "cm", *SWITCH, {"immutable": True})
    with pytest.raises(ApiError, match="field is immutable when `immutable` is set"):
        flip(cluster, "0")
    assert kubectl.delete(cluster, "cm", *SWITCH).gone


def test_nothing_is_made_in_a_namespace_that_does_not_exist(cluster: Cluster) -> None:
    with pytest.raises(ApiError, match='namespaces "nowhere" not found'):
        cluster.create(CONFIG_MAPS, "nowhere", config_map("x", "nowhere"), Author("test"))


def test_the_collection_can_be_had_as_it_was(cluster: Cluster) -> None:
    before = cluster.revision
    flip(cluster, "0")
    kubectl.create(cluster, config_map("later"))
    kubectl.delete(cluster, "cm", *SWITCH)
    past = cluster.records_at(CONFIG_MAPS, "trading-floor", before)
    assert [(one.name, one.object["data"]) for one in past] == [(SWITCH[1], {"EXECUTION_HALTED": "1"})]
    assert [one.name for one in cluster.records(CONFIG_MAPS)] == ["later"]


def test_events_beyond_the_window_are_too_old() -> None:
    cluster = Cluster(lambda: NOW, window=3)
    kubectl.create(cluster, config_map(SWITCH[1], EXECUTION_HALTED="1"))
    revisions = [flip(cluster, str(number)) for number in range(10)]
    assert [event.revision for event in cluster.since(CONFIG_MAPS, revisions[6])] == revisions[7:]
    with pytest.raises(TooOld) as gap:
        cluster.since(CONFIG_MAPS, revisions[5])
    assert gap.value.floor == revisions[6]


def test_after_a_restart_even_what_is_one_write_old_is_too_old(cluster: Cluster) -> None:
    before = cluster.revision
    flip(cluster, "0")
    assert cluster.since(CONFIG_MAPS, before)
    cluster.forget_history()
    assert cluster.since(CONFIG_MAPS, cluster.revision) == []
    with pytest.raises(TooOld):
        cluster.since(CONFIG_MAPS, before)


def test_a_list_is_in_the_order_of_the_keys_in_etcd(cluster: Cluster) -> None:
    kubectl.create(cluster, config_map("b", "a"), config_map("a", "a-b"), config_map("a", "a"))
    keys = [one.key for one in cluster.records(CONFIG_MAPS)]
    assert keys == ["a-b/a", "a/a", "a/b", "trading-floor/agenttrader-kill-switch"]
    assert [one.key for one in cluster.records(CONFIG_MAPS, "a")] == ["a/a", "a/b"]


def test_the_same_seed_gives_the_same_uids_and_names() -> None:
    def story(seed: int) -> list[bytes]:
        cluster = Cluster(lambda: NOW, seed)
        kubectl.create(cluster, config_map("x"))
        container = {"name": "c", "image": "i:1"}
        pod = {"metadata": {"generateName": "p-"}, "spec": {"containers": [container]}}
        cluster.create(PODS, "trading-floor", pod, Author("test"))
        return [record.json for resource in ALL for record in cluster.records(resource)]

    assert story(1) == story(1) != story(2)


def test_a_reader_that_is_too_slow_loses_the_rest() -> None:
    cluster = Cluster(lambda: NOW, watch_buffer=2)
    subscription = cluster.subscribe(CONFIG_MAPS, lambda: None)
    for name in ("a", "b"):
        kubectl.create(cluster, config_map(name))
    assert not subscription.overflowed
    kubectl.create(cluster, config_map("c"))
    assert subscription.overflowed and len(subscription.events) == 2
