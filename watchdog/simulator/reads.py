"""GET and LIST: paging from a consistent snapshot, resourceVersion forms (kube-wire README, points 3, 6, 18)."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Mapping
from typing import Any

import msgspec

from watchdog.simulator.cluster import Cluster
from watchdog.simulator.errors import (
    bad_request,
    invalid_resource_version,
    too_large_resource_version,
    too_old_to_continue,
    too_old_to_list,
)
from watchdog.simulator.history import Record, TooOld
from watchdog.simulator.selectors import Matches, by_fields, by_labels
from watchdog.simulator.views import View
from watchdog.simulator.wire import Request, Response, Target

JSON = dict[str, Any]

FUTURE_PATIENCE = 3.0
"""Seconds that a server waits for a revision that it has not seen yet, before it answers 504."""


def selector(target: Target, query: Mapping[str, str]) -> Matches | None:
    """Both selectors as one; None when there is none. A WATCH may name its object in the path."""
    fields = query.get("fieldSelector", "")
    named = f"metadata.name={target.name}" if target.name else ""
    fields = ",".join(text for text in (fields, named) if text)
    labels = query.get("labelSelector", "")
    if not fields and not labels:
        return None
    by_label, by_field = by_labels(labels), by_fields(target.resource, fields)
    return lambda object: by_label(object) and by_field(object)


def revision_of(text: str) -> int:
    """0 for none. Raises ApiError 500, as recorded."""
    if not text:
        return 0
    if not text.isdigit():
        raise invalid_resource_version(text)
    return int(text)


async def until_known(cluster: Cluster, revision: int) -> None:
    """Raises ApiError 504 after three seconds for a revision that is still to come."""
    if revision > cluster.revision:
        await asyncio.sleep(FUTURE_PATIENCE)
    if revision > cluster.revision:
        raise too_large_resource_version(revision, cluster.revision)


async def get(cluster: Cluster, target: Target, request: Request, view: View) -> Response:
    await until_known(cluster, revision_of(request.query.get("resourceVersion", "")))
    return Response(200, view.one(cluster.get(target.resource, target.namespace, target.name)), view.content_type)


async def list_(cluster: Cluster, target: Target, request: Request, view: View) -> Response:
    query, matches = request.query, selector(target, request.query)
    wanted = revision_of(query.get("resourceVersion", ""))
    await until_known(cluster, wanted)
    revision, start = _place(cluster, query, wanted)
    records = _snapshot(cluster, target, revision, start)
    if matches:
        records = [record for record in records if matches(record.object)]
    metadata: JSON = {"resourceVersion": str(revision)}
    # A list "at any age" is served whole from the cache (point 18).
    limit = 0 if query.get("resourceVersion") == "0" and not start else _limit(query)
    if limit and len(records) > limit:
        rest, records = records[limit:], records[:limit]
        metadata["continue"] = _token(revision, _relative(target, records[-1].key) + "\0")
        metadata |= {} if matches else {"remainingItemCount": len(rest)}
    body = view.many(records, target.resource.kind, target.resource.api_version, metadata)
    return Response(200, body, view.content_type)


def _place(cluster: Cluster, query: Mapping[str, str], wanted: int) -> tuple[int, str]:
    """The revision to show, and where in the collection to start. An inconsistent continuation shows what is now."""
    if token := query.get("continue"):
        revision, start = _parsed(token)
        return (cluster.revision if revision < 0 else revision), start
    exact = query.get("resourceVersionMatch") == "Exact"
    return (wanted if exact and wanted else cluster.revision), ""


def _snapshot(cluster: Cluster, target: Target, revision: int, start: str) -> list[Record]:
    try:
        records = cluster.records_at(target.resource, target.namespace, revision)
    except TooOld:
        raise (too_old_to_continue(_token(-1, start)) if start else too_old_to_list()) from None
    return [record for record in records if _relative(target, record.key) >= start] if start else records


def _relative(target: Target, key: str) -> str:
    return key.removeprefix(f"{target.namespace}/") if target.namespace else key


def _limit(query: Mapping[str, str]) -> int:
    text = query.get("limit", "0")
    if not text.isdigit():
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    return int(text)


def _token(revision: int, start: str) -> str:
    slash = "/" if revision >= 0 else ""
    token = msgspec.json.encode({"v": "meta.k8s.io/v1", "rv": revision, "start": slash + start})
    return base64.urlsafe_b64encode(token).decode().rstrip("=")


def _parsed(token: str) -> tuple[int, str]:
    try:
        content = msgspec.json.decode(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        return int(content["rv"]), str(content["start"]).removeprefix("/")
    except (binascii.Error, msgspec.DecodeError, UnicodeDecodeError, TypeError, KeyError, ValueError) as error:
        raise bad_request(f"invalid continue token: continue key is not valid: {error}") from None
