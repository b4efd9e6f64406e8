"""Facts: the definitions answered from the tables, patient by patient, each with its resource.

Reads the tables of the views and nothing else. Who has no answer, and why, is kept beside the answers, and
what a reader must know of the rows in ``account``.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pandas as pd

from fhir_blina.endpoints.answers import Answer
from fhir_blina.endpoints.asked import CategoriesAsked
from fhir_blina.endpoints.conditions import NO, OPEN, YES
from fhir_blina.endpoints.definition import Grouping, PatientSet
from fhir_blina.endpoints.groupings import between_cuts, cut_points
from fhir_blina.endpoints.populations import NO_ROW, Population
from fhir_blina.endpoints.remarks import remark_cut, remark_word
from fhir_blina.endpoints.rows import Reader
from fhir_blina.endpoints.workings import Workings
from fhir_blina.files import is_missing

Bound = tuple[str, Any, str]


class Facts(Workings):
    """Answers the definitions from the tables; each answer is worked out once.

    Args:
        tables: View tables by name.
        endpoints: The definitions.

    Raises:
        AnalysisError: from every method, where a table or column that a definition names is absent,
            or a definition that should give one row per patient gives several.
    """

    def measure(self, name: str) -> pd.DataFrame:
        """``value`` and ``source`` of a measure by patient key; who has none, or a bound only, is absent."""
        answer = self._answer(self.endpoints.measures[name])
        return _frame(answer, [key for key in answer.cells if key not in answer.comparators])

    def _worded(self, wanted: PatientSet) -> pd.Series[int]:
        cells = self.measure(wanted.measure)["value"].map(str).reindex(self.subjects.index)
        found = cells.isin(wanted.words).map({True: YES, False: NO})
        return found.where(cells.notna(), OPEN).astype(int)

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
        wanted = self.endpoints.groups[name]
        out: dict[Any, str] = {}
        if wanted.at_cut:
            result, out = self._cut(wanted)
        elif wanted.measure:
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

    def categories(self, name: str, asked: CategoriesAsked) -> dict[str, set[Any]]:
        """The patients who have each value of a column; one who has several is in each."""
        shown = (asked.show,) if asked.show else ()
        rows = self.of_patients("categories", name, asked.selection, asked.column, *shown).rows
        rows = rows[rows[asked.column].notna()]
        words: dict[str, str] = {}
        found: dict[str, set[Any]] = {}
        texts = rows[asked.show] if asked.show else [None] * len(rows)
        for who, cell, text in zip(rows["patient_id"], rows[asked.column], texts, strict=True):
            found.setdefault(str(cell), set()).add(who)
            if not is_missing(text):
                words[str(cell)] = min(str(text), words.get(str(cell), str(text)))
        return {f"{value} {words[value]}" if value in words else value: who for value, who in found.items()}

    def cuts(self, name: str) -> tuple[Decimal, ...]:
        """The cut points of a group by a measure's value; quantiles are those of all who have a value."""
        wanted = self.endpoints.groups[name]
        return cut_points(wanted, self.measure(wanted.measure)["value"])

    def _cut(self, wanted: Grouping) -> tuple[pd.Series[Any], dict[Any, str]]:
        answer, points = self._answer(self.endpoints.measures[wanted.measure]), self.cuts(wanted.name)
        out = {key: answer.out.get(key, NO_ROW) for key in self.subjects.index}
        found: dict[Any, str] = {}
        for key, value in answer.cells.items():
            comparator = answer.comparators.get(key, "")
            place = between_cuts(value, comparator, points, wanted.at_cut)
            if place is None:
                out[key] = f"a bound only ({comparator}), which leaves the group open"
            else:
                found[key] = wanted.labels[str(place)]
        remark_cut(self.account, wanted, points, found)
        return pd.Series(found, index=self.subjects.index, dtype=object), out


def _frame(answer: Answer, keys: list[Any]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "value": pd.Series([answer.cells[key] for key in keys], dtype=object).to_numpy(),
            "source": [answer.sources[key] for key in keys],
        },
        index=pd.Index(keys, dtype=object),
    )
