"""Counts of patients by category, held to pandas' ``crosstab`` and counts by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from fhir_blina.analysis.analysis import analyze
from fhir_blina.analysis.categories import MOST, describe_categories
from fhir_blina.endpoints import Facts, read_endpoints
from fhir_blina.errors import AnalysisError
from fhir_blina.views.tables import read_tables

TEXT = """
subjects: {table: patients, key: patient_id, label: patient_id}
measures: {sex: {table: patients, value: gender}}
groups: {sex: {measure: sex, labels: {female: women, male: men}}}
sets: {women: {table: patients, where: {gender: female}}}
categories:
  cancer: {table: conditions, where: {code: {prefix: C}}, value: code, show: code_display, by: sex}
  of_women: {table: conditions, value: code, among: women}
endpoints: {}
"""
ROWS = [
    ("p1", "C50", "Breast"),
    ("p1", "C50", "breast cancer"),
    ("p1", "C61", None),
    ("p2", "C50", "Breast"),
    ("p3", "C61", None),
    ("p4", "E11", None),
    ("p5", None, None),
    ("p9", "C50", None),
]


@pytest.fixture
def given(tmp_path):
    (tmp_path / "none").mkdir()
    tables = dict(read_tables(tmp_path / "none"))
    sexes = ["female", "female", "male", "male", "female"]
    rows = {
        "patients": [{"patient_id": f"p{n}", "gender": sex} for n, sex in enumerate(sexes, 1)],
        "conditions": [
            {"condition_id": f"c{n}", "patient_id": who, "code": code, "code_display": text}
            for n, (who, code, text) in enumerate(ROWS)
        ],
    }
    for name, made in rows.items():
        empty = tables[name]
        tables[name] = pd.DataFrame(made, columns=empty.columns).astype(empty.dtypes)
    path = tmp_path / "endpoints.yaml"
    path.write_text(TEXT)
    return tables, path


def test_each_value_with_its_patients(given):
    found = analyze(*given).find("cancer.category")
    assert [(one.group, one.events, one.n) for one in found] == [
        ("C50 Breast", 2, 3),
        ("C61", 2, 3),
        ("women: C50 Breast", 2, 2),
        ("women: C61", 1, 2),
        ("men: C50 Breast", 0, 1),
        ("men: C61", 1, 1),
    ]
    assert found[0].note == "2 of 5 without a value; who has several is in each"
    assert (round(found[0].ci_low, 4), round(found[0].ci_high, 4)) == (0.0943, 0.9916)  # R: binom.test(2, 3)


def test_among_a_set_and_as_pandas_counts(given):
    tables, path = given
    found = {one.group: one.events for one in analyze(tables, path).find("of_women.category")}
    joined = tables["conditions"].merge(tables["patients"], on="patient_id")
    theirs = joined[joined["gender"] == "female"].groupby("code")["patient_id"].nunique().to_dict()
    assert {value: count for value, count in found.items() if count} == theirs


def test_more_values_than_anybody_reads_are_an_error(given):
    tables, path = given
    frame = tables["conditions"]
    many = pd.concat([frame.iloc[:1]] * (MOST + 1)).assign(code=[f"C{n}" for n in range(MOST + 1)])
    facts = Facts(tables | {"conditions": many}, read_endpoints(path))
    with pytest.raises(AnalysisError, match=r'yaml:7: categories "cancer": 501 different values'):
        list(describe_categories(facts))


def test_a_column_or_name_that_is_not_there_is_an_error_with_its_line(given):
    tables, path = given
    path.write_text(
        TEXT.replace("show: code_display", "show: code_dislay").replace("among: women", "among: wmen")
    )
    with pytest.raises(AnalysisError, match=r'yaml:8: error: no set is named "wmen"'):
        read_endpoints(path)
    path.write_text(TEXT.replace("show: code_display", "show: code_dislay"))
    with pytest.raises(AnalysisError, match=r'yaml:7: table "conditions" has no column "code_dislay"'):
        analyze(tables, path)
