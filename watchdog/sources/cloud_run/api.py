"""The Admin API v2 of Cloud Run, as far as it is relied on, and what its answers mean.

Its JSON is proto3's (https://protobuf.dev/programming-guides/json/): a field that is absent has its default, an int64
is a text. Fields: google/cloud/run/v2/{service,revision,revision_template,traffic_target,vendor_settings}.proto.
"""

from __future__ import annotations

import re
from typing import Annotated, TypeVar

import msgspec

from watchdog.core.redaction import redacted_text
from watchdog.ports import Answer, Unreachable

BODY_LIMIT = 1 << 20
SHOWN = 200
"""Characters of Google's own message that are kept."""
NAME = re.compile(r"[a-z]([a-z0-9\-]{0,61}[a-z0-9])?")
"""Of services and revisions."""
MANUAL, AUTOMATIC = "MANUAL", ("", "SCALING_MODE_UNSPECIFIED", "AUTOMATIC")
NO_INGRESS = "INGRESS_TRAFFIC_NONE"
SUCCEEDED, FAILED = "CONDITION_SUCCEEDED", "CONDITION_FAILED"
Count = Annotated[int, msgspec.Meta(ge=0)]


class Scaling(msgspec.Struct, frozen=True):
    """A service's, or a revision's. A count of manual scaling that is absent is not 0: the field has presence."""

    scalingMode: str = ""
    manualInstanceCount: Count | None = None
    minInstanceCount: Count = 0


class ScalingStatus(msgspec.Struct, frozen=True):
    """``desiredMinInstanceCount``: the minimum instances that are provisioned now."""

    desiredMinInstanceCount: Count = 0


class SecretRef(msgspec.Struct, frozen=True):
    secret: str = ""
    version: str = ""


class ValueSource(msgspec.Struct, frozen=True):
    """None: from something that is newer than we are."""

    secretKeyRef: SecretRef | None = None


class EnvVar(msgspec.Struct, frozen=True):
    name: str
    value: str = ""
    valueSource: ValueSource | None = None


class Container(msgspec.Struct, frozen=True):
    name: str = ""
    image: str = ""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: tuple[EnvVar, ...] = ()


class ContainerStatus(msgspec.Struct, frozen=True):
    """``imageDigest``: what the image's name was resolved to when the revision was made."""

    name: str = ""
    imageDigest: str = ""


class Template(msgspec.Struct, frozen=True):
    """What the next revision will be."""

    containers: tuple[Container, ...] = ()
    scaling: Scaling = Scaling()


class Target(msgspec.Struct, frozen=True):
    """An entry of ``traffic`` or ``trafficStatuses``; one that names no revision means the newest that is ready. A tag
    makes it reachable whatever its percent."""

    revision: str = ""
    percent: Count = 0
    tag: str = ""


class Condition(msgspec.Struct, frozen=True):
    state: str = ""
    message: str = ""


class Service(msgspec.Struct, frozen=True):
    name: str
    template: Template
    generation: str = ""
    observedGeneration: str = ""
    reconciling: bool = False
    ingress: str = ""
    scaling: Scaling = Scaling()
    traffic: tuple[Target, ...] = ()
    trafficStatuses: tuple[Target, ...] = ()
    latestReadyRevision: str = ""
    latestCreatedRevision: str = ""
    terminalCondition: Condition = Condition()


class Revision(msgspec.Struct, frozen=True):
    name: str
    containers: tuple[Container, ...] = ()
    containerStatuses: tuple[ContainerStatus, ...] = ()
    scaling: Scaling = Scaling()
    scalingStatus: ScalingStatus = ScalingStatus()


class _Error(msgspec.Struct):
    """https://cloud.google.com/apis/design/errors#http_mapping"""

    code: int
    status: str
    message: str = ""


class _Refusal(msgspec.Struct):
    error: _Error


_T = TypeVar("_T", Service, Revision)
_services = msgspec.json.Decoder(Service)
_revisions = msgspec.json.Decoder(Revision)
_refusals = msgspec.json.Decoder(_Refusal)


def service(answer: Answer, name: str) -> Service | None:
    """``None`` where the API itself says that there is none. Raises ``Unreachable``."""
    try:
        found = _whole(_understood(answer, _services), name)
    except Unreachable as error:
        if error.reason == "NotFound":
            return None
        raise
    if not found.template.containers:
        raise Unreachable("BadAnswer", "it answers otherwise than agreed: a service without a container")
    return found


def revision(answer: Answer, name: str) -> Revision:
    """Raises ``Unreachable``."""
    found = _whole(_understood(answer, _revisions), name)
    if not found.containers:
        raise Unreachable("BadAnswer", "it answers otherwise than agreed: a revision without a container")
    return found


def short(resource: str) -> str:
    """The last part of 'projects/P/locations/R/services/S/revisions/REVISION'; in quotes what is no name."""
    name = resource.rpartition("/")[2]
    return name if not name or NAME.fullmatch(name) else repr(name[:SHOWN])


def checked(name: str) -> str:
    """A revision's, fit to become part of a path. Raises ``Unreachable``."""
    if NAME.fullmatch(name) is None:
        raise Unreachable("BadAnswer", f"it names a revision {name[:SHOWN]}")
    return name


def _whole(found: _T, name: str) -> _T:
    """``name``: 'locations/R/services/S'; before it stands the project, by its id or its number."""
    if not found.name.endswith(f"/{name}"):
        raise Unreachable("BadAnswer", f"it answers about {found.name[:SHOWN]!r} instead of {name}")
    return found


def _understood(answer: Answer, decoder: msgspec.json.Decoder[_T]) -> _T:
    if answer.status != 200:
        raise _refused(answer)
    try:
        return decoder.decode(answer.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Unreachable("BadAnswer", f"it answers otherwise than agreed: {error}") from None


def _refused(answer: Answer) -> Unreachable:
    """By Google's own word (PERMISSION_DENIED is PermissionDenied); a proxy's 404 says nothing of a service."""
    try:
        error = _refusals.decode(answer.body).error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Unreachable(f"Http{answer.status}", f"it answers {answer.status}")
    if error.code != answer.status or not error.status:
        return Unreachable(f"Http{answer.status}", f"it answers {answer.status}")
    reason = "".join(word.capitalize() for word in re.findall("[A-Za-z]+", error.status[:SHOWN]))
    return Unreachable(reason, f"it answers {answer.status}: {redacted_text(error.message[:SHOWN])}")
