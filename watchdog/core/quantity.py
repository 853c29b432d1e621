"""Amounts of resources as the API writes them (``500m``, ``1Gi``, ``1e3``): apimachinery's ``resource.Quantity``."""

from __future__ import annotations

import re
from fractions import Fraction
from math import ceil

_SUFFIXES = {
    "n": Fraction(1, 10**9), "u": Fraction(1, 10**6), "m": Fraction(1, 1000), "": Fraction(1),
    "k": Fraction(10**3), "M": Fraction(10**6), "G": Fraction(10**9),
    "T": Fraction(10**12), "P": Fraction(10**15), "E": Fraction(10**18),
    "Ki": Fraction(2**10), "Mi": Fraction(2**20), "Gi": Fraction(2**30),
    "Ti": Fraction(2**40), "Pi": Fraction(2**50), "Ei": Fraction(2**60),
}  # fmt: skip
_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:[eE]([+-]?\d{1,3})|(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?)")


def quantity(text: str) -> Fraction | None:
    """Its exact value; ``None`` if it is none."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        return None
    exponent = Fraction(10) ** int(match[2]) if match[2] else _SUFFIXES[match[3] or ""]
    return Fraction(match[1]) * exponent


def in_units_of(amount: str, divisor: str, *, milli: bool) -> str | None:
    """How often the divisor (empty or zero: 1) is in the amount, rounded up; ``None`` if either is no quantity
    or the divisor is none to divide by.

    As the kubelet has it, both are first rounded up to whole units, or to thousandths where ``milli`` (for CPU).
    """
    whole, part = quantity(amount), quantity(divisor or "1")
    if whole is None or part is None:
        return None
    scale = 1000 if milli else 1
    units = ceil((part or 1) * scale)
    return str(ceil(Fraction(ceil(whole * scale), units))) if units > 0 else None
