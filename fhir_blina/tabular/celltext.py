"""The text of a cell from a value that a file gives: exact, without exponent, dates as ISO 8601 has them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

SPREADSHEET_DIGITS = 15  # as many as a spreadsheet shows and takes


def cell_text(value: Any, digits: int | None = None) -> str:
    """The text of a value.

    Args:
        value: As a reader gives it.
        digits: Significant digits of a float; as many as tell it apart where not said.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _number(value, digits)
    if isinstance(value, Decimal):
        return f"{value:f}" if value.is_finite() else ""
    if isinstance(value, dt.datetime):
        return _moment(value)
    if isinstance(value, dt.timedelta):
        return _number(value.total_seconds() / 86_400, SPREADSHEET_DIGITS)
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return str(value).strip()


def _number(value: float, digits: int | None) -> str:
    if value != value or value in (float("inf"), float("-inf")):
        return ""
    exact = Decimal(f"{value:.{digits}g}" if digits else repr(value))
    text = f"{exact:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def _moment(value: dt.datetime) -> str:
    if value.time() == dt.time(0) and value.tzinfo is None:
        return value.date().isoformat()
    return value.isoformat()
