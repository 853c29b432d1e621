"""What may be asked of the API server, and what its reviews answer: RBAC as values. No I/O.

https://kubernetes.io/docs/reference/access-authn-authz/rbac/ and
https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/self-subject-rules-review-v1/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from watchdog.sources.kubernetes.objects import Struct
from watchdog.sources.kubernetes.resources import Resource, decoder

API_VERSION = "authorization.k8s.io/v1"
REVIEWS = f"/apis/{API_VERSION}"
SHOWN = 20
"""Permissions that a sentence names."""

READS = ("get", "list", "watch", "use")
"""``use`` lets a Pod be admitted under a policy; it changes nothing, and some vendors grant it to everybody."""
ACTING = ("exec", "attach", "portforward", "proxy")
"""Subresources through which a mere ``get`` acts: it opens a connection into a Pod or a node."""


class Permission(NamedTuple):
    """One verb on one resource. An empty ``namespace`` is the whole cluster, an empty ``name`` every object."""

    verb: str
    group: str
    resource: str  # 'deployments', 'pods/exec', '*'
    namespace: str = ""
    name: str = ""

    def __str__(self) -> str:
        return f"{self.verb} {title(self.group, self.resource)}" + (f" {self.name}" if self.name else "")

    @property
    def anywhere(self) -> Permission:
        return self._replace(namespace="")


def title(group: str, resource: str) -> str:
    """'pods', 'deployments.apps', 'deployments.apps/scale'."""
    base, slash, sub = resource.partition("/")
    return f"{base}.{group}{slash}{sub}" if group else resource


def needs(
    resource: Resource[Any], namespace: str, name: str = "", verbs: tuple[str, ...] = ("list", "watch")
) -> tuple[Permission, ...]:
    """What a look at a collection asks for (of one object by a field selector on its ``name``), or a direct read
    (``verbs=("get",)``)."""
    return tuple(Permission(verb, resource.group, resource.plural, namespace, name) for verb in verbs)


def sentence(permissions: Iterable[Permission]) -> str:
    """'patch deployments.apps, get secrets'; empty if there are none."""
    named = list(dict.fromkeys(str(permission) for permission in permissions))
    more = f" and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
    return ", ".join(named[:SHOWN]) + more


# What is asked


def access_review(permission: Permission) -> bytes:
    resource, _, sub = permission.resource.partition("/")
    named = {**permission._asdict(), "resource": resource, "subresource": sub}
    attributes = {key: value for key, value in named.items() if value}
    return _review("SelfSubjectAccessReview", {"resourceAttributes": attributes})


def rules_review(namespace: str) -> bytes:
    return _review("SelfSubjectRulesReview", {"namespace": namespace})


def _review(kind: str, spec: dict[str, Any]) -> bytes:
    return msgspec.json.encode({"apiVersion": API_VERSION, "kind": kind, "spec": spec})


# What is answered


class Rule(Struct, frozen=True):
    """One rule of one role that applies. A rule only ever adds."""

    verbs: tuple[str, ...]
    api_groups: tuple[str, ...] | None = None
    resources: tuple[str, ...] | None = None
    resource_names: tuple[str, ...] | None = None

    def allows(self, permission: Permission) -> bool:
        return (
            _in(permission.verb, self.verbs)
            and _in(permission.group, self.api_groups or ())
            and _in(permission.resource, self.resources or ())
            and (not self.resource_names or permission.name in self.resource_names)
        )

    def permissions(self, namespace: str) -> Iterator[Permission]:
        for group in self.api_groups or ():
            for resource in self.resources or ():
                for verb in self.verbs:
                    for name in self.resource_names or ("",):
                        yield Permission(verb, group, resource, namespace, name)


def _in(asked: str, granted: tuple[str, ...]) -> bool:
    return asked in granted or "*" in granted


class Rules(Struct, frozen=True):
    """``incomplete``: an authorizer beside RBAC (GKE's IAM, a webhook) does not list its rules."""

    resource_rules: tuple[Rule, ...] | None = None
    incomplete: bool = False

    def allow(self, permission: Permission) -> bool:
        return any(rule.allows(permission) for rule in self.resource_rules or ())

    def excess(self, namespace: str) -> tuple[Permission, ...]:
        """What they grant beyond reading what is no secret, in order and each once."""
        granted = (p for rule in self.resource_rules or () for p in rule.permissions(namespace))
        return tuple(dict.fromkeys(p for p in granted if is_excess(p)))


class Verdict(Struct, frozen=True):
    """A denial is ``allowed: false`` without a reason (kube-wire, point 23)."""

    allowed: bool


class RulesReview(Struct, frozen=True):
    status: Rules


class AccessReview(Struct, frozen=True):
    status: Verdict


rules_of = decoder(RulesReview, "a SelfSubjectRulesReview")
verdict_of = decoder(AccessReview, "a SelfSubjectAccessReview")


def is_excess(permission: Permission) -> bool:
    """Any write but asking about oneself (which everybody may: kube-wire, point 23), any Secret, any way into a Pod."""
    base, _, sub = permission.resource.partition("/")
    if base.startswith("selfsubject") and base.endswith("reviews") and permission.verb == "create":
        return False
    if permission.verb not in READS:
        return True
    reaches_secrets = permission.group in ("", "*") and base in ("secrets", "*")
    return reaches_secrets or sub in ACTING or (sub == "*" and base in ("pods", "services", "nodes"))
