"""Tables read from whatever file they lie in: one way in, whose rows have the dictionary's columns."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from fhir_blina.errors import Finding, did_you_mean, problem
from fhir_blina.files import read_csv, read_header
from fhir_blina.tabular import database, delimited, statistical, workbook
from fhir_blina.tabular.dates import iso_date, with_zone, written_as
from fhir_blina.tabular.declaration import Declaration
from fhir_blina.tabular.shape import LeftRow, TableRow, column_names, shaped
from fhir_blina.tabular.sheet import FileReader, RawTable

READERS: dict[str, FileReader] = {
    **dict.fromkeys(delimited.SUFFIXES, delimited.read_delimited),
    **dict.fromkeys(workbook.SUFFIXES, workbook.read_workbook),
    **dict.fromkeys(statistical.SUFFIXES, statistical.read_statistical),
    **dict.fromkeys(database.SQLITE, database.read_sqlite),
    **dict.fromkeys(database.DUCKDB, database.read_duckdb),
    **dict.fromkeys(database.PARQUET, database.read_parquet),
}
NUMBERS = ("integer", "decimal")
DATES = ("date", "dateTime")


@dataclass(frozen=True)
class Content:
    """A table read: columns in the order of the file, rows, the columns it takes, the rows it leaves out."""

    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]
    taken: frozenset[str]
    available: frozenset[str]
    left: tuple[LeftRow, ...] = ()


def reader_of(path: Path) -> FileReader | None:
    """What reads a file, by the ending of its name; ``.gz`` behind that of a text file is unpacked."""
    suffixes = [one.lower() for one in path.suffixes]
    if suffixes[-1:] == [".gz"]:
        kind = suffixes[-2] if len(suffixes) > 1 else ""
        return READERS[kind] if kind in delimited.SUFFIXES else None
    return READERS.get(suffixes[-1] if suffixes else "")


def read_sheet(path: Path, declared: Declaration, findings: list[Finding]) -> RawTable | None:
    """The table as it stands in its file."""
    if declared.url_from:
        return database.read_url(path, declared, findings)
    reader = reader_of(path)
    if reader is None:
        remedy = f"Known: {', '.join(sorted(READERS))}; and .gz behind {', '.join(delimited.SUFFIXES)}"
        findings.append(problem(str(path), "a kind of file that nothing reads", remedy))
        return None
    return reader(path, declared, findings)


def read_table(
    path: Path,
    declared: Declaration,
    kinds: Mapping[str, str],
    findings: list[Finding],
    *,
    where: str,
    zone: dt.tzinfo | None = None,
) -> Content | None:
    """Read a table that has exactly the columns of the dictionary, in any order.

    Args:
        path: The file.
        declared: How the table lies in it.
        kinds: The type of each column.
        findings: Gets the faults; a row at fault is left out.
        where: The declaration's ``file:line``.
        zone: Of times of day that are written without one.
    """
    if declared.plain:
        rows = tuple(
            TableRow(line, cells, _Line(f"{path}:{line}"))
            for line, cells in read_csv(path, tuple(kinds), findings)
        )
        header = tuple(read_header(path, []) or kinds)
        return Content(header, rows, frozenset(header), frozenset(header))
    for written in (one for way in declared.dates.values() for one in way):
        try:
            written_as(written)
        except ValueError as error:
            findings.append(problem(where, f'dates: "{written}" {error}', "For example DD.MM.YYYY"))
            return None
    sheet = read_sheet(path, declared, findings)
    made = shaped(sheet, declared, where, findings) if sheet is not None else None
    if sheet is None or made is None:
        return None
    columns, rows_made, taken, left = made
    before = len(findings)
    for name in columns:
        if name not in kinds:
            remedy = did_you_mean(name, kinds) or "Describe it in dictionary.csv"
            findings.append(problem(sheet.place(declared.header, None), f'unknown column "{name}"', remedy))
    for name in kinds:
        if name not in columns:
            text = f'column "{name}" is missing'
            findings.append(problem(sheet.place(declared.header, None), text, did_you_mean(name, columns)))
    if len(findings) > before:
        return None
    rows = tuple(_written(rows_made, declared, kinds, zone, findings))
    available = frozenset(column_names(sheet.titles))
    return Content(tuple(columns), rows, frozenset(taken), available, tuple(left))


@dataclass(frozen=True)
class _Line:
    text: str

    def __call__(self, _: str) -> str:
        return self.text


def _written(
    rows: list[TableRow],
    declared: Declaration,
    kinds: Mapping[str, str],
    zone: dt.tzinfo | None,
    findings: list[Finding],
) -> Iterator[TableRow]:
    """The rows with numbers and dates written as the dictionary's types have them."""
    plain = declared.decimal == "." and not declared.thousands
    written = [name for name, kind in kinds.items() if kind in DATES or (kind in NUMBERS and not plain)]
    for row in rows:
        cells = dict(row.cells)
        for name in written:
            try:
                if kinds[name] in NUMBERS:
                    cells[name] = _number(cells[name], declared)
                else:
                    cells[name] = _date(
                        cells[name], declared.formats(_source(row, name, declared)), kinds[name], zone
                    )
            except ValueError as error:
                findings.append(problem(row.place(name), f'column "{name}" {error}'))
                break
        else:
            yield TableRow(row.number, cells, row.place, row.melted_from)


def _source(row: TableRow, name: str, declared: Declaration) -> str:
    """The column of the file that a cell stood in."""
    value = declared.unpivot.value if declared.unpivot else ""
    return row.melted_from if name == value else name


def _number(text: str, declared: Declaration) -> str:
    """A number with a point; what is no number stays as it is, for the dictionary to refuse."""
    sign, group = re.escape(declared.decimal), re.escape(declared.thousands)
    whole = rf"\d{{1,3}}(?:{group}\d{{3}})+|\d+" if group else r"\d+"
    match = re.fullmatch(rf"(-?)({whole})(?:{sign}(\d+))?", text)
    if match is None:
        if re.fullmatch(r"-?\d+\.\d+", text):
            raise ValueError(f'has a point, where the manifest says "{declared.decimal}" before decimals')
        return text
    digits = match[2].replace(declared.thousands, "") if declared.thousands else match[2]
    return f"{match[1]}{digits}" + (f".{match[3]}" if match[3] else "")


def _date(text: str, formats: tuple[str, ...], kind: str, zone: dt.tzinfo | None) -> str:
    if text and formats:
        read = iso_date(text, formats)
        if read is not None:
            text = read
        elif not re.match(r"\d{4}-\d{2}-\d{2}", text):
            raise ValueError(f"is not a date as the manifest has it: {', '.join(formats)}")
    return with_zone(text, zone) if kind == "dateTime" else text
