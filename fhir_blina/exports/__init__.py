"""Results for other programs: ARD for R, tidy tables, and tables for a manuscript."""

from __future__ import annotations

from fhir_blina.exports.ard import ard
from fhir_blina.exports.formats import as_csv, as_html, as_latex, to_great_tables
from fhir_blina.exports.sheets import Sheet, first_table, survival_tables
from fhir_blina.exports.tidy import tidy
from fhir_blina.exports.writing import write_exports

__all__ = [
    "Sheet",
    "ard",
    "as_csv",
    "as_html",
    "as_latex",
    "first_table",
    "survival_tables",
    "tidy",
    "to_great_tables",
    "write_exports",
]
