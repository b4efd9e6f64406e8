"""Cells that a spreadsheet program or a wrong encoding has probably damaged: warnings, by column."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from fhir_blina.errors import Finding

_EXPONENT = re.compile(r"-?\d(?:[.,]\d+)?[eE]\+\d{2}")
_DAY_MONTH = re.compile(
    r"\d{1,2}[- ](?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)(?:[- ]\d{2})?"
    r"|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[- ]\d{2}",
    re.IGNORECASE,
)
_MISREAD = re.compile("[ÃÂ][\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]|\ufffd|â€")
LIKELY_LENGTH = 0.8


def damage(column: str, kind: str, cells: Sequence[tuple[str, str]]) -> Iterable[Finding]:
    """What looks damaged in a column.

    Args:
        column: Its name.
        kind: Its type in the dictionary.
        cells: Text and place of each filled cell.
    """
    if kind != "string":
        return
    for pattern, text, remedy in (
        (
            _EXPONENT,
            "looks like a long number that a spreadsheet shortened",
            "Take the number from where it was typed in; format the column as text",
        ),
        (
            _DAY_MONTH,
            "looks like a word or fraction that a spreadsheet took for a date",
            "Take the word from where it was typed in; format the column as text",
        ),
    ):
        yield from _warned(column, text, remedy, [at for cell, at in cells if pattern.fullmatch(cell)])
    text, remedy = "holds signs of a wrong encoding", "Name the encoding in the manifest"
    yield from _warned(column, text, remedy, [at for cell, at in cells if _MISREAD.search(cell)])
    yield from _warned(
        column,
        "is shorter than the others of its column, which begin with 0: a leading zero may be lost",
        "Format the column as text and type it again",
        _shorter(cells),
    )


def _shorter(cells: Sequence[tuple[str, str]]) -> list[str]:
    """Places of digits without the leading zeros that other cells of the same column have."""
    if not cells or not all(cell.isascii() and cell.isdigit() for cell, _ in cells):
        return []
    if not any(cell.startswith("0") and len(cell) > 1 for cell, _ in cells):
        return []
    usual, count = Counter(len(cell) for cell, _ in cells).most_common(1)[0]
    if count < LIKELY_LENGTH * len(cells):
        return []
    return [at for cell, at in cells if len(cell) < usual]


def _warned(column: str, text: str, remedy: str, places: Sequence[str]) -> Iterable[Finding]:
    for place in places:
        yield Finding("warning", "value", f'column "{column}" {text}', location=place, remedy=remedy)
