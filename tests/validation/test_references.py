"""Where references lead."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_blina.validation.references import Known, reference_fault

SET: list[Any] = [
    {"resourceType": "Patient", "id": "a"},
    {"resourceType": "Group", "id": "g"},
    {"resourceType": "Patient", "id": "a"},
    {"resourceType": "Patient"},
    "no resource",
]


@pytest.mark.parametrize(
    ("text", "targets", "code"),
    [
        ("Patient/a", None, None),
        ("Patient/a", {"Patient"}, None),
        ("Patient/a/_history/1", {"Patient"}, None),
        ("Patient/a", {"Group"}, "value"),
        ("Group/g", {"Patient"}, "value"),
        ("Patient/b", None, "not-found"),
        ("Patient/b", {"Group"}, "value"),
        ("Patient/b/_history/1", None, "not-found"),
        ("Patient?identifier=x", None, "value"),
        ("patient/a", None, "value"),
        ("Patient/a_b", None, "value"),
        ("/Patient/a", None, "value"),
        ("https://a.example/Patient/a", None, "not-supported"),
        ("urn:uuid:c757873d-ec9a-4326-a141-556f43239520", None, "not-supported"),
        ("#s", {"Specimen"}, None),
        ("#s", {"Patient"}, "value"),
        ("#t", None, "not-found"),
        ("#", None, None),
        ("", None, "value"),
    ],
)
def test_references(text: str, targets: set[str] | None, code: str | None) -> None:
    known = Known(SET)
    known.enter({"resourceType": "Observation", "contained": [{"resourceType": "Specimen", "id": "s"}, None]})
    fault = reference_fault({"reference": text}, targets and frozenset(targets), known)
    assert (fault and fault.code) == code


def test_a_stated_type_must_fit() -> None:
    known = Known(SET)
    assert reference_fault({"reference": "Patient/a", "type": "Patient"}, None, known) is None
    assert reference_fault({"reference": "Patient/a", "type": "Group"}, None, known) is not None


def test_ids_used_twice_are_kept() -> None:
    assert Known(SET).twice == ["Patient/a"]


def test_contained_resources_are_those_of_the_resource_at_hand() -> None:
    known = Known([])
    known.enter({"resourceType": "Observation", "contained": [{"resourceType": "Specimen", "id": "s"}]})
    known.enter({"resourceType": "Observation"})
    assert reference_fault({"reference": "#s"}, None, known) is not None
