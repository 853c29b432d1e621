"""What is observed, as a person reads it, and what the command exits with."""

from __future__ import annotations

import json
from typing import Any

import pytest

from watchdog.reports import Exit
from watchdog.reports.coverage import decoded, exit_code, text

SEEN = {
    "area": "kind", "what": "pods", "where": "", "state": "observed", "scopes": ["kubernetes: watch pods everywhere"],
    "age_seconds": 0.31, "reason": "", "explanation": "",
}  # fmt: skip
MISSING = SEEN | {
    "area": "permission", "what": "watch pods", "state": "not_observed", "scopes": [], "age_seconds": None,
    "reason": "Forbidden", "explanation": "it may not watch pods",
}  # fmt: skip
UNSERVED = SEEN | {
    "what": "rollouts.argoproj.io",
    "state": "not_served",
    "reason": "NotServed",
    "explanation": "there can be none",
}


def body(*rows: dict[str, Any], looked: bool = True, **more: Any) -> bytes:
    complete = looked and MISSING not in rows
    told = {"as_of": "2026-11-23T15:00:00Z", "complete": complete, "looked": looked, "rows": rows}
    return json.dumps(told | more).encode()


def test_a_table_says_what_is_seen_how_lately_and_what_is_not_and_why() -> None:
    lines = text(decoded(body(MISSING, UNSERVED, SEEN))).splitlines()
    assert lines[0] == "NOT COMPLETE: 1 not observed as of 2026-11-23T15:00:00Z"
    assert lines[1].split() == ["NOT", "OBSERVED", "permission", "watch", "pods", "everywhere"]
    assert lines[2].strip() == "Forbidden: it may not watch pods"
    assert lines[3].split()[:4] == ["not", "served", "kind", "rollouts.argoproj.io"]
    assert lines[5].split() == ["observed", "kind", "pods", "everywhere", "0.3", "s", "ago"]


def test_what_was_left_out_is_counted() -> None:
    assert text(decoded(body(SEEN, rows_omitted=7))).endswith("\n  and 7 more")


@pytest.mark.parametrize(
    "answer, code, verdict",
    [
        (body(SEEN, UNSERVED), Exit.FINE, "COMPLETE"),
        (body(SEEN, MISSING), Exit.FINDING, "NOT COMPLETE"),
        (body(MISSING, looked=False), Exit.UNTOLD, "NOTHING IS SEEN"),
    ],
)
def test_gaps_are_a_finding_and_who_could_not_look_could_not_tell(answer: bytes, code: Exit, verdict: str) -> None:
    told = decoded(answer)
    assert exit_code(told) is code and text(told).startswith(verdict)


@pytest.mark.parametrize("answer", [b"", b"No such page", b"{}", b'{"complete": true}', b"\xff", b"[" * 30_000])
def test_what_is_no_watchdogs_answer_is_refused(answer: bytes) -> None:
    with pytest.raises(ValueError, match="expected a watchdog's answer"):
        decoded(answer)
