"""Evidence: the tables that definitions are answered from, the patients in them, the rows of a selection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import pandas as pd

from fhir_blina.endpoints.choices import first_form, forms_of, other_forms, parts_of, several
from fhir_blina.endpoints.definition import Endpoints
from fhir_blina.endpoints.per_unit import UnitTables
from fhir_blina.endpoints.populations import Account
from fhir_blina.endpoints.queries import with_queries
from fhir_blina.endpoints.remarks import (
    remark_chosen,
    remark_forms,
    remark_other_forms,
    remark_shared,
    remark_subjects,
    remark_uncounted,
    remark_units,
)
from fhir_blina.endpoints.rows import Chosen, Reader
from fhir_blina.endpoints.selection import Selection
from fhir_blina.errors import AnalysisError, did_you_mean

Tables = Mapping[str, pd.DataFrame]


class TableMissing(AnalysisError):  # noqa: N818 - it says what is the matter
    """A definition names a table that was not given."""


class Evidence:
    """The tables, and what a selection finds in them; each selection is made once.

    Args:
        tables: View tables by name.
        endpoints: The definitions.
    """

    def __init__(self, tables: Tables, endpoints: Endpoints) -> None:
        self.tables = with_queries(tables, endpoints.queries)
        subjects = endpoints.subjects
        if not subjects.of_patients and not isinstance(self.tables, UnitTables):
            self.tables = UnitTables(self.tables, subjects, str(endpoints.path))
        self.endpoints = endpoints
        self.account = Account()
        self._forms: dict[tuple[str, str], tuple[list[str], pd.Series[Any]]] = {}
        self._fill_choices()
        self._reader = Reader(self.tables, subjects.table if subjects.of_patients else "patients")
        self._chosen: dict[tuple[int, bool], tuple[Selection, Chosen]] = {}

    def _fill_choices(self) -> None:
        """Give tables a column for each name of several columns that the definitions have."""
        asked = {
            (wanted.table, column)
            for wanted, columns in named(self.endpoints)
            for column in columns
            if several(column) and wanted.table in self.tables
        }
        if not asked:
            return
        births = self._births()
        made = self.tables if isinstance(self.tables, UnitTables) else dict(self.tables)
        for table, column in sorted(asked):
            forms = forms_of(column, map(str, made[table].columns))
            if not forms:
                continue  # said where the column is looked for
            days, made_from = first_form(made[table], forms, births, self.endpoints.dates)
            frame = made[table].assign(**{column: days})
            if isinstance(made, dict):
                made[table] = frame
            else:
                made.with_table(table, frame)
            self._forms[table, column] = forms, made_from
        self.tables = made

    def _births(self) -> dict[Any, Any]:
        for name in (self.endpoints.subjects.table, "patients"):
            frame = self.tables.get(name)
            if frame is not None and {"patient_id", "birth_date"} <= set(frame.columns):
                return dict(zip(frame["patient_id"], frame["birth_date"], strict=True))
        return {}

    def remark_forms(self, about: str, table: str, column: str, rows: pd.DataFrame) -> None:
        """Say which columns days were taken from, and which other columns rows without a day have."""
        forms, made_from = self._forms.get((table, column), ([column], None))
        empty = rows[rows[column].isna()]
        remark_other_forms(self.account, about, column, other_forms(empty, column, forms))
        if made_from is not None:
            counts = made_from.reindex(rows.index).value_counts().to_dict()
            remark_forms(self.account, about, {form: counts[form] for form in forms if form in counts})

    def table(self, name: str, *columns: str, place: str = "") -> pd.DataFrame:
        """A table that has these columns; ``place`` is where they are asked for."""
        where = place or str(self.endpoints.path)
        if name not in self.tables:
            raise TableMissing(f'{where}: there is no table "{name}". {did_you_mean(name, self.tables)}')
        frame = self.tables[name]
        missing = [
            part
            for column in columns
            if column not in frame.columns
            for part in parts_of(column)
            if not forms_of(part, map(str, frame.columns))
        ]
        if missing:
            names = list(map(str, frame.columns))
            raise AnalysisError(
                "\n".join(
                    f'{where}: table "{name}" has no column "{one}". {did_you_mean(one, names)}'
                    for one in missing
                )
            )
        return frame

    def check(self) -> None:
        """Look for every table and column that the definitions name, used or not.

        Raises:
            AnalysisError: all that are not there, each with its place.
        """
        faults = []
        for selection, columns in named(self.endpoints):
            try:
                self.table(selection.table, *columns, place=selection.place)
            except AnalysisError as error:
                faults += str(error).splitlines()
        if faults:
            raise AnalysisError("\n".join(dict.fromkeys(faults)))

    @cached_property
    def subjects(self) -> pd.Series[Any]:
        """Label of each patient, by key, in the order of the labels."""
        names = self.endpoints.subjects
        frame = self.table(names.table, names.key, names.label)
        if names.selection is not None:
            chosen = self._reader.choose(names.selection, {}, facts=True)
            remark_uncounted(self.account, names.unit, chosen)
            frame = chosen.rows
        keyed = frame[frame[names.key].notna()]
        if isinstance(self.tables, UnitTables):
            remark_units(self.account, names.unit, keyed[names.key], self.tables.owners())
        remark_subjects(self.account, names.table, len(frame) - len(keyed))
        labels = keyed[names.label].where(keyed[names.label].notna(), keyed[names.key])
        series = pd.Series(labels.to_numpy(), index=pd.Index(keyed[names.key].to_numpy()), dtype=object)
        if series.index.has_duplicates:
            raise AnalysisError(f'{self.endpoints.path}: table "{names.table}" has a patient twice')
        return series.sort_values(kind="stable")

    @cached_property
    def labels(self) -> dict[str, str]:
        """Label of each patient by key, in their order."""
        return {str(key): str(label) for key, label in self.subjects.items()}

    def choose(self, wanted: Selection, *, facts: bool) -> Chosen:
        """What a selection finds; ``facts`` leaves out what was cancelled, which a listing has."""
        key = id(wanted), facts
        if key not in self._chosen:
            self.table(wanted.table, *wanted.columns, place=wanted.place)
            linked, nothing = {}, ""
            for other in wanted.having:
                self.table(wanted.table, other.on, place=other.place)
                self.table(other.table, other.on, place=other.place)
                found = self.choose(other, facts=facts)
                linked[other.on] = found.rows[other.on]
                nothing = nothing or (f'having "{other.table}": {found.nothing}' if found.nothing else "")
            try:
                chosen = self._reader.choose(wanted, linked, facts=facts)
            except ValueError as error:
                raise AnalysisError(
                    f'{wanted.place or self.endpoints.path}: table "{wanted.table}": {error}'
                ) from None
            self._chosen[key] = wanted, replace(chosen, nothing=nothing) if nothing else chosen
        return self._chosen[key][1]

    def rows(self, wanted: Selection) -> pd.DataFrame:
        """The rows of a selection, as for a listing."""
        return self.choose(wanted, facts=False).rows

    def of_patients(self, kind: str, name: str, wanted: Selection, *columns: str) -> Chosen:
        """A selection's rows of the patients who are counted; what is left out or open is remarked."""
        self.table(wanted.table, "patient_id", *columns, place=wanted.place)
        found = self.choose(wanted, facts=True)
        everyone = self.subjects.index
        if self.endpoints.subjects.selection is not None:  # who is not counted is no stranger
            names = self.endpoints.subjects
            everyone = pd.Index(self.tables[names.table][names.key])
        remark_chosen(self.account, f'{kind} "{name}"', wanted, found, everyone)
        if isinstance(self.tables, UnitTables) and self.tables.shared(wanted.table):
            remark_shared(self.account, self.endpoints.subjects.unit, wanted.table)

        def here(frame: pd.DataFrame) -> pd.DataFrame:
            return frame[frame["patient_id"].isin(self.subjects.index)]

        return replace(
            found,
            rows=here(found.rows),
            left_open=here(found.left_open),
            retracted=here(found.retracted),
            known=here(found.known),
        )


def named(endpoints: Endpoints) -> Iterator[tuple[Selection, tuple[str, ...]]]:
    """Each selection of the definitions with the columns that it needs."""

    def within(selection: Selection, *columns: str) -> Iterator[tuple[Selection, tuple[str, ...]]]:
        linked = tuple(other.on for other in selection.having)
        yield selection, ("patient_id", *selection.columns, *linked, *(name for name in columns if name))
        for other in selection.having:
            yield other, (*other.columns, other.on)

    if endpoints.subjects.selection is not None:
        yield from within(endpoints.subjects.selection)
    for measure in endpoints.measures.values():
        if measure.selection is not None:
            yield from within(measure.selection, measure.column, measure.picking.by)
    for time in endpoints.times.values():
        if time.selection is not None:
            yield from within(time.selection, time.column)
    for asked in endpoints.sections.categories.values():
        yield from within(asked.selection, asked.column, asked.show)
    for one in endpoints.sets.values():
        if one.selection is not None:
            yield from within(one.selection, one.picking.by)
