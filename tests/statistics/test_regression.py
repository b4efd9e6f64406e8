"""Cox regression: beside test_data_sets, what cannot be estimated and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fhir_blina.errors import AnalysisError
from fhir_blina.statistics.logrank import log_rank
from fhir_blina.statistics.regression import cox_regression

TIMES = [5, 8, 12, 15, 19, 22, 27, 31, 36, 40]
EVENTS = [1, 1, 0, 1, 1, 0, 1, 1, 0, 1]
ARM = [0, 1, 0, 1, 1, 0, 0, 1, 0, 1]


def by_hand(beta):
    """Log partial likelihood of one covariate without ties, written out."""
    return sum(
        beta * x
        - math.log(sum(math.exp(beta * other) for s, other in zip(TIMES, ARM, strict=True) if s >= t))
        for t, d, x in zip(TIMES, EVENTS, ARM, strict=True)
        if d
    )


def test_the_estimate_is_the_top_of_the_likelihood_written_out():
    found = cox_regression(TIMES, EVENTS, {"arm": ARM})
    (arm,) = found.coefficients
    beta = math.log(arm.hazard_ratio)
    assert found.log_likelihood == pytest.approx(by_hand(beta), rel=1e-12)
    assert (by_hand(beta + 1e-7) - by_hand(beta - 1e-7)) / 2e-7 == pytest.approx(0, abs=1e-6)
    curvature = (by_hand(beta + 1e-3) - 2 * by_hand(beta) + by_hand(beta - 1e-3)) / 1e-6
    assert arm.standard_error == pytest.approx(1 / math.sqrt(-curvature), rel=1e-5)
    assert found.likelihood_ratio == pytest.approx(2 * (by_hand(beta) - by_hand(0)), rel=1e-9)
    assert arm.low < arm.hazard_ratio < arm.high


def test_where_nothing_differs_the_ratio_is_one_and_the_tests_agree():
    generator = np.random.default_rng(3)
    times, arm = generator.exponential(10, 2000), generator.integers(0, 2, 2000)
    found = cox_regression(times, np.ones(2000), {"arm": arm})
    assert found.coefficients[0].low < 1 < found.coefficients[0].high
    assert found.likelihood_ratio == pytest.approx(log_rank(times, np.ones(2000), arm).chi2, rel=0.02)


def test_hazards_that_cross_are_found_not_to_be_proportional():
    generator = np.random.default_rng(5)
    times = np.concatenate([generator.weibull(0.6, 300), generator.weibull(2, 300)])
    found = cox_regression(times, np.ones(600), {"arm": [0] * 300 + [1] * 300})
    assert found.proportional_p < 1e-6
    assert found.coefficients[0].proportional_chi2 == pytest.approx(found.proportional_chi2)


@pytest.mark.parametrize(
    ("events", "covariates", "reason"),
    [
        ([1, 1, 1, 0], {"x": [1, 1, 0, 0]}, "no maximum"),
        ([1, 0, 1, 1], {"x": [1, 0, 1, 0], "y": [2, 0, 2, 0]}, "no maximum"),
        ([1, 1, 0, 1], {"x": [3, 3, 3, 3]}, "x has one value only"),
        ([0, 0, 0, 0], {"x": [1, 0, 1, 0]}, "no event"),
    ],
)
def test_where_nothing_can_be_estimated_there_is_a_reason(events, covariates, reason):
    found = cox_regression([1, 2, 3, 4], events, covariates)
    assert found.coefficients == ()
    assert found.log_likelihood is None
    assert reason in found.note


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"covariates": {"x": [1, None, 0, 1]}}, "covariate"),
        ({"covariates": {"x": [1, 0]}}, "covariate"),
        ({"covariates": {}}, "covariate"),
        ({"events": [1, 2, 0, 1]}, "event"),
        ({"strata": ["a", None, "b", "a"]}, "stratum"),
        ({"clusters": [1, 2, float("nan"), 3]}, "cluster"),
    ],
)
def test_what_is_missing_is_refused(changes, word):
    given = {"events": [1, 1, 0, 1], "covariates": {"x": [1, 0, 0, 1]}} | changes
    with pytest.raises(AnalysisError, match=word):
        cox_regression([1, 2, 3, 4], **given)


def test_decimal_times_that_are_one_are_tied():
    late = [10.3 - 10.0, 5.3 - 5.0, 0.3, 0.7, 0.9, 1.2, 1.5]
    exact = [0.3, 0.3, 0.3, 0.7, 0.9, 1.2, 1.5]
    x = [1, 0, 1, 0, 1, 1, 0]
    assert cox_regression(late, [1] * 7, {"x": x}) == cox_regression(exact, [1] * 7, {"x": x})
