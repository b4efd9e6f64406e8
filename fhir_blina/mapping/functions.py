"""Functions of templates beside FHIRPath's: codes, study days, ages, units, cells of other tables."""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Self

from fhir_blina.cohorts import Cohort
from fhir_blina.errors import did_you_mean
from fhir_blina.fhirpath import Function, converter, known_unit
from fhir_blina.files import as_text


class StudyDate(str):
    """An ISO date that remembers the study day it was made from."""

    __slots__ = ("day",)
    day: int

    def __new__(cls, anchor: dt.date, day: int) -> Self:
        """Anchor date + so many days."""
        date = super().__new__(cls, (anchor + dt.timedelta(days=day)).isoformat())
        date.day = day
        return date


class Converted(Decimal):
    """A number in another unit that remembers the cell it was made from, and the cell's unit."""

    __slots__ = ("printed",)
    printed: str

    def __new__(cls, number: Decimal, printed: str) -> Self:
        """A number, and cell and unit as text."""
        made = super().__new__(cls, number)
        made.printed = printed
        return made


def converted(cell: Any, unit: str, wanted: str) -> Converted:
    """A cell in another unit.

    Raises:
        ValueError: a unit that is none, units of different kinds, or a cell that is no number.
    """
    if isinstance(cell, bool) or not isinstance(cell, int | Decimal):
        raise ValueError("convert() takes a number")  # noqa: TRY004 - becomes the error's text
    change = converter(unit, wanted)
    if change is None:
        wrong = next((one for one in (unit, wanted) if not known_unit(one)), "")
        raise ValueError(
            f'"{wrong}" is no unit of UCUM' if wrong else f"{unit} cannot be converted to {wanted}"
        )
    return Converted(change(Decimal(cell)), f"{as_text(cell)} {unit}")


def row_functions(cohort: Cohort) -> dict[str, Function]:
    """The functions that the language adds to FHIRPath, bound to a cohort."""

    def translate(values: list[Any], names: list[Any]) -> list[Any]:
        if len(names) != 1 or not isinstance(names[0], str):
            raise ValueError("translate() takes the name of one code map")
        return [dict(coding) for value in values for coding in cohort.codes.codings(names[0], as_text(value))]

    def study_date(values: list[Any]) -> list[Any]:
        if any(type(value) is not int for value in values):
            raise ValueError("studyDate() takes whole numbers")
        if cohort.anchor is None:
            raise ValueError("studyDate() needs anchor: in cohort.yaml, the synthetic date of study day 0")
        try:
            return [StudyDate(cohort.anchor, value) for value in values]
        except OverflowError:
            raise ValueError("the study day gives no date") from None

    tables = _Cells(cohort)
    made = (
        Function("translate", 1, 1, translate),
        Function("studyDate", 0, 0, study_date),
        Function("studyDay", 1, 1, _study_day),
        Function("ageAt", 1, 1, _age_at),
        Function("convert", 2, 2, _convert),
        Function("lookup", 2, 2, tables.lookup),
    )
    return {one.name: one for one in made}


_DATE = re.compile(r"\d{4}(-\d{2}(-\d{2}(T.*)?)?)?$", re.ASCII)
FROM_DATES = ("studyDay", "ageAt")  # give nothing where a partial date leaves the answer open


def _study_day(days: list[Any], starts: list[Any]) -> list[Any]:
    """Days from one date to another, 0 on the first; nothing where either has no day."""
    spans = _spans(days, starts, "studyDay()")
    if spans is None:
        return []
    (first, last), (begin, end) = spans
    return [(first - begin).days] if first == last and begin == end else []


def _age_at(births: list[Any], days: list[Any]) -> list[Any]:
    """Whole years from a birth to a day; nothing where partial dates leave it open."""
    spans = _spans(births, days, "ageAt()")
    if spans is None:
        return []
    (born, born_last), (day, day_last) = spans
    if day_last < born:
        raise ValueError("ageAt(): the day is before the birth")
    youngest, oldest = _years(born_last, day), _years(born, day_last)
    return [oldest] if youngest == oldest else []


def _years(born: dt.date, day: dt.date) -> int:
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def _spans(
    one: list[Any], other: list[Any], what: str
) -> tuple[tuple[dt.date, dt.date], tuple[dt.date, dt.date]] | None:
    if len(one) > 1 or len(other) > 1:
        raise ValueError(f"{what} takes one date and one other")
    return (_span(one[0], what), _span(other[0], what)) if one and other else None


def _span(value: Any, what: str) -> tuple[dt.date, dt.date]:
    """The first and the last day that a date can mean; the time of day is left out."""
    if not isinstance(value, str) or not _DATE.match(value):
        raise ValueError(f"{what} takes dates")
    parts = value[:10].split("-")
    try:
        year, month, day = (int(part) for part in (*parts, "0", "0")[:3])
        first = dt.date(year, month or 1, day or 1)
        end = calendar.monthrange(year, month or 12)[1]
        return first, dt.date(year, month or 12, day or end)
    except ValueError:
        raise ValueError(f"{what} takes dates") from None


def _convert(values: list[Any], units: list[Any], wanted: list[Any]) -> list[Any]:
    if len(units) != 1 or len(wanted) != 1 or not all(isinstance(one, str) for one in (*units, *wanted)):
        raise ValueError("convert() takes two units, the cell's and the one wanted")
    return [converted(value, units[0], wanted[0]) for value in values]


class _Cells:
    """The cells of a cohort's tables by the key of their row."""

    def __init__(self, cohort: Cohort) -> None:
        self.cohort = cohort
        self._known: dict[tuple[str, str], Mapping[str, Any]] = {}

    def lookup(self, keys: list[Any], tables: list[Any], columns: list[Any]) -> list[Any]:
        """The cells of a column in the rows that the keys name."""
        found = [one for one in (*tables, *columns) if isinstance(one, str)]
        if len(found) != 2 or len(tables) != 1:
            raise ValueError("lookup() takes the names of a table and a column")
        cells = self._known.get((found[0], found[1]))
        if cells is None:
            cells = self._known[(found[0], found[1])] = self._cells(*found)
        return [cells[text] for text in map(as_text, keys) if text in cells]

    def _cells(self, name: str, column: str) -> Mapping[str, Any]:
        table = self.cohort.tables.get(name)
        if table is None:
            raise ValueError(f'lookup(): no table "{name}". {did_you_mean(name, self.cohort.tables)}'.strip())
        if column not in table.columns:
            near = did_you_mean(column, table.columns)
            raise ValueError(f'lookup(): table "{name}" has no column "{column}". {near}'.strip())
        if len(table.key) != 1:
            raise ValueError(f'lookup(): a row of "{name}" is not named by one column')
        key = table.key[0]
        return {row.text[key]: row.cells[column] for row in table.rows if column in row.cells}
