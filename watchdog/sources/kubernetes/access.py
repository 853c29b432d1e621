"""What the daemon's own credentials allow: too little is a blind spot, too much a finding. Asked of the API server.

The rules of a namespace (SelfSubjectRulesReview) tell what is too much, and most of what suffices; whatever they do not
tell (the whole cluster; an authorizer that lists no rules) is asked one by one (SelfSubjectAccessReview).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from watchdog.core.facts import Api, Fact, Grant, Subject
from watchdog.core.observation import Coverage, Facts
from watchdog.ports import Kubernetes, KubernetesError, Ports
from watchdog.sources import Stream
from watchdog.sources.kubernetes.permissions import (
    REVIEWS,
    SHOWN,
    Permission,
    Rules,
    access_review,
    rules_of,
    rules_review,
    sentence,
    title,
    verdict_of,
)
from watchdog.sources.kubernetes.resources import Resource
from watchdog.sources.kubernetes.served import served

PERIOD = 60.0
CONFIRMED_AFTER = 3.0
"""Seconds after which a denial is asked about again: an API server that starts denies all for a second (kube-wire,
point 22), and what is denied twice is denied."""
TIMEOUT = 5.0
DEADLINE = 180.0
STALE_AFTER = 200.0
CLUSTER = "*"

PROBES = (
    ("*", "*", "*"), ("get", "", "secrets"), ("list", "", "secrets"), ("patch", "", "configmaps"),
    ("update", "", "configmaps"), ("create", "", "pods"), ("delete", "", "pods"), ("create", "", "pods/exec"),
    ("create", "apps", "deployments"), ("patch", "apps", "deployments"), ("patch", "apps", "deployments/scale"),
    ("patch", "apps", "statefulsets"), ("patch", "apps", "statefulsets/scale"), ("create", "batch", "jobs"),
)  # fmt: skip
"""What is asked for in particular where the server does not list all its rules: the ways to enable execution."""


@dataclass(frozen=True, slots=True)
class Access:
    """``needs`` and ``namespaces`` (whose rules are reviewed) are asked anew at every look. The needs of a kind that is
    ``optional`` count while it is served."""

    source: str
    connect: Callable[[Ports], Kubernetes]
    needs: Callable[[], Sequence[Permission]]
    namespaces: Callable[[], Sequence[str]]
    optional: tuple[Resource[Any], ...] = ()
    _told: dict[Subject, None] = field(init=False, repr=False, compare=False, default_factory=dict)

    def stream(self) -> tuple[str, Stream]:
        coverage = Coverage(frozenset({Grant.KIND, Api.KIND}), STALE_AFTER)
        return "what the credentials allow", Stream(coverage, self._looks, DEADLINE)

    async def _looks(self, ports: Ports) -> AsyncGenerator[Facts, None]:
        kubernetes = self.connect(ports)
        while True:
            began = ports.clock.now()
            facts = await self._look_twice(kubernetes)
            seen = {fact.subject: None for fact in facts}
            gone = tuple(subject for subject in self._told if subject not in seen)
            self._told.clear()
            self._told.update(seen)
            yield Facts(facts, gone, at=began)
            await asyncio.sleep(PERIOD)

    async def _look_twice(self, kubernetes: Kubernetes) -> tuple[Fact, ...]:
        try:
            return await self._look(kubernetes)
        except KubernetesError as error:
            if error.status != 403:
                raise
        await asyncio.sleep(CONFIRMED_AFTER)
        return await self._look(kubernetes)

    async def _look(self, kubernetes: Kubernetes) -> tuple[Fact, ...]:
        apis = [Api(self.source, title(r.group, r.plural), await served(kubernetes, r)) for r in self.optional]
        absent = [api.resource for api in apis if not api.served]
        needs = [need for need in self.needs() if title(need.group, need.resource) not in absent]
        namespaces = dict.fromkeys([*self.namespaces(), *(need.namespace for need in needs if need.namespace)])
        rules = {namespace: await _rules(kubernetes, namespace) for namespace in namespaces}
        missing = await _missing(kubernetes, needs, rules)
        excess = await _excess(kubernetes, rules)
        return *apis, *(self._grant(where, missing, excess, rules) for where in ("", *namespaces))

    def _grant(
        self, where: str, missing: Sequence[Permission], excess: Sequence[Permission], rules: Mapping[str, Rules]
    ) -> Grant:
        lacks = sentence(permission for permission in missing if permission.namespace == where)
        beyond = sentence(permission for permission in excess if permission.namespace == where)
        says = [f"it may not {lacks}" if lacks else "", f"it may also {beyond}" if beyond else ""]
        if where in rules and rules[where].incomplete:
            says.append(
                f"the API server does not list every rule: {len(PROBES)} writes and reads were asked for by name"
            )
        explanation = "; ".join(filter(None, says)) or "it may do what it needs and no more"
        return Grant(self.source, where or CLUSTER, lacks, beyond, explanation)


async def _rules(kubernetes: Kubernetes, namespace: str) -> Rules:
    answer = await kubernetes.review(f"{REVIEWS}/selfsubjectrulesreviews", rules_review(namespace), TIMEOUT)
    rules: Rules = rules_of(answer).status
    return rules


async def _allowed(kubernetes: Kubernetes, permission: Permission) -> bool:
    answer = await kubernetes.review(f"{REVIEWS}/selfsubjectaccessreviews", access_review(permission), TIMEOUT)
    allowed: bool = verdict_of(answer).status.allowed
    return allowed


async def _missing(
    kubernetes: Kubernetes, needs: Sequence[Permission], rules: Mapping[str, Rules]
) -> Sequence[Permission]:
    """Those that the rules do not show, and that were denied twice."""
    doubtful = [n for n in dict.fromkeys(needs) if not n.namespace or not rules[n.namespace].allow(n)]
    denied = await _denied(kubernetes, doubtful)
    if denied:
        await asyncio.sleep(CONFIRMED_AFTER)
    return await _denied(kubernetes, denied)


async def _denied(kubernetes: Kubernetes, permissions: Sequence[Permission]) -> list[Permission]:
    return [permission for permission in permissions if not await _allowed(kubernetes, permission)]


async def _excess(kubernetes: Kubernetes, rules: Mapping[str, Rules]) -> list[Permission]:
    """What is granted in the whole cluster shows up in the rules of every namespace: it is told once."""
    found = {namespace: await _excess_in(kubernetes, namespace, rules[namespace]) for namespace in rules}
    each = [dict.fromkeys(permission.anywhere for permission in those) for those in found.values()]
    common = [permission for permission in each[0] if all(permission in those for those in each)] if each else []
    everywhere = [permission for permission in common[:SHOWN] if await _allowed(kubernetes, permission)]
    return everywhere + [p for those in found.values() for p in those if p.anywhere not in everywhere]


async def _excess_in(kubernetes: Kubernetes, namespace: str, rules: Rules) -> list[Permission]:
    listed = rules.excess(namespace)
    probes = [Permission(*probe, namespace=namespace) for probe in PROBES] if rules.incomplete else []
    unlisted = [probe for probe in probes if not rules.allow(probe) and await _allowed(kubernetes, probe)]
    return [*listed, *unlisted]
