"""Residuals of Cox models: R's values, and what they add up to."""

from __future__ import annotations

import numpy as np
import pytest

from fhir_blina.errors import AnalysisError
from fhir_blina.statistics.residuals import cox_residuals
from tests.statistics.test_data_sets import (
    KEPT,
    SETS,
    WITHOUT_R,
    from_lifelines,
    random_ties,
    read_set,
    read_values,
)

ROWS = [0, 4, 9]


def hold(name, data, r):
    second = (data["group"] == sorted(set(data["group"]))[1]).astype(float)
    late = {"entry": data["start"]} if data["start"].any() else {}
    found = cox_residuals(data["time"], data["event"], {"value": data["value"], "second": second}, **late)
    for kind in ("martingale", "schoenfeld", "dfbeta"):
        values = getattr(found, kind)
        shown = [*values[ROWS].ravel(), *np.atleast_1d((values**2).sum(axis=0))]
        assert shown == pytest.approx(r[f"{name} {kind}"], rel=1e-7, abs=1e-10), kind
    assert found.martingale.sum() == pytest.approx(0, abs=1e-8)
    assert found.schoenfeld.sum(axis=0) == pytest.approx([0, 0], abs=1e-6)


@pytest.mark.parametrize("name", WITHOUT_R)
def test_each_is_that_of_r(name):
    hold(name, random_ties() if name == "ties" else from_lifelines(name), KEPT)


@pytest.mark.r
@pytest.mark.parametrize("name", SETS)
def test_so_they_are_on_the_data_sets_of_r(from_r, name):
    hold(name, read_set(from_r / f"{name}.csv"), read_values(from_r / "values.txt"))


def test_of_strata_too_the_martingale_residuals_add_up_to_0_in_each():
    data = random_ties()
    found = cox_residuals(data["time"], data["event"], {"value": data["value"]}, strata=data["stratum"])
    for stratum in set(data["stratum"]):
        assert found.martingale[data["stratum"] == stratum].sum() == pytest.approx(0, abs=1e-8)


def test_without_a_model_there_are_none():
    with pytest.raises(AnalysisError, match="there is no event"):
        cox_residuals([1, 2], [0, 0], {"x": [1, 2]})
