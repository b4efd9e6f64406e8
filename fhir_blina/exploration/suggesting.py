"""A starter endpoints file from what tables hold: survival from first diagnosis or contact to death.

Everything in it is a guess and says so; it is tried before it is handed over, and what fails is left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from fhir_blina.errors import AnalysisError
from fhir_blina.exploration.candidates import (
    MOST_DIAGNOSES,
    SHARED_BY,
    contacts,
    diagnoses,
    diagnosis_days,
    has_partial,
    known_days,
    longest_days,
    sexes,
    valued,
)
from fhir_blina.exploration.draft import Draft, code_words, quoted
from fhir_blina.exploration.trial import leave_out_faults
from fhir_blina.views import Tables

_DAYS = (30, 90, 180, 365, 730, 1825, 3650)
_MOST_DAYS = 3
_FEWEST_OF_A_SEX = 2
_LISTED = 5


@dataclass
class Suggestion:
    """A starter.

    Attributes:
        text: The file, with what was guessed in its comments.
        guessed: The same, a sentence each.
    """

    text: str
    guessed: list[str] = field(default_factory=list)


def suggest_endpoints(tables: Tables, source: str = "", *, suppress: int = 0) -> Suggestion:
    """A starter that runs through ``analyze`` and ``write_report``.

    Args:
        tables: As ``read_tables`` returns them, of the shared views.
        source: Where they were read, for the first line.
        suppress: Name no diagnosis and no value of fewer patients.

    Raises:
        AnalysisError: there is no patient.
    """
    if not len(tables["patients"]):
        raise AnalysisError("there is no Patient, so there is nobody to count")
    draft = Draft()
    start = _start(draft, tables, suppress)
    last = _last_contact(draft, tables)
    _sexes(draft, tables)
    if start:
        _ages(draft, tables, start)
    _values(draft, tables, suppress)
    _diagnoses(draft, tables, suppress)
    if start and last:
        _survival(draft, tables, start, last)
    else:
        draft.guessed.append(
            "Nobody has a contact or a diagnosis on a date, so there is no survival to work out."
        )
    if draft.partial:
        draft.guessed.append("A date without a day counts as the middle of its month or year.")
    leave_out_faults(draft, tables)
    return Suggestion(draft.text(source), draft.guessed)


def _start(draft: Draft, tables: Tables, suppress: int) -> str:
    """The time that survival begins at; empty where there is none."""
    frame = tables["conditions"]
    found = [one for one in diagnoses(tables) if one.patients >= suppress]
    everyone = len(tables["patients"])
    top = next(iter(found), None)
    if top and top.patients >= SHARED_BY * everyone:
        rows = frame[(frame["code"] == top.code) & (frame["code_system"].fillna("") == top.system)]
        name = _first_day(draft, "diagnosis", rows, f"{draft.where(top)}, ")
        draft.guessed.append(
            f"Survival begins at the first {code_words(top)}, the diagnosis of most patients "
            f"({top.patients} of {everyone}), on the day of {' or '.join(diagnosis_days(rows))}."
        )
    elif _share_with_day(frame, everyone) >= SHARED_BY:
        name = _first_day(draft, "first_diagnosis", frame, "")
        draft.guessed.append(
            "Survival begins at the first diagnosis of any kind, on the day of "
            f"{' or '.join(diagnosis_days(frame))}. For one disease add its code: "
            'where: {code_system: …, code: "…"}.'
        )
        draft.guessed += [
            f"Frequent: {code_words(one)}, in {one.patients} of {everyone} patients."
            for one in found[:_LISTED]
        ]
    else:
        name = _joined(draft, "first", contacts(tables))
        if name:
            draft.guessed.append(
                "Survival begins at the first contact: fewer than half of the patients have a diagnosis "
                "with a date."
            )
    return name


def _share_with_day(frame: pd.DataFrame, everyone: int) -> float:
    """The part of the patients who have a diagnosis with a day."""
    found: set[object] = set()
    for column in diagnosis_days(frame):
        found |= set(known_days(frame, column)["patient_id"])
    return len(found) / everyone


def _first_day(draft: Draft, name: str, rows: pd.DataFrame, where: str) -> str:
    """The first day of some diagnoses as a time, of one column or the earliest of several."""
    columns = diagnosis_days(rows)
    draft.partial |= any(has_partial(rows, column) for column in columns)
    texts = {column: _dated("conditions", column, "first", where) for column in columns}
    if len(columns) == 1:
        draft.times[name] = texts[columns[0]]
        return name
    draft.times |= {f"{name}_by_{column}": text for column, text in texts.items()}
    draft.times[name] = f"{{earliest_of: [{', '.join(f'{name}_by_{column}' for column in columns)}]}}"
    return name


def _last_contact(draft: Draft, tables: Tables) -> str:
    found = contacts(tables)
    if not found:
        return ""
    draft.partial |= any(has_partial(tables[table], column) for table, column in found)
    told = ", ".join(f"{table}.{column}" for table, column in found)
    draft.guessed.append(f"Who does not die is followed to the last contact, the latest of {told}.")
    return _joined(draft, "last", found)


def _dated(table: str, column: str, which: str, where: str = "") -> str:
    """The first or last row with a day: rows without one say nothing of when."""
    return f"{{table: {table}, where: {{{where}{column}: {{not: null}}}}, day: {column}, pick: {which}}}"


def _joined(draft: Draft, which: str, found: list[tuple[str, str]]) -> str:
    """The earliest or latest of several columns as one time; empty where there is none."""
    names = []
    for table, column in found:
        names.append(draft.new(f"{which}_{table}_{column}"))
        draft.times[names[-1]] = _dated(table, column, which)
    if not names:
        return ""
    name = draft.new(f"{which}_contact")
    draft.times[name] = f"{{{'earliest_of' if which == 'first' else 'latest_of'}: [{', '.join(names)}]}}"
    return name


def _sexes(draft: Draft, tables: Tables) -> None:
    found = {one: count for one, count in sexes(tables).items() if count >= _FEWEST_OF_A_SEX}
    if len(found) < 2:
        return
    draft.measures["gender"] = "{table: patients, value: gender}"
    labels = ", ".join(f"{one}: {one}" for one in found)
    draft.groups["sex"] = f"{{measure: gender, labels: {{{labels}}}}}"
    draft.compare.append("sex")
    draft.guessed.append(f"Groups are compared by sex: {', '.join(found)}.")


def _ages(draft: Draft, tables: Tables, start: str) -> None:
    """Age at the start, where dates of birth are whole days."""
    born = tables["patients"]["birth_date"].dropna()
    if not len(born):
        return
    draft.partial |= has_partial(tables["patients"], "birth_date")
    draft.times["birth"] = "{table: patients, day: birth_date}"
    draft.measures["age"] = f"{{from: birth, to: {start}, count: years}}"
    draft.summaries.append("age")
    draft.guessed.append("The age is that at the start, in completed years.")


def _values(draft: Draft, tables: Tables, suppress: int) -> None:
    for one in (one for one in valued(tables) if one.patients >= suppress):
        name = draft.new(one.name)
        unit = f", unit: {quoted(one.unit)}" if one.unit else ""
        where = f"where: {{{draft.where(one)}}}"
        draft.measures[name] = f"{{table: observations, {where}, value: value_quantity{unit}, pick: first}}"
        draft.summaries.append(name)
        several = f"; of {one.units} units the most frequent" if one.units > 1 else ""
        draft.guessed.append(f"{name} is each patient's first {code_words(one)}{several}.")


def _diagnoses(draft: Draft, tables: Tables, suppress: int) -> None:
    everyone = len(tables["patients"])
    found = [one for one in diagnoses(tables) if suppress <= one.patients < everyone]
    for one in found[:MOST_DIAGNOSES]:
        name = draft.new(one.name)
        draft.sets[name] = f"{{table: conditions, where: {{{draft.where(one)}}}}}"
        draft.proportions.append(name)
        draft.guessed.append(f"{name} are the patients with {code_words(one)}, whenever it was.")


def _survival(draft: Draft, tables: Tables, start: str, last: str) -> None:
    draft.times["death"] = "{table: patients, day: deceased_date}"
    longest = longest_days(tables)
    days = [day for day in _DAYS if day <= longest][-_MOST_DAYS:]
    lines = [
        f"title: Overall survival from {start.replace('_', ' ')}",
        f"start: {start}",
        "events: [death]",
        f"censor: {last}",
        *([f"survival_at_days: [{', '.join(map(str, days))}]"] if days else []),
    ]
    draft.endpoints["overall_survival"] = "\n".join(f"    {line}" for line in lines)
    if not len(known_days(tables["patients"], "deceased_date")):
        draft.guessed.append("No patient has a date of death: everybody is alive at the last contact.")
    draft.partial |= has_partial(tables["patients"], "deceased_date")
