"""Records of endpoints for cohorts unlike the published one: competing events, early ends, thousands."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fhir_blina.analysis import analyze

HEAD = """
subjects: {table: followed, key: patient_id, label: label}
sets:
  a: {table: followed, where: {arm: a}}
  b: {table: followed, where: {arm: b}}
  men: {table: followed, where: {sex: m}}
  women: {table: followed, where: {sex: f}}
measures:
  score: {table: followed, value: score}
groups:
  arm: {sets: {a: low, b: high}}
  sex: {sets: {men: low, women: high}}
times:
  start: {table: followed, day: zero}
  stop: {table: followed, day: day}
  death: {table: followed, where: {status: died}, day: day}
  relapse: {table: followed, where: {status: relapsed}, day: day}
summaries: {score: {by: arm, test: mann-whitney}}
endpoints:
  survival:
    title: Survival
    start: start
    censor: stop
"""
SURVIVAL = "    events: [death]\n"
COMPETING = "    events: [relapse]\n    competing: [death]\n"


def near(value):
    return pytest.approx(float(value), rel=1e-9, abs=1e-12)


def results(folder: Path, days, status, arm="a", sex="m", score=1, ends: str = SURVIVAL, more: str = ""):
    """What an analysis gives for patients of these days and ends."""
    (folder / "endpoints.yaml").write_text(HEAD + ends + more, "utf-8")
    count = len(days)
    frame = pd.DataFrame({"patient_id": [f"p{n}" for n in range(count)], "zero": 0, "day": list(days)})
    frame["label"] = frame["patient_id"]
    for name, values in (("status", status), ("arm", arm), ("sex", sex), ("score", score)):
        frame[name] = values if isinstance(values, int) else [*values] * (count if len(values) == 1 else 1)
    return analyze({"followed": frame.astype(object)}, folder / "endpoints.yaml")


def test_a_competing_endpoint_has_incidence_and_no_survival(tmp_path):
    # by hand: 4 at risk, relapse on 1; 3, death on 2; 2, relapse on 3; one is censored on 4
    found = results(
        tmp_path,
        [1, 2, 3, 4],
        ["relapsed", "died", "relapsed", "well"],
        ends=COMPETING,
        more="    survival_at_days: [2, 3]\n    restrict_at_days: [3]\n",
    )
    names = {record.name for record in found}
    assert "survival.cumulative_incidence" in names
    assert not names & {"survival.survival", "survival.median_midpoint", "survival.restricted_mean"}
    expected = {2: Fraction(1, 4), 3: Fraction(1, 4) + Fraction(1, 2) * Fraction(1, 2)}
    for day, value in expected.items():
        assert found.one("survival.cumulative_incidence", "relapse", day).value == near(value)
    assert found.one("survival.median").value == 3
    assert "cumulative incidence" in found.one("survival.median").method


def test_the_median_of_the_incidence_is_not_that_of_one_less_kaplan_meier(tmp_path):
    # 1 - Kaplan-Meier reaches 1 on day 6; the incidence is 1/3 for ever
    status = ["died", "died", "died", "died", "relapsed", "relapsed"]
    found = results(tmp_path, [1, 2, 3, 4, 5, 6], status, ends=COMPETING)
    median = found.one("survival.median")
    assert median.value is None
    assert "not reached" in median.note
    assert found.one("survival.cumulative_incidence", "relapse", 6).value == near(Fraction(1, 3))


def test_a_competing_endpoint_by_group(tmp_path):
    found = results(
        tmp_path,
        [1, 2, 3, 1, 2, 3],
        ["relapsed", "died", "well", "relapsed", "relapsed", "well"],
        arm="aaabbb",
        ends=COMPETING,
        more="    survival_at_days: [2]\n    compare: [arm]\n",
    )
    assert found.one("survival.cumulative_incidence", "low: relapse", 2).value == near(Fraction(1, 3))
    assert found.one("survival.cumulative_incidence", "low: death", 2).value == near(Fraction(1, 3))
    assert found.one("survival.cumulative_incidence", "high: relapse", 2).value == near(Fraction(2, 3))
    assert found.one("survival.median", "high").value == 2
    assert "cause-specific" in found.one("survival.log_rank", "low v high").note


def test_the_last_follow_up_is_given_though_it_is_not_listed(tmp_path):
    found = results(
        tmp_path, [1, 2, 3, 20], ["died", "died", "died", "well"], more="    survival_at_days: [2]\n"
    )
    assert found.one("survival.survival", time_days=2).value == near(Fraction(1, 2))
    assert found.one("survival.survival", time_days=20).value == near(Fraction(1, 4))


def test_nothing_is_given_beyond_the_last_follow_up_of_a_group(tmp_path):
    found = results(
        tmp_path,
        [1, 10, 2, 20],
        ["died", "well", "died", "died"],
        arm="aabb",
        more="    compare: [arm]\n    survival_at_days: [5, 15, 30, last]\n    restrict_at_days: [15]\n",
    )
    early = found.find("survival.survival", "low")
    assert {record.time_days for record in early if record.value is not None} == {5, 10}
    for day in (15, 30):
        (none,) = found.find("survival.survival", "low", day)
        assert (none.value, none.ci_low, none.ci_high) == (None, None, None)
        assert "last follow-up: day 10" in none.note
    # a curve that has reached 0 stays there
    assert found.one("survival.survival", "high", 30).value == 0
    assert found.one("survival.restricted_mean", "low", 15).value is None
    assert found.one("survival.restricted_mean", "high", 15).value == near(2 + 13 * Fraction(1, 2))


def test_a_median_that_is_not_reached_keeps_its_lower_limit(tmp_path):
    found = results(tmp_path, [126, 267, 170], ["died", "well", "well"])
    for interval in ("log-log", "log", "plain", "logit", "arcsine"):
        record = found.one("survival.median", ci_method=interval)
        assert (record.value, record.ci_low, record.ci_high) == (None, 126, None)  # R 4.2.2
        assert record.note.startswith("not reached")
    assert not found.find("survival.median", ci_method="percentile-SE")


def test_groups_of_one_label_in_two_groupings_are_kept_apart(tmp_path):
    found = results(
        tmp_path,
        [1, 2, 3, 4],
        ["died", "died", "well", "died"],
        arm="aabb",
        sex="mfmf",
        more="    compare: [arm, sex]\n    survival_at_days: [2]\n",
    )
    assert found.one("survival.survival", "arm low", 2).value == 0
    assert found.one("survival.survival", "sex low", 2).value == near(Fraction(1, 2))
    assert {record.group for record in found.find("survival.log_rank")} == {
        "arm low v arm high",
        "sex low v sex high",
    }
    keys = [(r.name, r.group, r.time_days, r.ci_method) for r in found]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(("size", "kind"), [(3, "exact"), (60, "Monte Carlo"), (7_146, "asymptotic")])
def test_two_groups_of_any_size_are_compared_and_the_method_said(tmp_path, size, kind):
    generator = np.random.default_rng(5)
    days = generator.integers(1, 400, 2 * size)
    status = ["died" if dead else "well" for dead in generator.random(2 * size) < 0.6]
    more = "    compare: [arm]\npower: {endpoint: survival, group: arm, hazard_ratios: [0.5], power: 0.8, alpha: 0.05}\n"
    found = results(
        tmp_path, days, status, arm="ab" * size, score=generator.integers(0, 9, 2 * size), more=more
    )
    for name in ("survival.log_rank_exact", "survival.log_rank_exact_scores", "score.mann_whitney_exact"):
        record = found.one(name, "low v high")
        assert kind in record.method
        assert kind in record.test
        assert 0 < record.p_value <= 1
        assert ("standard error of P" in record.note) == (kind == "Monte Carlo")
        assert ("seed" in record.method) == (kind == "Monte Carlo")
    texts = [text for record in found for text in (record.method, record.test or "", record.note)]
    assert max(map(len, texts)) < 400
    asymptotic = found.one("survival.log_rank", "low v high").p_value
    if kind == "asymptotic":
        assert found.one("survival.log_rank_exact", "low v high").p_value == asymptotic
    elif kind == "Monte Carlo":
        assert found.one("survival.log_rank_exact", "low v high").p_value == pytest.approx(
            asymptotic, abs=0.05
        )


@pytest.mark.parametrize(("size", "few"), [(4, True), (40, False)])
def test_sentences_on_small_samples_stand_only_where_they_are_true(tmp_path, size, few):
    more = (
        "    compare: [arm]\n    restrict_at_days: [10]\n"
        "power: {endpoint: survival, group: arm, hazard_ratios: [0.5], power: 0.8, alpha: 0.05}\n"
    )
    days, score = range(10, 10 + 2 * size), range(2 * size)
    found = results(tmp_path, days, ["died"] * (2 * size), arm="ab" * size, score=score, more=more)
    power = found.one("survival.power_hazard_ratio_0_5", "low v high")
    assert (power.events < 20, "flatters" in power.note) == (few, few)
    assert bool(found.find("survival.smallest_exact_p")) == few
    assert ("cannot be below" in found.one("score.mann_whitney_exact", "low v high").note) == few
    mean = found.one("survival.restricted_mean", "low", 10)
    assert ("no interval" in mean.note, mean.ci_low is None) == (few, few)
    assert not any("means nothing" in record.note for record in found)


def test_few_patients_have_beta_products_beside_and_whoever_asks_has_them_first(tmp_path):
    days, status = [32, 52, 91, 126, 170, 267], ["died", "alive", "died", "died", "alive", "alive"]
    at = "    survival_at_days: [126, 300]\n"
    few = results(tmp_path, days, status, ends=SURVIVAL + at)
    record = few.one("survival.survival", time_days=126, ci_method="bpcp")
    # R: StCI(bpcp(c(32, 52, 91, 126, 170, 267), c(1, 0, 1, 1, 0, 0)), 126)
    limits = [near(value) for value in (5 / 12, 0.0562042621747579, 0.86233524920432)]
    assert [record.value, record.ci_low, record.ci_high] == limits
    assert (record.n, record.events) == (6, 3)
    assert "Fay, Brittain and Proschan 2013" in record.method
    assert few.one("survival.survival", time_days=126).ci_method == "log-log"
    assert few.one("survival.median", ci_method="bpcp").ci_low == 32
    assert few.one("survival.median", ci_method="bpcp").ci_high is None
    asked = results(tmp_path, days, status, ends=SURVIVAL + at + "    interval: bpcp\n")
    assert asked.one("survival.survival", time_days=126).ci_method == "bpcp"
    (beyond,) = asked.find("survival.survival", time_days=300)
    assert (beyond.value, beyond.ci_method) == (None, None)
    many = results(tmp_path, days * 5, status * 5, ends=SURVIVAL + at)
    assert not [one for one in many if one.ci_method == "bpcp"]


def test_where_the_curve_is_at_0_only_beta_products_have_an_interval(tmp_path):
    found = results(tmp_path, [5, 9], ["died", "died"], ends=SURVIVAL + "    survival_at_days: [9]\n")
    first, second = found.find("survival.survival", time_days=9)
    assert (first.value, first.ci_method) == (0, None)
    assert "reached 0" in first.note
    # Clopper and Pearson, 0 of 2: 1 - 0.025 ** (1 / 2)
    assert [second.ci_method, second.ci_low, second.ci_high] == ["bpcp", 0, near(1 - 0.025**0.5)]
