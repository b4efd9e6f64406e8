"""The template of a REDCap instrument, and the names of its codes."""

from __future__ import annotations

import json
from dataclasses import dataclass

from fhir_blina.cohorts.redcap_columns import Typed


@dataclass(frozen=True)
class Form:
    """An instrument as a table.

    Attributes:
        name: Of the table.
        key: The columns that name a row: record, event, instance.
        columns: Its own.
        single: Whether no record has several rows.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[Typed, ...]
    single: bool


def form_template(form: Form, event: str) -> str:
    """An Observation of each row of an instrument, its cells as components; ``event`` is a column's name."""
    parts = [
        f"{{{{ {one}.translate('event').code }}}}" if one == event else f"{{{{ {one} }}}}" for one in form.key
    ]
    lines = [
        "# An instrument: replace it by the FHIR resources that its rows are (mappings/README.md).",
        f"table: {form.name}",
        "resource:",
        "  resourceType: Observation",
        f'  id: "{{{{ %cohort }}}}-{"-".join(parts)}-{form.name.replace("_", "-")}"',
        "  status: final",
        f"  code: {{coding: [\"{{{{ '{form.name}'.translate('item') }}}}\"]}}",
        f'  subject: {{reference: "Patient/{{{{ %cohort }}}}-{{{{ {form.key[0]} }}}}"}}',
        "  component:",
    ]
    lines += row_components(form, event)
    for one in form.columns:
        if not one.unmapped:
            lines += [
                f"    - code: {{coding: [\"{{{{ '{one.name}'.translate('item') }}}}\"]}}",
                f"      {_value(one)}",
            ]
    return "\n".join([*lines, ""])


def row_components(form: Form, event: str) -> list[str]:
    """Components that say which row of its record it was: of which event, which instance."""
    lines = []
    for column in form.key[1:]:
        value = (
            f"valueCodeableConcept: {{coding: [\"{{{{ {column}.translate('event') }}}}\"]}}"
            if column == event
            else f'valueInteger: "{{{{ {column} }}}}"'
        )
        lines += [f"    - code: {{coding: [\"{{{{ '{column}'.translate('item') }}}}\"]}}", f"      {value}"]
    return lines


def _value(one: Typed) -> str:
    cell = f'"{{{{ {one.name} }}}}"'
    if one.column.choice:
        return f"valueBoolean: \"{{{{ {one.name} = '{one.values[0]}' }}}}\""
    if one.codes:
        return f"valueCodeableConcept: {{coding: [\"{{{{ {one.name}.translate('{map_of(one)}') }}}}\"]}}"
    if one.kind in ("integer", "decimal"):
        ucum = json.dumps(one.unit)
        unit = f", unit: {ucum}, system: http://unitsofmeasure.org, code: {ucum}" if one.unit else ""
        return f"valueQuantity: {{value: {cell}{unit}}}"
    return f"valueDateTime: {cell}" if one.kind == "date" else f"valueString: {cell}"


def map_of(one: Typed) -> str:
    """The code map of a column's words."""
    return (
        "complete"
        if one.column.part == "complete"
        else f"choice-{one.column.of.name if one.column.of else ''}"
    )


def code_of(one: Typed) -> str:
    """The code of a column: the variable, a checkbox with its choice."""
    if one.column.of is None:
        return f"{one.column.form}-complete".replace("_", "-")
    return ".".join(filter(None, [one.column.of.name.replace("_", "-"), one.column.choice]))
