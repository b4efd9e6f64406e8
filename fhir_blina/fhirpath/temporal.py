"""FHIR dates, dateTimes and times with the precision that was written.

Comparison and boundaries follow FHIRPath 2.0: what the precision does not decide is unknown.
"""

from __future__ import annotations

import calendar
import datetime as dt
import functools
import re
from dataclasses import dataclass
from decimal import Decimal

_CLOCK = r"(?P<hour>\d{2})(?::(?P<minute>\d{2})(?::(?P<second>\d{2}(?:\.\d+)?))?)?"
_PATTERN = re.compile(
    r"(?:(?P<year>\d{4})(?:-(?P<month>\d{2})(?:-(?P<day>\d{2}))?)?)?"
    rf"(?P<separator>T(?:{_CLOCK}(?P<zone>Z|[+-]\d{{2}}:\d{{2}})?)?)?",
    re.ASCII,
)
_BARE_TIME = re.compile(rf"{_CLOCK}", re.ASCII)
_LIMITS = (("month", 1, 12), ("hour", 0, 23), ("minute", 0, 59), ("second", 0, 59))


@dataclass(frozen=True, slots=True)
class Temporal:
    """One date, dateTime or time.

    Attributes:
        text: As written, without ``@``; a time without its ``T``.
        kind: ``date``, ``dateTime`` or ``time``.
        parts: Year, month, day, hour, minute, second (a Decimal), as many as were written;
            of a time: hour, minute, second.
        offset: Minutes east of Greenwich, ``None`` where no zone was written.
    """

    text: str
    kind: str
    parts: tuple[int | Decimal, ...]
    offset: int | None = None

    @classmethod
    def read(cls, text: str, kind: str = "") -> Temporal:
        """Read ``2012``, ``2012-04-15``, ``2012-04-15T10:00:00Z``, ``T10:00``; ``10:00`` is a time.

        Args:
            text: The text, without ``@``.
            kind: What the element is declared as; empty takes it from the text.

        Raises:
            ValueError: not a date, or a date that no calendar has.
        """
        match = _PATTERN.fullmatch(text) or _BARE_TIME.fullmatch(text)
        if match is None or not text or text == "T":
            raise ValueError("not a date, dateTime or time")
        found = match.groupdict()
        for name, low, high in _LIMITS:
            if found.get(name) is not None and not low <= int(Decimal(found[name])) <= high:
                raise ValueError(f"no such {name}")
        clock: list[int | Decimal] = [
            int(found[name]) for name in ("hour", "minute") if found[name] is not None
        ]
        if found["second"] is not None:
            clock.append(Decimal(found["second"]))
        if found.get("year") is None:
            return cls(text.removeprefix("T"), "time", tuple(clock))
        day: list[int | Decimal] = [
            int(found[name]) for name in ("year", "month", "day") if found[name] is not None
        ]
        if day[0] == 0 or (len(day) == 3 and not 1 <= day[2] <= _month_end(day)):
            raise ValueError("no such day")
        if clock and len(day) < 3:
            raise ValueError("a time of day needs a whole date")
        zone = found["zone"]
        written = "dateTime" if found["separator"] else "date"
        return cls(text.removesuffix("T"), kind or written, (*day, *clock), _offset(zone))

    def compare(self, other: Temporal) -> int | None:
        """-1, 0 or 1, or ``None`` where precision or time zone do not decide it."""
        if (self.kind == "time") != (other.kind == "time"):
            return None
        mine, theirs = self.parts, other.parts
        if self.kind != "time" and len(mine) > 3 and len(theirs) > 3:
            if (self.offset is None) != (other.offset is None):
                return None
            mine, theirs = _in_utc(self), _in_utc(other)
        for left, right in zip(mine, theirs, strict=False):
            if left != right:
                return -1 if left < right else 1
        return 0 if len(mine) == len(theirs) else None

    def boundary(self, *, high: bool) -> str:
        """The earliest or latest moment that the text can mean, as text of the same kind.

        A dateTime without a zone starts at +14:00 and ends at -12:00.
        """
        if self.kind == "time":
            return _clock(self.parts, high=high)
        day = [int(part) for part in self.parts[:3]]
        if len(day) == 1:
            day.append(12 if high else 1)
        if len(day) == 2:
            day.append(_month_end(day) if high else 1)
        date = f"{day[0]:04d}-{day[1]:02d}-{day[2]:02d}"
        if self.kind == "date":
            return date
        zone = ("-12:00" if high else "+14:00") if self.offset is None else _zone(self.text)
        return f"{date}T{_clock(self.parts[3:], high=high)}{zone}"

    def __str__(self) -> str:
        return self.text


@functools.lru_cache(maxsize=4096)
def as_temporal(text: str, kind: str = "") -> Temporal | None:
    """The text as a Temporal, or ``None`` where it is not one."""
    try:
        return Temporal.read(text, kind)
    except ValueError:
        return None


def _whole(found: dict[str, str | None], *names: str) -> list[int | Decimal]:
    return [int(text) for text in map(found.get, names) if text is not None]


def _month_end(day: list[int | Decimal] | list[int]) -> int:
    return calendar.monthrange(int(day[0]), int(day[1]))[1]


def _offset(zone: str | None) -> int | None:
    if zone is None:
        return None
    if zone == "Z":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[4:])
    if hours > 14 or minutes > 59:
        raise ValueError("no such time zone")
    return (hours * 60 + minutes) * (-1 if zone[0] == "-" else 1)


def _zone(text: str) -> str:
    return "Z" if text.endswith("Z") else text[-6:]


def _in_utc(moment: Temporal) -> tuple[int | Decimal, ...]:
    if not moment.offset:
        return moment.parts
    numbers = [int(part) for part in moment.parts[:5]] + [0] * (5 - len(moment.parts[:5]))
    try:
        shifted = dt.datetime(*numbers) - dt.timedelta(minutes=moment.offset)  # type: ignore[arg-type]  # noqa: DTZ001
    except OverflowError:
        return moment.parts
    moved = (shifted.year, shifted.month, shifted.day, shifted.hour, shifted.minute, *moment.parts[5:])
    return moved[: len(moment.parts)]


def _clock(parts: tuple[int | Decimal, ...], *, high: bool) -> str:
    hour, minute = (*parts, *((23, 59)[len(parts) :] if high else (0, 0)[len(parts) :]))[:2]
    if len(parts) < 3:
        return f"{int(hour):02d}:{int(minute):02d}:{'59.999' if high else '00.000'}"
    whole, _, fraction = f"{parts[2]:f}".partition(".")
    return f"{int(hour):02d}:{int(minute):02d}:{int(whole):02d}.{fraction.ljust(3, '9' if high else '0')}"
