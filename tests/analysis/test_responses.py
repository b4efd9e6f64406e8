"""Responses by named criteria: both denominators, best response, duration; by hand and against R."""

from __future__ import annotations

import pandas as pd
import pytest

from fhir_blina.analysis import analyze
from fhir_blina.errors import AnalysisError

DEFINITIONS = """
subjects: {table: followed, key: patient_id, label: patient_id}
measures:
  best: {table: judged, value: response, pick: best, order: [CR, PR, SD, PD]}
sets:
  treated: {table: followed, where: {treated: true}}
  not_measurable: {table: followed, where: {measurable: false}}
  first_arm: {table: followed, where: {arm: a}}
  second_arm: {table: followed, where: {arm: b}}
groups:
  arm: {sets: {first_arm: A, second_arm: B}}
times:
  response: {table: judged, where: {response: [CR, PR]}, day: study_day, pick: first}
  progression: {table: judged, where: {response: PD}, day: study_day, pick: first}
  death: {table: followed, where: {dead: true}, day: last}
  therapy: {table: followed, where: {therapy: {not: null}}, day: therapy}
  seen: {table: judged, day: study_day, pick: last}
responses:
  objective:
    title: Objective response
    criteria: RECIST 1.1
    best: best
    categories: {CR: complete, PR: partial, SD: stable, PD: progressive}
    responders: [CR, PR]
    among: treated
    not_evaluable: {not_measurable: no measurable disease}
    by: [arm]
    duration:
      start: response
      events: [progression, death]
      censor: seen
      censored_by: [therapy]
      survival_at_days: [30, 60]
endpoints: {}
"""
# treated, measurable, arm, dead, last, therapy, assessments (day: response)
PATIENTS = {
    "p1": (True, True, "a", False, 200, None, {28: "PR", 56: "CR", 84: "PD"}),  # 28 to 84: 56, event
    "p2": (True, True, "a", True, 90, None, {28: "SD", 56: "PR"}),  # 56 to 90: 34, death
    "p3": (True, True, "a", False, 200, 70, {28: "CR", 56: "CR", 112: "PD"}),  # 28 to 70: 42, therapy
    "p4": (True, True, "b", False, 200, None, {28: "PR", 56: "PR", 140: "PR"}),  # 28 to 140: 112, censored
    "p5": (True, True, "b", False, 200, None, {28: "SD", 56: "PD"}),
    "p6": (True, True, "b", False, 200, None, {28: "PD"}),
    "p7": (True, False, "a", False, 200, None, {28: "PR"}),  # no measurable disease: no responder
    "p8": (True, True, "b", False, 200, None, {}),  # never assessed
    "p9": (False, True, "a", False, 200, None, {28: "CR"}),  # not treated
    "p10": (True, True, "b", False, 200, None, {28: "NE"}),  # a word that is no category
}


def tables():
    names = ("treated", "measurable", "arm", "dead", "last", "therapy")
    patients = [
        {"patient_id": key, **dict(zip(names, row[:6], strict=True))} for key, row in PATIENTS.items()
    ]
    assessments = [
        {"patient_id": key, "study_day": day, "response": word}
        for key, row in PATIENTS.items()
        for day, word in row[6].items()
    ]
    return {
        "followed": pd.DataFrame(patients).astype(object).replace({float("nan"): None}),
        "judged": pd.DataFrame(assessments).astype(object),
    }


def results(folder, definitions=DEFINITIONS):
    (folder / "endpoints.yaml").write_text(definitions, "utf-8")
    return analyze(tables(), folder / "endpoints.yaml")


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return results(tmp_path_factory.mktemp("responses"))


def near(*values):
    return [pytest.approx(value, rel=1e-9) for value in values]


def test_the_rate_has_both_denominators_with_exact_intervals(found):
    everyone = found.one("objective.response_rate", ci_method="Clopper-Pearson")
    assert (everyone.events, everyone.n) == (4, 9)
    # R: binom.test(4, 9)$conf.int and binom.test(4, 6)$conf.int
    assert [everyone.value, everyone.ci_low, everyone.ci_high] == near(
        4 / 9, 0.136995662265167, 0.787991493221132
    )
    judged = found.one("objective.response_rate_evaluable", ci_method="Clopper-Pearson")
    assert (judged.events, judged.n) == (4, 6)
    assert [judged.value, judged.ci_low, judged.ci_high] == near(4 / 6, 0.222778095503512, 0.956728131707258)
    assert "RECIST 1.1: complete or partial, of the evaluable" in judged.method
    assert "6 of 9 evaluable" in everyone.note
    assert "count as without response" in everyone.note


def test_who_cannot_be_judged_is_named_with_the_reason(found):
    record = found.one("objective.not_evaluable")
    assert (record.value, record.n) == (3, 9)
    for reason in ("no measurable disease: 1", "no best response: no row: 1", "none of the categories: 1"):
        assert reason in record.note
    (population,) = [one for one in found.populations if one.kind == "response"]
    assert (population.n, population.of) == (6, 9)
    out = {one.patient_id: one.reason for one in found.left_out if one.kind == "response"}
    assert set(out) == {"p7", "p8", "p10"}


def test_best_responses_are_of_the_evaluable(found):
    counts = {
        one.group: (one.events, one.n)
        for one in found.find("objective.best_response", ci_method="Clopper-Pearson")
    }
    assert {name: counts[name] for name in ("complete", "partial", "stable", "progressive")} == {
        "complete": (2, 6),
        "partial": (2, 6),
        "stable": (1, 6),
        "progressive": (1, 6),
    }
    assert counts["A: complete"] == (2, 3)
    assert counts["B: progressive"] == (1, 3)


def test_each_group_has_its_own_rates(found):
    first = found.one("objective.response_rate", "A", ci_method="Clopper-Pearson")
    second = found.one("objective.response_rate_evaluable", "B", ci_method="Clopper-Pearson")
    assert (first.events, first.n) == (3, 4)
    assert (second.events, second.n) == (1, 3)


def test_the_duration_runs_from_the_first_response_of_the_responders(found):
    times = {
        row.study_subject: (row.duration_days, row.event, row.censor_reason)
        for row in found.derivation
        if row.endpoint == "objective_duration"
    }
    assert times == {
        "p1": (56, "progression", None),
        "p2": (34, "death", None),
        "p3": (42, "censored", "therapy"),
        "p4": (112, "censored", None),
    }


def test_its_curve_is_that_of_r(found):
    # R: survfit(Surv(c(56, 34, 42, 112), c(1, 1, 0, 0)) ~ 1, conf.type = "log-log")
    record = found.one("objective_duration.survival", time_days=60, ci_method="log-log")
    assert [record.value, record.ci_low, record.ci_high] == near(
        0.375, 0.0109711215748446, 0.8080010724813435
    )
    assert found.one("objective_duration.median").value == 56
    assert found.one("objective_duration.survival", time_days=60, ci_method="bpcp").n == 4


def test_another_therapy_before_the_response_leaves_out_and_says_so(tmp_path):
    definitions = DEFINITIONS.replace(
        "therapy: {not: null}}, day: therapy}", "therapy: {not: null}}, day: early}"
    )
    (tmp_path / "endpoints.yaml").write_text(definitions, "utf-8")
    made = tables()
    made["followed"]["early"] = 5
    found = analyze(made, tmp_path / "endpoints.yaml")
    out = {one.patient_id: one.reason for one in found.left_out if one.kind == "endpoint"}
    assert out == {"p3": '"therapy" is before "response"'}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("responders: [CR, PR]", "responders: [CR, MR]", '"MR" is no category'),
        ("best: best\n", "best: bst\n", 'no measure is named "bst"'),
        ("{not_measurable: no", "{unmeasured: no", 'no set is named "unmeasured"'),
        ("censored_by: [therapy]", "censored_by: [drug]", 'no time is named "drug"'),
        ("  treated: {", "  objective_responders: {table: followed}\n  treated: {", "makes"),
    ],
)
def test_faults_are_told_with_their_line(tmp_path, old, new, said):
    with pytest.raises(AnalysisError, match=said) as caught:
        results(tmp_path, DEFINITIONS.replace(old, new, 1))
    assert "endpoints.yaml:" in str(caught.value)
