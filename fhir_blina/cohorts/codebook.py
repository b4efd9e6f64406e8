"""A codebook: a file that says of each variable what it is, in which unit, and what its values mean."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from fhir_blina.cohorts.codeforms import fault_of_unit
from fhir_blina.cohorts.guesses import Guess, dialect
from fhir_blina.errors import Finding, problem
from fhir_blina.tabular import declaration_of, name_of, read_sheet

_TITLES = {
    "name": (
        "variable", "variable_name", "variable_field_name", "varname", "var", "field", "field_name", "column",
        "column_name", "name",
    ),
    "text": ("label", "variable_label", "field_label", "description", "meaning", "definition", "question"),
    "unit": ("unit", "units", "unit_of_measure"),
    "values": (
        "values", "value_labels", "codes", "coding", "levels", "categories", "choices", "allowed_values",
    ),
}  # fmt: skip


class Described(NamedTuple):
    """What a codebook says of a variable."""

    text: str
    unit: str
    values: str


def read_codebook(path: Path, findings: list[Finding]) -> dict[str, Described]:
    """The entries by the name that a column has in tables; without a column of names it is a finding."""
    text = path.suffix.lower() in (".csv", ".tsv", ".txt")
    settings = dialect(path, findings) if text else {}
    if settings is None:
        return {}
    raw = read_sheet(path, declaration_of({"file": path.name, **settings}), findings)
    if raw is None:
        return {}
    titles = [name_of(title) for title in raw.titles]
    at = {
        part: next((titles.index(one) for one in known if one in titles), -1)
        for part, known in _TITLES.items()
    }
    if at["name"] < 0 or at["text"] < 0:
        said = "no codebook: it has no column of variables, or none of what they mean"
        findings.append(problem(raw.place(1, None), said, "Call them variable and label"))
        return {}

    def cell(row: Sequence[str], part: str) -> str:
        return " ".join(row[at[part]].split()) if at[part] >= 0 else ""

    return {
        name_of(cell(row, "name")): Described(cell(row, "text"), cell(row, "unit"), cell(row, "values"))
        for _, row in raw.rows
        if cell(row, "name")
    }


def put_beside(tables: Sequence[Guess], book: dict[str, Described], name: str) -> list[str]:
    """Put what a codebook says beside the columns; what it says nothing of, in words."""
    columns = {column for table in tables for column in table.columns}
    for table in tables:
        for place, column in enumerate(table.columns):
            if column not in book:
                continue
            entry = book[column]
            table.titles[place] = "; ".join(filter(None, [entry.text, entry.values])) or table.titles[place]
            if entry.unit and not fault_of_unit(entry.unit):
                table.units[column] = entry.unit
            elif entry.unit:
                table.notes.append(f"{column}: the codebook's unit is none of UCUM, and was left out")
    without, unknown = sorted(columns - set(book)), sorted(set(book) - columns)
    said = [f"{name} describes {len(columns & set(book))} of {len(columns)} columns"]
    said += [f"not in {name}: {_few(without)}"] * bool(without)
    return said + [f"in {name} and no column: {_few(unknown)}"] * bool(unknown)


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + f" and {len(names) - 5} more" * (len(names) > 5)
