"""FHIR R4 (4.0.1): its types, elements and primitives, keys, identifiers, references, OperationOutcome."""

from __future__ import annotations

from fhir_blina.r4.identifiers import identifier_value, identifiers_of, without_identifier
from fhir_blina.r4.outcome import findings_of, without_content
from fhir_blina.r4.primitives import Fault, check_of, text_fault
from fhir_blina.r4.references import (
    objects_at,
    references_at,
    references_in,
    target_of,
    targets_of,
    with_names,
    with_objects,
    with_references,
)
from fhir_blina.r4.release import QUANTITIES, R4, FhirRelease
from fhir_blina.r4.types import checked_types, is_labelled, is_legal, key_of

__all__ = [
    "QUANTITIES",
    "R4",
    "Fault",
    "FhirRelease",
    "check_of",
    "checked_types",
    "findings_of",
    "identifier_value",
    "identifiers_of",
    "is_labelled",
    "is_legal",
    "key_of",
    "objects_at",
    "references_at",
    "references_in",
    "target_of",
    "targets_of",
    "text_fault",
    "with_names",
    "with_objects",
    "with_references",
    "without_content",
    "without_identifier",
]
