"""Sev-2, it is degraded and work still flows; Sev-3, it is of no matter, or known."""

from __future__ import annotations

from watchdog.simulator import kubectl
from watchdog.simulator.data_plane import INGEST
from watchdog.simulator.platform import Floor
from watchdog.simulator.scenarios.outage import DEAD, MINUTE, SIGNALS
from watchdog.simulator.scenarios.scenario import Act, Expected, Scenario, Step
from watchdog.simulator.services import MISSION_CONTROL, NAMESPACE, OPS_UI

UPDATE = "gcloud pubsub subscriptions update trade-signals-sub"


def errors(ratio: float) -> Act:
    return lambda floor: floor.data.errors(INGEST, ratio)


def drain_slowly(floor: Floor) -> None:
    floor.data.drain_slowly(SIGNALS, 9_000.0, 1.0)


def start_consumer(floor: Floor) -> None:
    floor.data.start_consumer(SIGNALS)


def crash(floor: Floor) -> None:
    floor.kubelet.crash(NAMESPACE, OPS_UI)


def heal(floor: Floor) -> None:
    floor.kubelet.heal(NAMESPACE, OPS_UI)


def clear_policy(floor: Floor) -> None:
    floor.data.forget_dead_letters(SIGNALS)


def set_policy(floor: Floor) -> None:
    floor.data.remember_dead_letters(SIGNALS)


def ops_ui(down: bool) -> Act:
    return lambda floor: _turn(floor, down, OPS_UI)


def both(down: bool) -> Act:
    return lambda floor: _turn(floor, down, MISSION_CONTROL, OPS_UI)


def _turn(floor: Floor, down: bool, *services: str) -> None:
    for service in services:
        (floor.services.stop if down else floor.services.start)(service)


def env_from(*secrets: str) -> Act:
    """What every container of whale-strategy takes its environment from."""
    sources = [{"secretRef": {"name": secret}} for secret in secrets]

    def act(floor: Floor) -> None:
        template = kubectl.get(floor.cluster, "sts", NAMESPACE, "whale-strategy").object["spec"]["template"]["spec"]
        containers = [{**container, "envFrom": sources} for container in template["containers"]]
        change = {"spec": {"template": {"spec": {"containers": containers}}}}
        kubectl.patch(floor.cluster, "sts", NAMESPACE, "whale-strategy", change)

    return act


DEGRADED = (
    Scenario(
        "elevated-errors",
        "3 % of the answers of market-ingest are errors for a while",
        (
            Step(1 * MINUTE, "3 % of its answers are 5xx", errors(0.03)),
            Step(11 * MINUTE, "its answers are as usual", errors(0.0)),
        ),
        22 * MINUTE,
        (Expected("ErrorRatio5xx", 2, "docs/ops/rollback.md", "resolved", (5 * MINUTE, 10 * MINUTE)),),
        virtual=True,
    ),
    Scenario(
        "slow-drain",
        "a backlog of 9,000 messages is worked off by one a second, and then by a second consumer",
        (
            Step(1 * MINUTE, "trade-signals-sub has 9,000 messages, and loses one a second", drain_slowly),
            Step(12 * MINUTE, "a second consumer takes the rest", start_consumer),
        ),
        22 * MINUTE,
        (Expected("BacklogDrainsSlowly", 2, "RUNBOOK.md", "resolved"),),
        virtual=True,
    ),
    Scenario(
        "crash-loop",
        "Ops UI, which is not critical, crashes again and again, and is healed",
        (
            Step(1 * MINUTE, "the container of Ops UI ends two seconds after each start", crash),
            Step(4 * MINUTE, "its next start succeeds", heal),
        ),
        22 * MINUTE,
        (Expected("CrashLoop", 2, "docs/ops/runbooks/crashloop_backoff.md", "resolved"),),
        virtual=True,
    ),
    Scenario(
        "missing-dead-letter-policy",
        "a subscription loses its dead-letter policy, and gets it back",
        (
            Step(1 * MINUTE, f"{UPDATE} --clear-dead-letter-policy", clear_policy),
            Step(6 * MINUTE, f"{UPDATE} --dead-letter-topic=trade-signals-sub.dlq", set_policy),
        ),
        8 * MINUTE,
        (
            Expected("DeadLetterPolicyUnsound", 2, DEAD, "resolved", (0.0, 31.0)),
            Expected("SubscriptionDrift", 2, "RUNBOOK.md", "resolved", (0.0, 31.0)),
        ),
        virtual=True,
    ),
    Scenario(
        "ops-ui-down",
        "Ops UI is down while mission-control and the core services are healthy, and comes back",
        (
            Step(1 * MINUTE, "Ops UI refuses connections", ops_ui(down=True)),
            Step(6 * MINUTE, "Ops UI is back", ops_ui(down=False)),
        ),
        8 * MINUTE,
        (Expected("ServiceDown", 3, "RUNBOOK.md", "resolved", (10.0, 20.0)),),
        virtual=True,
    ),
    Scenario(
        "mission-control-down",
        "mission-control is down, and Ops UI with it: one incident, in which Ops UI is no minor matter",
        (
            Step(60.0, "mission-control and Ops UI refuse connections", both(down=True)),
            Step(180.0, "they are back", both(down=False)),
        ),
        300.0,
        (
            Expected("ServiceDown", 2, "RUNBOOK.md", "resolved", (10.0, 20.0)),
            Expected("DataPlaneSourceUnavailable", 2, "RUNBOOK.md", "resolved", (60.0, 70.0)),
            Expected("UnsafeSelfReport", 2, "ops/PRODUCTION_LOCK.md", "resolved", (60.0, 70.0)),
        ),
        virtual=True,
    ),
    Scenario(
        "coverage-gap",
        "a strategy takes its environment from a Secret, which nobody may read, and gives it up again",
        (
            Step(1 * MINUTE, "whale-strategy: envFrom secret whale-credentials", env_from("whale-credentials")),
            Step(6 * MINUTE, "whale-strategy: no envFrom", env_from()),
        ),
        8 * MINUTE,
        (Expected("CoverageGap", 3, "ops/PRODUCTION_LOCK.md", "resolved"),),
        virtual=True,
    ),
)
