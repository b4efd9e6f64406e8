"""Rates against R 4.2.2's poisson.test."""

from __future__ import annotations

import pytest
from lifelines.datasets import load_lung

from fhir_blina.errors import AnalysisError
from fhir_blina.statistics.rates import rate


def test_deaths_in_person_years_of_the_lung_data():
    """R: poisson.test(165, sum(survival::lung$time) / 365.25)."""
    years = float(load_lung()["time"].sum()) / 365.25
    found = rate(165, years)
    assert found.value == pytest.approx(0.865981492391476, abs=1e-12)
    assert (found.low, found.high) == pytest.approx((0.738886463988657, 1.008662600664851), abs=1e-12)


def test_no_event_has_an_upper_end():
    """R: poisson.test(0, 100)."""
    found = rate(0, 100)
    assert (found.value, found.low) == (0, 0)
    assert found.high == pytest.approx(0.0368887945411394, abs=1e-13)


def test_no_time_has_no_rate():
    assert rate(0, 0).value is None
    with pytest.raises(AnalysisError):
        rate(-1, 10)
