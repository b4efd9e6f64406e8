"""The published cohort, from resources through tables to numbers, against values worked out elsewhere."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import jsonschema
import pytest

from fhir_blina.analysis.analysis import analyze
from fhir_blina.errors import AnalysisError
from fhir_blina.results.records import write_results

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "mappings/cohorts/cjcp2023"
SCHEMA = json.loads((ROOT / "mappings/schemas/results.schema.json").read_text())


@pytest.fixture
def tables(published_tables):
    return published_tables


@pytest.fixture
def results(published_results):
    return published_results


def near(value, digits=1e-9):
    return pytest.approx(value, rel=digits, abs=1e-12)


# recomputed with R 4.2.2, lifelines, scipy, statsmodels, scikit-survival and formulas written out
@pytest.mark.parametrize(
    ("name", "group", "value"),
    [
        ("age.median", "all", Decimal("10.5")),
        ("age.minimum", "all", 5),
        ("age.maximum", "all", 13),
        ("mrd_before.median", "all", Decimal("15.505")),
        ("mrd_before.minimum", "all", Decimal("0.08")),
        ("mrd_before.maximum", "all", Decimal("78.30")),
        ("mrd_before.median", "CR", Decimal("5.79")),
        ("mrd_before.median", "NR", Decimal("66.37")),
        ("treatment_to_hsct.median", "all", Decimal("50.5")),
        ("treatment_to_hsct.minimum", "all", 40),
        ("treatment_to_hsct.maximum", "all", 70),
        ("last_treatment_day.value", "P1", 14),
        ("last_treatment_day.value", "P2", 22),
        ("last_treatment_day.value", "P6", 24),
        ("death_day.sum", "P1", 91),
        ("death_day.sum", "P3", 127),
        ("hsct_to_last_contact.days", "P4", 199),
        ("overall_survival.median", "all", 126),
        ("overall_survival.followup_reverse", "all", 170),
        ("overall_survival.followup_all", "all", Decimal("108.5")),
        ("overall_survival.followup_censored", "all", 170),
        ("overall_survival.log_rank", "CR v NR", near(25 / 7)),
        ("mrd_before.mann_whitney_asymptotic", "CR v NR", near(-1.96396101212)),
        ("survival_from_hsct.duration", "P3", 57),
    ],
)
def test_values(results, name, group, value):
    assert results.one(name, group).value == value


@pytest.mark.parametrize(
    ("name", "count", "total"),
    [
        ("remission", 3, 6), ("remission_of_blasts_5_percent", 2, 5), ("mrd_negative", 3, 6),
        ("mrd_and_fusion_negative", 2, 6), ("mrd_converted", 3, 6), ("crs", 5, 6), ("crs_grade_2_or_more", 2, 6),
        ("crs_grade_3_or_more", 0, 6), ("transplanted", 4, 6), ("died_without_relapse_after_hsct", 2, 4),
        ("refractory", 1, 6), ("relapsed", 5, 6), ("debulked_relapsed", 3, 5),
    ],
)  # fmt: skip
def test_proportions_have_both_intervals(results, name, count, total):
    for interval in ("Clopper-Pearson", "Wilson"):
        record = results.one(f"{name}.proportion", ci_method=interval)
        assert (record.events, record.n) == (count, total)
        assert 0 <= record.ci_low <= count / total <= record.ci_high <= 1


@pytest.mark.parametrize(
    ("interval", "low", "high"),
    [
        ("log-log", 0.0559918648521, 0.766522219551),
        ("plain", 0, 0.851362707606),
        ("log", 0.146791915534, 1),
        ("logit", 0.106696698757, 0.810304734673),
        ("arcsine", 0.0664943858488, 0.827535437832),
    ],
)
def test_survival_at_day_126_with_every_interval(results, interval, low, high):
    for day in (126, 180, 267):
        record = results.one("overall_survival.survival", "all", day, interval)
        assert (record.value, record.ci_low, record.ci_high) == (near(5 / 12), near(low), near(high))


@pytest.mark.parametrize(
    ("interval", "low", "high"),
    [("percentile-SE", 52.9710651221, 199.028934878), ("log", 91, None), ("log-log", 32, None)],
)
def test_the_interval_of_the_median_depends_on_the_program(results, interval, low, high):
    record = results.one("overall_survival.median", ci_method=interval)
    assert record.ci_low == near(low)
    assert record.ci_high == (None if high is None else near(high))


def test_survival_by_response_and_the_p_values(results):
    assert results.one("overall_survival.survival", "CR", 267).value == near(2 / 3)
    assert results.one("overall_survival.survival", "NR", 267).value == 0
    assert results.one("overall_survival.log_rank", "CR v NR").p_value == near(0.0587817213554)
    assert results.one("mrd_before.mann_whitney_asymptotic", "CR v NR").p_value == near(0.0495346134356)
    assert results.one("mrd_before.mann_whitney_exact", "CR v NR").p_value == near(0.1)


def test_dose_received_and_the_protocol(results):
    # μg: BSA × rate × days, worked out by hand in Decimal
    given = {"P1": "190.40", "P2": "202.80", "P3": "784", "P4": "420", "P5": "784", "P6": "463"}
    for subject, total in given.items():
        assert results.one("dose.total", subject).value == Decimal(total)
    assert results.one("dose.protocol_per_area_same_days", "P4").value == Decimal("306.60")
    assert results.one("dose.highest_per_area", "P6").value == near(28 / 0.9)
    assert results.one("dose.step_up_as_protocol").events == 6


def test_every_claim_agrees_or_carries_its_explanation(results):
    main = {claim.claim: claim for claim in results.claims if claim.reading == "main"}
    assert len(main) == 160
    other = {key: claim.agreement for key, claim in main.items() if claim.agreement != "agrees"}
    computed = {key: verdict for key, verdict in other.items() if not verdict.startswith("not computable")}
    assert computed == {
        "mrd_before_median": "truncated",
        "hsct_interval_median": "truncated",
        "n_mrd_negative": "disagrees",
    }
    assert all(claim.why for claim in results.claims)
    for key in (
        "os_rate",
        "os_rate_ci_low",
        "os_rate_ci_high",
        "os_median",
        "os_median_ci_low",
        "log_rank_chi2",
    ):
        assert main[key].agreement == "agrees"


# The traps


def test_relapse_is_not_death(results):
    record = results.one("overall_survival.duration", "P5")
    assert (record.value, record.events) == (170, 0)
    # with it as a death, survival would end at 5/24
    assert results.one("overall_survival.survival", "all", 267).value != near(5 / 24)


def test_blood_never_joins_marrow(results):
    record = results.one("mrd_before.median")
    assert all("pb-" not in source for source in record.derived_from)
    assert results.one("mrd_negative.proportion").n == 6
    assert results.one("mrd_negative.proportion").events == 3


def test_event_free_survival_on_one_half_names_its_rule(results):
    name = "event_free_survival_stop_day"
    assert results.one(f"{name}.survival", "all", 90).value == near(0.5)
    assert results.one(f"{name}.median").value == 24
    assert results.one(f"{name}.median_midpoint").value == 75
    assert results.one(f"{name}.median").method != results.one(f"{name}.median_midpoint").method


def test_each_convention_of_treatment_failure_has_its_own_times(results):
    def days(name):
        return [results.one(f"event_free_survival_{name}.duration", f"P{n}").value for n in range(1, 7)]

    assert days("stop_day") == [14, 22, 126, 267, 158, 24]
    assert days("day_1") == [1, 1, 126, 267, 158, 1]
    assert days("relapse_or_death") == [91, 32, 126, 267, 158, 52]
    assert days("molecular") == [14, 22, 126, 267, 40, 24]


def test_circular_comparisons_are_not_reported(results):
    for name in ("stop_day", "day_1", "molecular"):
        records = [record for record in results if record.name.startswith(f"event_free_survival_{name}.")]
        assert all(record.p_value is None for record in records)
        (said,) = [record for record in records if record.name.endswith(".log_rank")]
        assert "circular" in said.note


def test_the_exact_log_rank_p_is_not_a_tenth(results):
    assert results.one("overall_survival.log_rank_exact", "CR v NR").p_value == near(0.2)
    assert results.one("overall_survival.log_rank_exact_scores", "CR v NR").p_value == near(0.2)


def test_the_unpenalised_cox_model_is_not_reported(results):
    tested = [record for record in results if "hazard_ratio" in record.name and record.p_value is not None]
    assert {record.test for record in tested} == {"penalised likelihood ratio", "log-rank"}
    cox = [record for record in tested if record.test != "log-rank"]
    assert [record.name for record in cox] == [
        "overall_survival.firth_hazard_ratio",
        "overall_survival.hazard_ratio",
    ]
    assert cox[0].value == cox[1].value
    assert 1 < cox[0].value < 100
    assert cox[0].ci_low < 1 < cox[0].ci_high
    assert "infinite" in cox[0].note


def test_restricted_means_have_no_p_value(results):
    means = [record for record in results if record.name.endswith(".restricted_mean")]
    assert means
    assert all(record.p_value is None and record.test is None for record in means)
    found = results.one("overall_survival.restricted_mean", "NR", 90)
    assert found.value == near(32 + 58 * 2 / 3)
    assert found.ci_low is None


def test_immortal_time_is_labelled_and_the_right_test_is_not_estimable(results):
    naive = results.one("overall_survival.naive_transplant_log_rank", "HSCT v no HSCT")
    assert "immortal" in naive.note
    assert "biased" in naive.note
    right = results.one("overall_survival.mantel_byar", "no transplant v transplant")
    assert (right.value, right.p_value) == (None, None)
    assert "not estimable" in right.note
    for day in (29, 90):
        (found,) = results.find("overall_survival.landmark_transplant_log_rank", time_days=day)
        assert found.value is None


def test_landmarks_by_response(results):
    assert results.one("overall_survival.landmark_log_rank", "CR v NR", 29).n == 6
    assert results.one("overall_survival.landmark_log_rank", "CR v NR", 90).n == 4


def test_competing_risks_in_remission_and_from_transplantation(results):
    # by hand: remission, deaths at 97, relapse at 129, censored at 238; HSCT, deaths at 7 and 57, relapse at 70
    assert results.one("duration_of_remission.cumulative_incidence", "relapse", 180).value == near(1 / 3)
    assert results.one("duration_of_remission.cumulative_incidence", "death", 100).value == near(1 / 3)
    assert results.one("relapse_from_hsct.cumulative_incidence", "relapse", 90).value == near(1 / 4)
    assert results.one("relapse_from_hsct.cumulative_incidence", "death", 60).value == near(1 / 2)


def test_the_patient_lost_decides(results):
    dead = results.one("overall_survival.lost_event_log_rank", "CR v NR")
    alive = results.one("overall_survival.lost_no_event_log_rank", "CR v NR")
    assert dead.p_value < 0.05 < alive.p_value
    # by R: survdiff with P6 dead on day 53, and alive on day 267
    assert dead.value == pytest.approx(5.051660517, rel=1e-8)
    assert alive.value == pytest.approx(1.066420664, rel=1e-8)


def test_what_three_against_three_can_show(results):
    assert results.one("overall_survival.smallest_exact_p", "CR v NR").value == near(0.1)
    assert results.one("overall_survival.events_needed_hazard_ratio_0_5", "CR v NR").value == 66
    assert results.one("overall_survival.detectable_hazard_ratio", "CR v NR").value > 20


# What is written


def test_results_follow_their_schema_and_are_the_same_bytes_each_time(tables, results, tmp_path):
    write_results(results, tmp_path / "one.json")
    write_results(analyze(tables, PUBLISHED / "endpoints.yaml"), tmp_path / "two.json")
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    content = json.loads((tmp_path / "one.json").read_text())
    jsonschema.validate(content, SCHEMA)
    keys = [(row["name"], row["group"], row["time_days"], row["ci_method"]) for row in content["records"]]
    assert len(keys) == len(set(keys))


def test_every_number_says_where_it_comes_from(results):
    known = ("Patient/", "Observation/", "MedicationAdministration/", "Procedure/", "ResearchSubject/")
    for record in results:
        assert record.method or record.note, record.name
        if (
            record.value is not None
            and record.n
            and record.name.endswith((".duration", ".survival", ".median"))
        ):
            assert record.derived_from, record.name
            assert all(source.startswith(known) for source in record.derived_from), record.name


def test_claims_and_findings_are_left_out_where_there_are_none(tables, tmp_path):
    path = tmp_path / "endpoints.yaml"
    path.write_text((PUBLISHED / "endpoints.yaml").read_text())
    found = analyze(tables, path)
    assert found.claims == ()
    assert found.one("overall_survival.median").value == 126
    assert all(finding.kind != "note" for finding in found.findings)


def test_without_a_table_the_error_names_it(tables):
    with pytest.raises(AnalysisError, match='no table "observations"'):
        analyze({name: frame for name, frame in tables.items() if name != "observations"}, PUBLISHED)


def test_every_statistic_is_documented(results):
    text = (ROOT / "docs/statistics.md").read_text()
    for name in {record.name.split(".")[1] for record in results}:
        short = name.removesuffix("_exact").removesuffix("_scores")
        known = (
            short,
            "_" + short.rpartition("_")[2],
            "fleming_harrington",
            "power_",
            "events_needed_",
            "landmark_",
            "naive_",
        )
        assert any(word in text for word in known), name


@pytest.mark.parametrize("kept", [["P3", "P4", "P5"], ["P4"], ["P2", "P6"], []])
def test_a_group_without_patients_a_single_patient_and_nobody(tables, tmp_path, kept):
    path = tmp_path / "endpoints.yaml"
    path.write_text((PUBLISHED / "endpoints.yaml").read_text())
    keys = {f"cjcp2023-{label}" for label in kept}
    few = {
        name: frame[frame["patient_id"].isin(keys)] if "patient_id" in frame.columns else frame
        for name, frame in tables.items()
    }
    found = analyze(few, path)
    assert found.one("subjects.count").value == len(kept)
    compared = [
        record
        for record in found
        if record.group in ("CR v NR", "NR v CR") and record.name.startswith("overall_survival.")
    ]
    assert compared
    assert all(record.value is None and record.p_value is None and record.note for record in compared)
    if not kept:
        assert [record.name for record in found if record.value is not None] == ["subjects.count"]


def test_medians_of_competing_endpoints_are_those_of_the_incidence(results):
    # worked out elsewhere: time to transplantation 60 days; relapse and duration of remission are not reached
    assert results.one("time_to_hsct.median").value == 60
    for name in ("relapse_from_hsct", "duration_of_remission"):
        record = results.one(f"{name}.median")
        assert record.value is None
        assert record.note.startswith("not reached")
        assert not results.find(f"{name}.survival")


def test_the_median_of_the_remission_group_is_126_to_not_reached(results):
    record = results.one("overall_survival.median", "CR", ci_method="log")
    assert (record.value, record.ci_low, record.ci_high) == (None, 126, None)
