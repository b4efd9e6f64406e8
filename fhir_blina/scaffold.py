"""Start a cohort folder from CSV files: data, a typed dictionary and templates that pass ``check``."""

from __future__ import annotations

import csv
import io
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from fhir_blina.dictionary import DICTIONARY_COLUMNS, TYPES, Column
from fhir_blina.errors import CohortError, Finding, problem
from fhir_blina.fhirjson import write_whole

MAX_KEY = 30
_IN_AN_ID = re.compile(r"[A-Za-z0-9.-]+")

_MANIFEST = """\
# yaml-language-server: $schema={schemas}/cohort.schema.json
title: {title}
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
table: {table}
resource:
  resourceType: Basic
  id: "{{{{ %cohort }}}}-{slug}-{key}"
  code:
    text: {table}
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


def new_cohort(folder: Path, files: Sequence[Path]) -> list[Path]:
    """Write a cohort folder from CSV files with a header line.

    Byte order marks and Windows line ends are removed, column names become ``a_b``, types are
    guessed from the cells. The key is the shortest run of first columns that tells the rows apart and
    can stand in an id; without one, a column numbers the rows.

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
    tables = {_name(path.stem): _read(path, findings) for path in files}
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


def _write(folder: Path, name: str, tables: dict[str, list[list[str]]]) -> list[Path]:
    files: dict[Path, str] = {
        folder / "cohort.yaml": _MANIFEST.format(title=name, schemas="../../schemas"),
        folder / "codes.csv": "map,value,system,code,display,note\ngender,female,gender,female,Female,\n"
        "gender,male,gender,male,Male,\n",
        folder / "README.md": f"# {name}\n\nWhere the data come from, what was decided, what is left out.\n",
    }
    dictionary: list[Sequence[str]] = [DICTIONARY_COLUMNS]
    for table, rows in tables.items():
        header, cells = rows[0], rows[1:]
        keys = _key(cells)
        types = [_type([row[index] for row in cells]) for index in range(len(header))]
        for index, column in enumerate(header):
            key = "yes" if index < keys else ""
            words = sorted(
                {row[index] for row in cells} & {"NA", "N/A", "n/a", "NULL", "null", "None", "nan", "NaN"}
            )
            values = "|".join(sorted({row[index] for row in cells} - {""})) if words else ""
            dictionary.append([table, column, types[index], key, key, values, "", "", "", ""])
        files[folder / "data" / f"{table}.csv"] = _csv(rows)
        files[folder / "resources" / f"{table}.yaml"] = _TEMPLATE.format(
            table=table,
            slug=table.replace("_", "-"),
            key="-".join(f"{{{{ {column} }}}}" for column in header[:keys]),
            extensions="".join(
                _EXTENSION.format(table=table, column=column, element=_ELEMENTS[kind])
                for column, kind in zip(header, types, strict=True)
            ),
        )
    files[folder / "dictionary.csv"] = _csv(dictionary)
    for path, text in files.items():
        write_whole(path, text)
    return sorted(files)


def _read(path: Path, findings: list[Finding]) -> list[list[str]]:
    try:
        text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        findings.append(problem(str(path), f"cannot be read: {error.strerror}", code="not-found"))
        return [[], []]
    except UnicodeDecodeError:
        findings.append(problem(str(path), "not UTF-8", "Save it as UTF-8"))
        return [[], []]
    rows = [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text, newline="")) if row]
    if len(rows) < 2:
        findings.append(problem(str(path), "needs a header line and at least one row"))
        return [[], []]
    header = [_name(name) for name in rows[0]]
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            text = f"{len(row)} cells where the header has {len(header)}"
            findings.append(problem(f"{path}:{number}", text))
    if len(set(header)) < len(header):
        findings.append(problem(f"{path}:1", "two columns have the same name", "Rename one"))
    if not findings and not _key(rows[1:]):  # no columns that can name a row in an id: number the rows
        number_column = "row" if "row" not in header else "row_number"
        return [[number_column, *header], *([str(n), *row] for n, row in enumerate(rows[1:], start=1))]
    return [header, *rows[1:]]


def _name(text: str) -> str:
    """A table or column name: a-z, 0-9 and _, a letter first."""
    name = re.sub(r"[^a-z0-9]+", "_", text.strip().lower()).strip("_")
    return name if name[:1].isalpha() else f"c_{name}".rstrip("_")


def _type(cells: Sequence[str]) -> str:
    """The narrowest type that reads every filled cell."""
    filled = [cell for cell in cells if cell]
    for kind in ("boolean", "integer", "decimal") if filled else ():
        column = Column("", "", kind, False, False, (), "", "", "", "", "")
        try:
            for cell in filled:
                column.read(cell)
        except ValueError:
            continue
        return kind
    return TYPES[0]


def _key(rows: Sequence[Sequence[str]]) -> int:
    """How many first columns tell the rows apart and can stand in an id; 0 if none do."""
    width = len(rows[0]) if rows else 0
    for count in range(1, width + 1):
        heads = ["-".join(row[:count]) for row in rows]
        if not all(_IN_AN_ID.fullmatch(cell) for row in rows for cell in row[:count]):
            return 0
        if len(set(heads)) == len(rows) and max(map(len, heads)) <= MAX_KEY:
            return count
    return 0


def _csv(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
