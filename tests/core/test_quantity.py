"""Amounts of resources, as apimachinery reads them and the kubelet divides them."""

from __future__ import annotations

from fractions import Fraction

import pytest

from watchdog.core.quantity import in_units_of, quantity


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0), ("1", 1), ("1.5", Fraction(3, 2)), (".5", Fraction(1, 2)), ("5.", 5), ("+1", 1), ("-1", -1),
        ("500m", Fraction(1, 2)), ("1u", Fraction(1, 10**6)), ("1n", Fraction(1, 10**9)),
        ("2k", 2000), ("1M", 10**6), ("1G", 10**9), ("1T", 10**12), ("1P", 10**15), ("1E", 10**18),
        ("1Ki", 1024), ("1Mi", 2**20), ("1.5Gi", 3 * 2**29), ("1Ti", 2**40), ("1Pi", 2**50), ("1Ei", 2**60),
        ("1e3", 1000), ("1E3", 1000), ("12e-1", Fraction(6, 5)),
        ("", None), ("x", None), ("1KiB", None), ("1 Gi", None), (".", None), ("1e", None), ("0x1", None),
    ],
)  # fmt: skip
def test_a_quantity_is_read_exactly_or_not_at_all(text: str, value: Fraction | None) -> None:
    assert quantity(text) == value


@pytest.mark.parametrize(
    ("amount", "divisor", "milli", "units"),
    [
        ("1500m", "", True, "2"), ("1500m", "1", True, "2"), ("1500m", "1m", True, "1500"), ("1500m", "0", True, "2"),
        ("2", "", True, "2"), ("1u", "1m", True, "1"), ("0", "", True, "0"),
        ("1Gi", "1Mi", False, "1024"), ("1Gi", "", False, "1073741824"), ("1Gi", "1G", False, "2"),
        ("1500m", "", False, "2"), ("100Mi", "1Gi", False, "1"),
        ("x", "", False, None), ("1", "x", False, None),
        ("1", "-1m", False, None), ("1", "-1m", True, None), ("1", "-1", False, None), ("0", "-2", True, None),
    ],
)  # fmt: skip
def test_an_amount_is_rounded_up_to_whole_divisors(amount: str, divisor: str, milli: bool, units: str | None) -> None:
    assert in_units_of(amount, divisor, milli=milli) == units
