"""Numbers as papers print them, ``78.30``, ``<0.001``, ``~40``, ``310 (285-363)``: whether another agrees."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

AGREES = "agrees"
TRUNCATED = "truncated"
DISAGREES = "disagrees"

_NUMBER = r"[-\u2212]?\d+(?:\.\d+)?"
_ONE = re.compile(rf"(<=|>=|[<>≤≥~≈])?\s*({_NUMBER})")
_INTERVAL = re.compile(
    rf"({_NUMBER})\s*[(\[]\s*(?:95\s*% ?CI:?\s*)?({_NUMBER})\s*(?:-|–|—|~|to|,|;)\s*({_NUMBER})\s*[)\]]"
)


def is_printed_number(text: str) -> bool:
    """Whether a text is one number, with ``<``, ``>`` or ``~`` before it or not."""
    return _ONE.fullmatch(text.strip()) is not None


def printed_number(text: str) -> Decimal:
    """The number of a text, without what stands before it."""
    match = _ONE.fullmatch(text.strip())
    if match is None:
        raise ValueError("is no number")
    return Decimal(match[2].replace("\u2212", "-"))


def one_number_each(row: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """A row of claims; a number with its interval, ``310 (285-363)``, becomes three rows of one each."""
    match = _INTERVAL.fullmatch(row["value_printed"].strip())
    if match is None or row["field"] != "value" or not row["record"]:
        yield dict(row)
        return
    title = row["title"] or row["claim"].replace("_", " ")
    yield {**row, "value_printed": match[1]}
    for number, field, word in ((match[2], "ci_low", "lower"), (match[3], "ci_high", "upper")):
        claim = f"{row['claim']}_{'low' if field == 'ci_low' else 'high'}"
        made = {"claim": claim, "title": f"{title}: {word} limit", "field": field, "value_printed": number}
        yield {**row, **made}


def agreement(printed: str, recomputed: Fraction | Decimal) -> str:
    """``agrees`` if rounding half up gives the printed digits, ``truncated`` if cutting off does.

    Exact: 15.505 rounds to 15.51, so a printed 15.50 is truncated. A printed bound (``<0.001``) agrees with
    what is beyond it; ``~40`` with what is 40 when rounded to as many significant digits, 35 up to 45.
    """
    match = _ONE.fullmatch(printed.strip())
    sign = match[1] if match else None
    number = printed_number(printed)
    value = Fraction(recomputed)
    bounds = {"<": value < number, ">": value > number, "≤": value <= number, "≥": value >= number}
    bounds |= {"<=": bounds["≤"], ">=": bounds["≥"]}
    if sign in bounds:
        return AGREES if bounds[sign] else DISAGREES
    places = _places(number)
    if sign:
        digits = str(abs(int(number.scaleb(places))))
        places -= len(digits) - len(digits.rstrip("0")) if digits.strip("0") else 0
    scaled = value * Fraction(10) ** places
    target = Fraction(number) * Fraction(10) ** places
    way = -1 if scaled < 0 else 1
    if way * ((abs(scaled) + Fraction(1, 2)) // 1) == target:
        return AGREES
    if not sign and way * (abs(scaled) // 1) == target:
        return TRUNCATED
    return DISAGREES


def shown(value: Decimal, printed: str) -> str:
    """A recomputed number with two digits more than the printed one, no trailing zeros."""
    places = _places(printed_number(printed)) + 2
    text = f"{value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _places(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0
