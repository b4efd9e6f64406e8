from __future__ import annotations

import time
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_blina.errors import AnalysisError
from fhir_blina.statistics.logrank import WEIGHTS, log_rank, log_rank_scores, permutation_log_rank
from tests.r_values import r_values

SIX = ([91, 32, 126, 267, 170, 52], [1, 1, 1, 0, 0, 0])
GROUPS = ["NR", "NR", "CR", "CR", "CR", "NR"]
TWO = (
    [
        6,
        6,
        6,
        6,
        7,
        9,
        10,
        10,
        11,
        13,
        16,
        17,
        19,
        20,
        22,
        23,
        25,
        32,
        32,
        34,
        35,
        1,
        1,
        2,
        2,
        3,
        4,
        4,
        5,
        5,
        8,
        8,
        8,
        8,
        11,
        11,
        12,
        12,
        15,
        17,
        22,
        23,
    ],
    [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0] + [1] * 21,
)  # Freireich 1963
ARMS = ["mp"] * 21 + ["pl"] * 21


R = r_values()


def near(value):
    return pytest.approx(value, rel=1e-9, abs=1e-11)


@pytest.mark.parametrize(("weight", "rho"), [("log-rank", 0), ("Fleming-Harrington (1,0)", 1)])
def test_the_statistic_is_that_of_survdiff(weight, rho):
    assert log_rank(*SIX, GROUPS, weight=weight).chi2 == near(R[f"survdiff six {rho}"][0])
    assert log_rank(*TWO, ARMS, weight=weight).chi2 == near(R[f"survdiff two {rho}"][0])
    three = log_rank(*TWO, ["a", "b", "c"] * 14, weight=weight)
    assert three.chi2 == near(R[f"survdiff three {rho}"][0])
    assert three.df == 2


@pytest.mark.parametrize(
    ("weight", "name"),
    [
        ("log-rank", None),
        ("Gehan-Breslow", "wilcoxon"),
        ("Tarone-Ware", "tarone-ware"),
        ("Peto-Peto", "peto"),
    ],
)
def test_the_statistic_is_that_of_lifelines(weight, name):
    from lifelines.statistics import logrank_test

    for (times, events), groups in ((SIX, GROUPS), (TWO, ARMS)):
        t, d = np.array(times), np.array(events)
        first = np.array([group == groups[0] for group in groups])
        found = log_rank(times, events, groups, weight=weight)
        theirs = logrank_test(t[first], t[~first], d[first], d[~first], weightings=name)
        assert found.chi2 == near(theirs.test_statistic)
        assert found.p == near(theirs.p_value)


@given(st.lists(st.tuples(st.integers(1, 6), st.booleans(), st.booleans()), min_size=2, max_size=14))
def test_any_sample_with_ties_gives_what_lifelines_gives_or_a_reason(rows):
    from lifelines.statistics import logrank_test

    t, d, first = (np.array(column) for column in zip(*rows, strict=True))
    found = log_rank(t, d, [bool(flag) for flag in first])
    if found.chi2 is None:
        assert found.note
        return
    theirs = logrank_test(t[first], t[~first], d[first], d[~first])
    assert found.chi2 == near(theirs.test_statistic)


def test_the_published_statistics():
    # 25/7 in the paper; Freireich: 16.79 (Kalbfleisch and Prentice)
    assert log_rank(*SIX, GROUPS).chi2 == near(25 / 7)
    assert log_rank(*SIX, GROUPS).p == near(0.0587817213554)
    assert log_rank(*TWO, ARMS).chi2 == pytest.approx(16.79, abs=0.005)
    # SPSS: Breslow and Tarone-Ware
    assert log_rank(*SIX, GROUPS, weight="Gehan-Breslow").chi2 == near(3)
    assert log_rank(*SIX, GROUPS, weight="Tarone-Ware").chi2 == pytest.approx(3.300, abs=0.0005)


def test_the_exact_p_is_not_a_tenth():
    found = permutation_log_rank(*SIX, GROUPS)
    assert found.choice.words() == "exact, all 20 labelings"
    assert found.p_scores == near(R["coin log-rank exact six"][0]) == near(0.2)
    assert found.p_statistic == near(0.2)


def test_the_exact_p_by_scores_is_that_of_coin_with_ties():
    rows = [*range(5), *range(21, 26)]
    times, events = [TWO[0][row] for row in rows], [TWO[1][row] for row in rows]
    found = permutation_log_rank(times, events, ["mp"] * 5 + ["pl"] * 5)
    assert found.p_scores == near(R["coin log-rank exact ten"][0])


def test_the_exact_p_by_statistic_is_that_of_enumerating_with_lifelines():
    from lifelines.statistics import logrank_test

    t, d = np.array(SIX[0]), np.array(SIX[1])
    statistics = []
    for chosen in combinations(range(6), 3):
        mask = np.isin(np.arange(6), chosen)
        with np.errstate(invalid="ignore"):
            statistics.append(logrank_test(t[mask], t[~mask], d[mask], d[~mask]).test_statistic)
    share = np.mean([value >= 25 / 7 - 1e-9 for value in statistics])
    assert permutation_log_rank(*SIX, GROUPS).p_statistic == near(share)


def test_scores_add_up_to_nothing():
    assert sum(log_rank_scores(*TWO)) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("times", "events", "groups", "reason"),
    [
        ([1, 2, 3], [1, 1, 1], ["a", "a", "a"], "no two groups"),
        ([1, 2, 3], [0, 0, 0], ["a", "b", "a"], "no event"),
        ([], [], [], "no two groups"),
    ],
)
def test_without_a_statistic_there_is_a_reason(times, events, groups, reason):
    found = log_rank(times, events, groups)
    assert (found.chi2, found.p) == (None, None)
    assert reason in found.note


def test_two_events_at_the_end_of_one_group_alone():
    # a is gone before b has events
    found = log_rank([1, 2, 5, 6], [0, 0, 1, 1], ["a", "a", "b", "b"])
    assert found.chi2 is None
    assert "at risk together" in found.note


def test_an_unknown_weight_is_refused():
    with pytest.raises(AnalysisError):
        log_rank(*SIX, GROUPS, weight="none")


@pytest.mark.parametrize("weight", WEIGHTS)
def test_a_hundred_thousand_patients_in_seconds(weight):
    generator = np.random.default_rng(2)
    times = generator.exponential(100, 100_000).round(1)
    groups = np.where(generator.random(100_000) < 0.5, "a", "b")
    begin = time.perf_counter()
    found = log_rank(times, generator.random(100_000) < 0.7, groups, weight=weight)
    assert 0 < found.p < 1
    assert time.perf_counter() - begin < 5


def test_too_many_labelings_are_sampled_with_seed_size_and_error():
    found = permutation_log_rank(*TWO, ARMS)
    assert "Monte Carlo" in found.choice.words()
    assert "seed" in found.choice.words()
    # 21 against 21; the asymptotic P is 0.00004
    assert 1 / 10_001 <= found.p_statistic < 0.002
    assert 0 < found.error_statistic < 0.001


def test_a_sample_comes_near_to_all_labelings():
    # ten against ten by enumeration, and the same by drawing
    rows = [*range(10), *range(21, 31)]
    times, events = np.array(TWO[0])[rows], np.array(TWO[1])[rows]
    exact = permutation_log_rank(times, events, ["a"] * 10 + ["b"] * 10)
    assert exact.choice.kind == "exact"
    sample = permutation_log_rank(
        np.concatenate([times, times]), np.concatenate([events, events]), (["a"] * 10 + ["b"] * 10) * 2
    )
    twice = log_rank(
        np.concatenate([times, times]), np.concatenate([events, events]), (["a"] * 10 + ["b"] * 10) * 2
    )
    assert abs(sample.p_statistic - twice.p) < 6 * sample.error_statistic + 0.002


@pytest.mark.parametrize("size", [7_146, 50_000])
def test_two_large_groups_are_left_to_the_asymptotic_test_which_says_so(size):
    generator = np.random.default_rng(4)
    times, events = generator.exponential(100, 2 * size).round(), generator.random(2 * size) < 0.6
    found = permutation_log_rank(times, events, ["a"] * size + ["b"] * size)
    assert found.p_statistic is None
    assert found.note.startswith("asymptotic")
    assert len(found.note) < 100


def test_a_trend_over_two_groups_is_the_log_rank_test_whatever_the_scores():
    assert log_rank(*TWO, ARMS, trend=[0, 1]).chi2 == near(log_rank(*TWO, ARMS).chi2)
    assert log_rank(*TWO, ARMS, trend=[10, -4]).chi2 == near(log_rank(*TWO, ARMS).chi2)


def test_a_trend_over_three_groups_is_the_score_test_of_cox_without_ties():
    # R 4.2.2: coxph(Surv(1:12, c(1,1,0,1,1,1,0,1,1,0,1,1)) ~ rep(0:2, 4))$score
    events = [1, 1, 0, 1, 1, 1, 0, 1, 1, 0, 1, 1]
    found = log_rank(range(1, 13), events, [0, 1, 2] * 4, trend=[0, 1, 2])
    assert found.chi2 == near(R["trend"][0])
    assert found.df == 1


@pytest.mark.parametrize("trend", [[0, 1], [0, 1, float("nan")]])
def test_a_trend_needs_a_score_for_each_group(trend):
    with pytest.raises(AnalysisError, match="score"):
        log_rank([1, 2, 3], [1, 1, 1], ["a", "b", "c"], trend=trend)


def test_strata_of_one_group_each_leave_nothing_to_compare():
    found = log_rank([1, 2, 3, 4], [1, 1, 1, 1], ["a", "a", "b", "b"], strata=["x", "x", "y", "y"])
    assert found.chi2 is None
    assert "at risk together" in found.note


def test_a_missing_stratum_is_refused():
    with pytest.raises(AnalysisError, match="stratum"):
        log_rank([1, 2], [1, 1], ["a", "b"], strata=["x", None])
