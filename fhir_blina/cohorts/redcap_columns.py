"""What a column of a REDCap export becomes: its type, its words, its codes, and what is to say about it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from fhir_blina.cohorts.codeforms import fault_of_unit
from fhir_blina.cohorts.dictionary import MISSING_WORDS
from fhir_blina.cohorts.guesses import guessed_kind
from fhir_blina.cohorts.redcap import COMPLETE, ExportColumn

# REDCap's own missing data codes, and numbers that projects take for them.
MISSING_CODES = frozenset(
    ["NI", "INV", "UNK", "NASK", "ASKU", "NAV", "MSK", "NA", "NAVU", "NP", "QS", "QI", "TRC", "UNC", "DER"]
)
_SUSPECT = frozenset({"-9", "-99", "-999", "-9999", "-8", "-88", "-888", "999", "9999"})
_NUMBERS = ("integer", "number", "number_1dp", "number_2dp", "number_3dp", "number_4dp")
_TICKS = {"1": "0", "Checked": "Unchecked"}


@dataclass
class Typed:
    """A column of a table to be.

    Attributes:
        column: Of the export.
        kind: Its type in the dictionary.
        values: Allowed words.
        missing: Words that mean an empty cell.
        dates: How its dates are written, where not as ISO 8601 has it.
        unit: UCUM.
        unmapped: Why no template reads it.
        codes: Code and display of each word.
        empty: Words that stand in rows where nobody filled in the form.
        notes: What was guessed.
    """

    column: ExportColumn
    kind: str = "string"
    values: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    dates: str = ""
    unit: str = ""
    unmapped: str = ""
    codes: dict[str, tuple[str, str]] = field(default_factory=dict)
    empty: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Its name in tables."""
        return self.column.name

    @property
    def description(self) -> str:
        """What the data dictionary says of it."""
        if self.column.of is None:
            return {"complete": "status of the form"}.get(self.column.part, f"{self.column.part} of the row")
        choice = self.column.of.choices.get(self.column.choice, "")
        return f"{self.column.of.label or self.column.of.name}{f': {choice}' * bool(choice)}"


def understood(column: ExportColumn, cells: Sequence[str], missing: Sequence[str]) -> Typed:
    """What a column is.

    Args:
        column: Of the export.
        cells: Its cells.
        missing: The project's missing data codes, as the author named them.
    """
    one = Typed(column)
    filled = {cell for cell in cells if cell}
    codes = filled & set(missing)
    if column.part == "complete":
        return _worded(one, COMPLETE, filled, "complete")
    if column.of is None:
        return one
    if column.of.identifier:
        one.unmapped = "marked as an identifier in REDCap: no resource holds it until you say so"
        one.notes.append("an identifier, which no resource holds; write it into a template to have it there")
        return one
    if column.of.kind in ("file", "signature"):
        one.unmapped = "a file, of which the export has the name only"
        return one
    checked = column.of.kind != "notes" and (column.of.kind != "text" or bool(column.of.validation))
    codes |= (
        (filled & MISSING_CODES) - set(column.of.choices) - set(column.of.choices.values())
        if checked
        else set()
    )
    one.missing = tuple(sorted(codes))
    if codes:
        one.notes.append(f"{', '.join(sorted(codes))}: missing data codes, read as an empty cell")
    filled -= codes
    if column.choice:
        one.values = next((pair for pair in _TICKS.items() if filled & set(pair)), ("1", "0"))
        one.empty = (one.values[1],)
        return one
    if column.of.choices:
        return _worded(one, dict(column.of.choices), filled, column.of.name)
    return _read(one, filled)


def _worded(one: Typed, choices: dict[str, str], filled: set[str], name: str) -> Typed:
    """Words that are choices: codes in a raw export, labels in the other."""
    labels = not filled <= set(choices) and filled <= set(choices.values())
    for code, label in choices.items():
        word = label if labels else code
        if word in one.codes:
            one.notes.append("two choices have one label: export the codes to tell them apart")
        one.codes.setdefault(word, (f"{name.replace('_', '-')}.{code}", label))
    one.values = tuple(one.codes)
    if one.column.part == "complete":
        one.empty = (choices["0"] if labels else "0",)
    if filled - set(one.values):
        one.notes.append("holds words that are no choice of the data dictionary: check names the rows")
    return one


def _read(one: Typed, filled: set[str]) -> Typed:
    """Text, by its validation and by what stands in it."""
    of = one.column.of
    if of is None:
        return one
    if filled & MISSING_WORDS:
        one.values = ("*", *sorted(filled & MISSING_WORDS))
    one.kind, one.dates = guessed_kind(one.name, sorted(filled), False)
    if of.kind == "notes" or one.kind == "boolean":
        one.kind = "string"
    numeric = of.kind in ("calc", "slider") or of.validation in _NUMBERS
    if filled and (
        (numeric and one.kind not in ("integer", "decimal"))
        or (of.validation[:5] == "date_" and one.kind != "date")
    ):
        one.notes.append(
            f"the data dictionary says {of.validation or of.kind}, its cells do not: kept as text"
        )
    if of.validation.startswith(("number", "integer")) and not filled:
        one.kind = "decimal"
    if of.validation.startswith(("datetime", "time")):
        one.notes.append("kept as text; zone: in cohort.yaml and the type dateTime make it a time")
    if of.note and one.kind in ("integer", "decimal") and not fault_of_unit(of.note):
        one.unit = of.note
    if one.kind in ("integer", "decimal"):
        odd = sorted(cell for cell in filled & _SUSPECT if _outside(cell, of.least, of.most))
        if odd:
            one.notes.append(
                f"holds {', '.join(odd)}, a number now: if it is a missing data code, say --missing"
            )
    return one


def _outside(cell: str, least: str, most: str) -> bool:
    """Whether a number is out of the bounds of the data dictionary; true where it has none."""
    bounds = [float(one) if re.fullmatch(r"-?\d+(\.\d+)?", one) else None for one in (least, most)]
    inside = (bounds[0] is None or float(cell) >= bounds[0]) and (
        bounds[1] is None or float(cell) <= bounds[1]
    )
    return bounds == [None, None] or not inside
