"""Every number that the definitions ask for, from tables alone."""

from __future__ import annotations

from fhir_blina.analysis.analysis import analyze
from fhir_blina.analysis.descriptive import STATISTICS, proportion_records, whole

__all__ = ["STATISTICS", "analyze", "proportion_records", "whole"]
