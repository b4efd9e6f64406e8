"""Write mappings/views/ViewDefinition-<thing>_codes.json and -<thing>_references.json.

One pattern for every type that has a table: a row for each coding with the element that it stands in, and
a row with its text for a CodeableConcept without a coding; and for clinical types a row for each reference,
but for whom a resource is about and who did something. The elements are those of R4's definitions.

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
LINKED = (
    *(
        "administrations",
        "care_plans",
        "conditions",
        "diagnostic_reports",
        "encounters",
        "medication_requests",
    ),
    *("medication_statements", "observations", "procedures", "service_requests"),
)
PEOPLE = {"Patient", "Practitioner", "PractitionerRole", "RelatedPerson"}
FOLLOWED = {"Dosage", "Timing"}  # datatypes with coded elements of their own
SHALLOW = {"Claim", "ExplanationOfBenefit"}  # further down they code how a payment was reckoned


def found(
    kind: str, wanted: tuple[str, ...], path: str = "", label: str = "", depth: int = 0
) -> Iterator[tuple[str, str, str]]:
    """FHIRPath, name and type of each element of some types, those of a resource's parts included."""
    for name, element in R4.elements(kind).items():
        types = element["type"] if isinstance(element["type"], list) else [element["type"]]
        plain = name.removesuffix("[x]")
        shown = f"{label}{plain}"
        for one in types:
            here = f"{path}{plain}.ofType({one})" if name.endswith("[x]") else f"{path}{plain}"
            if one in wanted:
                if one != "Reference" or not PEOPLE.intersection(element.get("targets", ["Patient"])):
                    yield here, shown, one
            elif (one in FOLLOWED or R4.types.get(one, {}).get("kind") == "backbone") and depth < 3:
                if depth and kind.partition(".")[0] in SHALLOW:
                    continue
                yield from found(one, wanted, f"{here}.", f"{shown}.", depth + 1)


def branch(path: str, label: str, kind: str) -> dict[str, Any]:
    """The rows of one element."""
    if kind == "Reference":
        key = {"name": "reference_id", "path": "getReferenceKey()", "type": "id"}
        text = {"name": "reference", "path": "reference", "type": "string"}
        return {
            "forEach": path,
            "column": [{"name": "element", "path": f"'{label}'", "type": "string"}, key, text],
        }
    codings = [
        {"name": "system", "path": "system", "type": "uri"},
        {"name": "code", "path": "code", "type": "code"},
        {"name": "display", "path": "display", "type": "string"},
        {"name": "version", "path": "version", "type": "string"},
    ]
    element = {"name": "element", "path": f"'{label}'", "type": "string"}
    text = {"name": "text", "path": "text" if kind == "CodeableConcept" else "{}", "type": "string"}
    if kind == "Coding":
        return {"forEach": path, "column": [element, *codings, text]}
    return {
        "forEach": path,
        "select": [{"column": [element]}, {"forEachOrNull": "coding", "column": codings}, {"column": [text]}],
    }


def view(table: str, ending: str) -> dict[str, Any]:
    """The ViewDefinition of a table's codes, or references."""
    main = json.loads((VIEWS / f"ViewDefinition-{table}.json").read_text("utf-8"))
    name = f"{ONE.get(table, table.removesuffix('s'))}_{ending}"
    head = [
        column
        for column in main["select"][0]["column"]
        if column["path"] == "getResourceKey()" or column["name"] == "patient_id"
    ]
    codes = ending == "codes"
    wanted = ("CodeableConcept", "Coding") if codes else ("Reference",)
    row = "coding of each coded element" if codes else "reference to something other than people"
    return {
        "resourceType": "ViewDefinition",
        "url": f"https://fhir-blina.example/ViewDefinition/{name}",
        "name": name,
        "title": f"All {'codings' if codes else ending} of {main['title'][0].lower()}{main['title'][1:]}",
        "status": "active",
        "description": f"One row for each {row} of {main['resource']}",
        "fhirVersion": ["4.0.1"],
        "resource": main["resource"],
        "select": [{"column": head}, {"unionAll": [branch(*one) for one in found(main["resource"], wanted)]}],
    }


def main(check: bool) -> int:
    """Write the files, or say which differ."""
    wrong = []
    for made in (*(view(one, "codes") for one in MAIN), *(view(one, "references") for one in LINKED)):
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
