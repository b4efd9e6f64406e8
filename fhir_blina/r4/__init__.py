"""FHIR R4 (4.0.1): its types, elements, primitives and OperationOutcome."""

from __future__ import annotations

from fhir_blina.r4.definitions import official_systems, resource_types, rules
from fhir_blina.r4.outcome import findings_of, without_content
from fhir_blina.r4.primitives import CHECKS, Fault, text_fault
from fhir_blina.r4.types import RESOURCE_TYPES, is_labelled, is_legal, key_of

__all__ = [
    "CHECKS",
    "RESOURCE_TYPES",
    "Fault",
    "findings_of",
    "is_labelled",
    "is_legal",
    "key_of",
    "official_systems",
    "resource_types",
    "rules",
    "text_fault",
    "without_content",
]
