"""Blocks of the report made from tables: characteristics, a row per patient, lists, matrices.

Each function takes what `Material` holds and one block of the layout, and returns a `Grid`.
"""

from __future__ import annotations

import re
from typing import Any

from fhir_blina.errors import AnalysisError
from fhir_blina.files import is_missing
from fhir_blina.report.grids import (
    Cell,
    Grid,
    Head,
    estimate,
    quantity,
    words,
)
from fhir_blina.report.layout import Block
from fhir_blina.report.material import NO_ROW, Material

FOLD_ROWS = 25
MOST_COLUMNS = 8
#: A column of a list that names a patient or a resource of one.
_OF_ONE = re.compile(r"\{(patient|study_subject|\w*_id)\}")


def folded(rows: int) -> str:
    """Words of the button where a table is too long to stand open, else empty."""
    return f"show {rows} rows" if rows > FOLD_ROWS else ""


def _listing(block: Block, head: tuple[Head, ...], rows: list[tuple[Cell, ...]]) -> Grid:
    """A table with the block's caption and notes, folded where it is long."""
    notes = tuple(block.get("notes", ()))
    return Grid(block["caption"], head, tuple(rows), notes, fold=folded(len(rows)))


def patients(material: Material, block: Block) -> Grid | None:
    """One row per patient; ``None`` for many patients."""
    if material.large:
        return None
    columns = [_column(material, entry) for entry in block["columns"]]
    head = (Head("Patient"), *(Head(e["label"]) for e in block["columns"]))
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
        ucum = entry.get("unit")
        reword = entry.get("reword", {})
        made = {}
        for key, (value, made_from) in facts.measured(entry["measure"]).items():
            text = words(value)
            made[key] = Cell(f"{quantity(reword.get(text, text), ucum)}", source=made_from)
        for key, (comparator, value, made_from) in facts.bounds(entry["measure"]).items():
            made[key] = Cell(f"{comparator} {quantity(words(value), ucum)}", source=made_from)
        return made, empty
    if "time" in entry:
        day = material.day_words(entry["time"])
        return {
            key: Cell(day(when), source=s) for key, (when, s) in facts.timed(entry["time"]).items()
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
    """The rows of a table as they are, those that say the same once; of many patients, how many have what."""
    entries = block["columns"]
    if material.large:
        entries = [entry for entry in entries if not _OF_ONE.search(entry["show"])]
    rows, keys = [], []
    for row in material.rows(block):
        rows.append(tuple(material.cell(entry["show"], row, entry.get("reword")) for entry in entries))
        keys.append(row.get("patient_id"))
    head = tuple(Head(entry["label"]) for entry in entries)
    if not material.large:
        return _listing(block, head, list({tuple(c.text for c in row): row for row in rows}.values()))
    having: dict[tuple[str, ...], set[Any]] = {}
    for cells, key in zip(rows, keys, strict=True):
        having.setdefault(tuple(cell.text for cell in cells), set()).add(key)
    most = sorted(having.items(), key=lambda item: (-len(item[1]), item[0]))
    body = [(*(Cell(text) for text in texts), Cell(str(len(found)))) for texts, found in most if texts]
    return _listing(block, (*head, Head("Patients", kind="number")), body)


def matrix(material: Material, block: Block) -> Grid:
    """Patients against the values of a column; for many patients, counts instead."""
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
    notes = tuple(block.get("notes", ()))
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
        return Grid(block["caption"], head, body, notes, layout="plain", fold=folded(len(body)))
    if not material.large and not block.get("transpose"):
        head = (Head("Patient"), *(Head(title) for title in titles.values()))
        body = tuple(
            (Cell(label), *(_joined(found[name]) if name in found else empty for name in titles))
            for label, found in by_patient.items()
        )
        return Grid(block["caption"], head, body, notes, layout="plain" if len(titles) < 5 else "cards")
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
    return Grid(f"{block['caption']}: number of patients", head, body, notes, fold=folded(len(body)))
