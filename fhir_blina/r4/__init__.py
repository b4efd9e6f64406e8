"""FHIR R4 (4.0.1): its types, elements, primitives and OperationOutcome."""
