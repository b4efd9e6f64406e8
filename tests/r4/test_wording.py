"""What a server says is shown without what could be a patient's, whether quoted or not."""

from __future__ import annotations

import pytest

from fhir_blina.r4 import findings_of
from fhir_blina.r4.wording import known_words

KEPT = [
    "HAPI-1094: Resource Organization/o7 not found, specified in path: Patient.name[0]",
    "HAPI-0823: Can not create resource duplicating existing resource: Patient/a1/_history/2",
    "HAPI-0389: Failed to call access method: java.lang.NullPointerException",
    "Unknown AdministrativeGender code",
    "Valid search parameters for this search are: [_id, _lastUpdated, active, address]",
    "The system http://loinc.org could not be found",
    "Observation.status: minimum required = 1",
    "Constraint failed: obs-6",
    "Could not open JPA EntityManager for transaction",
    "Transaction failed: timed out (HTTP 503), line 12",
]
CANARIES = [
    "Jane Roe",
    "jane roe",
    "JANE ROE",
    "Roe-Meyer",
    "O'Hara",
    "McDonald",
    "MaryAnn",
    "janeRoe",
    "Jane_Roe",
    "Łukasz",
    "王芳",
    "Ève",
    "1950-03-12",
    "12/03/1950",
    "12.3.1950",
    "+1 555 0100",
    "MRN0042",
    "4711",
    "93",
    "jane.roe@example.org",
    "mailto:jane.roe@example.org",
    "https://example.org/jane-roe?x=1",
    "urn:oid:1.2.3.4711",
    "urn:uuid:6f1e6f1e-0000-4711-9000-000000000001",
    "Smith/roe4711",
    "Roe,Jane",
    "Roe;Jane",
    "Roe(Jane)",
    "Roe\tJane",
    "Roe\u202eenaJ",
    "ro\u0301e",
]


@pytest.mark.parametrize("text", KEPT)
def test_what_helps_stays(text):
    assert known_words(text) == text


@pytest.mark.parametrize("canary", CANARIES)
@pytest.mark.parametrize(
    "frame",
    ["{}", "Duplicate of {} found", "Patient {} already exists", "value={}", "({})", "no: {}.", "x{}y"],
)
def test_what_could_be_a_patients_goes(canary, frame):
    shown = known_words(frame.format(canary))
    words = [one for one in canary.replace("\u202e", " ").replace("/", " ").split() if len(one) > 1]
    assert not [one for one in words if one.casefold() in shown.casefold() and one != "+1"]


@pytest.mark.parametrize("key", ["diagnostics", "details", "code", "severity", "expression", "location"])
def test_no_field_of_an_outcome_carries_a_name(key):
    issue = {"severity": "error", "code": "invalid", "diagnostics": "no"}
    name = "Jane Roe 4711"
    issue[key] = {"text": name} if key == "details" else [name] if key in {"expression", "location"} else name
    if key == "details":
        del issue["diagnostics"]
    (found,) = findings_of({"resourceType": "OperationOutcome", "issue": [issue]}, "Patient/p")
    assert not [word for word in name.split() if word in str(found) or word in str(found.as_issue())]


def test_a_long_text_takes_no_long():
    known_words("Aa" * 200_000 + " " + "-" * 200_000 + "a.b" * 100_000 + "org.a" * 50_000)
