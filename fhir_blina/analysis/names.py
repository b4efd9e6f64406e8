"""Names of numbers: what may stand behind the dot, so that a misspelt one is an error and no empty place."""

from __future__ import annotations

from fnmatch import fnmatchcase

from fhir_blina.statistics import RATIO_METHODS

#: Statistics by name; a star stands for a name of the definitions, a number or a grade.
STATISTIC_NAMES = (
    # of patients, measures, sets and intervals
    "best_response",
    "category",
    "count",
    "cut",
    "days",
    "first_quartile",
    "mann_whitney_asymptotic",
    "mann_whitney_exact",
    "mann_whitney_true_size",
    "maximum",
    "mean",
    "median",
    "minimum",
    "missing",
    "not_evaluable",
    "proportion",
    "response_rate",
    "response_rate_evaluable",
    "standard_deviation",
    "sum",
    "third_quartile",
    "value",
    # of endpoints
    "cox_*_hazard_ratio",
    "cox_*_proportional_hazards",
    "cumulative_incidence",
    "detectable_hazard_ratio",
    "duration",
    "events_needed_hazard_ratio_*",
    *(f"{method}_hazard_ratio" for method in RATIO_METHODS),
    "fleming_harrington_*",
    "followup_all",
    "followup_censored",
    "followup_reverse",
    "gehan_breslow",
    "gray",
    "hazard_ratio",
    "landmark_*log_rank",
    "log_rank",
    "log_rank_by_*",
    "log_rank_exact",
    "log_rank_exact_scores",
    "log_rank_trend",
    "lost_event_log_rank",
    "lost_event_log_rank_exact",
    "lost_no_event_log_rank",
    "lost_no_event_log_rank_exact",
    "mantel_byar",
    "median_midpoint",
    "naive_*_log_rank",
    "peto_peto",
    "power_hazard_ratio_*",
    "quantile_*",
    "rate",
    "restricted_mean",
    "restricted_mean_difference",
    "simon_makuch",
    "smallest_exact_p",
    "subgroup_*_hazard_ratio",
    "subgroup_*_interaction",
    "subgroup_tests",
    "survival",
    "tarone_ware",
    # of exposure
    "given_of_protocol_*",
    "highest_per_area",
    "protocol_*_course",
    "protocol_*_same_days",
    "step",
    "step_up_as_protocol",
    "total",
)


def is_statistic(name: str) -> bool:
    """Whether a name behind the dot, or a pattern with stars, is or fits one of a statistic."""
    return any(fnmatchcase(name, known) or fnmatchcase(known, name) for known in STATISTIC_NAMES)
