"""Rows that a selection takes: by codes among all codings, by status, by values; and what is left open.

Columns are told by the names that the shared views give them: ``status`` and ``verification_status``;
``code_system`` and ``code``, ``value_code``, ``medication_system`` and ``medication_code``, whose further
codings stand in tables ``<thing>_codings``, ``<thing>_value_codings``, ``<thing>_medication_codings``, those
of a drug that ``medication_id`` names in ``medication_codings``;
``<x>_comparator`` and ``<x>_unit`` beside ``<x>_quantity`` or ``<x>_value``.
"""

from __future__ import annotations

import difflib
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import pandas as pd

from fhir_blina.endpoints.asking import asked
from fhir_blina.endpoints.conditions import NO, OPEN, YES, all_of, has_bounds, row_by_row
from fhir_blina.endpoints.nesting import Leaves
from fhir_blina.endpoints.selection import NESTED, Selection, columns_of
from fhir_blina.files import is_missing

# What a status says never was; FHIR's words for it, whatever the resource.
RETRACTED = {
    "status": ("entered-in-error", "not-done"),
    "verification_status": ("refuted", "entered-in-error"),
}
NOT_DONE_YET = ("cancelled", "planned", "preparation")  # no fact of a patient, but a row of a listing
RESOURCE_TYPES = {
    "patients": ("Patient", "patient_id"),
    "administrations": ("MedicationAdministration", "administration_id"),
    "components": ("Observation", "observation_id"),
    "study_subjects": ("ResearchSubject", "research_subject_id"),
    "studies": ("ResearchStudy", "study_id"),
    "allergies": ("AllergyIntolerance", "allergy_id"),
    "diagnostic_reports": ("DiagnosticReport", "report_id"),
    "documents": ("DocumentReference", "document_id"),
    "explanations_of_benefit": ("ExplanationOfBenefit", "explanation_id"),
    "imaging_studies": ("ImagingStudy", "study_id"),
    "insurance_claims": ("Claim", "claim_id"),
    "medication_dispenses": ("MedicationDispense", "dispense_id"),
    "medication_requests": ("MedicationRequest", "request_id"),
    "medication_statements": ("MedicationStatement", "statement_id"),
    "service_requests": ("ServiceRequest", "request_id"),
}
THINGS = {"components": "observation", "allergies": "allergy"}
NOT_CODES = ("_text", "_string", "_display", "_id", "_date", "_day", "_subject", "note", "title")


@cache
def type_behind(table: str) -> tuple[str, str]:
    """Type of the resources behind a table and the column of their ids, told by the table's name."""
    if table in RESOURCE_TYPES:
        return RESOURCE_TYPES[table]
    one = table.removesuffix("s")
    return "".join(word.capitalize() for word in one.split("_")), f"{one}_id"


def source(table: str, row: Mapping[Hashable, Any]) -> str:
    """``Type/id`` of the resource that a row came from, or the table's name."""
    kind, key = type_behind(table)
    identifier = row.get(key)
    if is_missing(identifier):
        return table
    return str(identifier) if "/" in str(identifier) else f"{kind}/{identifier}"


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What a selection found.

    Attributes:
        rows: The rows that fit.
        left_open: Rows of which a comparator, unit or partial date leaves open whether they fit.
        retracted: Rows that would fit, and whose status says that they never were.
        known: Rows that fit but for conditions on values, and whose values are known.
        on_values: Whether there are conditions on values.
        nothing: Why no row fits, for a reader; empty where some do.
    """

    rows: pd.DataFrame
    left_open: pd.DataFrame
    retracted: pd.DataFrame
    known: pd.DataFrame
    on_values: bool = False
    nothing: str = ""


@dataclass(frozen=True)
class Reader:
    """Selections answered from tables. ``subjects`` is the table with one row for each patient."""

    tables: Mapping[str, pd.DataFrame]
    subjects: str

    def choose(self, wanted: Selection, linked: Mapping[str, pd.Series[Any]], *, facts: bool) -> Chosen:
        """The rows of a selection.

        Args:
            wanted: The selection; its table and columns are there.
            linked: For each column of ``having`` the keys of which a row must have one.
            facts: Whether a patient's facts are asked for; a listing has what was cancelled, too.

        Raises:
            ValueError: bounds that say nothing of a column's cells; the message starts with the column.
        """
        table = wanted.table
        where = {name: word for name, word in wanted.where.items() if name not in NESTED}
        within = {name: word for name, word in wanted.where.items() if name in NESTED}
        leaves = self._leaves(table)
        values = {name: word for name, word in where.items() if self._on_value(table, name, word)}
        dated = {name: word for name, word in where.items() if name not in values and has_bounds(word)}
        sure = {name: word for name, word in where.items() if name not in values and name not in dated}
        frame = self._identified(table, self.tables[table], sure)
        for name, keys in linked.items():
            frame = frame[frame[name].isin(keys)]
        kept = pd.Series(data=True, index=frame.index)
        for name, words in RETRACTED.items():
            if name in frame.columns and name not in wanted.columns:
                kept &= ~frame[name].isin((*words, *(NOT_DONE_YET if facts and name == "status" else ())))
        gone, frame = frame[~kept], frame[kept]
        answer, would = (self._answers(table, some, values | dated) for some in (frame, gone))
        known = self._known(table, frame, values) if values else None
        if within:
            inner = leaves.truth(frame, within)
            answer = row_by_row([answer, inner], all_of)
            would = row_by_row([would, leaves.truth(gone, within)], all_of)
            known = (inner != OPEN) if known is None else known & (inner != OPEN)
        rows = frame[answer == YES]
        return Chosen(
            rows=rows,
            left_open=frame[answer == OPEN],
            retracted=gone[would != NO],
            known=frame if known is None else frame[known],
            on_values=bool(values) or leaves.values(within),
            nothing=""
            if len(rows)
            else self._why(wanted, frame[self._answers(table, frame, dated) != NO], values),
        )

    def _leaves(self, table: str) -> Leaves:
        """How the columns of a table are asked within ``any``, ``all`` and ``not``."""
        return Leaves(
            identified=lambda frame, where: self._identified(table, frame, where),
            answers=lambda frame, where: self._answers(table, frame, where),
            on_value=lambda name, word: self._on_value(table, name, word),
        )

    def _on_value(self, table: str, name: str, wanted: Any) -> bool:
        """Whether a condition is on what was found, rather than on what was looked for."""
        if wanted is None or wanted == {"not": None}:
            return False
        if table == self.subjects:
            return not isinstance(wanted, bool)
        return name.startswith("value_") and not name.endswith(("_unit", "_comparator", "_kind", "_system"))

    def _identified(self, table: str, frame: pd.DataFrame, where: Mapping[str, Any]) -> pd.DataFrame:
        """The rows that were looked for; codes among all codings where a table holds them."""
        left = dict(where)
        for stem in ("", "medication_"):
            system, code = f"{stem}system" if stem else "code_system", f"{stem}code"
            pair = {end: left[name] for name, end in ((system, "system"), (code, "code")) if name in left}
            codings = self.tables.get(f"{_thing(table)}_{stem}codings")
            key = type_behind(table)[1]
            if not pair or codings is None or not {key, "system", "code"} <= set(codings.columns):
                continue
            if key not in frame.columns or any(not _names(word) for word in pair.values()):
                continue
            first = pd.Series(data=True, index=frame.index)
            for name, end in ((system, "system"), (code, "code")):
                if end in pair:
                    first &= asked(name, frame, left.pop(name)) == YES
            frame = frame[
                first | frame[key].isin(_coded(codings, pair)[key]) | self._of_drug(frame, stem, pair)
            ]
        # texts first: they narrow most and cost least
        for name in sorted(left, key=lambda name: not isinstance(left[name], str)):
            frame = frame[asked(name, frame, left[name]) == YES]
        return frame

    def _of_drug(self, frame: pd.DataFrame, stem: str, pair: Mapping[str, Any]) -> pd.Series[bool]:
        """Whether a row's drug is a resource of its own, ``medication_id``, that has a coding."""
        drugs = self.tables.get("medication_codings")
        if not stem or drugs is None or "medication_id" not in frame.columns:
            return pd.Series(data=False, index=frame.index)
        return frame["medication_id"].isin(_coded(drugs, pair)["medication_id"])

    def _answers(self, table: str, frame: pd.DataFrame, values: Mapping[str, Any]) -> pd.Series[int]:
        found = pd.Series(YES, index=frame.index, dtype=int)
        for name, word in values.items():
            one = asked(name, frame, word)
            if isinstance(word, Mapping):  # of a missing value nobody knows what it is not
                one = one.where(frame[name].notna(), NO)
            codings, key = self.tables.get(f"{_thing(table)}_value_codings"), type_behind(table)[1]
            if name == "value_code" and codings is not None and key in codings.columns and _names(word):
                more = codings[asked("code", codings, word) == YES][key]
                one = one.where(~frame[key].isin(more), YES)
            found = pd.Series(
                [all_of(both) for both in zip(found, one, strict=True)], index=frame.index, dtype=int
            )
        return found

    def _known(self, table: str, frame: pd.DataFrame, values: Mapping[str, Any]) -> pd.Series[bool]:
        full = frame[list(columns_of(values))].notna().all(axis=1) & (
            self._answers(table, frame, values) != OPEN
        )
        if "data_absent_reason" in frame.columns:
            full |= frame["data_absent_reason"].eq("not-applicable").fillna(value=False)
        return full.astype(bool)

    def _why(self, wanted: Selection, identified: pd.DataFrame, values: Mapping[str, Any]) -> str:
        """What a selection without rows asked for that is not there, with the nearest word that is.

        Empty where something was found, and its value is another one.
        """
        frame = self.tables[wanted.table]
        if len(identified):
            close = ((name, self.similar(identified[name], name, word)) for name, word in values.items())
            return "; ".join(
                f"{name}: no row has {_shown(values[name])}{like}" for name, like in close if like
            )
        if not len(frame):
            return f'table "{wanted.table}" has no row'
        said = []
        for name, word in wanted.where.items():
            if name in values or name in NESTED or len(self._identified(wanted.table, frame, {name: word})):
                continue
            cells = frame[name]
            more = self.tables.get(f"{_thing(wanted.table)}_codings")
            if more is not None and name in ("code", "code_system"):
                cells = pd.concat([cells, more["code" if name == "code" else "system"]])
            said.append(f"{name}: no row has {_shown(word)}{self.similar(cells, name, word)}")
        return "; ".join(said) or "no row has all of it together"

    @staticmethod
    def similar(cells: pd.Series[Any], name: str, word: Any) -> str:
        """`` (did you mean "x"?)`` from a column of codes."""
        words = [one for one in (word if isinstance(word, list) else [word]) if isinstance(one, str | int)]
        if name.endswith(NOT_CODES) or isinstance(word, bool) or not words:
            return ""
        there = sorted({str(cell) for cell in cells.dropna().unique()})
        close = [near for one in words for near in difflib.get_close_matches(str(one), there, n=1)]
        return f' (did you mean "{close[0]}"?)' if close else ""


def _coded(codings: pd.DataFrame, pair: Mapping[str, Any]) -> pd.DataFrame:
    """The codings that have the system and the code asked for: one and the same has both."""
    for end, word in pair.items():
        codings = codings[asked(end, codings, word) == YES]
    return codings


def _thing(table: str) -> str:
    """One of what a table holds: ``observation`` of ``observations``; of ``components`` too."""
    return THINGS.get(table, table.removesuffix("s"))


def _names(word: Any) -> bool:
    """Whether a condition names words, so that any coding may have them."""
    if isinstance(word, Mapping):
        return set(word) <= {"in", "prefix"}
    return isinstance(word, str | int | list) and not isinstance(word, bool)


def _shown(word: Any) -> str:
    if isinstance(word, Mapping):
        return ", ".join(f"{key} {_shown(value)}" for key, value in word.items())
    if isinstance(word, list):
        return " or ".join(map(_shown, word))
    return "no value" if word is None else str(word).lower() if isinstance(word, bool) else f'"{word}"'
