"""Identifiers as each type of R4 holds them."""

from __future__ import annotations

import pytest

from fhir_blina.r4.identifiers import identifier_value, identifiers_of, without_identifier
from fhir_blina.r4.release import R4

A, B = {"system": "urn:a", "value": "1"}, {"system": "urn:b", "value": "2"}


# As hl7.org/fhir/R4 prints the cardinality of `identifier` on the page of each type.
@pytest.mark.parametrize(
    ("kind", "held"),
    [
        *((kind, "many") for kind in ("Patient", "Observation", "StructureMap", "ValueSet", "Group")),
        *((kind, "one") for kind in ("ConceptMap", "TestScript", "AdverseEvent", "Bundle", "Composition")),
        *(
            (kind, "none")
            for kind in ("AuditEvent", "VerificationResult", "MedicationKnowledge", "Provenance")
        ),
    ],
)
def test_the_cardinality_of_identifier(kind, held):
    assert R4.identifier(kind) == held


@pytest.mark.parametrize(
    ("held", "kept"),
    [([A, B], [A]), ([A], [A]), ([B], None), (A, A), (B, None), (None, None)],
)
def test_without_an_identifier(held, kept):
    resource = {"resourceType": "Patient", "id": "p"} | ({"identifier": held} if held else {})
    assert without_identifier(resource, "urn:b").get("identifier") == kept
    assert identifier_value(resource, "urn:b") == ("2" if B in identifiers_of(resource) else None)
