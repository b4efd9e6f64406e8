"""A value as the text of a cell: one rule for words of code maps, texts, ids, tables and notes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any


def as_text(value: Any) -> str:
    """A value as it stands in a cell, inside a longer text, and as a word of a code map.

    Decimals keep their digits and never get an exponent (``0.0000001``, not ``1E-7``); truth values are
    FHIR's words.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    return format(value, "f") if isinstance(value, Decimal) else str(value)
