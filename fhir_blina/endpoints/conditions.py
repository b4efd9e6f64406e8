"""Conditions of ``where``: what a cell must be; what ``< 150`` leaves open is neither yes nor no."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pandas as pd

from fhir_blina.endpoints.dates import DateRule, Day, as_number
from fhir_blina.fhirpath import converter
from fhir_blina.files import is_missing

YES, NO, OPEN = 1, 0, -1
BOUNDS = ("min", "max", "above", "below")
INFINITY = Decimal("Infinity")


def has_bounds(wanted: Any) -> bool:
    """Whether a condition has bounds, which a partial date, a comparator or a unit may leave open."""
    return isinstance(wanted, Mapping) and any(name in wanted for name in BOUNDS)


def fits(series: pd.Series[Any], wanted: Any) -> pd.Series[bool]:
    """Which cells a ``where`` value fits: equal, one of a list, missing (``None``), or within bounds."""
    return answers(series, wanted) == YES


@dataclass(frozen=True)
class _Range:
    """The values that a cell can mean: one number, the days of a date, or all beyond a comparator's bound."""

    low: Decimal
    high: Decimal
    low_open: bool = False
    high_open: bool = False

    def within(self, name: str, edge: Decimal) -> int:
        """Whether all, none or some of the values keep a bound."""
        if name in ("min", "above"):
            least = self.low > edge or (self.low == edge and (name == "min" or self.low_open))
            most = self.high > edge or (self.high == edge and name == "min" and not self.high_open)
        else:
            least = self.high < edge or (self.high == edge and (name == "max" or self.high_open))
            most = self.low < edge or (self.low == edge and name == "max" and not self.low_open)
        return YES if least else OPEN if most else NO

    def equals(self, number: Decimal) -> int:
        """Whether the value is a number."""
        if self.low == self.high == number:
            return YES
        outside = number < self.low or number > self.high
        edge = (number == self.low and self.low_open) or (number == self.high and self.high_open)
        return NO if outside or edge else OPEN


def answers(
    series: pd.Series[Any],
    wanted: Any,
    comparators: pd.Series[Any] | None = None,
    units: pd.Series[Any] | None = None,
) -> pd.Series[int]:
    """For each cell ``YES``, ``NO``, or ``OPEN`` where a comparator, unit or partial date decides nothing.

    Args:
        series: The cells.
        wanted: A value, a list of values, ``None`` for missing, or a mapping of bounds and ``not``.
        comparators: ``<``, ``<=``, ``>=``, ``>`` beside the cells, where there are any.
        units: Units of the cells, for bounds that have a ``unit``.

    Raises:
        ValueError: texts that are no dates, or study days, against bounds of the other kind.
    """
    if wanted is None:
        return series.isna().astype(int)
    if isinstance(wanted, str) and pd.api.types.infer_dtype(series, skipna=True) == "string":
        return (series == wanted).fillna(value=False).astype(int)
    known: dict[Any, int] = {}
    found = []
    nothing: Iterable[Any] = [None] * len(series)
    signs, said = (nothing if one is None else one for one in (comparators, units))
    beside = zip(series, signs, said, strict=True)
    for cell, comparator, unit in beside:
        key = (type(cell).__name__, None if is_missing(cell) else cell, str(comparator), str(unit))
        if key not in known:
            known[key] = _answer(cell, wanted, comparator, unit)
        found.append(known[key])
    return pd.Series(found, index=series.index, dtype=int)


def _answer(cell: Any, wanted: Any, comparator: Any, unit: Any) -> int:
    if wanted is None:
        return int(is_missing(cell))
    if isinstance(wanted, list | tuple):
        return any_of(_answer(cell, word, comparator, unit) for word in wanted)
    if isinstance(wanted, Mapping):
        return _bounded(cell, wanted, comparator, unit)
    if is_missing(cell):
        return NO
    if isinstance(wanted, bool):
        return int(type(cell).__name__ in ("bool", "bool_") and bool(cell) is wanted)
    if isinstance(cell, str):
        return int(cell == str(wanted))
    number, value = _number(wanted), as_number(cell)
    if number is None or value is None:
        return NO
    return _range(Decimal(value), comparator).equals(number)


def any_of(found: Iterable[int]) -> int:
    """``YES`` if one is, else ``OPEN`` if one is."""
    all_found = set(found)
    return YES if YES in all_found else OPEN if OPEN in all_found else NO


def all_of(found: Iterable[int]) -> int:
    """``NO`` if one is, else ``OPEN`` if one is."""
    all_found = set(found)
    return NO if NO in all_found else OPEN if OPEN in all_found else YES


def row_by_row(parts: Sequence[pd.Series[int]], rule: Callable[[Iterable[int]], int]) -> pd.Series[int]:
    """Answers of several parts, row by row, under ``all_of`` or ``any_of``."""
    if len(parts) == 1:
        return parts[0]
    together = [rule(cells) for cells in zip(*parts, strict=True)]
    return pd.Series(together, index=parts[0].index, dtype=int)


def denied(answer: pd.Series[int]) -> pd.Series[int]:
    """The opposite; what is open stays open."""
    return answer.map({YES: NO, NO: YES, OPEN: OPEN}).astype(int)


def beyond(cell: Any, bounds: Mapping[str, Any], comparator: Any) -> int:
    """Whether a cell keeps bounds that are cells of the same row; a missing one is no bound that is kept.

    Raises:
        ValueError: a date against a number.
    """
    if is_missing(cell) or any(is_missing(edge) for edge in bounds.values()):
        return NO
    found = []
    for name, edge in bounds.items():
        if isinstance(cell, str | Day) != isinstance(edge, str | Day):
            raise ValueError("has dates, and the column that bounds it numbers, or the other way round")
        days = [DateRule().read(one) for one in (cell, edge)]
        if days[0] is None or days[1] is None:
            raise ValueError("or the column that bounds it has cells that are neither numbers nor dates")
        span = _Range(Decimal(days[0].first), Decimal(days[0].last))
        if not isinstance(cell, str | Day):
            span = _range(Decimal(days[0].first), comparator)
        ends = {span.within(name, Decimal(end)) for end in (days[1].first, days[1].last)}
        found.append(ends.pop() if len(ends) == 1 else OPEN)
    return all_of(found)


def _bounded(cell: Any, wanted: Mapping[str, Any], comparator: Any, unit: Any) -> int:
    found = []
    if "not" in wanted:
        found.append({YES: NO, NO: YES, OPEN: OPEN}[_answer(cell, wanted["not"], comparator, unit)])
    if "prefix" in wanted:
        starts = wanted["prefix"] if isinstance(wanted["prefix"], list) else [wanted["prefix"]]
        found.append(int(isinstance(cell, str) and any(_begins(cell, str(start)) for start in starts)))
    bounds = {name: wanted[name] for name in BOUNDS if name in wanted}
    if bounds and is_missing(cell):
        return NO
    if bounds and isinstance(cell, str | Day):
        day = DateRule().read(cell)
        if day is None:
            raise ValueError("has texts that are no dates, so that bounds say nothing of them")
        dates = _Range(Decimal(day.first), Decimal(day.last))
        found += [dates.within(name, _day(name, bound)) for name, bound in bounds.items()]
    elif bounds:
        value = _in_unit(as_number(cell), unit, wanted.get("unit"))
        if value is None:
            return OPEN
        numbers = _range(value, comparator)
        for name, bound in bounds.items():
            edge = _number(bound)
            if edge is None:
                raise ValueError("has numbers; its bounds are no numbers")
            found.append(numbers.within(name, edge))
    return all_of(found)


def _begins(code: str, start: str) -> bool:
    """Whether a code begins so: ``C50`` and ``C50*`` with that text, ``C50.*`` is C50 or C50 and a point."""
    if start.endswith(".*"):
        return code == start[:-2] or code.startswith(start[:-1])
    return code.startswith(start.removesuffix("*"))


def _day(name: str, bound: Any) -> Decimal:
    """A bound as a day; of a month or year its first day for ``min`` and ``below``, else its last."""
    day = DateRule().read(str(bound))
    if day is None:
        raise ValueError(f'has dates; the bound "{bound}" is none (write "2020-01-31")')
    return Decimal(day.first if name in ("min", "below") else day.last)


def _in_unit(value: Any, recorded: Any, wanted: str | None) -> Decimal | None:
    if value is None:
        return None
    if wanted is None:
        return Decimal(value)
    change = converter("1" if is_missing(recorded) else str(recorded), wanted)
    return None if change is None else change(Decimal(value))


def _range(value: Decimal, comparator: Any) -> _Range:
    if is_missing(comparator) or not comparator:
        return _Range(value, value)
    sign = str(comparator)
    if sign.startswith("<"):
        return _Range(-INFINITY, value, low_open=True, high_open=sign == "<")
    if sign.startswith(">"):
        return _Range(value, INFINITY, low_open=sign == ">", high_open=True)
    return _Range(-INFINITY, INFINITY, low_open=True, high_open=True)


def _number(wanted: Any) -> Decimal | None:
    try:
        number = Decimal(str(wanted))
    except ArithmeticError:
        return None
    return number if number.is_finite() else None
