"""The words of a starter: templates, endpoints and claims with gaps for the columns of a new cohort."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence

from fhir_blina.cohorts.guesses import Asked, Guess

MOST_LABELS = 6  # of a column that seems to tell groups apart
UNITS_OF_TIME = {"d": "days", "wk": "weeks", "mo": "months", "a": "years"}
MANIFEST = """\
title: "{title}"
citation: ""
# false: the subject codes are not public, so ids become keyed hashes
published: false
base: https://fhir-blina.example
# study day 0 of every subject, a synthetic date; leave it out where all dates are real
anchor: "2000-01-01"
# code systems that codes.csv may name
systems:
  gender: http://hl7.org/fhir/administrative-gender
  loinc: http://loinc.org
  snomed: http://snomed.info/sct
  ucum: http://unitsofmeasure.org
  observable: "{{{{ %canonical }}}}/CodeSystem/observable"
  item: "{{{{ %base }}}}/{{{{ %cohort }}}}/CodeSystem/item"
"""

PATIENTS = """\
# A patient, and the subject of the study whose study day 0 everything is counted from.
table: patients
resource:
  resourceType: Patient
  id: "{{{{ %cohort }}}}-{{{{ {patient} }}}}"
  identifier:
    - type: {{text: Study subject number}}
      system: "{{{{ %base }}}}/{{{{ %cohort }}}}/NamingSystem/subject"
      value: "{{{{ {patient} }}}}"
{more}---
table: patients
resource:
  resourceType: ResearchSubject
  id: "{{{{ %cohort }}}}-{{{{ {patient} }}}}-enrolment"
  status: on-study
  study: {{reference: "ResearchStudy/{{{{ %cohort }}}}-study"}}
  individual: {{reference: "Patient/{{{{ %cohort }}}}-{{{{ {patient} }}}}"}}
  period:
    start: "{{{{ 0.studyDate() }}}}"
---
table: patients
resource:
  resourceType: Condition
  id: "{{{{ %cohort }}}}-{{{{ {patient} }}}}-condition"
  # code: {{coding: [{{system: http://snomed.info/sct, code: "254637007"}}], text: the disease of the cohort}}
  code: {{text: "{{{{ %title }}}}"}}
  subject: {{reference: "Patient/{{{{ %cohort }}}}-{{{{ {patient} }}}}"}}
---
resource:
  resourceType: ResearchStudy
  id: "{{{{ %cohort }}}}-study"
  status: completed
  title: "{{{{ %title }}}}"
"""

FOLLOW_UP = """\
# The time from study day 0 to death or to the last contact, and which of the two it was.
table: {table}
resource:
  resourceType: Observation
  id: "{{{{ %cohort }}}}-{{{{ {patient} }}}}-os-time"
  status: final
  code: {{coding: [{{system: "{{{{ %canonical }}}}/CodeSystem/observable", code: os-time}}]}}
  subject: {{reference: "Patient/{{{{ %cohort }}}}-{{{{ {patient} }}}}"}}
  valueQuantity: {{value: "{{{{ {time} }}}}", unit: {unit}, system: http://unitsofmeasure.org, code: {unit}}}
  component:
    - code: {{coding: [{{system: "{{{{ %canonical }}}}/CodeSystem/observable", code: os-event}}]}}
      valueBoolean: "{{{{ {event} }}}}"
"""

_ITEM = """\
# WHAT: one Observation of each cell. codes.csv has code and unit of each; put a LOINC code before ours.
table: TABLE
resource:
  resourceType: Observation
  id: "{{{{ %cohort }}}}-{{{{ {patient} }}}}-{{{{ item.translate('item').code.last() }}}}"
  status: final
  code:
    coding: ["{{{{ item.translate('item') }}}}"]
  subject: {{reference: "Patient/{{{{ %cohort }}}}-{{{{ {patient} }}}}"}}
  VALUE
"""
_QUANTITY = """valueQuantity:
    value: "{{{{ value }}}}"
    unit: "{{{{ item.translate('unit').code }}}}"
    system: "{{{{ item.translate('unit').system }}}}"
    code: "{{{{ item.translate('unit').code }}}}\""""


def _items(what: str, table: str, value: str) -> str:
    return _ITEM.replace("WHAT", what).replace("TABLE", table).replace("VALUE", value)


ITEMS = {
    "measurements": _items("Numbers", "measurements", _QUANTITY),
    "words": _items("Words", "words", 'valueString: "{{{{ value }}}}"'),
    "dates": _items("Dates", "dates", 'valueDateTime: "{{{{ value }}}}"'),
}

NO_ENDPOINTS = """\
# docs/endpoints.md explains every section; docs/views.md lists the tables and their columns.
subjects: {table: patients, key: patient_id, label: study_subject}
endpoints: {}
"""

_ROWS = """\
# A starter: every row is an Observation, every cell a component. Replace it by the FHIR resources that the
# rows are. mappings/README.md describes the language.
table: "{table}"
resource:
  resourceType: Observation
  id: "{{{{ %cohort }}}}-{slug}-{key}"
  status: final
  code: {{text: "{table}"}}
{subject}  component:
{components}"""

_VALUES = {
    "string": 'valueString: "{{{{ {column} }}}}"',
    "integer": 'valueInteger: "{{{{ {column} }}}}"',
    "decimal": 'valueQuantity: {{value: "{{{{ {column} }}}}"}}',
    "boolean": 'valueBoolean: "{{{{ {column} }}}}"',
    "date": 'valueDateTime: "{{{{ {column} }}}}"',
}


def rows_template(table: Guess, patient: str) -> str:
    """A template that keeps every row and cell of a table."""
    subject = ""
    if patient in table.columns:
        subject = f'  subject: {{reference: "Patient/{{{{ %cohort }}}}-{{{{ {patient} }}}}"}}\n'
    components = "".join(
        f'    - code: {{text: "{column}"}}\n      {_VALUES[table.kinds[column]].format(column=column)}\n'
        for column in table.columns
    )
    key = "-".join(f"{{{{ {column} }}}}" for column in table.key)
    slug = table.name.replace("_", ".")
    return _ROWS.format(table=table.name, slug=slug, key=key, subject=subject, components=components)


def event_condition(table: Guess, asked: Asked) -> str:
    """FHIRPath that is true where the row ends with the event."""
    kind = table.kinds[asked.event]
    if kind == "boolean":
        return asked.event if asked.value in ("", "true") else f"{asked.event} = {asked.value}"
    value = asked.value or "1"
    return f"{asked.event} = {value}" if kind in ("integer", "decimal") else f"{asked.event} = '{value}'"


def endpoints(main: Guess, others: Sequence[str], asked: Asked) -> str:
    """Endpoints: a summary of each number, groups by words, and overall survival where a time is known.

    ``others`` are columns that no Observation of their own holds.
    """
    lines = [
        "# What is measured. docs/endpoints.md explains every section, docs/views.md the tables.",
        "subjects: {table: patients, key: patient_id, label: study_subject}",
        "systems:",
        "  observable: https://fhir-blina.example/CodeSystem/observable",
    ]
    used = {*others, asked.time, asked.event}
    numbers = [
        column
        for column, title in zip(main.columns, main.titles, strict=True)
        if title
        and column not in used
        and main.kinds[column] in ("integer", "decimal")
        and len(set(main.cells[column]) - {""}) > 1
    ]
    groups = _groups(main, used)
    words = [column for column in groups if column not in numbers]
    lines += ["measures:"] * bool(numbers or words)
    for column in [*numbers, *words]:
        where = f"{{code: {json.dumps(column.replace('_', '-'))}}}"
        value = "value_quantity" if column in numbers else "value_string"
        lines.append(f"  {column}: {{table: observations, where: {where}, value: {value}}}")
    if groups:
        lines.append(
            "# Write compare: [GROUP] into an endpoint to compare them; the first label is the reference."
        )
        lines.append("groups:")
    for column, labels in groups.items():
        lines.append(f"  {column}: {{measure: {column}, labels: {json.dumps(labels, ensure_ascii=False)}}}")
    if asked.time:
        lines.append(SURVIVAL)
    else:
        lines.append("endpoints: {}\n")
    if numbers:
        lines += ["summaries:", *(f"  {column}: {{}}" for column in numbers), ""]
    return "\n".join(lines)


def _groups(main: Guess, used: Collection[str]) -> dict[str, dict[str, str]]:
    """Labels of columns that seem to tell groups apart: a few words, or two whole numbers."""
    found = {}
    for column, title in zip(main.columns, main.titles, strict=True):
        values = sorted(set(main.cells[column]) - {""})
        most = {"string": MOST_LABELS, "boolean": 2, "integer": 2}.get(main.kinds[column], 0)
        if title and column not in used and 2 <= len(values) <= min(most, len(main.cells[column]) // 2):
            plain = main.kinds[column] == "string"
            found[column] = {value: value if plain else f"{column}: {value}" for value in values}
    return found


SURVIVAL = """\
times:
  start: {table: study_subjects, day: start_study_day, pick: first}
  last_contact: {table: observations, where: {code_system: observable, code: os-time}, day: value_quantity}
  death:
    table: observations
    where: {code_system: observable, code: os-time}
    having: [{table: components, where: {component_code: os-event, value_boolean: true}, on: observation_id}]
    day: value_quantity
endpoints:
  overall_survival:
    title: Overall survival from study day 0 to death from any cause
    start: start
    events: [death]
    censor: last_contact
    survival_at_days: [365, last]"""


def claims(patients: int) -> str:
    """The published numbers: so far the one that the file shows."""
    header = (
        "claim,title,kind,value_printed,unit,printed_in,quote,reading,record,group,time_days,ci_method,field,"
        "arithmetic,why\n"
    )
    return header + f"patients,Patients,result,{patients},1,the file,,main,subjects.count,,,,value,,\n"


def code_system(codes: Sequence[tuple[str, str]]) -> str:
    """The code system of the columns."""
    system = {
        "resourceType": "CodeSystem",
        "id": "{{ %cohort }}-item",
        "url": "{{ %base }}/{{ %cohort }}/CodeSystem/item",
        "version": "1.0.0",
        "name": "CohortItem",
        "title": "Columns of the cohort's files",
        "status": "active",
        "experimental": False,
        "description": "What the columns of the cohort's files hold",
        "caseSensitive": True,
        "content": "complete",
        "count": len(codes),
        "concept": [{"code": code, "display": display} for code, display in codes],
    }
    return json.dumps(system, indent=2, ensure_ascii=False) + "\n"
