"""Who asks: bearer tokens of ServiceAccounts, or nobody (kube-wire README, points 13 and 20).

Tokens are real JWTs with the recorded claims, signed by a key of the simulator's own.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import msgspec

from watchdog.simulator.cluster import Cluster
from watchdog.simulator.errors import ApiError
from watchdog.simulator.resources import SERVICE_ACCOUNTS
from watchdog.simulator.wire import Request

JSON = dict[str, Any]

CACHE_SECONDS = 10.0
"""A token that was good is good for so long, whatever became of its ServiceAccount (point 13)."""
LEEWAY_SECONDS = 60.0
"""A token is taken for so long after its ``exp`` (point 13)."""
ADMIN_TOKEN = "simulated-admin"
"""Of a member of system:masters, as in a static token file: for who has to write while credentials are demanded."""
MASTERS, AUTHENTICATED, UNAUTHENTICATED = "system:masters", "system:authenticated", "system:unauthenticated"
ISSUER = "https://kubernetes.default.svc"
_KEY, _HEADER = b"the simulator's own", {"alg": "HS256", "kid": "simulator"}
_CREDENTIAL = "authentication.kubernetes.io/credential-id"


@dataclass(frozen=True, slots=True)
class User:
    """Whom a request is taken to come from."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def is_master(self) -> bool:
        return MASTERS in self.groups

    @property
    def info(self) -> JSON:
        """A ``userInfo``; what is empty is left out."""
        extra = {name: list(values) for name, values in self.extra.items()}
        fields = {"username": self.name, "uid": self.uid, "groups": list(self.groups), "extra": extra}
        return {name: value for name, value in fields.items() if value}


ADMIN = User("kubernetes-admin", (MASTERS, AUTHENTICATED))
ANONYMOUS = User("system:anonymous", (UNAUTHENTICATED,))


def service_account_groups(namespace: str) -> tuple[str, ...]:
    return "system:serviceaccounts", f"system:serviceaccounts:{namespace}", AUTHENTICATED


def service_account_user(namespace: str, name: str) -> str:
    return f"system:serviceaccount:{namespace}:{name}"


class Authentication:
    """``demanded``: who shows no credentials is anonymous; otherwise (the default, for kubectl on loopback) an
    administrator, as through ``kubectl proxy``."""

    def __init__(self, cluster: Cluster, *, demanded: bool = False) -> None:
        self._cluster, self.demanded, self._issued = cluster, demanded, 0
        self._cache: dict[str, tuple[User, float]] = {}

    def issue(self, namespace: str, name: str, seconds: float = 3600.0) -> str:
        """A token, as a TokenRequest gives it. Raises ApiError 404 without that ServiceAccount."""
        account = self._cluster.get(SERVICE_ACCOUNTS, namespace, name)
        self._issued += 1
        now, subject = int(self._cluster.time()), service_account_user(namespace, name)
        bound = {"namespace": namespace, "serviceaccount": {"name": name, "uid": account.uid}}
        claims = {
            "aud": [ISSUER], "exp": now + int(seconds), "iat": now, "iss": ISSUER,
            "jti": str(uuid5(NAMESPACE_URL, f"{subject}/{account.uid}/{self._issued}")),
            "kubernetes.io": bound, "nbf": now, "sub": subject,
        }  # fmt: skip
        content = f"{_part(_HEADER)}.{_part(claims)}"
        return f"{content}.{_signature(content)}"

    def forget(self) -> None:
        """The cache of good tokens is a process' own."""
        self._cache.clear()

    def user(self, request: Request) -> User:
        """Raises ApiError 401 for a token that is not, or no longer, good."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            return ANONYMOUS if self.demanded else ADMIN
        return ADMIN if token.strip() == ADMIN_TOKEN else self._cached(token.strip())

    def _cached(self, token: str) -> User:
        now = self._cluster.time()
        known, until = self._cache.get(token, (None, 0.0))
        if known and now < until:
            return known
        if (user := self._verified(token)) is None:
            self._cache.pop(token, None)
            raise unauthorized()
        self._cache[token] = user, now + CACHE_SECONDS
        return user

    def _verified(self, token: str) -> User | None:
        claims = claims_of(token)
        if claims is None or self._cluster.time() >= claims["exp"] + LEEWAY_SECONDS:
            return None
        namespace, account = claims["kubernetes.io"]["namespace"], claims["kubernetes.io"]["serviceaccount"]
        found = self._cluster.find(SERVICE_ACCOUNTS, namespace, account["name"])
        if found is None or found.uid != account["uid"]:
            return None
        extra = {_CREDENTIAL: (f"JTI={claims['jti']}",)}
        return User(claims["sub"], service_account_groups(namespace), account["uid"], extra)


def unauthorized() -> ApiError:
    return ApiError(401, "Unauthorized", "Unauthorized")


def claims_of(token: str) -> JSON | None:
    """What a token of this server says; None for any other text."""
    content, _, signature = token.rpartition(".")
    if not hmac.compare_digest(signature.encode(), _signature(content).encode()):
        return None
    try:
        part = content.partition(".")[2]
        claims: JSON = msgspec.json.decode(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (binascii.Error, msgspec.DecodeError):
        return None
    return claims


def _part(content: JSON) -> str:
    return _base64(msgspec.json.encode(content))


def _signature(content: str) -> str:
    return _base64(hmac.digest(_KEY, content.encode(), "sha256"))


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
