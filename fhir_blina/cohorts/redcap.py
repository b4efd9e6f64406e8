"""A REDCap project: fields, choices, forms of its data dictionary, and what each column of an export is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fhir_blina.cohorts.guesses import dialect
from fhir_blina.errors import Finding, did_you_mean, problem
from fhir_blina.tabular import RawTable, column_names, declaration_of, name_of, read_sheet

# Of the data dictionary: titles as the web page writes them, and as the API does.
_TITLES = {
    "name": ("variable_field_name", "field_name"),
    "form": ("form_name",),
    "kind": ("field_type",),
    "label": ("field_label",),
    "choices": ("choices_calculations_or_slider_labels", "select_choices_or_calculations"),
    "validation": ("text_validation_type_or_show_slider_number",),
    "note": ("field_note",),
    "least": ("text_validation_min",),
    "most": ("text_validation_max",),
    "identifier": ("identifier",),
    "branching": ("branching_logic_show_field_only_if", "branching_logic"),
}
_NEEDED = ("name", "form", "kind")
_OF_ROWS = {
    "event": ("redcap_event_name", "event_name"),
    "instrument": ("redcap_repeat_instrument", "repeat_instrument"),
    "instance": ("redcap_repeat_instance", "repeat_instance"),
    "group": ("redcap_data_access_group", "data_access_group"),
    "survey": ("redcap_survey_identifier", "survey_identifier"),
}
_CHOOSING = ("radio", "dropdown", "checkbox")
_FIXED = {"yesno": {"1": "Yes", "0": "No"}, "truefalse": {"1": "True", "0": "False"}}
COMPLETE = {"0": "Incomplete", "1": "Unverified", "2": "Complete"}


@dataclass(frozen=True)
class ProjectField:
    """A field of the data dictionary.

    Attributes:
        name: The variable.
        form: Its instrument.
        kind: REDCap's field type.
        label: What is asked, without markup.
        choices: Label by code.
        validation: REDCap's validation type.
        note: The note below the field.
        least: The least value allowed, as text.
        most: The greatest.
        identifier: Whether the project marks it as an identifier.
        branching: Whether it is shown under a condition only.
    """

    name: str
    form: str
    kind: str
    label: str = ""
    choices: Mapping[str, str] = field(default_factory=dict)
    validation: str = ""
    note: str = ""
    least: str = ""
    most: str = ""
    identifier: bool = False
    branching: bool = False


@dataclass(frozen=True)
class ExportColumn:
    """A column of an export.

    Attributes:
        name: Its name in tables.
        part: ``field``, ``complete``, ``stamp``, or what it says of the row: ``event``, ``instance`` …
        form: Its instrument, empty for what is said of rows.
        of: Its field.
        choice: The code of a checkbox's choice.
    """

    name: str
    part: str
    form: str = ""
    of: ProjectField | None = None
    choice: str = ""


@dataclass(frozen=True)
class Project:
    """An export with its data dictionary.

    Attributes:
        fields: Of the dictionary.
        columns: Of the export, in its order.
        raw: The export as it stands.
        declared: How it is written, for the manifest.
    """

    fields: Sequence[ProjectField]
    columns: Sequence[ExportColumn]
    raw: RawTable
    declared: Mapping[str, object]


def read_project(dictionary: Path, export: Path, findings: list[Finding]) -> Project | None:
    """Read both files; ``None`` with findings where they do not fit together."""
    fields = _fields(dictionary, findings)
    settings = dialect(export, findings)
    if settings is None or not fields:
        return None
    raw = read_sheet(export, declaration_of({"file": export.name, **settings}), findings)
    if raw is None:
        return None
    columns = _columns(raw.titles, fields, export, dictionary, findings)
    return None if findings else Project(fields, columns, raw, settings)


def _fields(path: Path, findings: list[Finding]) -> list[ProjectField]:
    settings = dialect(path, findings)
    raw = (
        read_sheet(path, declaration_of({"file": path.name, **settings}), findings)
        if settings is not None
        else None
    )
    if raw is None:
        return []
    titles = [name_of(title) for title in raw.titles]
    at = {
        key: next((titles.index(one) for one in known if one in titles), -1) for key, known in _TITLES.items()
    }
    if any(at[key] < 0 for key in _NEEDED):
        text = "no data dictionary of REDCap: it has no column of variables, forms or field types"
        findings.append(
            problem(raw.place(1, None), text, "Download it under Data Dictionary, or by the API as metadata")
        )
        return []
    made = []
    for _, row in raw.rows:
        cell = {key: row[place].strip() if place >= 0 else "" for key, place in at.items()}
        kind = cell["kind"].lower()
        choices = _choices(cell["choices"]) if kind in _CHOOSING else _FIXED.get(kind, {})
        made.append(
            ProjectField(
                name=cell["name"],
                form=cell["form"],
                kind=kind,
                label=plain(cell["label"]),
                choices=choices,
                validation=cell["validation"],
                note=plain(cell["note"]),
                least=cell["least"],
                most=cell["most"],
                identifier=cell["identifier"].lower() in ("y", "yes", "1"),
                branching=bool(cell["branching"]),
            )
        )
    return made


def _choices(text: str) -> dict[str, str]:
    """``1, Male | 2, Female`` as a dictionary."""
    pairs = (one.partition(",") for one in text.split("|"))
    return {code.strip(): plain(label) for code, _, label in pairs if code.strip()}


def plain(text: str) -> str:
    """A label without markup and line ends."""
    return " ".join(re.sub(r"<[^<>]*>", " ", text).split())


def _columns(
    titles: Sequence[str],
    fields: Sequence[ProjectField],
    export: Path,
    dictionary: Path,
    findings: list[Finding],
) -> list[ExportColumn]:
    """Each column's part, by variables or, where the titles are labels, by labels in their order."""
    names = column_names(titles)
    expected = _expected(fields)
    by_variable = {title: one for title, _, one in expected}
    made: list[ExportColumn] = []
    open_labels = list(expected)
    for title, name in zip(titles, names, strict=True):
        part = next((part for part, known in _OF_ROWS.items() if name in known), "")
        found = by_variable.get(title.strip())
        if found is None and not part and plain(title) == "Complete?" and made:
            found = ExportColumn("", "complete", made[-1].form)
        if found is None and not part:
            place = next((n for n, (_, label, _) in enumerate(open_labels) if label == plain(title)), -1)
            found = open_labels.pop(place)[2] if place >= 0 else None
        if (
            found is None
            and not part
            and (title.endswith("_timestamp") or plain(title) == "Survey Timestamp")
        ):
            found = ExportColumn("", "stamp", title.removesuffix("_timestamp") if "_" in title else "")
        if found is not None:
            made.append(ExportColumn(name, found.part, found.form, found.of, found.choice))
        elif part:
            made.append(ExportColumn(name, part))
        else:
            remedy = did_you_mean(title, by_variable) or "Download dictionary and export on the same day"
            findings.append(problem(f"{export}:1", f'{dictionary.name} knows no column "{title}"', remedy))
    if fields and made and not findings and made[0].of is not fields[0]:
        text = f'the first column is not "{fields[0].name}", which names the records'
        findings.append(problem(f"{export}:1", text, "Export it too, and not hashed in another column"))
    return made


def _expected(fields: Sequence[ProjectField]) -> list[tuple[str, str, ExportColumn]]:
    """Variable, label and part of each column that an export can have."""
    made = []
    for place, one in enumerate(fields):
        if one.kind == "checkbox":
            for code, label in one.choices.items():
                title = f"{one.name}___{re.sub(r'[^a-z0-9_]', '_', code.lower())}"
                made.append(
                    (title, f"{one.label} (choice={label})", ExportColumn("", "field", one.form, one, code))
                )
        elif one.kind != "descriptive":
            made.append((one.name, one.label, ExportColumn("", "field", one.form, one)))
        if place + 1 == len(fields) or fields[place + 1].form != one.form:
            made.append((f"{one.form}_complete", "Complete?", ExportColumn("", "complete", one.form)))
    return made
