"""Which of several rows of a patient gives the value: by time, nearest to a day, or by the value itself.

Nothing is guessed: where the rule does not decide, the patient has no value, and the reason is said.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from decimal import Decimal
from typing import Any

from fhir_blina.endpoints.dates import Day, Number, as_number
from fhir_blina.errors import AnalysisError

TIMED = ("first", "last", "nearest")
VALUED = ("lowest", "highest", "worst", "best")


@dataclass(frozen=True)
class Row:
    """One row that can give a patient's value.

    Attributes:
        value: The cell, in the unit asked for where it has one.
        source: ``Type/id``.
        comparator: ``<``, ``<=``, ``>=``, ``>`` or empty.
        day: When it was.
        fault: Why the value cannot be used, empty where it can.
    """

    value: Any
    source: str
    _: KW_ONLY
    comparator: str = ""
    day: Day | None = None
    fault: str = ""


@dataclass(frozen=True)
class Picking:
    """How one of several rows is taken.

    Attributes:
        pick: ``only``, ``first``, ``last``, ``nearest``, ``lowest``, ``highest``, ``worst`` or ``best``.
        by: Column of the days or dates that order the rows; empty for the table's own.
        to: Name of the time that ``nearest`` and ``within`` count from.
        within: Least and greatest number of days from ``to``, both included; ``None`` is no bound.
        order: Values from best to worst, or ``high-is-worse``, ``low-is-worse``.
        ties: Which of several values of the same moment: ``refuse``, ``lowest``, ``highest`` or ``mean``.
    """

    pick: str = "only"
    by: str = ""
    to: str = ""
    within: tuple[Number | None, Number | None] | None = None
    order: tuple[str, ...] | str = ()
    ties: str = "refuse"

    @property
    def timed(self) -> bool:
        """Whether rows need a day."""
        return self.pick in TIMED or self.within is not None

    def one(self, rows: Sequence[Row], target: Number | None) -> Row | str:
        """The row that gives the value, or why there is none.

        Args:
            rows: All rows of a patient that have a value.
            target: The patient's day of ``to``.

        Raises:
            AnalysisError: values that the rule cannot order.
        """
        if self.to:
            if target is None:
                return f'no day of "{self.to}"'
            near = self.window(rows, target)
            if isinstance(near, str):
                return near
            if not near:
                return f'no value {self._said()} "{self.to}"'
            rows = near
        if len(rows) == 1:
            return rows[0] if not rows[0].fault else rows[0].fault
        if self.pick == "only":
            return "several values in the window"
        if self.pick in VALUED:
            return self._by_value(rows)
        found = self._by_time(rows, target)
        return found if isinstance(found, str) else self._tied(found)

    def _said(self) -> str:
        low, high = self.within or (None, None)
        if low is None and high is None:
            return "on a day, for"
        if high is None:
            return f"{low} days or more after"
        return f"within {high} days after" if low is None else f"within {low} to {high} days of"

    def window(self, rows: Sequence[Row], target: Number) -> Sequence[Row] | str:
        """The rows within the days allowed, all dated ones where none are said; or why nobody can tell."""
        low, high = self.within or (None, None)
        kept = []
        for row in rows:
            if row.day is None:
                continue
            first, last = row.day.first - target, row.day.last - target
            if row.day.day is not None:
                first = last = row.day.day - target
            if (high is not None and first > high) or (low is not None and last < low):
                continue
            if row.day.day is None:
                return "a date that is not whole may lie in the window"
            kept.append(row)
        return kept

    def _by_time(self, rows: Sequence[Row], target: Number | None) -> Sequence[Row] | str:
        dated = [row for row in rows if row.day is not None and row.day.day is not None]
        partial = [row.day for row in rows if row.day is not None and row.day.day is None]
        if not dated:
            return "several rows, of which none has a whole date" if partial else "several rows without a day"
        days = [_day(row) for row in dated]
        if self.pick == "nearest":
            assert target is not None  # noqa: S101 - nearest has a time to be near to
            goal = target
            best = _least(days, lambda day: (abs(day - goal), day))
            away: Any = abs(best - goal)
            if any(_nearest(one, goal) <= away for one in partial):
                return "a date that is not whole may be nearer"
        else:
            best = _least(days, lambda day: day if self.pick == "first" else -day)
            if any(one.first <= best if self.pick == "first" else one.last >= best for one in partial):
                return f"a date that is not whole may be the {self.pick}"
        return _by_clock([row for row in dated if _day(row) == best], last=self.pick == "last")

    def _tied(self, rows: Sequence[Row]) -> Row | str:
        """One of the rows of the same moment; rows that agree are one."""
        for row in rows:
            if row.fault:
                return row.fault
        if len({(_same(row.value), row.comparator) for row in rows}) == 1:
            return rows[0]
        numbers = [as_number(row.value) for row in rows]
        if self.ties == "refuse" or any(row.comparator for row in rows) or None in numbers:
            return "several values at the same time"
        known = [number for number in numbers if number is not None]
        if self.ties == "mean":
            mean = sum((Decimal(number) for number in known), Decimal(0)) / len(known)
            return replace(rows[0], value=mean)
        wanted = min(known) if self.ties == "lowest" else max(known)
        return rows[known.index(wanted)]

    def _by_value(self, rows: Sequence[Row]) -> Row | str:
        for row in rows:
            if row.fault:
                return row.fault
        rank = self._rank()
        ranks = [rank(row.value) for row in rows]
        if None in ranks:
            return "a value that order does not name"
        highest = self.pick in ("highest", "worst")
        known = [one for one in ranks if one is not None]
        certain = [place for place, row in enumerate(rows) if not row.comparator]
        best = (max if highest else min)((known[place] for place in certain), default=None)
        for place, row in enumerate(rows):
            if row.comparator and (
                best is None
                or _may_pass(known[place], row.comparator, best, highest=highest, turned=self._turned)
            ):
                return f"a value recorded as {row.comparator} may be the {self.pick}"
        return rows[next(place for place in certain if known[place] == best)]

    @property
    def _turned(self) -> bool:
        return self.order == "low-is-worse"

    def _rank(self) -> Callable[[Any], Number | None]:
        if isinstance(self.order, tuple) and self.order:
            places = {word: place for place, word in enumerate(self.order)}
            return lambda value: places.get(str(value))

        def number(value: Any) -> Number | None:
            found = as_number(value)
            if found is None:
                raise AnalysisError(
                    f"pick: {self.pick} needs numbers. For words give order: [best, …, worst]"
                )
            return -found if self._turned else found

        return number


def _same(value: Any) -> Any:
    """What is equal for equal values: 12.0 and 12 are one."""
    number = as_number(value)
    return str(value) if number is None else Decimal(number).normalize()


def _least(days: Sequence[Number], key: Callable[[Number], Any]) -> Number:
    return min(days, key=key)


def _nearest(day: Day, target: Number) -> Number:
    """The least number of days that a partial date can be away from a day."""
    if day.first <= target <= day.last:
        return 0
    return day.first - target if day.first > target else target - day.last


def _day(row: Row) -> Number:
    assert row.day is not None and row.day.day is not None  # noqa: S101, PT018 - asked for by the caller
    return row.day.day


def _by_clock(rows: Sequence[Row], *, last: bool) -> Sequence[Row]:
    """Of rows of one day those at its first or last moment, where all have a time of day to compare."""
    clocks = [row.day.clock if row.day else None for row in rows]
    known = [clock for clock in clocks if clock is not None]
    if len(known) < len(rows) or len({clock[1] is None for clock in known}) > 1:
        return rows
    moments = [clock[0] - 60 * (clock[1] or 0) for clock in known]
    wanted = max(moments) if last else min(moments)
    return [row for row, moment in zip(rows, moments, strict=True) if moment == wanted]


def _may_pass(rank: Number, comparator: str, best: Number, *, highest: bool, turned: bool) -> bool:
    """Whether a value known only as a bound may lie beyond the best of the exact ones."""
    upward = comparator.startswith(">") != turned
    if not comparator.startswith(("<", ">")):
        return True
    if upward:
        return highest or rank < best
    return not highest or rank > best
