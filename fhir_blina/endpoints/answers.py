"""One answer for each patient: the value of a measure or the day of a time, or why there is none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pandas as pd

from fhir_blina.endpoints.asking import beside
from fhir_blina.endpoints.choices import day_cells
from fhir_blina.endpoints.dates import DateRule, Day, Number, as_number
from fhir_blina.endpoints.definition import Value
from fhir_blina.endpoints.picking import Row
from fhir_blina.endpoints.populations import NO_VALUE
from fhir_blina.endpoints.rows import Chosen, source, type_behind
from fhir_blina.fhirpath import converter, known_unit
from fhir_blina.files import is_missing

SEVERAL = "has several rows for one patient. Narrow its where, or add pick (first, last, nearest, …)"


class SeveralRows(Exception):  # noqa: N818 - it says what is the matter
    """A definition that should find one row for each patient finds several."""


@dataclass
class Answer:
    """The answers of one definition.

    Attributes:
        cells: Value or day by patient key.
        sources: ``Type/id`` of the row behind each.
        comparators: ``<`` or the like, of values that are bounds.
        out: Why a patient who has rows has no answer.
        out_sources: ``Type/id`` of a row behind the reason.
        dated: Whether days come from dates.
        taken: How many partial dates were taken for a whole one.
        undated: How many rows were left aside because nothing says when they were.
        unit: The unit of all values, empty where none is recorded.
        zones: Zones of its dates, in minutes from Greenwich.
        unit_taken: Whether no row has a unit, so that the one asked for was taken.
    """

    cells: dict[Any, Any] = field(default_factory=dict)
    sources: dict[Any, str] = field(default_factory=dict)
    comparators: dict[Any, str] = field(default_factory=dict)
    out: dict[Any, str] = field(default_factory=dict)
    out_sources: dict[Any, str] = field(default_factory=dict)
    dated: bool = False
    taken: set[Any] = field(default_factory=set)
    undated: set[Any] = field(default_factory=set)
    unit: str = ""
    unit_taken: bool = False
    zones: set[int] = field(default_factory=set)

    def give(self, patient: Any, row: Row) -> None:
        """A patient's answer."""
        self.cells[patient], self.sources[patient] = row.value, row.source
        if row.comparator:
            self.comparators[patient] = row.comparator

    def deny(self, patient: Any, reason: str, made_from: str = "") -> None:
        """Why a patient has none."""
        self.out[patient], self.out_sources[patient] = reason, made_from


def sources_of(table: str, frame: pd.DataFrame) -> list[str]:
    """``Type/id`` of each row of a table."""
    key = type_behind(table)[1]
    return (
        [source(table, {key: cell}) for cell in frame[key]] if key in frame.columns else [table] * len(frame)
    )


def by_patient(frame: pd.DataFrame, rows: Iterable[Row]) -> dict[Any, list[Row]]:
    """The rows of each patient."""
    found: dict[Any, list[Row]] = {}
    for patient, row in zip(frame["patient_id"], rows, strict=True):
        found.setdefault(patient, []).append(row)
    return found


def measured(
    wanted: Value,
    chosen: Chosen,
    rule: DateRule,
    targets: Mapping[Any, Number] | None,
    reasons: Mapping[Any, str],
) -> Answer:
    """Value of each patient, in the unit asked for.

    Args:
        wanted: The measure.
        chosen: Its rows.
        rule: What a partial date means.
        targets: The day of ``to`` by patient, ``None`` where the measure names none.
        reasons: Why a patient has no day of ``to``.

    Raises:
        SeveralRows: several rows for one patient and no ``pick``.
        ValueError: a unit that is needed and not said, or a column that is.
    """
    assert wanted.selection is not None  # noqa: S101 - what lies between two times is answered elsewhere
    answer = Answer()
    table, column, frame = wanted.selection.table, wanted.column, chosen.rows
    for patient, made in zip(frame["patient_id"], sources_of(table, frame), strict=True):
        answer.deny(patient, NO_VALUE, made)
    filled = frame[frame[column].notna()]
    for patient, mine in by_patient(filled, _rows(wanted, table, filled, rule, answer)).items():
        if wanted.picking.pick == "only" and wanted.picking.within is None and len(mine) > 1:
            raise SeveralRows
        if wanted.picking.timed and any(row.day is None for row in mine):
            answer.undated.add(patient)
        if wanted.picking.timed and any(row.day is not None and row.day.partial for row in mine):
            answer.taken.add(patient)
        target = None if targets is None else targets.get(patient)
        found = wanted.picking.one(mine, target)
        if isinstance(found, str):
            answer.deny(patient, reasons.get(patient, found) if target is None else found, mine[0].source)
        else:
            del answer.out[patient], answer.out_sources[patient]
            answer.give(patient, found)
    return answer


def _rows(wanted: Value, table: str, frame: pd.DataFrame, rule: DateRule, answer: Answer) -> Iterable[Row]:
    column = wanted.column
    unit, comparator = (beside(column, what, frame.columns) for what in ("unit", "comparator"))
    units = units_of(frame, unit)
    said = sorted({str(one) for one in units if not is_missing(one)})
    answer.unit = wanted.unit if wanted.unit_asked or not said else said[0]
    answer.unit_taken = bool(unit and wanted.unit_asked and wanted.unit != "1" and units and not said)
    if not wanted.unit_asked and len(said) > 1:
        raise ValueError(
            f"is recorded in {', '.join(said)}. Say which unit is meant, for example unit: {said[0]}"
        )
    when: pd.Series[Any] | None = None
    if wanted.picking.timed:
        when = day_cells(frame, wanted.picking.by, column)
        if when is None:
            raise ValueError(f'has no column of days in "{table}". Say which one orders the rows: by: COLUMN')
    signs: Sequence[Any] = list(frame[comparator]) if comparator else [None] * len(frame)
    days: Sequence[Day | None] = (
        [None] * len(frame)
        if when is None
        else [None if is_missing(cell) else rule.read(cell) for cell in when]
    )
    for place, (cell, made) in enumerate(zip(frame[column], sources_of(table, frame), strict=True)):
        value, fault = cell, ""
        if said and wanted.unit_asked:  # where no row has a unit, the one asked for is taken as meant
            value, fault = in_unit(cell, units[place], wanted.unit)
        sign = "" if is_missing(signs[place]) else str(signs[place])
        yield Row(value, made, comparator=sign, day=days[place], fault=fault)


def units_of(frame: pd.DataFrame, column: str) -> list[Any]:
    """The units of the rows: the code, or the displayed text where there is no code and the text is UCUM."""
    if not column:
        return []
    codes, texts = list(frame[column]), f"{column}_text"
    if texts not in frame.columns:
        return codes
    both = zip(codes, frame[texts], strict=True)
    return [text if is_missing(code) and isinstance(text, str) else code for code, text in both]


def in_unit(cell: Any, recorded: Any, wanted: str) -> tuple[Any, str]:
    """A cell in another unit, and what is wrong where it cannot be."""
    number = as_number(cell)
    if number is None:
        return cell, ""
    if is_missing(recorded):
        return cell, "" if wanted == "1" else "no unit recorded"
    change = converter(str(recorded), wanted)
    if change is None and not known_unit(wanted):
        raise ValueError(f'asks for the unit "{wanted}", which is none of UCUM')
    if change is None:
        return cell, f"recorded in {recorded}, which cannot be converted to {wanted}"
    return (cell, "") if str(recorded) == wanted else (change(Decimal(number)), "")
