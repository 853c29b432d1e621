"""Servers that go away and come back, what they forget, and slow readers, against the recordings of a real one."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

import aiohttp
import pytest

from tests.simulator.access import As, admit_reader, reader
from tests.simulator.client import SWITCH, SWITCHES, config_map, types
from tests.simulator.stage import JSON, Recordings, Stage, staged
from tests.virtual import in_virtual_time
from watchdog.simulator import kubectl
from watchdog.simulator.http_face import HttpFace


def flips(stage: Stage, count: int) -> None:
    for number in range(count):
        kubectl.set_data(stage.cluster, "trading-floor", "agenttrader-kill-switch", EXECUTION_HALTED=str(number))


def test_a_server_is_terminated_as_recorded(recordings: Recordings) -> None:
    async def main() -> None:
        stage, recording = staged(recordings), recordings("watch-apiserver-sigterm")
        old, loop = str(stage.cluster.revision), asyncio.get_running_loop()
        recorded = recording["response"]["stream"]
        flips(stage, len(recorded))
        events: list[JSON] = []
        query = {**recording["request"]["query"], "resourceVersion": old}
        del query["allowWatchBookmarks"]  # the recorded one came at no minute of its watch
        task = await stage.api.collect(events, recording["request"]["path"], **query)
        await asyncio.sleep(0.5)
        stage.server.outages.sigterm()
        assert recording["polls"][1]["new_request"] == "ClientConnectorError"
        with pytest.raises(ConnectionRefusedError):
            await stage.api.get(SWITCH)
        await task  # ends, and raises nothing
        assert types(events) == [one["event"]["type"] for one in recorded]
        assert recording["response"]["end"] == "server ended the stream cleanly (EOF) at 60529 ms"
        assert loop.time() == pytest.approx(60.529, abs=0.1)

    in_virtual_time(main())


async def test_a_server_is_killed_as_recorded(stage: Stage, recordings: Recordings) -> None:
    recording = recordings("watch-apiserver-sigkill")
    face = HttpFace(stage.server)
    await face.start()
    async with (
        aiohttp.ClientSession(face.url) as http,
        http.get(recording["request"]["path"], params=recording["request"]["query"]) as watch,
    ):
        assert json.loads(await watch.content.readline())["type"] == "ADDED"
        stage.server.outages.sigkill()
        with pytest.raises(aiohttp.ClientError) as ended:
            await watch.content.readline()
        assert f"aiohttp.client_exceptions.{type(ended.value).__name__}" in recording["response"]["end"]
    await face.stop()


def test_a_server_starts_as_recorded(recordings: Recordings) -> None:
    """Each recorded request at each recorded instant, and the same results in the same order."""

    async def main() -> None:
        stage = staged(recordings)
        admit_reader(stage.cluster)
        apis = {"admin": As(stage.server), "ServiceAccount watchdog-ro": reader(stage.server)}
        stage.server.outages.restart()
        instants = sorted(
            (result[edge] / 1e3, result["result"], index)
            for index, one in enumerate(recordings("apiserver-startup-sequence")["requests"])
            for result in one["results"]
            for edge in ("from_ms", "last_ms")
            if edge in result
        )
        for second, result, index in instants:
            await asyncio.sleep(second - asyncio.get_running_loop().time())
            asked = recordings("apiserver-startup-sequence")["requests"][index]["request"]
            assert await _result(apis[asked["as"]], asked) == result, (second, asked)

    in_virtual_time(main())


async def _result(api: As, asked: JSON) -> str:
    try:
        response = await api.send(asked["method"], asked["path"], asked["query"])
    except ConnectionRefusedError:
        return "ClientConnectorError"
    if not isinstance(response.body, bytes):
        await cast(AsyncGenerator[bytes, None], response.body).aclose()
    if response.status == 403:
        assert response.headers["X-Kubernetes-Pf-Flowschema-Uid"] == ""
    return str(response.status)


def test_a_refusal_while_a_server_starts_is_worded_as_recorded(recordings: Recordings) -> None:
    async def main() -> None:
        stage = staged(recordings)
        admit_reader(stage.cluster)
        stage.server.outages.restart()
        await asyncio.sleep(0.1)
        refused = [
            one for one in recordings("apiserver-startup-sequence")["requests"] if one["results"][1]["result"] == "403"
        ]
        assert len(refused) == 3
        for one in refused:
            response = await reader(stage.server).send("GET", one["request"]["path"], one["request"]["query"])
            assert isinstance(response.body, bytes) and response.body.decode() == one["results"][1]["body"]

    in_virtual_time(main())


REPLAYED = (
    ("watch-old-rv-still-in-cache-window", False),
    ("watch-old-rv-after-etcd-compaction-but-in-cache", True),
    ("watch-400-writes-old-rv-replayed", True),
)


@pytest.mark.parametrize(("name", "compacted"), REPLAYED)
def test_an_old_revision_is_replayed_as_recorded(recordings: Recordings, name: str, compacted: bool) -> None:
    async def main() -> None:
        stage, recording = staged(recordings), recordings(name)
        old = stage.cluster.revision
        stream = [one for one in recording["response"]["stream"] if isinstance(one, dict)]
        wanted = int(recording["request"]["query"]["resourceVersion"])
        revisions = [int(one["event"]["object"]["metadata"]["resourceVersion"]) - wanted for one in stream]
        flips(stage, max(revisions))
        if compacted:
            stage.cluster.compact()
        query = {**recording["request"]["query"], "resourceVersion": str(old)}
        events = await stage.api.events(recording["request"]["path"], **query)
        ours = [int(event["object"]["metadata"]["resourceVersion"]) - old for event in events]
        assert set(revisions) <= set(ours) and ours == list(range(1, len(ours) + 1))
        assert set(types(events)) == {one["event"]["type"] for one in stream}
        assert asyncio.get_running_loop().time() == pytest.approx(float(query["timeoutSeconds"]), abs=0.1)

    in_virtual_time(main())


def test_the_deprecated_path_is_watched_as_recorded(recordings: Recordings) -> None:
    async def main() -> None:
        stage, recording = staged(recordings), recordings("watch-deprecated-path")
        recorded = [json.loads(line) for line in recording["response"]["body"].splitlines()]
        old = str(stage.cluster.revision)
        flips(stage, len(recorded))
        query = {**recording["request"]["query"], "resourceVersion": old}
        response = await stage.api.send("GET", recording["request"]["path"], query)
        assert not isinstance(response.body, bytes)
        lines = b"".join([chunk async for chunk in response.body]).splitlines()
        assert types([json.loads(line) for line in lines]) == types(recorded)
        assert asyncio.get_running_loop().time() == pytest.approx(recording["response"]["elapsed_ms"] / 1e3, abs=0.1)

    in_virtual_time(main())


async def test_a_list_goes_on_after_a_compaction_as_recorded(stage: Stage, recordings: Recordings) -> None:
    recording = recordings("list-continue-just-after-compaction-200")
    recorded = recording["response"]["body"]["metadata"]
    for number in range(15):  # 16 in all: two pages of two, and twelve
        kubectl.create(stage.cluster, config_map(f"map-{number:02}", "default"))
    _, first = await stage.api.get(recording["request"]["path"], limit="2")
    kubectl.delete(stage.cluster, "cm", "default", "map-09")
    stage.cluster.compact()
    token = {"limit": "2", "continue": first["metadata"]["continue"]}
    status, body = await stage.api.get(recording["request"]["path"], **token)
    assert (status, list(body["metadata"])) == (200, list(recorded))
    assert body["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    assert body["metadata"]["remainingItemCount"] == recorded["remainingItemCount"]
    ours, theirs = (_token(one["continue"]) for one in (body["metadata"], recorded))
    assert list(ours) == list(theirs) and ours["start"].startswith("/") and ours["start"].endswith("\0")


def _token(text: str) -> JSON:
    content: JSON = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return content


def test_a_slow_reader_is_left_behind_as_recorded(recordings: Recordings) -> None:
    """It reads nothing while more is written than a server keeps for it; what then comes are the first events, without
    a gap, and a clean end."""

    async def main() -> None:
        recording = recordings("watch-slow-consumer")
        stage = staged(recordings)
        size = recording["bytes_received"] / recording["events_received"]
        made = int(recording["rv_after_storm"]) - int(recording["start_rv"])
        filler = "x" * (int(size) - 1063)
        old = str(stage.cluster.revision)
        async with aclosing(await stage.api.stream(SWITCHES, resourceVersion=old)) as stream:
            reading = asyncio.ensure_future(anext(stream))
            await asyncio.sleep(0)  # it is open, and does not read
            for number in range(made // 8):
                change = {"filler": filler, "n": f"{number:05}"}
                kubectl.set_data(stage.cluster, "trading-floor", "agenttrader-kill-switch", **change)
            received = await reading + b"".join([chunk async for chunk in stream])
        numbers = [json.loads(line)["object"]["data"]["n"] for line in received.splitlines()]
        assert numbers == [f"{number:05}" for number in range(len(numbers))]
        assert recording["end"] == "EOF" and b"ERROR" not in received
        assert len(received) == pytest.approx(recording["bytes_received"], rel=0.02)
        assert len(numbers) == pytest.approx(recording["events_received"], rel=0.05)

    in_virtual_time(main())


async def test_a_large_object_breaks_a_client_with_a_small_buffer_as_recorded(
    stage: Stage, recordings: Recordings
) -> None:
    recording = recordings("watch-900kB-configmap-aiohttp-default-buffer")
    kubectl.create(stage.cluster, config_map("fixture-big", data="x" * 900_000))
    face = HttpFace(stage.server)
    await face.start()
    for buffer, outcome in ((2**16, "LineTooLong"), (2**21, "")):
        async with (
            aiohttp.ClientSession(face.url, read_bufsize=buffer) as http,
            http.get(
                recording["request"]["path"], params={**recording["request"]["query"], "timeoutSeconds": "1"}
            ) as watch,
        ):
            assert await _read(watch) == outcome
    assert recording["response"]["client_side_result"].startswith("LineTooLong")
    await face.stop()


async def _read(watch: aiohttp.ClientResponse) -> str:
    try:
        async for _ in watch.content:
            pass
    except aiohttp.http_exceptions.LineTooLong:
        return "LineTooLong"
    return ""
