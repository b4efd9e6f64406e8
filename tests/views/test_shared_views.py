"""The shared views over what others write: each choice of an element, and the types that servers hold."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from fhir_blina.views import read_tables
from fhir_blina.views.loading import load_view

BOTH = pytest.mark.parametrize("engine", ["duckdb", "python"])
GUIDE = Path(__file__).parents[2] / "docs" / "views.md"
VIEWS = Path(__file__).parents[2] / "mappings" / "views"
PERIOD = {"start": "2024-01-02", "end": "2024-01-05"}
SUBJECT = {"reference": "Patient/p1"}
ENCOUNTER = {"reference": "Encounter/e1"}
DRUG = {"reference": "Medication/m1"}


def coded(code, text="words"):
    return {"coding": [{"system": "http://example.org", "code": code}], "text": text}


# The table, a resource of its type, and what its row must say.
CASES = [
    ("patients", {"birthDate": "1980-02"}, {"birth_date": "1980-02"}),
    (
        "conditions",
        {"onsetPeriod": PERIOD, "recordedDate": "2024-02-01", "abatementDateTime": "2024-03"},
        {
            "onset_start_date": "2024-01-02",
            "onset_end_date": "2024-01-05",
            "recorded_date": "2024-02-01",
            "abatement_date": "2024-03",
        },
    ),
    (
        "conditions",
        {"onsetAge": {"value": 12.50, "code": "a"}, "abatementString": "spring", "encounter": ENCOUNTER},
        {"onset_age_unit": "a", "abatement_text": "spring", "encounter_id": "e1"},
    ),
    ("procedures", {"performedPeriod": PERIOD}, {"performed_end_date": "2024-01-05"}),
    ("procedures", {"performedString": "in May"}, {"performed_text": "in May"}),
    (
        "administrations",
        {"effectiveDateTime": "2024-01-01T10:00:00Z", "medicationReference": DRUG, "context": ENCOUNTER},
        {"effective_date": "2024-01-01T10:00:00Z", "medication_id": "m1", "encounter_id": "e1"},
    ),
    ("administrations", {"dosage": {"route": coded("iv"), "dose": {"code": "mg"}}}, {"route_code": "iv", "dose_unit": "mg"}),
    (
        "observations",
        {"effectivePeriod": PERIOD, "issued": "2024-01-05T10:00:00Z", "valueDateTime": "2024-01-03"},
        {"effective_start_date": "2024-01-02", "issued": "2024-01-05T10:00:00Z", "value_date": "2024-01-03"},
    ),
    ("observations", {"valueTime": "10:30:00", "effectiveInstant": "2024-01-05T10:00:00Z"}, {"value_time": "10:30:00", "effective_instant": "2024-01-05T10:00:00Z"}),
    ("observations", {"focus": [{"reference": "Condition/c9"}], "method": coded("pcr")}, {"focus_id": "c9", "method_code": "pcr"}),
    ("specimens", {"collection": {"collectedPeriod": PERIOD}}, {"collected_start_date": "2024-01-02"}),
    ("encounters", {"class": {"code": "AMB"}, "type": [coded("visit")], "period": PERIOD}, {"class_code": "AMB", "type_code": "visit", "end_date": "2024-01-05"}),
    ("medication_requests", {"medicationCodeableConcept": coded("d"), "authoredOn": "2024-01-01"}, {"medication_code": "d", "authored_date": "2024-01-01"}),
    ("medication_statements", {"medicationReference": DRUG, "effectivePeriod": PERIOD}, {"medication_id": "m1", "start_date": "2024-01-02"}),
    ("medication_dispenses", {"medicationReference": DRUG, "whenHandedOver": "2024-01-01"}, {"medication_id": "m1", "handed_over_date": "2024-01-01"}),
    ("medications", {"code": coded("d"), "form": coded("tablet")}, {"code": "d", "form_code": "tablet"}),
    ("diagnostic_reports", {"code": coded("cbc"), "effectiveDateTime": "2024-01-01"}, {"code": "cbc", "effective_date": "2024-01-01"}),
    ("immunizations", {"patient": SUBJECT, "vaccineCode": coded("v"), "occurrenceString": "as a child"}, {"vaccine_code": "v", "occurrence_text": "as a child"}),
    ("care_plans", {"category": [coded("plan")], "period": PERIOD}, {"category_code": "plan", "start_date": "2024-01-02"}),
    ("allergies", {"patient": SUBJECT, "code": coded("nut"), "onsetString": "early"}, {"code": "nut", "onset_text": "early"}),
    ("documents", {"type": coded("letter"), "content": [{"attachment": {"contentType": "text/plain"}}]}, {"type_code": "letter", "content_type": "text/plain"}),
    ("coverages", {"beneficiary": SUBJECT, "payor": [{"reference": "Organization/o1"}]}, {"payor_id": "o1"}),
    ("service_requests", {"code": coded("mri"), "occurrencePeriod": PERIOD}, {"code": "mri", "start_date": "2024-01-02"}),
    ("imaging_studies", {"started": "2024-01-01", "modality": [{"code": "CT"}]}, {"started_date": "2024-01-01", "modality_code": "CT"}),
    ("insurance_claims", {"patient": SUBJECT, "billablePeriod": PERIOD}, {"end_date": "2024-01-05"}),
    ("explanations_of_benefit", {"patient": SUBJECT, "claim": {"reference": "Claim/k"}}, {"claim_id": "k"}),
    ("devices", {"patient": SUBJECT, "type": coded("pump")}, {"type_code": "pump"}),
    ("goals", {"description": coded("walk"), "startDate": "2024-01-01"}, {"description_code": "walk", "start_date": "2024-01-01"}),
    ("care_teams", {"period": PERIOD, "encounter": ENCOUNTER}, {"start_date": "2024-01-02", "encounter_id": "e1"}),
    ("organizations", {"active": True, "type": [coded("ward")]}, {"type_code": "ward"}),
    ("locations", {"managingOrganization": {"reference": "Organization/o1"}}, {"organization_id": "o1"}),
]  # fmt: skip
WITHOUT_SUBJECT = {"Patient", "Medication", "Organization", "Location"}


def definition(name):
    return json.loads((VIEWS / f"ViewDefinition-{name}.json").read_text("utf-8"))


@BOTH
@pytest.mark.parametrize(("table", "elements", "row"), CASES)
def test_an_element_reaches_its_column(tmp_path, engine, table, elements, row):
    kind = definition(table)["resource"]
    whose = (
        {}
        if kind in WITHOUT_SUBJECT or {"patient", "beneficiary"} & elements.keys()
        else {"subject": SUBJECT}
    )
    resource = {"resourceType": kind, "id": "x1", **whose, **elements}
    (tmp_path / f"{kind}.ndjson").write_text(json.dumps(resource) + "\n")
    view = load_view(VIEWS / f"ViewDefinition-{table}.json")
    tables = read_tables(tmp_path, {table: view}, engine=engine)
    (found,) = tables[table].to_dict("records")
    assert {name: found[name] for name in row} == row
    if kind not in WITHOUT_SUBJECT:
        assert found["patient_id"] == "p1"


# Each choice of value[x], as an observation and a component state it, and the cells that hold it.
VALUES = [
    ("quantity", {"valueQuantity": {"value": 5, "comparator": "<", "code": "mg"}}, {"value_quantity": "5", "value_comparator": "<", "value_unit": "mg"}),
    ("quantity", {"valueQuantity": {"value": 5.10, "unit": "tablets"}}, {"value_unit_text": "tablets"}),
    ("codeable", {"valueCodeableConcept": coded("c")}, {"value_code": "c", "value_text": "words"}),
    ("string", {"valueString": "as said"}, {"value_string": "as said"}),
    ("boolean", {"valueBoolean": False}, {"value_boolean": False}),
    ("integer", {"valueInteger": 0}, {"value_integer": 0}),
    ("range", {"valueRange": {"low": {"value": 1, "code": "d"}, "high": {"value": 2, "code": "d"}}}, {"value_low": "1", "value_high": "2", "value_low_unit": "d", "value_high_unit": "d"}),
    ("ratio", {"valueRatio": {"numerator": {"value": 1, "comparator": ">"}, "denominator": {"value": 128}}}, {"value_numerator": "1", "value_numerator_comparator": ">", "value_denominator": "128"}),
    ("sampled", {"valueSampledData": {"origin": {"value": 2, "code": "mV"}, "period": 10, "dimensions": 1, "data": "1 E 2"}}, {"value_sampled": "1 E 2", "value_sampled_origin": "2", "value_sampled_unit": "mV", "value_sampled_period": "10", "value_sampled_dimensions": 1}),
    ("time", {"valueTime": "10:30:00"}, {"value_time": "10:30:00"}),
    ("datetime", {"valueDateTime": "2024-05"}, {"value_date": "2024-05"}),
    ("period", {"valuePeriod": PERIOD}, {"value_start_date": "2024-01-02", "value_end_date": "2024-01-05"}),
]  # fmt: skip


@BOTH
@pytest.mark.parametrize(("word", "value", "cells"), VALUES)
def test_each_choice_of_a_value_reaches_its_cells_and_no_other(tmp_path, engine, word, value, cells):
    code = {"code": coded("x")}
    one = {"resourceType": "Observation", "id": "o1", "subject": SUBJECT, **code, **value}
    one["component"] = [{**code, **value}]
    (tmp_path / "Observation.ndjson").write_text(json.dumps(one) + "\n")
    views = {
        name: load_view(VIEWS / f"ViewDefinition-{name}.json") for name in ("observations", "components")
    }
    for frame in read_tables(tmp_path, views, engine=engine).values():
        (row,) = frame.to_dict("records")
        said = {name: row[name] for name in row if name.startswith("value_") and not pd.isna(row[name])}
        assert said.pop("value_kind") == word
        exact = {name: str(cell) if isinstance(cell, Decimal) else cell for name, cell in said.items()}
        assert cells.items() <= exact.items()
        assert said.keys() - cells.keys() <= {"value_system", "value_quantity"}


@BOTH
def test_every_coding_has_a_row_with_its_element(tmp_path, engine):
    two = {
        "coding": [{"system": "s", "code": "1"}, {"system": "t", "code": "2", "display": "Two"}],
        "text": "both",
    }
    one = {
        "resourceType": "Condition",
        "id": "c1",
        "subject": SUBJECT,
        "code": two,
        "bodySite": [{"text": "left"}, two],
    }
    one["stage"] = [{"summary": coded("IIA")}, {"summary": coded("IIB")}]
    (tmp_path / "Condition.ndjson").write_text(json.dumps(one) + "\n")
    view = load_view(VIEWS / "ViewDefinition-condition_codes.json")
    frame = read_tables(tmp_path, {"condition_codes": view}, engine=engine)["condition_codes"]
    kept = frame[["condition_id", "patient_id", "element", "system", "code", "display", "text"]]
    assert kept.astype(object).where(kept.notna(), None).to_numpy().tolist() == [
        ["c1", "p1", "code", "s", "1", None, "both"],
        ["c1", "p1", "code", "t", "2", "Two", "both"],
        ["c1", "p1", "bodySite", None, None, None, "left"],
        ["c1", "p1", "bodySite", "s", "1", None, "both"],
        ["c1", "p1", "bodySite", "t", "2", "Two", "both"],
        ["c1", "p1", "stage.summary", "http://example.org", "IIA", None, "words"],
        ["c1", "p1", "stage.summary", "http://example.org", "IIB", None, "words"],
    ]


def test_the_tables_of_codes_are_what_the_definitions_of_r4_make():
    script = Path(__file__).parents[2] / "scripts" / "code_views.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_guide_lists_every_table_as_its_file_describes_it():
    listed = re.findall(r"^\| `(\w+)` \| (\w+) \| (.+) \|$", GUIDE.read_text("utf-8"), re.MULTILINE)
    views = [json.loads(path.read_text("utf-8")) for path in sorted(VIEWS.glob("*.json"))]
    assert listed == [
        (one["name"], one["resource"], one["description"].split(":")[0].rstrip(".")) for one in views
    ]


def test_each_way_to_refer_has_the_key_that_the_guide_states(tmp_path):
    urn = "11111111-1111-4111-8111-111111111111"
    by_identifier = {"identifier": {"system": "https://ids.example", "value": "7"}}
    patients = [
        {"resourceType": "Patient", "id": "p1"},
        {"resourceType": "Patient", "id": urn},
        {"resourceType": "Patient", "id": "seventh", "identifier": [by_identifier["identifier"]]},
    ]
    asked = {
        "type": ({"reference": "Patient/p1"}, "p1"),
        "absolute": ({"reference": "https://server.example/fhir/Patient/p1"}, "p1"),
        "version": ({"reference": "Patient/p1/_history/2"}, "p1"),
        "urn": ({"reference": f"urn:uuid:{urn}"}, urn),
        "search": ({"reference": "Patient?identifier=https://ids.example|7"}, "seventh"),
        "identifier": (by_identifier, "seventh"),
        "stated": ({**by_identifier, "type": "Patient"}, "seventh"),
        "other": ({"reference": "urn:oid:1.2.3"}, None),
        "nobody": ({"identifier": {"system": "https://ids.example", "value": "8"}}, None),
        "by-name": ({"reference": "Patient?name=7"}, None),
        "fragment": ({"reference": "#me"}, None),
    }
    observations = [
        {"resourceType": "Observation", "id": name, "subject": reference, "contained": [{"resourceType": "Patient", "id": "me"}]}
        for name, (reference, _) in asked.items()
    ]  # fmt: skip
    drug = {"resourceType": "Medication", "id": "m", "code": coded("d")}
    request = {"resourceType": "MedicationRequest", "id": "a1", "subject": SUBJECT, "contained": [drug]}
    request["medicationReference"] = {"reference": "#m"}
    of_any_type = {"resourceType": "MedicationRequest", "id": "a2", "subject": SUBJECT}
    of_any_type["medicationReference"] = {"identifier": {"system": "https://ids.example", "value": "drug"}}
    kept = {**drug, "id": "shelf", "identifier": [of_any_type["medicationReference"]["identifier"]]}
    lines = [*patients, *observations, request, of_any_type, kept]
    (tmp_path / "all.ndjson").write_text("".join(json.dumps(one) + "\n" for one in lines))
    tables = read_tables(tmp_path)
    found = tables["observations"].set_index("observation_id")["patient_id"]
    assert {name: found[name] for name in asked} == {name: key for name, (_, key) in asked.items()}
    requests = tables["medication_requests"].set_index("request_id")["medication_id"]
    assert requests.to_dict() == {"a1": "a1.m", "a2": "shelf"}
    assert set(tables["medications"]["medication_id"]) == {"a1.m", "shelf"}


# What the end of a column's name says of the path, so that no column has what another one should have.
ENDS = {
    "_low": r"\.low\.value$|^low\.value$",
    "_high": r"\.high\.value$|^high\.value$",
    "_numerator": r"numerator\.value$",
    "_denominator": r"denominator\.value$",
    "_comparator": r"comparator$",
    "_currency": r"currency$",
    "_system": r"system$",
    "_display": r"display$",
    "_unit": r"\.code$|Unit$|^(low|high)\.code$",
    "_unit_text": r"\.unit$",
    "_start_date": r"\bstart$|start\.|plannedDate",
    "_end_date": r"\bend$",
    "_id": r"get(Reference|Resource)Key\(\w*\)$",
}
MIDDLES = {"value_", "onset_", "abatement_", "performed_", "rate_", "dose_", "amount_", "strength_"}


def columns_of(select):
    for part in select:
        for column in part.get("column", []):
            yield column["name"], column["path"]
        yield from columns_of(part.get("select", []))
        yield from columns_of(part.get("unionAll", []))


@pytest.mark.parametrize(
    "table", [path.stem.removeprefix("ViewDefinition-") for path in sorted(VIEWS.glob("*.json"))]
)
def test_the_name_of_a_column_and_its_path_say_the_same(table):
    columns = list(columns_of(definition(table)["select"]))
    wrong = []
    for name, path in columns:
        end = max((one for one in ENDS if name.endswith(one)), key=len, default="")
        if end and not re.search(ENDS[end], path):
            wrong.append((name, path))
        for word in ("numerator", "denominator", "low", "high"):
            if f".{word}." in f".{path}" and word not in name and not name.endswith("_range_unit"):
                wrong.append((name, path))
        start = next((one for one in MIDDLES if name.startswith(one)), "")
        if start and start[:-1] not in path.lower():
            wrong.append((name, path))
    assert not wrong
    for part in definition(table)["select"]:
        paths = [column["path"] for column in part.get("column", [])]
        assert len(paths) == len(set(paths))
