"""Cohort folders: manifest, dictionary, tables, code maps, and how one is begun."""

from __future__ import annotations

from fhir_blina.cohorts.codeforms import fault_of_code
from fhir_blina.cohorts.conceptmaps import concept_map
from fhir_blina.cohorts.concepts import Concept, concepts_of_files, concepts_of_release
from fhir_blina.cohorts.conformance import conformance_resources
from fhir_blina.cohorts.dictionary import Column
from fhir_blina.cohorts.folder import (
    Cohort,
    cohort_names,
    find_cohort,
    gather_cohort,
    read_cohort,
)
from fhir_blina.cohorts.named_rows import rows_named
from fhir_blina.cohorts.scaffold import new_cohort
from fhir_blina.cohorts.suggestions import Candidate, ConceptIndex, Wanted, sure, unit_candidate
from fhir_blina.cohorts.tables import Row, Table

__all__ = [
    "Candidate",
    "Cohort",
    "Column",
    "Concept",
    "ConceptIndex",
    "Row",
    "Table",
    "Wanted",
    "cohort_names",
    "concept_map",
    "concepts_of_files",
    "concepts_of_release",
    "conformance_resources",
    "fault_of_code",
    "find_cohort",
    "gather_cohort",
    "new_cohort",
    "read_cohort",
    "rows_named",
    "sure",
    "unit_candidate",
]
