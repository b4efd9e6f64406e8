"""Dates as a file writes them, ``DD.MM.YYYY`` or ``M/D/YYYY h:mm``, to ISO 8601; and the zone of times."""

from __future__ import annotations

import datetime as dt
import re
from functools import cache

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
SERIAL = "serial"  # a spreadsheet's number of a day, where the format of a date was lost
_DAY_0 = dt.date(1899, 12, 30)
_TOKENS = {
    "YYYY": r"(?P<Y>\d{4})",
    "MMM": r"(?P<N>[A-Za-z]{3})",
    "MM": r"(?P<M>\d{2})",
    "M": r"(?P<M>\d{1,2})",
    "DD": r"(?P<D>\d{2})",
    "D": r"(?P<D>\d{1,2})",
    "hh": r"(?P<h>\d{2})",
    "h": r"(?P<h>\d{1,2})",
    "mm": r"(?P<m>\d{2})",
    "ss": r"(?P<s>\d{2})",
}
_TOKEN = re.compile("|".join(_TOKENS))
_LOCAL = re.compile(r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2})(:\d{2}(?:\.\d+)?)?")


def is_serial(text: str) -> bool:
    """Whether a text in place of a date looks like a spreadsheet's number of a day from 1927 to 2063."""
    return re.fullmatch(r"\d{5}(\.\d+)?", text) is not None and 10_000 <= float(text) < 60_000


@cache
def written_as(written: str) -> re.Pattern[str]:
    """A regular expression for a way to write dates.

    Raises:
        ValueError: it names no year, the same part twice, or a day without a month.
    """
    if written == SERIAL:
        return re.compile(r"(?P<Y>\d{5})")
    pieces = []
    place = 0
    for match in _TOKEN.finditer(written):
        pieces += [re.escape(written[place : match.start()]), _TOKENS[match[0]]]
        place = match.end()
    pieces.append(re.escape(written[place:]))
    try:
        pattern = re.compile("".join(pieces))
    except re.error:
        raise ValueError("names a part of the date twice") from None
    groups = set(pattern.groupindex)
    if "Y" not in groups:
        raise ValueError("names no year of four digits, YYYY")
    month = bool(groups & {"M", "N"})
    if ("D" in groups and not month) or ("h" in groups and "D" not in groups) or {"M", "N"} <= groups:
        raise ValueError("names parts that make no date")
    if ("m" in groups) != ("h" in groups) or ("s" in groups and "m" not in groups):
        raise ValueError("names parts that make no time")
    return pattern


def iso_date(text: str, written: tuple[str, ...]) -> str | None:
    """The date by the first way of writing that fits; ``None`` where none does or there is no such day."""
    for one in written:
        if one == SERIAL:
            if text.isdigit() and is_serial(text):
                return (_DAY_0 + dt.timedelta(days=int(text))).isoformat()
            continue
        match = written_as(one).fullmatch(text)
        if match is None:
            continue
        parts = match.groupdict()
        result = parts["Y"]
        if parts.get("N"):
            name = parts["N"].lower()
            if name not in MONTHS:
                return None
            parts["M"] = str(MONTHS.index(name) + 1)
        if parts.get("M"):
            result += f"-{int(parts['M']):02d}"
        if parts.get("D"):
            result += f"-{int(parts['D']):02d}"
        if parts.get("h"):
            result += f"T{int(parts['h']):02d}:{parts['m']}:{parts.get('s') or '00'}"
        return result if _is_day(result) else None
    return None


def _is_day(text: str) -> bool:
    whole = text + "-01-01"[len(text) - 4 :] if len(text) < 10 else text
    try:
        dt.datetime.fromisoformat(whole)
    except ValueError:
        return False
    return True


def with_zone(text: str, zone: dt.tzinfo | None) -> str:
    """A time of day with seconds and, where it has none, the offset of the zone at that moment.

    Raises:
        ValueError: the clock of the zone never showed that time, or showed it twice.
    """
    match = _LOCAL.fullmatch(text)
    if match is None:
        return text
    day, clock, seconds = match.groups()
    moment = f"{day}T{clock}{seconds or ':00'}"
    if zone is None:
        return moment
    local = dt.datetime.fromisoformat(moment).replace(tzinfo=zone)
    there = local.astimezone(dt.UTC).astimezone(zone)
    if there.replace(tzinfo=None) != local.replace(tzinfo=None):
        raise ValueError("is a time that the clocks of the zone left out")
    if local.utcoffset() != local.replace(fold=1).utcoffset():
        raise ValueError("is a time that the clocks of the zone showed twice")
    offset = local.strftime("%z")
    return f"{moment}{offset[:3]}:{offset[3:5]}"
