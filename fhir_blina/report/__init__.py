"""The report: one HTML file that works offline."""

from __future__ import annotations

from fhir_blina.report.first_table import first_grid
from fhir_blina.report.grids import estimate, interval, p_value
from fhir_blina.report.layout import read_layout
from fhir_blina.report.report import write_report

__all__ = ["estimate", "first_grid", "interval", "p_value", "read_layout", "write_report"]
