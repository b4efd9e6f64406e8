"""Starter templates by kind: what the columns tell, and the other elements of the resource as comments."""

from __future__ import annotations

from collections.abc import Callable

from fhir_blina.cohorts.guesses import Guess
from fhir_blina.cohorts.kinds import Kind

TYPES = {
    "laboratory": "Observation",
    "medications": "MedicationStatement",
    "diagnoses": "Condition",
    "procedures": "Procedure",
    "outcomes": "Observation",
}
_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
# Elements that such a row often has, to be filled from a column: take the # away and name it.
COMMENTED = {
    "laboratory": """\
category: [{coding: [{system: "TERMINOLOGY/observation-category", code: laboratory}]}]
code: {coding: ["{{ COLUMN.translate('test') }}"]}
effectiveDateTime: "{{ COLUMN }}"
valueQuantity: {value: "{{ COLUMN }}", unit: mg/dL, system: "http://unitsofmeasure.org", code: mg/dL}
interpretation: [{coding: ["{{ COLUMN.translate('interpretation') }}"]}]
referenceRange: [{text: "{{ COLUMN }}"}]
method: {text: "{{ COLUMN }}"}
bodySite: {text: "{{ COLUMN }}"}""",
    "medications": """\
medicationCodeableConcept: {coding: ["{{ COLUMN.translate('drug') }}"]}
effectivePeriod: {start: "{{ COLUMN }}", end: "{{ COLUMN }}"}
statusReason: [{text: "{{ COLUMN }}"}]
reasonCode: [{text: "{{ COLUMN }}"}]
dosage: [{text: "{{ COLUMN }}", route: {text: "{{ COLUMN }}"}}]""",
    "diagnoses": """\
clinicalStatus: {coding: [{system: "TERMINOLOGY/condition-clinical", code: active}]}
verificationStatus: {coding: [{system: "TERMINOLOGY/condition-ver-status", code: confirmed}]}
category: [{coding: [{system: "TERMINOLOGY/condition-category", code: encounter-diagnosis}]}]
severity: {text: "{{ COLUMN }}"}
code: {coding: ["{{ COLUMN.translate('diagnosis') }}"]}
bodySite: [{text: "{{ COLUMN }}"}]
onsetDateTime: "{{ COLUMN }}"
abatementDateTime: "{{ COLUMN }}"
recordedDate: "{{ COLUMN }}"
stage: [{summary: {text: "{{ COLUMN }}"}}]""",
    "procedures": """\
category: {text: "{{ COLUMN }}"}
code: {coding: ["{{ COLUMN.translate('procedure') }}"]}
performedDateTime: "{{ COLUMN }}"
reasonCode: [{text: "{{ COLUMN }}"}]
bodySite: [{text: "{{ COLUMN }}"}]
outcome: {text: "{{ COLUMN }}"}
complication: [{text: "{{ COLUMN }}"}]""",
    "outcomes": """\
code: {coding: ["{{ COLUMN.translate('outcome') }}"]}
effectiveDateTime: "{{ COLUMN }}"
valueCodeableConcept: {coding: ["{{ COLUMN.translate('outcome') }}"]}
interpretation: [{text: "{{ COLUMN }}"}]
method: {text: "{{ COLUMN }}"}""",
    "patients": """\
gender: "{{ COLUMN.translate('gender').code }}"
birthDate: "{{ COLUMN }}"
deceasedDateTime: "{{ COLUMN }}"
maritalStatus: {text: "{{ COLUMN }}"}
address: [{city: "{{ COLUMN }}", country: "{{ COLUMN }}"}]""",
}
_SAID = {
    "laboratory": "A laboratory value",
    "medications": "A medication",
    "diagnoses": "A diagnosis",
    "procedures": "A procedure",
    "outcomes": "An outcome",
}
_VALUES = {
    "string": "valueString",
    "integer": "valueInteger",
    "boolean": "valueBoolean",
    "date": "valueDateTime",
}


def commented(kind: str, used: str = "") -> str:
    """The elements of a kind as comments, without those that a template has."""
    lines = (line for line in COMMENTED[kind].splitlines() if f"\n  {line.split(':')[0]}:" not in used)
    return "".join(f"  # {line}\n" for line in lines).replace("TERMINOLOGY", _TERMINOLOGY)


def kind_template(table: Guess, kind: Kind, patient: str) -> str:
    """A template of a kind that keeps every row and cell of a table."""
    resource = TYPES[kind.name]
    key = "-".join(f"{{{{ {column} }}}}" for column in table.key)
    lines = [
        f"# {_SAID[kind.name]} a row, by a guess; every cell is kept. mappings/README.md has the language.",
        f"table: {table.name}",
        "resource:",
        f"  resourceType: {resource}",
        f'  id: "{{{{ %cohort }}}}-{table.name.replace("_", ".")}-{key}"',
        *_STATUS.get(resource, ()),
        *_WHAT[kind.name](table, kind),
        f'  subject: {{reference: "Patient/{{{{ %cohort }}}}-{{{{ {patient} }}}}"}}',
        *_times(kind),
        *_values(kind),
    ]
    held = {patient, *kind.columns}
    rest = [one for one in table.columns if one not in held]
    if resource == "Observation":
        lines += _components(table, rest)
    elif rest:
        lines += ["  note:", *(f'    - text: "{column}: {{{{ {column} }}}}"' for column in rest)]
    text = "\n".join(lines) + "\n"
    head = f"  # other elements of {resource}: name a column, take the # away\n"
    return f"{text}{head}{commented(kind.name, text)}"


_STATUS = {
    "Observation": ("  status: final",),
    "MedicationStatement": ("  status: unknown",),
    "Procedure": ("  status: completed",),
}


def _code(table: Guess, kind: Kind) -> list[str]:
    return [f'  code: {{text: "{{{{ {kind.what} }}}}"}}' if kind.what else f"  code: {{text: {table.name}}}"]


def _medication(table: Guess, kind: Kind) -> list[str]:
    return [line.replace("  code:", "  medicationCodeableConcept:") for line in _code(table, kind)]


def _outcome(table: Guess, kind: Kind) -> list[str]:
    value = [f'  valueString: "{{{{ {kind.what} }}}}"'] if kind.what else []
    return [f"  code: {{text: {table.name}}}", *value]


_WHAT: dict[str, Callable[[Guess, Kind], list[str]]] = {
    "laboratory": _code,
    "medications": _medication,
    "diagnoses": _code,
    "procedures": _code,
    "outcomes": _outcome,
}


def _times(kind: Kind) -> list[str]:
    def blank(column: str) -> str:
        return f'"{{{{ {column}{".studyDate()" if kind.days else ""} }}}}"'

    if kind.name == "diagnoses":
        lines = [f"  onsetDateTime: {blank(kind.start)}"] if kind.start else []
        return [*lines, *([f"  abatementDateTime: {blank(kind.end)}"] if kind.end else [])]
    name = "performed" if kind.name == "procedures" else "effective"
    if kind.end:
        start = [f"    start: {blank(kind.start)}"] if kind.start else []
        return [f"  {name}Period:", *start, f"    end: {blank(kind.end)}"]
    return [f"  {name}DateTime: {blank(kind.start)}"] if kind.start else []


def _values(kind: Kind) -> list[str]:
    parts = [f'value: "{{{{ {kind.value} }}}}"', *([f'unit: "{{{{ {kind.unit} }}}}"'] if kind.unit else [])]
    quantity = "{" + ", ".join(parts) + "}"
    if kind.name == "laboratory" and kind.value:
        return [f"  valueQuantity: {quantity}"]
    if kind.name != "medications":
        return []
    inside = [f'route: {{text: "{{{{ {kind.route} }}}}"}}'] if kind.route else []
    inside += [f"doseAndRate: [{{doseQuantity: {quantity}}}]"] if kind.value else []
    lines = [f"    {'  ' if place else '- '}{part}" for place, part in enumerate(inside)]
    return ["  dosage:", *lines] if lines else []


def _components(table: Guess, columns: list[str]) -> list[str]:
    lines = ["  component:"] if columns else []
    for column in columns:
        blank = f'"{{{{ {column} }}}}"'
        kind = table.kinds[column]
        value = f"valueQuantity: {{value: {blank}}}" if kind == "decimal" else f"{_VALUES[kind]}: {blank}"
        lines += [f"    - code: {{text: {column}}}", f"      {value}"]
    return lines
