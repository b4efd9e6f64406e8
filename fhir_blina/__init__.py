"""A published treatment cohort as FHIR R4: loaded, pulled back, and its numbers recomputed.

::

     mappings/cohorts/<cohort>/                                  mappings/views/
     data/*.csv ─► rows ─► resources ─► store ─► resources ─► tables ─► results ─► report
                check    map        validate  push/pull    tables   analyze    report

Left of the store everything belongs to a cohort; right of it nothing does::

    import fhir_blina

    cohort = fhir_blina.read_cohort("mycohort")
    mapped = fhir_blina.map_cohort(cohort)
    fhir_blina.validate(mapped.resources)                     # findings, empty if all is well
    store = fhir_blina.open_store("out/fhir")                 # or "http://127.0.0.1:8080/fhir"
    store.push(mapped.resources, cohort=cohort.name)
    pulled = store.pull(Path("out/pulled"), cohort=cohort.name)
    tables = fhir_blina.read_tables(pulled.folder)            # pandas DataFrames by name
    results = fhir_blina.analyze(tables, cohort.folder)       # numbers with interval, method and n
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from fhir_blina.errors import (
    AnalysisError,
    CohortError,
    ExpressionError,
    FhirBlinaError,
    Finding,
    StoreError,
    StoreIncomplete,
    StoreRefused,
    StoreUnavailable,
    ValidationError,
    ViewError,
)

if TYPE_CHECKING:
    from fhir_blina.analysis import analyze, survival_curves
    from fhir_blina.cli import run
    from fhir_blina.cohorts import read_cohort
    from fhir_blina.exploration import explore, suggest_endpoints
    from fhir_blina.mapping import check_cohort, map_cohort
    from fhir_blina.mapping.back import round_trip
    from fhir_blina.report import write_report
    from fhir_blina.results import write_results
    from fhir_blina.store import open_store
    from fhir_blina.validation import validate
    from fhir_blina.views import read_tables

_WHERE = {
    "analyze": "analysis",
    "check_cohort": "mapping",
    "explore": "exploration",
    "map_cohort": "mapping",
    "open_store": "store",
    "read_cohort": "cohorts",
    "read_tables": "views",
    "round_trip": "mapping.back",
    "run": "cli",
    "suggest_endpoints": "exploration",
    "survival_curves": "analysis",
    "validate": "validation",
    "write_report": "report",
    "write_results": "results",
}

__all__ = [
    "AnalysisError",
    "CohortError",
    "ExpressionError",
    "FhirBlinaError",
    "Finding",
    "StoreError",
    "StoreIncomplete",
    "StoreRefused",
    "StoreUnavailable",
    "ValidationError",
    "ViewError",
    "analyze",
    "check_cohort",
    "explore",
    "map_cohort",
    "open_store",
    "read_cohort",
    "read_tables",
    "round_trip",
    "run",
    "suggest_endpoints",
    "survival_curves",
    "validate",
    "write_report",
    "write_results",
]


def __getattr__(name: str) -> Any:
    """Import a public function when it is first asked for, so that ``--help`` stays fast."""
    if name in _WHERE:
        value = getattr(importlib.import_module(f"fhir_blina.{_WHERE[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
