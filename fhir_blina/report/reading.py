"""What the tables of a report were read from: resources by type, rows by table, and what reached none."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_blina.report.grids import Cell, Grid, Head
from fhir_blina.report.material import Material


def reading_sentences(material: Material) -> Iterator[str]:
    """How many resources were read, and what of them reached no number; nothing where that is not known."""
    if material.reading is None:
        return
    total = sum(material.reading.resources.values())
    yield f"{total} FHIR resources of {len(material.reading.resources)} types were read."
    yield from (f"{one[:1].upper()}{one[1:]}." for one in material.reading.warnings())


def reading_grids(material: Material) -> list[Grid]:
    """Resources by type, and rows by table with those that name no patient who is there."""
    if material.reading is None:
        return []
    read = material.reading
    types = tuple(
        (Cell(kind), Cell(str(count)), Cell("no table" if kind in read.without_table else ""))
        for kind, count in sorted(read.resources.items())
    )
    tables = tuple(
        (
            Cell(name),
            Cell(str(count)),
            Cell(str(read.without_patient.get(name, ""))),
            Cell(str(read.unknown_patient.get(name, ""))),
        )
        for name, count in read.rows.items()
        if count
    )
    heads = (Head("Table"), *(Head(one, kind="number") for one in ("Rows", "Without a patient", "Not there")))
    notes = ("Not there: rows of a patient who is not among those read.",)
    return [
        Grid("Resources read", (Head("Type"), Head("Resources", kind="number"), Head("")), types),
        Grid("Rows of the tables", heads, tables, notes),
    ]
