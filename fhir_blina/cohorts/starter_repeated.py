"""Columns that repeat a value, ``crp_d15`` and ``crp_d29``, as rows of a table of their own, on request."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from fhir_blina.cohorts.guesses import Guess
from fhir_blina.errors import Finding, did_you_mean, problem
from fhir_blina.tabular import Unpivot, unpivoted

_NUMBERS = {"integer", "decimal"}


@dataclass(frozen=True)
class Repeated:
    """A pattern of columns.

    Attributes:
        pattern: As the author wrote it.
        name: Of the table, the value and the code.
        columns: The columns that it names.
        gaps: What each says beside the value, with its type.
        kind: The type of the value.
    """

    pattern: str
    name: str
    columns: tuple[str, ...]
    gaps: dict[str, str]
    kind: str

    @property
    def settings(self) -> dict[str, object]:
        """What the manifest says of it."""
        return {"columns": self.pattern, "value": self.name}

    def template(self, patient: str, unit: str) -> str:
        """An Observation of each filled cell; a gap called ``day`` is its study day."""
        names = "-".join(f"{{{{ {gap} }}}}" for gap in self.gaps)
        dated = self.gaps.get("day") == "integer"
        lines = [
            f"# {self.pattern}: an Observation of each filled cell; put a LOINC code before ours",
            f"table: {self.name}",
            "resource:",
            "  resourceType: Observation",
            f'  id: "{{{{ %cohort }}}}-{{{{ {patient} }}}}-{self.name.replace("_", "-")}-{names}"',
            "  status: final",
            f"  code: {{coding: [\"{{{{ '{self.name}'.translate('item') }}}}\"]}}",
            f'  subject: {{reference: "Patient/{{{{ %cohort }}}}-{{{{ {patient} }}}}"}}',
            *(['  effectiveDateTime: "{{ day.studyDate() }}"'] if dated else []),
            f"  {self._value(unit)}",
        ]
        said = [gap for gap in self.gaps if not (dated and gap == "day")]
        for gap in said:
            value = "valueInteger" if self.gaps[gap] == "integer" else "valueString"
            lines += ["  component:"] * (gap == said[0])
            lines += [f'    - code: {{text: "{gap}"}}', f'      {value}: "{{{{ {gap} }}}}"']
        return "\n".join([*lines, ""])

    def _value(self, unit: str) -> str:
        cell = f'"{{{{ {self.name} }}}}"'
        if self.kind in _NUMBERS:
            ucum = json.dumps(unit)
            more = f", unit: {ucum}, system: http://unitsofmeasure.org, code: {ucum}" if unit else ""
            return f"valueQuantity: {{value: {cell}{more}}}"
        return f"valueDateTime: {cell}" if self.kind == "date" else f"valueString: {cell}"


def repeated(table: Guess, patterns: Sequence[str], findings: list[Finding]) -> list[Repeated]:
    """The patterns over a table's columns; one that names no column is a finding."""
    made: list[Repeated] = []
    for pattern in patterns:
        name = re.sub(r"_[a-z]?$", "", pattern.split("{")[0]) or "repeated"
        taken = {column for one in made for column in one.columns}
        found = {
            column: said
            for column, said in unpivoted(Unpivot(pattern, "", name), table.columns).items()
            if column not in taken
        }
        if "{" not in pattern or not found:
            remedy = f"Write crp_d{{day}} for crp_d15 and crp_d29. {did_you_mean(name, table.columns)}"
            findings.append(problem("", f'--unpivot: no column is like "{pattern}"', remedy))
            continue
        gaps = {
            gap: "integer"
            if all(re.fullmatch(r"0|[1-9]\d{0,8}", said[gap]) for said in found.values())
            else "string"
            for gap in next(iter(found.values()))
        }
        kinds = {table.kinds[column] for column in found if any(table.cells[column])}
        kind = "decimal" if kinds <= _NUMBERS else next(iter(kinds)) if len(kinds) == 1 else "string"
        kind = "string" if kind == "boolean" else kind
        made.append(Repeated(pattern=pattern, name=name, columns=tuple(found), gaps=gaps, kind=kind))
    return made
