"""Bodies in ``application/vnd.kubernetes.protobuf``, decoded to what JSON would have said.

kubectl >= 1.32 sends them for ``create configmap|deployment|job|...``, ``autoscale`` and ``auth can-i``. Source: the
Protocol Buffers encoding, and "Kubernetes Protobuf encoding" in the Kubernetes API concepts (four bytes of magic, then
a ``runtime.Unknown``).
"""

from __future__ import annotations

import struct
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from watchdog.simulator.errors import bad_request, unsupported_media_type
from watchdog.simulator.schema import INLINE, LIST, MAP, Field, schema, type_of

JSON = dict[str, Any]
PROTOBUF_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"


def decoded(body: bytes) -> JSON:
    """Raises ApiError 400 for what is no such body, and 415 for a type whose fields are not listed."""
    if not body.startswith(_MAGIC):
        raise bad_request("the provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")
    try:
        envelope = dict(_fields(body[len(_MAGIC) :]))
        head = {number: value.decode() for number, value in _fields(envelope.get(1, b""))}
        type = type_of(head.get(1, ""), head.get(2, ""))
        if not type:
            raise unsupported_media_type()
        content = _message(type, envelope.get(2, b""))
    except (IndexError, ValueError, struct.error, AttributeError, TypeError) as error:
        raise bad_request(f"unable to decode the protobuf message: {error}") from None
    return {"kind": head[2], "apiVersion": head[1], **content}


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """(number, int or bytes) of each field, as it comes."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire_type = key >> 3, key & 7
        if wire_type == 0:
            value, at = _varint(data, at)
            yield number, value
        elif wire_type == 1:
            yield number, data[at : at + 8]
            at += 8
        elif wire_type == 2:
            length, at = _varint(data, at)
            if at + length > len(data):
                raise ValueError("unexpected EOF")
            yield number, data[at : at + length]
            at += length
        else:
            raise ValueError(f"illegal wireType {wire_type}")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _message(type: str, data: bytes) -> JSON:
    known = {field.number: field for field in schema()[type]}
    object: JSON = {}
    for number, raw in _fields(data):
        field = known.get(number)
        if field is not None and field.type != "any":
            _set(object, field, raw)
    return object


def _set(object: JSON, field: Field, raw: Any) -> None:
    if field.name == INLINE:
        object.update(_message(field.type, raw))
    elif field.many == LIST:
        object.setdefault(field.name, []).append(_value(field.type, raw))
    elif field.many == MAP:
        entry = dict(_fields(raw))
        object.setdefault(field.name, {})[entry.get(1, b"").decode()] = _value(field.type, entry.get(2, b""))
    else:
        value = _value(field.type, raw)
        # Go writes every field that is no pointer; in JSON an empty one is absent.
        if field.zero_counts or value not in ("", 0, False, None):
            object[field.name] = value


def _value(type: str, raw: Any) -> Any:
    match type:
        case "s":
            return raw.decode()
        case "i":
            return raw - (1 << 64) if raw >> 63 else raw
        case "b":
            return bool(raw)
        case "d":
            return struct.unpack("<d", raw)[0]
        case "y":
            return b64encode(raw).decode()
        case "time" | "microtime":
            return _time(dict(_fields(raw)))
        case "intstr":
            parts = dict(_fields(raw))
            return parts.get(3, b"").decode() if parts.get(1) else _value("i", parts.get(2, 0))
        case "quantity":
            return dict(_fields(raw)).get(1, b"").decode()
        case "raw":
            content = dict(_fields(raw)).get(1, b"")
            return msgspec.json.decode(content) if content else None
    return _message(type, raw)


def _time(parts: dict[int, int]) -> str | None:
    seconds = parts.get(1, 0)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if seconds else None
