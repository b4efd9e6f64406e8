"""One walker and one rewriter of references."""

from __future__ import annotations

from fhir_blina.r4.references import references_at, targets_of, with_names

RESOURCE = {
    "resourceType": "Observation",
    "id": "o1",
    "subject": {"reference": "Patient/p1"},
    "contained": [{"resourceType": "Device", "id": "d", "patient": {"reference": "Patient/p1/_history/3"}}],
    "performer": [{"display": "nobody"}, {"reference": "Practitioner/x"}],
    "extension": [{"url": "urn:u", "valueReference": {"reference": "#d"}}],
}


def test_each_reference_has_its_place():
    assert [(path, one["reference"]) for path, one in references_at(RESOURCE)] == [
        (".subject", "Patient/p1"),
        (".contained[0].patient", "Patient/p1/_history/3"),
        (".performer[1]", "Practitioner/x"),
        (".extension[0].valueReference", "#d"),
    ]


def test_targets_have_no_version():
    assert targets_of(RESOURCE) == ("#d", "Patient/p1", "Practitioner/x")


def test_names_replace_the_id_and_the_references_and_nothing_else():
    named = with_names(RESOURCE, {"Observation/o1": "Observation/77", "Patient/p1": "Patient/8"}.get)
    assert named["id"] == "77"
    assert named["subject"] == {"reference": "Patient/8"}
    assert named["contained"][0]["id"] == "d"
    assert RESOURCE["subject"] == {"reference": "Patient/p1"}
