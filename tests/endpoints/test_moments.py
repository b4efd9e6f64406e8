"""Times that are quantities: days whatever unit they were recorded in, and nobody counted in a unit that is none."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fhir_blina.endpoints.facts import Facts
from fhir_blina.endpoints.reading import read_endpoints

TIME = "times:\n  contact: {table: observations, where: {code: seen}, day: value_quantity}\n"


def seen(made, *units):
    rows = [
        {"observation_id": f"o{n}", "patient_id": f"p{n}", "code": "seen", "value_quantity": Decimal(12), "value_unit": unit}
        for n, unit in enumerate(units, 1)
    ]  # fmt: skip
    tables, path = made(TIME, [{}] * len(units), observations=rows)
    return Facts(tables, read_endpoints(path))


# UCUM: a week has 7 days, a month 30.4375, a year 365.25.
@pytest.mark.parametrize(
    ("unit", "days"),
    [("d", "12"), ("days", "12"), ("wk", "84"), ("mo", "365.25"), ("a", "4383"), ("h", "0.5"), (None, "12")],
)
def test_a_time_in_another_unit_is_so_many_days(unit, days, made):
    ((day, _),) = seen(made, unit).timed("contact").values()
    assert day == Decimal(days)


def test_a_time_in_a_unit_that_is_no_time_counts_nobody(made):
    facts = seen(made, "mo", "kg")
    assert list(facts.timed("contact")) == ["p1"]
    assert facts.no_day("contact")["p2"][0] == "recorded in kg, which cannot be converted to d"
