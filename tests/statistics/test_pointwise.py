"""Beta product intervals: against R's bpcp, against Clopper-Pearson, and against products that are drawn."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from fhir_blina.errors import AnalysisError
from fhir_blina.statistics.pointwise import BETA_PRODUCT, beta_product
from fhir_blina.statistics.survival import Curve, kaplan_meier
from tests.statistics.test_data_sets import DATA, SETS, from_lifelines, random_ties, read_set, read_values

R = read_values(DATA / "r_bpcp.txt")
MP = (
    [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35],
    [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0],
)
PLACEBO = ([1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23], [1] * 21)
SMALL = {
    "six": ([91, 32, 126, 267, 170, 52], [1, 1, 1, 0, 0, 0]),
    "mp": MP,
    "pl": PLACEBO,
    "none": ([1, 2, 3, 4, 5], [0] * 5),
    "first_censored": ([1, 1, 2, 3], [0, 1, 1, 1]),
}


def holds(name: str, curve: Curve) -> None:
    for day, low, high in zip(R[f"{name} days"], R[f"{name} low"], R[f"{name} high"], strict=True):
        found = curve.at(day, BETA_PRODUCT)
        assert (found.low, found.high) == (pytest.approx(low, abs=2e-9), pytest.approx(high, abs=2e-9))
    quantiles = R[f"{name} quantiles"]
    for place, share in enumerate((0.25, 0.5, 0.75)):
        found = curve.percentile(share, BETA_PRODUCT)
        low, high = quantiles[2 * place : 2 * place + 2]
        assert found.low == pytest.approx(low)
        assert found.high == (None if high is None else pytest.approx(high))


@pytest.mark.parametrize("name", SMALL)
def test_the_interval_is_that_of_bpcp(name):
    holds(name, kaplan_meier(*SMALL[name]))


@pytest.mark.parametrize("name", ["lung", "ties"])
def test_so_it_is_on_larger_data_sets(name):
    data = random_ties() if name == "ties" else from_lifelines(name)
    holds(name, kaplan_meier(data["time"], data["event"] > 0))


@pytest.mark.r
@pytest.mark.parametrize("name", [name for name in SETS if name != "heart"])
def test_so_it_is_on_the_data_sets_of_r(from_r, name):
    data = read_set(from_r / f"{name}.csv")
    holds(name, kaplan_meier(data["time"], data["event"] > 0))


@pytest.mark.parametrize("n", [3, 6, 20])
def test_without_censoring_it_is_clopper_pearson(n):
    curve = kaplan_meier(np.arange(1, n + 1), np.ones(n))
    for time in range(1, n + 1):
        exact = binomtest(n - time, n).proportion_ci(0.95, method="exact")
        found = curve.at(time, BETA_PRODUCT)
        assert (found.low, found.high) == (pytest.approx(exact.low), pytest.approx(exact.high))


def test_the_moments_stand_for_products_that_are_drawn():
    """The Monte Carlo form of the method: beta variables drawn and multiplied, time by time.

    Two moments are not all of a distribution: where one or two are left the limits differ by 0.02.
    """
    curve = kaplan_meier(*MP)
    random, draws = np.random.default_rng(20), 400_000
    product = np.ones(draws)
    for place, (n, d) in enumerate(zip(curve.at_risk, curve.events, strict=True)):
        if d:
            product = product * random.beta(n - d + 1, d, draws)
        low, high = (bound[place] for bound in curve.bounds(BETA_PRODUCT))
        assert high == pytest.approx(np.quantile(product, 0.975) if product.min() < 1 else 1, abs=0.02)
        if place + 1 < len(curve.at_risk):
            ahead = product * random.beta(curve.at_risk[place + 1], 1, draws)
            assert low == pytest.approx(np.quantile(ahead, 0.025), abs=0.02)
        else:
            assert low == 0


def test_it_never_rises_and_holds_the_estimate_between():
    curve = kaplan_meier(*SMALL["six"])
    low, high = curve.bounds(BETA_PRODUCT)
    assert (np.diff(low) <= 0).all()
    assert (np.diff(high) <= 0).all()
    assert ((low <= curve.survival) & (curve.survival <= high)).all()


def test_many_patients_lose_no_digits():
    at_risk = np.array([1_000_000, 999_999, 999_998])
    low, high = beta_product(at_risk, np.array([0, 1, 100]))
    assert low[1] == pytest.approx(
        1 - 5.5716e-6, abs=1e-9
    )  # the Poisson limits of one event: 0.0253 to 5.5716
    assert high[1] == pytest.approx(1 - 2.5318e-8, abs=1e-11)


def test_who_enters_later_has_none():
    curve = kaplan_meier([3, 5, 5], [1, 1, 0], entry=[0, 1, 0])
    with pytest.raises(AnalysisError, match="enters later"):
        curve.at(4, BETA_PRODUCT)


def test_nobody_has_none():
    assert kaplan_meier([], []).at(0, BETA_PRODUCT).low is None
