"""Times that are one, and what is refused: by R's rule, and by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fhir_blina.errors import AnalysisError
from fhir_blina.statistics.competing import cumulative_incidence
from fhir_blina.statistics.cox import firth_cox
from fhir_blina.statistics.logrank import log_rank, permutation_log_rank
from fhir_blina.statistics.proportions import mann_whitney
from fhir_blina.statistics.survival import kaplan_meier, reverse_kaplan_meier
from fhir_blina.statistics.times import checked, tied
from fhir_blina.statistics.timevarying import landmark, mantel_byar, simon_makuch, split
from tests.r_values import r_values

R = r_values()
NEVER = float("nan")
# decimal days: .1 + .2 and .3 are two floats and one time
DECIMALS = [0.1 + 0.2, 0.3, 0.3, 0.7, 0.1 * 7, 1, 1.1, 1.1, 2, 2]
EVENTS = [1, 1, 0, 1, 1, 0, 1, 1, 1, 0]
ARMS = ["a", "b"] * 5


def near(value):
    return pytest.approx(value, rel=1e-9, abs=1e-11)


def test_differences_of_decimals_are_one_time():
    # stop - start, and by hand: n 5, d 3 at 0.3, then the last of one
    durations = [10.3 - 10.0, 5.3 - 5.0, 0.4 - 0.1, 1.4 - 1.1, 0.7 - 0]
    assert len(set(durations)) > 2
    curve = kaplan_meier(durations, [1, 1, 0, 1, 1])
    assert list(curve.times) == pytest.approx([0, 0.3, 0.7])
    assert list(curve.survival) == near([1, 0.4, 0])
    assert (list(curve.at_risk), list(curve.events)) == ([5, 5, 1], [0, 3, 1])


def test_every_function_takes_the_same_times_for_one():
    exact = [round(value, 1) for value in DECIMALS]
    assert kaplan_meier(DECIMALS, EVENTS).at(0.3).value == near(0.8)
    assert log_rank(DECIMALS, EVENTS, ARMS).chi2 == near(R["timefix survdiff"][0])
    assert log_rank(DECIMALS, EVENTS, ARMS).chi2 == pytest.approx(0.28780, abs=5e-6)
    assert permutation_log_rank(DECIMALS, EVENTS, ARMS) == permutation_log_rank(exact, EVENTS, ARMS)
    kinds = [1, 2, 0, 1, 2, 0, 1, 2, 1, 0]
    assert cumulative_incidence(DECIMALS, kinds, 1).at(1.1).value == near(
        cumulative_incidence(exact, kinds, 1).at(1.1).value
    )
    arm = [label == "b" for label in ARMS]
    assert firth_cox(DECIMALS, EVENTS, arm).hazard_ratio == near(firth_cox(exact, EVENTS, arm).hazard_ratio)
    entered = [0.3, NEVER, 0.1 + 0.2, 0.7, NEVER, 1, NEVER, 1.1, 0.3, NEVER]
    same = [0.3, NEVER, 0.3, 0.7, NEVER, 1, NEVER, 1.1, 0.3, NEVER]
    assert mantel_byar(DECIMALS, EVENTS, entered).chi2 == near(mantel_byar(exact, EVENTS, same).chi2)
    at = simon_makuch(DECIMALS, EVENTS, entered)[True].at(1.1).value
    assert at == near(simon_makuch(exact, EVENTS, same)[True].at(1.1).value)
    assert list(landmark(DECIMALS, EVENTS, 0.3).kept) == list(range(10))


def test_what_is_further_apart_stays_apart():
    assert list(tied(np.array([1.0, 1.0 + 1e-7]))[0]) == [1.0, 1.0 + 1e-7]
    # the rule is also relative to the mean time, as in R: 4e9 and 4e9 + 10 are one
    assert len(set(tied(np.array([4e9, 4e9 + 10]))[0])) == 1


@pytest.mark.parametrize("event", [None, NEVER, 2, -1, 0.5, pd.NA, "1", "yes"])
@pytest.mark.parametrize(
    "function",
    [
        kaplan_meier,
        reverse_kaplan_meier,
        lambda t, d: log_rank(t, d, ["a", "b", "a"]),
        lambda t, d: permutation_log_rank(t, d, ["a", "b", "a"]),
        lambda t, d: firth_cox(t, d, [0, 1, 0]),
        lambda t, d: mantel_byar(t, d, [1, NEVER, 2]),
        lambda t, d: simon_makuch(t, d, [1, NEVER, 2]),
        lambda t, d: landmark(t, d, 1),
    ],
)
def test_an_event_that_is_missing_or_neither_0_nor_1_is_refused(function, event):
    with pytest.raises(AnalysisError, match="event indicator"):
        function([1, 2, 3], [1, event, 0])


@pytest.mark.parametrize("label", [None, NEVER, pd.NA, pd.NaT, np.nan])
@pytest.mark.parametrize("function", [log_rank, permutation_log_rank])
def test_a_missing_group_is_refused(function, label):
    with pytest.raises(AnalysisError, match="group is missing for 1 subject"):
        function([1, 2, 3], [1, 1, 0], ["a", label, "b"])


@pytest.mark.parametrize("value", [None, NEVER, float("inf"), "3"])
def test_a_missing_value_is_refused_by_the_rank_test(value):
    with pytest.raises(AnalysisError):
        mann_whitney([1, value, 3], [4, 5])


@pytest.mark.parametrize("time", [None, pd.NA, NEVER, float("inf"), -1, "5", np.datetime64("2020-01-01")])
def test_a_time_that_is_no_number_is_refused(time):
    with pytest.raises(AnalysisError):
        checked([1, time, 3], [1, 1, 0])


@pytest.mark.parametrize("cause", [None, NEVER, -1, 1.5])
def test_a_cause_that_is_no_whole_number_is_refused(cause):
    with pytest.raises(AnalysisError, match="cause"):
        cumulative_incidence([1, 2, 3], [1, cause, 0], 1)


@pytest.mark.parametrize("covariate", [[1, NEVER, 0], [1, 0]])
def test_a_missing_covariate_is_refused(covariate):
    with pytest.raises(AnalysisError, match="covariate"):
        firth_cox([1, 2, 3], [1, 1, 0], covariate)


def test_days_of_entering_are_one_for_each_and_finite():
    for entered in ([1, 2], [1, float("inf"), 2]):
        with pytest.raises(AnalysisError, match="days of entering"):
            split([1, 2, 3], [1, 1, 0], entered)


def test_events_as_numbers_booleans_and_nullable_booleans_are_taken():
    for events in ([1, 0], [True, False], [1.0, 0.0], pd.array([True, False], dtype="boolean")):
        assert list(checked([1, 2], events)[1]) == [True, False]


def test_a_curve_at_a_time_is_the_curve_after_the_event_of_that_time():
    # 0.1 · 3 and 10.3 - 10.0 are above 0.3, and are 0.3
    for late in (0.1 * 3, 10.3 - 10.0):
        assert late > 0.3
        curve = kaplan_meier([late, 1, 2, 3], [1, 1, 1, 0])
        assert curve.at(0.3).value == near(0.75)
        assert (curve.events_until(0.3), curve.number_at_risk(0.3)) == (1, 4)
        risks = cumulative_incidence([late, 1, 2, 3], [1, 2, 1, 0], 1)
        assert risks.at(0.3).value == near(0.25)
        assert (risks.events_until(0.3), risks.number_at_risk(0.3)) == (1, 4)
        assert landmark([late, 1], [1, 0], 0.3).excluded == 0
    early = 0.7 - 0.4  # below 0.3
    assert early < 0.3
    assert kaplan_meier([early, 0.1], [0, 1]).at(0.3).value == near(0.5)
    assert list(landmark([early, 1], [1, 0], 0.3).kept) == [0, 1]


def test_tests_of_a_state_in_a_hundred_thousand():
    generator = np.random.default_rng(6)
    times = generator.exponential(100, 100_000)
    entered = np.where(generator.random(100_000) < 0.5, generator.exponential(50, 100_000), NEVER)
    found = mantel_byar(times, generator.random(100_000) < 0.6, entered)
    # the state changes nothing here; with few ties the two statistics are nearly one
    assert found.p > 0.001
    assert found.chi2 == pytest.approx(found.log_rank.chi2, rel=1e-3)
