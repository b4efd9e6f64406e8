"""Tables of a manuscript, against the numbers that the paper prints and those of R."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from fhir_blina.analysis.analysis import analyze
from fhir_blina.endpoints.facts import Facts
from fhir_blina.endpoints.reading import read_endpoints
from fhir_blina.exports.sheets import first_table, survival_tables

PUBLISHED = Path(__file__).parents[2] / "mappings/cohorts/cjcp2023"


@pytest.fixture(scope="module")
def facts(published_tables):
    return Facts(published_tables, read_endpoints(PUBLISHED))


def test_the_first_table_has_the_numbers_of_the_paper(facts, published_results):
    sheet = first_table(facts, published_results)
    rows = {row[0]: row[1:] for row in sheet.rows}
    assert sheet.head[1:] == ("All (n = 6)", "Complete remission (n = 3)", "No remission (n = 3)")
    assert rows["Age at enrolment, median (range), years"][0] == "10.5 (5–13)"
    assert rows["Male"] == ("3 (50)", "0 (0)", "3 (100)")
    assert rows["Blasts in marrow, median (range), %"][0] == "12.5 (0–95)"
    assert "Counts are n (%)." in sheet.notes


def test_survival_at_each_day_is_that_of_r(facts, published_results):
    (sheet,) = (
        one for one in survival_tables(facts, published_results) if one.name == "survival_overall_survival"
    )
    # R: survfit(Surv(t, d) ~ 1, conf.type = "log-log"); the curve of the paper: 41.7 % from day 126 on
    assert sheet.rows[1] == ("All", "60", "4", "1", "83.3 %", "27.3 to 97.5 %")
    assert sheet.rows[4] == ("All", "126", "3", "3", "41.7 %", "5.6 to 76.7 %")
    assert ("CR", "126", "3", "1", "66.7 %", "5.4 to 94.5 %") in sheet.rows
    assert ("NR", "100", "0", "2", "0.0 %", "") in sheet.rows
    assert "CR v NR: log-rank, 1 degree of freedom, P = 0.059." in sheet.notes
    assert "Median: 126 days (95 % CI 32 days to not reached, log-log)." in sheet.notes
    medians = [note.partition(":")[0] for note in sheet.notes if note.startswith("Median")]
    assert medians == ["Median", "Median, CR", "Median, NR"]


def test_every_endpoint_has_a_table(facts, published_results):
    names = [sheet.name for sheet in survival_tables(facts, published_results)]
    assert names == [f"survival_{name}" for name in facts.endpoints.endpoints]


def test_an_endpoint_with_competing_events_shows_incidence_not_survival(facts, published_results):
    sheets = {sheet.name: sheet for sheet in survival_tables(facts, published_results)}
    sheet = sheets["survival_duration_of_remission"]
    assert sheet.head[4] == "Cumulative incidence"
    assert {row[0] for row in sheet.rows} >= {"relapse", "death"}


def test_numbers_at_risk_of_an_incidence_are_those_of_its_group(tmp_path):
    path = tmp_path / "endpoints.yaml"
    path.write_text(
        """
subjects: {table: people, key: patient_id, label: study_subject}
sets: {old: {table: people, where: {old: true}}, young: {none_of: [old]}}
groups: {age: {sets: {old: old, young: young}}}
times:
  begin: {table: people, day: begin}
  relapse: {table: people, day: relapse}
  death: {table: people, day: death}
  seen: {table: people, day: seen}
endpoints:
  relapsed:
    title: relapse
    start: begin
    events: [relapse]
    competing: [death]
    censor: seen
    compare: [age]
    survival_at_days: [12]
"""
    )
    days = [
        (0, 10, None, 10, True),
        (0, None, 15, 15, True),
        (0, 12, None, 12, False),
        (0, None, None, 30, False),
    ]
    frame = pd.DataFrame(days, columns=["begin", "relapse", "death", "seen", "old"], dtype=object)
    frame.insert(0, "patient_id", list("abcd"))
    frame.insert(1, "study_subject", list("ABCD"))
    facts = Facts({"people": frame}, read_endpoints(path))
    (sheet,) = survival_tables(facts, analyze(facts.tables, facts.endpoints))
    risk = {row[0]: row[2] for row in sheet.rows if row[1] == "12"}
    assert risk == {  # a leaves on day 10; of the old b is left, of the young both
        "relapse": "3", "death": "3", "old: relapse": "1", "old: death": "1", "young: relapse": "2", "young: death": "2"
    }  # fmt: skip
    assert {row[0]: row[4] for row in sheet.rows if row[1] == "12"}["relapse"] == "50.0 %"
