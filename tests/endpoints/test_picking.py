from __future__ import annotations

from decimal import Decimal

import pytest

from fhir_blina.endpoints.dates import DateRule
from fhir_blina.endpoints.picking import Picking, Row
from fhir_blina.errors import AnalysisError


def row(value, day=None, comparator="", fault="", rule="refuse"):
    return Row(
        value,
        f"Observation/{value}",
        comparator=comparator,
        day=None if day is None else DateRule(rule).read(day),
        fault=fault,
    )


def picked(rows, target=None, **settings):
    found = Picking(**settings).one(rows, target)
    return found if isinstance(found, str) else found.value


THREE = [row(12, 1), row(7, 15), row(10, 20)]


@pytest.mark.parametrize(("pick", "value"), [("first", 12), ("last", 10), ("lowest", 7), ("highest", 12)])
def test_by_time_or_by_value(pick, value):
    assert picked(THREE, pick=pick) == value
    assert picked(THREE[::-1], pick=pick) == value


@pytest.mark.parametrize(
    ("pick", "order", "value"),
    [
        ("worst", "low-is-worse", 7),
        ("best", "low-is-worse", 12),
        ("worst", "high-is-worse", 12),
        ("best", "high-is-worse", 7),
    ],
)
def test_worst_and_best_say_which_way(pick, order, value):
    assert picked(THREE, pick=pick, order=order) == value


def test_words_have_an_order_too():
    rows = [row("pr", 9), row("cr", 30), row("sd", 60)]
    order = ("cr", "pr", "sd", "pd")
    assert picked(rows, pick="best", order=order) == "cr"
    assert picked(rows, pick="worst", order=order) == "sd"
    assert picked(rows, pick="last") == "sd"
    assert "order does not name" in picked([*rows, row("ne", 70)], pick="best", order=order)
    with pytest.raises(AnalysisError, match="order"):
        picked(rows, pick="lowest")


@pytest.mark.parametrize(
    ("target", "within", "value"),
    [
        (16, None, 7),
        (18, None, 10),
        (8, None, 12),  # days 1 and 15 are equally near: the earlier
        (30, (-10, 0), 10),
        (30, (-9, 0), 'no value within -9 to 0 days of "start"'),
        (0, (0, 1), 12),
        (None, None, 'no day of "start"'),
    ],
)
def test_nearest_within_a_window(target, within, value):
    assert picked(THREE, target, pick="nearest", to="start", within=within) == value


@pytest.mark.parametrize(
    ("ties", "value"),
    [("refuse", "several values at the same time"), ("lowest", 6), ("highest", 9), ("mean", Decimal("7.5"))],
)
def test_ties_by_a_named_rule(ties, value):
    assert picked([row(6, 1), row(9, 1), row(3, 2)], pick="first", ties=ties) == value


def test_values_that_are_equal_are_no_tie():
    assert picked([row(Decimal("6.0"), 1), row(6, 1), row(3, 2)], pick="first") == 6


def test_a_time_of_day_orders_a_day():
    rows = [
        row(1, "2020-01-01T09:00:00Z"),
        row(2, "2020-01-01T08:00:00-02:00"),
        row(3, "2020-01-01T08:59:00Z"),
    ]
    assert picked(rows, pick="first") == 3
    assert picked(rows, pick="last") == 2  # 10:00 in Greenwich
    assert "same time" in picked([*rows, row(4, "2020-01-01")], pick="first")


def test_a_partial_date_matters_only_where_it_could_be_the_one():
    known = [row(1, "2020-03-01"), row(2, "2020-06-01")]
    assert picked([*known, row(9, "2019")], pick="last") == 2
    assert "may be the first" in picked([*known, row(9, "2019")], pick="first")
    assert "may be the last" in picked([*known, row(9, "2020")], pick="last")
    assert picked([*known, row(9, "2020-04", rule="middle")], pick="first") == 1


def test_what_cannot_be_told_gives_no_value():
    assert picked([row(1), row(2)], pick="first") == "several rows without a day"
    assert picked([row(1, 1, fault="no unit recorded"), row(2, 2)], pick="first") == "no unit recorded"
    assert picked([row(1, 1, fault="no unit recorded"), row(2, 2)], pick="last") == 2
    assert "may be the lowest" in picked([row(150, 1, "<"), row(200, 2)], pick="lowest")
    assert picked([row(150, 1, "<"), row(200, 2)], pick="highest") == 200
    assert Picking("last").one([row(200, 1), row(150, 2, "<")], None).comparator == "<"
