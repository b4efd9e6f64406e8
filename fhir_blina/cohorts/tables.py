"""The tables of a cohort folder as typed rows, from whatever files they lie in."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from fhir_blina.cohorts.dictionary import Cell, Column
from fhir_blina.errors import Finding, problem
from fhir_blina.files import Document, files_in
from fhir_blina.tabular import (
    DATES,
    Content,
    Declaration,
    TableRow,
    damage,
    declaration_of,
    file_of,
    is_serial,
    read_table,
)


@dataclass(frozen=True)
class Row:
    """One row: where it is, its cells as text and, where not empty, as typed values.

    Attributes:
        table: The table's name.
        path: Its file.
        line: The row's number; no other row of the table has it.
        text: Text by column.
        cells: Typed values by column.
        place: Prints where the row is, or a cell of it, given its column.
    """

    table: str
    path: Path
    line: int
    text: Mapping[str, str]
    cells: Mapping[str, Cell]
    place: Callable[[str], str] = field(repr=False, compare=False)

    @property
    def location(self) -> str:
        """``file:line``, or ``workbook!sheet!row``."""
        return self.place("")


@dataclass(frozen=True)
class Table:
    """One table: its columns in the order of the file and its rows."""

    name: str
    path: Path
    columns: Mapping[str, Column]
    rows: tuple[Row, ...]

    @cached_property
    def key(self) -> tuple[str, ...]:
        """The columns that together name a row."""
        return tuple(column.name for column in self.columns.values() if column.key)


def tables_of_folder(
    manifest: Document, dictionary: Mapping[str, Mapping[str, Column]], findings: list[Finding]
) -> dict[str, Table]:
    """Read every table of the dictionary: as the manifest declares it, else ``data/<table>.csv``."""
    folder = manifest.path.parent / "data"
    declared = {name: declaration_of(one) for name, one in manifest.data.get("tables", {}).items()}
    used = {one.file for one in declared.values()}
    try:
        plain = {path.stem: path for path in files_in(folder, ".csv") if path.name not in used}
    except OSError as error:
        findings.append(problem(str(folder), f"cannot be read: {error.strerror}"))
        return {}
    for name in (*plain, *declared):
        if name not in dictionary and dictionary:
            where = manifest.where(("tables", name)) if name in declared else f"{plain[name]}:1"
            remedy = f"Describe its columns in {manifest.path.parent / 'dictionary.csv'}"
            findings.append(problem(where, f'table "{name}" is not in the dictionary', remedy))
    zone = _zone(manifest, findings)
    tables: dict[str, Table] = {}
    sources = _Sources(manifest)
    for name, columns in dictionary.items():
        where = next(iter(columns.values())).where
        if name not in declared and name not in plain:
            text, file = f'table "{name}" has no file', folder / f"{name}.csv"
            remedy = f"Add {file}" + ", or mend its name under tables:" * bool(declared)
            findings.append(problem(where, text, remedy, code="not-found"))
            continue
        if not any(column.key for column in columns.values()):
            text = f'table "{name}" has no key column'
            findings.append(problem(where, text, "Set key to yes where a row is named"))
        one = declared.get(name, Declaration(f"{name}.csv", plain=True))
        path = file_of(folder, one, manifest.where(("tables", name)), findings)
        if path is None:
            continue
        before = len(findings)
        kinds = {column.name: column.type for column in columns.values()}
        content = read_table(path, one, kinds, findings, where=manifest.where(("tables", name)), zone=zone)
        tables[name] = _typed(name, path, columns, content, findings)
        if content is not None:
            sources.note(name, one, content, [key for key, column in columns.items() if column.key])
            if not content.rows and len(findings) == before:
                findings.append(problem(f"{path}:1", "the table has no rows"))
    sources.left(findings)
    findings[:] = dict.fromkeys(findings)  # a cell may stand in two tables
    return tables


def _zone(manifest: Document, findings: list[Finding]) -> zoneinfo.ZoneInfo | None:
    name = manifest.data.get("zone")
    if name is None:
        return None
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        remedy = "Name one of the IANA database, for example Europe/Berlin"
        findings.append(problem(manifest.where(("zone",)), f'zone: nobody knows "{name}"', remedy))
        return None


class _Sources:
    """Which columns and rows of each declared file are in a table: none is left out without a word."""

    def __init__(self, manifest: Document) -> None:
        self.manifest = manifest
        self.taken: dict[tuple[str, ...], set[str]] = {}
        self.available: dict[tuple[str, ...], frozenset[str]] = {}
        self.tables: dict[tuple[str, ...], str] = {}
        self.keys: dict[tuple[str, ...], set[str]] = {}
        self.untaken: dict[tuple[str, ...], dict[str, set[int]]] = {}

    def note(self, table: str, declared: Declaration, content: Content, keys: Iterable[str]) -> None:
        """Note what a table takes of its file, and in which rows it leaves something."""
        source = (declared.file, declared.sheet, declared.query)
        self.taken.setdefault(source, set()).update(content.taken)
        self.available[source] = content.available
        self.tables.setdefault(source, table)
        self.keys.setdefault(source, set()).update(keys)
        untaken = self.untaken.setdefault(source, {})
        for column in content.taken:
            rows = {row.number for row in content.left if column in row.filled}
            untaken[column] = untaken[column] & rows if column in untaken else rows

    def left(self, findings: list[Finding]) -> None:
        """A finding for each column that no table takes, and for each that none takes in some rows."""
        for source, untaken in self.untaken.items():
            where = self.manifest.where(("tables", self.tables[source]))
            for column, rows in sorted(untaken.items()):
                if rows and column not in self.keys[source]:
                    text = f'no table takes column "{column}" in {len(rows)} rows of {source[0]}'
                    remedy = f"The first is row {min(rows)}. Name the column in rows_with of a table"
                    findings.append(Finding("warning", "value", text, location=where, remedy=remedy))
        for source, available in self.available.items():
            where = self.manifest.where(("tables", self.tables[source]))
            for name in sorted(available - self.taken[source]):
                remedy = "Keep it in one; its line of the dictionary can say why no template reads it"
                findings.append(problem(where, f'no table keeps column "{name}" of {source[0]}', remedy))


def _typed(
    name: str,
    path: Path,
    columns: Mapping[str, Column],
    content: Content | None,
    findings: list[Finding],
) -> Table:
    """The rows with typed cells; what is wrong or looks damaged goes to ``findings``."""
    if content is None:
        return Table(name, path, columns, ())
    key = [column.name for column in columns.values() if column.key]
    seen: dict[tuple[str, ...], TableRow] = {}
    rows = []
    for row in content.rows:
        cells: dict[str, Cell] = {}
        for column in columns.values():
            try:
                value = column.read(row.cells[column.name])
            except ValueError as error:
                remedy = f"Allowed: {', '.join(column.values)}" if column.values else ""
                if column.type in DATES and is_serial(row.cells[column.name]):
                    remedy = "It looks like a spreadsheet's number of a day: format it, or say dates: serial"
                text = f'column "{column.name}" {error}'
                findings.append(problem(row.place(column.name), text, remedy))
                continue
            if value is not None:
                cells[column.name] = value
        named = tuple(row.cells[column] for column in key)
        if named in seen and key:
            other = seen[named]
            at = f"line {other.number}" if other.place("").startswith(f"{path}:") else other.place("")
            findings.append(problem(row.place(""), f"the same {', '.join(key)} as in {at}"))
        seen.setdefault(named, row)
        rows.append(Row(table=name, path=path, line=row.number, text=row.cells, cells=cells, place=row.place))
    for column in columns.values():
        filled = ((row.cells[column.name], row.place(column.name)) for row in content.rows)
        findings += damage(column.name, column.type, [one for one in filled if one[0]])
    ordered = {column: columns[column] for column in content.columns if column in columns}
    return Table(name, path, ordered or columns, tuple(rows))
