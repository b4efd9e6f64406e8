"""Every function on the data sets of R's survival package, and on generated ties, against what R says of them.

With R, its package hands out the data and the values anew. Without, the data sets that lifelines carries and
the generated one are compared with the values kept in data/r_data_sets.txt.
"""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest

from fhir_blina.statistics.competing import cumulative_incidence
from fhir_blina.statistics.gray import gray_test
from fhir_blina.statistics.logrank import log_rank, permutation_log_rank
from fhir_blina.statistics.pointwise import INTERVALS
from fhir_blina.statistics.proportions import mann_whitney
from fhir_blina.statistics.regression import cox_regression
from fhir_blina.statistics.survival import kaplan_meier, restricted_mean_difference
from fhir_blina.statistics.times import checked

DATA = Path(__file__).parents[1] / "data"
SETS = ("lung", "veteran", "pbc", "colon", "ovarian", "heart", "mgus2", "ties")
WITHOUT_R = ("lung", "heart", "ties")
Z = 1.959963984540054
R_NAME = {"arcsine": "arcsin"}


def read_values(path: Path) -> dict[str, list[float | None]]:
    """The numbers of each line by its name; -1 is R's NA."""
    lines = (line.rsplit(": ", 1) for line in path.read_text("utf-8").splitlines())
    return {name: [None if word == "-1" else float(word) for word in words.split()] for name, words in lines}


KEPT = read_values(DATA / "r_data_sets.txt")


def read_set(path: Path) -> dict[str, np.ndarray]:
    """A data set as R wrote it, by column."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    texts = ("group", "stratum")
    return {
        name: np.array([row[name] for row in rows], dtype=None if name in texts else float)
        for name in rows[0]
    }


def random_ties() -> dict[str, np.ndarray]:
    """The generated data set: decimal times that are one, but not the same floats (Park and Miller 1988)."""
    seed = 2023

    def draw(count: int, of: int) -> np.ndarray:
        nonlocal seed
        got = []
        for _ in range(count):
            seed = seed * 16807 % 2147483647
            got.append(seed % of)
        return np.array(got)

    time = draw(120, 23) / 10 + draw(120, 3) / 10 + 0.1
    group = np.array(["a", "b", "c"])[draw(120, 3)]
    cause = draw(120, 3).astype(float)
    value, stratum = draw(120, 11).astype(float), draw(120, 2).astype(str)
    event = (cause == 1).astype(float)
    return {"start": np.zeros(120), "time": time, "event": event, "group": group, "cause": cause,
            "value": value, "stratum": stratum}  # fmt: skip


def from_lifelines(name: str) -> dict[str, np.ndarray]:
    """A data set that lifelines carries too."""
    from lifelines.datasets import load_lung, load_stanford_heart_transplants

    if name == "lung":
        data = load_lung()
        event = data["status"].to_numpy(dtype=float)
        group = data["sex"].astype(str).to_numpy()
        parts = {"start": 0 * event, "time": data["time"], "value": data["age"]}
        stratum = data["ph.ecog"].fillna(9).astype(int).astype(str).to_numpy()
    else:
        data = load_stanford_heart_transplants()
        event, group = data["event"].to_numpy(dtype=float), data["transplant"].astype(str).to_numpy()
        parts = {"start": data["start"], "time": data["stop"], "value": data["age"]}
        stratum = data["surgery"].astype(str).to_numpy()
    columns = {key: np.asarray(column, dtype=float) for key, column in parts.items()}
    return {**columns, "event": event, "group": group, "cause": event, "stratum": stratum}


def near(values):
    """The same numbers to nine digits, ``None`` for NA."""
    return [
        None if value is None else pytest.approx(value, rel=1e-9, abs=1e-10)
        for value in ([values] if isinstance(values, float) else values)
    ]


def compare(name: str, data: dict[str, np.ndarray], r: dict[str, list[float | None]]) -> int:
    """Hold everything to R's values of a data set; how many were compared."""
    USED.clear()
    days, late = r[f"{name} days"], bool(data["start"].any())
    for label in ("all", *sorted(set(data["group"]))):
        key, mine = f"{name} {label}", slice(None) if label == "all" else data["group"] == label
        part = {column: values[mine] for column, values in data.items()}
        hold_curve(key, part, days, r, late=late)
        if (data["cause"] == 2).any():
            hold_incidence(key, part, days, r)
    hold_tests(name, data, r, late=late)
    hold_cox(name, data, r, late=late)
    return len(USED)


USED: set[str] = set()


def expected(r, name):
    USED.add(name)
    return r[name]


def hold_curve(key, part, days, r, *, late):
    curve = kaplan_meier(part["time"], part["event"], entry=part["start"] if late else None)
    inside = [day for day in days if curve.defined_at(day)]
    count = len(inside)
    for interval in INTERVALS:
        kind = R_NAME.get(interval, interval)
        found = [curve.at(day, interval) for day in inside]
        assert [one.low for one in found] == near(expected(r, f"{key} {kind} low")[:count]), (key, kind)
        assert [one.high for one in found] == near(expected(r, f"{key} {kind} high")[:count]), (key, kind)
        for p in (0.25, 0.5, 0.75):
            got = curve.percentile(1 - p, interval, midpoint=True)
            theirs = expected(r, f"{key} {kind} quantile {p:g}")
            assert [got.value] == near(theirs[:1]), key
            bounds = zip((got.low, got.high), curve.intervals[interval], theirs[1:], strict=True)
            for end, bound, limit in bounds:
                # R sorts a bound that rises again and may then name a later time: docs/statistics.md
                if rises(bound):
                    assert end == first_below(curve.times, bound, 1 - p), key
                else:
                    assert [end] == near([limit]), (key, kind, p)
    assert [curve.at(day).value for day in inside] == near(expected(r, f"{key} survival")[:count])
    errors = [curve.at(day).standard_error for day in inside]
    assert errors == near([0.0 if e is None else e for e in expected(r, f"{key} error")[:count]])
    at_risk = expected(r, f"{key} at risk")
    if late:  # R counts those of its next time, who may have entered since: docs/statistics.md
        at_risk = [float(((part["start"] < day) & (part["time"] >= day)).sum()) for day in days]
    assert [curve.number_at_risk(day) for day in days] == near(at_risk)
    if curve.defined_at(days[2]):
        mean = curve.restricted_mean(days[2])
        assert [mean.value, mean.standard_error] == near(expected(r, f"{key} rmst"))


def rises(bound):
    """Whether a bound of a survival curve rises anywhere."""
    known = bound[~np.isnan(bound)]
    return bool((np.diff(known) > 1e-12).any())


def first_below(times, bound, p):
    """The first time at which a bound is ``p`` or less, by going through."""
    return next((time for time, value in zip(times, bound, strict=True) if value <= p + 1.5e-8), None)


def hold_incidence(key, part, days, r):
    for cause in (1, 2):
        curve = cumulative_incidence(part["time"], part["cause"], cause)
        count = sum(curve.defined_at(day) for day in days)
        found = [curve.at(day) for day in days[:count]]
        assert [one.value for one in found] == near(expected(r, f"{key} incidence {cause}")[:count]), key
        assert [one.value for one in found] == near(expected(r, f"{key} cmprsk {cause}")[:count]), key
        errors = expected(r, f"{key} incidence error {cause}")[:count]
        assert [one.standard_error for one in found] == near(errors), key
        for end in ("low", "high"):
            ends = expected(r, f"{key} incidence {end} {cause}")[:count]
            assert [getattr(one, end) for one in found] == near(ends), key


def hold_tests(name, data, r, *, late):
    order = np.argsort(data["group"], kind="stable")
    t, d, groups = data["time"][order], data["event"][order], data["group"][order]
    if not late:
        for rho, weight in ((0, "log-rank"), (1, "Fleming-Harrington (1,0)")):
            test = log_rank(t, d, groups, weight=weight)
            assert [test.chi2, *test.observed, *test.expected] == near(expected(r, f"{name} survdiff {rho}"))
        (stratified,) = expected(r, f"{name} stratified")
        assert log_rank(t, d, groups, strata=data["stratum"][order]).chi2 == pytest.approx(
            stratified, rel=1e-9
        )
        for cause in (1, 2) if (data["cause"] == 2).any() else ():
            gray = gray_test(t, data["cause"][order], groups, cause)
            assert [gray.chi2, gray.p, float(gray.df)] == near(expected(r, f"{name} gray {cause}"))
    first, second = sorted(set(groups))[:2]
    if not late and f"{name} {first} rmst" in r:
        hold_mean_difference(name, t, d, groups, first, second, r)
    values = data["value"][order]
    rank = mann_whitney(values[groups == first], values[groups == second])
    assert [rank.z, rank.p_asymptotic] == near(expected(r, f"{name} rank"))
    if rank.p_exact is not None:
        assert [rank.p_exact] == near(expected(r, f"{name} rank exact"))
    if name == "ovarian":
        permuted = permutation_log_rank(t, d, groups)
        (exact,) = expected(r, "ovarian log-rank exact")
        assert abs(permuted.p_scores - exact) < 4 * permuted.error_scores


def hold_cox(name, data, r, *, late):
    second = (data["group"] == sorted(set(data["group"]))[1]).astype(float)
    covariates = {"value": data["value"], "second": second}
    given = (data["time"], data["event"], covariates)
    entry = data["start"] if late else None
    rows = np.arange(len(second))
    plain = cox_regression(*given, entry=entry)
    assert [*logs(plain), *errors(plain)] == near(expected(r, f"{name} cox"))
    global_test = (plain.log_likelihood, plain.likelihood_ratio, *proportional(plain))
    assert list(global_test) == near(expected(r, f"{name} cox tests"))
    for key, more in (("robust", {"robust": True}), ("clusters", {"clusters": (rows + 1) // 3})):
        assert errors(cox_regression(*given, entry=entry, **more)) == near(expected(r, f"{name} cox {key}"))
    strata = cox_regression(*given, entry=entry, strata=data["stratum"])
    found = [*logs(strata), *errors(strata), *proportional(strata)]
    assert found == near(expected(r, f"{name} cox strata"))


def logs(model):
    return [math.log(one.hazard_ratio) for one in model.coefficients]


def errors(model):
    return [one.standard_error for one in model.coefficients]


def proportional(model):
    return [*(one.proportional_chi2 for one in model.coefficients), model.proportional_chi2]


def hold_mean_difference(name, t, d, groups, first, second, r):
    limit = r[f"{name} days"][2]
    curves = [kaplan_meier(t[groups == label], d[groups == label]) for label in (first, second)]
    if not all(curve.defined_at(limit) for curve in curves):
        return
    gap = restricted_mean_difference(*curves, limit)
    (one, se_one), (two, se_two) = (expected(r, f"{name} {label} rmst") for label in (first, second))
    assert [gap.value, gap.standard_error] == near([two - one, math.hypot(se_one, se_two)])
    assert [gap.low, gap.high] == near(
        [gap.value - Z * gap.standard_error, gap.value + Z * gap.standard_error]
    )


@pytest.mark.long
@pytest.mark.r
@pytest.mark.parametrize("name", SETS)
def test_every_number_is_that_of_r(from_r, name):
    compared = compare(name, read_set(from_r / f"{name}.csv"), read_values(from_r / "values.txt"))
    assert compared >= 60


@pytest.mark.r
def test_the_values_kept_are_those_that_r_gives_now(from_r):
    now = read_values(from_r / "values.txt")
    assert list(now) == list(KEPT)
    for name, values in now.items():
        assert KEPT[name] == near(values), name


@pytest.mark.parametrize("name", WITHOUT_R)
def test_without_r_too(name):
    data = random_ties() if name == "ties" else from_lifelines(name)
    assert compare(name, data, KEPT) >= 60


def test_the_generated_times_are_one_only_by_the_rule():
    time = random_ties()["time"]
    assert len(set(time)) > len(set(checked(time, np.zeros(len(time)))[0]))
