from __future__ import annotations

import math
from decimal import Decimal
from itertools import combinations

import numpy as np
import pytest
from scipy.stats import binomtest, rankdata

from fhir_blina.errors import AnalysisError
from fhir_blina.statistics.proportions import mann_whitney, median, proportion
from tests.r_values import r_values

CR = [Decimal("0.08"), Decimal("8.37"), Decimal("5.79")]
NR = [Decimal("22.64"), Decimal("78.30"), Decimal("66.37")]
TIES = ([1, 2, 2, 3, 5], [2, 3, 4, 4, 6, 7])


R = r_values()


def test_the_median_is_exact():
    assert median([*CR, *NR]) == Decimal("15.505")
    assert median([70, 41, 40, 60]) == Decimal("50.5")
    assert median([3, 1, 2]) == 2
    with pytest.raises(AnalysisError):
        median([])


@pytest.mark.parametrize("count", [0, 3])
@pytest.mark.parametrize("interval", ["Clopper-Pearson", "Wilson"])
def test_the_interval_of_a_proportion_is_that_of_r(count, interval):
    found = proportion(count, 6, interval)
    assert found.value == count / 6
    assert [found.low, found.high] == pytest.approx(R[f"{interval.lower()} {count} 6"], rel=1e-9, abs=1e-12)


def test_of_nobody_there_is_no_proportion():
    assert proportion(0, 0).value is None
    with pytest.raises(AnalysisError):
        proportion(7, 6)


def test_the_asymptotic_p_of_the_paper_and_the_exact_one():
    found = mann_whitney(CR, NR)
    assert found.z == pytest.approx(-1.96396101212, rel=1e-9)
    assert found.p_asymptotic == pytest.approx(0.0495346134356, rel=1e-9)
    assert found.p_exact == pytest.approx(R["rank six"][0]) == pytest.approx(0.1)
    assert found.smallest_p == pytest.approx(0.1)
    assert found.u == 0
    assert found.true_size == pytest.approx(2 / 20)  # the authors' rule rejects in 2 of 20 orderings


def test_with_ties_as_coin_and_wilcox_test_do():
    found = mann_whitney(*TIES)
    assert found.p_exact == pytest.approx(R["rank ties"][0], rel=1e-9)
    assert found.p_asymptotic == pytest.approx(R["mann-whitney asymptotic ties"][0], rel=1e-9)


def test_scipy_agrees():
    from scipy.stats import mannwhitneyu, ranksums

    values = [float(value) for value in CR], [float(value) for value in NR]
    assert mann_whitney(CR, NR).p_exact == pytest.approx(mannwhitneyu(*values, method="exact").pvalue)
    assert mann_whitney(CR, NR).z == pytest.approx(ranksums(*values).statistic)


def test_equal_values_an_empty_sample_and_a_large_one():
    assert mann_whitney([1, 1], [1, 1]).z is None
    assert mann_whitney([1, 1], [1, 1]).p_exact == 1
    with pytest.raises(AnalysisError):
        mann_whitney([], [1])
    assert mann_whitney(range(20), range(20, 40)).p_exact == pytest.approx(2 / math.comb(40, 20))


@pytest.mark.parametrize(("one", "two"), [(7, 9), (30, 12), (50, 50)])
def test_the_exact_p_without_ties_is_that_of_scipy(one, two):
    from scipy.stats import mannwhitneyu

    generator = np.random.default_rng(one)
    values = generator.normal(0, 1, one), generator.normal(0.4, 1, two)
    assert mann_whitney(*values).p_exact == pytest.approx(mannwhitneyu(*values, method="exact").pvalue)


def test_the_exact_p_with_ties_is_that_of_going_through_all_labelings():
    generator = np.random.default_rng(7)
    values = [int(value) for value in generator.integers(0, 5, 14)]
    ranks = rankdata(values)
    sums = [ranks[list(chosen)].sum() for chosen in combinations(range(14), 6)]
    far = abs(sum(ranks[:6]) - 6 * 15 / 2)
    share = np.mean([abs(found - 6 * 15 / 2) >= far - 1e-9 for found in sums])
    assert mann_whitney(values[:6], values[6:]).p_exact == pytest.approx(share)


def test_large_samples_are_permuted_by_sample_and_larger_ones_not_at_all():
    generator = np.random.default_rng(8)
    found = mann_whitney(generator.normal(0, 1, 150), generator.normal(0.15, 1, 150))
    assert found.p_exact is None
    assert abs(found.p_monte_carlo - found.p_asymptotic) < 5 * found.error
    assert "seed" in found.choice.words()
    large = mann_whitney(generator.normal(0, 1, 7_146), generator.normal(0, 1, 7_146))
    assert (large.p_exact, large.p_monte_carlo) == (None, None)
    assert 0 < large.p_asymptotic <= 1
    assert large.choice.words().startswith("asymptotic")


def test_the_exact_interval_of_one_of_many_has_a_closed_form():
    """With one event the lower end p has 1 - (1 - p)^n = 0.025."""
    for total in (2, 10, 100, 123_456):
        ends = proportion(1, total)
        assert math.isclose(ends.low, -math.expm1(math.log(0.975) / total), rel_tol=1e-12)
        assert math.isclose(proportion(total - 1, total).high, 1 - ends.low, rel_tol=1e-12)


def test_intervals_of_proportions_are_those_of_scipy():
    for count, total in ((0, 5), (5, 5), (2, 6), (37, 100), (999, 1000)):
        for name, method in (("Clopper-Pearson", "exact"), ("Wilson", "wilson")):
            ends, ours = binomtest(count, total).proportion_ci(method=method), proportion(count, total, name)
            assert np.allclose((ours.low, ours.high), (ends.low, ends.high), rtol=1e-9, atol=1e-15)
