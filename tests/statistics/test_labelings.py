"""Which labelings a permutation test works out, and how many there are, against counting and factorials."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest

from fhir_blina.statistics.labelings import SAMPLE, choose, in_words, labelings, smallest_p


def test_few_labelings_are_all_worked_out_each_once():
    choice = choose(6, 3)
    rows = [tuple(np.flatnonzero(mask)) for masks in choice.masks() for mask in masks]
    assert rows == list(combinations(range(6), 3))
    assert choice.words() == "exact, all 20 labelings"
    assert (choice.p(4), choice.error(4)) == (0.2, None)


def test_many_are_drawn_with_a_seed_the_same_each_time():
    choice = choose(40, 20)
    first, second = (np.concatenate(list(choice.masks())) for _ in range(2))
    assert (first == second).all()
    assert first.shape == (SAMPLE, 40)
    assert (first.sum(axis=1) == 20).all()
    assert "Monte Carlo, 10000 of about 1.4 × 10^11 labelings, seed 1" in choice.words()
    # each subject is in the first group in half of them
    assert abs(first.mean(axis=0) - 0.5).max() < 0.03


def test_a_p_from_a_sample_is_never_zero_and_has_its_error():
    choice = choose(40, 20)
    assert choice.p(0) == pytest.approx(1 / 10_001)
    assert "at most" in choice.floor(choice.p(0))
    assert choice.floor(choice.p(1)) == choose(6, 3).floor(0.0) == ""
    assert choice.error(99) == pytest.approx(math.sqrt(0.01 * 0.99 / 10_000), rel=0.01)


@pytest.mark.parametrize(("subjects", "first"), [(14_292, 7_146), (2_000_000, 1_000_000)])
def test_a_number_of_thousands_of_digits_is_said_in_a_few(subjects, first):
    choice = choose(subjects, first)
    assert choice.kind == "asymptotic"
    assert len(choice.words()) < 100
    assert list(choice.masks()) == []
    assert (choice.p(5), choice.error(5)) == (None, None)


@pytest.mark.parametrize(("subjects", "first"), [(40, 20), (100, 30), (300, 150)])
def test_the_power_of_ten_is_that_of_the_binomial_coefficient(subjects, first):
    exact = str(math.factorial(subjects) // math.factorial(first) // math.factorial(subjects - first))
    mantissa, power = in_words(subjects, first).removeprefix("about ").split(" × 10^")
    assert int(power) == len(exact) - 1
    assert float(mantissa) == pytest.approx(float(f"{exact[0]}.{exact[1:6]}"), abs=0.051)


def test_the_smallest_p():
    assert smallest_p(6, 3) == pytest.approx(0.1)
    assert smallest_p(5, 2, mirrored=False) == pytest.approx(0.1)
    assert smallest_p(2, 1) == 1
    assert smallest_p(60, 30) == pytest.approx(2 / labelings(60, 30))
    assert smallest_p(20_000, 10_000) == 0
