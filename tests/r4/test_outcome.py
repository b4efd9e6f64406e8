from __future__ import annotations

from decimal import Decimal

import pytest

from fhir_blina.r4.outcome import findings_of, without_content, without_values


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Unknown code 'http://loinc.org#30525-0'", "Unknown code 'http://loinc.org#…'"),
        ('Invalid date: "1961-13-40"', "Invalid date: '…'"),
        (
            "profile 'http://hl7.org/fhir/ValueSet/x|4.0.1' says",
            "profile 'http://hl7.org/fhir/ValueSet/x|4.0.1' says",
        ),
        ("Observation.status: minimum required = 1", "Observation.status: minimum required = 1"),
        ("'Zhang' and 'Li'", "'…' and '…'"),
        ("it can't be 'Zhang'", "it can't be '…'"),
    ],
)
def test_quoted_values_are_cut_and_addresses_stay(said, kept):
    assert without_values(said) == kept


def test_each_issue_becomes_a_finding_at_the_resource():
    outcome = {
        "resourceType": "OperationOutcome",
        "issue": [
            {
                "severity": "error",
                "code": "value",
                "diagnostics": "bad 'P1'",
                "expression": ["Patient.gender"],
            },
            {
                "severity": "warning",
                "code": "invariant",
                "details": {"text": "dom-6"},
                "location": ["Patient"],
            },
            {"severity": "success"},
        ],
    }
    found = findings_of(outcome, "Patient/p-1")
    assert [str(finding) for finding in found] == [
        "Patient/p-1: error: bad '…' (Patient.gender)",
        "Patient/p-1: warning: dom-6 (Patient)",
        "Patient/p-1: error: no explanation given",
    ]
    assert findings_of(outcome, "Patient/p-1", values=True)[0].diagnostics == "bad 'P1'"


@pytest.mark.parametrize("other", [None, "<html>", {"resourceType": "Bundle"}, []])
def test_anything_else_gives_no_findings(other):
    assert findings_of(other, "Patient/p-1") == []


def test_values_of_a_resource_are_cut_out_quoted_or_not():
    resource = {
        "resourceType": "Patient",
        "id": "p1",
        "name": [{"family": "Smith", "given": ["Ann"]}],
        "multipleBirthInteger": 3,
        "extension": [{"url": "http://x.test/e", "valueDecimal": Decimal("1.50")}],
    }
    said = "Patient/p1: Smith, Ann and Smithson at 1.50 of http://x.test/e is 3 of 33"
    assert (
        without_content(said, resource) == "Patient/p1: …, … and Smithson at … of http://x.test/e is … of 33"
    )
    assert without_content("nothing", None) == "nothing"


def test_an_outcome_of_another_shape_gives_no_findings():
    for issue in (None, "x", ["x", 3, None], {"a": 1}):
        assert findings_of({"resourceType": "OperationOutcome", "issue": issue}, "x") == []
    found = findings_of(
        {"resourceType": "OperationOutcome", "issue": [{"details": 3, "expression": "a"}]}, "x"
    )
    assert [one.diagnostics for one in found] == ["no explanation given"]
