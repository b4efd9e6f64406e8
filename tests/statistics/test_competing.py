from __future__ import annotations

import time

import numpy as np
import pytest

from fhir_blina.errors import AnalysisError
from fhir_blina.statistics.competing import cumulative_incidence
from tests.r_values import r_values

TIMES = [1, 2, 2, 3, 3, 3, 4, 5, 5, 6, 7, 8, 8, 9, 10]
CAUSES = [1, 2, 1, 0, 1, 2, 0, 1, 2, 2, 0, 1, 1, 2, 0]
AT = (2, 3, 5, 7, 9)


R = r_values()


@pytest.mark.parametrize("cause", [1, 2])
def test_incidence_and_error_are_those_of_r_with_ties(cause):
    curve = cumulative_incidence(TIMES, CAUSES, cause)
    assert [curve.at(at).value for at in AT] == pytest.approx(R[f"survfit incidence {cause}"], rel=1e-9)
    assert [curve.at(at).value for at in AT] == pytest.approx(R[f"cmprsk incidence {cause}"], rel=1e-9)
    errors = [curve.at(at).standard_error for at in AT]
    assert errors == pytest.approx(R[f"survfit incidence error {cause}"], rel=1e-9)


def test_lifelines_agrees_where_there_are_no_ties():
    from lifelines import AalenJohansenFitter

    times, causes = [3, 1, 4, 9, 5, 8, 6, 7], [1, 2, 0, 1, 1, 2, 2, 0]
    fitter = AalenJohansenFitter(calculate_variance=False).fit(times, causes, event_of_interest=1)
    theirs = fitter.cumulative_density_["CIF_1"]
    curve = cumulative_incidence(times, causes, 1)
    for at in (3, 5, 9):
        assert curve.at(at).value == pytest.approx(theirs[theirs.index <= at].iloc[-1], rel=1e-9)


def test_causes_and_survival_add_up_to_one():
    from fhir_blina.statistics.survival import kaplan_meier

    survival = kaplan_meier(TIMES, [cause > 0 for cause in CAUSES])
    for at in AT:
        parts = sum(cumulative_incidence(TIMES, CAUSES, cause).at(at).value for cause in (1, 2))
        assert parts + survival.at(at).value == pytest.approx(1, abs=1e-12)


def test_one_less_kaplan_meier_is_too_high():
    # the naive estimate counts a death as if relapse could still follow
    from fhir_blina.statistics.survival import kaplan_meier

    naive = 1 - kaplan_meier(TIMES, [cause == 1 for cause in CAUSES]).at(9).value
    assert naive > cumulative_incidence(TIMES, CAUSES, 1).at(9).value


def test_what_cannot_be_estimated():
    assert cumulative_incidence([], [], 1).at(1).value is None
    assert cumulative_incidence([1, 2], [1, 0], 1).at(3).value is None
    assert cumulative_incidence([1, 2], [1, 2], 1).at(3).value == 0.5
    assert cumulative_incidence([1, 2], [0, 0], 1).at(2).value == 0
    assert cumulative_incidence([1, 2], [0, 0], 1).at(2).low is None
    assert cumulative_incidence([0, 2], [1, 0], 1).at(0).value == 0.5
    with pytest.raises(AnalysisError):
        cumulative_incidence([1], [1], 0)


def test_a_hundred_thousand_patients_in_seconds():
    generator = np.random.default_rng(3)
    begin = time.perf_counter()
    curve = cumulative_incidence(generator.exponential(100, 100_000), generator.integers(0, 3, 100_000), 1)
    # three equal hazards of 1/300: half of the events before 150 are of this cause
    expected = 0.5 * (1 - np.exp(-2 * 150 / 300))
    assert curve.at(150).value == pytest.approx(expected, rel=0.03)
    assert time.perf_counter() - begin < 5
