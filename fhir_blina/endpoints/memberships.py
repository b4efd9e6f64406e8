"""Sets of patients: who is in, who is not, and of whom nobody can say."""

from __future__ import annotations

from typing import Any

import pandas as pd

from fhir_blina.endpoints.conditions import NO, OPEN, YES, all_of, any_of
from fhir_blina.endpoints.definition import Endpoints, PatientSet
from fhir_blina.endpoints.evidence import Evidence, Tables
from fhir_blina.endpoints.rows import source, type_behind


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
            parts = [self._found(wanted)] if wanted.selection is not None else []
            parts += [self.truth(used) for used in wanted.all_of]
            if wanted.any_of:
                parts.append(_joined([self.truth(used) for used in wanted.any_of], any_of))
            parts += [self.truth(used).map({YES: NO, NO: YES, OPEN: OPEN}) for used in wanted.none_of]
            truth = _joined(parts, all_of)
            self._truths[name] = truth.where(truth != OPEN, NO) if wanted.missing == "no" else truth
        return self._truths[name]

    def _found(self, wanted: PatientSet) -> pd.Series[int]:
        assert wanted.selection is not None  # noqa: S101 - asked by the caller
        chosen = self.of_patients("set", wanted.name, wanted.selection)
        everyone = self.subjects.index
        found = pd.Series(NO, index=everyone, dtype=int)
        if chosen.on_values:
            found[~everyone.isin(chosen.known["patient_id"])] = OPEN
        found[everyone.isin(chosen.left_open["patient_id"])] = OPEN
        found[everyone.isin(chosen.rows["patient_id"])] = YES
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
        if wanted is None or wanted.missing != "no" or wanted.selection is None:
            return 0
        found = self._found(wanted)
        return int((found[found.index.isin(among)] == OPEN).sum())

    def sources(self, name: str) -> dict[Any, str]:
        """The resource that puts each patient into a set; empty for combinations."""
        wanted = self.endpoints.sets[name].selection
        if wanted is None:
            return {}
        frame = self.choose(wanted, facts=True).rows.drop_duplicates("patient_id")
        key = type_behind(wanted.table)[1]
        cells = frame[key] if key in frame.columns else [None] * len(frame)
        pairs = zip(frame["patient_id"], cells, strict=True)
        return {who: source(wanted.table, {key: cell}) for who, cell in pairs}


def _joined(parts: list[pd.Series[int]], rule: Any) -> pd.Series[int]:
    """Answers of several parts under one rule."""
    if len(parts) == 1:
        return parts[0]
    together = [rule(cells) for cells in zip(*parts, strict=True)]
    return pd.Series(together, index=parts[0].index, dtype=int)
