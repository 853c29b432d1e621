"""What counts as an execution workload, and why."""

from __future__ import annotations

from dataclasses import replace

import pytest

from watchdog.core.selection import DEPTH, Named, Selection, owners, repository, supposed_owner

AGENT = Named("agenttrader", "Deployment", "execution-agent")
COPY = Named("x", "Deployment", "copy")
COMPONENT = "app.kubernetes.io/component"
SELECTION = Selection(
    (AGENT,), {COMPONENT: ("execution-agent",)}, ("execution-agent", "execution-engine"), ("execution-agent",)
)
KINDS = ("DaemonSet", "ReplicaSet", "ReplicationController", "StatefulSet", "Job", "CronJob", "Rollout", "Pod")


@pytest.mark.parametrize(
    ("who", "labels", "images", "chain", "account", "reason"),
    [
        (AGENT, {}, [], (), "", "name execution-agent"),
        (AGENT._replace(namespace="elsewhere"), {}, [], (), "", ""),
        (AGENT._replace(name="execution-agent-2"), {}, [], (), "", ""),
        (COPY, {COMPONENT: "execution-agent"}, [], (), "", f"label {COMPONENT}"),
        (COPY, {COMPONENT: "ops-ui"}, ["nginx"], (), "default", ""),
        (COPY, {COMPONENT: ""}, [""], (), "", ""),
        (COPY, {}, ["nginx", "ghcr.io/a/execution-engine:1"], (), "", "image execution-engine"),
        (COPY, {}, ["execution-engine-tools:1"], (), "", ""),
        (COPY, {}, ["a/not-execution-engine"], (), "", ""),
        (COPY, {}, ["execution-engine/tools:1"], (), "", ""),
        (COPY, {}, [], (AGENT,), "", "owner execution-agent"),
        (COPY, {}, [], (COPY, AGENT), "", "owner execution-agent"),
        (COPY, {}, [], (COPY,), "", ""),
        (COPY, {}, [], (), "execution-agent", "service account execution-agent"),
    ],
)
def test_execution_is_selected_by_name_owner_label_image_or_service_account(
    who: Named, labels: dict[str, str], images: list[str], chain: tuple[Named, ...], account: str, reason: str
) -> None:
    assert SELECTION.selected_by(who, ({}, labels), images, chain, account) == reason


@pytest.mark.parametrize("kind", KINDS)
def test_a_name_counts_in_its_namespace_whatever_the_kind(kind: str) -> None:
    assert SELECTION.selected_by(AGENT._replace(kind=kind), (), ()) == "name execution-agent"
    assert SELECTION.selected_by(COPY, (), (), (AGENT._replace(kind=kind),)) == "owner execution-agent"


def test_without_service_accounts_nothing_is_selected_by_the_absence_of_one() -> None:
    assert Selection().selected_by(COPY, (), ()) == ""


def test_a_kill_switch_selects_only_where_that_is_configured() -> None:
    assert SELECTION.selected_by(COPY, (), (), switch="kill") == ""
    assert replace(SELECTION, switches=True).selected_by(COPY, (), (), switch="kill") == "kill switch kill"
    assert replace(SELECTION, switches=True).selected_by(COPY, (), (), switch="") == ""


@pytest.mark.parametrize(
    "reference",
    [
        "execution-agent",
        "execution-agent:REPLACE_ME",
        "execution-agent@sha256:0123",
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
    assert SELECTION.image_of(reference) == "execution-agent"


@pytest.mark.parametrize(
    ("entry", "reference", "matches"),
    [
        ("team/agent", "team/agent", True),
        ("team/agent", "ghcr.io/team/agent:1", True),
        ("team/agent", "ghcr.io/x/team/agent@sha256:0", True),
        ("team/agent", "ghcr.io/ateam/agent:1", False),
        ("team/agent", "ghcr.io/other/agent:1", False),
        ("team/agent", "agent", False),
        ("ghcr.io/team/agent", "ghcr.io/team/agent:1", True),
        ("ghcr.io/team/agent", "evil.io/team/agent:1", False),
        ("r:5000/agent", "r:5000/agent:1", True),
        ("Agent:v1", "x/agent:v2", True),
        ("agent", "agent.io/x", False),
    ],
)
def test_an_image_entry_is_the_end_of_a_repository_by_whole_parts(entry: str, reference: str, matches: bool) -> None:
    assert Selection(images=(entry,)).image_of(reference) == (entry if matches else "")


def test_a_port_is_no_tag() -> None:
    assert repository("r.example:443/a/agent:v1@sha256:0123") == "r.example:443/a/agent"
    assert repository("r.example:443/agent") == "r.example:443/agent"


HASH = {"pod-template-hash": "8fbb5474c"}


@pytest.mark.parametrize(
    ("named", "labels", "owner"),
    [
        (Named("a", "ReplicaSet", "execution-agent-8fbb5474c"), HASH, Named("a", "Deployment", "execution-agent")),
        (Named("a", "ReplicaSet", "execution-agent-8fbb5474c"), {}, Named("a", "Deployment", "execution-agent")),
        (
            Named("a", "ReplicaSet", "execution-x-y"),
            {"pod-template-hash": "x-y"},
            Named("a", "Deployment", "execution"),
        ),
        (Named("a", "ReplicaSet", "e-5c"), {"rollouts-pod-template-hash": "5c"}, Named("a", "Rollout", "e")),
        (Named("a", "ReplicaSet", "bare"), {}, None),
        (Named("a", "Job", "nightly-29384756"), {}, Named("a", "CronJob", "nightly")),
        (Named("a", "Job", "nightly"), {}, None),
        (Named("a", "Job", "nightly-2"), {}, None),
        (Named("a", "StatefulSet", "gamma-8fbb5474c"), HASH, None),
    ],
)
def test_a_controller_that_is_not_held_is_known_by_its_name(
    named: Named, labels: dict[str, str], owner: Named | None
) -> None:
    assert supposed_owner(named, labels) == owner


def test_owners_are_followed_to_the_top() -> None:
    job, cron = Named("a", "Job", "n-1"), Named("a", "CronJob", "n")
    assert owners(job, {job: cron}.get) == (job, cron)
    assert owners(None, {job: cron}.get) == ()


def test_owners_in_a_circle_end() -> None:
    one, other = Named("a", "Job", "1"), Named("a", "Job", "2")
    assert owners(one, {one: other, other: one}.get) == (one, other)
    assert len(owners(one, lambda named: named._replace(name=named.name + "1"))) == DEPTH
