"""What is wrong with a configuration, in one sentence: file, key, what was expected, what was found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError


class ConfigError(Exception):
    """One clear sentence: file, key, what was expected. Exit code 2."""


def sentence(where: str, error: ValidationError) -> str:
    """Every problem in one line: key, what was expected, what was found."""
    return "; ".join(_problem(where, dict(problem)) for problem in error.errors())


def _problem(where: str, problem: Mapping[str, Any]) -> str:
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"{where}: {key}: no such key"
    if problem["type"] in ("missing", "missing_argument"):
        return f"{where}: {key}: expected a value, found none"
    message = str(problem["msg"]).removeprefix("Value error, ").replace("a valid tuple", "a list")
    return f"{where}: {key + ': ' if key else ''}{message}{_found(problem)}"


def _found(problem: Mapping[str, Any]) -> str:
    found = repr(problem.get("input"))
    return "" if problem["type"] == "value_error" else f", found {found if len(found) <= 60 else found[:60] + '…'}"


def one_line(error: Exception) -> str:
    return " ".join(str(error).split())
