"""RBAC, from the Role and binding objects that are stored, as they are at each question."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from watchdog.simulator import bootstrap_policy
from watchdog.simulator.authentication import User, service_account_user
from watchdog.simulator.cluster import Cluster
from watchdog.simulator.errors import ApiError
from watchdog.simulator.request_info import Attributes
from watchdog.simulator.resources import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES

JSON = dict[str, Any]
POLICY = (CLUSTER_ROLES, CLUSTER_ROLE_BINDINGS, ROLES, ROLE_BINDINGS)
ANSWERS = 1_000
"""That are remembered until a policy changes: a client asks the same again and again."""


@dataclass(frozen=True, slots=True)
class Decision:
    """``reason``: who allowed it; or, when nobody did, what could not be evaluated."""

    allowed: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Bound:
    """A binding that names the user. ``rules`` is None when the role that it refers to does not exist."""

    by: str
    role: str
    rules: list[JSON] | None


class Authorizer:
    """Answers from what is stored now: a binding that is deleted is felt at once (point 13)."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._answers: dict[tuple[str, tuple[str, ...], Attributes], Decision] = {}
        self._as_of: tuple[int, ...] = ()

    def check(self, user: User, asked: Attributes) -> None:
        """Raises ApiError 403."""
        decision = self.decide(user, asked)
        if not decision.allowed:
            raise forbidden(user, asked, decision.reason)

    def decide(self, user: User, asked: Attributes) -> Decision:
        if user.is_master:
            return Decision(True)
        if (now := self._cluster.changes(*POLICY)) != self._as_of or len(self._answers) >= ANSWERS:
            self._answers, self._as_of = {}, now
        question = (user.name, user.groups, asked)
        if question not in self._answers:
            self._answers[question] = self._decided(user, asked)
        return self._answers[question]

    def _decided(self, user: User, asked: Attributes) -> Decision:
        missing = []
        for bound in self.bound(user, asked.namespace):
            if bound.rules is None:
                missing.append(not_found(bound))
            elif any(allows(rule, asked) for rule in bound.rules):
                return Decision(True, f"RBAC: allowed by {bound.by}")
        return Decision(False, _errors(missing))

    def bound(self, user: User, namespace: str) -> Iterator[Bound]:
        """All that is bound to ``user`` there: the bindings of the cluster first, then those of the namespace."""
        stored = (record.object for record in self._cluster.records(CLUSTER_ROLE_BINDINGS))
        yield from self._among("ClusterRoleBinding", (*bootstrap_policy.BINDINGS, *stored), user)
        local = self._cluster.records(ROLE_BINDINGS, namespace) if namespace else ()
        yield from self._among("RoleBinding", (record.object for record in local), user)

    def _among(self, kind: str, bindings: Iterable[JSON], user: User) -> Iterator[Bound]:
        for binding in bindings:
            namespace = binding["metadata"].get("namespace", "")
            subject = next((s for s in binding.get("subjects") or () if _names(s, user, namespace)), None)
            if subject is not None:
                name = binding["metadata"]["name"] + (f"/{namespace}" if namespace else "")
                role, rules = self._role(binding["roleRef"], namespace)
                yield Bound(f'{kind} "{name}" of {role} to {_described(subject, namespace)}', role, rules)

    def _role(self, reference: JSON, namespace: str) -> tuple[str, list[JSON] | None]:
        kind, name = reference["kind"], reference["name"]
        of_cluster = kind == "ClusterRole"
        record = self._cluster.find(CLUSTER_ROLES if of_cluster else ROLES, "" if of_cluster else namespace, name)
        own = bootstrap_policy.ROLES.get(name) if of_cluster else None
        return f'{kind} "{name}"', record.object.get("rules") or [] if record else own


def allows(rule: JSON, asked: Attributes) -> bool:
    verbs = rule.get("verbs") or ()
    if "*" not in verbs and asked.verb not in verbs:
        return False
    if asked.path:
        return any(_covers(url, asked.path) for url in rule.get("nonResourceURLs") or ())
    groups, names = rule.get("apiGroups") or (), rule.get("resourceNames") or ()
    in_group = "*" in groups or asked.group in groups
    return in_group and _is_resource(rule.get("resources") or (), asked) and (not names or asked.name in names)


def _covers(url: str, path: str) -> bool:
    return path.startswith(url[:-1]) if url.endswith("*") else path == url


def _is_resource(resources: Iterable[str], asked: Attributes) -> bool:
    """``*`` is every resource with every subresource; ``pods`` is not ``pods/log``."""
    wanted = ("*", asked.combined, f"*/{asked.subresource}" if asked.subresource else "*")
    return any(one in wanted for one in resources)


def _names(subject: JSON, user: User, namespace: str) -> bool:
    kind, name = subject["kind"], subject["name"]
    if kind == "ServiceAccount":
        return user.name == service_account_user(subject.get("namespace") or namespace, name)
    return name in user.groups if kind == "Group" else kind == "User" and name == user.name


def _described(subject: JSON, namespace: str) -> str:
    kind, name = subject["kind"], subject["name"]
    within = f"/{subject.get('namespace') or namespace}" if kind == "ServiceAccount" else ""
    return f'{kind} "{name}{within}"'


def not_found(bound: Bound) -> str:
    kind, _, name = bound.role.partition(" ")
    return f"{kind.lower()}.rbac.authorization.k8s.io {name} not found"


def _errors(texts: list[str]) -> str:
    if not texts:
        return ""
    return f"RBAC: {texts[0]}" if len(texts) == 1 else f"RBAC: [{', '.join(texts)}]"


def forbidden(user: User, asked: Attributes, reason: str = "") -> ApiError:
    """403, worded as recorded."""
    why = _refusal(user, asked) + (f": {reason}" if reason else "")
    if asked.path:
        return ApiError(403, "Forbidden", f"forbidden: {why}", {})
    qualified = f"{asked.resource}.{asked.group}" if asked.group else asked.resource
    named = f' "{asked.name}"' if asked.name else ""
    fields = {"name": asked.name, "group": asked.group, "kind": asked.resource}
    details = {field: value for field, value in fields.items() if value}
    return ApiError(403, "Forbidden", f"{qualified}{named} is forbidden: {why}", details)


def _refusal(user: User, asked: Attributes) -> str:
    if asked.path:
        return f'User "{user.name}" cannot {asked.verb} path "{asked.path}"'
    scope = f'in the namespace "{asked.namespace}"' if asked.namespace else "at the cluster scope"
    return f'User "{user.name}" cannot {asked.verb} resource "{asked.combined}" in API group "{asked.group}" {scope}'
