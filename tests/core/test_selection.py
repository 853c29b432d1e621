"""What counts as an execution workload, and why."""

from __future__ import annotations

import pytest

from watchdog.core.selection import Named, Selection, image_name, owner_of

AGENT = Named("agenttrader", "Deployment", "execution-agent")
COMPONENT = "app.kubernetes.io/component"
SELECTION = Selection((AGENT,), {COMPONENT: ("execution-agent",)}, ("execution-agent", "execution-engine"))


@pytest.mark.parametrize(
    ("who", "labels", "images", "owner", "reason"),
    [
        (AGENT, {}, [], None, "name execution-agent"),
        (AGENT._replace(kind="StatefulSet"), {}, [], None, ""),
        (AGENT._replace(namespace="elsewhere"), {}, [], None, ""),
        (Named("x", "Deployment", "copy"), {COMPONENT: "execution-agent"}, [], None, f"label {COMPONENT}"),
        (Named("x", "Deployment", "copy"), {COMPONENT: "ops-ui"}, ["nginx"], None, ""),
        (
            Named("x", "Deployment", "copy"),
            {},
            ["nginx", "ghcr.io/a/execution-engine:1"],
            None,
            "image execution-engine",
        ),
        (Named("x", "Pod", "copy-1"), {}, ["execution-engine-tools:1"], None, ""),
        (Named("agenttrader", "Pod", "p"), {}, [], AGENT, "owner execution-agent"),
    ],
)
def test_execution_is_selected_by_name_label_image_or_owner(
    who: Named, labels: dict[str, str], images: list[str], owner: Named | None, reason: str
) -> None:
    assert SELECTION.selected_by(who, ({}, labels), images, owner) == reason


@pytest.mark.parametrize(
    "reference",
    [
        "execution-agent",
        "execution-agent:REPLACE_ME",
        "ghcr.io/richkingsasu/execution-agent",
        "ghcr.io/richkingsasu/execution-agent:v1.2",
        "localhost:5000/execution-agent",
        "localhost:5000/execution-agent:v1",
        "r.example/a/execution-agent@sha256:0123",
        "r.example:443/a/execution-agent:v1@sha256:0123",
        " ghcr.io/A/Execution-Agent:v1 ",
    ],
)
def test_an_images_name_is_known_in_any_registry_by_any_tag_or_digest(reference: str) -> None:
    assert image_name(reference) == "execution-agent"


def test_a_pods_deployment_is_known_from_its_replica_set() -> None:
    labels = {"pod-template-hash": "8fbb5474c"}
    assert owner_of("agenttrader", "ReplicaSet", "execution-agent-8fbb5474c", labels) == AGENT
    assert owner_of("agenttrader", "ReplicaSet", "execution-agent-8fbb5474c", {}) == AGENT
    assert owner_of("a", "StatefulSet", "gamma", {}) == Named("a", "StatefulSet", "gamma")
    assert owner_of("a", "", "", {}) is None
