"""Days that FHIR writes in several forms: ``onset[x]`` as a date, the start of a period, an age.

``day: "onset[x]"`` takes the first form that a row has, ``day: [onset_date, recorded_date]`` the first
column. An age is a range of days after birth, and so a partial date, by the rule of ``dates``.
"""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pandas as pd

from fhir_blina.endpoints.dates import DateRule, Day, as_number
from fhir_blina.files import is_missing

CHOICE = "[x]"
OR = " or "
FORMS = ("date", "instant", "start_date", "timing_date", "age")
LEFT = ("end_date", "text", "string", "low", "high")
AGES = {"a": 12, "mo": 1}  # months
DAYS = ("_date", "_day")
SHORT_AGES = {"wk": 7, "d": 1}  # days


def spelled(day: Any) -> str:
    """The name of a column, or of several of which the first that is filled counts."""
    return day if isinstance(day, str) else OR.join(day)


def several(name: str) -> bool:
    """Whether a name stands for several columns."""
    return name.endswith(CHOICE) or OR in name


def parts_of(name: str) -> list[str]:
    """The columns, and elements with a choice, that a name stands for, as they were written."""
    return name.split(OR)


def forms_of(name: str, columns: Iterable[str]) -> list[str]:
    """The columns of a table that a name stands for, in the order in which they count; of ages last."""
    there = set(columns)
    found: list[str] = []
    for part in parts_of(name):
        stem = part.removesuffix(CHOICE)
        if stem == part:
            if part not in there:
                return []
            found.append(part)
            continue
        mine = [f"{stem}_{form}" for form in FORMS if f"{stem}_{form}" in there]
        if mine and f"{stem}_start_date" not in there and "start_date" in there:
            mine.append("start_date")  # a period without a name of its own
        if not mine:
            return []
        found += mine
    ages = [one for one in found if one.endswith("_age")]
    return [*dict.fromkeys(one for one in found if one not in ages), *ages]


def first_form(
    frame: pd.DataFrame, forms: Sequence[str], births: Mapping[Any, Any], rule: DateRule
) -> tuple[pd.Series[Any], pd.Series[Any]]:
    """For each row the first form that it has, and the column that has it."""
    days = pd.Series([None] * len(frame), index=frame.index, dtype=object)
    made_from = days.copy()
    for form in forms:
        cells = frame[form]
        if form.endswith("_age"):
            units = frame[f"{form}_unit"] if f"{form}_unit" in frame.columns else [None] * len(frame)
            rows = zip(frame["patient_id"], cells, units, strict=True)
            cells = pd.Series(
                [_at_age(births.get(who), age, unit, rule) for who, age, unit in rows],
                index=frame.index,
                dtype=object,
            )
        new = days.isna() & cells.notna()
        days = days.where(~new, cells)
        made_from = made_from.where(~new, form)
    return days, made_from


def _at_age(birth: Any, age: Any, unit: Any, rule: DateRule) -> Day | None:
    """The days on which somebody has an age; ``None`` where age, unit or date of birth say nothing."""
    number, born = as_number(age), None if is_missing(birth) else rule.read(birth)
    if number is None or born is None or number < 0 or isinstance(birth, int | Decimal):
        return None
    exact = Decimal(number)
    step = Decimal(1).scaleb(min(int(exact.as_tuple().exponent), 0))  # 52.5 is 52.5 to just below 52.6
    try:
        if unit in AGES:
            first, last = (_later(day, exact * AGES[unit]) for day in (born.first, born.last))
            end = _later(born.last, (exact + step) * AGES[unit]) - 1
        elif unit in SHORT_AGES:
            first, last = (int(day + exact * SHORT_AGES[unit]) for day in (born.first, born.last))
            end = int(born.last + (exact + step) * SHORT_AGES[unit]) - 1
        else:
            return None
    except (ValueError, OverflowError):
        return None
    end = max(last, end)
    if first == end:
        return Day(first, first, first)
    taken = {"first": first, "middle": first + (end - first + 1) // 2, "last": end}.get(rule.partial)
    return Day(first, end, taken, partial=True)


def _later(day: Any, months: Decimal) -> int:
    """So many months after a day; a part of a month as so many thirtieths."""
    start = dt.date.fromordinal(int(day))
    whole = int(months)
    year, month = divmod(start.year * 12 + start.month - 1 + whole, 12)
    last = calendar.monthrange(year, month + 1)[1]
    found = dt.date(year, month + 1, min(start.day, last)).toordinal() + (start.day > last)
    return found + int((months - whole) * 30)


def other_forms(frame: pd.DataFrame, name: str, forms: Sequence[str]) -> dict[str, int]:
    """Of rows without a day, how many have it in a column that the name does not stand for."""
    stems = {one.removesuffix(CHOICE).removesuffix("_date") for one in parts_of(name)}
    wanted = [f"{stem}_{form}" for stem in stems for form in (*FORMS, *LEFT)]
    left = [one for one in wanted if one in frame.columns and one not in forms]
    counts = {one: int(frame[one].notna().sum()) for one in left}
    return {one: count for one, count in counts.items() if count}


def time_column(frame: pd.DataFrame, value: str) -> str:
    """The column that orders the rows of a table: the value itself if it is a day, else the fullest one."""
    if value.endswith(DAYS):
        return value
    others = ("end_", "abatement", "issued")  # when it was over, or written down
    first = [name for name in map(str, frame.columns) if name.endswith(DAYS) and not name.startswith(others)]
    filled = {name: int(frame[name].notna().sum()) for name in first}
    return max(first, key=lambda name: (filled[name], name.endswith("_date")), default="")


def day_cells(frame: pd.DataFrame, by: str, value: str = "") -> pd.Series[Any] | None:
    """The days that order rows: of the column ``by``, else of the table's own in whatever form a row has it.

    ``None`` where the table has none.
    """
    name = by or time_column(frame, value)
    if not name:
        return None
    if by or not name.endswith("_date") or name == value:
        return frame[name]
    forms = forms_of(name.removesuffix("_date") + CHOICE, map(str, frame.columns))
    dates = [name, *(form for form in forms if form != name and not form.endswith("_age"))]
    return first_form(frame, dates, {}, DateRule())[0]
