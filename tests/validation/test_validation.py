"""The judge of whole sets: good ones pass, each broken rule is found where it is broken."""

from __future__ import annotations

import copy
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_blina.errors import Finding, ValidationError
from fhir_blina.files import json as fhirjson
from fhir_blina.r4 import R4, FhirRelease
from fhir_blina.validation.validation import check_valid, validate

Resource = dict[str, Any]
TERMS = "http://terminology.hl7.org/CodeSystem"
UCUM = "http://unitsofmeasure.org"
BASE = "https://fhir-blina.example"
OURS = [
    "Patient",
    "Condition",
    "MedicationAdministration",
    "Observation",
    "Specimen",
    "AdverseEvent",
    "Procedure",
    "ResearchStudy",
    "ResearchSubject",
    "Group",
]
CONFORMANCE = [
    "CodeSystem",
    "SearchParameter",
    "StructureDefinition",
    "ValueSet",
    "Bundle",
    "ConceptMap",
    "OperationDefinition",
    "ImplementationGuide",
    "NamingSystem",
    "CapabilityStatement",
    "GraphDefinition",
    "ExampleScenario",
]
PACK = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "fhir-blina" / "examples"


def concept(system: str, code: str) -> Resource:
    return {"coding": [{"system": system, "code": code}]}


def quantity(value: str, code: str) -> Resource:
    return {"value": Decimal(value), "unit": code, "system": UCUM, "code": code}


def good() -> list[Resource]:
    """One valid resource of each type that cohorts are mapped to."""
    patient = {"reference": "Patient/P1"}
    day = {"extension": [{"url": f"{BASE}/StructureDefinition/study-day", "valueInteger": 15}]}
    return [
        {"resourceType": "Patient", "id": "P1", "gender": "male", "deceasedDateTime": "2021-05-01"},
        {
            "resourceType": "Condition",
            "id": "P1-disease",
            "clinicalStatus": concept(f"{TERMS}/condition-clinical", "active"),
            "verificationStatus": concept(f"{TERMS}/condition-ver-status", "confirmed"),
            "category": [concept(f"{TERMS}/condition-category", "problem-list-item")],
            "code": {"text": "disease"},
            "subject": patient,
        },
        {
            "resourceType": "MedicationAdministration",
            "id": "P1-dose",
            "status": "completed",
            "medicationCodeableConcept": {"text": "drug"},
            "subject": patient,
            "effectivePeriod": {"start": "2021-01-01", "end": "2021-01-28", "_start": day},
            "dosage": {"rateQuantity": quantity("15.0", "ug/d")},
        },
        {"resourceType": "Specimen", "id": "P1-marrow", "subject": patient},
        {
            "resourceType": "Observation",
            "id": "P1-blasts",
            "status": "final",
            "category": [concept(f"{TERMS}/observation-category", "laboratory")],
            "code": concept("http://loinc.org", "11150-0"),
            "subject": patient,
            "effectiveDateTime": "2021-01-15",
            "_effectiveDateTime": day,
            "specimen": {"reference": "Specimen/P1-marrow"},
            "component": [
                {"code": {"text": "a"}, "valueQuantity": quantity("14.00", "%")},
                {"code": {"text": "b"}, "valueQuantity": quantity("2", "%")},
            ],
        },
        {
            "resourceType": "Observation",
            "id": "P1-missing",
            "status": "final",
            "code": {"text": "not tested"},
            "subject": patient,
            "dataAbsentReason": concept(f"{TERMS}/data-absent-reason", "not-performed"),
        },
        {
            "resourceType": "AdverseEvent",
            "id": "P1-event",
            "actuality": "actual",
            "event": {"text": "event"},
            "subject": patient,
            "suspectEntity": [{"instance": {"reference": "MedicationAdministration/P1-dose"}}],
        },
        {
            "resourceType": "Procedure",
            "id": "P1-transplant",
            "status": "completed",
            "code": {"text": "transplant"},
            "subject": patient,
            "performedDateTime": "2021-03-01",
        },
        {"resourceType": "ResearchStudy", "id": "study", "status": "completed"},
        {
            "resourceType": "ResearchSubject",
            "id": "P1-subject",
            "status": "off-study",
            "study": {"reference": "ResearchStudy/study"},
            "individual": patient,
            "period": {"start": "2021-01-01"},
        },
        {
            "resourceType": "Group",
            "id": "cohort",
            "type": "person",
            "actual": True,
            "quantity": 1,
            "member": [{"entity": patient}],
        },
    ]


def change(name: str, **elements: Any) -> list[Resource]:
    """The good set with elements of one resource set, or removed where ``None``."""
    resources = good()
    node = next(node for node in resources if node["id"] == name)
    for key, value in elements.items():
        if value is None:
            del node[key]
        else:
            node[key] = value
    return resources


def errors(resources: list[Resource]) -> list[Finding]:
    return [finding for finding in validate(resources) if finding.severity == "error"]


def test_a_good_set_has_no_findings() -> None:
    assert validate(good()) == []


def test_numeric_ids_are_legal_in_fhir() -> None:
    assert validate([{"resourceType": "Patient", "id": "12"}]) == []


def test_the_resources_stay_as_they_were() -> None:
    resources = good()
    before = copy.deepcopy(resources)
    validate(resources)
    assert resources == before
    assert str(resources[4]["component"][0]["valueQuantity"]["value"]) == "14.00"


PATIENT = {"reference": "Patient/P1"}
NO_CODE = [{"code": {"text": "a"}}, {"code": {"text": "b"}, "valueQuantity": {"value": 1, "code": "%"}}]

BROKEN: list[tuple[str, str, Resource, str, str]] = [
    # name, resource, elements set, issue code, expression
    ("id with underscore", "study", {"id": "a_b"}, "value", "ResearchStudy.id"),
    ("id of 65 characters", "study", {"id": "x" * 65}, "value", "ResearchStudy.id"),
    ("no id", "study", {"id": None}, "required", "ResearchStudy"),
    ("unknown type", "study", {"resourceType": "Studie"}, "not-supported", "Resource"),
    ("type of R4B only", "study", {"resourceType": "MedicinalProductDefinition"}, "not-supported", "Resource"),
    ("type that is a path", "study", {"resourceType": "../../x"}, "not-supported", "Resource"),
    ("unknown element", "P1", {"colour": "x"}, "structure", "Patient"),
    ("missing status", "P1-blasts", {"status": None}, "required", "Observation.status"),
    ("wrong code", "P1-blasts", {"status": "finished"}, "code-invalid", "Observation.status"),
    ("wrong gender", "P1", {"gender": "M"}, "code-invalid", "Patient.gender"),
    ("two value[x]", "P1-blasts", {"valueString": "a", "valueInteger": 1}, "structure", "Observation.valueInteger"),
    ("value of a type that is not allowed", "P1-blasts", {"valueDecimal": 1}, "structure", "Observation"),
    ("obs-6", "P1-missing", {"valueString": "a"}, "invariant", "Observation"),
    ("obs-7", "P1-blasts", {"valueInteger": 1, "component": [{"code": concept("http://loinc.org", "11150-0")}]}, "invariant", "Observation"),
    ("obs-3", "P1-blasts", {"referenceRange": [{"age": {"low": quantity("1", "a")}}]}, "invariant", "Observation.referenceRange[0]"),
    ("qty-3", "P1-blasts", {"component": NO_CODE}, "invariant", "Observation.component[1].valueQuantity"),
    ("con-4", "P1-disease", {"abatementDateTime": "2021-02-01"}, "invariant", "Condition"),
    ("con-5", "P1-disease", {"verificationStatus": concept(f"{TERMS}/condition-ver-status", "entered-in-error")}, "invariant", "Condition"),
    ("condition status without system", "P1-disease", {"clinicalStatus": {"coding": [{"code": "active"}]}}, "code-invalid", "Condition.clinicalStatus"),
    ("condition status as text only", "P1-disease", {"clinicalStatus": {"text": "active"}}, "code-invalid", "Condition.clinicalStatus"),
    ("mad-1", "P1-dose", {"dosage": {"text": "as printed"}}, "invariant", "MedicationAdministration.dosage"),
    ("sqty-1", "P1-dose", {"dosage": {"dose": quantity("1", "ug") | {"comparator": "<"}}}, "invariant", "MedicationAdministration.dosage.dose"),
    ("per-1", "P1-dose", {"effectivePeriod": {"start": "2021-02-01", "end": "2021-01-01"}}, "invariant", "MedicationAdministration.effectivePeriod"),
    ("missing medication", "P1-dose", {"medicationCodeableConcept": None}, "required", "MedicationAdministration.medication"),
    ("grp-1", "cohort", {"actual": False}, "invariant", "Group"),
    ("ext-1", "P1", {"extension": [{"url": f"{BASE}/x", "valueInteger": 1, "extension": [{"url": "y", "valueInteger": 1}]}]}, "invariant", "Patient.extension[0]"),
    ("empty extension", "P1", {"extension": [{"url": f"{BASE}/x"}]}, "invariant", "Patient.extension[0]"),
    ("pat-1", "P1", {"contact": [{"gender": "male"}]}, "invariant", "Patient.contact[0]"),
    ("ele-1", "P1-blasts", {"method": {}}, "invariant", "Observation.method"),
    ("empty array", "P1-blasts", {"note": []}, "structure", "Observation.note"),
    ("one where a list belongs", "P1-blasts", {"note": {"text": "a"}}, "structure", "Observation.note"),
    ("list where one belongs", "P1-blasts", {"method": [{"text": "a"}]}, "structure", "Observation.method"),
    ("null", "P1-blasts", {"issued": [None]}, "structure", "Observation.issued"),
    ("empty text", "P1-blasts", {"method": {"text": ""}}, "value", "Observation.method.text"),
    ("dangling reference", "P1-blasts", {"subject": {"reference": "Patient/P2"}}, "not-found", "Observation.subject.reference"),
    ("absolute reference", "P1-blasts", {"subject": {"reference": "http://other.example/fhir/Patient/P1"}}, "not-supported", "Observation.subject.reference"),
    ("reference of a wrong type", "P1-blasts", {"specimen": PATIENT}, "value", "Observation.specimen.reference"),
    ("reference that is none", "P1-blasts", {"subject": {"reference": "P1"}}, "value", "Observation.subject.reference"),
    ("reference that states another type", "P1-blasts", {"subject": {**PATIENT, "type": "Group"}}, "value", "Observation.subject.reference"),
    ("ref-1", "P1-blasts", {"specimen": {"reference": "#s"}}, "not-found", "Observation.specimen.reference"),
    ("dom-2", "study", {"contained": [{"resourceType": "Group", "id": "g", "type": "person", "actual": True, "contained": [{"resourceType": "Patient", "id": "p"}]}]}, "invariant", "ResearchStudy"),
    ("dom-3", "P1-blasts", {"contained": [{"resourceType": "Specimen", "id": "s"}]}, "invariant", "Observation"),
    ("dom-4", "P1-blasts", {"contained": [{"resourceType": "Specimen", "id": "s", "meta": {"versionId": "1"}}], "specimen": {"reference": "#s"}}, "invariant", "Observation"),
    ("dom-5", "P1-blasts", {"contained": [{"resourceType": "Specimen", "id": "s", "meta": {"security": [{"system": f"{TERMS}/v3-Confidentiality", "code": "R"}]}}], "specimen": {"reference": "#s"}}, "invariant", "Observation"),
    ("2020-13-40", "P1-blasts", {"effectiveDateTime": "2020-13-40"}, "value", "Observation.effectiveDateTime"),
    ("30 February", "P1-blasts", {"effectiveDateTime": "2021-02-30"}, "value", "Observation.effectiveDateTime"),
    ("time without an offset", "P1-blasts", {"effectiveDateTime": "2021-01-15T10:00:00"}, "value", "Observation.effectiveDateTime"),
    ("date alone in an instant", "P1-blasts", {"issued": "2021-01-15"}, "value", "Observation.issued"),
    ("number as text", "P1-blasts", {"valueInteger": "1"}, "structure", "Observation.valueInteger"),
    ("boolean as number", "cohort", {"actual": 1}, "structure", "Group.actual"),
    ("negative count", "cohort", {"quantity": -1}, "value", "Group.quantity"),
    ("integer of 33 bits", "P1-blasts", {"valueInteger": 2**31}, "value", "Observation.valueInteger"),
    ("not a number", "P1-dose", {"dosage": {"dose": {"value": Decimal("NaN")}}}, "value", "MedicationAdministration.dosage.dose.value"),
    ("space in a system", "P1-blasts", {"code": {"coding": [{"system": "http://loinc.org ", "code": "1"}]}}, "value", "Observation.code.coding[0].system"),
    ("space after a code", "P1-blasts", {"code": {"coding": [{"code": "1 "}]}}, "value", "Observation.code.coding[0].code"),
    ("NUL", "P1-blasts", {"method": {"text": "a\x00b"}}, "value", "Observation.method.text"),
    ("lone surrogate", "P1-blasts", {"method": {"text": "a\ud800b"}}, "value", "Observation.method.text"),
    ("code that its HL7 system has not", "P1-blasts", {"category": [concept(f"{TERMS}/observation-category", "labs")]}, "code-invalid", "Observation.category[0].coding[0].code"),
    ("script in narrative", "P1", {"text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml"><script>x</script></div>'}}, "invariant", "Patient.text.div"),
    ("death before birth", "P1", {"birthDate": "2022-01-01"}, "business-rule", "Patient.deceasedDateTime"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "elements", "code", "expression"),
    [case[1:] for case in BROKEN],
    ids=[case[0] for case in BROKEN],
)
def test_a_broken_rule_is_found_where_it_is_broken(
    name: str, elements: Resource, code: str, expression: str
) -> None:
    found = errors(change(name, **elements))
    assert (code, expression) in {(finding.code, finding.expression) for finding in found}
    renamed = {"id", "resourceType"} & set(elements)
    if not renamed:
        assert {finding.location.split("/")[1] for finding in found} == {name}


WARNED: list[tuple[str, str, Resource, str, str]] = [
    ("con-3", "P1-disease", {"clinicalStatus": None}, "invariant", "Condition"),
    ("space around text", "P1-blasts", {"method": {"text": " a"}}, "value", "Observation.method.text"),
    ("control character", "P1-blasts", {"method": {"text": "a\x01b"}}, "value", "Observation.method.text"),
    ("a float", "P1-blasts", {"component": [{"code": {"text": "a"}, "valueQuantity": {"value": 1.5}}]}, "value", "Observation.component[0].valueQuantity.value"),
    ("after death", "P1-blasts", {"effectiveDateTime": "2021-05-02"}, "business-rule", "Observation.effectiveDateTime"),
    ("a vital sign without category", "P1-blasts", {"code": concept("http://loinc.org", "29463-7")}, "invariant", "Observation"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "elements", "code", "expression"),
    [case[1:] for case in WARNED],
    ids=[case[0] for case in WARNED],
)
def test_doubtful_things_are_warnings(name: str, elements: Resource, code: str, expression: str) -> None:
    found = validate(change(name, **elements))
    assert [(item.severity, item.code, item.expression) for item in found] == [("warning", code, expression)]


def test_two_resources_of_one_id() -> None:
    resources = good()
    resources.append(copy.deepcopy(resources[0]))
    (finding,) = validate(resources)
    assert (finding.code, finding.location) == ("duplicate", "Patient/P1")
    other_type = {"resourceType": "Specimen", "id": "P1"}
    assert validate([*good(), other_type]) == []


def test_a_contained_resource_is_judged_and_referred_to() -> None:
    inner = {"resourceType": "Specimen", "id": "s", "status": "there"}
    resources = change("P1-blasts", contained=[inner], specimen={"reference": "#s"})
    (finding,) = validate(resources)
    assert finding.expression == "Observation.contained[0].status"
    inner["status"] = "available"
    assert validate(resources) == []
    del inner["id"]
    assert {"Observation.contained[0]", "Observation.specimen.reference"} <= {
        item.expression for item in errors(resources)
    }


def test_references_inside_a_bundle_lead_to_its_entries() -> None:
    entry = {"fullUrl": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520", "resource": good()[0]}
    observation = change("P1-missing", subject={"reference": entry["fullUrl"]})[5]
    bundle = {"resourceType": "Bundle", "id": "b", "type": "collection"}
    assert validate([bundle | {"entry": [entry, {"resource": observation}]}]) == []
    (finding,) = validate([bundle | {"entry": [{"resource": observation}]}])
    assert finding.expression == "Bundle.entry[0].resource.subject.reference"


def test_lists_of_primitives_may_have_holes_with_extensions() -> None:
    absent = {
        "extension": [
            {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}
        ]
    }
    name = {"given": ["Li", None], "_given": [None, absent]}
    assert validate([{"resourceType": "Patient", "id": "a", "name": [name]}]) == []
    assert errors([{"resourceType": "Patient", "id": "a", "name": [{"given": ["Li", None]}]}])


def test_a_needed_element_may_be_an_extension_that_says_why_not() -> None:
    absent = {
        "extension": [
            {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}
        ]
    }
    assert validate(change("study", status=None, _status=absent)) == []


def test_codes_and_extensions_of_given_definitions() -> None:
    definitions = [
        {"resourceType": "CodeSystem", "url": f"{BASE}/CodeSystem/timepoint", "content": "complete",
         "concept": [{"code": "before", "concept": [{"code": "long-before"}]}]},
        {"resourceType": "StructureDefinition", "url": f"{BASE}/StructureDefinition/study-day"},
    ]  # fmt: skip
    assert validate(good(), definitions=definitions) == []
    coded = change("P1-missing", code=concept(f"{BASE}/CodeSystem/timepoint", "long-before"))
    assert validate(coded, definitions=definitions) == []
    (wrong,) = validate(
        change("P1-missing", code=concept(f"{BASE}/CodeSystem/timepoint", "after")), definitions=definitions
    )
    assert (wrong.code, wrong.expression) == ("code-invalid", "Observation.code.coding[0].code")
    unknown = {"url": f"{BASE}/StructureDefinition/studyday", "valueInteger": 1}
    (wrong,) = validate(change("P1", extension=[unknown]), definitions=definitions)
    assert (wrong.code, wrong.expression) == ("extension", "Patient.extension[0].url")
    assert validate(change("P1", extension=[unknown])) == []


def test_check_valid_raises_all_findings_at_once() -> None:
    check_valid(change("P1-disease", clinicalStatus=None))  # a warning only
    with pytest.raises(ValidationError) as caught:
        check_valid(change("P1-blasts", status="finished", subject={"reference": "Patient/P9"}))
    assert {finding.expression for finding in caught.value.findings} == {
        "Observation.status",
        "Observation.subject.reference",
    }
    assert caught.value.exit_code == 3


def test_a_misspelt_element_gets_the_nearest_name() -> None:
    (finding,) = errors(change("P1", gendre="male"))
    assert 'has no element "gendre"' in finding.diagnostics
    assert finding.remedy == 'Did you mean "gender"?'


def test_something_that_is_no_resource() -> None:
    odd: list[Any] = [None, [], "Patient", 3, {}, {"resourceType": 3}, {"resourceType": "DomainResource"}]
    assert len(validate(odd)) == len(odd)


def test_nesting_without_end_is_a_finding() -> None:
    deep: Resource = {"url": "a", "valueInteger": 1}
    for _ in range(3000):
        deep = {"url": "a", "extension": [deep]}
    (finding,) = validate([{"resourceType": "Patient", "id": "a", "extension": [deep]}])
    assert finding.diagnostics == "nested too deeply"


def spots(node: Any) -> Iterator[tuple[Any, Any]]:
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in list(children):
        yield node, key
        yield from spots(value)


CANARY = "Wang Xiaoming 440301"
JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(), st.decimals(), st.text(max_size=5), st.just(CANARY),
    st.lists(st.one_of(st.none(), st.just(CANARY), st.integers()), max_size=2),
    st.dictionaries(st.sampled_from(["system", "code", "value", "reference", "coding", "x", CANARY]),
                    st.one_of(st.none(), st.just(CANARY), st.lists(st.just(CANARY))), max_size=2),
)  # fmt: skip


@given(st.data())
def test_whatever_stands_anywhere_is_judged_without_telling_it(data: st.DataObject) -> None:
    resources = good()
    for holder, key in data.draw(st.lists(st.sampled_from(list(spots(resources))), min_size=1, max_size=3)):
        if isinstance(holder, dict) or key < len(holder):
            holder[key] = data.draw(JUNK)
    for finding in validate(resources):
        assert CANARY not in str(finding.as_issue()["diagnostics"])
        assert CANARY not in finding.expression


@pytest.fixture(scope="session")
def examples() -> list[Resource]:
    """HL7's official R4 examples, from their npm package, kept in the user's cache."""
    archive = PACK / "hl7.fhir.r4.examples-4.0.1.tgz"
    if not archive.exists():
        if shutil.which("npm") is None:
            pytest.skip("the official FHIR R4 examples need npm, which is not installed")
        PACK.mkdir(parents=True, exist_ok=True)
        command = ["npm", "pack", "--silent", "hl7.fhir.r4.examples@4.0.1"]
        got = subprocess.run(command, cwd=PACK, capture_output=True, timeout=300, check=False)
        if got.returncode or not archive.exists():
            pytest.skip("the official FHIR R4 examples need npm's registry, which does not answer")
    found: dict[str, Resource] = {}
    with tarfile.open(archive) as pack:
        for member in pack:
            if not member.name.endswith(".json") or member.name.endswith(("package.json", ".index.json")):
                continue
            if member.name.endswith("Observation-decimal.json"):
                continue  # its numbers are out of range, which reading refuses
            if member.name.split("/")[-1].split("-")[0] in CONFORMANCE:
                continue
            file = pack.extractfile(member)
            assert file is not None
            node = fhirjson.loads(file.read().decode("utf-8-sig"))
            if node["resourceType"] not in CONFORMANCE:
                found[f"{node['resourceType']}/{node['id']}"] = node
    return list(found.values())


# Those of the types above that HAPI's validator 8.8.0 refuses, or that break R4's own definition.
WRONG = {
    "MedicationAdministration/medadmin0312": "not a code of its code system",
    "Observation/clinical-gender": "leads to a Encounter, which may not stand here",
    "Procedure/f201": "a canonical URL is absolute, or a # fragment",
}


@pytest.mark.network
def test_official_examples_of_our_types(examples: list[Resource]) -> None:
    ours = [node for node in examples if node["resourceType"] in OURS]
    assert len(ours) > 130
    # each comes alone, without the resources that it refers to
    found = {
        finding.location: finding.diagnostics
        for node in ours
        for finding in errors([node])
        if finding.code not in {"not-found", "not-supported"}
    }
    assert found == WRONG


@pytest.mark.network
def test_official_examples_of_other_types(examples: list[Resource]) -> None:
    """What is found in the others is what HAPI's validator finds too, and wrong reference types."""
    others = [node for node in examples if node["resourceType"] not in OURS]
    assert len(others) > 500
    found = {
        finding.diagnostics.split(", which may")[0]
        for node in others
        for finding in errors([node])
        if finding.code not in {"not-found", "not-supported"}
    }
    assert found == {
        "a canonical URL is absolute, or a # fragment",
        "narrative is empty (txt-2)",
        "Questionnaire.item needs linkId",
        "not a urn:oid",
        "not a urn:uuid",
        "not a code of its code system",
        "rfc-3986: with system urn:ietf:rfc:3986 the value is a full URI",
        "leads to a DeviceDefinition",
        "leads to a Practitioner",
        "leads to a Procedure",
    }


def test_conformance_resources_of_our_own_are_valid() -> None:
    folder = Path(__file__).parents[2] / "mappings" / "profiles"
    own = [fhirjson.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    assert [str(finding) for finding in errors(own)] == []


# What HAPI's validator cannot see in one resource alone, and its server refuses when the set is sent.
ONLY_IN_A_SET = {
    "no id",
    "dangling reference",
    "absolute reference",
    "reference of a wrong type",
    "reference that is none",
    "NUL",
    "death before birth",
}
NOT_JSON = {"not a number", "lone surrogate"}


@pytest.mark.hapi
def test_hapi_refuses_the_same(tmp_path: Path) -> None:
    from fhir_blina.hapi import java
    from fhir_blina.hapi.validator import validate_with_hapi

    if absent := java.missing():
        pytest.skip(absent)
    profiles = Path(__file__).parents[2] / "mappings" / "profiles"
    good_ones = good()
    labels = []
    for number, (label, name, elements, _, _) in enumerate(BROKEN):
        if label in NOT_JSON:
            continue
        position = [node["id"] for node in good_ones].index(name)
        broken = change(name, **elements)[position]
        if label not in {"id with underscore", "id of 65 characters", "no id"}:
            broken["id"] = f"broken-{number}"
        fhirjson.write_ndjson(tmp_path / f"{number:03}.ndjson", [broken])
        labels.append((label, f"{broken['resourceType']}/{broken.get('id')}"))
    fhirjson.write_ndjson(tmp_path / "good.ndjson", good_ones)
    refused = {
        finding.location
        for finding in validate_with_hapi(tmp_path, [profiles])
        if finding.severity in {"error", "fatal"}
    }
    assert {label for label, location in labels if location not in refused} == ONLY_IN_A_SET
    assert not refused & {f"{node['resourceType']}/{node['id']}" for node in good_ones}


def test_another_release_judges_by_its_own_definitions() -> None:
    """A release that has a type and an element more, and a code less, than R4."""
    stated = copy.deepcopy({name: getattr(R4, name) for name in ("types", "primitives")})
    types = stated["types"]
    types["Patient"]["elements"]["nickname"] = types["Patient"]["elements"]["birthDate"] | {"type": "string"}
    types["Ward"] = types["Basic"] | {"elements": {}, "invariants": {}}
    genders = R4.types["Patient"]["elements"]["gender"]["values"]
    stated["valueSets"] = R4.value_sets | {
        genders: {
            url: [code for code in codes if code != "other"] for url, codes in R4.value_sets[genders].items()
        }
    }
    stated["codeSystems"] = R4.code_systems
    other = FhirRelease("R99", "99.0.0", Path("none.json"))
    other.__dict__["_stated"] = stated
    resources = [
        {"resourceType": "Patient", "id": "a", "nickname": "x"},
        {"resourceType": "Ward", "id": "w"},
        {"resourceType": "Patient", "id": "b", "gender": "other"},
    ]
    assert [one.location for one in validate(resources)] == ["Patient/a", "Resource/w"]
    assert [one.location for one in validate(resources, release=other)] == ["Patient/b"]
