"""How answers are worked out: each definition once, from its selection, from other times or from a set."""

from __future__ import annotations

from typing import Any

import pandas as pd

from fhir_blina.endpoints.answers import SEVERAL, Answer, SeveralRows, measured
from fhir_blina.endpoints.conditions import OPEN, YES
from fhir_blina.endpoints.definition import Endpoints, PatientSet, Time, Value
from fhir_blina.endpoints.elapsed import between
from fhir_blina.endpoints.evidence import Tables
from fhir_blina.endpoints.memberships import Memberships
from fhir_blina.endpoints.moments import timed
from fhir_blina.endpoints.remarks import remark_answer, remark_zones
from fhir_blina.endpoints.rows import Chosen
from fhir_blina.endpoints.windows import happened, set_against, windowed
from fhir_blina.errors import AnalysisError


class Workings(Memberships):
    """Works out measures and times, each once."""

    def __init__(self, tables: Tables, endpoints: Endpoints) -> None:
        super().__init__(tables, endpoints)
        self._answers: dict[str, Answer] = {}

    def _answer(self, wanted: Value | Time) -> Answer:
        kind = "measure" if isinstance(wanted, Value) else "time"
        key = f"{kind} {wanted.name}"
        if key not in self._answers:
            about = f'{wanted.place or self.endpoints.path}: {kind} "{wanted.name}"'
            try:
                answer = self._worked_out(wanted)
            except SeveralRows:
                raise AnalysisError(f"{about} {SEVERAL}") from None
            except ValueError as error:
                raise AnalysisError(f"{about} {error}") from None
            self._answers[key] = answer
            remark_answer(self.account, f'{kind} "{wanted.name}"', answer, self.endpoints.dates)
        return self._answers[key]

    def _worked_out(self, wanted: Value | Time) -> Answer:
        if wanted.selection is None:
            if isinstance(wanted, Value):
                begin, end = (self._answer(self.endpoints.times[name]) for name in (wanted.begin, wanted.end))
                self.one_clock(f'measure "{wanted.name}"', wanted.begin, wanted.end)
                return between(begin, end, (wanted.begin, wanted.end), wanted.count)
            return self._joined(wanted) if wanted.parts else self._constant(wanted)
        to = self._answer(self.endpoints.times[wanted.picking.to]) if wanted.picking.to else None
        if isinstance(wanted, Time):
            chosen = self.of_patients("time", wanted.name, wanted.selection, wanted.column)
            per_patient = self.endpoints.subjects.of_patients
            subjects = self.endpoints.subjects.table if per_patient else "patients"
            answer = timed(
                wanted, chosen, self.endpoints.dates, subjects, self.tables[wanted.selection.table], to
            )
        else:
            by = (wanted.picking.by,) if wanted.picking.by else ()
            chosen = self.of_patients("measure", wanted.name, wanted.selection, wanted.column, *by)
            targets, reasons = (None, {}) if to is None else (to.cells, to.out)
            answer = measured(wanted, chosen, self.endpoints.dates, targets, reasons)
        self._say_forms(wanted, chosen)
        gone = dict(zip(chosen.retracted["patient_id"], _statuses(chosen.retracted), strict=True))
        for patient, status in gone.items():
            if patient not in answer.cells and patient not in answer.out:
                answer.deny(patient, f"only rows that are {status}")
        for patient in chosen.left_open["patient_id"]:
            if patient not in answer.cells and patient not in answer.out:
                answer.deny(patient, "a bound (<, >) or unit leaves open whether the row fits")
        return answer

    def _say_forms(self, wanted: Value | Time, chosen: Chosen) -> None:
        """Which forms of a day were taken, and which were there beside."""
        kind, day = ("time", wanted.column) if isinstance(wanted, Time) else ("measure", wanted.picking.by)
        if wanted.selection is not None and day and wanted.selection.table != self.endpoints.subjects.table:
            self.remark_forms(f'{kind} "{wanted.name}"', wanted.selection.table, day, chosen.rows)

    def _constant(self, wanted: Time) -> Answer:
        sources, truth = self.sources(wanted.of_set), self.truth(wanted.of_set)
        answer = Answer()
        answer.cells = dict.fromkeys(truth.index[truth == YES], wanted.day)
        answer.sources = {key: sources.get(key, "") for key in answer.cells}
        for key in truth.index[truth == OPEN]:
            answer.deny(key, f'not known whether in "{wanted.of_set}"')
        return answer

    def _joined(self, wanted: Time) -> Answer:
        """The earliest or latest of other times; where one is in doubt, so is the earliest of all."""
        self.one_clock(f'time "{wanted.name}"', *wanted.parts)
        answer, last = Answer(), wanted.picking.pick == "last"
        parts = [self._answer(self.endpoints.times[name]) for name in wanted.parts]
        answer.dated = any(part.dated for part in parts)
        answer.zones = {zone for part in parts for zone in part.zones}
        for key in self.subjects.index:
            known = [(part.cells[key], part.sources[key]) for part in parts if key in part.cells]
            doubts = [(part.out[key], part.out_sources[key]) for part in parts if key in part.out]
            if doubts and not (last and known):
                answer.deny(key, *doubts[0])
            elif known:
                day, made = (max if last else min)(known, key=lambda one: one[0])
                answer.cells[key], answer.sources[key] = day, made
                if doubts:
                    answer.undated.add(key)
        return answer

    def _chosen_for(self, wanted: PatientSet) -> tuple[Chosen, pd.Index[Any]]:
        chosen, nobody_knows = super()._chosen_for(wanted)
        picking = wanted.picking
        if picking.within is None or wanted.selection is None:
            return chosen, nobody_knows
        to = self._answer(self.endpoints.times[picking.to])
        try:
            chosen = windowed(chosen, wanted.selection.table, picking, self.endpoints.dates, to)
        except ValueError as error:
            place = wanted.place or self.endpoints.path
            raise AnalysisError(f'{place}: set "{wanted.name}" {error}') from None
        everyone = self.subjects.index
        return chosen, everyone[~everyone.isin(list(to.cells))]

    def _found(self, wanted: PatientSet) -> pd.Series[int]:
        if not wanted.time:
            return super()._found(wanted)
        answer, everyone = self._answer(self.endpoints.times[wanted.time]), self.subjects.index
        if not wanted.picking.to:
            return happened(answer, everyone)
        self.one_clock(f'set "{wanted.name}"', wanted.time, wanted.picking.to)
        other = self._answer(self.endpoints.times[wanted.picking.to])
        return set_against(answer, other, wanted.picking, everyone)

    def one_clock(self, what: str, *names: str) -> None:
        """Refuse times of which some are study days and some are dates."""
        found = {name: self._answer(self.endpoints.times[name]) for name in names}
        used = [name for name, answer in found.items() if answer.cells]
        dated = [name for name in used if found[name].dated]
        if dated and len(dated) < len(used):
            raise AnalysisError(
                f"{self.endpoints.path}: {what} mixes dates ({', '.join(dated)}) with study days. "
                "Take all of its times from columns of dates, or all from study days"
            )
        zones = {zone for answer in found.values() for zone in answer.zones}
        remark_zones(self.account, what, zones, self.endpoints.dates)


def _statuses(frame: pd.DataFrame) -> list[str]:
    named = [name for name in ("verification_status", "status") if name in frame.columns]
    rows = frame[named].to_numpy()
    return [" or ".join(str(cell) for cell in cells if isinstance(cell, str)) for cells in rows]
