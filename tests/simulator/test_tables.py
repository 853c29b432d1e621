from __future__ import annotations

import json
from typing import Any

import pytest

from tests.simulator.client import DEPLOYMENTS, NOW, SWITCHES, Api, config_map, types
from tests.virtual import in_virtual_time
from watchdog.simulator import kubectl
from watchdog.simulator.cells import human_duration
from watchdog.simulator.cluster import Cluster
from watchdog.simulator.platform import trading_floor

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


def shown(table: dict[str, Any], *, wide: bool = False) -> list[dict[str, Any]]:
    columns = [one["name"] for one in table["columnDefinitions"]]
    kept = [one["name"] for one in table["columnDefinitions"] if wide or not one["priority"]]
    rows = [dict(zip(columns, row["cells"], strict=True)) for row in table["rows"]]
    return [{name: row[name] for name in kept} for row in rows]


async def test_a_list_of_deployments() -> None:
    floor = trading_floor(lambda: NOW)
    _, table = await Api(floor.server).call("GET", DEPLOYMENTS, accept=TABLE)
    assert (table["kind"], table["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    row = {"Name": "execution-agent", "Ready": "0/0", "Up-to-date": 0, "Available": 0, "Age": "0s"}
    assert shown(table) == [row]
    assert shown(table, wide=True)[0]["Selector"] == "app=execution-agent"
    assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"


async def test_the_pods_of_the_floor() -> None:
    floor = trading_floor(lambda: NOW)
    _, table = await Api(floor.server).call("GET", "/api/v1/namespaces/trading-floor/pods", accept=TABLE)
    gamma = next(row for row in shown(table) if row["Name"] == "gamma-strategy-0")
    assert (gamma["Ready"], gamma["Status"], gamma["Restarts"]) == ("1/1", "Running", "0")


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/namespaces",
        "/api/v1/configmaps",
        "/apis/apps/v1/replicasets",
        "/apis/apps/v1/statefulsets",
        "/api/v1/services",
    ],
)
async def test_each_table_begins_with_a_name_and_has_an_age(path: str) -> None:
    floor = trading_floor(lambda: NOW)
    _, table = await Api(floor.server).call("GET", path, accept=TABLE)
    names = [one["name"] for one in table["columnDefinitions"]]
    assert names[0] == "Name" and "Age" in names
    assert all(len(row["cells"]) == len(names) for row in table["rows"])


def test_a_watch_describes_its_columns_only_once(api: Api, cluster: Cluster) -> None:
    async def main() -> None:
        events: list[dict[str, Any]] = []
        kubectl.create(cluster, config_map("other"))
        response = await api.send("GET", SWITCHES, {"watch": "true", "timeoutSeconds": "1"}, accept=TABLE)
        assert not isinstance(response.body, bytes)
        async for chunk in response.body:
            events += map(json.loads, chunk.splitlines())
        assert types(events) == ["ADDED", "ADDED"]
        assert [event["object"]["columnDefinitions"] is None for event in events] == [False, True]

    in_virtual_time(main())


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"), (119, "119s"), (120, "2m"), (125, "2m5s"), (660, "11m"), (10_800, "3h"), (11_100, "3h5m"),
        (36_000, "10h"), (172_800, "2d"), (176_400, "2d1h"), (864_000, "10d"), (86400 * 800, "2y"), (-5, "0s"),
    ],
)  # fmt: skip
def test_an_age_is_told_as_kubectl_tells_it(seconds: int, text: str) -> None:
    assert human_duration(seconds) == text
