"""An alert, and who has taken its page, as a record: plain JSON, for a file, a ledger or another replica. Pure.

What is read comes from a disk or from a peer: everything in it is checked, and what is not sound is a ``ValueError`` of
one sentence. Instants are written as wall time to the microsecond; read, they are instants of this process, and never
in its future. What an alert was *seen* as is not written: who reads it has not looked yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar

from watchdog.core.alert import Acknowledgement, Alert, Cause, Description, Identity, Looked, Seen, State
from watchdog.core.delivery import Delivery
from watchdog.core.facts import KINDS, Excursion, Subject
from watchdog.core.instant import Instant, from_rfc3339
from watchdog.core.report import Accepted, Recalled
from watchdog.core.severity import Sev

MANY = 64
"""Labels, annotations, rises, receivers of one alert at most: more is no record of ours."""
LONG = 10_000
"""Characters of one text at most."""

_T = TypeVar("_T")
_E = TypeVar("_E", bound=StrEnum)


# writing


def record_of(alert: Alert, delivery: Delivery | None = None, ended_at: Instant | None = None) -> dict[str, Any]:
    """Everything about it that outlives a process. ``delivery``: and what became of its newest page. ``ended_at``: it
    is over since then."""
    identity = alert.identity
    return {
        "rule": identity.rule,
        "subject": {"kind": identity.subject.kind, "labels": [list(pair) for pair in identity.subject.labels]},
        "cause": str(identity.cause),
        "group": alert.group,
        "state": str(alert.state),
        "sev": int(alert.sev),
        "active_since": _written(alert.active_since),
        "fired_at": _written(alert.fired_at),
        "cleared_at": _written(alert.cleared_at),
        "rising_since": [_written(since) for since in alert.rising_since],
        "description": _told(alert.description),
        "onset": None if alert.onset == alert.description else _told(alert.onset),
        "incident": alert.incident,
        "excursion": None if alert.excursion is None else asdict(alert.excursion),
        "told_at": _written(alert.told_at),
        "acknowledged": None if alert.acknowledged is None else _acknowledged(alert.acknowledged),
        "looked": None if alert.looked is None else _looked(alert.looked),
        "late": alert.late,
        "again": alert.again,
        "delivery": None if delivery is None else _delivered(delivery),
        "ended_at": _written(ended_at),
    }


def _written(at: Instant | None) -> str | None:
    return None if at is None else _time(at.wall)


def _time(wall: datetime) -> str:
    return wall.astimezone(UTC).isoformat(timespec="microseconds")


def _told(description: Description) -> dict[str, Any]:
    return {"labels": dict(description.labels), "annotations": dict(description.annotations)}


def _acknowledged(said: Acknowledgement) -> dict[str, Any]:
    return asdict(said) | {"through": _time(said.through), "at": _time(said.at)}


def _looked(looked: Looked) -> dict[str, Any]:
    return {"revision": looked.revision, "at": _written(looked.at)}


def _delivered(delivery: Delivery) -> dict[str, Any]:
    accepted = {
        name: {"sent": _written(one.sent), "at": _written(one.at), "peer": one.peer}
        for name, one in delivery.accepted.items()
    }
    return {"accepted": accepted, "around": list(delivery.around), "escalated": delivery.escalated}


# reading


def alert_of(record: Any, now: Instant) -> Alert:
    """The alert that a record tells of, not looked at yet. Raises ``ValueError`` in one sentence."""
    read = _Record(record, now)
    state, description = read.one_of("state", State), read.required("description", read.description)
    fired_at = None if state is State.PENDING else read.required("fired_at", read.instant)
    return Alert(
        identity=read.identity(),
        group=read.text("group"),
        state=state,
        sev=read.sev(),
        seen=Seen.UNSEEN,
        active_since=read.required("active_since", read.instant),
        fired_at=fired_at,
        cleared_at=read.instant("cleared_at"),
        rising_since=tuple(_instant("rising_since", since, now) for since in read.items("rising_since")),
        description=description,
        onset=read.description("onset") or description,
        incident=read.text("incident"),
        excursion=read.excursion(),
        told_at=None if fired_at is None else read.instant("told_at") or fired_at,
        acknowledged=read.acknowledged(),
        looked=read.looked(),
        late=read.count("late"),
        again=read.count("again"),
    )


def recalled_of(record: Any, origin: str, as_of: Instant, now: Instant) -> Recalled:
    """The alert with what became of its page. Raises ``ValueError`` in one sentence."""
    alert, delivery = alert_of(record, now), _mapping("delivery", record.get("delivery") or {})
    read, ended_at = _Record(delivery, now), _instant("ended_at", record.get("ended_at"), now)
    taken = _mapping("accepted", delivery.get("accepted", {})) if alert.told_at is not None else {}
    return Recalled(
        alert,
        origin,
        ended_at or as_of,
        ended=ended_at is not None,
        accepted=tuple(_accepted(alert, name, _Record(said, now)) for name, said in taken.items()),
        around=tuple(_text("around", cause) for cause in read.items("around")),
        escalated=read.count("escalated"),
    )


def recalled_of_all(
    records: Iterable[Any], origin: str, as_of: Instant, now: Instant
) -> tuple[Sequence[Recalled], Sequence[str]]:
    """Every alert that its record tells of, and of each other why it does not."""
    found, problems = list[Recalled](), list[str]()
    for record in records:
        try:
            found.append(recalled_of(record, origin, as_of, now))
        except ValueError as error:
            problems.append(str(error))
    return found, problems


def recalled_of_document(document: Any, origin: str, now: Instant) -> tuple[Sequence[Recalled], Sequence[str]]:
    """What another replica's ``/api/v1/alerts`` tells, and what of it is not sound. Raises ``ValueError`` where it is
    no such document."""
    told = _Record(document, now)
    as_of, alerts = told.required("as_of", told.instant), told.mapping.get("alerts")
    if not isinstance(alerts, list):
        raise ValueError("alerts: expected a list")
    records = [item.get("record") if isinstance(item, Mapping) else None for item in alerts]
    return recalled_of_all(records, origin, as_of, now)


def _accepted(alert: Alert, receiver: str, read: _Record) -> Accepted:
    assert alert.told_at is not None
    at = read.required("at", read.instant)
    return Accepted(
        alert.identity,
        _text("accepted", receiver),
        alert.told_at.mono,
        read.instant("sent") or at,
        at,
        read.mapping.get("peer") is True,
    )


class _Record:
    """A mapping that is read with suspicion."""

    def __init__(self, record: Any, now: Instant) -> None:
        self.mapping, self.now = _mapping("record", record), now

    def required(self, name: str, read: Callable[[str], _T | None]) -> _T:
        found = read(name)
        if found is None:
            raise ValueError(f"{name}: expected it, found none")
        return found

    def text(self, name: str) -> str:
        return _text(name, self.mapping.get(name))

    def count(self, name: str) -> int:
        return _count(name, self.mapping.get(name, 0))

    def items(self, name: str) -> Sequence[Any]:
        found = self.mapping.get(name, [])
        if not isinstance(found, list) or len(found) > MANY:
            raise ValueError(f"{name}: expected a list of at most {MANY}")
        return found

    def instant(self, name: str) -> Instant | None:
        return _instant(name, self.mapping.get(name), self.now)

    def one_of(self, name: str, kind: type[_E]) -> _E:
        try:
            return kind(self.text(name))
        except ValueError:
            raise ValueError(f"{name}: expected one of {', '.join(kind)}") from None

    def sev(self) -> Sev:
        number = _count("sev", self.mapping.get("sev"))
        if number > max(Sev):
            raise ValueError(f"sev: expected 0 to {int(max(Sev))}")
        return Sev(number)

    def identity(self) -> Identity:
        subject = _Record(self.mapping.get("subject"), self.now)
        kind, labels = subject.text("kind"), [_pair(pair) for pair in subject.items("labels")]
        if kind not in KINDS or tuple(name for name, _ in labels) != KINDS[kind].IDENTITY:
            raise ValueError(f"subject: expected a kind that is known and what identifies it, found {kind[:80]!r}")
        return Identity(self.text("rule"), Subject(kind, tuple(labels)), self.one_of("cause", Cause))

    def description(self, name: str) -> Description | None:
        said = self.mapping.get(name)
        if said is None:
            return None
        told = _mapping(name, said)
        return Description(_texts(name, told.get("labels")), _texts(name, told.get("annotations")))

    def excursion(self) -> Excursion | None:
        said = self.mapping.get("excursion")
        if said is None:
            return None
        told = _mapping("excursion", said)
        said_of = {one.name: EXCURSION[str(one.type)](one.name, told.get(one.name)) for one in fields(Excursion)}
        return Excursion(**said_of)

    def acknowledged(self) -> Acknowledgement | None:
        said = self.mapping.get("acknowledged")
        if said is None:
            return None
        told = _Record(said, self.now)
        entry, by, why = (told.text(name) for name in ("entry", "by", "why"))
        return Acknowledgement(entry, by, why, *(_moment(name, told.mapping.get(name)) for name in ("through", "at")))

    def looked(self) -> Looked | None:
        said = self.mapping.get("looked")
        if said is None:
            return None
        told = _Record(said, self.now)
        return Looked(told.count("revision"), told.required("at", told.instant))


def _mapping(name: str, value: Any) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping) or len(value) > MANY:
        raise ValueError(f"{name}: expected an object of at most {MANY} members")
    return value


def _texts(name: str, value: Any) -> Mapping[str, str]:
    return {_text(name, key): _text(name, text) for key, text in _mapping(name, value).items()}


def _pair(value: Any) -> tuple[str, str]:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError("subject: expected labels as pairs")
    return _text("subject", value[0]), _text("subject", value[1])


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) > LONG:
        raise ValueError(f"{name}: expected a text of at most {LONG} characters")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name}: a text that UTF-8 cannot carry") from None
    return value


def _truth(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{name}: expected true or false")
    return value


def _count(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 53:
        raise ValueError(f"{name}: expected a number of things")
    return value


def _seconds(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e12:
        raise ValueError(f"{name}: expected seconds")
    return float(value)


def _moment(name: str, value: Any) -> datetime:
    time = from_rfc3339(_text(name, value))
    try:
        if time is not None:
            return time.astimezone(UTC)
    except OverflowError:
        pass
    raise ValueError(f"{name}: expected an instant with its time zone")


def _instant(name: str, value: Any, now: Instant) -> Instant | None:
    return None if value is None else recent(_moment(name, value), now)


def recent(wall: datetime, now: Instant) -> Instant:
    """A moment of the past as an instant of this process. What lies in the future (clocks differ, and step) is now."""
    return now if wall >= now.wall else Instant(wall, now.mono - (now.wall - wall).total_seconds())


EXCURSION: Mapping[str, Callable[[str, Any], Any]] = {"str": _text, "bool": _truth, "float": _seconds, "int": _count}
"""How each type of an excursion's fields is read."""
