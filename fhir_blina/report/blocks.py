"""Blocks of the report made from tables: characteristics, a row per patient, lists, matrices.

Each function takes what `Material` holds and one block of the layout, and returns a `Grid`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from fhir_blina.endpoints import Facts, selection, source
from fhir_blina.errors import AnalysisError
from fhir_blina.files import is_missing
from fhir_blina.report.grids import (
    Cell,
    Grid,
    Head,
    estimate,
    fill,
    observed,
    unit,
    words,
)
from fhir_blina.report.layout import Block, Layout
from fhir_blina.results import Results

FOLD_ROWS = 25
MOST_MATRIX, MOST_COLUMNS = 40, 8
NO_ROW = Cell("–", tone="missing")


@dataclass(frozen=True)
class Material:
    """What a report is made from: the tables with their definitions, the results, the layout."""

    facts: Facts
    results: Results
    layout: Layout
    systems: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def groups(self) -> dict[str, str]:
        """Label of the splitting group by patient key; empty where nothing splits."""
        if not self.layout.group:
            return {}
        return {str(key): str(label) for key, label in self.facts.group(self.layout.group).items()}

    @cached_property
    def group_labels(self) -> list[str]:
        """The labels that somebody has, in the order of the definitions."""
        if not self.layout.group:
            return []
        known = self.facts.endpoints.groups[self.layout.group].labels.values()
        return [label for label in dict.fromkeys(known) if label in self.groups.values()]

    def group_title(self, label: str) -> str:
        """The report's words for a label."""
        return self.layout.group_titles.get(label, label)

    def rows(self, block: Block) -> list[dict[str, Any]]:
        """The rows that a block selects, with a patient's label as ``patient``, in the order of patients."""
        found = self.facts.rows(selection(block, {**self.systems, **self.layout.systems}))
        rows = [{str(k): v for k, v in row.items()} for row in found.to_dict(orient="records")]
        for row in rows:
            row["patient"] = self.facts.labels.get(str(row.get("patient_id")), "")
            row["_source"] = source(block["table"], dict(row.items()))
        order = {label: place for place, label in enumerate(self.facts.labels.values())}
        return sorted(rows, key=lambda row: order.get(row["patient"], len(order)))

    def cell(self, show: str, row: Mapping[str, Any], reword: Mapping[str, str] | None = None) -> Cell:
        """One row of a table as a cell: ``observed``, or a text with ``{column}`` blanks."""
        if show == "observed":
            made = observed(row, reword)
        else:
            text = fill(show, row)
            made = Cell((reword or {}).get(text, text)) if text else NO_ROW
        return Cell(made.text, made.local, made.tone, row["_source"])


def folded(rows: int) -> str:
    """Words of the button where a table is too long to stand open, else empty."""
    return f"show {rows} rows" if rows > FOLD_ROWS else ""


def _listing(block: Block, head: tuple[Head, ...], rows: list[tuple[Cell, ...]]) -> Grid:
    """A table with the block's caption and notes, folded where it is long."""
    notes = tuple(block.get("notes", ()))
    local = block.get("local", "")
    return Grid(block["caption"], head, tuple(rows), notes, fold=folded(len(rows)), local=local)


def patients(material: Material, block: Block) -> Grid:
    """One row per patient."""
    columns = [_column(material, entry) for entry in block["columns"]]
    head = (Head("Patient"), *(Head(e["label"], e.get("local", "")) for e in block["columns"]))
    rows = [
        (
            Cell(label, source=f"Patient/{key}".replace("Patient/Patient/", "Patient/")),
            *(c.get(key, e) for c, e in columns),
        )
        for key, label in material.facts.labels.items()
    ]
    return _listing(block, head, rows)


def _column(material: Material, entry: Block) -> tuple[dict[str, Cell], Cell]:
    """The cells of a column by patient key, and the cell of a patient without a row."""
    facts = material.facts
    empty = Cell(entry["empty"]) if "empty" in entry else NO_ROW
    if "measure" in entry:
        of = unit(entry["unit"]) if "unit" in entry else ""
        reword = entry.get("reword", {})
        made = {}
        for key, (value, made_from) in facts.measured(entry["measure"]).items():
            text = words(value)
            made[key] = Cell(f"{reword.get(text, text)}{of}", source=made_from)
        for key, (comparator, value, made_from) in facts.bounds(entry["measure"]).items():
            made[key] = Cell(f"{comparator} {words(value)}{of}", source=made_from)
        return made, empty
    if "time" in entry:
        return {
            key: Cell(f"day {words(day)}", source=s) for key, (day, s) in facts.timed(entry["time"]).items()
        }, empty
    if "set" in entry:
        members_from = facts.sources(entry["set"])
        return {
            str(key): Cell("yes", source=members_from.get(key, "")) for key in facts.members(entry["set"])
        }, empty
    if "group" in entry:
        labels = facts.group(entry["group"]).items()
        return {str(key): Cell(material.group_title(str(label))) for key, label in labels}, empty
    if "record" in entry:
        return _recorded(material, entry["record"]), empty
    if "table" not in entry or "show" not in entry:
        raise AnalysisError(
            f'report: column "{entry["label"]}" names no measure, time, set, group, record or table'
        )
    cells: dict[str, list[Cell]] = {}
    for row in material.rows(entry):
        if not is_missing(row.get("patient_id")):
            cells.setdefault(str(row["patient_id"]), []).append(
                material.cell(entry["show"], row, entry.get("reword"))
            )
    return {key: _joined(found) for key, found in cells.items()}, empty


def _recorded(material: Material, name: str) -> dict[str, Cell]:
    by_label = {record.group: record for record in material.results.find(name)}
    found = {key: by_label[label] for key, label in material.facts.labels.items() if label in by_label}
    return {
        key: Cell(estimate(one), tone="missing" if one.value is None else "") for key, one in found.items()
    }


def _joined(cells: list[Cell]) -> Cell:
    cells = list(dict.fromkeys(cells))
    if len(cells) == 1:
        return cells[0]
    local = "; ".join(dict.fromkeys(cell.local for cell in cells if cell.local))
    return Cell(
        "; ".join(dict.fromkeys(cell.text for cell in cells)), local, cells[0].tone, parts=tuple(cells)
    )


def rows_listed(material: Material, block: Block) -> Grid:
    """The rows of a table as they are, with chosen columns."""
    rows = [
        tuple(material.cell(entry["show"], row, entry.get("reword")) for entry in block["columns"])
        for row in material.rows(block)
    ]
    head = tuple(Head(entry["label"], entry.get("local", "")) for entry in block["columns"])
    return _listing(block, head, rows)


def matrix(material: Material, block: Block) -> Grid:
    """Patients against the values of a column; for more than forty patients, counts instead."""
    rows = [row for row in material.rows(block) if words(row.get(block["column"]))]
    titles = block.get("titles") or {
        name: name for name in sorted({words(row[block["column"]]) for row in rows})
    }
    by_patient: dict[str, dict[str, list[Cell]]] = {label: {} for label in material.facts.labels.values()}
    for row in rows:
        name = words(row[block["column"]])
        if name in titles and row["patient"] in by_patient:
            cell = material.cell(block["show"], row, block.get("reword"))
            by_patient[row["patient"]].setdefault(name, []).append(cell)
    notes, local = tuple(block.get("notes", ())), block.get("local", "")
    empty = Cell(block["empty"], tone="missing") if "empty" in block else NO_ROW
    if block.get("transpose") and len(by_patient) <= MOST_COLUMNS:
        head = (Head(block.get("row_title", "Value")), *(Head(label) for label in by_patient))
        body = tuple(
            (
                Cell(title),
                *(_joined(found[name]) if name in found else empty for found in by_patient.values()),
            )
            for name, title in titles.items()
        )
        return Grid(block["caption"], head, body, notes, layout="plain", fold=folded(len(body)), local=local)
    if len(by_patient) <= MOST_MATRIX and not block.get("transpose"):
        head = (Head("Patient"), *(Head(title) for title in titles.values()))
        body = tuple(
            (Cell(label), *(_joined(found[name]) if name in found else empty for name in titles))
            for label, found in by_patient.items()
        )
        return Grid(
            block["caption"], head, body, notes, layout="plain" if len(titles) < 5 else "cards", local=local
        )
    counts: dict[str, dict[str, int]] = {}
    for found in by_patient.values():
        for name, cells in found.items():
            word = _joined(cells).text
            counts.setdefault(word, {})[name] = counts.get(word, {}).get(name, 0) + 1
    head = (Head("Value"), *(Head(title, kind="number") for title in titles.values()))
    body = tuple(
        (Cell(word), *(Cell(str(found.get(name, 0))) for name in titles))
        for word, found in sorted(counts.items())
    )
    return Grid(
        f"{block['caption']}: number of patients", head, body, notes, fold=folded(len(body)), local=local
    )
