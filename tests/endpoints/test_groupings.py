"""Groups by cut points and quantiles, held to pandas' ``cut`` and ``qcut``."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from fhir_blina.analysis.analysis import analyze
from fhir_blina.endpoints.definition import Grouping
from fhir_blina.endpoints.facts import Facts
from fhir_blina.endpoints.groupings import between_cuts, cut_points
from fhir_blina.endpoints.reading import read_endpoints
from fhir_blina.errors import AnalysisError

HEAD = """
subjects: {table: patients, key: patient_id, label: patient_id}
measures:
  marker: {table: observations, value: value_quantity}
endpoints: {}
"""


def facts(tmp_path, groups, values, comparators=None):
    path = tmp_path / "endpoints.yaml"
    path.write_text(f"{HEAD}groups:\n{groups}\n")
    names = [f"p{n:03}" for n in range(len(values))]
    tables = {
        "patients": pd.DataFrame({"patient_id": names}),
        "observations": pd.DataFrame(
            {
                "observation_id": [f"o{n}" for n in range(len(values))],
                "patient_id": names,
                "value_quantity": pd.Series(values, dtype=object),
                "value_comparator": comparators or [None] * len(values),
            }
        ),
    }
    return Facts(tables, read_endpoints(path))


@pytest.mark.parametrize(("at_cut", "right"), [("above", False), ("below", True)])
def test_cut_points_are_those_of_pandas(tmp_path, at_cut, right):
    values = np.random.default_rng(5).integers(0, 100, 300).tolist()
    found = facts(tmp_path, f"  g: {{measure: marker, cut: [18, 65], at_cut: {at_cut}}}", values)
    theirs = pd.cut(values, [-np.inf, 18, 65, np.inf], right=right, labels=False)
    labels = list(found.endpoints.groups["g"].labels.values())
    assert found.group("g").tolist() == [labels[number] for number in theirs]
    assert {18, 65} <= set(values)
    assert (
        labels
        == {
            "above": ["below 18", "18 to below 65", "65 and above"],
            "below": ["18 and below", "above 18 to 65", "above 65"],
        }[at_cut]
    )


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_quantiles_are_those_of_pandas(tmp_path, count):
    values = [round(one, 2) for one in np.random.default_rng(count).normal(50, 9, 203).tolist()]
    group = f"  g: {{measure: marker, quantiles: {count}, at_cut: below}}"
    found = facts(tmp_path, group, [Decimal(str(one)) for one in values])
    theirs, edges = pd.qcut(values, count, labels=False, retbins=True)
    assert found.group("g").tolist() == [f"Q{number + 1}" for number in theirs]
    assert [float(point) for point in found.cuts("g")] == pytest.approx(edges[1:-1].tolist(), abs=1e-9)


def test_equal_values_stay_together_and_an_empty_group_is_said(tmp_path):
    found = facts(tmp_path, "  g: {measure: marker, quantiles: 4, at_cut: below}", [1, 2, 2, 2, 2, 2, 2, 9])
    assert found.group("g").tolist() == ["Q1", *["Q1"] * 6, "Q4"]
    (empty, sizes) = found.account.remarks.values()
    assert (empty.rule, empty.printed) == ("group-empty", "Q2, Q3")
    assert sizes.printed == "Q1 7, Q2 0, Q3 0, Q4 1"


def test_who_has_no_value_or_a_bound_that_decides_nothing_is_out(tmp_path):
    group = "  g: {measure: marker, cut: [10, 20], at_cut: above, labels: [low, mid, high]}"
    values, signs = [10, 10, 20, 20, 15, None], ["<", "<=", ">", ">=", "<", None]
    found = facts(tmp_path, group, values, signs)
    assert found.group("g").to_dict() == {"p000": "low", "p002": "high", "p003": "high"}
    population = found.account.populations["group", "g"]
    assert population.reasons == {
        "a bound only (<=), which leaves the group open": 1,
        "a bound only (<), which leaves the group open": 1,
        "no value recorded": 1,
    }


@pytest.mark.parametrize(
    ("value", "comparator", "at_cut", "place"),
    [
        (Decimal("0.3"), "", "above", 1),
        (Decimal("0.3"), "", "below", 0),
        (Decimal("0.3"), ">", "below", 1),
        (Decimal("0.3"), ">=", "below", None),
        (Decimal("0.3"), "<=", "below", 0),
        ("x", "", "above", None),
    ],
)
def test_the_side_of_a_cut_point(value, comparator, at_cut, place):
    assert between_cuts(value, comparator, (Decimal("0.3"),), at_cut) == place


def test_exact_quantiles():
    wanted = Grouping(name="g", measure="m", quantiles=2, at_cut="below")
    assert cut_points(wanted, [Decimal("0.1"), Decimal("0.2")]) == (Decimal("0.15"),)
    assert cut_points(wanted, []) == ()


@pytest.mark.parametrize(
    ("group", "message"),
    [
        ("{measure: marker, cut: [65, 18], at_cut: above}", "cut points must rise"),
        ("{measure: marker, cut: [18], at_cut: above, labels: [a, b, c]}", "2 groups need 2 labels"),
        ("{measure: marker, cut: [18]}", "oneOf"),
        ("{measure: mark, cut: [18], at_cut: above}", 'no measure is named "mark"'),
    ],
)
def test_a_wrong_group_is_an_error_with_its_line(tmp_path, group, message):
    with pytest.raises(AnalysisError, match=rf"yaml:[78]: .*{message}"):
        facts(tmp_path, f"  g: {group}", [1])


def test_words_have_no_cut_points(tmp_path):
    found = facts(tmp_path, "  g: {measure: marker, cut: [1], at_cut: above}", ["a", "b"])
    with pytest.raises(AnalysisError, match=r'yaml:7: group "g": measure "marker" has values that are no'):
        found.group("g")


def test_groups_by_age_are_compared_and_adjusted_for(made):
    """Survival, log-rank and Cox by a cut of a measure are those of lifelines."""
    from lifelines.statistics import multivariate_logrank_test

    rng = np.random.default_rng(11)
    ages = rng.integers(20, 90, 120)
    days = rng.exponential(400, 120).round().astype(int) + 1
    died = rng.random(120) < 0.7
    text = """
measures:
  age: {table: observations, value: value_integer}
groups:
  age_group: {measure: age, cut: [50, 70], at_cut: above}
  quarters: {measure: age, quantiles: 4, at_cut: below}
times:
  start: {table: study_subjects, day: start_study_day}
  death: {table: patients, day: deceased_study_day}
  last: {table: study_subjects, day: end_study_day}
summaries: {age: {by: age_group}}
endpoints:
  os: {title: Survival, start: start, events: [death], censor: last, compare: [age_group],
    survival_at_days: [180], cox: {age: {covariates: [age_group]}}}"""
    tables, path = made(
        text,
        [{"deceased_study_day": day if dead else None} for day, dead in zip(days, died, strict=True)],
        observations=[
            {"observation_id": f"o{n}", "patient_id": f"p{n}", "value_integer": age}
            for n, age in enumerate(ages, 1)
        ],
        study_subjects=[
            {"patient_id": f"p{n}", "start_study_day": 0, "end_study_day": day}
            for n, day in enumerate(days, 1)
        ],
    )
    results = analyze(tables, path)
    theirs = pd.cut(ages, [-np.inf, 50, 70, np.inf], right=False, labels=False)
    wanted = multivariate_logrank_test(days, theirs, died)
    pair = "below 50 v 50 to below 70 v 70 and above"
    assert results.one("os.log_rank", group=pair).p_value == pytest.approx(wanted.p_value)
    sizes = {r.group: r.n for r in results.find("os.survival", time_days=180, ci_method="log-log")}
    assert [sizes[label] for label in pair.split(" v ")] == np.bincount(theirs).tolist()
    assert len(results.find("os.cox_age_hazard_ratio")) == 2
    quarters = np.quantile(ages, [0.25, 0.5, 0.75]).tolist()
    assert [float(record.value) for record in results.find("quarters.cut")] == quarters
    medians = pd.Series(ages).groupby(theirs).median().tolist()
    found = {record.group: record.value for record in results.find("age.median")}
    assert [float(found[label]) for label in pair.split(" v ")] == medians
