"""Survival, rank tests, proportions and regression over plain arrays."""

from __future__ import annotations

from fhir_blina.statistics.competing import Incidence, cumulative_incidence
from fhir_blina.statistics.cox import firth_cox
from fhir_blina.statistics.gray import gray_test
from fhir_blina.statistics.interaction import Interaction, holm, interaction
from fhir_blina.statistics.labelings import in_words, smallest_p
from fhir_blina.statistics.location import mean_interval, quantile, spread
from fhir_blina.statistics.logrank import WEIGHTS, log_rank, permutation_log_rank
from fhir_blina.statistics.pointwise import BETA_PRODUCT, INTERVALS
from fhir_blina.statistics.proportions import PROPORTION_INTERVALS, mann_whitney, median, proportion
from fhir_blina.statistics.rates import rate
from fhir_blina.statistics.ratios import RATIO_METHODS, Ratio, hazard_ratio
from fhir_blina.statistics.regression import cox_regression
from fhir_blina.statistics.residuals import cox_residuals
from fhir_blina.statistics.survival import (
    Curve,
    Estimate,
    kaplan_meier,
    restricted_mean_difference,
    reverse_kaplan_meier,
)
from fhir_blina.statistics.times import TIMEFIX
from fhir_blina.statistics.timevarying import landmark, mantel_byar, simon_makuch

__all__ = [
    "BETA_PRODUCT",
    "INTERVALS",
    "PROPORTION_INTERVALS",
    "RATIO_METHODS",
    "TIMEFIX",
    "WEIGHTS",
    "Curve",
    "Estimate",
    "Incidence",
    "Interaction",
    "Ratio",
    "cox_regression",
    "cox_residuals",
    "cumulative_incidence",
    "firth_cox",
    "gray_test",
    "hazard_ratio",
    "holm",
    "in_words",
    "interaction",
    "kaplan_meier",
    "landmark",
    "log_rank",
    "mann_whitney",
    "mantel_byar",
    "mean_interval",
    "median",
    "permutation_log_rank",
    "proportion",
    "quantile",
    "rate",
    "restricted_mean_difference",
    "reverse_kaplan_meier",
    "simon_makuch",
    "smallest_p",
    "spread",
]
