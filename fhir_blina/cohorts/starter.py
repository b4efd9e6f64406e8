"""What a starter says: templates, dictionary, codes, endpoints and claims for the tables of a new cohort."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from fhir_blina.cohorts import starter_texts as texts
from fhir_blina.cohorts.guesses import Asked, Guess, naming_columns
from fhir_blina.cohorts.kind_texts import TYPES, commented, kind_template
from fhir_blina.cohorts.kinds import Kind, birth_column, kind_of_rows, sex_column
from fhir_blina.cohorts.starter_repeated import Repeated, repeated
from fhir_blina.errors import Finding, problem

_PATIENT = re.compile(
    r"(patient|subject|participant|record|case|pat|usubj)(_?(id|no|nr|number|code))?|id|usubjid"
)
# Endings of column names that are units, in UCUM.
_UNITS = {
    "years": "a", "year": "a", "yrs": "a", "months": "mo", "days": "d", "kg": "kg", "cm": "cm", "mm": "mm",
    "pct": "%", "percent": "%", "g_dl": "g/dL", "g_l": "g/L", "mg_dl": "mg/dL", "mg_l": "mg/L",
    "mmol_l": "mmol/L", "umol_l": "umol/L", "u_l": "U/L", "10e9_l": "10*9/L", "10e12_l": "10*12/L",
    "ml_min": "mL/min", "mmhg": "mm[Hg]", "kcal": "kcal",
}  # fmt: skip


@dataclass
class Starter:
    """The texts of a new cohort folder.

    Attributes:
        manifest: ``cohort.yaml`` but for its tables.
        dictionary: Lines of the dictionary.
        codes: Lines of ``codes.csv``.
        files: All others, by path in the folder.
        cut: Tables cut out of one of the files: settings by table, by the name of the file's table.
        notes: What was guessed, in words.
    """

    manifest: str
    dictionary: list[Sequence[str]] = field(default_factory=list)
    codes: list[Sequence[str]] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    cut: dict[str, dict[str, dict[str, object]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def started(name: str, tables: Sequence[Guess], asked: Asked, findings: list[Finding]) -> Starter:
    """The starter of a cohort: patients, and what was measured of them, where a column names a patient.

    A pattern that names no column of the patients' table goes to ``findings``.
    """
    made = Starter(texts.MANIFEST.format(title=name))
    main, patient = _patients(tables, asked)
    if main is None:
        made.notes.append("no column names a patient: say which one does by --patient")
    for table in tables:
        if table is main:
            _main(made, table, patient, asked, repeated(table, asked.unpivot, findings))
        else:
            _plain(made, table, patient if main is not None else "", asked.kinds.get(table.name, ""))
    counted = len(main.cells[patient]) if main is not None else 0
    if main is None and asked.unpivot:
        findings.append(problem("", "--unpivot needs a table with a row a patient", "Name one by --patient"))
    made.files["endpoints.yaml"] = (
        texts.endpoints(main, _elsewhere(main, patient, asked), asked)
        if main is not None
        else texts.NO_ENDPOINTS
    )
    made.files["claims.csv"] = texts.claims(counted)
    return made


def _patients(tables: Sequence[Guess], asked: Asked) -> tuple[Guess | None, str]:
    """The table with a row for each patient, and the column that names them."""
    for table in tables:
        names = (
            [asked.patient] if asked.patient else [one for one in table.columns if _PATIENT.fullmatch(one)]
        )
        for name in names:
            if asked.time and asked.time not in table.columns:
                continue
            if name in table.columns and naming_columns(table, name) == (name,):
                _named_by(table, name)
                return table, name
    for table in tables if asked.time or asked.patient else ():
        number = str(table.declared.get("number", ""))
        if number and asked.patient in ("", number) and asked.time in ("", *table.columns):
            table.kinds[number] = "string"
            table.notes = [one for one in table.notes if "numbered" not in one]
            table.notes.append("a row is a patient; no column names one, so they are numbered")
            return table, number
    return None, ""


def _named_by(table: Guess, name: str) -> None:
    """Let a column name the rows, in place of what was guessed."""
    table.kinds[name] = "string"
    table.key = (name,)
    table.notes = [one for one in table.notes if "named by" not in one and "numbered" not in one]
    table.notes.append(f"a row is a patient, named by {name}")
    number = table.declared.pop("number", "")
    if number:
        table.columns.remove(number)
        table.titles.pop(0)
        del table.cells[number], table.kinds[number]


def _line(made: Starter, table: str, column: str, kind: str, key: bool, title: str, **more: str) -> None:
    yes = "yes" if key else ""
    described = title if title != column else ""
    made.dictionary.append(
        [table, column, kind, yes, yes, more.get("values", ""), "", described, more.get("unmapped", ""), ""]
    )


def _main(made: Starter, table: Guess, patient: str, asked: Asked, again: Sequence[Repeated]) -> None:
    """Patients, follow-up, and an Observation of each other cell."""
    title = dict(zip(table.columns, table.titles, strict=True))
    own = [one for one in (patient, asked.time, asked.event) if one]
    number = [one for one in table.columns if not title[one] and one not in own]  # row names that R wrote
    free = [one for one in table.columns if one not in own and one not in number]
    sex, genders = sex_column(table, free)
    birth = birth_column(table, free)
    own += [one for one in (sex, birth) if one]
    empty = [one for one in table.columns if one not in own and not any(table.cells[one])]
    number += [one for one in empty if one not in number]
    melted = {column for one in again for column in one.columns}
    number = [one for one in number if one not in melted]
    rest = [one for one in table.columns if one not in own and one not in number and one not in melted]
    kinds = {
        "measurements": [one for one in rest if table.kinds[one] in ("integer", "decimal")],
        "dates": [one for one in rest if table.kinds[one] == "date"],
        "words": [one for one in rest if table.kinds[one] in ("string", "boolean")],
    }
    settings: dict[str, dict[str, object]] = {"patients": {"keep": own + number}}
    for column in own + number:
        values = "|".join(sorted(set(table.cells[column]) - {""})) if column == asked.event else ""
        unmapped = "row numbers that the file's program wrote" if column in number else ""
        unmapped = "no cell is filled" if column in empty else unmapped
        kind = table.kinds[column]
        _line(
            made, "patients", column, kind, column == patient, title[column], values=values, unmapped=unmapped
        )
    known = [f"  gender: \"{{{{ {sex}.translate('gender').code }}}}\""] if sex else []
    known += [f'  birthDate: "{{{{ {birth} }}}}"'] if birth else []
    told = "".join(f"{line}\n" for line in known)
    more = told + commented("patients", f"\n{told}")
    made.files["resources/patients.yaml"] = texts.PATIENTS.format(patient=patient, more=more)
    made.codes += [["gender", word, "gender", code, "", ""] for word, code in genders.items()]
    if sex:
        said = ", ".join(f"{word} is {code}" for word, code in genders.items())
        made.notes.append(f"{table.name}: {sex} is the gender, {said}")
    if birth:
        made.notes.append(f"{table.name}: {birth} is the date of birth")
    if asked.time:
        condition = texts.event_condition(table, asked)
        made.files["resources/follow-up.yaml"] = texts.FOLLOW_UP.format(
            table="patients", patient=patient, time=asked.time, unit=asked.unit, event=condition
        )
        made.notes.append(
            f"{table.name}: {asked.time} is in {texts.UNITS_OF_TIME[asked.unit]}; an event is {condition}"
        )
    for name, columns in kinds.items():
        if not columns:
            continue
        settings[name] = {
            "keep": [patient],
            "unpivot": {"columns": columns, "name": "item", "value": "value"},
        }
        kind = {"measurements": "decimal", "dates": "date", "words": "string"}[name]
        _line(made, name, patient, "string", True, title[patient])
        _line(made, name, "item", "string", True, "the column", values="|".join(columns))
        _line(made, name, "value", kind, False, "its cell")
        made.files[f"resources/{name}.yaml"] = texts.ITEMS[name].format(patient=patient)
    for column in rest:
        code = column.replace("_", "-")
        made.codes.append(["item", column, "item", code, title[column], ""])
        if column in kinds["measurements"]:
            unit = table.units.get(column) or _unit(column)
            made.codes.append(["unit", column, "ucum" if unit else "", unit, "", "" if unit else "not known"])
            if unit and column not in table.units:
                made.notes.append(f"{table.name}: {column} is in {unit}, by its name")
    for one in again:
        settings[one.name] = {"keep": [patient], "unpivot": one.settings}
        _line(made, one.name, patient, "string", True, title[patient])
        for gap, of in one.gaps.items():
            _line(made, one.name, gap, of, True, f"{gap} of {one.pattern}")
        _line(made, one.name, one.name, one.kind, False, one.pattern)
        made.codes.append(["item", one.name, "item", one.name.replace("_", "-"), one.name, ""])
        made.files[f"resources/{one.name}.yaml"] = one.template(patient, _unit_of(table, one))
        made.notes.append(
            f"{table.name}: {len(one.columns)} columns like {one.pattern} are rows of {one.name}"
        )
    made.files["profiles/CodeSystem-item.json"] = texts.code_system(
        [(column.replace("_", "-"), title[column]) for column in rest]
        + [(one.name.replace("_", "-"), one.name) for one in again]
    )
    made.cut[table.name] = settings
    cut = ", ".join(settings)
    made.notes.append(f"{table.name}: cut into {cut}; a cell of another column is an Observation of its own")


def _elsewhere(table: Guess, patient: str, asked: Asked) -> list[str]:
    """Columns that are no Observation of their own: the patient's, and those of a pattern."""
    own = (patient, asked.time, asked.event)
    free = [one for one, title in zip(table.columns, table.titles, strict=True) if title and one not in own]
    melted = [column for one in repeated(table, asked.unpivot, []) for column in one.columns]
    return [patient, sex_column(table, free)[0], birth_column(table, free), *melted]


def _unit_of(table: Guess, one: Repeated) -> str:
    """The unit that the columns of a pattern share."""
    units = {table.units.get(column, "") for column in one.columns}
    return (units.pop() if len(units) == 1 else "") or _unit(one.pattern)


def _unit(column: str) -> str:
    """The unit that a column's name ends in."""
    return next((ucum for end, ucum in _UNITS.items() if column == end or column.endswith(f"_{end}")), "")


def _plain(made: Starter, table: Guess, patient: str, said: str) -> None:
    """What each row is by its kind; where none can be told an Observation, its cells as components."""
    for column, title in zip(table.columns, table.titles, strict=True):
        kind = "string" if column == patient else table.kinds[column]
        _line(made, table.name, column, kind, column in table.key, title)
    typed = replace(table, kinds={**table.kinds, **({patient: "string"} if patient in table.kinds else {})})
    rows = kind_of_rows(typed, patient, said) if patient in table.columns else Kind("rows")
    if rows.name == "rows":
        made.files[f"resources/{table.name}.yaml"] = texts.rows_template(typed, patient)
        return
    made.files[f"resources/{table.name}.yaml"] = kind_template(typed, rows, patient)
    held = f" by {', '.join(rows.columns)}" if rows.columns else ""
    how = "as said" if said else "by its name and columns"
    made.notes.append(f"{table.name}: {rows.name}, {how}; each row is of the type {TYPES[rows.name]}{held}")
