"""What lies between two days: whole weeks, months or years, or days, as a measure such as age counts them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from fhir_blina.endpoints.answers import Answer
from fhir_blina.endpoints.dates import Number

UNITS = {"days": "d", "weeks": "wk", "months": "mo", "years": "a"}


def elapsed(begin: Number, end: Number, count: str) -> Number:
    """How many days, or whole weeks, months or years, from one day to a later one.

    Months and years are those of the calendar: a year is over on the same day of the next year; who was born
    on 29 February has a birthday on 1 March in other years.
    """
    if count == "days":
        return end - begin
    if count == "weeks":
        return int((end - begin) // 7)
    first, last = (dt.date.fromordinal(int(day)) for day in (begin, end))
    if count == "years":
        return last.year - first.year - ((last.month, last.day) < (first.month, first.day))
    return 12 * (last.year - first.year) + last.month - first.month - (last.day < first.day)


def between(begin: Answer, end: Answer, names: tuple[str, str], count: str) -> Answer:
    """The measure between two times, for who has both.

    Raises:
        ValueError: months or years between study days.
    """
    answer = Answer(unit=UNITS[count])
    if count in ("months", "years") and not (begin.dated and end.dated) and begin.cells and end.cells:
        raise ValueError(f"counts {count}, which needs dates, not study days. Count days or weeks")
    for patient in begin.cells.keys() & end.cells.keys():
        first, last = begin.cells[patient], end.cells[patient]
        if last < first and count != "days":
            answer.deny(patient, f'"{names[1]}" is before "{names[0]}"', end.sources[patient])
            continue
        answer.cells[patient] = _plain(elapsed(first, last, count))
        answer.sources[patient] = end.sources[patient] or begin.sources[patient]
    for one, name in ((begin, names[0]), (end, names[1])):
        for patient in begin.cells.keys() | begin.out.keys() | end.cells.keys() | end.out.keys():
            if patient not in one.cells and patient not in answer.out:
                reason = one.out.get(patient, f'no day of "{name}"')
                answer.deny(patient, reason, one.out_sources.get(patient, ""))
    return answer


def _plain(number: Number) -> Any:
    return int(number) if isinstance(number, Decimal) and number == number.to_integral_value() else number


def refuse_half(entry: Mapping[str, Any]) -> str:
    """What is wrong with a measure that is neither a column of a table nor between two times, if anything."""
    between_times = [key for key in ("from", "count") if key in entry]
    if not between_times:
        missing = [key for key in ("table", "value") if key not in entry]
        return f"missing {', '.join(missing)}" if missing else ""
    missing = [key for key in ("from", "to", "count") if key not in entry]
    other = sorted(set(entry) - {"from", "to", "count"})
    if missing:
        return f"missing {', '.join(missing)}, for what lies between two times"
    return f"between two times has no {', '.join(other)}" if other else ""
