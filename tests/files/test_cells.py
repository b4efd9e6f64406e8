"""A value as the text of a cell."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_blina.analysis.quality import plausibility
from fhir_blina.files.cells import as_text, is_missing


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("0.0000001"), "0.0000001"),
        (Decimal("1E+3"), "1000"),
        (Decimal("14.00"), "14.00"),
        (Decimal("-0.10"), "-0.10"),
        (True, "true"),
        (False, "false"),
        (3, "3"),
        ("1E-7", "1E-7"),
        ("", ""),
    ],
)
def test_a_value_as_text(value, text):
    assert as_text(value) == text


@pytest.mark.parametrize(
    "nothing",
    [
        None,
        float("nan"),
        np.float32("nan"),
        Decimal("NaN"),
        pd.NA,
        pd.NaT,
        pd.Series([None], dtype="Int64")[0],
    ],
)
def test_what_is_no_value(nothing):
    assert is_missing(nothing)


@pytest.mark.parametrize(
    "value", ["", "nan", "NaT", 0, 0.0, False, Decimal(0), [], [None], np.array([np.nan, 1]), pd.Timestamp(0)]
)
def test_what_is_a_value(value):
    assert not is_missing(value)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9))
def test_a_decimal_never_has_an_exponent_and_stays_the_same_number(number):
    text = as_text(number)
    assert "E" not in text
    assert Decimal(text) == number


def test_a_pattern_is_looked_for_in_the_cell_as_it_was_written(monkeypatch):
    frame = pd.DataFrame({"level": [Decimal("0.0000001"), Decimal("0.5")]}, dtype=object)
    monkeypatch.setattr(plausibility, "_rows", lambda *_: frame)

    rule = SimpleNamespace(settings={"column": "level", "pattern": r"^0\.[0-9]+$", "rows": None})
    assert list(plausibility.lacks_text(None, rule)) == []
