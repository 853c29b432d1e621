"""Importing modules without their package's ``__init__`` (lean)."""

from __future__ import annotations

import subprocess
import sys

import pytest

from watchdog.lean import without_init


def said(script: str) -> str:
    """By a process of its own: what is imported there stays there."""
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()


LEAN = "from watchdog.sources.market_hours import _calendar; lean = _calendar()"
DAYS = "dict({0}(years=range(2020, 2030), categories=('public', 'half_day')))"


def test_the_lean_calendar_knows_the_same_days_as_the_whole_library() -> None:
    whole = "from holidays.financial.ny_stock_exchange import NewYorkStockExchange as whole"
    script = (
        f"{LEAN}; {whole}; print({DAYS.format('lean')} == {DAYS.format('whole')}, len({DAYS.format('lean')}) > 100)"
    )
    assert said(script) == "True True"


def test_the_lean_calendar_leaves_250_countries_out() -> None:
    modules = said(
        f"import sys; {LEAN}; lean(years=2026); print(len([m for m in sys.modules if 'holidays.countries' in m]))"
    )
    assert modules == "0"


def test_a_normal_import_afterwards_gets_the_whole_package() -> None:
    assert said(f"{LEAN}; import holidays; print(len(holidays.US(years=2026)) > 5)") == "True"


def test_a_package_that_is_not_installed_is_an_import_error() -> None:
    with pytest.raises(ImportError, match="no_such_package"), without_init("no_such_package"):
        pass
