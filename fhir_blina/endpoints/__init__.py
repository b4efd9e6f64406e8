"""What to measure: definitions, the facts that tables give, and times derived from them."""

from __future__ import annotations

from fhir_blina.endpoints.asked import (
    CategoriesAsked,
    Dosing,
    IntervalAsked,
    PowerAsked,
    ProportionAsked,
    ProtocolDose,
    SumAsked,
    SummaryAsked,
)
from fhir_blina.endpoints.conditions import fits
from fhir_blina.endpoints.definition import CoxAsked, Endpoint, Endpoints, PatientSet, State, Time, Value
from fhir_blina.endpoints.derivation import derive_endpoint
from fhir_blina.endpoints.evidence import TableMissing, Tables
from fhir_blina.endpoints.facts import Facts
from fhir_blina.endpoints.populations import Population, Remark
from fhir_blina.endpoints.reading import (
    measures_of,
    read_document,
    read_endpoints,
    sets_of,
    times_of,
)
from fhir_blina.endpoints.responses import ResponseAsked
from fhir_blina.endpoints.rows import source
from fhir_blina.endpoints.selection import Selection, selection

__all__ = [
    "CategoriesAsked",
    "CoxAsked",
    "Dosing",
    "Endpoint",
    "Endpoints",
    "Facts",
    "IntervalAsked",
    "PatientSet",
    "Population",
    "PowerAsked",
    "ProportionAsked",
    "ProtocolDose",
    "Remark",
    "ResponseAsked",
    "Selection",
    "State",
    "SumAsked",
    "SummaryAsked",
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
