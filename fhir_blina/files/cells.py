"""A value as the text of a cell, and whether there is one: one rule for words, ids, tables and notes."""

from __future__ import annotations

from decimal import Decimal
from numbers import Number
from typing import Any

_NO_VALUE = {"NAType", "NaTType"}  # pandas', told without importing it


def is_missing(value: Any) -> bool:
    """Whether a cell has no value: ``None``, a NaN of any kind, or pandas' missing values."""
    if value is None or type(value).__name__ in _NO_VALUE:
        return True
    return isinstance(value, Number) and bool(value != value)  # NaN alone is unequal to itself


def as_text(value: Any) -> str:
    """A value as it stands in a cell, inside a longer text, and as a word of a code map.

    Decimals keep their digits and never get an exponent (``0.0000001``, not ``1E-7``); truth values are
    FHIR's words.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    return format(value, "f") if isinstance(value, Decimal) else str(value)
