"""A starter from a REDCap project: a table and a template of each instrument, choices as codes."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from fhir_blina.cohorts import starter_texts as texts
from fhir_blina.cohorts.guesses import IN_AN_ID, Asked, Guess
from fhir_blina.cohorts.kind_texts import commented
from fhir_blina.cohorts.redcap import ExportColumn, Project
from fhir_blina.cohorts.redcap_columns import Typed, understood
from fhir_blina.cohorts.redcap_texts import Form, code_of, form_template, map_of, row_components
from fhir_blina.cohorts.starter import Starter
from fhir_blina.tabular import name_of

_UNREAD = {
    "group": "the group of users who may see the record",
    "instance": "no instrument repeats",
    "instrument": "the table says which instrument it was",
    "survey": "an identifier of who answered",
    "stamp": "when the survey was sent off",
}


class _Export:
    """The export, column by column."""

    def __init__(self, project: Project, missing: Sequence[str]) -> None:
        self.project = project
        self.cells = {
            one.name: [row[place] for _, row in project.raw.rows] for place, one in enumerate(project.columns)
        }
        self.typed = {one.name: understood(one, self.cells[one.name], missing) for one in project.columns}
        self.record = project.columns[0].name

    def of_rows(self, part: str) -> str:
        """The column that says something of rows; empty where the export has none."""
        return next((one.name for one in self.project.columns if one.part == part), "")

    def constant(self, column: str) -> bool:
        """Whether a column says the same in every row of a record."""
        said = set(zip(self.cells[self.record], self.cells[column], strict=True))
        return len(said) == len(set(self.cells[self.record]))

    def forms(self) -> list[Form]:
        """The instruments that the export has columns of."""
        names = dict.fromkeys(one.form for one in self.project.columns[1:] if one.form)
        return [self._form(name) for name in names]

    def _form(self, name: str) -> Form:
        columns = tuple(self.typed[one.name] for one in self.project.columns[1:] if one.form == name)
        rows = [place for place in range(len(self.cells[self.record])) if self._filled(columns, place)]
        event, instance = self.of_rows("event"), self.of_rows("instance")
        said = [self.record, *([event] if event else [])]
        if instance and any(self.cells[instance][place] for place in rows):
            said.append(instance)
        records = [self.cells[self.record][place] for place in rows]
        single = len(set(records)) == len(records)
        return Form(name_of(name), tuple(said), columns, single)

    def _filled(self, columns: Sequence[Typed], place: int) -> bool:
        return any(self.cells[one.name][place] not in ("", *one.empty, *one.missing) for one in columns)


def redcap_started(
    name: str, project: Project, export: Path, asked: Asked, missing: Sequence[str]
) -> tuple[Guess, Starter]:
    """The export as a table to be cut, and the starter of its cohort."""
    read = _Export(project, missing)
    forms = read.forms()
    made = Starter(texts.MANIFEST.format(title=name))
    settings: dict[str, dict[str, object]] = {"patients": {"keep": [read.record], "distinct": True}}
    _line(made, "patients", Typed(project.columns[0]), True)
    made.files["resources/patients.yaml"] = texts.PATIENTS.format(
        patient=read.record, more=commented("patients")
    )
    group = read.of_rows("group")
    named = {column for form in forms for column in form.key}
    if group and read.constant(group):
        named.add(group)
        settings["patients"]["keep"] = [read.record, group]
        read.typed[group].unmapped = _UNREAD["group"]
        _line(made, "patients", read.typed[group], False)
    extra = [one for one in project.columns if one.name not in named and one.part in _UNREAD and not one.form]
    for form in forms:
        settings[form.name] = _settings(read, form, extra)
        for column in form.key:
            kind = "integer" if column == read.of_rows("instance") else ""
            _line(made, form.name, read.typed[column], True, kind)
        for one in form.columns:
            if one.column.part == "stamp":
                one.unmapped = _UNREAD["stamp"]
            _line(made, form.name, one, False)
            made.notes += [f"{form.name}: {one.name}: {note}" for note in one.notes]
        for other in extra:
            part = read.typed[other.name]
            part.unmapped = _UNREAD[other.part]
            _line(made, form.name, part, False)
        made.files[f"resources/{form.name}.yaml"] = form_template(form, read.of_rows("event"))
    _codes(made, read, forms)
    _survival(made, read, forms, asked)
    branching = sum(one.branching for one in project.fields)
    if branching:
        made.notes.append(
            f"{branching} fields have branching logic, which nothing reads: an empty cell may mean not asked"
        )
    there = {one.of.name for one in project.columns if one.of is not None}
    if any(one.of is not None and one.of.identifier for one in project.columns):
        made.notes.append(
            f"data/{export.name} holds the identifiers as exported: keep the folder as you keep the export"
        )
    absent = [fld.name for fld in project.fields if fld.kind != "descriptive" and fld.name not in there]
    if absent:
        made.notes.append(f"not in the export: {', '.join(absent[:5])}{' …' * (len(absent) > 5)}")
    if not all(IN_AN_ID.fullmatch(one) for one in read.cells[read.record]):
        made.notes.append(
            f"{read.record} holds blanks or signs that no id can have: "
            f"write {read.record}.replace(' ', '-') in ids and references"
        )
    made.files["claims.csv"] = texts.claims(len(set(read.cells[read.record])))
    guess = Guess(
        name=name_of(export.name.split(".")[0]),
        source=export,
        declared=dict(project.declared),
        columns=[],
        titles=[],
        kinds={},
        cells=read.cells,
    )
    made.cut[guess.name] = settings
    made.notes.insert(0, f"{len(forms)} instruments: {', '.join(one.name for one in forms)}; a table each")
    return guess, made


def _settings(read: _Export, form: Form, extra: Sequence[ExportColumn]) -> dict[str, object]:
    missing = {one.name: list(one.missing) for one in form.columns if one.missing}
    dates = {one.name: one.dates for one in form.columns if one.dates}
    instance = read.of_rows("instance")
    return {
        "keep": [*form.key, *(one.name for one in form.columns), *(one.name for one in extra)],
        "rows_with": {one.name: list(one.empty) for one in form.columns},
        **({"empty_is": {instance: 1}} if instance in form.key else {}),
        **({"missing": missing} if missing else {}),
        **({"dates": dates} if dates else {}),
    }


def _line(made: Starter, table: str, one: Typed, key: bool, kind: str = "") -> None:
    yes = "yes" if key else ""
    kind = kind or ("string" if key else one.kind)
    values = "|".join(one.values)
    made.dictionary.append(
        [table, one.name, kind, yes, yes, values, one.unit, one.description, one.unmapped, ""]
    )


def _codes(made: Starter, read: _Export, forms: Sequence[Form]) -> None:
    """Codes of instruments, columns, choices and events, and the code system that has them."""
    known: dict[str, str] = {}
    lines: dict[tuple[str, str], tuple[str, str]] = {}

    def say(name: str, word: str, code: str, display: str) -> None:
        lines.setdefault((name, word), (code, display))
        known.setdefault(code, display)

    for form in forms:
        say("item", form.name, f"form.{form.name}".replace("_", "-"), form.name)
        for column in form.key[1:]:
            say("item", column, column.replace("_", "-"), read.typed[column].description)
        for one in form.columns:
            if one.unmapped:
                continue
            say("item", one.name, code_of(one), one.description)
            for word, (code, display) in one.codes.items():
                say(map_of(one), word, code, display)
    event = read.of_rows("event")
    for word in dict.fromkeys(read.cells.get(event, ())):
        if word:
            say("event", word, f"event.{re.sub(r'[^a-z0-9]+', '-', word.lower()).strip('-')}", word)
    made.codes += [[name, word, "item", code, display, ""] for (name, word), (code, display) in lines.items()]
    made.files["profiles/CodeSystem-item.json"] = texts.code_system(list(known.items()))


def _survival(made: Starter, read: _Export, forms: Sequence[Form], asked: Asked) -> None:
    """Endpoints: each number of an instrument with one row a patient, and survival where it was asked for."""
    numbers = [
        one
        for form in forms
        if form.single
        for one in form.columns
        if one.kind in ("integer", "decimal") and not one.unmapped
    ]
    lines = [
        "# What is measured. docs/statistics.md explains every section, docs/views.md the tables.",
        "subjects: {table: patients, key: patient_id, label: study_subject}",
        "systems:",
        "  observable: https://fhir-blina.example/CodeSystem/observable",
    ]
    used = [one for one in numbers if one.name not in (asked.time, asked.event)]
    if used:
        lines.append("measures:")
    for one in used:
        where = f"{{component_code: {json.dumps(code_of(one))}}}"
        unit = f", unit: {json.dumps(one.unit)}" if one.unit else ""
        lines.append(f"  {one.name}: {{table: components, where: {where}, value: value_quantity{unit}}}")
    lines.append(texts.SURVIVAL if asked.time else "endpoints: {}")
    if used:
        lines.append(f"summaries: {{{', '.join(f'{one.name}: {{}}' for one in used)}}}")
    made.files["endpoints.yaml"] = "\n".join([*lines, ""])
    if not asked.time:
        return
    for form in forms:
        columns = {one.name: one.kind for one in form.columns}
        if asked.time in columns and asked.event in columns and form.single:
            table = Guess(
                name=form.name, source=Path(), declared={}, columns=[], titles=[], kinds=columns, cells={}
            )
            condition = texts.event_condition(table, asked)
            made.files["resources/follow-up.yaml"] = texts.FOLLOW_UP.format(
                table=form.name, patient=read.record, time=asked.time, unit=asked.unit, event=condition
            ) + "".join(f"{line}\n" for line in row_components(form, read.of_rows("event")))
            made.notes.append(
                f"{form.name}: {asked.time} is in {texts.UNITS_OF_TIME[asked.unit]}; an event is {condition}"
            )
            return
    made.notes.append(
        "--time and --event are not in one instrument with a row a patient: no survival was written"
    )
