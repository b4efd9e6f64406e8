"""Units of analysis other than patients: tumours, encounters, whatever has a row and a key of its own.

Every table is read as if its patients were those units. A table that has the column of the key, or the one
that ``link`` names, belongs to units by it; any other table's row counts for each unit of its patient.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from fhir_blina.endpoints.definition import Subjects
from fhir_blina.errors import AnalysisError

PATIENT = "patient_id"


class UnitTables(Mapping[str, pd.DataFrame]):
    """Tables in which ``patient_id`` is the key of a unit, each made when it is asked for.

    Args:
        tables: The tables as they are.
        subjects: What a unit is.
        place: ``file:line`` of that.

    Raises:
        AnalysisError: the table of the units lacks a column.
    """

    def __init__(self, tables: Mapping[str, pd.DataFrame], subjects: Subjects, place: str) -> None:
        self._tables, self._subjects, self._place = tables, subjects, place
        self._made: dict[str, pd.DataFrame] = {}
        frame = tables.get(subjects.table)
        lacking = [
            name for name in (subjects.key, PATIENT) if frame is not None and name not in frame.columns
        ]
        if lacking:
            raise AnalysisError(f'{place}: table "{subjects.table}" has no column "{lacking[0]}"')
        wrong = [name for name, column in subjects.link.items() if column not in tables.get(name, ())]
        if wrong:
            column = subjects.link[wrong[0]]
            raise AnalysisError(f'{place}: link: there is no table "{wrong[0]}" with a column "{column}"')
        empty = pd.DataFrame(columns=[subjects.key, PATIENT])
        units = empty if frame is None else frame[[subjects.key, PATIENT]]
        self._units = units.dropna(subset=[subjects.key]).drop_duplicates(subjects.key)
        self._units = self._units.set_axis(["unit", PATIENT], axis=1)

    def owners(self) -> dict[str, str]:
        """The patient of each unit."""
        return dict(zip(self._units["unit"], self._units[PATIENT], strict=True))

    def with_table(self, name: str, frame: pd.DataFrame) -> None:
        """Take a table, made of one of these, in the place of it."""
        self._made[name] = frame

    def shared(self, name: str) -> bool:
        """Whether the rows of a table are those of patients, and count for each of their units."""
        frame = self._tables[name]
        return (
            PATIENT in frame.columns and name not in self._subjects.link and self._subjects.key not in frame
        )

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self._made:
            frame = self._tables[name]
            column = self._subjects.link.get(name, self._subjects.key)
            if column in frame.columns:
                frame = frame.assign(**{PATIENT: frame[column]})
            elif PATIENT in frame.columns:
                joined = frame.merge(self._units, on=PATIENT, how="inner")
                frame = joined.assign(**{PATIENT: joined["unit"]}).drop(columns="unit")
            self._made[name] = frame
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)
