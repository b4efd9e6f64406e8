"""What a report is made from: the tables with their definitions, the results, the layout."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from fhir_blina.endpoints import Facts, selection, source
from fhir_blina.report.grids import UNITS, Cell, fill, number, observed
from fhir_blina.report.layout import PLACE, Block, Layout
from fhir_blina.results import Results
from fhir_blina.views import ReadingAccount

#: From so many patients on, no row and no label of the report is one patient.
MANY = 30
NO_ROW = Cell("–", tone="missing")
_NAMED = re.compile(r"(?<![\w/.-])[a-z][a-z0-9]*(?:_[a-z0-9]+)+(?![\w/-])")
_UNIT = re.compile(r"(?<=\d )(?:ug/m2/d|ug/d|ug|m2)(?![\w/])")


@dataclass(frozen=True)
class Material:
    """What a report is made from: the tables with definitions and account, the results, the layout."""

    facts: Facts
    results: Results
    layout: Layout
    systems: Mapping[str, str] = field(default_factory=dict)
    reading: ReadingAccount | None = None

    @cached_property
    def kinds(self) -> frozenset[str]:
        """The kinds of the blocks that the report shows."""
        return frozenset(block["kind"] for one in self.layout.sections for block in one.blocks)

    @cached_property
    def large(self) -> bool:
        """Whether there are too many patients for a row each."""
        return len(self.facts.labels) >= MANY

    def day_words(self, time: str) -> Callable[[Any], str]:
        """How a day is written on the clock of a time: a calendar date, or a study day as ``day 12``."""
        return _date if self.facts.dated(time) else _study_day

    def spoken(self, text: str) -> str:
        """A text with the names of the definitions as words, and units as readers write them."""
        return _UNIT.sub(
            lambda match: UNITS[match[0]], _NAMED.sub(lambda match: match[0].replace("_", " "), text)
        )

    @cached_property
    def groups(self) -> dict[str, str]:
        """Label of the splitting group by patient key; empty where nothing splits."""
        if not self.layout.group:
            return {}
        return {str(key): str(label) for key, label in self.facts.group(self.layout.group).items()}

    @cached_property
    def group_labels(self) -> list[str]:
        """The labels that somebody has, in the order of the definitions."""
        if not self.layout.group:
            return []
        known = self.facts.endpoints.groups[self.layout.group].labels.values()
        return [label for label in dict.fromkeys(known) if label in self.groups.values()]

    @cached_property
    def columns(self) -> dict[str, list[str]]:
        """The patients' keys by the columns of a table that compares: all, then each group."""
        everyone = list(self.facts.labels)
        return {"All": everyone} | {
            self.group_title(label): [key for key in everyone if self.groups.get(key) == label]
            for label in self.group_labels
        }

    def group_title(self, label: str) -> str:
        """The report's words for a label."""
        return self.layout.group_titles.get(label, label)

    def rows(self, block: Block) -> list[dict[str, Any]]:
        """The rows that a block selects, with a patient's label as ``patient``, in the order of patients."""
        systems = {**self.systems, **self.layout.systems}
        found = self.facts.rows(selection(block, systems, block.get(PLACE, "")))
        rows = [{str(k): v for k, v in row.items()} for row in found.to_dict(orient="records")]
        for row in rows:
            row["patient"] = self.facts.labels.get(str(row.get("patient_id")), "")
            row["_source"] = source(block["table"], dict(row.items()))
        order = {label: place for place, label in enumerate(self.facts.labels.values())}
        return sorted(rows, key=lambda row: order.get(row["patient"], len(order)))

    def cell(self, show: str, row: Mapping[str, Any], reword: Mapping[str, str] | None = None) -> Cell:
        """One row of a table as a cell: ``observed``, or a text with ``{column}`` blanks."""
        if show == "observed":
            made = observed(row, reword)
        else:
            text = fill(show, row)
            made = Cell((reword or {}).get(text, text)) if text else NO_ROW
        return Cell(made.text, made.local, made.tone, row["_source"])


def _date(day: Any) -> str:
    return dt.date.fromordinal(int(day)).isoformat()


def _study_day(day: Any) -> str:
    return f"day {number(float(day))}"
