from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import pandas as pd

from fhir_blina.exports.tidy import LISTS, framed, tidy, typed
from fhir_blina.results.entries import PopulationCount, ReasonCount
from fhir_blina.results.records import RECORD_FIELDS, Results


def test_each_list_of_the_results_is_a_frame_with_a_column_for_each_field(published_results):
    frames = tidy(published_results)
    assert list(frames) == list(published_results.as_dict()) == list(LISTS)
    assert list(frames["records"].columns) == list(RECORD_FIELDS)
    assert {name: len(frame) for name, frame in frames.items()} == {
        name: len(rows) for name, rows in published_results.as_dict().items()
    }


def test_a_frame_holds_the_numbers_exactly(published_results):
    records = tidy(published_results)["records"]
    (median,) = records[(records["name"] == "mrd_before.median") & (records["group"] == "all")]["value"]
    assert (median, type(median)) == (Decimal("15.505"), Decimal)  # paper: 15.50


def test_reasons_are_one_text():
    one = PopulationCount(
        kind="endpoint",
        name="os",
        of=5,
        n=2,
        out=(ReasonCount(reason="no row", n=2), ReasonCount(reason='no day of "seen"', n=1)),
    )
    (text,) = tidy(Results(populations=(one,)))["populations"]["out"]
    assert text == 'no row: 2; no day of "seen": 1'


@dataclass(frozen=True, kw_only=True)
class Kinds:
    text: str
    maybe: str | None
    count: int | None
    number: float | int | Decimal | None
    seen: bool


def test_columns_have_the_types_of_their_fields_also_where_there_is_no_row():
    expected = {"text": "string", "maybe": "string", "count": "Int64", "number": "Float64", "seen": "boolean"}
    row = Kinds(text="", maybe=None, count=None, number=Decimal("0.1"), seen=True)
    for rows in ((), (row,)):
        frame = typed(framed(rows, Kinds), Kinds)
        assert {name: str(kind) for name, kind in frame.dtypes.items()} == expected
    assert frame["text"].isna().all()
    assert list(frame["number"]) == [0.1]
    assert frame["count"].iloc[0] is pd.NA
