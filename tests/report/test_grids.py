"""How cells of the report are worded."""

from __future__ import annotations

from decimal import Decimal

import pandas as pd
import pytest

from fhir_blina.report.accounts import record_words
from fhir_blina.report.grids import (
    Cell,
    counted,
    estimate,
    fill,
    interval,
    number,
    observed,
    p_value,
    quantity,
    unit,
    words,
)
from fhir_blina.results.records import Record


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [
        (Decimal("78.30"), None, "78.30"),  # the printed zero stays
        (15.505, 1, "15.5"),
        (Decimal("15.505"), 2, "15.51"),  # half up, not half even
        (Decimal("50.5"), 0, "51"),
        (-1.9639610121239315, None, "−1.964"),
        (3.5714285714285716, None, "3.571"),
        (0.0001234567, None, "0.0001235"),
        (126.0, None, "126"),
        (0.0, None, "0"),
        (6, None, "6"),
    ],
)
def test_numbers(value, places, text):
    assert number(value, places) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.0587817, "0.059"), (0.0004, "< 0.001"), (0.1, "0.100"), (1.0, "1.000"), (None, "")]
)
def test_p_values(value, text):
    assert p_value(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (pd.NA, ""),
        (float("nan"), ""),
        (pd.NaT, ""),
        (True, "yes"),
        (False, "no"),
        ("Negative (qualifier value)", "Negative"),
    ],
)
def test_words_of_cells(value, text):
    assert words(value) == text


def test_one_is_singular_and_an_annotation_is_no_unit():
    assert [quantity(*one) for one in (("1", "d"), ("2", "d"), ("1", "ug/d"), ("1", "{score}"))] == [
        "1 day",
        "2 days",
        "1 µg/d",
        "1",
    ]
    assert (counted(1, "event"), counted(0, "event")) == ("1 event", "0 events")


def test_units_read_as_people_write_them():
    assert [unit(code) for code in ("1", "d", "ug/m2/d", "%", "mm[Hg]", None)] == [
        "",
        " days",
        " µg/m²/d",
        " %",
        " mmHg",
        "",
    ]


@pytest.mark.parametrize(
    ("row", "cell"),
    [
        ({"value_quantity": Decimal("14.00"), "value_unit": "%"}, Cell("14.00 %")),
        ({"value_quantity": Decimal(150), "value_comparator": "<", "value_unit": "/uL"}, Cell("<150 /µL")),
        ({"value_code": "died", "value_display": "Died", "value_text": "死亡"}, Cell("Died", "死亡")),
        ({"value_code": "x1", "value_text": "free words"}, Cell("free words")),
        ({"value_integer": 0}, Cell("0")),
        ({"value_boolean": False}, Cell("no")),
        ({"data_absent_reason": "not-performed"}, Cell("not tested", tone="missing")),
        ({"data_absent_reason": "not-applicable"}, Cell("not applicable", tone="missing")),
        ({}, Cell("–", tone="missing")),
    ],
)
def test_an_observation_of_any_kind(row, cell):
    assert observed(row) == cell


def test_rewording_takes_the_code():
    assert (
        observed({"value_code": "260385009", "value_display": "Negative"}, {"260385009": "negative"}).text
        == "negative"
    )


def test_blanks_take_columns_and_nothing_else():
    row = {"rate_value": 5, "rate_unit": "ug/d", "patient": "{secret} <b>"}
    assert fill("{rate_value} {rate_unit}", row) == "5 µg/d"
    assert fill("{patient}", row) == "{secret} <b>"
    assert fill("{row.__class__} {missing}", row) == "{row.__class__}"


def test_shares_are_in_per_cent_and_other_numbers_in_their_unit():
    share = Record(
        "overall_survival.survival",
        value=5 / 12,
        ci_low=0.0559918648521,
        ci_high=0.766522219551,
        ci_method="log-log",
    )
    assert (estimate(share), interval(share)) == ("41.7 %", "5.6 to 76.7 %")
    median = Record("overall_survival.median", value=126, unit="d", ci_low=91, ci_high=None, ci_method="log")
    assert (estimate(median), interval(median)) == ("126 days", "91 days to not reached")
    ratio = Record("overall_survival.log_rank", value=25 / 7)
    assert (estimate(ratio), interval(ratio)) == ("3.571", "")
    nothing = Record("overall_survival.mantel_byar", note="nobody is at risk")
    assert estimate(nothing) == "not estimable"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("overall_survival.median", "overall survival: median"),
        ("overall_survival.followup_reverse", "overall survival: median follow-up (reverse Kaplan-Meier)"),
        (
            "overall_survival.cox_adjusted_hazard_ratio",
            "overall survival: hazard ratio in the model adjusted",
        ),
        ("overall_survival.landmark_log_rank", "overall survival: log-rank test from the landmark"),
        (
            "overall_survival.naive_transplant_log_rank",
            "overall survival: log-rank test by transplant, naive",
        ),
    ],
)
def test_names_of_numbers_are_words(name, said):
    assert record_words(name) == said
