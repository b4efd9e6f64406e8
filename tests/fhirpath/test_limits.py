"""What an expression may take: no short text makes a long run or a large memory."""

from __future__ import annotations

import time
import tracemalloc
from decimal import Decimal

import pytest

from fhir_blina.errors import ExpressionError
from fhir_blina.fhirpath import allowed, compile_expression, limits
from fhir_blina.r4 import R4

DATA = {
    "a": "a" * 40,
    "n": 7,
    "d": Decimal("123456789012345678901234567890123456.55"),
    "l": ["x"] * 200,
    "many": [f"{number}" for number in range(20_000)],
}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a" + ".select($this & $this)" * 50, "items and characters"),
        ("a" + ".select($this + $this)" * 50, "items and characters"),
        ("a" + ".replace('', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa')" * 12, "items and characters"),
        (
            "a" + ".replaceMatches('', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa')" * 12,
            "items and characters",
        ),
        ("l" + ".select($this.combine($this))" * 40, "items and characters"),
        (
            "l.select(%context.l.select(%context.l.select(%context.l.select(%context.l))))",
            "items and characters",
        ),
        (
            "l.join(%context.a.replace('', %context.a))" + ".replace('', %context.l.join('a'))" * 9,
            "items and",
        ),
        ("n" + ".select($this * $this)" * 50, "digits"),
        ("d" + ".select($this * $this)" * 60 + " div 1", "out of range"),
        ("d.lowBoundary()", "out of range"),
    ],
)
def test_what_grows_without_end_is_stopped(text, why, monkeypatch):
    monkeypatch.setattr(limits, "ROOM", 300_000)
    expression = compile_expression(text, R4)
    tracemalloc.start()
    try:
        with pytest.raises(ExpressionError, match=why) as caught:
            expression.evaluate(DATA, constants={"context": DATA})
        assert tracemalloc.get_traced_memory()[1] < 64 * 2**20
    finally:
        tracemalloc.stop()
    assert "1234567890" not in str(caught.value)


def test_time_has_an_end_where_nothing_is_made(monkeypatch):
    monkeypatch.setattr(limits, "ROOM", 10**12)
    nested = "%context.l.all(" * 9 + "true" + ")" * 9
    began = time.monotonic()
    with allowed(0.2), pytest.raises(ExpressionError, match="takes longer than it may"):
        compile_expression(nested, R4).evaluate(DATA, constants={"context": DATA})
    with allowed(0.2), pytest.raises(ExpressionError, match="takes longer than it may"):
        compile_expression("many.distinct().count()", R4).evaluate(DATA)
    assert time.monotonic() - began < 20


def test_an_inner_allowance_is_part_of_the_outer_one(monkeypatch):
    monkeypatch.setattr(limits, "ROOM", 1000)
    expression = compile_expression("l.select($this)", R4)
    assert len(expression.evaluate(DATA)) == 200
    with allowed(60), pytest.raises(ExpressionError, match="more than 1,000 items"):
        [expression.evaluate(DATA) for _ in range(10)]
    assert len(expression.evaluate(DATA)) == 200


def test_long_digits_are_no_number():
    row = {"whole": "9" * 5000, "part": f"1.{'9' * 5000}", "short": "12"}
    assert compile_expression("whole.toInteger()", R4).evaluate(row) == []
    assert compile_expression("part.toDecimal()", R4).evaluate(row) == []
    assert compile_expression("short.toInteger()", R4).evaluate(row) == [12]
