"""Every number that the definitions ask for, from tables alone."""

from __future__ import annotations

from fhir_blina.analysis.analysis import analyze
from fhir_blina.analysis.descriptive import STATISTICS, counted_in, proportion_records, whole
from fhir_blina.analysis.drawing import survival_curves
from fhir_blina.analysis.incidences import incidence_curves
from fhir_blina.analysis.names import STATISTIC_NAMES, is_statistic
from fhir_blina.analysis.outcomes import shown_labels, survival_curve

__all__ = [
    "STATISTICS",
    "STATISTIC_NAMES",
    "analyze",
    "counted_in",
    "incidence_curves",
    "is_statistic",
    "proportion_records",
    "shown_labels",
    "survival_curve",
    "survival_curves",
    "whole",
]
