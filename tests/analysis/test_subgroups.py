"""Hazard ratios of two groups, by method and in subgroups, with tests of interaction: R's values on lung."""

from __future__ import annotations

import pandas as pd
import pytest

from fhir_blina.analysis import analyze
from fhir_blina.errors import AnalysisError
from tests.r_values import r_values

DEFINITIONS = """
subjects: {table: followed, key: patient_id, label: patient_id}
measures:
  age: {table: followed, value: age}
  ecog: {table: followed, value: ecog}
sets:
  men: {table: followed, where: {sex: 1}}
  women: {table: followed, where: {sex: 2}}
groups:
  sex: {sets: {men: male, women: female}}
  performance: {measure: ecog, cut: [1, 2], at_cut: above, labels: [good, fair, poor]}
  age: {measure: age, cut: [65], at_cut: above, labels: [young, old]}
times:
  start: {table: followed, day: zero}
  stop: {table: followed, day: day}
  death: {table: followed, where: {dead: 1}, day: day}
endpoints:
  survival:
    title: Survival
    start: start
    events: [death]
    censor: stop
    compare: [sex]
    subgroups: [performance, age]
"""
R = r_values()


def near(values):
    return [pytest.approx(value, rel=1e-7) for value in values]


def lung_tables(rows=None):
    """The lung data as a table of patients."""
    from lifelines.datasets import load_lung

    lung = load_lung().head(rows) if rows else load_lung()
    frame = pd.DataFrame(
        {
            "patient_id": [f"p{n:03}" for n in range(len(lung))],
            "zero": 0,
            "day": lung["time"],
            "dead": lung["status"].astype(int),
            "age": lung["age"],
            "sex": lung["sex"],
            "ecog": lung["ph.ecog"],
        }
    ).astype(object)
    return {"followed": frame.where(frame.notna(), None)}


def results(folder, definitions=DEFINITIONS, rows=None):
    (folder / "endpoints.yaml").write_text(definitions, "utf-8")
    return analyze(lung_tables(rows), folder / "endpoints.yaml")


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return results(tmp_path_factory.mktemp("lung"))


@pytest.mark.parametrize(
    ("by", "labels", "key"),
    [("performance", ("good", "fair", "poor"), "limited"), ("age", ("young", "old"), "old")],
)
def test_the_ratio_in_each_subgroup_is_that_of_coxph(found, by, labels, key):
    for place, label in enumerate(labels):
        record = found.one(f"survival.subgroup_{by}_hazard_ratio", f"female v male in {label}")
        *ends, n, events = R[f"lung sex in {key} {place}"]
        assert [record.value, record.ci_low, record.ci_high] == near(ends)
        assert (record.n, record.events) == (n, events)
        assert record.p_value is None


@pytest.mark.parametrize(("by", "key"), [("performance", "limited"), ("age", "old")])
def test_the_interaction_is_tested_as_r_does(found, by, key):
    (record,) = found.find(f"survival.subgroup_{by}_interaction")
    chi2, df, p = R[f"lung interaction {key}"]
    assert [record.value, record.p_value] == near([chi2, p])
    assert f"{df:g} degree" in record.test
    assert record.n == (227 if by == "performance" else 228)
    assert ("227 of 228" in record.note) == (by == "performance")


def test_how_many_tests_there_are_is_said(found):
    p = [
        found.one(f"survival.subgroup_{by}_interaction", "female v male").p_value
        for by in ("performance", "age")
    ]
    low, high = sorted(p)
    notes = " ".join(
        found.one(f"survival.subgroup_{by}_interaction", "female v male").note
        for by in ("performance", "age")
    )
    assert f"Holm's P {min(2 * low, 1):.3g}" in notes
    assert f"Holm's P {min(1, max(2 * low, high)):.3g}" in notes
    assert f"Bonferroni's {min(1, 2 * high):.3g}" in notes
    record = found.one("survival.subgroup_tests")
    assert record.value == 2
    assert "of 2 with P of 0.05 or less" in record.note
    assert "about 0.098" in record.note  # 1 - 0.95 squared


def test_arms_are_counted_within_each_subgroup(found):
    note = found.one("survival.subgroup_performance_hazard_ratio", "female v male in good").note
    # lung: 36 men and 27 women with ECOG 0, of whom 28 and 9 died
    assert "male: 28 events of 36; female: 9 events of 27" in note


@pytest.mark.parametrize("method", ["efron", "breslow", "peto", "logrank"])
def test_the_ratio_of_all_is_there_by_each_method(found, method):
    record = found.one(f"survival.{method}_hazard_ratio", "female v male")
    assert [record.value, record.ci_low, record.ci_high] == near(R[f"lung sex {method}"])


def test_ours_is_cox_and_firth_for_few_events(found, tmp_path):
    ours = found.one("survival.hazard_ratio", "female v male")
    assert ours.value == found.one("survival.efron_hazard_ratio", "female v male").value
    few = results(tmp_path, rows=10)
    ours = few.one("survival.hazard_ratio", "female v male")
    penalised = few.one("survival.firth_hazard_ratio", "female v male")
    assert (ours.value, ours.ci_method) == (penalised.value, "profile penalised likelihood")
    assert "Firth's penalty, as " in ours.note


def test_a_subgroup_without_events_has_its_reason(tmp_path):
    found = results(tmp_path, rows=8)
    records = found.find("survival.subgroup_performance_hazard_ratio")
    assert len(records) == 3
    assert all(one.note for one in records if one.value is None)
    (test,) = found.find("survival.subgroup_performance_interaction")
    assert test.value is None
    assert "not estimable" in test.note


def test_a_group_that_nothing_defines_is_refused(tmp_path):
    with pytest.raises(AnalysisError, match='no group is named "ecog"'):
        results(tmp_path, DEFINITIONS.replace("[performance, age]", "[ecog]"))
