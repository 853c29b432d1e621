"""GET, LIST, errors, discovery and writes against the recordings of a real API server: what issue 2 needs of them."""

from __future__ import annotations

import asyncio
import json
import re

import pytest

from tests.simulator.client import AGENT, MERGE, SWITCH
from tests.simulator.stage import JSON, Recordings, Stage, blotted, staged
from tests.virtual import in_virtual_time
from watchdog.simulator import kubectl
from watchdog.simulator.controller import settle

EQUAL = (
    "get-configmap-kill-switch",
    "get-deployment-execution-agent",
    "get-scale-execution-agent",
    "list-fieldselector-name",
    "list-fieldselector-unsupported-400",
    "list-pods-empty-namespace",
    "error-404-configmap",
    "error-404-patch-scale-of-missing-deployment",
    "error-404-unknown-group",
    "error-404-unknown-resource",
    "error-409-create-exists",
    "error-409-merge-patch-with-stale-resourceversion",
    "error-409-uid-precondition",
    "error-415-patch-wrong-content-type",
    "error-422-invalid",
    "error-422-json-patch-test-failed",
    "error-400-bad-json",
    "watch-invalid-rv",
    "watch-match-without-sendinitial-422",
    "watch-sendinitialevents-without-match-422",
    "healthz",
    "livez",
    "readyz",
)


@pytest.mark.parametrize("name", EQUAL)
async def test_the_answer_is_the_recorded_one(stage: Stage, recordings: Recordings, name: str) -> None:
    recorded = recordings(name)["response"]
    status, body, content_type = await stage.replay(recordings(name))
    expected = recorded["body"] if "body" in recorded else recorded["stream"][0]["event"]
    assert (status, content_type) == (recorded["status"], recorded["headers"]["Content-Type"])
    assert blotted(body) == blotted(expected)


async def test_the_bytes_of_an_object_are_as_many_as_recorded(stage: Stage, recordings: Recordings) -> None:
    """The same fields, the same spelling, the same absences: but for the digits of a resourceVersion."""
    for name, path in (("get-configmap-kill-switch", SWITCH), ("get-deployment-execution-agent", AGENT)):
        recorded = recordings(name)["response"]
        response = await stage.api.send("GET", path)
        assert isinstance(response.body, bytes)
        found = json.loads(response.body)
        digits = len(recorded["body"]["metadata"]["resourceVersion"]) - len(found["metadata"]["resourceVersion"])
        hash = re.compile(r'execution-agent-(\w+)\\" has')
        ours, theirs = (hash.findall(json.dumps(one)) for one in (found, recorded["body"]))
        longer = len("".join(theirs)) - len("".join(ours))
        assert len(response.body) + digits + longer == recorded["body_bytes"]


async def test_a_put_of_an_outdated_object_is_refused_as_recorded(stage: Stage, recordings: Recordings) -> None:
    recording = recordings("error-409-put-stale-resourceversion")
    uid = kubectl.get(stage.cluster, "cm", "trading-floor", "agenttrader-kill-switch").uid
    recording["request"]["body"]["metadata"] |= {"uid": uid, "resourceVersion": "1"}
    status, body, _ = await stage.replay(recording)
    assert (status, blotted(body)) == (409, blotted(recording["response"]["body"]))


async def test_an_immutable_config_map_is_kept_as_recorded(stage: Stage, recordings: Recordings) -> None:
    recording = recordings("error-422-immutable-configmap")
    kubectl.create(stage.cluster, {"apiVersion": "v1", "kind": "ConfigMap", "immutable": True, **FIXTURE})
    status, body, _ = await stage.replay(recording, **{"content-type": MERGE})
    assert (status, body) == (422, recording["response"]["body"])


FIXTURE = {
    "metadata": {"name": "fixture-ks", "namespace": "trading-floor"},
    "data": {"EXECUTION_HALTED": "1"},
}


def test_a_list_from_the_future_is_refused_as_recorded(recordings: Recordings) -> None:
    async def main() -> None:
        recording = recordings("list-future-rv")
        status, body, _ = await staged(recordings).replay(recording)
        assert (status, blotted(body)) == (504, blotted(recording["response"]["body"]))
        assert asyncio.get_running_loop().time() == pytest.approx(recording["response"]["elapsed_ms"] / 1e3, abs=0.1)

    in_virtual_time(main())


async def test_the_scale_is_patched_as_recorded(stage: Stage, recordings: Recordings) -> None:
    for name in ("patch-scale", "patch-scale-noop", "patch-scale-back"):
        status, body, _ = await stage.replay(recordings(name))
        settle(stage.cluster)
        assert (status, blotted(body)) == (200, blotted(recordings(name)["response"]["body"])), name


async def test_a_dry_run_shows_one_generation_more_as_recorded(stage: Stage, recordings: Recordings) -> None:
    before = kubectl.get(stage.cluster, "deploy", "agenttrader", "execution-agent").object
    _, body, _ = await stage.replay(recordings("patch-dryrun"))
    recorded = recordings("patch-dryrun")["response"]["body"]
    assert body["metadata"]["generation"] - before["status"]["observedGeneration"] == 1
    assert recorded["metadata"]["generation"] - recorded["status"]["observedGeneration"] == 1
    assert body["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


async def test_an_annotation_bumps_the_generation_as_recorded(stage: Stage, recordings: Recordings) -> None:
    recording = recordings("patch-json-patch-annotation")
    _, body, _ = await stage.replay(recording)
    assert body["metadata"]["generation"] == 2 and body["metadata"]["annotations"]["fx"] == "1"


async def test_an_unknown_field_is_warned_of_as_recorded(stage: Stage, recordings: Recordings) -> None:
    recording = recordings("patch-cm-warning")
    asked = recording["request"]
    response = await stage.api.send("PATCH", asked["path"], asked["query"], asked["body"], content_type=MERGE)
    assert response.headers["Warning"] == recording["response"]["headers"]["Warning"]


async def test_pages_look_as_recorded(stage: Stage, recordings: Recordings) -> None:
    for number in range(14):
        kubectl.create(stage.cluster, {**FIXTURE_MAP, "metadata": {"name": f"map-{number}", "namespace": "default"}})
    kubectl.create(stage.cluster, {**FIXTURE_MAP, "metadata": {"name": "last", "namespace": "trading-floor"}})
    token = ""
    for name in ("list-limit-page1", "list-limit-page2"):
        recording = recordings(name)
        recording["request"]["query"] = {**recording["request"]["query"], **({"continue": token} if token else {})}
        _, body, _ = await stage.replay(recording)
        recorded = recording["response"]["body"]["metadata"]
        assert list(body["metadata"]) == list(recorded)
        assert body["metadata"]["remainingItemCount"] == recorded["remainingItemCount"]
        token = body["metadata"]["continue"]
    _, body, _ = await stage.replay(recordings("list-limit-with-selector"))
    assert list(body["metadata"]) == list(recordings("list-limit-with-selector")["response"]["body"]["metadata"])
    _, body, _ = await stage.replay(recordings("list-rv0-limit"))
    assert len(body["items"]) == 16 and list(body["metadata"]) == ["resourceVersion"]


FIXTURE_MAP = {"apiVersion": "v1", "kind": "ConfigMap"}


async def test_a_list_that_is_too_old_is_refused_as_recorded(stage: Stage, recordings: Recordings) -> None:
    stage.cluster.revision = 9902
    stage.cluster.forget_history()
    for name in ("list-exact-compacted-410", "list-continue-expired-410"):
        status, body, _ = await stage.replay(recordings(name))
        assert (status, body) == (410, recordings(name)["response"]["body"]), name
    status, body, _ = await stage.replay(recordings("list-continue-garbage-400"))
    recorded = recordings("list-continue-garbage-400")["response"]["body"]
    assert status == 400
    assert body["message"].partition("is not valid")[0] == recorded["message"].partition("is not valid")[0]


async def test_metadata_only_looks_as_recorded(stage: Stage, recordings: Recordings) -> None:
    _, body, _ = await stage.replay(recordings("list-metadata-only"))
    recorded = recordings("list-metadata-only")["response"]["body"]
    assert list(body["items"][0]) == list(recorded["items"][0])
    assert (body["kind"], body["apiVersion"]) == (recorded["kind"], recorded["apiVersion"])


@pytest.mark.parametrize("name", ["api-v1", "apis-apps-v1"])
async def test_each_resource_is_described_as_recorded(stage: Stage, recordings: Recordings, name: str) -> None:
    def described(body: JSON) -> dict[str, JSON]:
        return {one["name"]: {k: v for k, v in one.items() if k != "storageVersionHash"} for one in body["resources"]}

    _, body, _ = await stage.replay(recordings(name))
    recorded = recordings(name)["response"]["body"]
    assert {**body, "resources": []} == {**recorded, "resources": []}
    ours, theirs = described(body), described(recorded)
    assert ours == {resource: theirs[resource] for resource in ours}


async def test_discovery_looks_as_recorded(stage: Stage, recordings: Recordings) -> None:
    _, body, content_type = await stage.replay(recordings("apis-aggregated"))
    recorded = recordings("apis-aggregated")["response"]
    assert content_type == recorded["headers"]["Content-Type"]
    apps, theirs = (
        next(one for one in found["items"] if one["metadata"]["name"] == "apps") for found in (body, recorded["body"])
    )
    names = [one["resource"] for one in apps["versions"][0]["resources"]]
    theirs["versions"][0]["resources"] = [one for one in theirs["versions"][0]["resources"] if one["resource"] in names]
    assert apps == theirs
    _, body, _ = await stage.replay(recordings("apis"))
    groups = recordings("apis")["response"]["body"]["groups"]
    assert all(group in groups for group in body["groups"])
    _, body, _ = await stage.replay(recordings("version"))
    assert body.keys() == recordings("version")["response"]["body"].keys()


async def test_head_is_not_allowed(stage: Stage, recordings: Recordings) -> None:
    recording = recordings("head-not-allowed")["response"]
    response = await stage.api.send("HEAD", SWITCH)
    assert isinstance(response.body, bytes)
    assert (response.status, str(len(response.body))) == (405, recording["headers"]["Content-Length"])
