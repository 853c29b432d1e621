"""The requests that the real kubectl was recorded to make, one after the other, and what they leave behind."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.simulator.client import AGENT, SWITCH, Api
from tests.simulator.stage import JSON, Recordings, Stage
from watchdog.simulator.controller import settle


def requests(command: JSON) -> list[tuple[JSON, dict[str, str]]]:
    """Each request with the headers that were recorded just before it."""
    headers: dict[str, str] = {}
    found = []
    for one in command["requests"]:
        if "curl_method" in one:
            headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in one["headers"])}
        else:
            found.append((one, headers))
    return found


async def send(api: Api, request: JSON, headers: dict[str, str], last: Any) -> tuple[int, JSON]:
    """A body that was not recorded (of a PUT) is what was read last."""
    url = urlsplit(request["url"])
    body = json.loads(request["body"]) if request["body"] else last if request["method"] == "PUT" else None
    named = {name.replace("-", "_"): value for name, value in headers.items() if name != "user-agent"}
    return await api.call(request["method"], url.path, dict(parse_qsl(url.query)), body, **named)


async def test_each_request_of_kubectl_is_answered_as_recorded(stage: Stage, recordings: Recordings) -> None:
    commands = recordings("kubectl-on-the-wire")["commands"]
    api, left = Api(stage.server, "kubectl.1.33/v1.33.1 (linux/amd64) kubernetes/8adc0f0"), []
    for command in commands:
        last: JSON = {}
        for request, headers in requests(command):
            status, last = await send(api, request, headers, last)
            assert str(status) == request["status"].partition(" ")[0], (command["command"], request, last)
        settle(stage.cluster)
        left.append(await standing(api))
    assert [now for now, before in zip(left, [None, *left], strict=False) if now != before] == [
        (1, "OFF", "1"),
        (0, "OFF", "1"),
        (0, "LIVE", "1"),
        (0, "OFF", "1"),
        (1, "OFF", "1"),
        (0, "OFF", "1"),
        (0, "OFF", "0"),
        (0, "OFF", "1"),
        (0, "LIVE", "1"),  # rollout undo: of several commands that were not recorded too
    ]


async def standing(api: Api) -> tuple[int, str, str]:
    """(replicas of execution, its mode, the kill switch)."""
    (_, agent), (_, switch) = await api.get(AGENT), await api.get(SWITCH)
    (container,) = agent["spec"]["template"]["spec"]["containers"]
    (mode,) = (one["value"] for one in container["env"] if one["name"] == "AGENT_MODE")
    return agent["spec"]["replicas"], mode, switch["data"]["EXECUTION_HALTED"]
