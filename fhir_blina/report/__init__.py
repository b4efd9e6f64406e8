"""The report: one HTML file that works offline."""

from __future__ import annotations

from fhir_blina.report.report import write_report

__all__ = ["write_report"]
