"""Start a cohort folder from CSV files: data, a typed dictionary and templates that pass ``check``."""

from __future__ import annotations

import csv
import io
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fhir_blina.cohorts.dictionary import DICTIONARY_COLUMNS, MISSING_WORDS, TYPES, Column
from fhir_blina.errors import CohortError, Finding, problem
from fhir_blina.files import MAX_CELL, read_regular, write_whole
from fhir_blina.tabular import column_names, name_of

MAX_ID = 64
MAX_TABLE = 30
MAX_COLUMNS = 2_000
_IN_AN_ID = re.compile(r"[A-Za-z0-9.-]+")


_MANIFEST = """\
# yaml-language-server: $schema={schemas}/cohort.schema.json
title: "{title}"
citation: ""
# false: the subject codes are not public, so ids become keyed hashes
published: false
# study day 0 of every subject; a synthetic date
anchor: 2000-01-01
# code systems that codes.csv may name
systems:
  gender: http://hl7.org/fhir/administrative-gender
  loinc: http://loinc.org
  snomed: http://snomed.info/sct
"""

_TEMPLATE = """\
# A starter: every row is kept, every cell as text. Replace it by the FHIR resources that the rows are.
# mappings/README.md describes the language.
table: "{table}"
resource:
  resourceType: Basic
  id: "{{{{ %cohort }}}}-{slug}-{key}"
  code:
    text: "{table}"
  extension:
{extensions}"""

_EXTENSION = """\
    - url: "{{{{ %base }}}}/{{{{ %cohort }}}}/{table}/{column}"
      {element}: "{{{{ {column} }}}}"
"""

_ELEMENTS = {
    "string": "valueString",
    "integer": "valueInteger",
    "decimal": "valueDecimal",
    "boolean": "valueBoolean",
}


@dataclass(frozen=True)
class _Sheet:
    """A table to be: names and titles of the columns, rows of cells, how many first columns are the key."""

    columns: list[str]
    titles: list[str]
    rows: list[list[str]]
    keys: int


def new_cohort(folder: Path, files: Sequence[Path]) -> list[Path]:
    """Write a cohort folder from CSV files with a header line.

    Byte order marks and Windows line ends are removed, column names become ``a_b`` (the title goes
    into the dictionary), types are guessed from the cells. The key is the shortest run of first
    columns that tells the rows apart and can stand in an id; without one, a column numbers the rows.

    Args:
        folder: The folder to make; its name is the cohort's name.
        files: One CSV file a table.

    Returns:
        The files written.

    Raises:
        CohortError: the folder exists, its name cannot begin an id, or a file cannot be read.
    """
    findings: list[Finding] = []
    if folder.exists():
        findings.append(problem(str(folder), "exists already", "Choose another name"))
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,19}", folder.name):
        text = f'"{folder.name}" cannot begin an id'
        findings.append(problem("", text, "Use a-z, 0-9 and -, at most 20 characters, a letter first"))
    tables = {_table(path): _read(path, folder.name, findings) for path in files}
    if len(tables) < len(files):
        findings.append(problem("", "two files give the same table name", "Rename one"))
    if not files:
        findings.append(problem("", "no CSV file", "Name one or more"))
    if findings:
        raise CohortError(findings)
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        written = _write(partial, folder.name, tables)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return [folder / path.relative_to(partial) for path in written]


def _write(folder: Path, name: str, tables: dict[str, _Sheet]) -> list[Path]:
    files: dict[Path, str] = {
        folder / "cohort.yaml": _MANIFEST.format(title=name, schemas="../../schemas"),
        folder / "codes.csv": "map,value,system,code,display,note\ngender,female,gender,female,Female,\n"
        "gender,male,gender,male,Male,\n",
        folder / "README.md": f"# {name}\n\nWhere the data come from, what was decided, what is left out.\n",
    }
    dictionary: list[Sequence[str]] = [DICTIONARY_COLUMNS]
    for table, sheet in tables.items():
        types = [_type(cells) for cells in zip(*sheet.rows, strict=True)]
        for index, column in enumerate(sheet.columns):
            key = "yes" if index < sheet.keys else ""
            cells = {row[index] for row in sheet.rows}
            values = "|".join(sorted(cells - {""})) if cells & MISSING_WORDS else ""
            title = sheet.titles[index]
            described = title if title != column else ""
            dictionary.append([table, column, types[index], key, key, values, "", described, "", ""])
        files[folder / "data" / f"{table}.csv"] = _csv([sheet.columns, *sheet.rows])
        files[folder / "resources" / f"{table}.yaml"] = _TEMPLATE.format(
            table=table,
            slug=_slug(table),
            key="-".join(f"{{{{ {column} }}}}" for column in sheet.columns[: sheet.keys]),
            extensions="".join(
                _EXTENSION.format(table=table, column=column, element=_ELEMENTS[kind])
                for column, kind in zip(sheet.columns, types, strict=True)
            ),
        )
    files[folder / "dictionary.csv"] = _csv(dictionary)
    for path, text in files.items():
        write_whole(path, text)
    return sorted(files)


def _read(path: Path, cohort: str, findings: list[Finding]) -> _Sheet:
    before = len(findings)
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        text = read_regular(path).decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
        if "\x00" in text:
            line = text.count("\n", 0, text.index("\x00")) + 1
            findings.append(problem(f"{path}:{line}", "a NUL character", "Delete it"))
        csv.field_size_limit(MAX_CELL)
        reader = csv.reader(io.StringIO(text, newline=""))
        for row in reader:
            if row:
                rows.append([cell.strip() for cell in row])
                lines.append(reader.line_num)
    except OSError as error:
        findings.append(problem(str(path), f"cannot be read: {error.strerror}", code="not-found"))
    except UnicodeDecodeError:
        findings.append(problem(str(path), "not UTF-8", "Save it as UTF-8"))
    except csv.Error as error:
        findings.append(problem(f"{path}:{reader.line_num}", f"not CSV: {error}"))
    if len(findings) > before:
        return _Sheet([], [], [], 0)
    if len(rows) < 2:
        findings.append(problem(str(path), "needs a header line and at least one row"))
        return _Sheet([], [], [], 0)
    titles, *cells = rows
    if len(titles) > MAX_COLUMNS:
        text = f"{len(titles)} columns, where a table has at most {MAX_COLUMNS}"
        findings.append(problem(f"{path}:1", text, "Make several tables, or a row of each value"))
        return _Sheet([], [], [], 0)
    if len(titles) == 1 and {";", "\t"} & set(titles[0]):
        findings.append(problem(f"{path}:1", "one column, with ; or tab in its name", "Separate by commas"))
    for line, row in zip(lines[1:], cells, strict=True):
        if len(row) != len(titles):
            text = f"{len(row)} cells where the header has {len(titles)}"
            findings.append(problem(f"{path}:{line}", text))
    columns = column_names(titles)
    for name, column in zip(columns, zip(*cells, strict=False), strict=False):
        if MISSING_WORDS & set(column) and any("|" in cell for cell in column):
            text = f'column "{name}" holds a word for missing (NA) beside cells with |'
            findings.append(problem(f"{path}:1", text, "Empty the one, or write the other without |"))
    if len(findings) > before:
        return _Sheet([], [], [], 0)
    keys = _key(cells, MAX_ID - len(f"{cohort}-{_slug(_table(path))}-"))
    if keys:
        return _Sheet(columns, titles, cells, keys)
    # No columns that can name a row in an id: number the rows.
    number = column_names([*columns, "row"])[-1]
    numbered = [[str(n), *row] for n, row in enumerate(cells, start=1)]
    return _Sheet([number, *columns], ["number of the row", *titles], numbered, 1)


def _table(path: Path) -> str:
    return name_of(path.stem)[:MAX_TABLE].rstrip("_")


def _slug(table: str) -> str:
    """A table's name inside an id: without -, so that ids of two tables are never alike."""
    return table.replace("_", ".")


def _type(cells: Sequence[str]) -> str:
    """The narrowest type that reads every filled cell."""
    filled = [cell for cell in cells if cell]
    for kind in ("boolean", "integer", "decimal") if filled else ():
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
            for cell in filled:
                column.read(cell)
        except ValueError:
            continue
        return kind
    return TYPES[0]


def _key(rows: Sequence[Sequence[str]], room: int) -> int:
    """How many first columns tell the rows apart and fit into an id; 0 if none do."""
    for count in range(1, len(rows[0]) + 1):
        heads = ["-".join(row[:count]) for row in rows]
        if not all(_IN_AN_ID.fullmatch(row[count - 1]) for row in rows):
            return 0
        if len(set(heads)) == len(rows) and max(map(len, heads)) <= room:
            return count
    return 0


def _csv(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
