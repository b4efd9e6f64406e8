"""Workbooks (.xlsx, .xlsm, .xlsb, .xls, .ods): a sheet is a table, a formula is its value."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fhir_blina.errors import Finding, did_you_mean, problem
from fhir_blina.files import read_regular
from fhir_blina.tabular.celltext import SPREADSHEET_DIGITS, cell_text
from fhir_blina.tabular.declaration import Declaration
from fhir_blina.tabular.formulas import faulty_cells
from fhir_blina.tabular.probing import why_too_large
from fhir_blina.tabular.sheet import RawTable

SUFFIXES = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")


def letters(column: int) -> str:
    """The name of a column counted from 0: A, B … Z, AA."""
    name = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        name = chr(65 + rest) + name
    return name


def sheet_names(path: Path, findings: list[Finding]) -> list[str]:
    """The sheets of a workbook that hold anything."""
    book = _opened(path, findings)
    if book is None:
        return []
    return [name for name in book.sheet_names if book.get_sheet_by_name(name).total_height]


def read_workbook(path: Path, declared: Declaration, findings: list[Finding]) -> RawTable | None:
    """Read one sheet; merged cells, error values and formulas without a value are refused, by cell."""
    book = _opened(path, findings)
    if book is None:
        return None
    name = declared.sheet
    if not name and len(book.sheet_names) == 1:
        name = book.sheet_names[0]
    if name not in book.sheet_names:
        text = f'no sheet "{name}"' if name else "several sheets, and none is named"
        remedy = did_you_mean(name, book.sheet_names)
        findings.append(problem(str(path), text, remedy, code="not-found"))
        return None
    before = len(findings)
    sheet = book.get_sheet_by_name(name)
    place = _place(path, name)
    _refuse_merged(sheet, declared.header, place, findings)
    for line, column, what, remedy in faulty_cells(path, name):
        if line >= declared.header:
            findings.append(problem(place(line, column), what, remedy))
    rows = _rows(sheet, declared)
    if not rows:
        remedy = "Say in which row the titles stand: header: 1"
        findings.append(problem(place(declared.header, None), "no titles", remedy))
    if len(findings) > before:
        return None
    (_, titles), *others = rows
    width = max((n for n, title in enumerate(titles, start=1) if title), default=0)
    for number, row in others:
        for column, cell in enumerate(row[width:], start=width):
            if cell:
                findings.append(problem(place(number, column), "a cell below no title", "Give it a title"))
    for column, title in enumerate(titles[:width]):
        if not title and any(row[column] for _, row in others):
            findings.append(problem(place(declared.header, column), "a column without a title"))
    if len(findings) > before:
        return None
    wanted = [column for column in range(width) if titles[column]]
    places = dict(enumerate(wanted))
    return RawTable(
        path,
        [titles[column] for column in wanted],
        [(number, [row[column] for column in wanted]) for number, row in others if any(row)],
        lambda number, column: place(number, None if column is None else places[column]),
    )


def _place(path: Path, sheet: str) -> Callable[[int, int | None], str]:
    return lambda row, column: f"{path}!{sheet}!{'' if column is None else letters(column)}{row}"


def _rows(sheet: Any, declared: Declaration) -> list[tuple[int, list[str]]]:
    """The rows from the titles on; a number is written with the sign that numbers typed as text have."""
    rows = sheet.to_python(skip_empty_area=False)[declared.header - 1 :]
    point = str.maketrans({".": declared.decimal})

    def text(cell: Any) -> str:
        made = cell_text(cell, SPREADSHEET_DIGITS)
        return made.translate(point) if isinstance(cell, float) else made

    return [(number, [text(cell) for cell in row]) for number, row in enumerate(rows, start=declared.header)]


def _refuse_merged(
    sheet: Any, header: int, place: Callable[[int, int | None], str], findings: list[Finding]
) -> None:
    for (top, left), (bottom, _) in sheet.merged_cell_ranges or ():
        if bottom + 1 >= header:
            text = "merged cells, of which only the first has a value"
            findings.append(problem(place(top + 1, left), text, "Unmerge them and fill each cell"))


def _opened(path: Path, findings: list[Finding]) -> Any:
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    try:
        data = read_regular(path)
        if why := why_too_large(data):
            findings.append(
                problem(str(path), f"the workbook {why}", "Keep what is needed, or save it as CSV")
            )
            return None
        return CalamineWorkbook.from_filelike(io.BytesIO(data))
    except OSError as error:
        findings.append(problem(str(path), f"cannot be read: {error.strerror}", code="not-found"))
    except PasswordError:
        findings.append(problem(str(path), "a workbook with a password", "Save it without one"))
    except CalamineError:
        findings.append(problem(str(path), "no workbook that can be read", "Save it as .xlsx or CSV"))
    return None
