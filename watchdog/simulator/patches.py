"""Merge patch (RFC 7386) and JSON patch (RFC 6902). No function here changes its arguments."""

from __future__ import annotations

from typing import Any

import jsonpatch
import msgspec

from watchdog.simulator.errors import bad_request, rejected_patch

JSON = dict[str, Any]


def merged(target: Any, patch: Any) -> Any:
    """RFC 7386, section 2. What the patch does not touch is shared, not copied."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def json_patched(target: JSON, operations: Any) -> JSON:
    """RFC 6902. Raises ApiError 422 when it does not apply (a failed ``test`` too), 400 when it is no JSON patch."""
    if not isinstance(operations, list):
        raise bad_request("json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    copy = msgspec.json.decode(msgspec.json.encode(target))
    try:
        result = jsonpatch.JsonPatch(operations).apply(copy, in_place=True)
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError, KeyError):
        raise rejected_patch() from None
    if not isinstance(result, dict):
        raise rejected_patch()
    return result
