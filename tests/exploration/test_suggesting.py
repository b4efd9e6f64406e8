"""A starter runs through analysis and report, and its survival is that worked out by hand."""

from __future__ import annotations

import pytest

from fhir_blina.analysis.analysis import analyze
from fhir_blina.errors import AnalysisError
from fhir_blina.exploration import trial
from fhir_blina.exploration.suggesting import suggest_endpoints
from fhir_blina.report.report import write_report
from fhir_blina.views.tables import read_tables
from tests.exploration.test_exploring import write
from tests.foreign import FORMS

pytestmark = pytest.mark.long


def run(tables, tmp_path, **more):
    """The starter, and what it gives."""
    made = suggest_endpoints(tables, "theirs", **more)
    path = tmp_path / "starter.yaml"
    path.write_text(made.text, "utf-8")
    results = analyze(tables, path)
    write_report(tmp_path / "report", tables=tables, results=results, definitions=path)
    return made, results


@pytest.mark.parametrize("form", ["parts", "transactions"])
def test_a_starter_gives_the_survival_of_the_diagnosis_that_all_have(form, tmp_path):
    made, results = run(read_tables(FORMS[form](tmp_path / "theirs")), tmp_path)
    # of 90, 180 and 365 days: nobody, one of five dead on day 100; then 8/15 and 4/15
    curves = results.find("overall_survival.survival")
    found = {one.time_days: one.value for one in curves if one.group == "all"}
    assert found[90] == 1
    assert found[180] == pytest.approx(4 / 5)
    assert found[365] == pytest.approx(4 / 15)
    assert float(results.one("hemoglobin.median").value) == 11.3
    assert {one.group for one in curves} == {"all", "female", "male"}
    assert results.one("age.median").n == 5
    assert "254837009" in made.text
    assert any("5 of 5" in line for line in made.guessed)
    assert (tmp_path / "report" / "report.html").stat().st_size > 10_000


HERE = [{"reference": f"Patient/p{number}"} for number in range(4)]


def patients(**more):
    return [{"resourceType": "Patient", "id": f"p{number}", **more} for number in range(4)]


def condition(number, code, **more):
    return {
        "resourceType": "Condition",
        "id": f"c{number}-{code}",
        "subject": HERE[number],
        "code": {"coding": [{"system": "urn:local", "code": code, "display": 'A & B: "x" #1\n'}]},
        **more,
    }


def visit(number, day):
    return {
        "resourceType": "Encounter",
        "id": f"e{number}",
        "status": "finished",
        "class": {"code": "AMB"},
        "subject": HERE[number],
        "period": {"start": day},
    }


def test_the_day_of_a_diagnosis_is_taken_where_it_stands(tmp_path):
    """Onset, the begin of a period, the day of recording; partial days."""
    resources = [
        *patients(),
        condition(0, "x", onsetDateTime="2020-01-01"),
        condition(1, "x", onsetPeriod={"start": "2020-01-01"}),
        condition(2, "x", recordedDate="2020-01-01"),
        condition(3, "x", onsetDateTime="2020-01"),
        *(visit(number, "2020-02-01") for number in range(4)),
    ]
    made, results = run(read_tables(write(tmp_path / "days", *resources)), tmp_path)
    days = sorted(row.duration_days for row in results.derivation)
    assert days == [17, 31, 31, 31]  # 2020-01 is the 15th, and that is said
    assert any("middle" in line for line in made.guessed)


def test_without_diagnoses_survival_begins_at_the_first_contact(tmp_path):
    resources = [*patients(gender="male"), *(visit(number, "2020-02-01") for number in range(4))]
    made, results = run(read_tables(write(tmp_path / "contacts", *resources)), tmp_path)
    assert any("first contact" in line for line in made.guessed)
    assert any("No patient has a date of death" in line for line in made.guessed)
    assert [row.duration_days for row in results.derivation] == [0, 0, 0, 0]
    assert "compare" not in made.text  # one sex


def test_of_many_diseases_the_first_of_any_kind_counts_and_the_frequent_ones_are_named(tmp_path):
    resources = [
        *patients(),
        *(condition(number, f"x{number}", onsetDateTime="2020-01-01") for number in range(4)),
        *(visit(number, "2020-02-01") for number in range(4)),
    ]
    made, results = run(read_tables(write(tmp_path / "many", *resources)), tmp_path)
    assert len(results.derivation) == 4
    assert sum("1 of 4" in line for line in made.guessed) == 4
    hidden, _ = run(read_tables(tmp_path / "many"), tmp_path, suppress=3)
    assert "x1" not in hidden.text


def test_without_a_date_there_is_no_survival_and_the_file_runs(tmp_path):
    made, results = run(read_tables(write(tmp_path / "dateless", *patients(gender="female"))), tmp_path)
    assert "endpoints: {}" in made.text
    assert results.one("subjects.count").value == 4


def test_without_a_patient_there_is_nobody_to_count(tmp_path):
    one = {"resourceType": "Organization", "id": "o"}
    with pytest.raises(AnalysisError, match="nobody to count"):
        suggest_endpoints(read_tables(write(tmp_path / "nobody", one)))


def test_what_does_not_run_is_left_out_and_named(tmp_path, monkeypatch):
    """One value is at fault: it goes, the others stay."""
    seen = trial.analyze

    def picky(tables, definitions):
        if "hemoglobin" in definitions.measures:
            raise AnalysisError("hemoglobin cannot be worked out")
        return seen(tables, definitions)

    monkeypatch.setattr(trial, "analyze", picky)
    made = suggest_endpoints(read_tables(FORMS["plain"](tmp_path / "theirs")))
    assert "  hemoglobin:" not in made.text
    assert "  age:" in made.text
    assert "hemoglobin was left out: hemoglobin cannot be worked out" in made.guessed
