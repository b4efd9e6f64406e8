"""Tables to be shared: plain without a threshold, safe with one."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd
import pytest

from fhir_blina.cli import main
from fhir_blina.endpoints import read_endpoints
from fhir_blina.errors import AnalysisError
from fhir_blina.sharing import shared_tables

ENDPOINTS = """\
subjects: {table: patients, key: patient_id, label: study_subject}
sets:
  old: {table: observations, where: {code: old}}
  dead: {table: observations, where: {code: dead}}
  women: {table: patients, where: {gender: female}}
  men: {none_of: [women]}
groups:
  sex: {sets: {women: female, men: male}}
times:
  begin: {table: observations, where: {code: begin}, day: study_day}
  death: {table: observations, where: {code: dead}, day: study_day}
  seen: {table: observations, where: {code: seen}, day: study_day}
endpoints:
  survival: {title: death, start: begin, events: [death], censor: seen, compare: [sex]}
"""


@pytest.fixture
def given(tmp_path):
    """Sixty patients: 30 women, 12 old of whom 3 are men, 24 dead on days 1 to 24."""
    patients = [(f"p{n}", f"P{n}", "female" if n < 30 else "male") for n in range(60)]
    rows = []
    for n in range(60):
        rows += [(f"p{n}", "begin", 0), (f"p{n}", "seen", 100)]
        rows += [(f"p{n}", "old", 0)] if n < 9 or n >= 57 else []
        rows += [(f"p{n}", "dead", n // 2 + 1)] if n % 2 == 0 and n < 48 else []
    tables = {
        "patients": pd.DataFrame(patients, columns=["patient_id", "study_subject", "gender"]),
        "observations": pd.DataFrame(rows, columns=["patient_id", "code", "study_day"]).assign(
            observation_id=range(len(rows))
        ),
    }
    path = tmp_path / "endpoints.yaml"
    path.write_text(ENDPOINTS)
    return tables, read_endpoints(path)


def counts_of(made) -> dict[tuple[str, str], tuple[str, str]]:
    return {(row.property, row.group): (row.patients, row.others) for row in made["counts"].itertuples()}


def test_without_a_threshold_every_count_is_there(given):
    counts = counts_of(shared_tables(*given))
    assert counts["patients", "all"] == ("60", "")
    assert counts["old", "all"] == ("12", "48")
    assert counts["old", "sex: male"] == ("3", "27")
    assert counts["dead", "sex: female"] == ("15", "15")
    assert counts["survival: event", "all"] == ("24", "36")


def test_with_one_no_small_count_is_there_or_follows(given):
    counts = counts_of(shared_tables(*given, threshold=11))
    assert counts["old", "sex: male"][0] == counts["old", "sex: female"][0] == "hidden"
    assert counts["patients", "all"] == ("60", "")
    assert counts["dead", "all"] == ("24", "36")
    numbers = [int(cell) for pair in counts.values() for cell in pair if cell.isdecimal()]
    assert all(number == 0 or number >= 11 for number in numbers)


def test_steps_of_survival(given):
    plain = shared_tables(*given)["survival"]
    assert plain["events"].sum() == 24
    assert len(plain) == 25
    wide = shared_tables(*given, threshold=11)["survival"]
    rows = wide[["after_days", "until_days", "at_risk", "events", "censored"]].to_numpy().tolist()
    assert rows == [[0, 11, 60, 11, 0], [11, 24, 49, 13, 0], [24, 100, 36, 0, 36]]


def test_an_unknown_endpoint_is_said(given):
    with pytest.raises(AnalysisError, match='Did you mean "survival"'):
        shared_tables(*given, endpoint="survivel")


def test_six_patients_leave_nothing_but_zeros(tmp_path):
    out = tmp_path / "out"
    assert main(["map", "cjcp2023", "--out", str(out), "--quiet"]) == 0
    assert main(["share", "cjcp2023", "--out", str(out), "--suppress", "--quiet"]) == 0
    with Path(out / "shared" / "counts.csv").open(newline="") as file:
        cells = {row[name] for row in csv.DictReader(file) for name in ("patients", "others")}
    assert cells <= {"hidden", "0", ""}
    assert (out / "shared" / "survival.csv").read_text().count("\n") == 1
