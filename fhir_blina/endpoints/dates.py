"""Days: study days as they are, dates as days since 0001-01-01; what a partial date and a zone mean.

A definitions file says it under ``dates``: ``partial`` is ``refuse`` (who has such a date is named and left
out), ``first``, ``middle`` (the 15th; 1 July) or ``last``; ``zone`` is the zone whose calendar days count,
``as-written`` where each date counts in the zone that it was written in.
"""

from __future__ import annotations

import calendar
import datetime as dt
import zoneinfo
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from fhir_blina.fhirpath import Temporal, as_temporal

AS_WRITTEN = "as-written"
REFUSE = "refuse"
NOT_WHOLE = "is not a whole date"
NO_DATE = "is no date"

Number = int | Decimal


def as_number(cell: Any) -> Number | None:
    """A cell as an exact number, ``None`` where it is none."""
    if cell is None or isinstance(cell, bool | str | Day):
        return None
    if isinstance(cell, int):
        return cell
    if isinstance(cell, Decimal):
        return cell if cell.is_finite() else None
    try:
        number = Decimal(str(cell))
    except ArithmeticError:
        return None
    return number if number.is_finite() else None


@dataclass(frozen=True)
class Day:
    """What a cell says of a day.

    Attributes:
        first: The earliest day that the cell can mean.
        last: The latest.
        day: The day that it is taken for; ``None`` where it is refused.
        partial: Whether year or month only were written.
        clock: Time of day in seconds and minutes from Greenwich, for the order within a day.
    """

    first: Number
    last: Number
    day: Number | None
    partial: bool = False
    clock: tuple[Decimal, int | None] | None = None


@dataclass(frozen=True)
class DateRule:
    """What a partial date means, and in which zone a day is a day."""

    partial: str = REFUSE
    zone: str = AS_WRITTEN

    @cached_property
    def _zone(self) -> dt.tzinfo | None:
        return None if self.zone == AS_WRITTEN else zone_of(self.zone)

    def read(self, cell: Any) -> Day | None:
        """The day of a cell that is not missing; ``None`` where it is neither a number nor a date."""
        if isinstance(cell, Day):
            return cell
        number = as_number(cell)
        if number is not None:
            return Day(number, number, number)
        if isinstance(cell, str) and len(cell) == 10 and cell[4] == "-":
            try:
                day = dt.date.fromisoformat(cell).toordinal()
            except ValueError:
                return None
            return Day(day, day, day)
        moment = as_temporal(str(cell)) if isinstance(cell, str) else None
        if moment is None or moment.kind == "time":
            return None
        if len(moment.parts) < 3:
            return self._partial(moment)
        return self._whole(moment)

    def _partial(self, moment: Temporal) -> Day:
        year = int(moment.parts[0])
        if len(moment.parts) == 1:
            first, middle, last = dt.date(year, 1, 1), dt.date(year, 7, 1), dt.date(year, 12, 31)
        else:
            month = int(moment.parts[1])
            end = calendar.monthrange(year, month)[1]
            first, middle, last = (dt.date(year, month, day) for day in (1, 15, end))
        known = {"first": first, "middle": middle, "last": last}.get(self.partial)
        return Day(first.toordinal(), last.toordinal(), known.toordinal() if known else None, partial=True)

    def _whole(self, moment: Temporal) -> Day:
        year, month, day, *clock = moment.parts
        date = dt.date(int(year), int(month), int(day))
        if not clock:
            return Day(date.toordinal(), date.toordinal(), date.toordinal())
        hour, minute, second = (*clock, 0, 0)[:3]
        offset = moment.offset
        if self._zone is not None and offset is not None:
            written = dt.timezone(dt.timedelta(minutes=offset))
            try:
                there = dt.datetime(
                    date.year, date.month, date.day, int(hour), int(minute), tzinfo=written
                ).astimezone(self._zone)
            except OverflowError:
                return Day(date.toordinal(), date.toordinal(), date.toordinal())
            date, hour, minute = there.date(), there.hour, there.minute
            offset = 0  # all in one zone now; the order within a day is that of the clock
        seconds = Decimal(int(hour) * 3600 + int(minute) * 60) + Decimal(second)
        return Day(date.toordinal(), date.toordinal(), date.toordinal(), clock=(seconds, offset))


def zone_of(name: str) -> dt.tzinfo:
    """A zone by its IANA name, or as ``UTC``, ``Z``, ``+09:00``.

    Raises:
        ValueError: there is no such zone.
    """
    if name in ("UTC", "Z"):
        return dt.UTC
    if name[:1] in "+-":
        moment = as_temporal(f"2000-01-01T00:00:00{name}")
        if moment is None or moment.offset is None:
            raise ValueError(f'"{name}" is no zone')
        return dt.timezone(dt.timedelta(minutes=moment.offset))
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f'"{name}" is no zone') from None


def offsets(cells: Iterable[Any]) -> set[int]:
    """The zones, in minutes from Greenwich, in which times of day are written."""
    found = (as_temporal(cell) for cell in cells if isinstance(cell, str) and "T" in cell)
    return {moment.offset for moment in found if moment is not None and moment.offset is not None}
