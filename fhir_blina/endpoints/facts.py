"""Facts: the definitions answered from the tables, patient by patient, each with its resource.

Reads the tables of the views and nothing else. Who has no answer, and why, is kept beside the answers, and
what a reader must know of the rows in ``account``.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from fhir_blina.endpoints.answers import SEVERAL, Answer, SeveralRows, measured, timed
from fhir_blina.endpoints.conditions import OPEN, YES
from fhir_blina.endpoints.definition import Endpoints, Grouping, Time, Value
from fhir_blina.endpoints.evidence import Tables
from fhir_blina.endpoints.memberships import Memberships
from fhir_blina.endpoints.populations import NO_ROW, Population
from fhir_blina.endpoints.remarks import remark_answer, remark_word, remark_zones
from fhir_blina.endpoints.rows import Reader
from fhir_blina.errors import AnalysisError

Bound = tuple[str, Any, str]


class Facts(Memberships):
    """Answers the definitions from the tables; each answer is worked out once.

    Args:
        tables: View tables by name.
        endpoints: The definitions.

    Raises:
        AnalysisError: from every method, where a table or column that a definition names is absent,
            or a definition that should give one row per patient gives several.
    """

    def __init__(self, tables: Tables, endpoints: Endpoints) -> None:
        super().__init__(tables, endpoints)
        self._answers: dict[str, Answer] = {}

    def _answer(self, wanted: Value | Time) -> Answer:
        kind = "measure" if isinstance(wanted, Value) else "time"
        key = f"{kind} {wanted.name}"
        if key not in self._answers:
            place = wanted.selection.place if wanted.selection else ""
            about = f'{place or self.endpoints.path}: {kind} "{wanted.name}"'
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
            assert isinstance(wanted, Time)  # noqa: S101 - a measure always has a selection
            return self._joined(wanted) if wanted.parts else self._constant(wanted)
        if isinstance(wanted, Time):
            chosen = self.of_patients("time", wanted.name, wanted.selection, wanted.column)
            subjects = self.endpoints.subjects.table
            answer = timed(wanted, chosen, self.endpoints.dates, subjects, self.tables[subjects])
        else:
            by = (wanted.picking.by,) if wanted.picking.by else ()
            chosen = self.of_patients("measure", wanted.name, wanted.selection, wanted.column, *by)
            targets, reasons = None, {}
            if wanted.picking.to:
                to = self._answer(self.endpoints.times[wanted.picking.to])
                targets, reasons = to.cells, to.out
            answer = measured(wanted, chosen, self.endpoints.dates, targets, reasons)
        gone = dict(zip(chosen.retracted["patient_id"], _statuses(chosen.retracted), strict=True))
        for patient, status in gone.items():
            if patient not in answer.cells and patient not in answer.out:
                answer.deny(patient, f"only rows that are {status}")
        for patient in chosen.left_open["patient_id"]:
            if patient not in answer.cells and patient not in answer.out:
                answer.deny(patient, "a bound (<, >) or unit leaves open whether the row fits")
        return answer

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
        answer, last = Answer(), wanted.pick == "last"
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

    def measure(self, name: str) -> pd.DataFrame:
        """``value`` and ``source`` of a measure by patient key; who has none, or a bound only, is absent."""
        answer = self._answer(self.endpoints.measures[name])
        return _frame(answer, [key for key in answer.cells if key not in answer.comparators])

    def time(self, name: str) -> pd.DataFrame:
        """``value`` (study day, or days since 0001-01-01) and ``source`` of a time by patient key.

        Who has none is absent.
        """
        answer = self._answer(self.endpoints.times[name])
        return _frame(answer, list(answer.cells))

    def days(self, name: str) -> dict[Any, tuple[Any, str]]:
        """``(day, source)`` of a time by patient key, in no order."""
        answer = self._answer(self.endpoints.times[name])
        return {key: (day, answer.sources[key]) for key, day in answer.cells.items()}

    def dated(self, name: str) -> bool:
        """Whether a time comes from dates, rather than from study days."""
        return self._answer(self.endpoints.times[name]).dated

    def no_day(self, name: str) -> dict[Any, tuple[str, str]]:
        """Who has a row for a time and yet no day: the reason, and the resource."""
        answer = self._answer(self.endpoints.times[name])
        return {key: (reason, answer.out_sources[key]) for key, reason in answer.out.items()}

    def measured(self, name: str) -> dict[str, tuple[Any, str]]:
        """``(value, source)`` of a measure by patient key, in the order of the labels, without bounds."""
        return self._cells(self.measure(name))

    def bounds(self, name: str) -> dict[str, Bound]:
        """``(comparator, value, source)`` of who has a value that is a bound only, as ``< 150``."""
        answer = self._answer(self.endpoints.measures[name])
        return {
            key: (answer.comparators[key], answer.cells[key], answer.sources[key])
            for key in self.subjects.index
            if key in answer.comparators
        }

    def unit(self, name: str) -> str:
        """The unit of a measure: the one that is asked for, else the one recorded."""
        return self._answer(self.endpoints.measures[name]).unit or "1"

    def timed(self, name: str) -> dict[str, tuple[Any, str]]:
        """``(study day, source)`` of a time by patient key, in the order of the labels."""
        return self._cells(self.time(name))

    def _cells(self, frame: pd.DataFrame) -> dict[str, tuple[Any, str]]:
        pairs = zip(frame["value"], frame["source"], strict=True)
        found = dict(zip(frame.index, pairs, strict=True))
        return {key: found[key] for key in self.subjects.index if key in found}

    def population(self, name: str) -> Population:
        """How many have a value of a measure, and why the others have none."""
        answer = self._answer(self.endpoints.measures[name])
        out = {key: answer.out.get(key, NO_ROW) for key in self.subjects.index if key not in answer.cells}
        for key, comparator in answer.comparators.items():
            out[key] = f"a bound only ({comparator}), for no mean or median"
        sources = {key: answer.out_sources.get(key) or answer.sources.get(key, "") for key in out}
        everyone = len(self.subjects)
        return Population(
            kind="measure", name=name, of=everyone, n=everyone - len(out), out=out, sources=sources
        )

    def asked(self) -> list[str]:
        """The measures that something asked for so far."""
        return [name for name in self.endpoints.measures if f"measure {name}" in self._answers]

    def remark_words(self, about: str, measure: str, words: list[str]) -> None:
        """Words that no value of a measure is, where a similar one is there."""
        cells = self.measure(measure)["value"]
        column = self.endpoints.measures[measure].column
        like = {
            word: Reader.similar(cells, column, word) for word in words if word not in set(cells.map(str))
        }
        for word, similar in like.items():
            if similar:
                remark_word(self.account, about, f'{measure}: no value is "{word}"{similar}')

    def group(self, name: str) -> pd.Series[Any]:
        """Label of each patient that belongs to one group, by patient key; why others do not is kept."""
        wanted: Grouping = self.endpoints.groups[name]
        out: dict[Any, str] = {}
        if wanted.measure:
            values = self.measure(wanted.measure)["value"].map(str)
            self.remark_words(f'group "{name}"', wanted.measure, list(wanted.labels))
            reasons = self.population(wanted.measure).out
            out = {key: reasons.get(key, "a value without a label") for key in self.subjects.index}
            result = values.map(wanted.labels).dropna().reindex(self.subjects.index)
        else:
            result = pd.Series(index=self.subjects.index, dtype=object)
            for used, label in wanted.labels.items():
                members = self.members(used)
                twice = members[result[members].notna() & (result[members] != label)]
                result[members] = label
                out |= dict.fromkeys(twice, "in two of its sets")
                out |= {key: f'not known whether in "{used}"' for key in self.unknown(used) if key not in out}
            result[[key for key, reason in out.items() if reason == "in two of its sets"]] = None
        outside = {key: out.get(key, "in none of its sets") for key in result.index[result.isna()]}
        count = len(result) - len(outside)
        self.account.count(Population(kind="group", name=name, of=len(result), n=count, out=outside))
        return result.dropna()


def _statuses(frame: pd.DataFrame) -> list[str]:
    named = [name for name in ("verification_status", "status") if name in frame.columns]
    rows = frame[named].to_numpy()
    return [" or ".join(str(cell) for cell in cells if isinstance(cell, str)) for cells in rows]


def _frame(answer: Answer, keys: list[Any]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "value": pd.Series([answer.cells[key] for key in keys], dtype=object).to_numpy(),
            "source": [answer.sources[key] for key in keys],
        },
        index=pd.Index(keys, dtype=object),
    )
