"""Every form of a day that FHIR has, as a start, an event, or the order of rows."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal

import pytest

from fhir_blina.analysis.analysis import analyze
from fhir_blina.endpoints.choices import _at_age, forms_of
from fhir_blina.endpoints.dates import DateRule
from fhir_blina.endpoints.elapsed import elapsed
from fhir_blina.endpoints.facts import Facts
from fhir_blina.endpoints.reading import read_endpoints
from fhir_blina.errors import AnalysisError


def date(number):
    return dt.date.fromordinal(int(number)).isoformat()


def condition(who, **more):
    return {"condition_id": f"c{who}", "patient_id": f"p{who}"} | more


ONSETS = [
    condition(1, onset_date="2020-01-05", onset_start_date="2020-02-02"),
    condition(2, onset_start_date="2020-01-06", onset_end_date="2020-03-01"),
    condition(3, onset_age=Decimal(60), onset_age_unit="a"),
    condition(4, onset_end_date="2020-01-08"),
    condition(5, onset_text="in his youth"),
    condition(6, recorded_date="2020-01-10"),
    condition(7),
]
BORN = [{"birth_date": "1960-05-01"}] * 8


def facts(made, day, dates="", patients=BORN, rows=ONSETS):
    tables, path = made(
        f"{dates}\ntimes:\n  t: {{table: conditions, day: {day}}}\n", patients, conditions=rows
    )
    return Facts(tables, read_endpoints(path))


def days(found):
    return {who: date(day) for who, (day, _) in found.days("t").items()}


def rules(found):
    found.days("t")
    return {one.rule: one.printed for one in found.account.remarks.values()}


def test_every_form_of_an_onset_is_a_day(made):
    found = facts(made, '"onset[x]"', "dates: {partial: first}")
    assert days(found) == {"p1": "2020-01-05", "p2": "2020-01-06", "p3": "2020-05-01"}
    assert {who: reason for who, (reason, _) in found.no_day("t").items()} == dict.fromkeys(
        ("p4", "p5", "p6", "p7"), '"t" without a day'
    )
    said = rules(found)
    assert said["days-from-several-columns"] == "1 row onset_date, 1 row onset_start_date, 1 row onset_age"
    assert said["day-in-another-form"] == "1 row onset_end_date, 1 row onset_text"


@pytest.mark.parametrize(
    ("dates", "wanted"),
    [("", None), ("dates: {partial: middle}", "2020-10-30"), ("dates: {partial: last}", "2021-04-30")],
)
def test_an_age_is_a_partial_date(made, dates, wanted):
    found = facts(made, '"onset[x]"', dates)
    assert days(found).get("p3") == wanted
    if not dates:
        assert found.no_day("t")["p3"] == ('day of "t" is not a whole date', "Condition/c3")
        assert rules(found)["partial-date"] == "1 patient with a year or a month"


def test_of_a_list_the_first_that_is_filled(made):
    found = facts(made, '["onset[x]", recorded_date]', "dates: {partial: first}")
    assert days(found)["p6"] == "2020-01-10"
    found = facts(made, "[recorded_date, onset_end_date]")
    assert days(found) == {"p2": "2020-03-01", "p4": "2020-01-08", "p6": "2020-01-10"}


def test_a_column_alone_says_what_it_leaves_out(made):
    found = facts(made, "onset_date")
    assert days(found) == {"p1": "2020-01-05"}
    printed = rules(found)["day-in-another-form"]
    assert printed == "1 row onset_start_date, 1 row onset_age, 2 rows onset_end_date, 1 row onset_text"
    (remark,) = (one for one in found.account.remarks.values() if one.rule == "day-in-another-form")
    assert remark.follows.startswith('"onset[x]" in the place of onset_date')


def test_an_age_without_a_date_of_birth_or_a_unit_is_no_day(made):
    rows = [
        condition(1, onset_age=Decimal(60), onset_age_unit="a"),
        condition(2, onset_age=Decimal(60)),
        condition(3, onset_age=Decimal(-1), onset_age_unit="a"),
    ]
    found = facts(made, '"onset[x]"', "dates: {partial: first}", [{}, *BORN[:2]], rows)
    assert days(found) == {}
    assert set(found.no_day("t")) == {"p1", "p2", "p3"}


def test_an_age_holds_exactly_the_days_on_which_somebody_has_it():
    """The second way: whoever is asked their age on each of those days says it, and not the day before."""
    rng = random.Random(4)
    for _ in range(300):
        birth = dt.date(1920, 1, 1) + dt.timedelta(rng.randrange(36000))
        unit, count = rng.choice([("a", "years"), ("mo", "months"), ("wk", "weeks"), ("d", "days")])
        age = rng.randrange(95)
        day = _at_age(birth.isoformat(), age, unit, DateRule())
        found = [
            elapsed(birth.toordinal(), one, count)
            for one in (day.first - 1, day.first, day.last, day.last + 1)
        ]
        assert found == [age - 1, age, age, age + 1], (birth, unit, age)


def test_a_birth_of_which_only_the_year_is_known():
    day = _at_age("1960", 50, "a", DateRule("first"))
    assert (date(day.first), date(day.last), date(day.day)) == ("2010-01-01", "2011-12-30", "2010-01-01")


@pytest.mark.parametrize(
    ("name", "columns", "wanted"),
    [
        (
            "onset[x]",
            ["onset_age", "onset_start_date", "onset_date"],
            ["onset_date", "onset_start_date", "onset_age"],
        ),
        ("effective[x]", ["effective_date", "start_date"], ["effective_date", "start_date"]),
        (
            "effective[x]",
            ["effective_date", "effective_start_date", "start_date"],
            ["effective_date", "effective_start_date"],
        ),
        ("onset[x] or recorded_date", ["onset_age", "recorded_date"], ["recorded_date", "onset_age"]),
        ("onset[x] or recorded_date", ["onset_date"], []),
        ("onset[x]", ["recorded_date"], []),
    ],
)
def test_the_columns_that_a_name_stands_for(name, columns, wanted):
    assert forms_of(name, columns) == wanted


def test_each_shared_view_with_a_choice_is_answered(made, empty):
    for table, element in {
        "procedures": "performed",
        "observations": "effective",
        "components": "effective",
        "specimens": "collected",
        "administrations": "effective",
        "medication_statements": "effective",
        "diagnostic_reports": "effective",
        "immunizations": "occurrence",
        "service_requests": "occurrence",
        "allergies": "onset",
        "conditions": "abatement",
        "patients": "deceased",
    }.items():
        assert forms_of(f"{element}[x]", empty[table].columns), table


def test_windows_and_picks_order_rows_by_whatever_form_they_have(made):
    rows = [
        {"observation_id": "o1", "patient_id": "p1", "value_integer": 1, "effective_date": "2020-01-03"},
        {
            "observation_id": "o2",
            "patient_id": "p1",
            "value_integer": 2,
            "effective_start_date": "2020-01-05",
        },
        {
            "observation_id": "o3",
            "patient_id": "p1",
            "value_integer": 3,
            "effective_instant": "2020-01-01T10:00:00Z",
        },
    ]
    text = """
measures:
  first: {table: observations, value: value_integer, pick: first}
  last: {table: observations, value: value_integer, pick: last}
  named: {table: observations, value: value_integer, pick: last, by: "effective[x]"}
  literal: {table: observations, value: value_integer, pick: last, by: effective_date}
"""
    tables, path = made(text, [{}], observations=rows)
    found = Facts(tables, read_endpoints(path))
    values = {name: found.measured(name)["p1"][0] for name in ("first", "last", "named", "literal")}
    assert values == {"first": 3, "last": 2, "named": 2, "literal": 1}


def test_conditions_look_at_every_form(made):
    text = """
dates: {partial: middle}
sets:
  early: {table: conditions, where: {"onset[x]": {max: "2020-01-05"}}}
"""
    tables, path = made(text, BORN[:3], conditions=ONSETS[:3])
    assert Facts(tables, read_endpoints(path)).truth("early").tolist() == [1, 0, 0]


def test_survival_from_an_onset_of_any_form(made):
    """Days worked out by hand: death on 2020-07-01, three forms of onset, one onset in words."""
    text = """
dates: {partial: first}
times:
  onset: {table: conditions, day: "onset[x]"}
  death: {table: patients, day: "deceased[x]"}
endpoints: {os: {title: Survival, start: onset, events: [death], censor: death}}
"""
    people = [{"birth_date": "1960-05-01", "deceased_date": "2020-07-01", "deceased": True}] * 5
    tables, path = made(text, people, conditions=ONSETS[:5])
    results = analyze(tables, path)
    assert {one.patient_id: one.duration_days for one in results.derivation} == {
        "p1": 178,
        "p2": 177,
        "p3": 61,
    }
    assert {one.patient_id for one in results.left_out if one.kind == "endpoint"} == {"p4", "p5"}
    # who is dead has a date of death: none of them has a row without a day beside
    assert "rows-without-day" not in {one.rule for one in results.findings}


def test_a_name_that_stands_for_nothing_is_an_error_with_its_line(made):
    for day, message in (
        ('"onsett[x]"', r'yaml:7: table "conditions" has no column "onsett\[x\]"'),
        ("[onset_date, recordd_date]", r'has no column "recordd_date". Did you mean "recorded_date"'),
    ):
        with pytest.raises(AnalysisError, match=message):
            facts(made, day).check()
