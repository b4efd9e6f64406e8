"""Write mappings/views/ViewDefinition-<thing>_codes.json: all codings of all coded elements of a type.

One pattern for every type that has a table: a row for each coding with the element that it stands in, and
a row with its text for a CodeableConcept without a coding. The elements are those of R4's definitions.

python3 scripts/code_views.py            write them
python3 scripts/code_views.py --check    say whether they are as the definitions have it
"""
# ruff: noqa: T201

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from fhir_blina.r4 import R4

VIEWS = Path(__file__).resolve().parent.parent / "mappings" / "views"
# The table of a type that has several tables; names of the others are made of these.
MAIN = (
    *("administrations", "adverse_events", "allergies", "care_plans", "care_teams", "conditions"),
    *("coverages", "devices", "diagnostic_reports", "documents", "encounters", "goals"),
    *("imaging_studies", "immunizations", "insurance_claims", "locations", "medication_dispenses"),
    *("medication_requests", "medication_statements", "medications", "observations", "organizations"),
    *("explanations_of_benefit", "patients", "procedures", "service_requests", "specimens", "studies"),
)
ONE = {
    "allergies": "allergy",
    "explanations_of_benefit": "explanation",
    "imaging_studies": "imaging_study",
    "studies": "study",
}
FOLLOWED = {"Dosage", "Timing"}  # datatypes with coded elements of their own
SHALLOW = {"Claim", "ExplanationOfBenefit"}  # further down they code how a payment was reckoned


def coded(kind: str, path: str = "", label: str = "", depth: int = 0) -> Iterator[tuple[str, str, str]]:
    """FHIRPath, name and type of each coded element, those of a resource's parts included."""
    for name, element in R4.elements(kind).items():
        types = element["type"] if isinstance(element["type"], list) else [element["type"]]
        plain = name.removesuffix("[x]")
        shown = f"{label}{plain}"
        for one in types:
            here = f"{path}{plain}.ofType({one})" if name.endswith("[x]") else f"{path}{plain}"
            if one in ("CodeableConcept", "Coding"):
                yield here, shown, one
            elif (one in FOLLOWED or R4.types.get(one, {}).get("kind") == "backbone") and depth < 3:
                if depth and kind.partition(".")[0] in SHALLOW:
                    continue
                yield from coded(one, f"{here}.", f"{shown}.", depth + 1)


def branch(path: str, label: str, kind: str) -> dict[str, Any]:
    """The rows of one element."""
    codings = [
        {"name": "system", "path": "system", "type": "uri"},
        {"name": "code", "path": "code", "type": "code"},
        {"name": "display", "path": "display", "type": "string"},
    ]
    element = {"name": "element", "path": f"'{label}'", "type": "string"}
    text = {"name": "text", "path": "text" if kind == "CodeableConcept" else "{}", "type": "string"}
    if kind == "Coding":
        return {"forEach": path, "column": [element, *codings, text]}
    return {
        "forEach": path,
        "select": [{"column": [element]}, {"forEachOrNull": "coding", "column": codings}, {"column": [text]}],
    }


def view(table: str) -> dict[str, Any]:
    """The ViewDefinition of a table's codes."""
    main = json.loads((VIEWS / f"ViewDefinition-{table}.json").read_text("utf-8"))
    thing = ONE.get(table, table.removesuffix("s"))
    head = [
        column
        for column in main["select"][0]["column"]
        if column["path"] == "getResourceKey()" or column["name"] == "patient_id"
    ]
    return {
        "resourceType": "ViewDefinition",
        "url": f"https://fhir-blina.example/ViewDefinition/{thing}_codes",
        "name": f"{thing}_codes",
        "title": f"All codings of {main['title'][0].lower()}{main['title'][1:]}",
        "status": "active",
        "description": f"One row for each coding of each coded element of {main['resource']}",
        "fhirVersion": ["4.0.1"],
        "resource": main["resource"],
        "select": [{"column": head}, {"unionAll": [branch(*one) for one in coded(main["resource"])]}],
    }


def main(check: bool) -> int:
    """Write the files, or say which differ."""
    wrong = []
    for table in MAIN:
        made = view(table)
        file = VIEWS / f"ViewDefinition-{made['name']}.json"
        text = json.dumps(made, indent=2) + "\n"
        if not check:
            file.write_text(text, encoding="utf-8")
        elif not file.is_file() or file.read_text("utf-8") != text:
            wrong.append(file.name)
    if wrong:
        print(f"not as R4 has it: {', '.join(wrong)}. Run python3 scripts/code_views.py")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
