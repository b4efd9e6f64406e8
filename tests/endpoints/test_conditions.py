from __future__ import annotations

from decimal import Decimal

import pandas as pd
import pytest

from fhir_blina.endpoints.conditions import NO, OPEN, YES, all_of, answers, any_of, fits


def cells(*values):
    return pd.Series(list(values), dtype=object)


@pytest.mark.parametrize(
    ("wanted", "right"),
    [
        (254837009, [True, False, False, False]),  # unquoted in YAML
        ("254837009", [True, False, False, False]),
        ({"not": "C50.9"}, [True, False, True, True]),
        ({"not": ["C50.9", None]}, [True, False, False, True]),
        ({"not": None}, [True, True, False, True]),
        (None, [False, False, True, False]),
        (["C50.9", None], [False, True, True, False]),
    ],
)
def test_codes(wanted, right):
    assert list(fits(cells("254837009", "C50.9", None, "0254837009"), wanted)) == right


@pytest.mark.parametrize(
    ("wanted", "right"),
    [
        ({"min": 5}, [NO, YES, YES, NO]),
        ({"above": 5}, [NO, NO, YES, NO]),
        ({"max": Decimal("5.0"), "not": 4}, [NO, YES, NO, NO]),
        (5, [NO, YES, NO, NO]),
        ("5", [NO, YES, NO, NO]),
    ],
)
def test_numbers(wanted, right):
    assert list(answers(cells(4, Decimal("5.00"), 5.1, None), wanted)) == right


@pytest.mark.parametrize(
    ("bound", "comparator", "wanted", "right"),
    [
        (150, "<", {"below": 200}, YES),
        (150, "<", {"below": 150}, YES),
        (150, "<=", {"below": 150}, OPEN),
        (150, "<", {"min": 150}, NO),
        (150, "<", {"min": 100}, OPEN),
        (150, "<", {"above": 0}, OPEN),
        (480, ">", {"above": 480}, YES),
        (480, ">=", {"above": 480}, OPEN),
        (480, ">", {"max": 480}, NO),
        (480, ">", {"max": 500}, OPEN),
        (150, "<", 150, NO),
        (150, "<", 100, OPEN),
        (150, "<", {"not": 150}, YES),
        (150, "<", {"not": 100}, OPEN),
        (150, "<", {"not": None}, YES),
    ],
)
def test_a_comparator_decides_what_it_can(bound, comparator, wanted, right):
    assert list(answers(cells(bound), wanted, cells(comparator))) == [right]


@pytest.mark.parametrize(
    ("cell", "wanted", "right"),
    [
        ("2020-01-01", {"min": 2020}, YES),
        ("2019-12-31", {"min": 2020}, NO),
        ("2020", {"min": "2020-01-15"}, OPEN),
        ("2020-02", {"min": "2020-01-15", "max": "2020-03"}, YES),
        ("2020-03-31", {"max": "2020-03"}, YES),
        ("2020-03-31", {"above": "2020-03"}, NO),
        ("2020-03-01", {"below": "2020-03"}, NO),
    ],
)
def test_dates(cell, wanted, right):
    assert list(answers(cells(cell), wanted)) == [right]


def test_bounds_in_a_unit():
    found = answers(
        cells(120, 12, 12, 5), {"min": 10, "unit": "g/dL"}, units=cells("g/L", "g/dL", None, "mmol/L")
    )
    assert list(found) == [YES, YES, OPEN, OPEN]


def test_bounds_that_say_nothing_of_a_text_are_an_error():
    with pytest.raises(ValueError, match="no dates"):
        answers(cells("severe"), {"min": 3})
    with pytest.raises(ValueError, match="is none"):
        answers(cells("2020-01-01"), {"min": 3})


def test_only_a_boolean_is_true():
    assert list(fits(cells(True, False, None, "false", 1), wanted=True)) == [True, False, False, False, False]


def test_three_answers_together():
    assert [all_of(found) for found in ((YES, OPEN), (NO, OPEN), (YES, YES), ())] == [OPEN, NO, YES, YES]
    assert [any_of(found) for found in ((YES, OPEN), (NO, OPEN), (NO, NO), ())] == [YES, OPEN, NO, NO]
