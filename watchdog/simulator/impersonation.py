"""``Impersonate-User`` and ``Impersonate-Group``: how ``kubectl --as`` asks in another's name."""

from __future__ import annotations

from collections.abc import Iterator

from multidict import MultiMapping

from watchdog.simulator.authentication import ANONYMOUS, AUTHENTICATED, UNAUTHENTICATED, User, service_account_groups
from watchdog.simulator.authorization import Authorizer
from watchdog.simulator.errors import ApiError
from watchdog.simulator.request_info import Attributes
from watchdog.simulator.wire import Request

_ACCOUNT = "system:serviceaccount:"


def impersonated(user: User, request: Request, authorizer: Authorizer) -> User:
    """``user``, or whom it asks to be taken for. Raises ApiError 403 unless it may impersonate each name."""
    name, groups = request.headers.get("impersonate-user", ""), _groups(request)
    if not name and not groups:
        return user
    if not name:
        raise ApiError(500, "InternalError", "requested impersonation without impersonating a user")
    for asked in _asked(name, groups):
        authorizer.check(user, asked)
    return User(name, _completed(name, groups))


def _groups(request: Request) -> tuple[str, ...]:
    """The header may come more than once."""
    if isinstance(request.headers, MultiMapping):
        return tuple(request.headers.getall("impersonate-group", ()))
    one = request.headers.get("impersonate-group", "")
    return (one,) if one else ()


def _asked(name: str, groups: tuple[str, ...]) -> Iterator[Attributes]:
    namespace, _, account = name.removeprefix(_ACCOUNT).partition(":")
    if name.startswith(_ACCOUNT) and account:
        yield Attributes("impersonate", resource="serviceaccounts", namespace=namespace, name=account)
    else:
        yield Attributes("impersonate", resource="users", name=name)
    yield from (Attributes("impersonate", resource="groups", name=group) for group in groups)


def _completed(name: str, groups: tuple[str, ...]) -> tuple[str, ...]:
    namespace, _, account = name.removeprefix(_ACCOUNT).partition(":")
    if name.startswith(_ACCOUNT) and account and not groups:
        return service_account_groups(namespace)
    own = UNAUTHENTICATED if name == ANONYMOUS.name else AUTHENTICATED
    return groups if own in groups else (*groups, own)
