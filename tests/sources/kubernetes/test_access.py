"""What the credentials allow, as the (simulated) API server says: too little, too much, and neither by mistake."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.fakes import Outside
from tests.simulator.access import READ, binding, role, rule, subject
from tests.virtual import in_virtual_time
from watchdog.core.facts import Api, Fact, Grant
from watchdog.core.observation import Facts
from watchdog.ports import KubernetesError
from watchdog.simulator import custom, kubectl
from watchdog.simulator.platform import Floor, trading_floor
from watchdog.simulator.ports import InProcessKubernetes
from watchdog.simulator.virtual_time import VirtualClock
from watchdog.sources.kubernetes.access import PROBES, Access
from watchdog.sources.kubernetes.permissions import Permission, needs
from watchdog.sources.kubernetes.resources import CONFIG_MAPS, DEPLOYMENTS, PODS, ROLLOUTS

ACCOUNT = ("watchdog", "watchdog")
READER = role("reader", rule(READ, ["pods"]), rule(READ, ["deployments"], "apps"))
EVERYWHERE = (*needs(PODS, ""), *needs(DEPLOYMENTS, ""))
FINE = "it may do what it needs and no more"


@dataclass
class Counting:
    """Counts what is asked, and can change an answer."""

    kubernetes: InProcessKubernetes
    reviews: list[dict[str, Any]] = field(default_factory=list)
    changed: Callable[[dict[str, Any], bytes], bytes] = lambda asked, answer: answer

    async def read(self, path: str, query: Mapping[str, str], timeout: float) -> bytes:
        return await self.kubernetes.read(path, query, timeout)

    async def review(self, path: str, body: bytes, timeout: float) -> bytes:
        asked = json.loads(body)
        self.reviews.append(asked)
        return self.changed(asked, await self.kubernetes.review(path, body, timeout))


@dataclass
class World:
    floor: Floor
    clock: VirtualClock
    kubernetes: Counting
    needs: list[Permission] = field(default_factory=lambda: list(EVERYWHERE))
    namespaces: list[str] = field(default_factory=lambda: ["agenttrader", "trading-floor"])

    def grant(self, made: dict[str, Any]) -> None:
        """Makes the role, and binds it to the daemon's account."""
        namespace = made["metadata"].get("namespace", "")
        kubectl.create(
            self.floor.cluster, made, binding(made["metadata"]["name"], made, subject(*ACCOUNT), namespace=namespace)
        )

    def looks(self) -> AsyncIterator[Facts]:
        connect: Any = lambda ports: self.kubernetes  # noqa: E731
        access = Access("kubernetes", connect, lambda: self.needs, lambda: self.namespaces, (ROLLOUTS,))
        name, stream = access.stream()
        assert name == "what the credentials allow" and stream.coverage.provides == {"grant", "api"}
        return stream.looks(Outside(clock=self.clock).ports())

    async def look(self) -> Facts:
        async with aclosing(self.looks()) as looks:  # type: ignore[type-var]
            return await anext(looks)

    async def grants(self) -> dict[str, tuple[Any, Any]]:
        """By namespace: what is missing, and what is too much."""
        return grants_of((await self.look()).seen)


def grants_of(facts: Sequence[Fact]) -> dict[str, tuple[Any, Any]]:
    return {fact.namespace: (fact.missing, fact.excess) for fact in facts if isinstance(fact, Grant)}


def whoever(act: Callable[[World], Awaitable[None]]) -> None:
    """Runs ``act`` in virtual time, with an account that may do nothing yet."""

    async def main() -> None:
        clock = VirtualClock(asyncio.get_running_loop())
        floor = trading_floor(lambda: clock.now().wall)
        await act(World(floor, clock, Counting(floor.as_service_account(*ACCOUNT))))

    in_virtual_time(main())


def test_what_suffices_and_no_more_is_fine() -> None:
    async def act(world: World) -> None:
        world.grant(READER)
        told = await world.look()
        assert [fact for fact in told.seen if isinstance(fact, Grant)] == [
            Grant("kubernetes", namespace, "", "", FINE) for namespace in ("*", "agenttrader", "trading-floor")
        ]
        assert told.at is not None and told.at.mono == 0 == world.clock.now().mono

    whoever(act)


def test_what_is_missing_is_named_by_verb_and_resource_once_it_was_denied_twice() -> None:
    async def act(world: World) -> None:
        world.grant(role("reader", rule(["get", "list"], ["pods"]), rule(["watch"], ["deployments"], "apps")))
        assert await world.grants() == {
            "*": ("watch pods, list deployments.apps", ""),
            "agenttrader": ("", ""),
            "trading-floor": ("", ""),
        }
        assert world.clock.now().mono == 3

    whoever(act)


def test_what_was_denied_once_is_not_missing() -> None:
    async def act(world: World) -> None:
        world.grant(READER)
        denied: list[str] = []

        def deny_once(asked: dict[str, Any], answer: bytes) -> bytes:
            about = str(asked["spec"])
            if about in denied or asked["kind"] == "SelfSubjectRulesReview":
                return answer
            denied.append(about)
            return b'{"status": {"allowed": false}}'

        world.kubernetes.changed = deny_once
        assert (await world.grants())["*"] == ("", "") and len(denied) == len(EVERYWHERE)

    whoever(act)


def test_a_403_in_the_first_second_of_an_api_server_is_no_lost_permission() -> None:
    async def act(world: World) -> None:
        world.grant(READER)
        world.floor.server.outages.restart()
        await asyncio.sleep(0.3)  # it listens, and knows no role yet
        with pytest.raises(KubernetesError):
            await world.kubernetes.read("/api/v1/pods", {}, 1)
        assert (await world.grants())["*"] == ("", "")

    whoever(act)


def test_a_403_that_stays_is_told() -> None:
    async def act(world: World) -> None:
        def forbid(asked: dict[str, Any], answer: bytes) -> bytes:
            raise KubernetesError(403, "Forbidden", "it may not even ask")

        world.kubernetes.changed = forbid
        with pytest.raises(KubernetesError, match="Forbidden"):
            await world.look()
        assert world.clock.now().mono == 3

    whoever(act)


def test_a_write_in_one_namespace_is_too_much_there() -> None:
    async def act(world: World) -> None:
        world.grant(READER)
        world.grant(role("scaler", rule(["patch"], ["deployments/scale"], "apps"), namespace="agenttrader"))
        assert await world.grants() == {
            "*": ("", ""),
            "agenttrader": ("", "patch deployments.apps/scale"),
            "trading-floor": ("", ""),
        }

    whoever(act)


def test_what_is_too_much_in_the_whole_cluster_is_told_once() -> None:
    async def act(world: World) -> None:
        world.grant(READER)
        world.grant(role("peeper", rule(["get"], ["secrets"])))
        world.grant(role("killer", rule(["delete"], ["pods"]), namespace="trading-floor"))
        assert await world.grants() == {
            "*": ("", "get secrets"),
            "agenttrader": ("", ""),
            "trading-floor": ("", "delete pods"),
        }

    whoever(act)


def test_what_is_too_much_in_each_namespace_by_itself_is_told_of_each() -> None:
    async def act(world: World) -> None:
        world.grant(READER)
        for namespace in world.namespaces:
            world.grant(role("killer", rule(["delete"], ["pods"]), namespace=namespace))
        assert await world.grants() == {
            "*": ("", ""),
            "agenttrader": ("", "delete pods"),
            "trading-floor": ("", "delete pods"),
        }

    whoever(act)


def test_an_administrator_may_too_much() -> None:
    async def act(world: World) -> None:
        world.grant(role("everything", rule(["*"], ["*"], "*")))
        assert await world.grants() == {"*": ("", "* *.*"), "agenttrader": ("", ""), "trading-floor": ("", "")}

    whoever(act)


def named(*names: str) -> list[Permission]:
    looks = [needs(CONFIG_MAPS, "trading-floor", name, ("get", "list", "watch")) for name in names]
    return [permission for look in looks for permission in look]


def test_in_named_mode_a_role_that_names_the_objects_suffices() -> None:
    async def act(world: World) -> None:
        world.needs, world.namespaces = named("agenttrader-kill-switch"), ["trading-floor"]
        world.grant(role("named", rule(READ, ["configmaps"], "", "agenttrader-kill-switch"), namespace="trading-floor"))
        assert await world.grants() == {"*": ("", ""), "trading-floor": ("", "")}
        world.needs = named("agenttrader-kill-switch", "agenttrader-safety")
        missing = ", ".join(f"{verb} configmaps agenttrader-safety" for verb in READ)
        assert (await world.grants())["trading-floor"] == (missing, "")

    whoever(act)


def test_a_kind_that_is_not_served_needs_no_permission_until_it_is() -> None:
    async def act(world: World) -> None:
        world.grant(READER)
        world.needs += needs(ROLLOUTS, "")
        async with aclosing(world.looks()) as looks:  # type: ignore[type-var]
            first = await anext(looks)
            assert Api("kubernetes", "rollouts.argoproj.io", False) in first.seen
            assert grants_of(first.seen)["*"] == ("", "")
            custom.install(world.floor.cluster, custom.ARGO)
            second = await anext(looks)
        assert Api("kubernetes", "rollouts.argoproj.io", True) in second.seen
        assert grants_of(second.seen)["*"] == ("list rollouts.argoproj.io, watch rollouts.argoproj.io", "")
        assert second.at is not None and second.at.mono == 60

    whoever(act)


def test_a_permission_that_is_taken_away_is_missing_a_minute_later_at_most() -> None:
    async def act(world: World) -> None:
        world.grant(READER)
        async with aclosing(world.looks()) as looks:  # type: ignore[type-var]
            assert grants_of((await anext(looks)).seen)["*"] == ("", "")
            kubectl.delete(world.floor.cluster, "clusterrolebinding", "", "reader")
            everything = "list pods, watch pods, list deployments.apps, watch deployments.apps"
            assert grants_of((await anext(looks)).seen)["*"] == (everything, "")
        assert world.clock.now().mono == 63

    whoever(act)


def test_a_namespace_that_is_not_looked_at_any_more_has_no_grant() -> None:
    async def act(world: World) -> None:
        world.grant(READER)
        async with aclosing(world.looks()) as looks:  # type: ignore[type-var]
            assert not (await anext(looks)).gone
            world.namespaces.remove("agenttrader")
            second = await anext(looks)
        assert [str(subject) for subject in second.gone] == ["grant kubernetes/agenttrader"]

    whoever(act)


def test_what_the_rules_show_is_not_asked_for_again() -> None:
    async def act(world: World) -> None:
        world.grant(READER)
        world.namespaces = [f"ns-{i}" for i in range(20)]
        world.needs = [n for ns in world.namespaces for r in (PODS, DEPLOYMENTS) for n in needs(r, ns)]
        assert set((await world.grants()).values()) == {("", "")}
        assert [asked["kind"] for asked in world.kubernetes.reviews] == ["SelfSubjectRulesReview"] * 20

    whoever(act)


def test_where_the_rules_are_not_all_listed_the_ways_to_enable_execution_are_asked_for_by_name() -> None:
    """An authorizer beside RBAC (GKE's IAM, a webhook) grants without a rule."""

    async def act(world: World) -> None:
        world.grant(READER)

        def webhook(asked: dict[str, Any], answer: bytes) -> bytes:
            if asked["kind"] == "SelfSubjectRulesReview":
                return b'{"status": {"resourceRules": [], "nonResourceRules": [], "incomplete": true}}'
            attributes = asked["spec"]["resourceAttributes"]
            in_one = attributes.get("namespace") == "agenttrader" and attributes["verb"] == "patch"
            return b'{"status": {"allowed": true}}' if in_one and attributes["resource"] == "statefulsets" else answer

        world.kubernetes.changed = webhook
        told = await world.look()
        assert grants_of(told.seen) == {
            "*": ("", ""),
            "agenttrader": ("", "patch statefulsets.apps, patch statefulsets.apps/scale"),
            "trading-floor": ("", ""),
        }
        explained = {fact.namespace: fact.explanation for fact in told.seen if isinstance(fact, Grant)}
        assert "does not list every rule" in explained["trading-floor"] and str(len(PROBES)) in explained["agenttrader"]

    whoever(act)
