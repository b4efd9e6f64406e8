from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from fhir_blina.results.numbers import as_json, exact


@dataclass(frozen=True, kw_only=True)
class Part:
    reason: str
    n: int


@dataclass(frozen=True, kw_only=True)
class Whole:
    value: float | None
    seen: bool
    parts: tuple[Part, ...]


def test_numbers_are_exact_or_to_twelve_digits():
    assert exact(Decimal("14.00")) == Decimal("14.00")
    assert exact(0.1 + 0.2) == Decimal("0.3")
    assert exact(2) == 2


def test_a_record_becomes_json_with_its_parts_in_the_order_of_its_fields():
    made = as_json(Whole(value=0.1 + 0.2, seen=True, parts=(Part(reason="no row", n=2),)))
    assert made == {"value": Decimal("0.3"), "seen": True, "parts": [{"reason": "no row", "n": 2}]}
    assert list(made) == ["value", "seen", "parts"]


def test_a_whole_float_is_a_whole_number_and_what_is_no_number_is_nothing():
    assert (as_json(126.0), type(as_json(126.0))) == (126, int)
    assert str(as_json(Decimal("14.00"))) == "14.00"
    assert as_json(float("nan")) is None
    assert as_json(float("inf")) is None
    assert as_json(True) is True
