"""What the rows of a table are: laboratory values, medications, diagnoses, procedures or outcomes.

A guess by names, said as one; the author can say it instead. Where nothing speaks for a kind, a row stays
an Observation of its cells.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from fhir_blina.cohorts.guesses import Guess

KINDS = ("laboratory", "medications", "diagnoses", "procedures", "outcomes", "rows")

_TABLE = {
    "laboratory": r"labs?|laborator.*|chem.*|h(a?e)mat.*|blood.*|measurements?|results?|vitals?|values?",
    "medications": r"med|meds|medic.*|drugs?|dos(e|es|ing)|treatments?|therap.*|prescri.*|chemo.*",
    "diagnoses": r"dx|diag.*|conditions?|diseases?|comorb.*|histor.*|icd.*|complications?|adverse.*|ae",
    "procedures": r"proc.*|surg.*|operations?|ops|transplant.*|hsct|biops.*|interventions?",
    "outcomes": r"outcomes?|events?|follow_?up|deaths?|relapses?|responses?|endpoints?|survival",
}
_NAMES = {
    "laboratory": r"(lab_?)?(test|analyte|parameter|measure|item|assay|marker)(_?name)?|labtest",
    "medications": r"drug(_?name)?|medication(_?name)?|medicine|agent|substance|regimen|treatment|therapy",
    "diagnoses": r"diagnos[ei]s|dx|icd(_?10|_?9)?(_?code)?|condition|disease|comorbidity|term|complication",
    "procedures": r"procedure|operation|surgery|intervention|ops(_?code)?|transplant(ation)?",
    "outcomes": r"outcome|event|response|result|status|endpoint",
}
_START = re.compile(r"(.*_)?(date|start|onset|day|begin|from|on|performed|collected|time)(_.*)?|visit.*")
_END = re.compile(r"(.*_)?(end|stop|until|to|resolved|last)(_.*)?")
_DAY = re.compile(r"(.*_)?(study_?)?day|(start|end|stop|onset)_?day|day_.*")
_VALUE = re.compile(r"(.*_)?(value|val|result|numeric|level)")
_UNIT = re.compile(r"(.*_)?units?")
_DOSE = re.compile(r"(.*_)?(dose|dosage|amount|quantity)(_.*)?")
_ROUTE = re.compile(r"(.*_)?route")


@dataclass(frozen=True)
class Kind:
    """What the rows of a table are, and what some of its columns hold; empty where none does.

    Attributes:
        name: One of ``KINDS``.
        what: The column that says which test, drug, disease, procedure or outcome.
        start: A date, or a study day.
        end: A date, or a study day.
        value: Of a test, or a dose.
        unit: Of the value.
        route: Of a drug.
        days: Whether start and end are study days.
    """

    name: str
    what: str = ""
    start: str = ""
    end: str = ""
    value: str = ""
    unit: str = ""
    route: str = ""
    days: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that have an element of their own."""
        return tuple(filter(None, (self.what, self.start, self.end, self.value, self.unit, self.route)))


def kind_of_rows(table: Guess, patient: str, said: str = "") -> Kind:
    """What a table's rows are, as its names tell, or as the author said."""
    free = [name for name in table.columns if name != patient and any(table.cells[name])]
    name = said or next((one for one in _TABLE if re.fullmatch(_TABLE[one], table.name)), "")
    if not name:
        by_column = (one for one in ("medications", "diagnoses", "procedures") if _first(free, _NAMES[one]))
        name = next(by_column, "rows")
    if name == "rows":
        return Kind("rows")
    words = [one for one in free if table.kinds[one] == "string"]
    numbers = [one for one in free if table.kinds[one] in ("integer", "decimal")]
    dates = [one for one in free if table.kinds[one] == "date"]
    whole = [one for one in free if table.kinds[one] == "integer" and _DAY.fullmatch(one)]
    times = dates or whole
    end = _first(times, _END.pattern)
    starts = [one for one in times if one != end]
    start = _first(starts, _START.pattern) or (starts[0] if starts and dates else "")
    numbers = [one for one in numbers if one not in times]
    value = unit = route = ""
    if name in ("laboratory", "medications"):
        value = _first(numbers, (_VALUE if name == "laboratory" else _DOSE).pattern)
        unit = _first(words, _UNIT.pattern) if value else ""
        route = _first(words, _ROUTE.pattern) if name == "medications" else ""
    what = _first([one for one in words if one not in (unit, route)], _NAMES[name])
    return Kind(
        name=name,
        what=what,
        start=start,
        end=end if start or end else "",
        value=value,
        unit=unit,
        route=route,
        days=not dates and bool(start or end),
    )


def _first(names: Sequence[str], pattern: str) -> str:
    return next((one for one in names if re.fullmatch(pattern, one)), "")


SEXES = {"m": "male", "male": "male", "f": "female", "female": "female"}
_SEX = re.compile(r"sex|gender")
_BIRTH = re.compile(r"(.*_)?(birth|born|dob)(_.*)?|birth_?(date|day)")


def sex_column(table: Guess, free: Sequence[str]) -> tuple[str, dict[str, str]]:
    """The column of the sex and the code of each of its words, where every word can be one only."""
    for name in free:
        words = sorted({cell for cell in table.cells[name] if cell})
        codes = {word: SEXES.get(word.casefold(), "") for word in words}
        if _SEX.fullmatch(name) and words and all(codes.values()) and len(set(codes.values())) == len(words):
            return name, codes
    return "", {}


def birth_column(table: Guess, free: Sequence[str]) -> str:
    """The column of the date of birth."""
    return next((one for one in free if table.kinds[one] == "date" and _BIRTH.fullmatch(one)), "")
