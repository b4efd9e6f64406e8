"""Tables of the report, and how their cells are worded: numbers, units, intervals, missing values."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from fhir_blina.files import is_missing
from fhir_blina.results import Record

#: Statistics whose value is a share of patients; the report prints them in per cent.
SHARES = frozenset(
    {
        "proportion",
        "survival",
        "incidence",
        "cumulative_incidence",
        "power",
        "true_size",
        "response_rate",
        "response_rate_evaluable",
        "best_response",
    }
)
UNITS = {
    "1": "",
    "d": "days",
    "a": "years",
    "mo": "months",
    "h": "hours",
    "%": "%",
    "m2": "m²",
    "ug": "µg",
    "ug/d": "µg/d",
    "ug/m2/d": "µg/m²/d",
    "/uL": "/µL",
    "10*3/uL": "10³/µL",
    "[lb_av]": "lb",
    "mm[Hg]": "mmHg",
    "kg/m2": "kg/m²",
    "wk": "weeks",
    "10*9/L": "10⁹/L",
    "10*12/L": "10¹²/L",
    "umol/L": "µmol/L",
    "Cel": "°C",
}
_COUNTED = frozenset({"d", "a", "mo", "h", "wk"})
_ANNOTATION = re.compile(r"\{[^}]*\}")
_SEMANTIC_TAG = re.compile(
    r" \((?:qualifier value|disorder|finding|procedure|situation|specimen|observable entity)\)$"
)
LONGEST = 6
_BLANK = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Cell:
    """One cell: its words, a tone, and the resource it came from.

    ``local`` is the publication's word for the same, which a report in its language shows instead; ``quote``
    is what the publication prints, always shown. ``tone`` is empty or one of ``missing``, ``good``, ``warn``,
    ``bad``, ``strong``, ``refs``; it never stands alone: the words say the same. ``parts`` are the cells that
    the words were joined from, each with its own resource.
    """

    text: str
    local: str = ""
    tone: str = ""
    source: str = ""
    parts: tuple[Cell, ...] = ()
    quote: str = ""


@dataclass(frozen=True)
class Head:
    """A column's heading. ``kind`` is ``text`` or ``number``."""

    text: str
    kind: str = "text"


@dataclass(frozen=True)
class Grid:
    """A table. The first cell of each row names the row.

    Attributes:
        caption: What the table shows.
        head: The columns.
        rows: As many cells each as there are columns.
        notes: Sentences under the table.
        layout: ``cards`` turns each row into a card on a phone, ``plain`` keeps the table.
        fold: Words of the button behind which the table hides, empty to show it.
    """

    caption: str
    head: tuple[Head, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    layout: str = "cards"
    fold: str = ""


def number(value: Any, places: int | None = None) -> str:
    """A number for readers, rounded half up; without ``places`` as recorded, or to 4 digits if it is long."""
    if isinstance(value, Decimal) and places is None and _long(value):
        places = _four_digits(value)
    if places is not None:
        rounded = Decimal(str(value)).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
        return f"{rounded:f}".replace("-", "−")
    if isinstance(value, float):
        if value == int(value):
            return str(int(value)).replace("-", "−")
        digits = max(0, 3 - math.floor(math.log10(abs(value))))
        return f"{value:.{min(digits, 12)}f}".rstrip("0").rstrip(".").replace("-", "−")
    return f"{value:f}".replace("-", "−") if isinstance(value, Decimal) else str(value).replace("-", "−")


def sensible_places(*values: Decimal | int) -> int | None:
    """Decimal places for numbers that stand together; ``None`` where all are short enough as recorded."""
    long = [Decimal(value) for value in values if _long(Decimal(value))]
    return max(map(_four_digits, long)) if long else None


def recorded_places(value: Decimal | int) -> int:
    """Decimal places with which a value was recorded."""
    exponent = Decimal(value).as_tuple().exponent
    return -exponent if isinstance(exponent, int) and exponent < 0 else 0


def _long(value: Decimal) -> bool:
    """More than six significant digits, some of them after the point."""
    parts = value.as_tuple()
    return len(parts.digits) > LONGEST and isinstance(parts.exponent, int) and parts.exponent < 0


def _four_digits(value: Decimal) -> int:
    return min(12, max(0, 3 - value.adjusted())) if value else 0


def unit(ucum: Any) -> str:
    """A UCUM unit as readers write it, a space before it; empty for ``1`` and for an annotation alone."""
    if is_missing(ucum):
        return ""
    words = UNITS.get(str(ucum)) if str(ucum) in UNITS else _ANNOTATION.sub("", str(ucum))
    return f" {words}" if words else ""


def quantity(text: str, ucum: Any) -> str:
    """A number in words with its unit, ``1 day`` and ``2 days``."""
    of = unit(ucum)
    return f"{text}{of.removesuffix('s') if text == '1' and ucum in _COUNTED else of}"


def counted(count: int, word: str) -> str:
    """So many of something: ``1 event``, ``2 events``."""
    return f"{count} {word}{'' if count == 1 else 's'}"


def words(value: Any) -> str:
    """Any cell of a view table in words; empty for a missing value."""
    if is_missing(value):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float | Decimal):
        return number(value)
    return _SEMANTIC_TAG.sub("", str(value))


def fill(template: str, row: Mapping[str, Any]) -> str:
    """The template with ``{column}`` replaced by the row's words; ``{x_unit}`` reads as a unit."""

    def put(match: re.Match[str]) -> str:
        value = row.get(match[1])
        return unit(value).strip() if match[1].endswith("unit") else words(value)

    return _BLANK.sub(put, template).strip()


def observed(row: Mapping[str, Any], reword: Mapping[str, str] | None = None) -> Cell:
    """The value of a row of ``observations`` or ``components``, whatever its kind; or why there is none."""
    reword = reword or {}
    text, local = "", words(row.get("value_text"))
    if not is_missing(row.get("value_quantity")):
        comparator = words(row.get("value_comparator"))
        text = f"{comparator}{quantity(number(row['value_quantity']), row.get('value_unit'))}"
    elif not is_missing(row.get("value_code")):
        text = (
            reword.get(str(row["value_code"]), "")
            or words(row.get("value_display"))
            or local
            or str(row["value_code"])
        )
    else:
        text = next(
            (
                words(row.get(c))
                for c in ("value_integer", "value_boolean", "value_string")
                if words(row.get(c))
            ),
            "",
        )
        text = reword.get(text, text) or local
    if text:
        return Cell(text, local if local != text else "")
    reason = words(row.get("data_absent_reason"))
    return Cell(
        reword.get(reason, reason.replace("-", " ").replace("performed", "tested") or "–"), local, "missing"
    )


def is_share(record: Record) -> bool:
    """True if the record's value is a share of patients."""
    return record.unit == "1" and record.name.rsplit(".", 1)[-1] in SHARES


def estimate(record: Record, field_name: str = "value") -> str:
    """A record's number with its unit; shares in per cent."""
    value = getattr(record, field_name)
    if value is None:
        reached = field_name == "value" and not record.note.startswith("not reached")
        return "not estimable" if reached else "not reached"
    if is_share(record):
        return f"{number(100 * value, 1)} %"
    return quantity(number(value), record.unit)


def interval(record: Record) -> str:
    """A record's interval in words, empty where it has none."""
    if record.ci_low is None and record.ci_high is None:
        return ""
    scale, places = (100, 1) if is_share(record) else (1, None)
    ends = [
        ("not reached" if end is None else number(_scaled(end, scale), places or _places(end)))
        for end in (record.ci_low, record.ci_high)
    ]
    of = " %" if scale == 100 else unit(record.unit)
    return f"{ends[0]}{of} to {ends[1]}" if record.ci_high is None else f"{ends[0]} to {ends[1]}{of}"


def _scaled(value: Any, scale: int) -> Any:
    return value * scale


def _places(value: Any) -> int | None:
    return 1 if abs(value) >= 10 and value != int(value) else None


def p_value(value: Any) -> str:
    """A P-value as journals print it."""
    if is_missing(value):
        return ""
    return "< 0.001" if value < 0.001 else number(value, 3)
