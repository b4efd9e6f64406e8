"""Results: a record for each number, and the printed numbers beside them."""

from __future__ import annotations

from fhir_blina.results.agreement import agreement_sentences
from fhir_blina.results.claims import read_claims
from fhir_blina.results.comparing import DAYS_PER_MONTH, NOT_COMPUTABLE, compare_claims
from fhir_blina.results.entries import (
    ComparedClaim,
    DataFinding,
    DerivedTime,
    LeftOut,
    PopulationCount,
    ReasonCount,
)
from fhir_blina.results.numbers import Number, as_json, exact
from fhir_blina.results.printed import AGREES, DISAGREES, TRUNCATED, printed_number, shown
from fhir_blina.results.records import Record, Results, write_results

__all__ = [
    "AGREES",
    "DAYS_PER_MONTH",
    "DISAGREES",
    "NOT_COMPUTABLE",
    "TRUNCATED",
    "ComparedClaim",
    "DataFinding",
    "DerivedTime",
    "LeftOut",
    "Number",
    "PopulationCount",
    "ReasonCount",
    "Record",
    "Results",
    "agreement_sentences",
    "as_json",
    "compare_claims",
    "exact",
    "printed_number",
    "read_claims",
    "shown",
    "write_results",
]
