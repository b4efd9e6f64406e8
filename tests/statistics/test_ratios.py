"""Hazard ratios by each method, interactions and residuals: R's values on its data sets, and small cases by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fhir_blina.errors import AnalysisError
from fhir_blina.statistics.ratios import RATIO_METHODS, hazard_ratio
from tests.statistics.test_data_sets import (
    KEPT,
    SETS,
    WITHOUT_R,
    Z,
    from_lifelines,
    near,
    random_ties,
    read_set,
    read_values,
)


def of(name):
    """A data set that is there without R."""
    return random_ties() if name == "ties" else from_lifelines(name)


def second_of(data):
    return data["group"] == sorted(set(data["group"]))[1]


def hold(name, data, r):
    for method in ("efron", "breslow", "peto", "logrank"):
        log, error = r[f"{name} two groups {method}"]
        found = hazard_ratio(data["time"], data["event"], second_of(data), method)
        assert math.log(found.value) == pytest.approx(log, rel=1e-8), method
        ends = [math.log(found.low), math.log(found.high)]
        assert ends == [pytest.approx(log + side * Z * error, rel=1e-7) for side in (-1, 1)], method


@pytest.mark.parametrize("name", [name for name in WITHOUT_R if name != "heart"])
def test_each_method_is_that_of_r(name):
    hold(name, of(name), KEPT)


@pytest.mark.r
@pytest.mark.parametrize("name", [name for name in SETS if name != "heart"])
def test_so_it_is_on_the_data_sets_of_r(from_r, name):
    hold(name, read_set(from_r / f"{name}.csv"), read_values(from_r / "values.txt"))


def test_the_log_rank_ratios_of_six_by_hand():
    # CR: 126 dead, 267 and 170 alive; NR: 91 and 32 dead, 52 lost. Expected of NR: 3/6 + 1/4 + 0
    t, d, nr = [91, 32, 126, 267, 170, 52], [1, 1, 1, 0, 0, 0], [True, True, False, False, False, True]
    plain = hazard_ratio(t, d, nr, "logrank")
    assert plain.value == pytest.approx((2 / 0.75) / (1 / 2.25))
    assert plain.low == pytest.approx(6 * math.exp(-Z * math.sqrt(1 / 0.75 + 1 / 2.25)))
    assert plain.p is None
    peto = hazard_ratio(t, d, nr, "peto")
    assert peto.value == pytest.approx(math.exp(1.25 / 0.4375))
    # the P of Peto's ratio is that of the log-rank test: chi-square 25/7
    assert peto.p == pytest.approx(0.0587817213554)


@pytest.mark.parametrize("method", RATIO_METHODS)
def test_what_cannot_be_estimated_says_why(method):
    assert "no event" in hazard_ratio([1, 2], [0, 0], [True, False], method).note
    assert "nobody" in hazard_ratio([1, 2], [1, 0], [True, True], method).note
    separated = hazard_ratio([1, 2, 3, 4], [1, 1, 0, 0], [True, True, False, False], method)
    if method in ("firth", "peto"):
        assert separated.value > 1
    else:
        assert separated.value is None
        assert "not estimable" in separated.note


def test_an_unknown_method_is_refused():
    with pytest.raises(AnalysisError, match="efron, breslow"):
        hazard_ratio([1, 2], [1, 1], [True, False], "exact")


def test_without_ties_efron_is_breslow():
    data = {"t": np.arange(1, 21), "d": [1, 0] * 10, "x": [True, True, False, False, True] * 4}
    efron, breslow = (
        hazard_ratio(data["t"], data["d"], data["x"], one).value for one in ("efron", "breslow")
    )
    assert near([efron]) == [breslow]
