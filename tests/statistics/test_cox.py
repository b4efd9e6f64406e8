from __future__ import annotations

import math
import time

import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import chi2

from fhir_blina.statistics.cox import firth_cox

SIX = ([91, 32, 126, 267, 170, 52], [1, 1, 1, 0, 0, 0])
NR = [1, 1, 0, 0, 0, 1]
TIED = ([3, 3, 4, 5, 5, 6, 7, 8, 8, 9], [1, 1, 0, 1, 1, 1, 0, 1, 0, 1], [0, 1, 1, 0, 1, 1, 0, 0, 1, 0])


def penalised(beta, times, events, x):
    """A second implementation: Breslow's partial likelihood with Firth's penalty, risk set by risk set."""
    likelihood = information = 0.0
    for time_, event, value in zip(times, events, x, strict=True):
        if not event:
            continue
        risk = [other for at, other in zip(times, x, strict=True) if at >= time_]
        weights = [math.exp(beta * other) for other in risk]
        total = sum(weights)
        mean = sum(w * v for w, v in zip(weights, risk, strict=True)) / total
        square = sum(w * v * v for w, v in zip(weights, risk, strict=True)) / total
        likelihood += beta * value - math.log(total)
        information += square - mean**2
    return likelihood + 0.5 * math.log(information)


@pytest.mark.parametrize("sample", [(*SIX, NR), TIED])
def test_estimate_interval_and_p_are_those_of_a_second_implementation(sample):
    def function(beta):
        return penalised(beta, *sample)

    best = minimize_scalar(
        lambda beta: -function(beta), bounds=(-20, 20), method="bounded", options={"xatol": 1e-12}
    )
    level = function(best.x) - chi2.ppf(0.95, 1) / 2
    found = firth_cox(*sample)
    assert math.log(found.hazard_ratio) == pytest.approx(best.x, abs=1e-6)
    assert math.log(found.low) == pytest.approx(brentq(lambda b: function(b) - level, -20, best.x), abs=1e-6)
    assert math.log(found.high) == pytest.approx(brentq(lambda b: function(b) - level, best.x, 20), abs=1e-6)
    assert found.p == pytest.approx(chi2.sf(2 * (function(best.x) - function(0)), 1), rel=1e-6)


def test_the_ordinary_estimate_of_the_six_is_infinite_and_said_to_be():
    found = firth_cox(*SIX, NR)
    assert found.monotone
    assert 1 < found.hazard_ratio < math.inf
    assert found.low < 1 < found.high
    assert found.p > 0.05
    assert not firth_cox(*TIED).monotone


def test_in_a_large_sample_it_is_the_ordinary_estimate():
    from lifelines import CoxPHFitter
    from lifelines.datasets import load_rossi

    rossi = load_rossi()
    ordinary = CoxPHFitter().fit(rossi[["week", "arrest", "fin"]], "week", "arrest")
    found = firth_cox(rossi["week"], rossi["arrest"], rossi["fin"])
    assert math.log(found.hazard_ratio) == pytest.approx(ordinary.params_["fin"], abs=0.01)
    assert found.p == pytest.approx(ordinary.log_likelihood_ratio_test().p_value, abs=0.005)


def test_relabelling_turns_the_ratio_over():
    one = firth_cox(*TIED)
    other = firth_cox(TIED[0], TIED[1], [1 - value for value in TIED[2]])
    assert one.hazard_ratio * other.hazard_ratio == pytest.approx(1, abs=1e-6)
    assert one.p == pytest.approx(other.p, rel=1e-6)


def test_where_nothing_can_be_estimated():
    assert firth_cox([1, 2], [0, 0], [0, 1]).hazard_ratio is None
    found = firth_cox([1, 2, 3], [1, 1, 1], [1, 1, 1])
    assert found.hazard_ratio is None
    assert "not estimable" in found.note


def test_a_hundred_thousand_patients_in_seconds():
    generator = np.random.default_rng(4)
    x = generator.random(100_000) < 0.5
    times = generator.exponential(np.where(x, 50, 100))
    begin = time.perf_counter()
    found = firth_cox(times, np.ones(100_000), x)
    assert found.hazard_ratio == pytest.approx(2, rel=0.03)
    assert time.perf_counter() - begin < 5


def test_the_optimum_is_exact_to_the_last_digits():
    # one event with one other at risk: the penalised likelihood is p^(1/2) (1 - p)^(3/2), at its top where p = 1/4
    assert firth_cox([1, 2], [1, 0], [0, 1]).hazard_ratio == pytest.approx(1 / 3, rel=1e-12)
    assert firth_cox([1, 2], [1, 0], [1, 0]).hazard_ratio == pytest.approx(3, rel=1e-12)
    # the unit of the covariate does not matter
    tenth = firth_cox([1, 2], [1, 0], [0, 10]).hazard_ratio
    assert tenth**10 == pytest.approx(1 / 3, rel=1e-11)
