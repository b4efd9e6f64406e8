"""Quantiles, mean and standard deviation, against R 4.2.2."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from lifelines.datasets import load_lung

from fhir_blina.errors import AnalysisError
from fhir_blina.statistics.location import quantile, spread


def test_the_lung_data_have_the_summary_that_r_gives():
    """R: with(survival::lung, c(mean(age), sd(age), quantile(age, c(.25, .75))))."""
    found = spread([int(age) for age in load_lung()["age"]])
    assert found.n == 228
    assert found.mean == pytest.approx(62.447368421052630, abs=1e-12)
    assert found.sd == pytest.approx(9.0734565734156227, abs=1e-12)
    assert (found.first_quartile, found.third_quartile) == (56, 69)


def test_missing_values_are_the_callers_matter():
    """R: with(survival::lung, c(mean(meal.cal, na.rm=TRUE), sd(meal.cal, na.rm=TRUE), quantile(meal.cal, na.rm=TRUE)))."""
    values = load_lung()["meal.cal"].dropna()
    found = spread([int(value) for value in values])
    assert found.n == 181
    assert found.mean == pytest.approx(928.77900552486187, abs=1e-9)
    assert found.sd == pytest.approx(402.17470747743585, abs=1e-9)
    assert (found.first_quartile, found.third_quartile) == (635, 1150)


def test_decimals_stay_exact():
    """R: quantile(c(0.08, 5.79, 8.37, 22.64, 66.37, 78.30), c(.25, .75), type = 7)."""
    values = [Decimal(text) for text in ("0.08", "5.79", "8.37", "22.64", "66.37", "78.30")]
    assert quantile(values, Fraction(1, 4)) == Decimal("6.435")
    assert quantile(values, Fraction(3, 4)) == Decimal("55.4375")


def test_one_value_has_no_deviation_and_none_have_nothing():
    assert spread([7]).sd is None
    with pytest.raises(AnalysisError):
        spread([])
    with pytest.raises(AnalysisError):
        quantile([1], Fraction(3, 2))
