"""Tests of interaction and Holm's rule: R's values."""

from __future__ import annotations

import numpy as np
import pytest

from fhir_blina.statistics.interaction import holm, interaction
from tests.statistics.test_data_sets import KEPT, near, random_ties, read_set, read_values


def hold(name, data, r):
    second = data["group"] == sorted(set(data["group"]))[1]
    found = interaction(data["time"], data["event"], second, data["stratum"])
    chi2, df, p = r[f"{name} interaction"]
    assert found.chi2 == pytest.approx(chi2, rel=1e-7)
    assert found.df == df
    assert found.p == pytest.approx(p, rel=1e-7)


def test_the_test_is_that_of_r():
    hold("ties", random_ties(), KEPT)


@pytest.mark.r
@pytest.mark.parametrize("name", [key.split()[0] for key in KEPT if key.endswith(" interaction")])
def test_so_it_is_on_the_data_sets_of_r(from_r, name):
    hold(name, read_set(from_r / f"{name}.csv"), read_values(from_r / "values.txt"))


def test_what_cannot_be_tested_says_why():
    t, second = np.arange(1, 9), np.array([True, False] * 4)
    assert "two subgroups" in interaction(t, np.ones(8), second, ["a"] * 8).note
    assert "no event" in interaction(t, np.zeros(8), second, ["a", "b"] * 4).note
    events = np.array([1, 1, 1, 1, 0, 1, 0, 1])  # in b only those of the first group have one
    assert "in a subgroup" in interaction(t, events, second, ["a"] * 4 + ["b"] * 4).note


def test_holm_is_that_of_r():
    # R: p.adjust(c(0.04, 0.01, 0.03, 0.9), "holm")
    assert near(holm([0.04, 0.01, 0.03, 0.9])) == [0.09, 0.04, 0.09, 0.9]
    assert holm([]) == []
