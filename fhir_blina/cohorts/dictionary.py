"""``dictionary.csv``: what each column of a cohort's tables holds, and how its cells are read."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from fhir_blina.cohorts.codeforms import fault_of_unit
from fhir_blina.errors import Finding, did_you_mean, problem
from fhir_blina.files import MAX_DIGITS, read_csv

Cell = str | int | bool | Decimal

DICTIONARY_COLUMNS = (
    "table",
    "column",
    "type",
    "key",
    "required",
    "values",
    "unit",
    "description",
    "unmapped",
    "read_back",
)
TYPES = ("string", "integer", "decimal", "boolean", "date", "dateTime", "time")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,9}")
_DECIMAL = re.compile(r"0|-?[1-9][0-9]*|-?(?:0|[1-9][0-9]*)\.[0-9]+")
# What spreadsheets write where a cell is empty.
MISSING_WORDS = frozenset(
    {"NA", "N/A", "#N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "#VALUE!", "#REF!"}
)
_INT32 = 2**31
_DATE = r"\d{4}(-\d{2}(-\d{2})?)?"
_CLOCK = r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?"
_CALENDAR = {
    "date": re.compile(_DATE, re.ASCII),
    "dateTime": re.compile(rf"{_DATE}|\d{{4}}-\d{{2}}-\d{{2}}T{_CLOCK}(Z|[+-]\d{{2}}:\d{{2}})", re.ASCII),
    "time": re.compile(_CLOCK, re.ASCII),
}
_CALENDAR_FAULT = {
    "date": "is not a date YYYY-MM-DD, YYYY-MM or YYYY",
    "dateTime": "is neither a date nor a time with seconds and a zone (zone: in the manifest gives one)",
    "time": "is not a time of day hh:mm:ss",
}


def _is_on_the_calendar(text: str) -> bool:
    if text[2:3] == ":":
        return True
    try:
        year, month, day = (text[:10] + "-01-01"[len(text) - 4 :] if len(text) < 10 else text[:10]).split("-")
        dt.date(int(year), int(month), int(day))
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class Column:
    """A line of ``dictionary.csv``: what a column holds, or why no template reads it."""

    table: str
    name: str
    type: str
    key: bool
    required: bool
    values: tuple[str, ...]
    unit: str
    description: str
    unmapped: str
    read_back: str
    where: str
    words: tuple[str, ...] = ()  # that mean missing elsewhere and are words here, beside any other text

    def read(self, text: str) -> Cell | None:
        """The typed value of a cell's text, ``None`` for an empty cell.

        Raises:
            ValueError: what is wrong, without the text.
        """
        if not text:
            if self.required or self.key:
                raise ValueError("is empty, but must be filled")
            return None
        if self.values:
            if text not in self.values:
                raise ValueError("holds a word that the dictionary does not list")
        elif text in MISSING_WORDS and text not in self.words:
            raise ValueError(
                "holds a spreadsheet's word for missing; leave it empty or list it in values"
                " (after *|: with any text)"
            )
        if text != text.strip():
            raise ValueError("begins or ends with a blank")
        if self.type == "integer":
            if not _INTEGER.fullmatch(text) or not -_INT32 <= int(text) < _INT32:
                raise ValueError("is not a whole number")
            return int(text)
        if self.type == "decimal":
            if not _DECIMAL.fullmatch(text) or len(text) > MAX_DIGITS:
                raise ValueError("is not a decimal number")
            return Decimal(text)
        if self.type in _CALENDAR:
            if not _CALENDAR[self.type].fullmatch(text) or not _is_on_the_calendar(text):
                raise ValueError(_CALENDAR_FAULT[self.type])
            return text
        if self.type == "boolean":
            if text not in {"true", "false"}:
                raise ValueError("is not true or false")
            return text == "true"
        return text


def read_dictionary(path: Path, findings: list[Finding]) -> dict[str, dict[str, Column]]:
    """Read ``dictionary.csv``: the columns by table and name; faults go to ``findings``."""
    tables: dict[str, dict[str, Column]] = {}
    before = len(findings)
    for line, row in read_csv(path, DICTIONARY_COLUMNS, findings):
        where = f"{path}:{line}"
        table, name = row["table"], row["column"]
        for word in (table, name):
            if not _NAME.fullmatch(word):
                findings.append(problem(where, f'"{word}" is no name', "Use a-z, 0-9 and _, a letter first"))
        if row["type"] not in TYPES:
            findings.append(problem(where, "unknown type", did_you_mean(row["type"], TYPES)))
        for flag in ("key", "required"):
            if row[flag] not in {"", "yes"}:
                findings.append(problem(where, f"{flag} must be yes or empty"))
        if row["unit"] and fault_of_unit(row["unit"]):
            findings.append(
                problem(where, fault_of_unit(row["unit"]), "Write it as UCUM has it: mg/dL, 10*9/L")
            )
        if row["unmapped"] and row["key"]:
            findings.append(problem(where, "a key column cannot be unmapped"))
        if name in tables.setdefault(table, {}):
            findings.append(problem(where, f'column "{name}" of table "{table}" stands twice'))
        values = tuple(row["values"].split("|")) if row["values"] else ()
        words = values[1:] if values[:1] == ("*",) else ()
        tables[table][name] = Column(
            table=table,
            name=name,
            type=row["type"],
            key=row["key"] == "yes",
            required=row["required"] == "yes",
            values=() if values[:1] == ("*",) else values,
            unit=row["unit"],
            description=row["description"],
            unmapped=row["unmapped"],
            read_back=row["read_back"],
            where=where,
            words=words,
        )
    if not tables and len(findings) == before:
        findings.append(problem(f"{path}:1", "describes no column", "Add a line for each column"))
    return tables
