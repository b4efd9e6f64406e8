"""Rows become resources, and resources become rows again."""

from __future__ import annotations

from fhir_blina.mapping.check import check_cohort, examine
from fhir_blina.mapping.idkey import id_key
from fhir_blina.mapping.mapping import Mapped, map_cohort
from fhir_blina.mapping.patients import patient_columns
from fhir_blina.mapping.tracing import TracedRow, trace_row
from fhir_blina.mapping.wanted import words_wanted

__all__ = [
    "Mapped",
    "TracedRow",
    "check_cohort",
    "examine",
    "id_key",
    "map_cohort",
    "patient_columns",
    "trace_row",
    "words_wanted",
]
