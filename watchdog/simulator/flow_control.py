"""The headers of API priority and fairness: empty while a server starts, and so a sign that a 403 of then is not a
lost permission (kube-wire README, point 22)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from uuid import NAMESPACE_URL, uuid5

from watchdog.simulator.authentication import User

_LEVELS = {"exempt": "exempt", "probes": "exempt", "service-accounts": "workload-low", "catch-all": "catch-all"}


def flow_control(user: User, path: str, *, started: bool) -> Mapping[str, str]:
    schema = _schema(user, path)
    schema_uid, level_uid = _uid(schema), _uid(f"level {_LEVELS[schema]}")
    return {
        "X-Kubernetes-Pf-Flowschema-Uid": schema_uid if started else "",
        "X-Kubernetes-Pf-Prioritylevel-Uid": level_uid if started else "",
    }


def _schema(user: User, path: str) -> str:
    if user.is_master:
        return "exempt"
    if path.strip("/") in ("healthz", "livez", "readyz"):
        return "probes"
    return "service-accounts" if "system:serviceaccounts" in user.groups else "catch-all"


@cache
def _uid(name: str) -> str:
    return str(uuid5(NAMESPACE_URL, name))
