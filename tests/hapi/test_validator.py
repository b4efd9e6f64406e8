"""HAPI's validator as a program: it finds planted mistakes, and only those."""

from __future__ import annotations

import json

import pytest

from fhir_blina.errors import FhirBlinaError

pytestmark = pytest.mark.hapi

BASE = "https://fhir-blina.example"
STUDY_DAY = f"{BASE}/StructureDefinition/study-day"

CODES = {
    "resourceType": "CodeSystem",
    "url": f"{BASE}/CodeSystem/observable",
    "status": "active",
    "content": "complete",
    "concept": [{"code": "os-time", "display": "Overall survival time"}],
}
EXTENSION = {
    "resourceType": "StructureDefinition",
    "id": "study-day",
    "url": STUDY_DAY,
    "name": "StudyDay",
    "status": "active",
    "fhirVersion": "4.0.1",
    "kind": "complex-type",
    "abstract": False,
    "context": [{"type": "element", "expression": "Element"}],
    "type": "Extension",
    "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Extension",
    "derivation": "constraint",
    "differential": {
        "element": [
            {"id": "Extension", "path": "Extension"},
            {"id": "Extension.extension", "path": "Extension.extension", "max": "0"},
            {"id": "Extension.url", "path": "Extension.url", "fixedUri": STUDY_DAY},
            {
                "id": "Extension.value[x]",
                "path": "Extension.value[x]",
                "min": 1,
                "type": [{"code": "integer"}],
            },
        ]
    },
}


def observation(key, **changes):
    resource = {
        "resourceType": "Observation",
        "id": key,
        "status": "final",
        "code": {"coding": [{"system": f"{BASE}/CodeSystem/observable", "code": "os-time"}]},
        "subject": {"reference": "Patient/p-1"},
        "effectiveDateTime": "2020-01-04",
        "_effectiveDateTime": {"extension": [{"url": STUDY_DAY, "valueInteger": 3}]},
        "valueQuantity": {"value": 126, "unit": "d", "system": "http://unitsofmeasure.org", "code": "d"},
    }
    return {key: value for key, value in (resource | changes).items() if value is not None}


@pytest.fixture(scope="module")
def findings(hapi_validator, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ndjson")
    profiles = tmp_path_factory.mktemp("profiles")
    (profiles / "codes.json").write_text(json.dumps(CODES))
    (profiles / "extension.json").write_text(json.dumps(EXTENSION))
    unknown_extension = {"extension": [{"url": f"{BASE}/StructureDefinition/absent", "valueInteger": 3}]}
    lines = [
        observation("good"),
        observation("no-status", status=None),
        observation("wrong-status", status="finished"),
        observation(
            "wrong-code", code={"coding": [{"system": f"{BASE}/CodeSystem/observable", "code": "nope"}]}
        ),
        observation("unknown-extension", _effectiveDateTime=unknown_extension),
        observation("unknown-element", colour="red"),
        observation("two-values", valueInteger=126),
        observation(
            "wrong-unit", valueQuantity={"value": 1, "system": "http://unitsofmeasure.org", "code": "metre"}
        ),
        observation("obs-6", dataAbsentReason={"text": "not asked"}),
    ]
    (folder / "Observation.ndjson").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return hapi_validator(folder, [profiles])


def errors_of(findings, key):
    return [f for f in findings if f.location == f"Observation/{key}" and f.severity in ("error", "fatal")]


def test_a_valid_resource_has_no_error(findings):
    assert errors_of(findings, "good") == []


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("no-status", "Observation.status: minimum required = 1"),
        ("wrong-status", "finished"),
        ("wrong-code", "Unknown code"),
        ("unknown-extension", "could not be found so is not allowed here"),
        ("unknown-element", "colour"),
        ("two-values", "value"),
        ("wrong-unit", "metre"),
        ("obs-6", "obs-6"),
    ],
)
def test_a_planted_mistake_is_found(findings, key, words):
    assert any(words in finding.diagnostics for finding in errors_of(findings, key)), findings


def test_a_folder_that_is_not_there_is_said(hapi_validator, tmp_path):
    with pytest.raises(FhirBlinaError, match="NoSuchFile"):
        hapi_validator(tmp_path / "absent")
