"""Categories: how many patients have each value of a column that a patient can have several of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from fhir_blina.endpoints import CategoriesAsked, Facts
from fhir_blina.errors import AnalysisError
from fhir_blina.results import Record
from fhir_blina.statistics import proportion

if TYPE_CHECKING:
    import pandas as pd

MOST = 500
INTERVAL = "Clopper-Pearson"


def describe_categories(facts: Facts) -> Iterator[Record]:
    """For each entry of ``categories`` how many patients have each value, the most frequent first.

    Raises:
        AnalysisError: more different values than anybody reads.
    """
    for name, asked in facts.endpoints.sections.categories.items():
        values = facts.categories(name, asked)
        if len(values) > MOST:
            raise AnalysisError(
                f'{asked.selection.place}: categories "{name}": {len(values)} different values. '
                f"At most {MOST} are counted; count groups of them, by value sets or SQL"
            )
        everyone = set(facts.members(asked.among))
        yield from _table(name, asked, values, everyone, "")
        if asked.by:
            labels = facts.group(asked.by)
            for label in dict.fromkeys(facts.endpoints.groups[asked.by].labels.values()):
                yield from _table(name, asked, values, everyone & set(_of(labels, label)), label)


def _of(labels: pd.Series[Any], label: str) -> list[Any]:
    return list(labels.index[(labels == label).to_numpy(dtype=bool)])


def _table(
    name: str, asked: CategoriesAsked, values: Mapping[str, set[Any]], everyone: set[Any], label: str
) -> Iterator[Record]:
    having = {value: patients & everyone for value, patients in values.items()}
    known = set[Any]().union(*having.values())
    notes = []
    if len(known) < len(everyone):
        notes.append(f"{len(everyone) - len(known)} of {len(everyone)} without a value")
    if sum(map(len, having.values())) > len(known):
        notes.append("who has several is in each")
    for value in sorted(having, key=lambda one: (-len(values[one]), one)):
        estimate = proportion(len(having[value]), len(known), INTERVAL)
        yield Record(
            f"{name}.category",
            f"{label}: {value}" if label else value,
            value=estimate.value,
            ci_low=estimate.low,
            ci_high=estimate.high,
            ci_method=INTERVAL,
            method=f"patients with the value of those with any in {asked.column}",
            n=len(known),
            events=len(having[value]),
            note="; ".join(text for text in (estimate.note, *notes) if text),
            derived_from=(asked.selection.table,),
        )
