"""What could start an execution workload by itself. domain.md §5."""

from __future__ import annotations

import pytest

from watchdog.core.facts import Unknown
from watchdog.core.latent import Autoscaler, Reference, ScaledObject, Scaling, Schedule, judged

PAUSED = "autoscaling.keda.sh/paused"

STARTS: dict[str, tuple[Scaling, str]] = {
    "a ScaledObject without a word": (ScaledObject(), "maxReplicaCount is 100 (absent)"),
    "a minimum of zero does not help": (ScaledObject(0, 1), "maxReplicaCount is 1"),
    "a minimum above zero": (ScaledObject(2, 5), "maxReplicaCount is 5"),
    "paused that is false": (ScaledObject(annotations={PAUSED: "false"}), "not paused"),
    "paused that is 0": (ScaledObject(annotations={PAUSED: "0"}), "not paused"),
    "held above zero": (ScaledObject(annotations={f"{PAUSED}-replicas": "1"}), "holds it there"),
    "held above zero, whatever else pauses": (
        ScaledObject(annotations={f"{PAUSED}-replicas": "3", PAUSED: "true"}),
        'paused-replicas: "3"',
    ),
    "held above zero, whatever the maximum": (ScaledObject(0, 0, {f"{PAUSED}-replicas": "3"}), "paused-replicas"),
    "pausing to scale in": (ScaledObject(annotations={f"{PAUSED}-scale-in": "true"}), "not paused"),
    "pausing to scale out that is false": (ScaledObject(annotations={f"{PAUSED}-scale-out": "false"}), "not paused"),
    "pausing to scale out does not stop a minimum": (
        ScaledObject(1, annotations={f"{PAUSED}-scale-out": "true"}),
        "minReplicaCount 1",
    ),
    "pausing to scale out does not stop a fallback": (
        ScaledObject(0, annotations={f"{PAUSED}-scale-out": "true"}, fallback=2),
        "fallback.replicas 2",
    ),
    "an HPA that scales from zero": (Autoscaler(0, 3), "minReplicas is 0"),
    "a CronJob": (Schedule(suspended=False), "spec.suspend"),
    "a Rollout above zero": (
        Reference("Deployment", "e", 1),
        "spec.replicas is 1, and spec.workloadRef is Deployment e",
    ),
    "a Rollout that does not say": (Reference("Deployment", "e"), "spec.replicas is 1 (absent)"),
    "a Rollout that may scale the other back up": (Reference("Deployment", "e", 0, "progressively"), "scaleDown"),
}
CANNOT: dict[str, tuple[Scaling, str]] = {
    "paused": (ScaledObject(1, 5, {PAUSED: "true"}), 'paused: "true"'),
    "paused as Go reads it": (ScaledObject(1, 5, {PAUSED: "T"}), PAUSED),
    "what is no boolean pauses": (ScaledObject(1, 5, {PAUSED: "yes"}), PAUSED),
    "held at zero": (ScaledObject(1, 5, {f"{PAUSED}-replicas": "0"}), 'paused-replicas: "0"'),
    "held at zero, whatever paused says": (
        ScaledObject(1, 5, {f"{PAUSED}-replicas": "0", PAUSED: "false"}),
        "replicas",
    ),
    "held below zero": (ScaledObject(1, 5, {f"{PAUSED}-replicas": "-1"}), "replicas"),
    "not scaled out": (ScaledObject(0, 5, {f"{PAUSED}-scale-out": "true"}), "scale-out"),
    "not scaled out, by its defaults": (ScaledObject(annotations={f"{PAUSED}-scale-out": "true"}), "scale-out"),
    "a maximum of zero": (ScaledObject(0, 0), "maxReplicaCount is 0"),
    "a maximum of zero, whatever the fallback": (ScaledObject(0, 0, fallback=3), "maxReplicaCount is 0"),
    "an HPA with a maximum of zero": (Autoscaler(0, 0), "maxReplicas is 0"),
    "a suspended CronJob": (Schedule(suspended=True), "spec.suspend is true"),
    "a Rollout at zero": (Reference("Deployment", "e", 0), "absent, which is never"),
    "a Rollout at zero that scales the other down": (Reference("Deployment", "e", 0, "onsuccess"), "onsuccess"),
}


@pytest.mark.parametrize("law", STARTS)
def test_it_could_start_without_a_human(law: str) -> None:
    scaling, field = STARTS[law]
    could_start, inert, explanation = judged(scaling)
    assert (could_start, inert) == (True, False) and field in explanation


@pytest.mark.parametrize("law", CANNOT)
def test_it_cannot_start_by_itself(law: str) -> None:
    scaling, field = CANNOT[law]
    could_start, inert, explanation = judged(scaling)
    assert (could_start, inert) == (False, False) and field in explanation


@pytest.mark.parametrize("minimum", [None, 1, 4])
def test_an_hpa_with_a_minimum_does_nothing_at_zero(minimum: int | None) -> None:
    could_start, inert, explanation = judged(Autoscaler(minimum, 10))
    assert (could_start, inert) == (False, True) and "spec.minReplicas" in explanation


def test_a_number_of_replicas_that_is_none_is_unknown() -> None:
    could_start, inert, explanation = judged(ScaledObject(annotations={f"{PAUSED}-replicas": "many"}))
    assert isinstance(could_start, Unknown) and inert is False and "many" in explanation
