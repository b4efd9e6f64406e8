"""Facts: the definitions answered from the tables, patient by patient, each with its resource.

Reads the tables of the views and nothing else.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Hashable, Mapping
from decimal import Decimal
from functools import cached_property
from typing import Any

import pandas as pd

from fhir_blina.endpoints.definition import Endpoints, Grouping, Selection, Time, Value
from fhir_blina.errors import AnalysisError, did_you_mean
from fhir_blina.fhirpath import as_temporal

Tables = Mapping[str, pd.DataFrame]

RESOURCE_TYPES = {
    "patients": ("Patient", "patient_id"),
    "conditions": ("Condition", "condition_id"),
    "administrations": ("MedicationAdministration", "administration_id"),
    "observations": ("Observation", "observation_id"),
    "components": ("Observation", "observation_id"),
    "procedures": ("Procedure", "procedure_id"),
    "specimens": ("Specimen", "specimen_id"),
    "adverse_events": ("AdverseEvent", "adverse_event_id"),
    "study_subjects": ("ResearchSubject", "research_subject_id"),
}


class TableMissing(AnalysisError):  # noqa: N818 - it says what is the matter
    """A definition names a table that was not given."""


def source(table: str, row: Mapping[Hashable, Any]) -> str:
    """``Type/id`` of the resource that a row came from, or the table's name."""
    kind, key = RESOURCE_TYPES.get(table, ("", ""))
    identifier = row.get(key)
    if not kind or identifier is None or pd.isna(identifier):
        return table
    return str(identifier) if "/" in str(identifier) else f"{kind}/{identifier}"


def _decimal(value: Any) -> Decimal | None:
    if value is None or isinstance(value, bool) or pd.isna(value):
        return None
    return value if isinstance(value, Decimal) else Decimal(str(value))


def fits(series: pd.Series[Any], wanted: Any) -> pd.Series[bool]:
    """Which cells a ``where`` value fits: equal, one of a list, missing (``None``), or within bounds."""
    if wanted is None:
        return series.isna()
    if isinstance(wanted, bool):
        return series.map(lambda cell: not _missing(cell) and bool(cell) is wanted).astype(bool)
    if isinstance(wanted, str):
        return (series == wanted).fillna(value=False).astype(bool)
    if isinstance(wanted, list):
        words = {str(word) for word in wanted}
        return series.map(lambda cell: not _missing(cell) and str(cell) in words).astype(bool)
    if isinstance(wanted, dict):
        result = series.notna()
        if "not" in wanted:
            result &= ~fits(series, wanted["not"])
        bounds = {key: Decimal(str(bound)) for key, bound in wanted.items() if key != "not"}
        return result & series.map(lambda cell: _within(cell, bounds)).astype(bool) if bounds else result
    number = Decimal(str(wanted))
    return series.map(lambda cell: _within(cell, {"min": number, "max": number})).astype(bool)


def _missing(cell: Any) -> bool:
    return cell is None or bool(pd.isna(cell))


def _within(cell: Any, bounds: Mapping[str, Decimal]) -> bool:
    number = _decimal(cell)
    return number is not None and not (
        ("min" in bounds and number < bounds["min"])
        or ("max" in bounds and number > bounds["max"])
        or ("above" in bounds and number <= bounds["above"])
        or ("below" in bounds and number >= bounds["below"])
    )


class Facts:
    """Answers the definitions from the tables; each answer is worked out once.

    Args:
        tables: View tables by name.
        endpoints: The definitions.

    Raises:
        AnalysisError: from every method, where a table or column that a definition names is absent,
            or a definition that should give one row per patient gives several.
    """

    def __init__(self, tables: Tables, endpoints: Endpoints) -> None:
        self.tables = tables
        self.endpoints = endpoints
        self._values: dict[str, pd.DataFrame] = {}
        self._members: dict[str, pd.Index[Any]] = {}
        self._dated: set[str] = set()

    def table(self, name: str, *columns: str) -> pd.DataFrame:
        """A table that has these columns."""
        if name not in self.tables:
            raise TableMissing(
                f'{self.endpoints.path}: there is no table "{name}". {did_you_mean(name, self.tables)}'
            )
        frame = self.tables[name]
        for column in columns:
            if column not in frame.columns:
                raise AnalysisError(
                    f'{self.endpoints.path}: table "{name}" has no column "{column}". '
                    + did_you_mean(column, map(str, frame.columns))
                )
        return frame

    @cached_property
    def subjects(self) -> pd.Series[Any]:
        """Label of each patient, by key, in the order of the labels."""
        names = self.endpoints.subjects
        frame = self.table(names["table"], names["key"], names["label"])
        labels = frame[names["label"]].where(frame[names["label"]].notna(), frame[names["key"]])
        series = pd.Series(labels.to_numpy(), index=pd.Index(frame[names["key"]].to_numpy()), dtype=object)
        if series.index.has_duplicates:
            raise AnalysisError(f'{self.endpoints.path}: table "{names["table"]}" has a patient twice')
        return series.sort_values(kind="stable")

    def rows(self, wanted: Selection) -> pd.DataFrame:
        """The rows of a selection."""
        frame = self.table(wanted.table, *wanted.where)
        # texts first: they narrow most and cost least
        for column, value in sorted(wanted.where.items(), key=lambda item: not isinstance(item[1], str)):
            frame = frame[fits(frame[column], value)]
        for other in wanted.having:
            self.table(wanted.table, other.on)
            self.table(other.table, other.on)
            frame = frame[frame[other.on].isin(self.rows(other)[other.on])]
        return frame

    def _one_per_patient(
        self, name: str, wanted: Selection, column: str, pick: str, *, timed: bool
    ) -> pd.DataFrame:
        """Columns ``value`` and ``source`` by patient; missing values are left out."""
        self.table(wanted.table, "patient_id", column)
        frame = self.rows(wanted)
        frame = frame[frame[column].notna() & frame["patient_id"].isin(self.subjects.index)]
        if timed:
            frame = frame.assign(**{column: self._days(name, frame[column])})
        if pick in ("first", "last"):
            order = frame[column].map(_decimal) if pick else frame[column]
            frame = frame.assign(_order=order).sort_values("_order", kind="stable")
            frame = frame.drop_duplicates("patient_id", keep="first" if pick == "first" else "last")
        elif frame["patient_id"].duplicated().any():
            raise AnalysisError(
                f'{self.endpoints.path}: "{name}" has several rows for one patient. '
                "Narrow its where, or add pick: first or pick: last"
            )
        key = RESOURCE_TYPES.get(wanted.table, ("", ""))[1]
        if key in frame.columns:
            sources = [source(wanted.table, {key: cell}) for cell in frame[key]]
        else:
            sources = [wanted.table] * len(frame)
        return pd.DataFrame(
            {"value": frame[column].to_numpy(dtype=object), "source": sources},
            index=pd.Index(frame["patient_id"].to_numpy(), dtype=object),
        )

    def _days(self, name: str, cells: pd.Series[Any]) -> pd.Series[Any]:
        """Study days as they are, dates as days since 0001-01-01."""
        if not cells.map(lambda cell: isinstance(cell, str)).any():
            return cells
        self._dated.add(name)
        moments = [as_temporal(str(cell)) for cell in cells]
        days = [
            dt.date(*map(int, moment.parts[:3])).toordinal()
            for moment in moments
            if moment is not None and moment.kind != "time" and len(moment.parts) > 2
        ]
        if len(days) < len(cells):
            raise AnalysisError(
                f'{self.endpoints.path}: time "{name}": {len(cells) - len(days)} cells are no whole date. '
                "Give year, month and day, or leave such rows out with where"
            )
        return pd.Series(days, index=cells.index, dtype=object)

    def one_clock(self, what: str, *names: str) -> None:
        """Refuse times of which some are study days and some are dates."""
        used = [name for name in dict.fromkeys(names) if len(self.time(name))]
        dated = [name for name in used if name in self._dated]
        if dated and len(dated) < len(used):
            raise AnalysisError(
                f"{self.endpoints.path}: {what} mixes dates ({', '.join(dated)}) with study days. "
                "Take all of its times from columns of dates, or all from study days"
            )

    def measure(self, name: str) -> pd.DataFrame:
        """``value`` and ``source`` of a measure by patient key; who has none is absent."""
        return self._answer(self.endpoints.measures[name])

    def time(self, name: str) -> pd.DataFrame:
        """``value`` (study day, or days since 0001-01-01) and ``source`` of a time by patient key.

        Who has none is absent.
        """
        return self._answer(self.endpoints.times[name])

    def measured(self, name: str) -> dict[str, tuple[Any, str]]:
        """``(value, source)`` of a measure by patient key, in the order of the labels."""
        return self._cells(self.measure(name))

    def timed(self, name: str) -> dict[str, tuple[Any, str]]:
        """``(study day, source)`` of a time by patient key, in the order of the labels."""
        return self._cells(self.time(name))

    def _cells(self, frame: pd.DataFrame) -> dict[str, tuple[Any, str]]:
        pairs = zip(frame["value"], frame["source"], strict=True)
        found = dict(zip(frame.index, pairs, strict=True))
        return {key: found[key] for key in self.subjects.index if key in found}

    @cached_property
    def labels(self) -> dict[str, str]:
        """Label of each patient by key, in their order."""
        return {str(key): str(label) for key, label in self.subjects.items()}

    def _answer(self, wanted: Value | Time) -> pd.DataFrame:
        key = f"{type(wanted).__name__} {wanted.name}"
        if key not in self._values:
            if wanted.selection is None:
                assert isinstance(wanted, Time)  # noqa: S101 - a measure always has a selection
                members = self.members(wanted.of_set)
                sources = self.sources(wanted.of_set)
                frame = pd.DataFrame(
                    {"value": wanted.day, "source": [sources.get(member, "") for member in members]},
                    index=members,
                )
            else:
                frame = self._one_per_patient(
                    wanted.name, wanted.selection, wanted.column, wanted.pick, timed=isinstance(wanted, Time)
                )
            self._values[key] = frame
        return self._values[key]

    def members(self, name: str) -> pd.Index[Any]:
        """Keys of the patients in a set, in the order of ``subjects``; ``all`` is everyone."""
        if name in ("", "all"):
            return self.subjects.index
        if name not in self._members:
            wanted = self.endpoints.sets[name]
            keep = pd.Series(data=True, index=self.subjects.index)
            if wanted.selection is not None:
                self.table(wanted.selection.table, "patient_id")
                keep &= self.subjects.index.isin(self.rows(wanted.selection)["patient_id"])
            for used in wanted.all_of:
                keep &= self.subjects.index.isin(self.members(used))
            if wanted.any_of:
                keep &= self.subjects.index.isin(
                    sorted({key for used in wanted.any_of for key in self.members(used)})
                )
            for used in wanted.none_of:
                keep &= ~self.subjects.index.isin(self.members(used))
            self._members[name] = self.subjects.index[keep.to_numpy()]
        return self._members[name]

    def sources(self, name: str) -> dict[Any, str]:
        """The resource that puts each patient into a set; empty for combinations."""
        wanted = self.endpoints.sets[name].selection
        if wanted is None:
            return {}
        frame = self.rows(wanted).drop_duplicates("patient_id")
        key = RESOURCE_TYPES.get(wanted.table, ("", ""))[1]
        cells = frame[key] if key in frame.columns else [None] * len(frame)
        pairs = zip(frame["patient_id"], cells, strict=True)
        return {who: source(wanted.table, {key: cell}) for who, cell in pairs}

    def group(self, name: str) -> pd.Series[Any]:
        """Label of each patient that belongs to a group, by patient key."""
        wanted: Grouping = self.endpoints.groups[name]
        if wanted.measure:
            values = self.measure(wanted.measure)["value"].map(str).map(wanted.labels)
            return values.dropna().reindex(self.subjects.index).dropna()
        result = pd.Series(index=self.subjects.index, dtype=object)
        for used, label in wanted.labels.items():
            result[self.members(used)] = label
        return result.dropna()
