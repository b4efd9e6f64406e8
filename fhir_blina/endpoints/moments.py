"""The day of a time for each patient: the first, last or nearest of its rows, within a window or not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from fhir_blina.endpoints.answers import Answer, SeveralRows, by_patient, in_unit, sources_of, units_of
from fhir_blina.endpoints.asking import beside
from fhir_blina.endpoints.conditions import fits
from fhir_blina.endpoints.dates import NO_DATE, NOT_WHOLE, DateRule, Day, offsets
from fhir_blina.endpoints.definition import Time
from fhir_blina.endpoints.picking import Row
from fhir_blina.endpoints.rows import Chosen
from fhir_blina.files import is_missing


def timed(
    wanted: Time,
    chosen: Chosen,
    rule: DateRule,
    subjects: str,
    everyone: pd.DataFrame,
    to: Answer | None = None,
) -> Answer:
    """Day of each patient. A row without a day is an event without one, unless it says why it has none.

    Args:
        wanted: The time.
        chosen: Its rows.
        rule: What a partial date means.
        subjects: Name of the table with one row for each patient.
        everyone: That table.
        to: The time that ``nearest`` and a window count from. Rows outside of a window are no event.

    Raises:
        SeveralRows: several rows for one patient and no ``pick``.
    """
    assert wanted.selection is not None  # noqa: S101 - a constant day is answered elsewhere
    answer = Answer()
    table, column, frame = wanted.selection.table, wanted.column, chosen.rows
    filled = frame[frame[column].notna()]
    answer.dated = bool(filled[column].map(lambda cell: isinstance(cell, str | Day)).any())
    if answer.dated:
        answer.zones = offsets(filled[column])
    in_days, faults = _in_days(filled, column)
    days = [rule.read(cell) for cell in in_days]
    if (
        to is None
        and not faults
        and filled["patient_id"].is_unique
        and all(day is not None and not day.partial for day in days)
    ):
        patients = list(filled["patient_id"])
        answer.cells = {key: day.day for key, day in zip(patients, days, strict=True) if day is not None}
        answer.sources = dict(zip(patients, sources_of(table, filled), strict=True))
        filled, days = filled.iloc[:0], []
    rows = (
        Row(None if day is None else day.day, made, day=day)
        for day, made in zip(days, sources_of(table, filled), strict=True)
    )
    for patient, mine in by_patient(filled, rows).items():
        if patient in faults:
            answer.deny(patient, faults[patient], mine[0].source)
            continue
        if any(row.day is None for row in mine):
            answer.deny(patient, f'a cell of "{column}" {NO_DATE}', mine[0].source)
            continue
        if any(row.day is not None and row.day.partial for row in mine):
            answer.taken.add(patient)
        if to is None:
            if wanted.picking.pick == "only" and len(mine) > 1:
                raise SeveralRows
            found: Row | str | None = _first_or_last(mine, last=wanted.picking.pick == "last")
        else:
            found = _near(wanted, mine, to, patient)
            if found is None:
                continue
        if isinstance(found, Row):
            answer.give(patient, found)
        else:
            answer.deny(patient, found or f'day of "{wanted.name}" {NOT_WHOLE}', mine[0].source)
    if table == subjects and column in wanted.selection.columns:  # a day left out is not one that never came
        frame = everyone
    for patient, made in _without_day(table, column, frame, subjects):
        if patient in answer.cells:
            if table != subjects:  # there a patient has one row, and the flag stands beside its day
                answer.undated.add(patient)
        elif patient not in answer.out:
            answer.deny(patient, f'"{wanted.name}" without a day', made)
    return answer


def _in_days(rows: pd.DataFrame, column: str) -> tuple[list[Any], dict[Any, str]]:
    """The cells of a column of days, a quantity in another unit as days; why a patient's cannot be."""
    cells, faults = list(rows[column]), {}
    units = units_of(rows, beside(column, "unit", rows.columns))
    for place, (patient, unit) in enumerate(zip(rows["patient_id"], units, strict=False)):
        if is_missing(unit) or str(unit).lower() in ("d", "day", "days"):
            continue
        cells[place], fault = in_unit(cells[place], unit, "d")
        if fault:
            faults[patient] = fault
    return cells, faults


def _near(wanted: Time, rows: Sequence[Row], to: Answer, patient: Any) -> Row | str | None:
    """The row that a window around another time, or nearness to it, leaves; ``None`` if none lies in it."""
    target = to.cells.get(patient)
    if target is None:
        return to.out.get(patient, f'no day of "{wanted.picking.to}"')
    near = wanted.picking.window(rows, target)
    if isinstance(near, str):
        return near
    if len(near) > 1 and wanted.picking.pick == "only":
        raise SeveralRows
    return wanted.picking.one(near, target) if near else None


def _first_or_last(rows: Sequence[Row], *, last: bool) -> Row | None:
    known = [row for row in rows if row.value is not None]
    if not known:
        return None
    best = (max if last else min)(known, key=lambda row: row.value)
    for row in rows:
        if row.value is None and row.day is not None:
            beyond = row.day.last >= best.value if last else row.day.first <= best.value
            if beyond:
                return None
    return best


def _without_day(table: str, column: str, frame: pd.DataFrame, subjects: str) -> Iterable[tuple[Any, str]]:
    """Patients with a row that says that something happened, and not when."""
    empty = frame[frame[column].isna()]
    if table == subjects:  # every patient has a row: only a flag beside the day says that it happened
        flag = column.removesuffix("[x]").removesuffix("_date").removesuffix("_study_day")
        if flag == column or flag not in frame.columns:
            return []
        empty = frame[fits(frame[flag], wanted=True)]
    elif "data_absent_reason" in frame.columns:
        empty = empty[empty["data_absent_reason"].ne("not-applicable").fillna(value=True)]
    return zip(empty["patient_id"], sources_of(table, empty), strict=True)
