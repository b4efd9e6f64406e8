"""Numbers as results hold and write them: exact, or to 12 significant digits; records as JSON types."""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass
from decimal import Decimal
from typing import Any

Number = int | float | Decimal

SIGNIFICANT_DIGITS = 12


def exact(number: Number) -> Decimal:
    """A number as a decimal: ``Decimal`` and ``int`` unchanged, a float to 12 significant digits.

    Twelve digits are those on which every implementation compared agrees, so that the bytes of
    ``results.json`` do not depend on the processor.
    """
    if isinstance(number, Decimal):
        return number
    if isinstance(number, int):
        return Decimal(number)
    return Decimal(f"{float(number):.{SIGNIFICANT_DIGITS}g}")


def _plain(number: Number) -> int | Decimal | None:
    if isinstance(number, int):
        return number
    if not math.isfinite(number):
        return None
    value = exact(number)
    if isinstance(number, float) and value == value.to_integral_value() and abs(value) < 10**12:
        return int(value)
    return value


def as_json(value: Any) -> Any:
    """A record, or a part of one, as JSON types: fields in their order, numbers as ``exact`` has them."""
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: as_json(getattr(value, item.name)) for item in fields(value) if item.init}
    if isinstance(value, tuple | list):
        return [as_json(one) for one in value]
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return _plain(value)
    return value
