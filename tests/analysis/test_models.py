"""Cox models named in the definitions: against R on lung, who is left out, and what is refused."""

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
  place: {table: followed, value: place}
sets:
  men: {table: followed, where: {sex: 1}}
  women: {table: followed, where: {sex: 2}}
  north: {table: followed, where: {place: north}}
  limited: {table: followed, where: {ecog: {min: 2}}}
groups: {sex: {sets: {men: male, women: female}}}
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
    cox:
      adjusted: {covariates: [age, sex]}
      stratified: {covariates: [age], strata: sex, robust: true}
"""
R = r_values()


def near(value):
    return pytest.approx(value, rel=1e-8)


def results(folder, definitions=DEFINITIONS, rows=None):
    from lifelines.datasets import load_lung

    (folder / "endpoints.yaml").write_text(definitions, "utf-8")
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
            "place": "north",
        }
    ).astype(object)
    return analyze({"followed": frame.where(frame.notna(), None)}, folder / "endpoints.yaml")


def test_adjusted_hazard_ratios_are_those_of_coxph(tmp_path):
    found = results(tmp_path)
    for group, key in (("age", "age"), ("female v male", "sex")):
        record = found.one("survival.cox_adjusted_hazard_ratio", group)
        ratio, low, high, p = R[f"lung cox {key}"]
        assert [record.value, record.ci_low, record.ci_high] == near([ratio, low, high])
        assert record.p_value == pytest.approx(p, rel=1e-6)
        assert (record.n, record.events) == (228, 165)
    assert "adjusted for female v male" in found.one("survival.cox_adjusted_hazard_ratio", "age").method
    (test,) = found.find("survival.cox_adjusted_proportional_hazards")
    assert [test.value, test.p_value] == near(R["lung cox zph"])
    strata = found.one("survival.cox_stratified_hazard_ratio", "age")
    assert [strata.value, strata.ci_low, strata.ci_high] == near(R["lung cox strata robust"])
    assert strata.ci_method == "Wald, robust"
    assert "strata by sex" in strata.method


def test_who_lacks_a_covariate_is_left_out_and_counted(tmp_path):
    definitions = DEFINITIONS.replace("covariates: [age, sex]", "covariates: [limited]")
    record = results(tmp_path, definitions).one("survival.cox_adjusted_hazard_ratio", "limited")
    assert record.n == 227  # of one of 228 the performance status is not recorded
    assert "227 of 228" in record.note


def test_few_events_are_said_and_many_are_not(tmp_path):
    few = results(tmp_path, rows=20).one("survival.cox_adjusted_hazard_ratio", "age")
    assert "fewer than 10 events for each covariate" in few.note
    many = results(tmp_path).one("survival.cox_adjusted_hazard_ratio", "age")
    assert "fewer than" not in many.note


def test_what_cannot_be_estimated_has_its_reason(tmp_path):
    definitions = DEFINITIONS.replace("covariates: [age, sex]", "covariates: [north]")
    (record,) = results(tmp_path, definitions).find("survival.cox_adjusted_hazard_ratio")
    assert record.value is None
    assert "one value only" in record.note


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("covariates: [aage, sex]", 'no covariate is named "aage"'),
        ("covariates: [place]", "words for values"),
    ],
)
def test_a_covariate_that_cannot_be_used_is_an_error(tmp_path, wrong, message):
    with pytest.raises(AnalysisError, match=message):
        results(tmp_path, DEFINITIONS.replace("covariates: [age, sex]", wrong))


def test_strata_that_nothing_defines_are_an_error(tmp_path):
    with pytest.raises(AnalysisError, match='no group is named "sexes"'):
        results(tmp_path, DEFINITIONS.replace("strata: sex", "strata: sexes"))
