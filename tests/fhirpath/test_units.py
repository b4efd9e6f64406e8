from __future__ import annotations

from decimal import Decimal

import pytest

from fhir_blina.fhirpath.units import bare, converter, known_unit


@pytest.mark.parametrize(
    ("number", "recorded", "wanted", "right"),
    [  # UCUM's own definitions; SI
        ("120", "g/L", "g/dL", "12"),
        ("1", "10*9/L", "10*3/uL", "1"),
        ("4.5", "10*3/uL", "/uL", "4500"),
        ("7", "%", "1", "0.07"),
        ("37", "Cel", "[degF]", "98.6"),
        ("98.6", "[degF]", "Cel", "37"),
        ("150", "[lb_av]", "kg", "68.0388555"),
        ("1", "mo", "d", "30.4375"),
        ("36", "h", "d", "1.5"),
        ("3", "mmol/mol", "%", "0.3"),
        ("2", "{cells}/uL", "/uL", "2"),
        ("5", "%{Hb}", "%", "5"),
        ("1", "[IU]/L", "[IU]/mL", "0.001"),
        ("12.50", "g/dL", "g/dL", "12.50"),
    ],
)
def test_numbers_are_converted_exactly(number, recorded, wanted, right):
    change = converter(recorded, wanted)
    assert change is not None
    assert change(Decimal(number)) == Decimal(right)


@pytest.mark.parametrize(
    ("recorded", "wanted"),
    [
        ("mmol/L", "mg/dL"),  # needs the molar mass
        ("ug/m2/d", "ug/d"),  # needs the body surface area
        ("U/L", "[IU]/L"),
        ("kkkcal", "kcal"),
        ("g/dl", "foo bar"),
    ],
)
def test_what_is_of_another_kind_or_no_unit_is_not_converted(recorded, wanted):
    assert converter(recorded, wanted) is None


def test_annotations_are_no_part_of_a_unit():
    assert [bare(text) for text in ("{score}", "{cells}/uL", "10*3{cells}/uL", "%")] == [
        "1",
        "1/uL",
        "10*3/uL",
        "%",
    ]
    assert known_unit("{score}")
    assert known_unit("m2")
    assert not known_unit("kkkcal")
