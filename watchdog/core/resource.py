"""Names of Google Cloud resources: whole ('projects/P/topics/T') on the wire, short where a person reads them."""

from __future__ import annotations

import re

PROJECT = re.compile(r"[a-z][a-z0-9:.\-]{2,99}")
_ID = re.compile(r"[A-Za-z][A-Za-z0-9\-_.~+%]{2,254}")


def is_name(name: str) -> bool:
    """Whether it is a resource's name, short or whole (Pub/Sub's rule: a letter, then 2 to 254 more of few kinds)."""
    parts = name.split("/")
    whole = len(parts) == 4 and parts[0] == "projects" and PROJECT.fullmatch(parts[1]) is not None
    return (len(parts) == 1 or whole) and _ID.fullmatch(parts[-1]) is not None


def whole(project: str, collection: str, name: str) -> str:
    """``collection``: topics | subscriptions. A name that is whole stays so: it may be of another project."""
    return name if "/" in name else f"projects/{project}/{collection}/{name}"


def short(project: str, name: str) -> str:
    """Without its project, where that is ``project``."""
    parts = name.split("/")
    return parts[-1] if len(parts) == 4 and parts[:2] == ["projects", project] else name
