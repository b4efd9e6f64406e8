from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest

from fhir_blina.endpoints.elapsed import elapsed
from fhir_blina.endpoints.facts import Facts
from fhir_blina.endpoints.reading import read_endpoints
from fhir_blina.errors import AnalysisError


def day(text):
    return dt.date.fromisoformat(text).toordinal()


@pytest.mark.parametrize(
    ("begin", "end", "years", "months", "weeks"),
    [
        ("1955-03-05", "2020-03-04", 64, 779, 3391),  # the day before the 65th birthday
        ("1955-03-05", "2020-03-05", 65, 780, 3391),
        ("1956-02-29", "2021-02-28", 64, 779, 3391),  # born on a leap day
        ("1956-02-29", "2021-03-01", 65, 780, 3391),
        ("2020-01-31", "2020-02-29", 0, 0, 4),
        ("2020-01-31", "2020-03-01", 0, 1, 4),
    ],
)
def test_whole_years_months_and_weeks_of_the_calendar(begin, end, years, months, weeks):
    counted = [elapsed(day(begin), day(end), count) for count in ("years", "months", "weeks")]
    assert counted == [years, months, weeks]
    assert elapsed(day(begin), day(end), "days") == (pd.Timestamp(end) - pd.Timestamp(begin)).days


TEXT = """
subjects: {table: patients, key: patient_id, label: patient_id}
endpoints: {}
times:
  birth: {table: patients, day: birth_date}
  diagnosis: {table: conditions, day: onset_date}
measures:
  age: {from: birth, to: diagnosis, count: years}
  wait: {from: birth, to: diagnosis, count: days}
groups:
  age_group: {measure: age, cut: [18, 65], at_cut: above}
"""


def facts(tmp_path, patients, conditions, text=TEXT):
    path = tmp_path / "endpoints.yaml"
    path.write_text(text)
    tables = {
        "patients": pd.DataFrame(patients, columns=["patient_id", "birth_date"]),
        "conditions": pd.DataFrame(conditions, columns=["condition_id", "patient_id", "onset_date"]),
    }
    return Facts(tables, read_endpoints(path))


def test_an_age_groups_patients_and_whoever_lacks_a_day_is_said(tmp_path):
    patients = [
        ("p1", "2002-06-01"),  # 17 on the day, 18 a day later
        ("p2", "2002-05-31"),  # 18 on the day
        ("p3", "1955-06-01"),
        ("p4", "1955"),
        ("p5", None),
        ("p6", "2021-01-01"),  # born after it
        ("p7", "1980-01-01"),
    ]
    rows = [(f"c{n}", f"p{n}", "2020-05-31") for n in range(1, 7)]
    found = facts(tmp_path, patients, rows)
    assert found.measure("age")["value"].to_dict() == {"p1": 17, "p2": 18, "p3": 64}
    assert found.group("age_group").to_dict() == {
        "p1": "below 18",
        "p2": "18 to below 65",
        "p3": "18 to below 65",
    }
    assert found.unit("age") == "a"
    assert found.measured("age")["p2"] == (18, "Condition/c2")
    assert found.population("age").out == {
        "p4": 'day of "birth" is not a whole date',
        "p5": 'no day of "birth"',
        "p6": '"diagnosis" is before "birth"',
        "p7": 'no day of "diagnosis"',
    }
    assert found.measured("wait")["p6"][0] == -215  # days may be negative


def test_years_between_study_days_are_refused(tmp_path):
    found = facts(tmp_path, [("p1", 1)], [("c1", "p1", 400)])
    assert found.measured("wait")["p1"][0] == 399
    with pytest.raises(AnalysisError, match=r"yaml:8: measure \"age\" counts years, which needs dates"):
        found.measure("age")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{from: birth, to: diagnosis}", "missing count"),
        ("{from: birth, to: diagnosis, count: years, unit: a}", "has no unit"),
        ("{table: patients}", "missing value"),
        ("{from: brith, to: diagnosis, count: years}", 'no time is named "brith"'),
    ],
)
def test_half_a_measure_is_refused_with_its_line(tmp_path, entry, message):
    with pytest.raises(AnalysisError, match=rf"yaml:8: .*{message}"):
        facts(tmp_path, [], [], TEXT.replace("{from: birth, to: diagnosis, count: years}", entry))
