"""SelfSubject*Review and TokenRequest: what one may do, who one is, and a token. Nothing is stored (point 23)."""

from __future__ import annotations

from typing import Any

from watchdog.simulator.authentication import Authentication, User, claims_of
from watchdog.simulator.authorization import Authorizer, not_found
from watchdog.simulator.cluster import Cluster
from watchdog.simulator.errors import Cause, bad_request, invalid, unsupported_media_type
from watchdog.simulator.managed_fields import updated
from watchdog.simulator.protobuf import PROTOBUF_TYPE
from watchdog.simulator.request_info import Attributes
from watchdog.simulator.resources import REVIEWS
from watchdog.simulator.wire import Request, Response, Target, answer

JSON = dict[str, Any]

_FIELDS = ("namespace", "verb", "group", "version", "resource", "subresource", "name", "path")
_RULE_FIELDS = ("verbs", "apiGroups", "resources", "resourceNames", "nonResourceURLs")
USUAL_TOKEN_SECONDS, SHORTEST_TOKEN_SECONDS = 3600, 600


class Reviews:
    """Answers 201 to a POST that asks, and creates nothing."""

    def __init__(self, cluster: Cluster, authentication: Authentication, authorizer: Authorizer) -> None:
        self._cluster, self._authentication, self._authorizer = cluster, authentication, authorizer

    def answer(self, wanted: Target, user: User, request: Request) -> Response | None:
        """None for a request that is no review. Raises ApiError."""
        if wanted.subresource == "token":
            return answer(201, self._token(wanted, _decoded(request, "TokenRequest")))
        if wanted.resource not in REVIEWS:
            return None
        body = _decoded(request, wanted.resource.kind)
        reviewed = {
            "SelfSubjectAccessReview": lambda: self._access(body, user, request),
            "SelfSubjectRulesReview": lambda: self._rules(body, user),
            "SelfSubjectReview": lambda: self._self(user),
        }[wanted.resource.kind]()
        return answer(201, {"kind": wanted.resource.kind, "apiVersion": wanted.resource.api_version, **reviewed})

    def _access(self, body: JSON, user: User, request: Request) -> JSON:
        given = body.get("spec") or {}
        spec = {
            field: _in_order(given[field])
            for field in ("resourceAttributes", "nonResourceAttributes")
            if given.get(field) is not None
        }
        if len(spec) != 1:
            why = "Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified"
            raise invalid(body["kind"], "authorization.k8s.io", "", [Cause("spec.resourceAttributes", why)])
        asked = {name: text for one in spec.values() for name, text in one.items() if name != "version"}
        decision = self._authorizer.decide(user, Attributes(**{"verb": "", **asked}))
        reviewed = {"apiVersion": body["apiVersion"], "metadata": {}, "spec": spec}
        managed = updated(body["kind"], None, reviewed, request.author(), self._cluster.now())
        reason = {"reason": decision.reason} if decision.reason else {}
        status = {"allowed": decision.allowed, **reason}
        return {"metadata": {"managedFields": managed}, "spec": spec, "status": status}

    def _rules(self, body: JSON, user: User) -> JSON:
        namespace = (body.get("spec") or {}).get("namespace")
        if not namespace:
            raise bad_request("no namespace on request")
        all_bound = list(self._authorizer.bound(user, namespace))
        rules = [rule for bound in all_bound for rule in bound.rules or ()]
        errors = [not_found(bound) for bound in all_bound if bound.rules is None]
        status: JSON = {
            "resourceRules": [_shown(rule) for rule in rules if rule.get("resources")],
            "nonResourceRules": [_shown(rule) for rule in rules if rule.get("nonResourceURLs")],
            "incomplete": bool(errors),
        }
        status |= {"evaluationError": ", ".join(errors)} if errors else {}
        return {"metadata": {}, "spec": {}, "status": status}

    def _self(self, user: User) -> JSON:
        return {"metadata": {"creationTimestamp": self._cluster.now()}, "status": {"userInfo": user.info}}

    def _token(self, wanted: Target, body: JSON) -> JSON:
        seconds = int((body.get("spec") or {}).get("expirationSeconds") or USUAL_TOKEN_SECONDS)
        if seconds < SHORTEST_TOKEN_SECONDS:
            why = f"Invalid value: {seconds}: may not specify a duration less than 10 minutes"
            raise invalid("TokenRequest", "authentication.k8s.io", "", [Cause("spec.expirationSeconds", why)])
        token = self._authentication.issue(wanted.namespace, wanted.name, seconds)
        claims = claims_of(token) or {}
        spec = {"audiences": claims["aud"], "expirationSeconds": seconds, "boundObjectRef": None}
        status = {"token": token, "expirationTimestamp": self._cluster.now(seconds)}
        identity = {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1"}
        metadata = {"name": wanted.name, "namespace": wanted.namespace, "creationTimestamp": self._cluster.now()}
        return {**identity, "metadata": metadata, "spec": spec, "status": status}


def _decoded(request: Request, kind: str) -> JSON:
    """Raises ApiError 400 and 415."""
    if request.content_type not in ("application/json", PROTOBUF_TYPE, ""):
        raise unsupported_media_type()
    body = request.json()
    if not isinstance(body, dict) or body.get("kind") != kind:
        raise bad_request(f"the object provided is no {kind}")
    return body


def _in_order(attributes: JSON) -> JSON:
    return {field: attributes[field] for field in _FIELDS if attributes.get(field)}


def _shown(rule: JSON) -> JSON:
    return {field: rule[field] for field in _RULE_FIELDS if rule.get(field)}
