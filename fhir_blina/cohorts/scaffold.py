"""Start a cohort folder from files: data, dictionary, templates, endpoints and claims that ``run``."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fhir_blina.cohorts.codebook import put_beside, read_codebook
from fhir_blina.cohorts.dictionary import DICTIONARY_COLUMNS
from fhir_blina.cohorts.guesses import Asked, Guess, guessed
from fhir_blina.cohorts.kinds import KINDS
from fhir_blina.cohorts.redcap import read_project
from fhir_blina.cohorts.redcap_starter import redcap_started
from fhir_blina.cohorts.starter import Starter, started
from fhir_blina.errors import CohortError, Finding, did_you_mean, problem
from fhir_blina.files import mappings_folder, read_csv, read_regular, write_whole

SCHEMAS = ("cohort", "template", "endpoints", "report", "findings")  # of the files that an author writes


class NewCohort(NamedTuple):
    """The files written, and what was guessed, in words."""

    files: list[Path]
    notes: list[str]


def new_cohort(
    folder: Path,
    files: Sequence[Path],
    *,
    patient: str = "",
    time: str = "",
    event: str = "",
    unit: str = "d",
    unpivot: Sequence[str] = (),
    redcap: Path | None = None,
    missing: Sequence[str] = (),
    codebook: Path | None = None,
    kinds: Sequence[str] = (),
) -> NewCohort:
    """Write a cohort folder from files as people have them.

    The files go into ``data/`` as they are; what is not as the strict rules want it is declared in the
    manifest. Column names become ``a_b`` (the title goes into the dictionary), types are guessed.

    Args:
        folder: The folder to make; its name is the cohort's name.
        files: Tables, or workbooks of them.
        patient: The column that names a patient; guessed where not said.
        time: The column of the time to death or last contact.
        event: The column that says which of the two it was, and the value that means death: ``status=2``.
        unit: Of the time: ``d``, ``wk``, ``mo`` or ``a``.
        unpivot: Patterns of columns that repeat a value, ``crp_d{day}``.
        redcap: The data dictionary of the REDCap project that the one file is an export of.
        kinds: What the rows of tables are, ``labs=laboratory``: one of ``KINDS``; guessed where not said.
        codebook: A file that says what the variables mean.
        missing: More words that mean an empty cell: codes of a project.

    Raises:
        CohortError: the folder exists, its name cannot begin an id, or a file or column is not there.
    """
    findings: list[Finding] = []
    if folder.exists():
        findings.append(problem(str(folder), "exists already", "Choose another name"))
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,19}", folder.name):
        text = f'"{folder.name}" cannot begin an id'
        findings.append(problem("", text, "Use a-z, 0-9 and -, at most 20 characters, a letter first"))
    project = None
    if redcap is not None and len(files) == 1 and not findings:
        project = read_project(redcap, files[0], findings)
    elif redcap is not None:
        findings.append(problem("", "--redcap takes one export", "Name one file"))
    tables = [one for path in files for one in guessed(path, findings, missing)] if redcap is None else []
    names = [one.name for one in tables]
    if len(set(names)) < len(names):
        findings.append(problem("", "two files give the same table name", "Rename one"))
    if not files:
        findings.append(problem("", "no file", "Name one or more"))
    column, _, value = event.partition("=")
    asked = Asked(
        patient=patient,
        time=time,
        event=column,
        value=value,
        unit=unit,
        unpivot=tuple(unpivot),
        kinds=_kinds(kinds, names, findings),
    )
    for option, name in (("--patient", patient), ("--time", time), ("--event", column)):
        known = {one for table in tables for one in table.columns}
        known |= {one.name for one in project.columns} if project else set()
        if name and name not in known and not findings:
            findings.append(problem("", f'{option}: no column "{name}"', did_you_mean(name, known)))
    if bool(time) != bool(event) and not findings:
        findings.append(problem("", "--time and --event go together", "Name both or neither"))
    book = read_codebook(codebook, findings) if codebook is not None else {}
    if findings:
        raise CohortError(findings)
    described = put_beside(tables, book, codebook.name) if codebook is not None else []
    if project is not None:
        table, made = redcap_started(folder.name, project, files[0], asked, missing)
        tables = [table]
    else:
        made = started(folder.name, tables, asked, findings)
    if findings:
        raise CohortError(findings)
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        written = _write(partial, folder.name, tables, made)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    notes = [f"{table.name}: {note}" for table in tables for note in table.notes]
    return NewCohort(
        [folder / path.relative_to(partial) for path in written], [*described, *notes, *made.notes]
    )


def _kinds(said: Sequence[str], tables: Sequence[str], findings: list[Finding]) -> dict[str, str]:
    found = dict(one.partition("=")[::2] for one in said)
    for table, kind in found.items():
        if table not in tables:
            findings.append(problem("", f'--kind: no table "{table}"', did_you_mean(table, tables)))
        if kind not in KINDS:
            findings.append(problem("", f'--kind: no kind "{kind}"', did_you_mean(kind, KINDS)))
    return found


def _write(folder: Path, name: str, tables: Sequence[Guess], made: Starter) -> list[Path]:
    data: dict[Path, bytes] = {}
    declared: dict[str, dict[str, Any]] = {}
    for table in tables:
        suffix = "".join(table.source.suffixes[-2:] if table.source.suffix == ".gz" else table.source.suffix)
        file = table.source.name if "sheet" in table.declared else f"{table.name}{suffix.lower()}"
        data[folder / "data" / file] = read_regular(table.source)
        settings = {"file": file, **table.declared}
        cut = made.cut.get(table.name, {})
        if cut:
            declared |= {one: {**settings, **more} for one, more in cut.items()}
        elif not _is_plain(table, file):
            declared[table.name] = settings
    texts = {
        folder / "cohort.yaml": _with_schema("cohort.yaml", made.manifest + _declared(declared)),
        folder / "codes.csv": _csv([("map", "value", "system", "code", "display", "note"), *made.codes]),
        folder / "dictionary.csv": _csv([DICTIONARY_COLUMNS, *made.dictionary]),
        folder / "README.md": f"# {name}\n\nWhere the data come from, what was decided, what is left out.\n",
        **{folder / place: _with_schema(place, text) for place, text in made.files.items()},
    }
    for path, text in texts.items():
        write_whole(path, text)
    for name in SCHEMAS:
        text = (mappings_folder() / "schemas" / f"{name}.schema.json").read_text("utf-8")
        write_whole(folder / "schemas" / f"{name}.schema.json", text)
    for path, content in data.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return sorted([*texts, *data, *(folder / "schemas").iterdir()])


def _with_schema(place: str, text: str) -> str:
    """YAML with the line by which an editor finds its schema, in the folder's own copy."""
    if not place.endswith(".yaml"):
        return text
    path = "../schemas/template" if "/" in place else f"schemas/{place.removesuffix('.yaml')}"
    return f"# yaml-language-server: $schema={path}.schema.json\n{text}"


def _is_plain(table: Guess, file: str) -> bool:
    """Whether a file is what the strict rules of a cohort folder want."""
    if table.declared or file != f"{table.name}.csv":
        return False
    findings: list[Finding] = []
    rows = [cells for _, cells in read_csv(table.source, table.columns, findings)]
    wanted = [dict(zip(table.columns, row, strict=True)) for row in zip(*table.cells.values(), strict=True)]
    return not findings and rows == wanted


def _declared(tables: dict[str, dict[str, Any]]) -> str:
    """The tables of the manifest: JSON is YAML, one table a line."""
    if not tables:
        return ""
    lines = [f"  {name}: {json.dumps(settings, ensure_ascii=False)}" for name, settings in tables.items()]
    return "\n".join(
        ["# how the files are written, and which columns each table takes", "tables:", *lines, ""]
    )


def _csv(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
