"""Courses of a measure, waterfalls of its change, and lanes of cohorts on calendar dates."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd
import pytest

from fhir_blina.analysis import analyze
from fhir_blina.errors import AnalysisError
from fhir_blina.report import write_report
from fhir_blina.statistics import mean_interval

ENDPOINTS = """
subjects: {table: followed, key: patient_id, label: patient_id}
sets:
  treated: {table: followed, where: {arm: a}}
  control: {table: followed, where: {arm: b}}
groups: {arm: {sets: {treated: Drug, control: Placebo}}}
measures:
  first: {table: measured, where: {code: score, timepoint: before}, value: value_quantity}
  second: {table: measured, where: {code: score, timepoint: after}, value: value_quantity}
times:
  entry: {table: followed, day: entry}
  stop: {table: followed, day: stop}
  death: {table: followed, where: {dead: true}, day: stop}
endpoints: {survival: {title: Survival, start: entry, events: [death], censor: stop}}
"""
LAYOUT = """
group: arm
sections:
  - title: Courses
    blocks:
      - {kind: spaghetti, caption: Scores, table: measured, where: {code: score}, time: entry, day: day, axis: Score, every_days: 30}
      - {kind: waterfall, caption: Change of the score, from: {measure: first}, to: {measure: second}, lines: [-50]}
      - kind: swimmer
        caption: Lanes
        endpoint: survival
        treatment: {table: given, start: begin, end: end, show: "{dose}"}
        marks: [{label: died, shape: cross, ends_with: death}]
"""


def written(folder, count: int) -> str:
    """A report of so many patients who entered on 3 March 1970, the first scoring 10 then 5, the next 11 then 16 …

    Every second one is of the second arm; a patient's second score, on day 60, is 5 less or 5 more in turn.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "endpoints.yaml").write_text(ENDPOINTS, "utf-8")
    (folder / "report.yaml").write_text(LAYOUT, "utf-8")
    keys = [f"p{n:02}" for n in range(count)]
    followed = pd.DataFrame(
        {
            "patient_id": keys,
            "arm": ["ab"[n % 2] for n in range(count)],
            "entry": "1970-03-03",
            "stop": "1970-06-01",  # 90 days on
            "dead": [n % 2 == 0 for n in range(count)],
        }
    )
    rows: list[dict[str, Any]] = []
    for n, key in enumerate(keys):
        base = {"patient_id": key, "code": "score"}
        rows.append({**base, "timepoint": "before", "day": "1970-03-03", "value_quantity": 10 + n})
        later = 10 + n + (5 if n % 2 else -5)
        rows.append({**base, "timepoint": "after", "day": "1970-05-02", "value_quantity": later})
    measured = pd.DataFrame(rows)
    measured["observation_id"] = [f"o{n}" for n in range(len(measured))]
    given = pd.DataFrame({"patient_id": keys, "begin": "1970-03-04", "end": "1970-03-17", "dose": "5 mg"})
    given["administration_id"] = [f"g{n}" for n in range(count)]
    tables = {"followed": followed, "measured": measured, "given": given}
    tables = {name: frame.astype(object) for name, frame in tables.items()}
    results = analyze(tables, folder / "endpoints.yaml")
    path = write_report(folder / "out", tables=tables, results=results, definitions=folder / "endpoints.yaml")
    return path.read_text("utf-8")


def rows_of(html: str, caption: str) -> list[list[str]]:
    table = next(t for t in re.findall(r"<table.*?</table>", html, re.DOTALL) if caption in t)
    cells = [
        re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row, re.DOTALL)
        for row in re.findall(r"<tr.*?</tr>", table, re.DOTALL)
    ]
    return [[" ".join(re.sub(r"<[^>]+>", "", cell).split()) for cell in row] for row in cells]


@pytest.fixture(scope="module")
def few(tmp_path_factory) -> str:
    return written(tmp_path_factory.mktemp("few"), 4)


@pytest.fixture(scope="module")
def many(tmp_path_factory) -> str:
    return written(tmp_path_factory.mktemp("many"), 40)


def test_few_patients_have_a_line_each_in_days_since_the_start(few):
    found = dict(rows_of(few, "The same values as a table")[1:])
    assert found["p00"] == "day 0: 10; day 60: 5"
    assert found["p01"] == "day 0: 11; day 60: 16"
    assert "One line for each of 4 patients." in few
    assert "Days since entry" in few


def test_a_waterfall_goes_from_the_greatest_rise_to_the_greatest_fall(few):
    """+5 of 11 and 13, -5 of 10 and 12."""
    assert rows_of(few, "The same changes as a table")[1:] == [
        ["p01", "45.5 %"],
        ["p03", "38.5 %"],
        ["p02", "−41.7 %"],
        ["p00", "−50.0 %"],
    ]


def test_lanes_of_calendar_dates_begin_at_the_start_and_say_dates(few):
    assert "p00: 1970-06-01, died" in few
    assert re.findall(r"719\d{3}", re.sub(r"<[^>]+>", " ", few)) == []  # days of 1970, counted from year 1
    (row,) = (row for row in rows_of(few, "Days of every event in the figure") if row[0] == "p00")
    assert row[2] == "days 1–14: 5 mg"
    assert "one dose throughout" in few
    assert "first dose step" not in few
    assert row[3] == "day 90"


def test_many_patients_have_means_with_intervals(many):
    """The first arm has 10, 12 … 48: mean 29, standard deviation 11.832, t of 19 is 2.093: 23.46 to 34.54."""
    rows = rows_of(many, "Means by group and time")
    assert rows[1] == ["Drug", "0", "20", "29", "23.46 to 34.54"]
    assert rows[2] == ["Drug", "60", "20", "24", "18.46 to 29.54"]
    assert rows[3][:4] == ["Placebo", "0", "20", "30"]


def test_many_patients_are_a_stated_sample_without_labels(many):
    assert "30 of 40 patients, evenly spaced by change" in many
    assert re.findall(r"\bp\d\d\b", many) == []
    rows = rows_of(many, "Patients by their change")
    assert rows[0] == ["Change", "All", "Drug", "Placebo"]
    assert rows[1] == ["0 % or less", "20/40", "20/20", "0/20"]
    assert rows[2] == ["−50 % or less", "1/40", "1/20", "0/20"]  # 10 to 5 alone


def test_a_measure_that_does_not_exist_is_refused(tmp_path):
    from fhir_blina.endpoints import read_endpoints
    from fhir_blina.report import read_layout

    (tmp_path / "endpoints.yaml").write_text(ENDPOINTS, "utf-8")
    path = tmp_path / "report.yaml"
    path.write_text(
        LAYOUT.replace("measure: second", "measure: secnd").replace("time: entry", "time: entri"), "utf-8"
    )
    with pytest.raises(AnalysisError) as caught:
        read_layout(path, read_endpoints(tmp_path))
    assert 'no measure is named "secnd". Did you mean "second"' in str(caught.value)
    assert 'no time is named "entri". Did you mean "entry"' in str(caught.value)


def test_the_interval_of_a_mean_is_that_of_student():
    """Mean 4, standard deviation 3.5355, n 5, t of 4 is 2.776445: 4 - 4.389945 to 4 + 4.389945."""
    mean, low, high = mean_interval([1, 2, 3, 4, 10])
    assert (mean, low, high) == pytest.approx((4, -0.389945, 8.389945), abs=2e-6)
    assert mean_interval([7.0]) == (7.0, None, None)
