"""When a sample was taken is not in the answer of an instant query: PromQL's ``timestamp`` must be asked for it, and it
knows that of a plain selector alone. For whatever is computed it answers the time of the evaluation, however old the
samples are that it was computed from (prometheus.io/docs/prometheus/latest/querying/functions, ``timestamp``)."""

from __future__ import annotations

import re

_STRING = r"(?:\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|`[^`]*`)"
_MATCHER = rf"(?:(?:[a-zA-Z_]\w*|{_STRING})\s*(?:=~|!~|!=|=)\s*{_STRING}|{_STRING})"
_MATCHERS = rf"\{{\s*(?:{_MATCHER}\s*(?:,\s*{_MATCHER}\s*)*,?\s*)?\}}"
_SELECTOR = re.compile(rf"(?!(?i:nan|inf)$)(?:[a-zA-Z_:][\w:]*\s*(?:{_MATCHERS})?|{_MATCHERS})", re.ASCII)


def is_plain(expr: str) -> bool:
    """Whether ``expr`` selects series as they were sampled, and does nothing with them: ``metric{label="value"}``."""
    return _SELECTOR.fullmatch(expr.strip()) is not None


def sampling_time(expr: str) -> str:
    """The expression whose value is the epoch second of each sample that the plain selector ``expr`` answers."""
    return f"timestamp({expr.strip()})"
