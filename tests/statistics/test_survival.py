from __future__ import annotations

import shutil
import subprocess
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lifelines.utils import survival_table_from_events

from fhir_blina.errors import AnalysisError
from fhir_blina.statistics.pointwise import INTERVALS, named_intervals
from fhir_blina.statistics.survival import kaplan_meier, reverse_kaplan_meier
from tests.r_values import r_values

DATA = Path(__file__).parents[1] / "data"
SIX = ([91, 32, 126, 267, 170, 52], [1, 1, 1, 0, 0, 0])
NR = ([91, 32, 52], [1, 1, 0])
MP = (
    [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35],
    [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0],
)
PL = ([1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23], [1] * 21)
CUT = ([3, 5, 5, 4, 6, 8, 6, 9, 10, 11], [1, 1, 0, 1, 1, 0, 1, 1, 1, 0], [0, 0, 0, 2, 2, 3, 4, 5, 5, 6])
SAMPLES = {
    "six": (SIX, (32, 91, 126)),
    "nr": (NR, (32,)),
    "mp": (MP, (6, 10, 22, 23)),
    "pl": (PL, (1, 8, 12)),
    "cut": (CUT, (4, 6, 9)),
}
R_NAME = {"arcsine": "arcsin"}


R = r_values()


def curve_of(name):
    times, events, *entry = SAMPLES[name][0]
    return kaplan_meier(times, events, entry=entry[0] if entry else None)


def near(value):
    return pytest.approx(value, rel=1e-9, abs=1e-11)


@pytest.mark.r
def test_the_stored_values_are_those_that_r_prints_now():
    program = shutil.which("Rscript")
    if program is None:
        pytest.skip("Rscript is not installed")
    said = subprocess.run([program, DATA / "r_values.R"], capture_output=True, text=True, check=False)
    if said.returncode:
        pytest.skip("a package of R is not installed: " + said.stderr.splitlines()[-1])
    now = [line.rsplit(" ", 1) for line in said.stdout.splitlines()]
    kept = [line.rsplit(" ", 1) for line in (DATA / "r_values.txt").read_text().splitlines()]
    assert [name for name, _ in now] == [name for name, _ in kept]
    assert [float(value) for _, value in now] == pytest.approx([float(value) for _, value in kept], rel=1e-9)


@pytest.mark.parametrize("name", SAMPLES)
def test_survival_error_and_number_at_risk_are_those_of_r(name):
    curve = curve_of(name)
    for at in SAMPLES[name][1]:
        survival, error, at_risk = R[f"{name} {at}"]
        assert curve.at(at).value == near(survival)
        assert curve.at(at).standard_error == near(error)
        assert curve.number_at_risk(at) == at_risk


@pytest.mark.parametrize("interval", INTERVALS)
@pytest.mark.parametrize("name", SAMPLES)
def test_every_interval_is_that_of_r(name, interval):
    curve = curve_of(name)
    kind = R_NAME.get(interval, interval)
    for at in SAMPLES[name][1]:
        found = curve.at(at, interval)
        assert found.low == near(R[f"{name} {kind} {at} low"][0])
        assert found.high == near(R[f"{name} {kind} {at} high"][0])


@pytest.mark.parametrize("interval", INTERVALS)
@pytest.mark.parametrize("name", SAMPLES)
def test_the_median_and_its_interval_are_those_of_r(name, interval):
    median = curve_of(name).median(interval, midpoint=True)
    expected = [
        None if value == -1 else value for value in R[f"{name} {R_NAME.get(interval, interval)} median"]
    ]
    assert [median.value, median.low, median.high] == expected


def test_the_interval_that_the_paper_prints_is_log_log():
    found = kaplan_meier(*SIX).at(126)
    assert found.value == near(5 / 12)
    assert (round(found.low, 3), round(found.high, 3)) == (0.056, 0.767)


def test_the_median_interval_that_the_paper_prints_is_the_percentile_form():
    # Collett's formula by hand: SE 37.2603 = SE[S(126)] / ((0.625 - 0.41667) / (126 - 91))
    found = kaplan_meier(*SIX).median("percentile-SE")
    assert found.standard_error == pytest.approx(37.2603, abs=5e-5)
    assert found.low == near(52.9710651221)
    assert found.high == near(199.028934878)


def test_the_percentile_form_is_not_estimable_where_survival_does_not_cross():
    found = kaplan_meier([1, 2, 3, 4, 5, 6], [1, 0, 0, 0, 0, 0]).median("percentile-SE")
    assert found.value is None
    assert found.note


def test_the_median_on_exactly_one_half_depends_on_the_rule():
    # event-free survival is 3/6 from day 24 to day 126: 24 by the first rule, 75 by R's
    curve = kaplan_meier([14, 22, 126, 267, 158, 24], [1, 1, 1, 0, 1, 1])
    assert curve.quantile() == 24
    assert curve.quantile(midpoint=True) == R["midpoint six_efs"][0] == 75
    assert kaplan_meier([1, 2, 3, 4], [1, 1, 0, 0]).quantile(midpoint=True) == R["midpoint flat_end"][0]


def test_half_is_half_whatever_the_product_rounds_to():
    # 9/10 · 8/9 · 7/8 · 6/7 · 5/6 is 1/2, but not in floating point for every order of factors
    for n in (10, 22, 98, 330):
        curve = kaplan_meier(range(1, n + 1), [True] * (n // 2) + [False] * (n // 2))
        assert curve.quantile() == n // 2


def test_follow_up_is_the_median_of_the_reversed_curve():
    found = reverse_kaplan_meier(*SIX).median("log")
    expected = [None if value == -1 else value for value in R["reverse six"]]
    assert [found.value, found.low, found.high] == expected


@pytest.mark.parametrize(("name", "limit"), [("six", 90), ("six", 180), ("nr", 180), ("mp", 30), ("pl", 30)])
def test_the_restricted_mean_is_that_of_r(name, limit):
    found = curve_of(name).restricted_mean(limit)
    mean, error = R[f"rmst {name} {limit}"]
    assert found.value == near(mean)
    assert found.standard_error == near(error)


def test_no_restricted_mean_beyond_follow_up():
    assert kaplan_meier([5, 8], [True, False]).restricted_mean(9).value is None


def test_nothing_is_estimated_beyond_follow_up_or_in_an_empty_group():
    assert kaplan_meier([5, 8], [True, False]).at(9).value is None
    assert kaplan_meier([5, 8], [True, True]).at(9).value == 0
    empty = kaplan_meier([], [])
    assert empty.at(1).value is None
    assert empty.median().value is None
    assert empty.restricted_mean(5).value is None


def test_all_censored_and_times_of_zero():
    censored = kaplan_meier([3, 4, 5], [False] * 3)
    assert censored.at(5).value == 1
    assert censored.at(5).low is None
    assert censored.median().value is None
    assert censored.restricted_mean(5).value == 5
    at_zero = kaplan_meier([0, 0, 5], [True, False, True])
    assert at_zero.at(0).value == near(2 / 3)
    assert list(at_zero.at_risk) == [3, 1]


@pytest.mark.parametrize(
    ("times", "events", "entry"),
    [
        ([1, -1], [1, 1], None),
        ([1, float("nan")], [1, 1], None),
        ([1, float("inf")], [1, 0], None),
        ([1, 2], [1], None),
        ([1, 2], [1, 1], [0, 3]),
        ([1, 2], [1, 1], [0, 2]),
    ],
)
def test_times_that_cannot_be_used_are_refused(times, events, entry):
    with pytest.raises(AnalysisError):
        kaplan_meier(times, events, entry=entry)


def test_freireich_1963_as_published():
    # Kalbfleisch and Prentice: 6-MP median 23 weeks, placebo 8
    assert kaplan_meier(*MP).median().value == 23
    assert kaplan_meier(*PL).median().value == 8


def test_lifelines_agrees_on_its_own_data():
    from lifelines import KaplanMeierFitter
    from lifelines.datasets import load_waltons

    data = load_waltons()
    fitter = KaplanMeierFitter().fit(data["T"], data["E"])
    curve = kaplan_meier(data["T"], data["E"])
    for at in (10, 33, 54, 60):
        assert curve.at(at).value == near(float(fitter.predict(at)))
    assert curve.median().value == fitter.median_survival_time_ == 56
    bounds = fitter.confidence_interval_survival_function_.loc[54.0]
    assert [curve.at(54).low, curve.at(54).high] == near(list(bounds))


@given(st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=1, max_size=12))
def test_the_product_is_exact(rows):
    survival = Fraction(1)
    expected = {}
    for at in sorted({until for until, _ in rows}):
        n = sum(until >= at for until, _ in rows)
        d = sum(until == at and event for until, event in rows)
        survival *= Fraction(n - d, n)
        expected[at] = survival
    curve = kaplan_meier([until for until, _ in rows], [event for _, event in rows])
    for at, value in expected.items():
        assert curve.at(at).value == pytest.approx(float(value), abs=1e-12)
        for interval in INTERVALS:
            found = curve.at(at, interval)
            assert (
                found.low is None or 0 <= found.low <= found.value + 1e-12 <= found.high + 2e-12 <= 1 + 3e-12
            )


def test_a_hundred_thousand_patients_in_seconds():
    generator = np.random.default_rng(1)
    times, events = generator.exponential(100, 100_000), generator.random(100_000) < 0.5
    begin = time.perf_counter()
    curve = kaplan_meier(times, events)
    assert curve.median().value == pytest.approx(200 * np.log(2), rel=0.02)  # hazard 1/100, half of it events
    assert time.perf_counter() - begin < 5


@pytest.mark.parametrize("entering", [False, True])
@pytest.mark.parametrize("digits", [0, 2, 5])
def test_counts_are_those_of_lifelines(digits, entering):
    """Whole days with ties, ties of decimals, and times of which hardly two are one."""
    random = np.random.default_rng(digits)
    start = np.round(random.uniform(0, 50, 3000), digits) if entering else np.zeros(3000)
    t = np.round(start + 1 + random.exponential(100, 3000), digits)
    d = random.random(3000) < 0.7
    curve = kaplan_meier(t, d, entry=start if entering else None)
    table = survival_table_from_events(t, d, start)
    table = table[(table.index == 0) | (table[["removed", "entrance"]].sum(axis=1) > 0)]
    same = slice(1, None) if table.index[0] != 0 else slice(None)
    assert np.array_equal(curve.times[same], table.index)
    assert np.array_equal(curve.events[same], table["observed"])
    assert np.array_equal(curve.censored[same], table["censored"])
    assert np.array_equal(curve.entered[same], table["entrance"])
    later = np.where(table.index > 0, table["entrance"], 0)  # with R, at risk only after entry
    assert np.array_equal(curve.at_risk[same], table["at_risk"] - later)


def test_intervals_at_the_edges_are_those_of_r():
    # R 4.2.2, survfit: at 1 plain and log are from 1 to 1, the others NA; at 0 all are NA
    for name, (low, high) in named_intervals(np.array([1.0, 0.0]), np.array([0.0, 0.0])).items():
        expected = [1.0, np.nan] if name in ("plain", "log") else [np.nan, np.nan]
        assert list(low) == pytest.approx(expected, nan_ok=True)
        assert list(high) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("interval", INTERVALS)
def test_at_one_and_at_zero_a_curve_has_the_intervals_of_r(interval):
    # before anybody ends R says 1 to 1 for every type; at a censoring without event before it, see above
    curve = kaplan_meier([1, 2, 3, 4], [0, 1, 1, 1])
    kind = R_NAME.get(interval, interval)
    for at in (0, 1, 2, 4):
        found = curve.at(at, interval)
        expected = [None if value == -1 else value for value in R[f"edge {kind} {at}"]]
        assert [found.low, found.high] == [value if value is None else near(value) for value in expected]


@pytest.mark.parametrize("interval", INTERVALS)
def test_a_median_that_is_not_reached_keeps_its_lower_limit_as_in_r(interval):
    curve = kaplan_meier([126, 267, 170], [1, 0, 0])
    expected = [None if value == -1 else value for value in R[f"unreached {R_NAME.get(interval, interval)}"]]
    found = curve.median(interval, midpoint=True)
    assert [found.value, found.low, found.high] == expected
    assert found.value is None
    assert "not reached" in found.note
    assert kaplan_meier([126, 267, 170], [1, 0, 0]).median().low == 126


def test_other_quantiles_are_those_of_r():
    for p in (0.25, 0.75):
        found = kaplan_meier(*MP).percentile(1 - p, "log", midpoint=True)
        expected = [None if value == -1 else value for value in R[f"quantile mp {p}"]]
        assert [found.value, found.low, found.high] == expected


def test_a_percentile_interval_that_would_begin_before_0_is_not_given():
    # 4 ± 1.96 · 6.1: by Collett's formula SE = 0.5 · sqrt(1/4) / ((0.75 - 0.25) / (40 - 3))
    found = kaplan_meier([3, 4, 40, 41], [1, 1, 1, 1]).median("percentile-SE")
    assert found.value == 4
    assert found.standard_error == pytest.approx(0.25 / (0.5 / 37))
    assert (found.low, found.high) == (None, None)
    assert "before time 0" in found.note
