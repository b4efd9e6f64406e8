from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from fhir_blina.endpoints.dates import DateRule, as_number, offsets, zone_of


def day(text):
    return dt.date.fromisoformat(text).toordinal()


@pytest.mark.parametrize(
    ("text", "first", "middle", "last"),
    [
        ("2020", "2020-01-01", "2020-07-01", "2020-12-31"),
        ("2020-02", "2020-02-01", "2020-02-15", "2020-02-29"),
        ("2021-02", "2021-02-01", "2021-02-15", "2021-02-28"),
    ],
)
def test_a_partial_date_is_taken_by_rule(text, first, middle, last):
    rules = {"first": first, "middle": middle, "last": last}
    assert {rule: DateRule(rule).read(text).day for rule in rules} == {
        rule: day(right) for rule, right in rules.items()
    }
    refused = DateRule().read(text)
    assert (refused.day, refused.first, refused.last) == (None, day(first), day(last))


@pytest.mark.parametrize(
    ("zone", "right"),
    [
        ("as-written", "2020-01-02"),
        ("UTC", "2020-01-01"),
        ("+09:00", "2020-01-02"),
        ("America/New_York", "2020-01-01"),
    ],
)
def test_an_instant_is_a_day_of_the_zone_asked_for(zone, right):
    # 08:00 in Tokyo is 23:00 of the day before in Greenwich, 18:00 in New York
    assert DateRule(zone=zone).read("2020-01-02T08:00:00+09:00").day == day(right)
    assert DateRule(zone=zone).read("2020-01-02").day == day("2020-01-02")


@pytest.mark.parametrize("cell", ["yesterday", "2020-02-30", "12:30", "", "2020-13"])
def test_what_is_no_date_has_no_day(cell):
    assert DateRule().read(cell) is None


def test_study_days_stay_exact():
    assert DateRule().read(Decimal("10.3")).day - DateRule().read(10.0).day == Decimal("0.3")
    assert as_number(float("nan")) is None
    assert as_number(value := True) is None, value


def test_zones_are_checked_and_told_apart():
    with pytest.raises(ValueError, match="no zone"):
        zone_of("Europe/Berlinn")
    with pytest.raises(ValueError, match="no zone"):
        zone_of("+9")
    assert offsets(["2020-01-01T00:00:00Z", "2020-01-01T00:00:00+09:00", "2020-01-01", None]) == {0, 540}
