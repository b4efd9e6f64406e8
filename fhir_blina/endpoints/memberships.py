"""Sets of patients: who is in, who is not, and of whom nobody can say."""

from __future__ import annotations

from typing import Any

import pandas as pd

from fhir_blina.endpoints.conditions import NO, OPEN, YES, all_of, any_of, denied, row_by_row
from fhir_blina.endpoints.definition import Endpoints, PatientSet
from fhir_blina.endpoints.evidence import Evidence, Tables
from fhir_blina.endpoints.rows import Chosen, source, type_behind


class Memberships(Evidence):
    """Answers the sets of the definitions from the tables; each is worked out once."""

    def __init__(self, tables: Tables, endpoints: Endpoints) -> None:
        super().__init__(tables, endpoints)
        self._truths: dict[str, pd.Series[int]] = {}

    def judged(self, name: str) -> bool:
        """Whether something asked for a set so far."""
        return name in self._truths

    def truth(self, name: str) -> pd.Series[int]:
        """Whether each patient is in a set: ``YES``, ``NO``, or ``OPEN`` where a value is missing."""
        if name in ("", "all"):
            return pd.Series(YES, index=self.subjects.index, dtype=int)
        if name not in self._truths:
            wanted = self.endpoints.sets[name]
            parts = [self._found(wanted)] if wanted.looked_up else []
            parts += [self._worded(wanted)] if wanted.measure else []
            parts += [self.truth(used) for used in wanted.all_of]
            if wanted.any_of:
                parts.append(row_by_row([self.truth(used) for used in wanted.any_of], any_of))
            parts += [denied(self.truth(used)) for used in wanted.none_of]
            truth = row_by_row(parts, all_of)
            self._truths[name] = truth.where(truth != OPEN, NO) if wanted.missing == "no" else truth
        return self._truths[name]

    def _chosen_for(self, wanted: PatientSet) -> tuple[Chosen, pd.Index[Any]]:
        """The rows that put patients into a set, and of whom nothing can be said whatever their rows are."""
        assert wanted.selection is not None  # noqa: S101 - asked by the caller
        return self.of_patients("set", wanted.name, wanted.selection), pd.Index([], dtype=object)

    def _worded(self, wanted: PatientSet) -> pd.Series[int]:
        """Whose measure is one of the words of a set."""
        raise NotImplementedError

    def _found(self, wanted: PatientSet) -> pd.Series[int]:
        chosen, nobody_knows = self._chosen_for(wanted)
        everyone = self.subjects.index
        found = pd.Series(NO, index=everyone, dtype=int)
        if chosen.on_values:
            found[~everyone.isin(chosen.known["patient_id"])] = OPEN
        found[everyone.isin(chosen.left_open["patient_id"])] = OPEN
        found[everyone.isin(chosen.rows["patient_id"])] = YES
        found[everyone.isin(nobody_knows)] = OPEN
        return found

    def members(self, name: str) -> pd.Index[Any]:
        """Keys of the patients in a set, in the order of ``subjects``; ``all`` is everyone."""
        truth = self.truth(name)
        return truth.index[(truth == YES).to_numpy()]

    def unknown(self, name: str) -> pd.Index[Any]:
        """Keys of the patients of whom nobody can say whether they are in a set: a value is missing."""
        truth = self.truth(name)
        return truth.index[(truth == OPEN).to_numpy()]

    def taken_for_no(self, name: str, among: pd.Index[Any]) -> int:
        """How many have no value and count as not in a set, by its ``missing: no``."""
        wanted = self.endpoints.sets.get(name)
        if wanted is None or wanted.missing != "no" or not wanted.looked_up:
            return 0
        found = self._found(wanted)
        return int((found[found.index.isin(among)] == OPEN).sum())

    def sources(self, name: str) -> dict[Any, str]:
        """The resource that puts each patient into a set; empty for combinations."""
        one = self.endpoints.sets[name]
        wanted = one.selection
        if wanted is None:
            return {}
        frame = self._chosen_for(one)[0].rows.drop_duplicates("patient_id")
        key = type_behind(wanted.table)[1]
        cells = frame[key] if key in frame.columns else [None] * len(frame)
        pairs = zip(frame["patient_id"], cells, strict=True)
        return {who: source(wanted.table, {key: cell}) for who, cell in pairs}
