"""What a new cohort's files seem to be: how they are written, what their columns hold, what names a row."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fhir_blina.cohorts.dictionary import MISSING_WORDS, Column
from fhir_blina.errors import Finding, problem
from fhir_blina.files import read_regular
from fhir_blina.tabular import (
    RawTable,
    column_names,
    declaration_of,
    iso_date,
    name_of,
    read_sheet,
    sheet_names,
    unpacked,
)

MAX_TABLE = 30
MAX_COLUMNS = 2_000
MAX_KEYS = 3
IN_AN_ID = re.compile(r"[^\s/|#?\x00-\x1f]+")  # before it is hashed
_IDENTIFIER = re.compile(r"(.*_)?(id|ids|no|nr|number|code|mrn|zip|phone|usubjid)|id.*")
_TEXT = (".csv", ".tsv", ".txt")
_BOOKS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
_DATES = ("DD.MM.YYYY", "D.M.YYYY", "DD/MM/YYYY", "MM/DD/YYYY", "D/M/YYYY", "M/D/YYYY", "DD-MMM-YYYY")


@dataclass(frozen=True)
class Asked:
    """What the author said.

    Attributes:
        patient: The column that names a patient.
        time: The column of the time to death or last contact.
        event: The column that says which of the two it was.
        value: Its value that means death.
        unit: Of the time, in UCUM.
        unpivot: Patterns of columns that repeat a value.
        kinds: What the rows of a table are, by table.
    """

    patient: str = ""
    time: str = ""
    event: str = ""
    value: str = ""
    unit: str = "d"
    kinds: Mapping[str, str] = field(default_factory=dict)
    unpivot: tuple[str, ...] = ()


@dataclass
class Guess:
    """A table to be.

    Attributes:
        name: Of the table.
        source: The file.
        declared: Its settings under ``tables:``, but for the file.
        columns: Names in the order of the file.
        titles: What stands above each.
        kinds: Types.
        cells: The cells of each column, empty where a word means missing.
        key: Columns that name a row; empty: none does.
        notes: What was guessed, in words.
        units: Of columns, where a codebook has them.
    """

    name: str
    source: Path
    declared: dict[str, Any]
    columns: list[str]
    titles: list[str]
    kinds: dict[str, str]
    cells: dict[str, list[str]]
    key: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)
    units: dict[str, str] = field(default_factory=dict)


def guessed(path: Path, findings: list[Finding], missing: Sequence[str] = ()) -> list[Guess]:
    """The tables of a file: one, or one for each sheet of a workbook that holds anything."""
    suffix = _suffix(path)
    stem = path.name.split(".")[0] or path.name
    if suffix in _BOOKS:
        sheets = sheet_names(path, findings)
        names = [stem] if len(sheets) == 1 else sheets
        chosen = [{"sheet": sheet} if len(sheets) > 1 else {} for sheet in sheets]
        tries = list(zip(names, chosen, strict=True)) if sheets else []
        if not sheets and not findings:
            findings.append(problem(str(path), "a workbook without a filled sheet"))
    elif suffix in _TEXT:
        settings = dialect(path, findings)
        tries = [(stem, settings)] if settings is not None else []
    else:
        tries = [(stem, {})]
    found = []
    for name, settings in tries:
        raw = read_sheet(path, declaration_of({"file": path.name, **settings}), findings)
        if raw is not None:
            one = _table(
                name_of(name)[:MAX_TABLE].rstrip("_"),
                path,
                settings,
                raw,
                (*MISSING_WORDS, *missing),
                findings,
            )
            found += [one] if one is not None else []
    return found


def _suffix(path: Path) -> str:
    parts = [one.lower() for one in path.suffixes if one.lower() != ".gz"]
    return parts[-1] if parts else ""


def dialect(path: Path, findings: list[Finding]) -> dict[str, Any] | None:
    """Encoding, separator and decimal sign of a text file, where they are not the usual ones."""
    try:
        data = unpacked(path, read_regular(path))
    except OSError as error:
        findings.append(
            problem(str(path), f"cannot be read: {error.strerror or 'not gzip'}", code="not-found")
        )
        return None
    settings: dict[str, Any] = {}
    encoding = "utf-8-sig"
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        settings["encoding"] = encoding = "utf-16"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        settings["encoding"] = "windows-1252"
        text = data.decode("windows-1252", errors="replace")
    head = text.splitlines()[:50]
    usual = "\t" if _suffix(path) == ".tsv" else ","
    counts = {one: _columns_by(head, one) for one in (usual, ";", "\t", "|", ",")}
    best = max(counts, key=lambda one: counts[one])
    if best != usual and counts[best] > max(counts[usual], 1):
        settings["separator"] = best
    if settings.get("separator", usual) != ",":
        cells = [cell for line in head[1:] for cell in line.split(settings.get("separator", usual))]
        commas = sum(bool(re.fullmatch(r"-?\d+,\d+", cell.strip('" '))) for cell in cells)
        points = sum(bool(re.fullmatch(r"-?\d+\.\d+", cell.strip('" '))) for cell in cells)
        if commas and not points:
            settings["decimal"] = ","
    return settings


def _columns_by(lines: Sequence[str], separator: str) -> int:
    """How many columns every line has by a separator, 0 where they differ."""
    try:
        widths = {len(row) for row in csv.reader(lines, delimiter=separator) if row}
    except csv.Error:
        return 0
    return widths.pop() if len(widths) == 1 else 0


def _table(
    name: str,
    path: Path,
    settings: Mapping[str, Any],
    raw: RawTable,
    missing: Sequence[str],
    findings: list[Finding],
) -> Guess | None:
    if not raw.rows:
        findings.append(problem(str(path), "needs a header line and at least one row"))
        return None
    if len(raw.titles) > MAX_COLUMNS:
        text = f"{len(raw.titles)} columns, where a table has at most {MAX_COLUMNS}"
        findings.append(problem(f"{path}:1", text, "Make several tables, or a row of each value"))
        return None
    columns = column_names(raw.titles)
    cells = {column: [row[place] for _, row in raw.rows] for place, column in enumerate(columns)}
    declared = dict(settings)
    titles = [raw.labels.get(title, title) for title in raw.titles]
    made = Guess(
        name=name, source=path, declared=declared, columns=columns, titles=titles, kinds={}, cells=cells
    )
    words = sorted({cell for column in cells.values() for cell in column} & set(missing))
    if words:
        declared["missing"] = words
        made.notes.append(f"{', '.join(words)}: read as an empty cell (missing: in cohort.yaml)")
        for column in columns:
            cells[column] = ["" if cell in words else cell for cell in cells[column]]
    formats: dict[str, str] = {}
    comma = settings.get("decimal") == ","
    for column in columns:
        kind, written = guessed_kind(column, cells[column], comma)
        made.kinds[column] = kind
        made.notes += _nearly_numbers(column, cells[column]) if kind == "string" else []
        if written:
            formats[column] = written
            made.notes.append(f"{column}: dates written {written}")
    if formats:
        declared["dates"] = formats
    made.key = naming_columns(made)
    if made.key:
        made.notes.append(f"a row is named by {' and '.join(made.key)}")
    else:
        number = column_names([*columns, "row"])[-1]
        declared["number"] = number
        made.notes.append("no first columns tell the rows apart: they are numbered")
        made.columns, made.titles = [number, *columns], ["number of the row", *titles]
        made.kinds[number], made.key = "integer", (number,)
        cells[number] = [str(n) for n in range(1, len(raw.rows) + 1)]
    return made


def _nearly_numbers(column: str, cells: Sequence[str]) -> list[str]:
    """What to say of a column that would be one of numbers but for a few cells."""
    filled = [cell for cell in cells if cell]
    others = [cell for cell in filled if not re.fullmatch(r"-?\d+([.,]\d+)?", cell)]
    if not others or 2 * len(others) >= len(filled):
        return []
    bounds = all(re.match(r"[<>≤≥]", cell) for cell in others)
    why = "are bounds (a comparator keeps them)" if bounds else "are no numbers"
    return [f"{column}: text, because {len(others)} of {len(filled)} cells {why}"]


def guessed_kind(column: str, cells: Sequence[str], comma: bool) -> tuple[str, str]:
    """The type that reads every filled cell, and how its dates are written where that is not ISO 8601."""
    filled = [cell for cell in cells if cell]
    if not filled:
        return "string", ""
    for kind in ("boolean", "integer", "decimal", "date"):
        if kind == "integer" and _IDENTIFIER.fullmatch(column) and all(map(str.isdigit, filled)):
            return "string", ""
        read = [re.sub(r"^(-?\d+),(\d+)$", r"\1.\2", cell) for cell in filled] if comma else filled
        if kind == "date" and not all("-" in cell for cell in filled):
            break
        if _reads(kind, read):
            return kind, ""
    fitting = [one for one in _DATES if all(iso_date(cell, (one,)) for cell in filled)]
    if fitting and ({"D", "M"} != {one[0] for one in fitting}):
        return "date", fitting[0]
    return "string", ""


def _reads(kind: str, cells: Sequence[str]) -> bool:
    column = Column(
        table="",
        name="",
        type=kind,
        key=False,
        required=False,
        values=(),
        unit="",
        description="",
        unmapped="",
        read_back="",
        where="",
    )
    try:
        for cell in cells:
            column.read(cell)
    except ValueError:
        return False
    return True


def naming_columns(table: Guess, first: str = "") -> tuple[str, ...]:
    """The shortest run of first columns that tells the rows apart and can stand in an id; none if none does.

    Args:
        table: The table.
        first: The column to begin with, in place of the table's first.
    """
    order = [first, *(one for one in table.columns if one != first)] if first else table.columns
    for count in range(1, min(len(order), MAX_KEYS) + 1):
        column = order[count - 1]
        if table.kinds[column] not in ("string", "integer"):
            return ()
        if not all(IN_AN_ID.fullmatch(cell) for cell in table.cells[column]):
            return ()
        rows = list(zip(*(table.cells[one] for one in order[:count]), strict=True))
        if len({"-".join(row) for row in rows}) == len(rows) and max(sum(map(len, row)) for row in rows) < 32:
            return tuple(order[:count])
    return ()
