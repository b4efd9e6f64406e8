"""What to measure: definitions, the facts that tables give, and times derived from them."""

from __future__ import annotations

from fhir_blina.endpoints.definition import (
    Endpoint,
    Endpoints,
    PatientSet,
    Selection,
    Time,
    Value,
    measures_of,
    read_document,
    read_endpoints,
    selection,
    sets_of,
    times_of,
)
from fhir_blina.endpoints.derivation import derive_endpoint
from fhir_blina.endpoints.facts import Facts, TableMissing, Tables, fits, source

__all__ = [
    "Endpoint",
    "Endpoints",
    "Facts",
    "PatientSet",
    "Selection",
    "TableMissing",
    "Tables",
    "Time",
    "Value",
    "derive_endpoint",
    "fits",
    "measures_of",
    "read_document",
    "read_endpoints",
    "selection",
    "sets_of",
    "source",
    "times_of",
]
